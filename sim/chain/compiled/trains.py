"""The compiled solver of trains of heights with queues: a proposal and two rounds of votes, all to all.

A node's messages, in the order of their arrivals a_1 <= a_2 <= ..., pass its NIC and its CPU first come first served:

    received_i = max(a_i, received_(i-1) + nic_i)        cut through: there with its last bit, unless the NIC is behind
    done_i     = max(received_i, done_(i-1)) + work_i

What the i-th completes is done at once on the same CPU, and adds to done_i: sign a first vote for a proposal, sign a
second vote for a quorum of first votes, execute what quorums of second votes have decided, in order of heights, and
sign the checkpoints that follow. What is signed at t leaves through the sending NIC, the next node first:

    begun = max(t, free)        arrival at the k-th of them = begun + k nic + delay

and on a link that keeps order no sooner than what was sent before. No message arrives before what made its sender say
it, so to go through a train's arrivals once, in the order of time, is to solve it. Those of one time go in the order in
which they were sent, as in `kernel.engine`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.chain.compiled.calendar import ENTERED, TAKEN, Calendar, enter, open_at, take
from sim.chain.compiled.wires import inner, jit, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells = NDArray[np.int64]
    Flags = NDArray[np.bool_]

PROPOSAL, FIRST, SECOND, CHECKPOINT = range(KINDS := 4)
"""Kinds of messages. Row: height in the train · KINDS + kind. The leader's own proposal is the cut of a block."""
N, QUORUM, LEADER, LEADER_VOTES, ORDERED, SIGN = range(6)
"""Fields of `Inputs.rules`."""
_NODE_BITS = 16
"""What happens is written as row · 2^16 + receiver."""


class Inputs(NamedTuple):
    """What is given of T trains of G heights among n nodes; times in nanoseconds.

    Attributes:
        rules: see `N` and its neighbours.
        cut, prepare, take, execute, proposal_nic, told: of each height, (T, G). push_nic: (T, G, n). As in `Work`.
        votes, votes_nic: first vote, second vote, checkpoint, (3,).
        proposals, firsts, seconds, checkpoints: delays, sender by receiver, (T · G, n, n), or (1, n, n) if all alike.
    """

    rules: Cells
    cut: Cells
    prepare: Cells
    take: Cells
    execute: Cells
    proposal_nic: Cells
    told: Flags
    push_nic: Cells
    votes: Cells
    votes_nic: Cells
    proposals: Cells
    firsts: Cells
    seconds: Cells
    checkpoints: Cells


class Results(NamedTuple):
    """What comes of it, as in `Outcome`.

    Attributes:
        proposed, waited: (T, G). decided, executed, pushed, begun, sent: (T, G, n).
        cpu, ingress, egress: until when nodes are busy, (T, n). busy: CPU time spent, (T, n).
        link: the last arrival on each, sender by receiver, where links keep order, (T, n, n).
    """

    proposed: Cells
    waited: Flags
    decided: Cells
    executed: Cells
    pushed: Cells
    begun: Cells
    sent: Cells
    cpu: Cells
    ingress: Cells
    egress: Cells
    busy: Cells
    link: Cells

    @classmethod
    def make(cls, trains: int, heights: int, n: int) -> Results:
        """Nothing has happened, and everything is idle."""
        proposed, waited = np.zeros((trains, heights), dtype=np.int64), np.zeros((trains, heights), dtype=np.bool_)
        per_height = list(np.zeros((5, trains, heights, n), dtype=np.int64))
        per_train = list(np.zeros((4, trains, n), dtype=np.int64))
        link = np.zeros((trains, n, n), dtype=np.int64)
        results = cls._make([proposed, waited, *per_height, *per_train, link])
        results.begun[:] = np.iinfo(np.int64).max
        return results


