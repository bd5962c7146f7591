"""Heights in which NICs and CPUs take time: first come first served queues, solved as running maxima.

`rounds` says how. Heights of one train share the queues; trains know nothing of each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.train import INFINITE, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.train import Busy, Delays, Shape, Times, Work

_MOST_PASSES = 16


class Queues:
    """The same with NICs and CPUs that take time. Axes: train, height in the train, node or sender, receiver.

    What a node says of a height is a row of `left`: its proposal (the leader's), first vote, second vote, where
    observers are fed the block, and where some height is told of its checkpoint.
    """

    def __init__(self, shape: Shape, leader: int, cut: Times, work: Work, delays: Delays, before: Busy) -> None:
        n, (trains, heights) = shape.n, cut.shape
        self._shape, self._leader, self._cut, self._work = shape, leader, cut, work
        self._size = (trains, heights)
        self._told = bool(work.told.any())
        self._pushes = bool(work.push_nic.any())
        self._rows = (1, 2, 3 + self._pushes)[: 2 + self._told]
        full = (trains, heights, n, n)
        self._delays = [
            d.reshape(full) if len(d) == trains * heights else np.broadcast_to(d, full)
            for d in delays[: 4 if self._told else 3]
        ]
        # The first train finds what came before; the others find all idle.
        self._cpu_free, self._in_free, self._out_free = (
            np.concatenate([[busy], np.zeros((trains - 1, n), dtype=np.int64)])
            for busy in (before.cpu, before.ingress, before.egress)
        )
        self._link = before.link
        sender, receiver = np.indices((n, n))
        # A broadcast goes out in order, the next node first.
        self._rank = (receiver - sender) % n
        nobody = np.broadcast_to(sender == receiver, full)
        silent = nobody.copy()
        silent[..., leader, :] |= not shape.leader_votes
        # Who says nothing to whom, of each kind of vote.
        self._nothing = [silent, nobody, nobody | ~work.told[..., None, None]][: len(self._delays) - 1]
        self._needed = shape.needed(leader)
        self._weigh()

    def _weigh(self) -> None:
        """Work of each of a node's messages: of each height the proposal, then votes of each kind by sender."""
        n, work, leader = self._shape.n, self._work, self._leader
        trains, heights = self._size
        kinds = len(self._nothing)
        cells = (trains, n, heights, 1 + kinds * n)
        cpu, nic = np.zeros(cells, dtype=np.int64), np.zeros(cells, dtype=np.int64)
        cpu[..., 0] = work.take[:, None, :]
        cpu[:, leader, :, 0] = work.prepare
        nic[..., 0] = work.proposal_nic[:, None, :]
        nic[:, leader, :, 0] = 0
        heard = np.stack([~nothing for nothing in self._nothing], axis=2)  # train, height, kind, sender, receiver
        self._messages = heights + heard.sum(axis=(1, 2, 3))
        heard = heard.transpose(0, 4, 1, 2, 3)
        cpu[..., 1:] = (heard * work.votes[:kinds, None]).reshape(*cells[:3], -1)
        nic[..., 1:] = (heard * work.votes_nic[:kinds, None]).reshape(*cells[:3], -1)
        self._cpu, self._nic = cpu.reshape(trains, n, -1), nic.reshape(trains, n, -1)
        # A backup signs its first vote; the leader its proposal and, where it votes, that vote.
        self._signs = np.full(n, work.sign)
        self._signs[leader] *= 1 + self._shape.leader_votes

    def solve(self) -> Outcome:
        """Iterate the times at which proposals, votes and blocks leave CPUs."""
        trains, heights = self._size
        kinds = 1 + len(self._nothing) + self._pushes
        left = np.full((trains, kinds, heights, self._shape.n), INFINITE, dtype=np.int64)
        proposed = np.maximum(self._cut, self._cpu_free[:, self._leader, None]) + self._work.prepare + self._work.sign
        left[:, 0, :, self._leader] = proposed
        for _ in range(_MOST_PASSES * heights):
            arrivals = self._arrivals(left)
            found = self._pass(*arrivals, left)
            if np.array_equal(left, found):
                break
            left = found
        return self._outcome(*arrivals)

    def _arrivals(self, left: Times) -> tuple[Times, list[Times]]:
        """When proposals and votes arrive that leave CPUs at these times; a NIC sends in the order it gets them."""
        work, leader, n = self._work, self._leader, self._shape.n
        trains = self._size[0]
        nic = np.empty_like(left)
        nic[:, 0] = ((n - 1) * work.proposal_nic)[:, :, None]
        if self._pushes:
            nic[:, 3] = work.push_nic
        for k, row in enumerate(self._rows):
            nic[:, row] = (n - 1) * work.votes_nic[k]
        flat = (trains, -1, n)
        ready, each = left.reshape(flat), np.where(left < INFINITE, nic, 0).reshape(flat)
        order = np.argsort(ready, axis=1, kind="stable")
        spent = np.take_along_axis(each, order, axis=1)
        before = np.cumsum(spent, axis=1) - spent
        begin = np.maximum.accumulate(np.take_along_axis(ready, order, axis=1) - before, axis=1)
        begin = np.maximum(begin, self._out_free[:, None, :]) + before
        starts = np.empty_like(begin)
        np.put_along_axis(starts, order, begin, axis=1)
        self._sent = starts.reshape(left.shape)
        self._out = np.where(ready < INFINITE, starts + each, 0).max(axis=1)
        proposal_way = self._rank[leader] * work.proposal_nic[:, :, None] + self._delays[0][:, :, leader, :]
        proposal = self._sent[:, 0, :, leader, None] + proposal_way
        votes = [
            self._sent[:, row, :, :, None] + self._rank * work.votes_nic[k] + self._delays[1 + k]
            for k, row in enumerate(self._rows)
        ]
        if self._shape.ordered:
            self._keep_order(proposal, votes, left[:, [0, *self._rows]])
        proposal[:, :, leader] = self._cut
        for k, nothing in enumerate(self._nothing):
            votes[k][nothing | (left[:, self._rows[k], :, :, None] == INFINITE)] = INFINITE
        return proposal, votes

    def _keep_order(self, proposal: Times, votes: list[Times], left: Times) -> None:
        """On a link that keeps order a message is there no sooner than those that were sent before it; in place."""
        n, leader = self._shape.n, self._leader
        there = np.zeros((*left.shape, n), dtype=np.int64)
        there[:, 0, :, leader] = proposal
        there[:, 1:] = np.stack(votes, axis=1)
        there[left == INFINITE] = 0
        links = there.reshape(len(there), -1, n, n)
        if self._size[1] == 1:
            # Of one height a node says one thing after the other.
            links[0] = np.maximum(links[0], self._link)
            np.maximum.accumulate(links, axis=1, out=links)
        else:
            order = np.argsort(left.reshape(len(there), -1, n), axis=1, kind="stable")[..., None]
            by_sending = np.take_along_axis(links, order, axis=1)
            by_sending[0] = np.maximum(by_sending[0], self._link)
            np.maximum.accumulate(by_sending, axis=1, out=by_sending)
            np.put_along_axis(links, order, by_sending, axis=1)
        proposal[:] = there[:, 0, :, leader]
        for k, vote_there in enumerate(votes):
            vote_there[:] = there[:, 1 + k]

    def _in_order(self, arrivals: Times, left: Times) -> NDArray[np.int64]:
        """The order of arrival; what a link that keeps order delivers together comes in the order of sending."""
        trains, heights = self._size
        if heights == 1 or not self._shape.ordered:
            return np.argsort(arrivals, axis=2, kind="stable")
        said = np.empty((trains, heights, 1 + len(self._rows) * self._shape.n), dtype=np.int64)
        said[:, :, 0] = left[:, 0, :, self._leader]
        said[:, :, 1:] = left[:, list(self._rows)].swapaxes(1, 2).reshape(trains, heights, -1)
        return np.lexsort((np.broadcast_to(said.reshape(trains, 1, -1), arrivals.shape), arrivals), axis=2)

    def _pass(self, proposal: Times, votes: list[Times], left: Times) -> Times:
        """Serve every node's messages in order of arrival; returns when what they set off leaves CPUs, as `left`."""
        work, n, leader = self._work, self._shape.n, self._leader
        trains, heights = self._size
        by_height = [proposal[..., None], *(vote_there.swapaxes(2, 3) for vote_there in votes)]
        arrivals = np.concatenate(by_height, axis=3).swapaxes(1, 2).reshape(trains, n, -1)
        order = self._in_order(arrivals, left)
        arrivals = np.take_along_axis(arrivals, order, axis=2)
        known = arrivals < INFINITE
        received = arrivals
        if work.votes_nic.any() or work.proposal_nic.any():
            nic = np.where(known, np.take_along_axis(self._nic, order, axis=2), 0)
            # The leader's own proposal comes through no NIC.
            received = np.where(nic > 0, _receive(np.where(nic > 0, arrivals, 0), nic, self._in_free), arrivals)
        cpu = np.where(known, np.take_along_axis(self._cpu, order, axis=2), 0)
        after = np.zeros_like(cpu)
        times: list[list[tuple[NDArray[np.int64], Times]]] = [[], [], [], []]
        executing = np.zeros((trains, n), dtype=np.int64)
        per_height = 1 + len(votes) * n
        for g in range(heights):
            mine = order - g * per_height
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
            for step, (place, cost) in zip(times, steps, strict=False):
                step.append((place, _at(after, place)))
                _add(after, place, cost)
        for g, (place, _) in enumerate(times[2]):
            # Checkpoints are told of when all is executed that could be.
            times[3].append((place, _at(after, place)))
            _add(after, place, work.told[:, g, None] * work.sign)
        done = _serve(received, cpu, cpu + after, self._cpu_free)
        begun, prepared, decided, told = (
            np.stack([_at(done, place) + earlier for place, earlier in step], axis=1) for step in times
        )
        self._ended = (received, done + after, cpu + after)
        self._decided = decided
        self._waited = begun[:, :, leader] > self._cut + work.prepare
        proposed = np.full_like(begun, INFINITE)
        proposed[:, :, leader] = self._proposed = begun[:, :, leader] + work.sign
        first = begun + self._signs
        if not self._shape.leader_votes:
            first[:, :, leader] = INFINITE
        leaving = [proposed, first, prepared + work.sign]
        if self._pushes:
            leaving.append(decided + work.execute[:, :, None])
        if self._told:
            leaving.append(np.where(work.told[:, :, None], told + work.sign, INFINITE))
        found = np.stack(leaving, axis=1)
        found[found >= INFINITE // 2] = INFINITE
        return found

    def _outcome(self, proposal: Times, votes: list[Times]) -> Outcome:
        received, done, spent = self._ended
        (trains, heights), n, leader = self._size, self._shape.n, self._leader
        final = np.broadcast_to((self._messages - 1)[:, :, None], (trains, n, 1))
        sent = self._sent[:, 1].copy()
        sent[:, :, leader] = self._sent[:, 0, :, leader]
        first = np.minimum.reduce(votes)
        from_leader = np.where(np.arange(n) == leader, INFINITE, proposal)
        first[:, :, leader, :] = np.minimum(first[:, :, leader, :], from_leader)
        # Reception begins with a message's first bit, here and at the leader, who has its own proposal at once.
        begun = np.minimum(
            proposal - self._work.proposal_nic[:, :, None], first.min(axis=2) - self._work.votes_nic.max()
        )
        last = np.maximum.reduce([np.where(there == INFINITE, 0, there) for there in votes])
        executed = (self._decided + self._work.execute[:, :, None]).reshape(-1, n)

        def per_height(train: Times) -> Times:
            return np.repeat(train, heights, axis=0)

        return Outcome(
            proposed=self._proposed.reshape(-1),
            decided=self._decided.reshape(-1, n),
            executed=executed,
            pushed=self._sent[:, 3].reshape(-1, n) if self._pushes else executed,
            begun=begun.reshape(-1, n),
            sent=sent.reshape(-1, n),
            cpu=per_height(np.take_along_axis(done, final, axis=2)[:, :, 0]),
            ingress=per_height(np.take_along_axis(received, final, axis=2)[:, :, 0]),
            egress=per_height(self._out),
            busy=per_height(spent.sum(axis=2) // heights),
            first=first.reshape(-1, n, n),
            last=last.reshape(-1, n, n),
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
