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

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Times = NDArray[np.int64]

INFINITE = 2**60
"""Later than everything; sums of it and of work still fit 64 bits."""
_MOST_PASSES = 16


@dataclass(frozen=True, slots=True)
class Work:
    """What a height's messages cost, in nanoseconds; arrays have a cell per height, shape (trains, heights).

    Attributes:
        prepare: the leader's hashing and checking of what it proposes.
        take: a receiver's checking of the proposal.
        execute: executing the block.
        proposal_nic: a NIC's transmission of the proposal.
        vote: checking a vote. sign: signing one, or the proposal. vote_nic: its transmission.
    """

    prepare: Times
    take: Times
    execute: Times
    proposal_nic: Times
    vote: int
    sign: int
    vote_nic: int

    @property
    def free(self) -> bool:
        """Whether nothing costs anything, so that no queue ever forms."""
        arrays = (self.prepare, self.take, self.execute, self.proposal_nic)
        return not (self.vote or self.sign or self.vote_nic or any(array.any() for array in arrays))


@dataclass(slots=True)
class Busy:
    """When what came before is over: CPU, receiving and sending NIC of each validator, each link's last arrival.

    Shapes (n,), (n,), (n,) and (n, n), sender by receiver.
    """

    cpu: Times
    ingress: Times
    egress: Times
    link: Times

    @classmethod
    def idle(cls, n: int) -> Busy:
        """Nothing came before."""
        cpu, ingress, egress = np.zeros((3, n), dtype=np.int64)
        return cls(cpu, ingress, egress, np.zeros((n, n), dtype=np.int64))


@dataclass(slots=True)
class Outcome:
    """What came of the heights of all trains, H together; shapes (H, n) unless said otherwise.

    Attributes:
        proposed: the signed proposal left the leader's CPU, (H,).
        decided, executed: per validator.
        begun: when a height first occupies a node; sent: and when it first sends.
        cpu, ingress, egress: when they are done with its train.
        busy: CPU time spent on it.
        first, last: arrivals on each link, (H, n, n).
        waited: the leader was busy when it should have cut the block, (H,).
    """

    proposed: Times
    decided: Times
    executed: Times
    begun: Times
    sent: Times
    cpu: Times
    ingress: Times
    egress: Times
    busy: Times
    first: Times
    last: Times
    waited: NDArray[np.bool_]

    def after(self, height: int) -> Busy:
        """What is still busy when this height of the call is over."""
        return Busy(self.cpu[height], self.ingress[height], self.egress[height], self.last[height])


@dataclass(frozen=True, slots=True)
class Shape:
    """Who votes how: ``n`` validators, a ``quorum`` of them, whether the leader takes part in the first round of votes.

    ``ordered``: links deliver in order.
    """

    n: int
    quorum: int
    leader_votes: bool
    ordered: bool


def vote(
    shape: Shape, leader: int, cut: Times, work: Work, delays: tuple[Times, Times, Times], before: Busy
) -> Outcome:
    """Compute heights whose blocks ``leader`` cuts at ``cut``, ascending, shape (trains, heights).

    Args:
        shape: of the protocol.
        leader: proposes all of them.
        cut: in nanoseconds.
        work: what it costs.
        delays: of proposal, first and second votes, each (H, n, n) or broadcastable to it.
        before: what the first train finds; the others find everything idle.
    """
    if work.free:
        return _free(shape, leader, cut.reshape(-1), delays, before)
    return _Queues(shape, leader, cut, work, delays, before).solve()


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


def _free(shape: Shape, leader: int, cut: Times, delays: tuple[Times, Times, Times], before: Busy) -> Outcome:
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
    needed = np.full(n, quorum - 1 if shape.leader_votes else quorum - 2)
    needed[leader] = quorum - 1
    prepared = np.maximum(arrival, _nth(first, needed))
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
    end = np.maximum(decided, last.max(axis=1))
    zero = np.zeros((heights, n), dtype=np.int64)
    begun = np.minimum(arrival, votes.min(axis=1))
    never = np.zeros(heights, dtype=np.bool_)
    return Outcome(cut, decided, decided, begun, arrival, end, end, prepared, zero, votes, last, never)


