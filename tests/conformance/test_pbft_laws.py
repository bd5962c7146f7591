"""What PBFT costs without faults: three one-way delays and 2n(n-1) messages a block.

Source: Castro & Liskov, OSDI 1999, section 4.2.

Links are equal and constant, bandwidth is infinite and the CPU is free but for execution where it is given, so
everything is exact to the nanosecond and to the message.
"""

from itertools import pairwise

import pytest
from scenario_kit import NO_COSTS, bare_chain, config, sent

from sim.chain.blocks import Body
from sim.chain.chain import Chain
from sim.chain.config import Costs
from sim.kernel.engine import MILLISECOND, SECOND

SIZES = [1, 2, 3, 4, 5, 7, 10, 13]
DELAY_NS = 10 * MILLISECOND
EXECUTE_NS = 25_000


def delays_to_final(n: int, node: int) -> int:
    """One-way delays from the cut to the moment a node knows the block to be final; node 0 leads.

    Pre-prepare, prepare and commit take one each. Below four nodes no fault is tolerated and quorums are one of one or
    two of two or three: there the pre-prepare and a backup's own word make a quorum already, so that its commit leaves
    one delay earlier and whoever needs no later one than that is done after two.
    """
    if n == 1:
        return 0
    if n == 2:
        return 2 if node == 0 else 3
    return 2 if n == 3 else 3


def fault_free(n: int, execute_ns: int = 0, **keys: int) -> Chain:
    """A run of 23 full blocks and an unfull one, one every 60 ms, so that they do not overlap at a node's CPU."""
    costs = Costs(**{**{name: getattr(NO_COSTS, name) for name in NO_COSTS.__slots__}, "execute_ns": execute_ns})
    times = [block * 60 * MILLISECOND for block in range(23) for _ in range(10)] + [23 * 60 * MILLISECOND] * 3
    parameters = config(n, costs=costs, **keys)
    engine, chain = bare_chain(parameters, sent(times, nodes=[i % n for i in range(len(times))]), DELAY_NS)
    engine.run(until=10 * SECOND)
    return chain


def cut_ns(chain: Chain, height: int) -> int:
    value = chain.ledger.blocks[height].value
    assert value is not None
    assert isinstance(value.body, Body)
    return value.body.cut_ns


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("execute_ns", [0, EXECUTE_NS])
def test_a_block_is_final_three_one_way_delays_after_its_cut_and_then_executed(n: int, execute_ns: int) -> None:
    chain = fault_free(n, execute_ns)
    assert chain.ledger.heights == [len(chain.ledger.blocks) - 1] * n
    assert chain.ledger.blocks[-1].header.log_size == 233
    for height, block in enumerate(chain.ledger.blocks[1:], start=1):
        for node in range(n):
            final_ns = cut_ns(chain, height) + delays_to_final(n, node) * DELAY_NS
            assert block.voted_ns[node] == final_ns
            assert block.executed_ns[node] == final_ns + len(block.transactions) * execute_ns


@pytest.mark.parametrize("window", [1, 4])
def test_the_law_of_delays_holds_where_blocks_overlap(window: int) -> None:
    times = [i * MILLISECOND // 2 for i in range(400)]
    engine, chain = bare_chain(config(4, window=window), sent(times), DELAY_NS)
    engine.run(until=10 * SECOND)
    assert chain.ledger.blocks[-1].header.log_size == 400
    cuts = [cut_ns(chain, height) for height in range(1, len(chain.ledger.blocks))]
    gaps = [later - earlier for earlier, later in pairwise(cuts)]
    assert min(gaps) == (3 * DELAY_NS if window == 1 else 5 * MILLISECOND)
    for cut, block in zip(cuts, chain.ledger.blocks[1:], strict=True):
        assert set(block.voted_ns) == {cut + 3 * DELAY_NS}


@pytest.mark.parametrize("n", SIZES)
def test_a_block_costs_2n_times_n_minus_1_messages(n: int) -> None:
    chain = fault_free(n)
    blocks = len(chain.ledger.blocks) - 1
    expected = {"pre-prepare": blocks * (n - 1), "prepare": blocks * (n - 1) ** 2, "commit": blocks * n * (n - 1)}
    expected["checkpoint"] = blocks // 4 * n * (n - 1)
    tallies = chain.network.tallies
    assert blocks >= 24
    assert {kind: tally.sent for kind, tally in tallies.items() if tally.sent} == {
        k: v for k, v in expected.items() if v
    }
    assert all(tally.delivered == tally.sent and tally.lost == 0 for tally in tallies.values())
    assert not chain.views


@pytest.mark.parametrize("interval", [1, 3, 5, 100])
def test_checkpoints_are_a_full_exchange_every_interval(interval: int) -> None:
    chain = fault_free(4, checkpoint_interval=interval)
    blocks = len(chain.ledger.blocks) - 1
    tally = chain.network.tallies.get("checkpoint")
    assert (tally.sent if tally else 0) == blocks // interval * 4 * 3


def test_observers_get_each_block_once_and_vote_on_none() -> None:
    chain = fault_free(4, observers=3)
    blocks = len(chain.ledger.blocks) - 1
    assert chain.ledger.heights == [blocks] * 7
    assert chain.network.tallies["block-push"].delivered == blocks * 3
    assert chain.network.tallies["commit"].sent == blocks * 12
    for height in range(1, blocks + 1):
        executed = chain.ledger.blocks[height].executed_ns
        assert set(executed[4:]) == {cut_ns(chain, height) + 4 * DELAY_NS}