class Train(NamedTuple):
    """The train that is under way.

    Attributes:
        number: which, (1,).
        heard: how many messages of each row nodes have taken in, (rows, n). enough: how many of them complete
            something.
        nic, work: what each costs, (rows,). ahead: how long before its arrival it occupies a node at most, (rows,).
        prepared: who has sent its second vote, (G, n).
        next: the height that each node will execute next, (n,).
    """

    number: Cells
    heard: Cells
    enough: Cells
    nic: Cells
    work: Cells
    ahead: Cells
    prepared: Flags
    next: Cells

    @classmethod
    def make(cls, inputs: Inputs) -> Train:
        """Before the first of those that are given."""
        heights = inputs.cut.shape[1]
        n, quorum, leader, leader_votes = (int(inputs.rules[field]) for field in (N, QUORUM, LEADER, LEADER_VOTES))
        enough = np.empty((heights, KINDS, n), dtype=np.int64)
        enough[:, PROPOSAL], enough[:, CHECKPOINT] = 1, n
        # Its own vote a node has, and where the leader has none a backup takes the proposal for it.
        enough[:, FIRST] = quorum - 1 if leader_votes else quorum - 2
        enough[:, FIRST, leader] = enough[:, SECOND] = quorum - 1
        nic, work, ahead = np.empty((3, heights, KINDS), dtype=np.int64)
        nic[:, FIRST:], work[:, FIRST:], ahead[:] = inputs.votes_nic, inputs.votes, inputs.votes_nic.max()
        tables = (enough.reshape(-1, n), nic.reshape(-1), work.reshape(-1), ahead.reshape(-1))
        number, following = np.zeros(1, dtype=np.int64), np.zeros(n, dtype=np.int64)
        return cls(number, np.zeros_like(tables[0]), *tables, np.zeros((heights, n), dtype=np.bool_), following)


def arrivals(heights: int, n: int, *, told: bool) -> int:
    """How many a train has at most, cuts included."""
    return heights * (n + (2 + told) * n * (n - 1))


@jit
def solve(inputs: Inputs, results: Results, train: Train, calendar: Calendar) -> None:
    """Let all trains happen, one by one; each finds nodes and links as the results have them."""
    state = calendar.state
    for number in range(len(inputs.cut)):
        _begin(inputs, train, calendar, number)
        while state[TAKEN] < state[ENTERED]:
            event = take(calendar)
            _arrive(inputs, results, train, calendar, calendar.due[event], calendar.what[event])


@part
def _begin(inputs: Inputs, train: Train, calendar: Calendar, number: int) -> None:
    """Nothing is heard yet, and the blocks are to be cut."""
    train.number[0] = number
    train.heard[:] = 0
    train.prepared[:] = False
    train.next[:] = 0
    open_at(calendar, inputs.cut[number, 0], _span_ns(inputs, number))
    for height in range(inputs.cut.shape[1]):
        row, nic_ns = KINDS * height, inputs.proposal_nic[number, height]
        train.nic[row], train.work[row] = nic_ns, inputs.take[number, height]
        train.ahead[row] = max(nic_ns, train.ahead[row + FIRST])
        enter(calendar, inputs.cut[number, height], row << _NODE_BITS | inputs.rules[LEADER])


@part
def _span_ns(inputs: Inputs, number: int) -> int:
    """About how long a train takes: from cut to cut, three mean delays of a proposal, and all work of one node."""
    n, last = inputs.rules[N], inputs.cut.shape[1] - 1
    delays_ns = 0
    for delay_ns in inputs.proposals[number * (last + 1) % len(inputs.proposals), inputs.rules[LEADER]]:
        delays_ns += delay_ns
    work_ns = inputs.prepare[number, last] + inputs.take[number, last] + n * inputs.proposal_nic[number, last]
    for kind in range(2):
        work_ns += n * (inputs.votes[kind] + inputs.votes_nic[kind])
    return inputs.cut[number, last] - inputs.cut[number, 0] + 3 * delays_ns // n + (last + 1) * work_ns


@inner
def _arrive(inputs: Inputs, results: Results, train: Train, calendar: Calendar, now_ns: int, what: int) -> None:
    """A message arrives, or the leader cuts a block: through NIC and CPU, and on with what it completes."""
    row, node = what >> _NODE_BITS, what & ((1 << _NODE_BITS) - 1)
    number, height = train.number[0], row // KINDS
    work_ns, received_ns = train.work[row], now_ns
    if row % KINDS == PROPOSAL and node == inputs.rules[LEADER]:
        work_ns = inputs.prepare[number, height]
    else:
        received_ns = max(results.ingress[number, node] + train.nic[row], now_ns)
        results.ingress[number, node] = received_ns
    done_ns = max(results.cpu[number, node], received_ns) + work_ns
    results.cpu[number, node] = done_ns
    results.busy[number, node] += work_ns
    begun_ns = now_ns - train.ahead[row]
    if begun_ns < results.begun[number, height, node]:
        results.begun[number, height, node] = begun_ns
    heard = train.heard[row, node] + 1
    train.heard[row, node] = heard
    if heard == train.enough[row, node]:
        free_ns = _complete(inputs, results, train, calendar, row, node, now_ns)
        results.cpu[number, node] = free_ns
        results.busy[number, node] += free_ns - done_ns


