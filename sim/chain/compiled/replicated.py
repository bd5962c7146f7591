"""The compiled loop of a replicated log with one leader (`raft`): values, acknowledgements, commit indices.

The rules of `sim.consensus.raft` while nothing goes wrong: one term, logs that agree, no election. What would need more
stops the loop before it happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.chain.compiled.books import BEHIND, CUT, LATE, REACHED, TURN, WAYS, Books, begin, perform
from sim.chain.compiled.wires import NOW, SIZE, Wires, broadcast, crowded, jit, part, pop, receive, send, spend, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells = NDArray[np.int64]

APPEND, ACKNOWLEDGE, COMMIT, HEARTBEAT, PUSH = range(5)
"""Kinds of messages; the last is a finished block for an observer."""
BEAT, ASK = 5, 6
"""More reasons to stop than `books` has: heartbeats are due; a repeated acknowledgement needs a delay of its own."""
N, MAJORITY, LEADER, SIGN, TIMEOUT, ACKNOWLEDGE_NIC, ACKNOWLEDGE_WORK, COMMIT_NIC, COMMIT_WORK = range(9)
"""Fields of `Logs.rules`."""
NO_DELAY = -1


class Logs(NamedTuple):
    """Arrays about the logs of n validators; W = `WAYS`, M messages.

    Attributes:
        rules: see `N` and its neighbours.
        last: the length of each log, (n,). match, next: what the leader knows and sends next of each, (n,).
        heard: when each heard from the leader; answered: when the leader heard from each, -1 for never, (n,).
        appends: how many messages of the leader each has had, (n,).
        acknowledged: how often each acknowledged a length, (W, n). asked: the delay of one that is repeated, (1,).
        previous, commit: of messages under way, (M,).
        append_delays, commit_delays: from the leader, acknowledge_delays: to it, of what is said first, (W, n).
        planned: which planned cut still stands, (1,).
    """

    rules: Cells
    last: Cells
    match: Cells
    next: Cells
    heard: Cells
    answered: Cells
    appends: Cells
    acknowledged: Cells
    asked: Cells
    previous: Cells
    commit: Cells
    append_delays: Cells
    acknowledge_delays: Cells
    commit_delays: Cells
    planned: Cells

    @classmethod
    def make(cls, n: int, messages: int, rules: Cells, last: int) -> Logs:
        """All logs are alike."""
        by_node = list(np.zeros((3, n), dtype=np.int64))
        by_message = list(np.zeros((2, messages), dtype=np.int64))
        acknowledged, *delays = np.zeros((4, WAYS, n), dtype=np.int64)
        logs = [np.full(n, last), np.full(n, last), np.full(n, last + 1)]
        asked, planned = np.full((2, 1), NO_DELAY)
        return cls._make([rules, *logs, *by_node, acknowledged, asked, *by_message, *delays, planned])


@part
def _hear(wires: Wires, books: Books, logs: Logs, place: int, node: int, at_ns: int) -> None:
    """A follower hears from the leader: put the values into the log, acknowledge, execute what is committed."""
    rules, length = logs.rules, wires.height[place]
    logs.appends[node] += 1
    logs.heard[node] = at_ns
    logs.last[node] = max(logs.last[node], length)
    commit = min(logs.commit[place], length)
    if wires.kind[place] != COMMIT:
        delay = logs.acknowledge_delays[length % WAYS, node]
        if logs.acknowledged[length % WAYS, node]:
            delay = logs.asked[0]
            logs.asked[0] = NO_DELAY
        logs.acknowledged[length % WAYS, node] += 1
        at_ns = spend(wires, node, at_ns, rules[SIGN])
        answer = write(wires, node, ACKNOWLEDGE, length, rules[ACKNOWLEDGE_NIC], rules[ACKNOWLEDGE_WORK], 1)
        send(wires, answer, rules[LEADER], at_ns, delay)
    while books.next[node] <= commit:
        at_ns = perform(wires, books, node, at_ns)


@part
def _holders(logs: Logs, index: int) -> int:
    """How many logs are known to be so long."""
    holders = 0
    for node in range(logs.rules[N]):
        holders += logs.match[node] >= index
    return holders


@part
def _count(wires: Wires, books: Books, logs: Logs, sender: int, length: int, at_ns: int) -> int:
    """The leader hears how long a log is: commit what is on a majority, and tell."""
    rules = logs.rules
    leader = rules[LEADER]
    logs.answered[sender] = at_ns
    if length <= logs.match[sender]:
        return at_ns
    logs.match[sender] = length
    logs.next[sender] = max(logs.next[sender], length + 1)
    index = length
    while index >= books.next[leader] and _holders(logs, index) < rules[MAJORITY]:
        index -= 1
    if index < books.next[leader]:
        return at_ns
    while books.next[leader] <= index:
        at_ns = perform(wires, books, leader, at_ns)
    at_ns = spend(wires, leader, at_ns, rules[SIGN])
    place = write(wires, leader, COMMIT, index, rules[COMMIT_NIC], rules[COMMIT_WORK], rules[N] - 1)
    broadcast(wires, place, rules[N], at_ns, logs.commit_delays[index % WAYS])
    logs.previous[place] = logs.commit[place] = index
    books.turn[0] = leader
    return at_ns


@jit
def propose(wires: Wires, books: Books, logs: Logs, cut_ns: int, prepare_ns: int, nic_ns: int, work_ns: int) -> int:
    """The leader appends and sends what it cut; returns when that leaves its CPU."""
    rules = logs.rules
    leader = rules[LEADER]
    index = logs.last[leader] + 1
    begin(books, index)
    logs.acknowledged[index % WAYS] = 0
    at_ns = spend(wires, leader, cut_ns, prepare_ns)
    at_ns = spend(wires, leader, at_ns, rules[SIGN])
    place = write(wires, leader, APPEND, index, nic_ns, work_ns, rules[N] - 1)
    broadcast(wires, place, rules[N], at_ns, logs.append_delays[index % WAYS])
    logs.previous[place] = index - 1
    logs.commit[place] = books.next[leader] - 1
    logs.last[leader] = logs.match[leader] = index
    for peer in range(rules[N]):
        if logs.next[peer] == index:
            logs.next[peer] = index + 1
    return at_ns


@jit
def beat(
    wires: Wires, books: Books, logs: Logs, peer: int, values: int, at_ns: int, weight: tuple[int, int], delay_ns: int
) -> int:
    """The leader sends a follower a heartbeat, with so many values from where that stands; returns when it is done.

    ``weight``: NIC and CPU time of a receiver.
    """
    rules = logs.rules
    leader, previous = rules[LEADER], logs.next[peer] - 1
    at_ns = spend(wires, leader, at_ns, rules[SIGN])
    place = write(wires, leader, HEARTBEAT, previous + values, weight[0], weight[1], 1)
    logs.previous[place], logs.commit[place] = previous, books.next[leader] - 1
    logs.next[peer] = previous + values + 1
    send(wires, place, peer, at_ns, delay_ns)
    return at_ns


@part
def _obstacle(wires: Wires, books: Books, logs: Logs, place: int, node: int) -> int:
    """Why a message can't be delivered as the next one, `REACHED` if it can."""
    rules, kind, length = logs.rules, wires.kind[place], wires.height[place]
    reason = REACHED
    if crowded(wires) or (kind == PUSH and length != books.next[node]):
        reason = BEHIND
    elif kind != PUSH and node != rules[LEADER]:
        if logs.previous[place] > logs.last[node] or length + WAYS <= logs.last[rules[LEADER]]:
            reason = BEHIND
        elif max(wires.due[0], wires.cpu[node]) - logs.heard[node] >= rules[TIMEOUT]:
            reason = LATE
        elif kind != COMMIT and logs.acknowledged[length % WAYS, node] and logs.asked[0] == NO_DELAY:
            reason = ASK
    return reason


