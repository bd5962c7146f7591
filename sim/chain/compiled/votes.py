"""The compiled loop of protocols with a proposal and two rounds of votes, one height at a time (`tendermint`, `qbft`).

The rules of `sim.consensus.tendermint` and `sim.consensus.qbft` while nothing goes wrong: no round but the first, no
timer that expires. What would need more stops the loop *before* it happens, with a reason, and is left to messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.chain.compiled.books import BEHIND, CUT, LATE, REACHED, RING, TURN, WAYS, Books, begin, perform
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
    push,
    receive,
    spend,
    write,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells = NDArray[np.int64]

PROPOSAL, FIRST, SECOND, PUSH = range(4)
"""Kinds of messages; the last is a finished block for an observer."""
N, QUORUM, FINAL_FIRST, WAIT, SIGN, FIRST_WORK, FIRST_NIC, SECOND_WORK, SECOND_NIC = range(9)
"""Fields of `Rounds.rules`. FINAL_FIRST: whether who finds a quorum of second votes says nothing more (Tendermint)."""


class Rounds(NamedTuple):
    """Arrays about the height that each of n validators works on; W = `WAYS`, R = `RING`.

    Attributes:
        rules: see `N` and its neighbours.
        paused: it waits for the height to begin, (n,).
        known, said_first, said_second, first, second: what it knows, said and counted, (n,).
        later: kinds of messages that came too early, by the height's parity, (2, n, 2n+1). laters: how many, (2, n).
        take, proposal_nic: costs of proposals, (R,).
        delays: of proposals, first and second votes, (W, 3, n, n).
    """

    rules: Cells
    paused: Cells
    known: Cells
    said_first: Cells
    said_second: Cells
    first: Cells
    second: Cells
    later: Cells
    laters: Cells
    take: Cells
    proposal_nic: Cells
    delays: Cells

    @classmethod
    def make(cls, n: int, rules: Cells) -> Rounds:
        """Nothing said."""
        by_node = list(np.zeros((6, n), dtype=np.int64))
        later, laters = np.zeros((2, n, 2 * n + 1), dtype=np.int64), np.zeros((2, n), dtype=np.int64)
        costs = list(np.zeros((2, RING), dtype=np.int64))
        return cls._make([rules, *by_node, later, laters, *costs, np.zeros((WAYS, 3, n, n), dtype=np.int64)])


@part
def _say(wires: Wires, books: Books, rounds: Rounds, node: int, kind: int, at_ns: int) -> int:
    rules, height = rounds.rules, books.next[node]
    nic, work = (rules[FIRST_NIC], rules[FIRST_WORK]) if kind == FIRST else (rules[SECOND_NIC], rules[SECOND_WORK])
    done = spend(wires, node, at_ns, rules[SIGN])
    place = write(wires, node, kind, height, nic, work, rules[N] - 1)
    broadcast(wires, place, rules[N], done, rounds.delays[height % WAYS, kind, node])
    return done


@part
def _apply(wires: Wires, books: Books, rounds: Rounds, node: int, at_ns: int) -> tuple[int, bool]:
    """Say what is due; returns when that is done, and whether the height is decided."""
    rules = rounds.rules
    quorum = rules[QUORUM]
    if not rounds.known[node]:
        return at_ns, False
    if not (rules[FINAL_FIRST] and rounds.second[node] >= quorum):
        if not rounds.said_first[node]:
            rounds.said_first[node] = 1
            at_ns = _say(wires, books, rounds, node, FIRST, at_ns)
            rounds.first[node] += 1
        if not rounds.said_second[node] and rounds.first[node] >= quorum:
            rounds.said_second[node] = 1
            at_ns = _say(wires, books, rounds, node, SECOND, at_ns)
            rounds.second[node] += 1
    return at_ns, rounds.second[node] >= quorum


@part
def _take(wires: Wires, books: Books, rounds: Rounds, node: int, kind: int, at_ns: int) -> tuple[int, bool]:
    """A message of the present height, which is open."""
    quorum = rounds.rules[QUORUM]
    if kind == PROPOSAL:
        rounds.known[node] = 1
    elif kind == FIRST:
        rounds.first[node] += 1
        if rounds.first[node] != quorum:
            return at_ns, False
    else:
        rounds.second[node] += 1
        if rounds.second[node] != quorum:
            return at_ns, False
    return _apply(wires, books, rounds, node, at_ns)


@part
def _open(wires: Wires, books: Books, rounds: Rounds, node: int, at_ns: int) -> tuple[int, bool]:
    """A height begins at a node; what came too early is taken in."""
    rounds.paused[node] = 0
    height = books.next[node]
    parity = height % 2
    if (height - 1) % rounds.rules[N] == node:
        books.turn[0] = node
    decided = False
    for k in range(rounds.laters[parity, node]):
        at_ns, decided = _take(wires, books, rounds, node, rounds.later[parity, node, k], at_ns)
        if decided:
            break
    rounds.laters[parity, node] = 0
    return at_ns, decided


@part
def _finish(wires: Wires, books: Books, rounds: Rounds, node: int, at_ns: int) -> int:
    """A height is decided at a node: execute it and go on to the next, and to more if that is decided, too."""
    decided = True
    while decided:
        at_ns = perform(wires, books, node, at_ns)
        rounds.known[node] = rounds.said_first[node] = rounds.said_second[node] = 0
        rounds.first[node] = rounds.second[node] = 0
        if rounds.rules[WAIT]:
            rounds.paused[node] = 1
            push(wires, at_ns + rounds.rules[WAIT], -1 - node)
            return at_ns
        at_ns, decided = _open(wires, books, rounds, node, at_ns)
    return at_ns


@part
def _deliver(wires: Wires, books: Books, rounds: Rounds, place: int, node: int) -> None:
    kind, height = wires.kind[place], wires.height[place]
    at_ns = receive(wires, place, node)
    if kind == PUSH:
        perform(wires, books, node, at_ns)
        return
    if height < books.next[node]:
        return
    if height > books.next[node] or rounds.paused[node]:
        parity = height % 2
        rounds.later[parity, node, rounds.laters[parity, node]] = kind
        rounds.laters[parity, node] += 1
        return
    at_ns, decided = _take(wires, books, rounds, node, kind, at_ns)
    if decided:
        at_ns = _finish(wires, books, rounds, node, at_ns)
    books.turn[1] = at_ns


@jit
def propose(wires: Wires, books: Books, rounds: Rounds, node: int, cut_ns: int, prepare_ns: int) -> int:
    """A proposer sends what it cut; its costs and delays are known. Returns when the proposal leaves its CPU."""
    rules, height = rounds.rules, books.next[node]
    slot = height % RING
    begin(books, height)
    at_ns = spend(wires, node, cut_ns, prepare_ns)
    proposed = at_ns = spend(wires, node, at_ns, rules[SIGN])
    nic, work = rounds.proposal_nic[slot], rounds.take[slot]
    delays = rounds.delays[height % WAYS, PROPOSAL, node]
    broadcast(wires, write(wires, node, PROPOSAL, height, nic, work, rules[N] - 1), rules[N], at_ns, delays)
    rounds.known[node] = 1
    at_ns, decided = _apply(wires, books, rounds, node, at_ns)
    if decided:
        _finish(wires, books, rounds, node, at_ns)
    return proposed


@part
def _happen(wires: Wires, books: Books, rounds: Rounds, what: int) -> None:
    """An event of the protocol's own: a height begins at a node, or it may be told that something waits."""
    n = rounds.rules[N]
    node = (-1 - what) % n
    at_ns = max(wires.state[NOW], wires.cpu[node])
    if what < -2 * n:
        books.turn[0] = node
    else:
        at_ns, decided = _open(wires, books, rounds, node, at_ns)
        if decided:
            at_ns = _finish(wires, books, rounds, node, at_ns)
    books.turn[1] = at_ns


