"""How many protocol messages a second heights computed as a whole stand for; counts are PBFT's law, asserted.

``free``: no CPU costs and infinite bandwidth, so that every time is an order statistic of arrivals. ``queues``: every
message passes NICs and CPUs that take time, with delays so different that votes of all rounds come in any order. Delays
are drawn beforehand there, and the limit is NumPy's partition of as many arrivals at the quorum, the least that a round
of votes takes. What drawing costs, which is the same at both fidelities, stands beside the solving in a
benchmark of its own, on the delays of `pbft-n40.yaml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from measure import Against, Items, targeted
from workload import prepared

from sim.chain.rounds import vote
from sim.chain.train import Busy, Shape, Work
from sim.consensus.quorum import Quorums, message_law
from sim.kernel.engine import MILLISECOND, SECOND

if TYPE_CHECKING:
    from measure import Measure
    from numpy.typing import NDArray

    from sim.chain.train import Outcome

GOAL, GOAL_AT = 20_000_000, (40, 100)
"""Messages a second, and numbers of validators."""
CELLS = 400_000
"""Validators squared times heights of one call."""
COST_NS = 20_000
"""Of taking in or signing a vote, or of executing a block; a proposal takes a hundred times as long."""


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


def sizes(*validators: int) -> pytest.MarkDecorator:
    """Numbers of validators."""
    return pytest.mark.parametrize("validators", validators, ids=lambda n: f"n = {n}")


@sizes(4, 16, 40, 100)
@pytest.mark.parametrize("kind", ["free", "queues"])
@targeted
def test_pbft_heights(measure: Measure, kind: str, validators: int) -> None:
    """Goal: 20 million messages a second at n = 40 and 100."""
    cost_ns = 0 if kind == "free" else COST_NS
    heights, quorum = heights_of(validators), Quorums.of(validators).quorum
    random = np.random.default_rng(1)
    delays = random.integers(1, 50 * MILLISECOND, size=(3, heights, validators, validators))
    law = heights * sum(message_law(validators).values())
    measure(
        lambda: compute(validators, cost_ns, delays),
        Items(law, "messages", lambda outcome: check(outcome, validators, cost_ns)),
        goal_per_s=GOAL if validators in GOAL_AT else None,
        limit=Against("NumPy partitions", lambda: np.partition(delays[1:], quorum - 1, axis=2), law),
    )


@sizes(*GOAL_AT)
@targeted
def test_heights_and_their_delays(measure: Measure, validators: int) -> None:
    """No goal: what bounds heights with queues, the drawing of their delays or the solving."""
    network, heights = prepared(validators, 1).chains["c"].network, heights_of(validators)
    law = heights * sum(message_law(validators).values())

    def draw() -> NDArray[np.int64]:
        addresses = ([(kind, 0, height) for height in range(heights)] for kind in message_law(validators))
        return np.stack([network.delays(each, inner=True) for each in addresses])

    drawn = draw()
    measure(
        lambda: compute(validators, COST_NS, draw()),
        Items(law, "messages", lambda outcome: check(outcome, validators, COST_NS)),
        beside=[
            Against("drawing alone", draw, law),
            Against("solving alone", lambda: compute(validators, COST_NS, drawn), law),
        ],
    )
