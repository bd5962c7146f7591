"""The course of a chain with a replicated log (`replicated`): cuts within the window, heartbeats, repeated words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sim.chain.blocks import Body
from sim.chain.compiled import replicated as loop
from sim.chain.compiled.books import BEHIND, CUT, RING, WAYS
from sim.chain.compiled.course import Course
from sim.chain.compiled.replicated import ASK, BEAT, Logs
from sim.chain.compiled.wires import push
from sim.consensus.interface import Value
from sim.consensus.raft import HEARTBEAT_TIMER
from sim.consensus.raft_messages import Acknowledge, Append, Entry, Standing
from sim.consensus.raft_progress import MOST_PATIENCE
from sim.network.delays import LOST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.consensus.raft import RaftReplica

    Cells = NDArray[np.int64]
    Rows = NDArray[np.int64]

_MESSAGES = 64


class Replication(Course):
    """One leader, who sends values, heartbeats and commit indices; followers acknowledge.

    Args:
        chain: all logs are alike and executed, under one leader.
        now_ns: the time.
    """

    messages = ("append", Acknowledge.kind, "commit", "heartbeat")

    def __init__(self, chain: Chain, now_ns: int) -> None:
        super().__init__(chain, now_ns)
        config, costs = chain.config, chain.config.costs
        replicas = [cast("RaftReplica", node.replica) for node in chain.nodes[: self.n]]
        self._leader, self._term = replicas[0].leader, replicas[0].view
        self._beat_ns = config.heartbeat_ns or max(1, config.timeout_ns // 10)
        acknowledge, commit = self._costs(Acknowledge(0, 1, 1, success=True)), self._costs(self._append(0))
        rules = [self.n, chain.family.quorum(self.n), self._leader, costs.sign_ns, config.timeout_ns]
        rules += [*acknowledge, *commit]
        self._logs = Logs.make(self.n, len(self.wires.left), np.array(rules, dtype=np.int64), self.last)
        self._silent, self._patience = np.zeros((2, self.n), dtype=np.int64)
        self._beats: dict[tuple[int, int], int] = {}
        self._beaten_ns = now_ns
        self._plans = 0
        self._weights: dict[int, tuple[int, int]] = {}
        self._released = self.last
        self._standings = [replica.standing() for replica in replicas]
        self._began = any(standing.timers for standing in self._standings)
        self._begin(now_ns)

    def _append(self, values: int) -> Append:
        """So many values, all of them empty."""
        entries = (Entry(self._term, Value(bytes(32), 0, 0)),) * values
        return Append(self._leader, self._term, 0, (0, 0), entries, 0)

    def _begin(self, now_ns: int) -> None:
        """Go on with timers and the next cut; a group that has not begun begins with the first arrival."""
        logs, network, leader = self._logs, self.chain.network, self._leader
        logs.answered[:] = self._standings[leader].heard
        self._match_before = np.array(self._standings[leader].before, dtype=np.int64)
        logs.heard[:] = [max(0, standing.heard[leader]) for standing in self._standings]
        first = network.delays([(Acknowledge.kind, self._term, self.last)], inner=True)[0][:, leader]
        logs.acknowledge_delays[self.last % WAYS] = first
        if not self._began:
            arrival_ns = self.chain.proposer.pool.next_arrival_ns(-1)
            if arrival_ns is not None:
                self._schedule_turn(leader, arrival_ns)
            return
        due_ns = self.chain.nodes[leader].due_ns[HEARTBEAT_TIMER]
        self._beaten_ns = due_ns - self._beat_ns
        push(self.wires, due_ns, -1)
        for node in range(self.n):
            if node != leader:
                acknowledged = network.said(node, leader, (Acknowledge.kind, self._term, self.last))
                logs.acknowledged[self.last % WAYS, node] = acknowledged
                self._beats[node, self.last] = network.said(leader, node, ("heartbeat", self._term, self.last))
        self._replan(now_ns)

    def run(self, until_ns: int) -> tuple[int, int, int]:
        """As `replicated.run`."""
        while True:
            reason, node, at_ns = (int(x) for x in loop.run(self.wires, self.books, self._logs, until_ns))
            if reason != ASK:
                return CUT if reason == BEAT else reason, node, at_ns
            times = int(self._logs.acknowledged[at_ns % WAYS, node])
            address = (Acknowledge.kind, self._term, at_ns, times)
            delay_ns = self.chain.network.delay_ns(node, self._leader, address)
            if delay_ns == LOST:
                return BEHIND, node, int(self.wires.due[0])
            self._logs.asked[0] = delay_ns

    # The leader's side.

    def take_turn(self, node: int, at_ns: int) -> None:  # noqa: ARG002 # there is one leader
        """The leader has executed something, so that there is room; or it begins, with the others."""
        if not self._began:
            self._began = True
            logs = self._logs
            logs.appends[:] += 1
            logs.heard[:] = at_ns
            push(self.wires, at_ns + self._beat_ns, -1)
            self._beaten_ns = at_ns
        pool, leader = self.chain.proposer.pool, self._leader
        for height in range(self._released + 1, int(self.books.next[leader])):
            pool.release(self._rows.pop(height), int(self.books.executed[height % RING, leader]))
            self._released = height
            self._logs.planned[0] = -1
        self._replan(at_ns)

    def _replan(self, at_ns: int) -> None:
        """Plan the next cut, unless one is planned or the window is full."""
        logs, leader = self._logs, self._leader
        room = logs.last[leader] < self.books.next[leader] - 1 + self.chain.config.window
        if logs.planned[0] >= 0 or not room:
            return
        due_ns = self.chain.proposer.pool.next_cut_ns(at_ns)
        if due_ns is not None:
            self._plans += 1
            logs.planned[0] = self._plans
            push(self.wires, max(due_ns, self.now_ns), -1 - 3 * self.n - self._plans)

    def cut(self, node: int) -> bool:
        """Append what is in the pool, if the window has room; or send heartbeats, if these are due."""
        if int(self.wires.what[0]) == -1:
            return self._beat()
        logs, leader, pool = self._logs, self._leader, self.chain.proposer.pool
        height = int(logs.last[leader]) + 1
        if height > self.books.next[leader] - 1 + self.chain.config.window:
            self._begin_cut(node)
            logs.planned[0] = -1
            return True
        said = [(kind, self._term, height) for kind in self.messages[:3]]
        appends, acknowledgements, commits = self.chain.network.delays(said, inner=True)
        ways = (appends[leader], acknowledgements[:, leader], commits[leader])
        lost = any((each == LOST).any() for each in ways)
        if lost or not (self._reach_observers(height) and self._has_room(height)):
            return False
        begun_ns = self._begin_cut(node)
        logs.planned[0] = -1
        rows = pool.cut(begun_ns)
        if len(rows):
            slot = height % WAYS
            logs.append_delays[slot], logs.acknowledge_delays[slot], logs.commit_delays[slot] = ways
            body = Body(rows, [], node, self._term, begun_ns, ready_ns=pool.ready_ns)
            self._propose(height, rows, body)
            size_bytes = int(self.chain.offered.size_bytes[rows].sum())
            self._weights[height] = size_bytes, len(rows)
            self._weights.pop(height - 2 * RING, None)
            message = self._append(1)
            nic_ns, work_ns = self._costs(message, size_bytes, len(rows))
            self.sent_bytes[0] += (self.n - 1) * (size_bytes + message.size_bytes)
            prepare_ns = self._prepare_ns(rows)
            proposed_ns = loop.propose(self.wires, self.books, logs, begun_ns, prepare_ns, nic_ns, work_ns)
            body.proposed_ns = begun_ns = int(proposed_ns)
        self._replan(begun_ns)
        return True

    def _beat(self) -> bool:
        """Heartbeats, with what followers seem to lack; says False, and does nothing, if one would be lost."""
        logs, leader, config = self._logs, self._leader, self.chain.config
        at_ns = max(int(self.wires.due[0]), int(self.wires.cpu[leader]))
        peers = [peer for peer in range(self.n) if peer != leader]
        last = int(logs.last[leader])
        heard = np.maximum(logs.answered, 0)
        alive = np.count_nonzero(at_ns - heard[peers] <= config.timeout_ns)
        if ((logs.answered >= 0).any() or last) and alive + 1 < self.chain.family.quorum(self.n):
            return False
        silent, patience, follows = self._silent.copy(), self._patience.copy(), logs.next.copy()
        for peer in peers:
            if not logs.match[peer] == self._match_before[peer] < last:
                silent[peer] = patience[peer] = 0
                continue
            silent[peer] += 1
            if silent[peer] > patience[peer]:
                follows[peer] = logs.match[peer] + 1
                silent[peer], patience[peer] = 0, min(2 * patience[peer] + 1, MOST_PATIENCE)
        checkpoint = int(self.books.next[leader] - 1) // config.checkpoint_interval * config.checkpoint_interval
        if min(follows[peer] for peer in peers) - 1 < checkpoint - config.checkpoint_interval:
            return False
        delays = [self._beat_delay_ns(peer, min(last, int(follows[peer]) - 1 + config.window)) for peer in peers]
        if LOST in delays:
            return False
        self._begin_cut(leader)
        self._silent, self._patience = silent, patience
        logs.next[:] = follows
        for peer, delay_ns in zip(peers, delays, strict=True):
            values = min(last - int(follows[peer]) + 1, config.window)
            at_ns = self._send_beat(peer, values, at_ns, delay_ns)
        self._match_before = logs.match.copy()
        self._beaten_ns = at_ns
        push(self.wires, at_ns + self._beat_ns, -1)
        self._replan(at_ns)
        return True

    def _beat_delay_ns(self, peer: int, length: int) -> int:
        times = self._beats.get((peer, length), 0)
        address = ("heartbeat", self._term, length, times) if times else ("heartbeat", self._term, length)
        return self.chain.network.delay_ns(self._leader, peer, address)

    def _send_beat(self, peer: int, values: int, at_ns: int, delay_ns: int) -> int:
        previous = int(self._logs.next[peer]) - 1
        weights = [self._weights.get(previous + 1 + k, (0, 0)) for k in range(values)]
        size_bytes, count = sum(size for size, _ in weights), sum(count for _, count in weights)
        message = self._append(values)
        weight = self._costs(message, size_bytes, count)
        self.sent_bytes[3] += size_bytes + message.size_bytes
        key = (peer, previous + values)
        self._beats[key] = self._beats.get(key, 0) + 1
        if len(self._beats) > _MESSAGES * self.n:
            self._beats = {key: times for key, times in self._beats.items() if key[1] > previous + values - WAYS}
        wires, books, logs = self.wires, self.books, self._logs
        return int(loop.beat(wires, books, logs, peer, values, at_ns, weight, delay_ns))

    def counted(self) -> dict[str, Cells]:
        """As `Course.counted`."""
        acknowledge, commit = Acknowledge(0, 1, 1, success=True), self._append(0)
        self.sent_bytes[1:3] = self.wires.sent[1:3] * np.array([acknowledge.size_bytes, commit.size_bytes])
        return super().counted()

    def idle(self) -> bool:
        """Whether everything that was appended is executed everywhere."""
        return bool((self.books.next == self._logs.last[self._leader] + 1).all())

    # Back to messages.

    def save(self) -> dict[str, Any]:
        """As `Course.save`."""
        logs = self._logs
        own = (logs.heard.copy(), logs.answered.copy(), logs.appends.copy(), logs.acknowledged.copy())
        return super().save() | {
            "logs": own,
            "beats": (dict(self._beats), self._beaten_ns, self._began, self._match_before),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """As `Course.restore`."""
        super().restore(saved)
        logs = self._logs
        for cells, kept in zip(
            (logs.heard, logs.answered, logs.appends, logs.acknowledged), saved["logs"], strict=True
        ):
            cells[:] = kept
        self._beats, self._beaten_ns, self._began, self._match_before = saved["beats"]

    def land(self) -> None:
        """As `Course.land`; and the network knows what has been said already."""
        self._known = self.last + 1
        super().land()
        network, leader = self.chain.network, self._leader
        for node in range(self.n):
            if node != leader:
                times = int(self._logs.acknowledged[self.last % WAYS, node])
                network.note_said(node, leader, (Acknowledge.kind, self._term, self.last), times)
                beats = self._beats.get((node, self.last), 0)
                network.note_said(leader, node, ("heartbeat", self._term, self.last), beats)

    def resumed(self, node: int, *, waiting: bool) -> tuple[Standing | None, int]:
        """Where a replica stands, and since when its timer runs; None for a group that has not begun."""
        del waiting
        if not self._began:
            return None, 0
        logs, leader = self._logs, self._leader
        if node == leader:
            before = tuple(self._match_before.tolist())
            return Standing(self.last, tuple(logs.answered.tolist()), 0, before), self._beaten_ns
        heard = [-1] * self.n
        heard[leader] = int(logs.heard[node])
        timers = self._standings[node].timers + int(logs.appends[node])
        return Standing(self.last, tuple(heard), timers, ()), heard[leader]