@jit
def run(wires: Wires, books: Books, rounds: Rounds, until_ns: int) -> tuple[int, int, int]:
    """Go on, up to that time included; returns why it stopped, at which node, and when that node is free.

    Events below 0, from -1 down in blocks of n: a height begins at node k, node k is to cut its block, node k may be
    told that something waits; below these, the last moment for height h.
    """
    n, nodes = rounds.rules[N], len(wires.cpu)
    while wires.state[SIZE] and wires.due[0] <= until_ns:
        what = wires.what[0]
        if what >= 0:
            place, node = what // nodes, what % nodes
            ahead = wires.height[place] - books.next[node]
            if crowded(wires) or ahead > 1 or (ahead != 0 and wires.kind[place] == PUSH):
                return BEHIND, node, wires.due[0]
            pop(wires)
            _deliver(wires, books, rounds, place, node)
        elif what < -3 * n:
            if lowest(books.next, n) <= -1 - 3 * n - what:
                return LATE, 0, wires.due[0]
            pop(wires)
        elif -2 * n <= what < -n:
            return CUT, (-1 - what) % n, wires.due[0]
        else:
            pop(wires)
            _happen(wires, books, rounds, what)
        if books.turn[0] >= 0:
            node = books.turn[0]
            books.turn[0] = -1
            return TURN, node, books.turn[1]
    return REACHED, 0, until_ns
