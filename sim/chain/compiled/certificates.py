"""The compiled loop of chained protocols (`hotstuff`, `jolteon`): a proposal per view, and votes to one collector.

The rules of `sim.consensus.chained` while nothing goes wrong: every view brings a block, certified by a quorum, and no
timer expires. What would need more stops the loop before it happens, or where it is seen too late, undoes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.chain.compiled.books import BEHIND, CUT, LATE, REACHED, TURN, WAYS, Books, begin, perform
from sim.chain.compiled.wires import (
    NOW,
    SIZE,
    Wires,
    broadcast,
    crowded,
    jit,
    lowest,
    part,
    pop,
    receive,
    send,
    spend,
    write,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells = NDArray[np.int64]

PROPOSAL, VOTE, PUSH = range(3)
"""Kinds of messages; the last is a finished block for an observer."""
N, QUORUM, LENGTH, OFFSET, SIGN, VOTE_NIC, VOTE_WORK = range(7)
"""Fields of `Views.rules`. LENGTH: certified blocks in a row that decide the first; OFFSET: view minus height."""


class Views(NamedTuple):
    """Arrays about what each of n validators knows; W = `WAYS`.

    Attributes:
        rules: see `N` and its neighbours.
        seen: the newest view whose block it has, (n,). high: and whose certificate, (n,).
        turned: the newest view that it was told to lead, (n,).
        votes: counted for each view by its collector, (W,).
        proposal_nic, take: costs of proposals, (W,).
        proposal_delays: to each receiver, (W, n). vote_delays: from each sender to the collector, (W, n).
    """

    rules: Cells
    seen: Cells
    high: Cells
    turned: Cells
    votes: Cells
    proposal_nic: Cells
    take: Cells
    proposal_delays: Cells
    vote_delays: Cells

    @classmethod
    def make(cls, n: int, rules: Cells, view: int) -> Views:
        """All have the block of ``view``, its certificate only the leader of the next, who was to lead."""
        seen, high, turned = np.full(n, view), np.full(n, max(0, view - 1)), np.zeros(n, dtype=np.int64)
        high[view % n] = view
        votes, proposal_nic, take = np.zeros((3, WAYS), dtype=np.int64)
        return cls(rules, seen, high, turned, votes, proposal_nic, take, *np.zeros((2, WAYS, n), dtype=np.int64))


@part
def _decide(wires: Wires, books: Books, views: Views, node: int, certified: int, at_ns: int) -> int:
    """A node learns the certificate of a view whose block it has: execute what that decides."""
    target = certified - views.rules[LENGTH] + 1 - views.rules[OFFSET]
    while books.next[node] <= target:
        at_ns = perform(wires, books, node, at_ns)
    return at_ns


@part
def _count(wires: Wires, books: Books, views: Views, node: int, view: int, at_ns: int) -> int:
    """One more vote at the collector of a view."""
    views.votes[view % WAYS] += 1
    if views.votes[view % WAYS] == views.rules[QUORUM]:
        views.high[node] = view
        if views.seen[node] >= view:
            at_ns = _decide(wires, books, views, node, view, at_ns)
    return at_ns


@part
def _process(wires: Wires, books: Books, views: Views, node: int, view: int, at_ns: int) -> int:
    """A proposal of the next view: learn from its certificate, and vote unless that view is over here."""
    rules = views.rules
    views.seen[node] = view
    views.high[node] = max(views.high[node], view - 1)
    at_ns = _decide(wires, books, views, node, view - 1, at_ns)
    if views.high[node] >= view:
        return at_ns
    collector = view % rules[N]
    if collector == node:
        return _count(wires, books, views, node, view, at_ns)
    done = spend(wires, node, at_ns, rules[SIGN])
    place = write(wires, node, VOTE, view, rules[VOTE_NIC], rules[VOTE_WORK], 1)
    send(wires, place, collector, done, views.vote_delays[view % WAYS, node])
    return done


@part
def _look(books: Books, views: Views, node: int, at_ns: int) -> None:
    """Whether a node is to lead the view after the newest that is certified."""
    view = views.high[node] + 1
    if (view - 1) % views.rules[N] == node and views.seen[node] >= view - 1 and views.turned[node] < view:
        views.turned[node] = view
        books.turn[0], books.turn[1] = node, at_ns


@jit
def propose(wires: Wires, books: Books, views: Views, node: int, cut_ns: int, prepare_ns: int) -> int:
    """A leader sends what it cut; its costs and delays are known. Returns when the proposal leaves its CPU."""
    rules = views.rules
    view = views.high[node] + 1
    begin(books, view - rules[OFFSET])
    views.votes[view % WAYS] = 0
    at_ns = spend(wires, node, cut_ns, prepare_ns)
    proposed = at_ns = spend(wires, node, at_ns, rules[SIGN])
    nic, work = views.proposal_nic[view % WAYS], views.take[view % WAYS]
    place = write(wires, node, PROPOSAL, view, nic, work, rules[N] - 1)
    broadcast(wires, place, rules[N], at_ns, views.proposal_delays[view % WAYS])
    _process(wires, books, views, node, view, at_ns)
    return proposed


@part
def _deliver(wires: Wires, books: Books, views: Views, place: int, node: int) -> None:
    kind, view = wires.kind[place], wires.height[place]
    at_ns = receive(wires, place, node)
    if kind == PUSH:
        perform(wires, books, node, at_ns)
        return
    if kind == PROPOSAL:
        at_ns = _process(wires, books, views, node, view, at_ns)
    elif views.high[node] <= view:
        at_ns = _count(wires, books, views, node, view, at_ns)
    _look(books, views, node, at_ns)


@part
def _is_early(wires: Wires, books: Books, views: Views, place: int, node: int) -> bool:
    """Whether a node lacks what comes before a message."""
    kind, view = wires.kind[place], wires.height[place]
    if kind == PUSH:
        return view != books.next[node]
    return kind == PROPOSAL and view != views.seen[node] + 1


@jit
def run(wires: Wires, books: Books, views: Views, until_ns: int) -> tuple[int, int, int]:
    """As `votes.run`; messages and alarms are numbered by view."""
    n, nodes = views.rules[N], len(wires.cpu)
    while wires.state[SIZE] and wires.due[0] <= until_ns:
        what = wires.what[0]
        if what >= 0:
            place, node = what // nodes, what % nodes
            if crowded(wires) or _is_early(wires, books, views, place, node):
                return BEHIND, node, wires.due[0]
            pop(wires)
            _deliver(wires, books, views, place, node)
        elif what < -3 * n:
            if lowest(views.seen, n) < -1 - 3 * n - what:
                return LATE, 0, wires.due[0]
            pop(wires)
        elif what >= -2 * n:
            return CUT, (-1 - what) % n, wires.due[0]
        else:
            pop(wires)
            node = (-1 - what) % n
            _look(books, views, node, max(wires.state[NOW], wires.cpu[node]))
        if books.turn[0] >= 0:
            node = books.turn[0]
            books.turn[0] = -1
            return TURN, node, books.turn[1]
    return REACHED, 0, until_ns