def _nth(arrivals: Times, needed: NDArray[np.int64]) -> Times:
    """When each receiver, the last axis, has so many of the arrivals from the senders before it; 0 for none of them."""
    ranked = np.partition(arrivals, sorted({max(0, int(k) - 1) for k in needed}), axis=1)
    times = np.take_along_axis(ranked, np.maximum(needed - 1, 0)[None, None, :], axis=1)[:, 0, :]
    return np.where(needed > 0, times, 0)


class _Queues:
    """The same with NICs and CPUs that take time. Axes: train, height in the train, node or sender, receiver."""

    def __init__(
        self, shape: Shape, leader: int, cut: Times, work: Work, delays: tuple[Times, Times, Times], before: Busy
    ) -> None:
        n, (trains, heights) = shape.n, cut.shape
        self._shape, self._leader, self._cut, self._work = shape, leader, cut, work
        self._size = (trains, heights)
        full = (trains, heights, n, n)
        self._delays = tuple(
            d.reshape(full) if len(d) == trains * heights else np.broadcast_to(d, full) for d in delays
        )
        # The first train finds what came before; the others find all idle.
        self._cpu_free, self._in_free, self._out_free = (
            np.concatenate([[busy], np.zeros((trains - 1, n), dtype=np.int64)])
            for busy in (before.cpu, before.ingress, before.egress)
        )
        self._link = before.link
        sender, receiver = np.indices((n, n))
        # A broadcast goes out in order, the next node first.
        self._rank = (receiver - sender) % n
        self._nobody = sender == receiver
        self._silent = self._nobody.copy()
        if not shape.leader_votes:
            self._silent[leader] = True
        self._needed = np.full(n, shape.quorum - 1 if shape.leader_votes else shape.quorum - 2)
        self._needed[leader] = shape.quorum - 1
        self._weigh()

    def _weigh(self) -> None:
        """Work of each of a node's messages: of each height the proposal, then first and second votes by sender."""
        n, work, leader = self._shape.n, self._work, self._leader
        trains, heights = self._size
        cells = (trains, n, heights, 1 + 2 * n)
        cpu, nic = np.zeros(cells, dtype=np.int64), np.zeros(cells, dtype=np.int64)
        cpu[..., 0] = work.take[:, None, :]
        cpu[:, leader, :, 0] = work.prepare
        nic[..., 0] = work.proposal_nic[:, None, :]
        nic[:, leader, :, 0] = 0
        heard = np.concatenate([~self._silent.T, ~self._nobody.T], axis=1)  # receiver by sender
        cpu[..., 1:] = heard[:, None, :] * work.vote
        nic[..., 1:] = heard[:, None, :] * work.vote_nic
        self._cpu, self._nic = cpu.reshape(trains, n, -1), nic.reshape(trains, n, -1)
        self._messages = heights * (1 + heard.sum(axis=1))
        # A backup signs its first vote; the leader its proposal and, where it votes, that vote.
        self._signs = np.full(n, work.sign)
        self._signs[leader] *= 1 + self._shape.leader_votes

    def solve(self) -> Outcome:
        """Iterate the times at which proposals and votes leave CPUs."""
        trains, heights = self._size
        never = np.full((trains, heights, self._shape.n), INFINITE, dtype=np.int64)
        proposed = np.maximum(self._cut, self._cpu_free[:, self._leader, None]) + self._work.prepare + self._work.sign
        left = (proposed, never, never)
        for _ in range(_MOST_PASSES * heights):
            arrivals = self._arrivals(*left)
            found = self._pass(*arrivals)
            if all((a == b).all() for a, b in zip(left, found, strict=True)):
                break
            left = found
        return self._outcome(*arrivals)

    def _arrivals(self, proposed: Times, first: Times, second: Times) -> tuple[Times, Times, Times]:
        """When messages arrive that leave CPUs at these times; a NIC sends in the order in which it gets them."""
        work, shape, leader, n = self._work, self._shape, self._leader, self._shape.n
        trains, heights = self._size
        # Broadcasts of a node, in the order of their leaving: proposals (the leader's), first, second votes.
        ready = np.concatenate([np.full_like(first, INFINITE), first, second], axis=1)
        ready[:, :heights, leader] = proposed
        if not shape.leader_votes:
            ready[:, heights : 2 * heights, leader] = INFINITE
        last = np.full((trains, 3 * heights, n), (n - 1) * work.vote_nic)
        last[:, :heights] = ((n - 1) * work.proposal_nic)[:, :, None]
        order = np.argsort(ready, axis=1, kind="stable")
        ordered_nic = np.where(
            np.take_along_axis(ready, order, axis=1) < INFINITE, np.take_along_axis(last, order, axis=1), 0
        )
        total = np.cumsum(ordered_nic, axis=1)
        begin = np.maximum.accumulate(np.take_along_axis(ready, order, axis=1) - total + ordered_nic, axis=1)
        begin = np.maximum(begin, self._out_free[:, None, :]) + total - ordered_nic
        starts = np.empty_like(begin)
        np.put_along_axis(starts, order, begin, axis=1)
        self._sent = starts.reshape(trains, 3, heights, n)
        self._out = np.where(ready < INFINITE, starts + last, 0).max(axis=1)
        rank_ns = self._rank * work.vote_nic
        proposal_way = self._rank[leader] * work.proposal_nic[:, :, None] + self._delays[0][:, :, leader, :]
        proposal = self._sent[:, 0, :, leader, None] + proposal_way
        votes = [self._sent[:, k, :, :, None] + rank_ns + self._delays[k] for k in (1, 2)]
        if shape.ordered:
            proposal[0, 0] = np.maximum(proposal[0, 0], self._link[leader])
            said = votes[0][:, :, leader, :] if shape.leader_votes else proposal
            votes[0][:, :, leader, :] = np.maximum(said, proposal)
            votes[0][0, 0] = np.maximum(votes[0][0, 0], self._link)
            votes[1] = np.maximum(votes[1], votes[0])
        proposal[:, :, leader] = self._cut
        votes[0] = np.where(self._silent | (first[..., None] == INFINITE), INFINITE, votes[0])
        votes[1] = np.where(self._nobody | (second[..., None] == INFINITE), INFINITE, votes[1])
        return proposal, votes[0], votes[1]

    def _pass(self, proposal: Times, first: Times, second: Times) -> tuple[Times, Times, Times]:
        """Serve every node's messages in order of arrival; returns when proposals and votes leave CPUs."""
        work, n, leader = self._work, self._shape.n, self._leader
        trains, heights = self._size
        by_height = [proposal[..., None], first.swapaxes(2, 3), second.swapaxes(2, 3)]
        arrivals = np.concatenate(by_height, axis=3).swapaxes(1, 2).reshape(trains, n, -1)
        order = np.argsort(arrivals, axis=2, kind="stable")
        arrivals = np.take_along_axis(arrivals, order, axis=2)
        known = arrivals < INFINITE
        received = arrivals
        if work.vote_nic or work.proposal_nic.any():
            nic = np.where(known, np.take_along_axis(self._nic, order, axis=2), 0)
            received = _receive(arrivals, nic, self._in_free)
        cpu = np.where(known, np.take_along_axis(self._cpu, order, axis=2), 0)
        after = np.zeros_like(cpu)
        times: list[list[tuple[NDArray[np.int64], Times]]] = [[], [], []]
        executing = np.zeros((trains, n), dtype=np.int64)
        for g in range(heights):
            mine = order - g * (1 + 2 * n)
            at_proposal = np.argmax(mine == 0, axis=2)
            heard_first = np.cumsum((mine >= 1) & (mine <= n) & known, axis=2, dtype=np.int64)
            at_first = np.maximum(at_proposal, _reaches(heard_first, self._needed))
            heard_second = np.cumsum((mine > n) & (mine <= 2 * n) & known, axis=2, dtype=np.int64)
            decides = np.maximum(at_first, _reaches(heard_second, np.full(n, self._shape.quorum - 1)))
            executing = np.maximum(executing, decides)  # in order of heights
            # What one message sets off is done one after the other: `after` so far comes first.
            steps: tuple[tuple[NDArray[np.int64], Times], ...] = (
                (at_proposal, self._signs),
                (at_first, np.full(n, work.sign)),
                (executing, work.execute[:, g, None]),
            )
            for step, (place, cost) in zip(times, steps, strict=True):
                step.append((place, _at(after, place)))
                _add(after, place, cost)
        done = _serve(received, cpu, cpu + after, self._cpu_free)
        begun, prepared, decided = (
            np.stack([_at(done, place) + earlier for place, earlier in step], axis=1) for step in times
        )
        self._ended = (received, done + after, cpu + after)
        self._decided = decided
        self._waited = begun[:, :, leader] > self._cut + work.prepare
        left = (begun[:, :, leader] + work.sign, begun + self._signs, prepared + work.sign)
        proposed, first_left, second_left = (np.where(at < INFINITE // 2, at, INFINITE) for at in left)
        self._left = proposed
        return proposed, first_left, second_left

    def _outcome(self, proposal: Times, first: Times, second: Times) -> Outcome:
        received, done, spent = self._ended
        (trains, heights), n, leader = self._size, self._shape.n, self._leader
        final = np.broadcast_to((self._messages - 1)[None, :, None], (trains, n, 1))
        sent = self._sent[:, 1].copy()
        sent[:, :, leader] = self._sent[:, 0, :, leader]
        votes = np.minimum(first, second)
        from_leader = np.where(self._nobody[leader], INFINITE, proposal)
        votes[:, :, leader, :] = np.minimum(votes[:, :, leader, :], from_leader)
        begun = np.minimum(proposal, votes.min(axis=2))

        def per_height(train: Times) -> Times:
            return np.repeat(train, heights, axis=0)

        return Outcome(
            proposed=self._left.reshape(-1),
            decided=self._decided.reshape(-1, n),
            executed=(self._decided + self._work.execute[:, :, None]).reshape(-1, n),
            begun=begun.reshape(-1, n),
            sent=sent.reshape(-1, n),
            cpu=per_height(np.take_along_axis(done, final, axis=2)[:, :, 0]),
            ingress=per_height(np.take_along_axis(received, final, axis=2)[:, :, 0]),
            egress=per_height(self._out),
            busy=per_height(spent.sum(axis=2) // heights),
            first=votes.reshape(-1, n, n),
            last=np.where(self._nobody, 0, second).reshape(-1, n, n),
            waited=self._waited.reshape(-1),
        )


def _receive(arrivals: Times, nic: Times, free: Times) -> Times:
    """Cut through: a message is there when its last bit arrives, but each occupies the NIC for its transmission."""
    total = np.cumsum(nic, axis=2)
    return np.asarray(total + np.maximum(np.maximum.accumulate(arrivals - total, axis=2), free[:, :, None]))


def _serve(arrivals: Times, work: Times, occupied: Times, free: Times) -> Times:
    """First come first served along the last axis: when each is done, if the server is occupied a while after it."""
    total = np.cumsum(occupied, axis=2)
    begun = np.maximum.accumulate(arrivals - total + occupied, axis=2)
    return np.asarray(np.maximum(begun, free[:, :, None]) + total - occupied + work)


def _reaches(counts: NDArray[np.signedinteger[Any]], needed: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place at which a running count reaches what is needed; the last where it does not, yet."""
    enough = counts >= needed[None, :, None]
    return np.asarray(np.where(enough[:, :, -1], np.argmax(enough, axis=2), counts.shape[2] - 1))


def _add(cells: Times, place: NDArray[np.int64], amount: Times) -> None:
    """Add to one place of each row of the last axis."""
    trains, nodes = np.ogrid[: place.shape[0], : place.shape[1]]
    cells[trains, nodes, place] += amount


def _at(cells: Times, place: NDArray[np.int64]) -> Times:
    return np.asarray(np.take_along_axis(cells, place[:, :, None], axis=2)[:, :, 0])