@part
def _deliver(wires: Wires, books: Books, logs: Logs, place: int, node: int) -> None:
    kind, sender, length = wires.kind[place], wires.sender[place], wires.height[place]
    at_ns = receive(wires, place, node)
    if kind == PUSH:
        perform(wires, books, node, at_ns)
    elif node != logs.rules[LEADER]:
        _hear(wires, books, logs, place, node, at_ns)
    else:
        books.turn[1] = _count(wires, books, logs, sender, length, at_ns)


@jit
def run(wires: Wires, books: Books, logs: Logs, until_ns: int) -> tuple[int, int, int]:
    """As `votes.run`; the protocol's own events are heartbeats, and below the others cuts, by number of their plan.

    Where it stops to `ASK`, the length that is acknowledged again stands in place of the time.
    """
    n, nodes, leader = logs.rules[N], len(wires.cpu), logs.rules[LEADER]
    while wires.state[SIZE] and wires.due[0] <= until_ns:
        what = wires.what[0]
        if what >= 0:
            place, node = what // nodes, what % nodes
            reason = _obstacle(wires, books, logs, place, node)
            if reason != REACHED:
                return reason, node, wires.height[place] if reason == ASK else wires.due[0]
            pop(wires)
            _deliver(wires, books, logs, place, node)
        elif what >= -n:
            return BEAT, leader, wires.due[0]
        elif what < -3 * n and logs.planned[0] == -1 - 3 * n - what:
            return CUT, leader, wires.due[0]
        else:
            pop(wires)
            if what >= -3 * n:
                books.turn[0], books.turn[1] = leader, max(wires.state[NOW], wires.cpu[leader])
        if books.turn[0] >= 0:
            books.turn[0] = -1
            return TURN, leader, books.turn[1]
    return REACHED, 0, until_ns
