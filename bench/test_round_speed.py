"""How many protocol messages a second heights computed as a whole stand for; counts are PBFT's law, asserted.

    pytest -s bench/test_round_speed.py        # on a busy machine with --benchmark-timer=time.process_time

``free``: no CPU costs and infinite bandwidth, so that every time is an order statistic of arrivals. ``queues``: every
message passes NICs and CPUs that take time, with delays so different that votes of all rounds come in any order. Delays
are drawn beforehand there. What drawing them costs, which is the same at both fidelities, stands beside it in a
benchmark of its own, on the delays of `pbft-n40.yaml`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_message_speed import prepared

from sim.chain.rounds import vote
from sim.chain.train import Busy, Shape, Work
from sim.consensus.quorum import Quorums, message_law
from sim.kernel.engine import MILLISECOND, SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

    from sim.chain.train import Outcome

GOAL, GOAL_AT = 20_000_000, (40, 100)
"""Messages a second, and numbers of validators."""
CELLS = 400_000
"""Validators squared times heights of one call."""
COST_NS = 20_000
"""Of taking in or signing a vote, or of executing a block; a proposal takes a hundred times as long."""
ROUNDS = 5
"""Of drawing and solving in turn."""


def heights_of(validators: int) -> int:
    """How many are computed in one call."""
    return max(1, CELLS // validators**2)


def compute(validators: int, cost_ns: int, delays: NDArray[np.int64]) -> Outcome:
    """Heights a second apart, each alone; ``delays`` of proposals, prepares and commits."""
    heights = delays.shape[1]

    def each(height_ns: int) -> NDArray[np.int64]:
        return np.full((heights, 1), height_ns, dtype=np.int64)

    votes = np.full(3, cost_ns, dtype=np.int64)
    work = Work(
        prepare=each(100 * cost_ns),
        take=each(100 * cost_ns),
        execute=each(cost_ns),
        proposal_nic=each(5 * cost_ns),
        push_nic=np.zeros((heights, 1, validators), dtype=np.int64),
        told=np.zeros((heights, 1), dtype=np.bool_),
        votes=votes,
        votes_nic=votes // 10,
        sign=cost_ns,
    )
    shape = Shape(validators, Quorums.of(validators).quorum, leader_votes=False, ordered=False)
    cut = (SECOND * np.arange(1, heights + 1)).reshape(heights, 1)
    return vote(shape, 0, cut, work, (*delays, delays[2]), Busy.idle(validators))


def check(outcome: Outcome, validators: int, cost_ns: int) -> int:
    """Every message has been taken in, and no height touches another; returns how many messages that is."""
    heights, law = len(outcome.decided), message_law(validators)
    assert not outcome.touched.any()
    assert (outcome.decided > 0).all()
    votes, signed = law["prepare"] + law["commit"], 2 * validators
    # CPU time says how many: the leader prepares what the others take.
    assert outcome.busy.sum() == heights * cost_ns * (100 * validators + votes + signed + validators)
    return heights * sum(law.values())


@pytest.mark.parametrize("validators", [4, 16, 40, 100])
@pytest.mark.parametrize("kind", ["free", "queues"])
def test_pbft_heights(benchmark: BenchmarkFixture, kind: str, validators: int) -> None:
    """Goal: 20 million messages a second at n = 40 and 100."""
    cost_ns = 0 if kind == "free" else COST_NS
    random = np.random.default_rng(1)
    delays = random.integers(1, 50 * MILLISECOND, size=(3, heights_of(validators), validators, validators))
    compute(validators, cost_ns, delays)  # compiles
    messages = check(benchmark(compute, validators, cost_ns, delays), validators, cost_ns)
    rate = messages / benchmark.stats.stats.min
    goal = GOAL if validators in GOAL_AT else None
    benchmark.extra_info.update(goal=goal, messages=messages, rate=round(rate))
    print(f"\n{kind}, n = {validators}: {rate / 1e6:.1f} M messages/s")


@pytest.mark.parametrize("validators", GOAL_AT)
def test_drawing_beside_solving(benchmark: BenchmarkFixture, validators: int) -> None:
    """No goal: what bounds heights with queues, the drawing of their delays or the solving."""
    network, heights = prepared(validators, 1).chains["c"].network, heights_of(validators)

    seconds: dict[str, list[float]] = {"draw": [], "solve": []}

    def both() -> Outcome:
        started = time.process_time()
        addresses = ([(kind, 0, height) for height in range(heights)] for kind in message_law(validators))
        delays = np.stack([network.delays(each, inner=True) for each in addresses])
        drawn = time.process_time()
        outcome = compute(validators, COST_NS, delays)
        seconds["draw"].append(drawn - started)
        seconds["solve"].append(time.process_time() - drawn)
        return outcome

    messages = check(benchmark.pedantic(both, rounds=ROUNDS, warmup_rounds=1), validators, COST_NS)
    drawing, solving = (messages / min(seconds[part]) for part in ("draw", "solve"))
    share = drawing / (drawing + solving)
    benchmark.extra_info.update(messages=messages, drawing=round(drawing), solving=round(solving))
    print(
        f"\nn = {validators}: draws delays of {drawing / 1e6:.1f} M messages/s, solves {solving / 1e6:.1f} M;"
        f" solving is {share:.0%} of both"
    )
