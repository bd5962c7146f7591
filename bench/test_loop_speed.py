"""How many protocol messages a second the compiled loops get through, beside the same run message by message.

    pytest -s bench/test_loop_speed.py

The workload of `pbft-n40.yaml` with every protocol that has a loop: whole runs, block cutting, hashing and drawing of
delays included. Both runs must have sent the same messages. Goal: at n = 100 five times as fast where votes go to
everybody. Where votes go to one node there is little to gain. With this workload's jitter chained protocols always have
a proposal that overtakes another.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from test_message_speed import messages, prepared, run

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from sim.build import Alliance

PROTOCOLS = ("qbft", "tendermint", "hotstuff", "jolteon", "raft")
BLOCKS = {4: 400, 16: 100, 40: 40, 100: 12}
GOAL, GOAL_AT = 5.0, 100


@pytest.mark.parametrize("validators", BLOCKS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_whole_run(benchmark: BenchmarkFixture, protocol: str, validators: int) -> None:
    """Message and event counts are those of single messages."""
    settings = {"chains.c.consensus.protocol": protocol}
    started = time.perf_counter()
    by_message = run(prepared(validators, BLOCKS[validators], **settings))
    slow_s = time.perf_counter() - started

    def setup() -> tuple[tuple[Alliance], dict[str, object]]:
        return (prepared(validators, BLOCKS[validators], **settings, **{"chains.c.fidelity": "auto"}),), {}

    run(setup()[0][0])  # compiles
    computed = benchmark.pedantic(run, setup=setup, rounds=3)
    (chain,), (reference,) = computed.chains.values(), by_message.chains.values()
    assert chain.network.tallies.keys() == reference.network.tallies.keys()
    assert len(chain.ledger.blocks) >= len(reference.ledger.blocks)
    assert messages(computed) >= messages(by_message)
    best_s = benchmark.stats.stats.min
    share = chain.pilot.flown.heights / (len(chain.ledger.blocks) - 1)
    rate, ratio = messages(computed) / best_s, slow_s / best_s
    goal = GOAL if validators == GOAL_AT and protocol in {"qbft", "tendermint"} else None
    benchmark.extra_info.update(goal=goal, rate=round(rate), ratio=round(ratio, 1), computed=round(share, 2))
    print(
        f"\n{protocol}, n = {validators}: {rate / 1e6:.2f} M messages/s,"
        f" {ratio:.1f} times as fast, {share:.0%} of heights computed"
    )