@part
def _complete(
    inputs: Inputs, results: Results, train: Train, calendar: Calendar, row: int, node: int, now_ns: int
) -> int:
    """A node has a proposal, or as many votes as it needs: say what follows; returns when it is done."""
    number, rules, height, heard = train.number[0], inputs.rules, row // KINDS, train.heard
    at_ns = results.cpu[number, node]
    if row % KINDS == PROPOSAL:
        if node == rules[LEADER]:
            results.waited[number, height] = at_ns > now_ns + inputs.prepare[number, height]
            at_ns = _propose(inputs, results, train, calendar, row, at_ns)
        else:
            at_ns += rules[SIGN]
            results.sent[number, height, node] = _say(inputs, results, train, calendar, row + FIRST, node, at_ns)
    row = KINDS * height
    known = heard[row, node] and heard[row + FIRST, node] >= train.enough[row + FIRST, node]
    if known and not train.prepared[height, node]:
        train.prepared[height, node] = True
        at_ns += rules[SIGN]
        _say(inputs, results, train, calendar, row + SECOND, node, at_ns)
    return _execute(inputs, results, train, calendar, node, at_ns)


@part
def _propose(inputs: Inputs, results: Results, train: Train, calendar: Calendar, row: int, at_ns: int) -> int:
    """The leader signs and sends a proposal, and its first vote if it has one; returns when that is done."""
    number, rules, height = train.number[0], inputs.rules, row // KINDS
    at_ns += rules[SIGN]
    results.proposed[number, height] = at_ns
    leader = rules[LEADER]
    results.sent[number, height, leader] = _say(inputs, results, train, calendar, row, leader, at_ns)
    if rules[LEADER_VOTES]:
        at_ns += rules[SIGN]
        _say(inputs, results, train, calendar, row + FIRST, leader, at_ns)
    return at_ns


@part
def _execute(inputs: Inputs, results: Results, train: Train, calendar: Calendar, node: int, at_ns: int) -> int:
    """A node executes what is decided there, in order, and feeds its observers; then it tells of checkpoints."""
    number, heights, begin = train.number[0], inputs.cut.shape[1], train.next[node]
    end = begin
    while end < heights and train.prepared[end, node] and _is_decided(train, end, node):
        results.decided[number, end, node] = at_ns
        at_ns += inputs.execute[number, end]
        results.executed[number, end, node] = at_ns
        pushed_ns = max(at_ns, results.egress[number, node])
        results.pushed[number, end, node] = pushed_ns
        if inputs.push_nic[number, end, node]:
            results.egress[number, node] = pushed_ns + inputs.push_nic[number, end, node]
        end += 1
    train.next[node] = end
    for height in range(begin, end):
        if inputs.told[number, height]:
            at_ns += inputs.rules[SIGN]
            _say(inputs, results, train, calendar, KINDS * height + CHECKPOINT, node, at_ns)
    return at_ns


@part
def _is_decided(train: Train, height: int, node: int) -> bool:
    row = KINDS * height + SECOND
    return train.heard[row, node] >= train.enough[row, node]


@part
def _say(inputs: Inputs, results: Results, train: Train, calendar: Calendar, row: int, node: int, at_ns: int) -> int:
    """A node sends a message to all others, the next one first; returns when it begins to."""
    number, n, ordered = train.number[0], inputs.rules[N], inputs.rules[ORDERED]
    nic_ns, link = train.nic[row], results.link[number, node]
    place, kind = number * inputs.cut.shape[1] + row // KINDS, row % KINDS
    if kind == PROPOSAL:
        delays = inputs.proposals[place % len(inputs.proposals), node]
    elif kind == FIRST:
        delays = inputs.firsts[place % len(inputs.firsts), node]
    elif kind == SECOND:
        delays = inputs.seconds[place % len(inputs.seconds), node]
    else:
        delays = inputs.checkpoints[place % len(inputs.checkpoints), node]
    begun_ns = free_ns = max(at_ns, results.egress[number, node])
    receiver = node
    for _ in range(n - 1):
        receiver += 1
        if receiver == n:
            receiver = 0
        free_ns += nic_ns
        # What is lost has a delay below 0: nobody will use its height, but time must not run back.
        arrival_ns = max(free_ns + delays[receiver], begun_ns)
        if ordered:
            arrival_ns = link[receiver] = max(arrival_ns, link[receiver])
        enter(calendar, arrival_ns, row << _NODE_BITS | receiver)
    results.egress[number, node] = free_ns
    return begun_ns
