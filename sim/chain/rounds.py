"""The rounds of whole blocks of heights: when every node decides, without an event per message in Python.

For protocols of one proposal and two rounds of votes, all to all (PBFT's normal case, Castro & Liskov, OSDI 1999,
section 4.2), the same to the nanosecond as delivering each message. Where nothing costs time, nothing ever queues: a
node has its quorum with the k-th arrival, every time is an order statistic, and NumPy takes those of many heights at
once.
Where NICs and CPUs take time, messages wait for each other, and `queues` lets them.

Heights come in trains: those of one train share the queues, and other trains are taken as if they were alone.
`Outcome.touched` says where that is not so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.queues import queued
from sim.chain.train import INFINITE, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.train import Busy, Delays, Shape, Times, Work


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
    return (_free if work.free else queued)(shape, leader, cut, work, delays, before)


def _free(shape: Shape, leader: int, cut: Times, work: Work, delays: Delays, before: Busy) -> Outcome:
    """Without costs there are no queues, and every time is an order statistic of arrivals."""
    cut = cut.reshape(-1)
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
    never = np.zeros(heights, dtype=np.bool_)
    touched = never
    if shape.ordered:
        touched = np.asarray((np.concatenate([before.link[None], last[:-1]]) > votes).any(axis=(1, 2)))
    return Outcome(cut, decided, decided, decided, end, end, prepared, last, zero, never, touched)


def _nth(arrivals: Times, needed: NDArray[np.int64]) -> Times:
    """When each receiver, the last axis, has so many of the arrivals from the senders before it; 0 for none of them."""
    ranked = np.partition(arrivals, sorted({max(0, int(k) - 1) for k in needed}), axis=1)
    times = np.take_along_axis(ranked, np.maximum(needed - 1, 0)[None, None, :], axis=1)[:, 0, :]
    return np.where(needed > 0, times, 0)
