"""The rounds of whole blocks of heights as order statistics: when every node decides, without an event per message.

For protocols of one proposal and two rounds of votes, all to all (PBFT's normal case, Castro & Liskov, OSDI 1999,
section 4.2). Each node's messages of a height, in order of arrival, pass its NIC and its CPU first come first served:
with work w and arrivals a in that order, the i-th is done at

    W_i + max over j <= i of (a_j - W_(j-1)),   W the running sum of w,

which is ``max(arrival, free) + work`` unrolled. What a node sends leaves when the message that completes its quorum is
done; which one that is, its place in the order says. Commits may overtake prepares in a receiver's queue, so the times
at which votes leave are iterated until they stand still: causes precede effects, so a few passes suffice, and the fixed
point is the solution, the same to the nanosecond as delivering each message.

Heights come in trains: those of one train share the queues, and other trains are taken as if they were alone.
`touches` says where that is not so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.queues import Queues
from sim.chain.train import INFINITE, Busy, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.train import Delays, Shape, Times, Work


def vote(shape: Shape, leader: int, cut: Times, work: Work, delays: Delays, before: Busy) -> Outcome:
    """Compute heights whose blocks ``leader`` cuts at ``cut``, ascending, shape (trains, heights).

    Args:
        shape: of the protocol.
        leader: proposes all of them.
        cut: in nanoseconds.
        work: what it costs.
        delays: of proposal, first and second votes and checkpoints, each (H, n, n) or broadcastable to it.
        before: what the first train finds; the others find everything idle.
    """
    if work.free:
        return _free(shape, leader, cut.reshape(-1), work, delays, before)
    told = work.told.any(axis=1)
    if cut.shape[1] > 1 or told.all() or not told.any():
        return Queues(shape, leader, cut, work, delays, before).solve()
    # Few trains tell of checkpoints: apart, so that the others need no room for them.
    outcomes = []
    for rows in (np.flatnonzero(~told), np.flatnonzero(told)):
        found = before if rows[0] == 0 else Busy.idle(shape.n)
        theirs = [d[rows] if len(d) == len(cut) else d for d in delays]
        outcomes.append(Queues(shape, leader, cut[rows], work.of(rows), theirs, found).solve())
    return Outcome.merged(outcomes, np.argsort(told, kind="stable"))


def touches(outcome: Outcome, before: Busy) -> NDArray[np.bool_]:
    """Whether a height finds a node, NIC or link busy with the one before it, shape (H,)."""
    cpu, ingress, egress, link = (
        np.concatenate([[of_before], of_these[:-1]])
        for of_before, of_these in (
            (before.cpu, outcome.cpu),
            (before.ingress, outcome.ingress),
            (before.egress, outcome.egress),
            (before.link, outcome.last),
        )
    )
    late = (np.maximum(cpu, ingress) > outcome.begun).any(axis=1) | (egress > outcome.sent).any(axis=1)
    touched: NDArray[np.bool_] = late | (link > outcome.first).any(axis=(1, 2))
    return touched


def _free(shape: Shape, leader: int, cut: Times, work: Work, delays: Delays, before: Busy) -> Outcome:
    """Without costs there are no queues, and every time is an order statistic of arrivals."""
    heights, n, quorum = len(cut), shape.n, shape.quorum
    full = (heights, n, n)
    one = np.arange(n)
    proposal = np.broadcast_to(delays[0], full)[:, leader, :]
    arrival = cut[:, None] + proposal
    if shape.ordered:
        arrival[0] = np.maximum(arrival[0], before.link[leader])
    arrival[:, leader] = cut
    first = arrival[:, :, None] + delays[1]
    if shape.ordered:
        first[:, leader, :] = np.maximum(first[:, leader, :], arrival) if shape.leader_votes else first[:, leader, :]
        first[0] = np.maximum(first[0], before.link)
    first[:, one, one] = INFINITE
    if not shape.leader_votes:
        first[:, leader, :] = INFINITE
    prepared = np.maximum(arrival, _nth(first, shape.needed(leader)))
    second = prepared[:, :, None] + delays[2]
    if shape.ordered:
        earlier = np.where(first == INFINITE, 0, first)
        if not shape.leader_votes:
            earlier[:, leader, :] = arrival
        second = np.maximum(second, earlier)
        second[0] = np.maximum(second[0], before.link)
    second[:, one, one] = INFINITE
    decided = np.maximum(prepared, _nth(second, np.full(n, quorum - 1)))
    votes = np.where(first == INFINITE, second, first)
    votes[:, leader, :] = np.minimum(votes[:, leader, :], arrival)
    last = np.where(second == INFINITE, 0, second)
    told = work.told.reshape(-1)
    last[told] = np.maximum(last[told], (decided[:, :, None] + delays[3])[told])
    end = np.maximum(decided, last.max(axis=1))
    zero = np.zeros((heights, n), dtype=np.int64)
    begun = np.minimum(arrival, votes.min(axis=1))
    never = np.zeros(heights, dtype=np.bool_)
    return Outcome(cut, decided, decided, decided, begun, arrival, end, end, prepared, zero, votes, last, never)


def _nth(arrivals: Times, needed: NDArray[np.int64]) -> Times:
    """When each receiver, the last axis, has so many of the arrivals from the senders before it; 0 for none of them."""
    ranked = np.partition(arrivals, sorted({max(0, int(k) - 1) for k in needed}), axis=1)
    times = np.take_along_axis(ranked, np.maximum(needed - 1, 0)[None, None, :], axis=1)[:, 0, :]
    return np.where(needed > 0, times, 0)
