"""How many protocol messages a second heights computed as a whole stand for; the count is PBFT's law, asserted.

    pytest -s bench/test_round_speed.py

``free``: no CPU costs and infinite bandwidth, so that every time is an order statistic of arrivals. ``queues``: every
message passes NICs and CPUs that take time. Delays are drawn beforehand: drawing is the same at both fidelities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim.chain.rounds import touches, vote
from sim.chain.train import Busy, Shape, Work
from sim.consensus.quorum import Quorums, message_law
from sim.kernel.engine import MILLISECOND, SECOND

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

GOAL = 20_000_000
"""Messages a second, at n = 40 and 100."""
CELLS = 400_000
"""Validators squared times heights of one call."""


@pytest.mark.parametrize("validators", [4, 16, 40, 100])
@pytest.mark.parametrize("kind", ["free", "queues"])
def test_pbft_heights(benchmark: BenchmarkFixture, kind: str, validators: int) -> None:
    """Goal: 20 million messages a second at n = 40 and 100."""
    heights = max(1, CELLS // validators**2)
    random = np.random.default_rng(1)
    shape = Shape(validators, Quorums.of(validators).quorum, leader_votes=False, ordered=False)
    drawn = random.integers(1, 50 * MILLISECOND, size=(3, heights, validators, validators))
    costs = 0 if kind == "free" else 20_000

    def each(cost_ns: int) -> np.ndarray:
        return np.full((heights, 1), cost_ns, dtype=np.int64)

    nothing = np.zeros((heights, 1, validators), dtype=np.int64)
    votes = np.full(3, costs, dtype=np.int64)
    never = np.zeros((heights, 1), dtype=np.bool_)
    work = Work(
        each(100 * costs), each(100 * costs), each(costs), each(5 * costs), nothing, never, votes, votes // 10, costs
    )
    cut = (SECOND * np.arange(1, heights + 1)).reshape(heights, 1)
    before = Busy.idle(validators)
    outcome = benchmark(vote, shape, 0, cut, work, (drawn[0], drawn[1], drawn[2], drawn[2]), before)
    assert not touches(outcome, before).any()
    assert (outcome.decided > cut).all()
    messages = heights * sum(message_law(validators).values())
    rate = messages / benchmark.stats.stats.min
    benchmark.extra_info.update(goal=GOAL if validators in {40, 100} else None, messages=messages, rate=round(rate))
    print(f"\n{kind}, n = {validators}: {rate / 1e6:.1f} M messages/s")
