"""Heights in which NICs and CPUs take time: `compiled.trains` solves them, one train after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.compiled.calendar import Calendar
from sim.chain.compiled.trains import Inputs, Results, Train, arrivals, solve
from sim.chain.train import Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.train import Busy, Delays, Shape, Times, Work


def queued(shape: Shape, leader: int, cut: Times, work: Work, delays: Delays, before: Busy) -> Outcome:
    """As `rounds.vote`, where something costs time."""
    n, (trains, heights) = shape.n, cut.shape
    rules = np.array([n, shape.quorum, leader, shape.leader_votes, shape.ordered, work.sign], dtype=np.int64)
    per_height = (cut, work.prepare, work.take, work.execute, work.proposal_nic, work.told, work.push_nic)
    ways = (_matrices(kind) for kind in delays)
    # Loops are compiled for one layout.
    inputs = Inputs(*map(_plain, (rules, *per_height, work.votes, work.votes_nic, *ways)))
    results = Results.make(trains, heights, n)
    results.cpu[0], results.ingress[0], results.egress[0] = before.cpu, before.ingress, before.egress
    results.link[0] = before.link
    agenda = Calendar.make(arrivals(heights, n, told=bool(work.told.any())))
    solve(inputs, results, Train.make(inputs), agenda)
    cpu, ingress, egress, link, spent = (
        np.repeat(cells, heights, axis=0)
        for cells in (results.cpu, results.ingress, results.egress, results.link, results.busy // heights)
    )
    begun, sent = results.begun.reshape(-1, n), results.sent.reshape(-1, n)
    occupied = np.maximum(_earlier(cpu, before.cpu), _earlier(ingress, before.ingress)) > begun
    sending = _earlier(egress, before.egress) > sent
    return Outcome(
        proposed=results.proposed.reshape(-1),
        decided=results.decided.reshape(-1, n),
        executed=results.executed.reshape(-1, n),
        pushed=results.pushed.reshape(-1, n),
        cpu=cpu,
        ingress=ingress,
        egress=egress,
        link=link,
        busy=spent,
        waited=results.waited.reshape(-1),
        touched=np.asarray((occupied | sending).any(axis=1)),
    )


def _matrices(delays: Times) -> Times:
    """Delays of each height; of one, if all are alike."""
    return delays[:1] if delays.strides[0] == 0 else delays


def _plain(cells: NDArray[Any]) -> NDArray[Any]:
    return np.require(cells, requirements=["C", "W"])


def _earlier(of_these: Times, before: Times) -> Times:
    """What there is when each height begins: of the height before it."""
    return np.concatenate([before[None], of_these[:-1]])
