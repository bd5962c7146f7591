"""The course of a chain of a chained protocol (`certificates`): costs, turns, cuts, and the blocks not decided yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sim.chain.blocks import Body
from sim.chain.compiled import certificates as loop
from sim.chain.compiled.books import RING, WAYS
from sim.chain.compiled.certificates import Views
from sim.chain.compiled.course import Course
from sim.consensus.chained_messages import GENESIS, Block, Certificate, Proposal, Vote
from sim.consensus.interface import Resumed, Value
from sim.network.delays import LOST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.consensus.chained import ChainedReplica

    Rows = NDArray[np.int64]

_NOTHING = Value(b"", 0, 0)


class Pipeline(Course):
    """One view after the other, each with a block; at an idle moment the newest blocks are empty and not decided.

    Args:
        chain: nothing waits for a decision at any node, and the leader of the next view has the newest certificate.
        now_ns: the time.
    """

    messages = (Proposal.kind, Vote.kind)

    def __init__(self, chain: Chain, now_ns: int) -> None:
        super().__init__(chain, now_ns)
        config = chain.config
        self._length = chain.family.chain_length
        replicas = [cast("ChainedReplica", node.replica) for node in chain.nodes[: self.n]]
        self._view = max(replica.view for replica in replicas) - 1
        blocks = replicas[self._view % self.n].tail()
        self._offset = self._view - (self.last + len(blocks))
        nic_ns, work_ns = self._costs(Vote(0, 1, 1, b""))
        quorum = chain.family.quorum(self.n)
        self._quorum = (1 << quorum) - 1
        rules = [self.n, quorum, self._length, self._offset, config.costs.sign_ns, nic_ns, work_ns]
        self._views = Views.make(self.n, np.array(rules, dtype=np.int64), self._view)
        self._must = False
        self._counts: dict[int, int] = {}
        self._cut_ns = now_ns
        self._tail: list[Value] = []
        self._take_in(blocks)
        self._begin(now_ns)

    def _take_in(self, blocks: list[Block]) -> None:
        """Blocks that some nodes have executed, or none: all are empty."""
        ledger, books, nothing = self.chain.ledger, self.books, np.empty(0, dtype=np.int64)
        for block in blocks:
            body = block.value.body if isinstance(block.value.body, Body) else Body(nothing, [], 0, block.view, 0)
            self._note(block.height, nothing, body)
        height, slot = self.last + 1, (self.last + 1) % RING
        if height < len(ledger.blocks):
            block_there, there = ledger.blocks[height], np.array(ledger.heights) == height
            books.voted[slot] = np.where(there, block_there.voted_ns, 0)
            books.executed[slot] = np.where(there, block_there.executed_ns, 0)
            books.done[slot] = np.count_nonzero(there)
            books.next[there] = height + 1
            books.built[0] = height
            self.sent_bytes[-1] = 0

    def _note(self, height: int, rows: Rows, body: Body) -> None:
        self._propose(height, rows, body)
        self._counts[height] = len(rows)
        self._counts.pop(height - 2 * self._length, None)

    def _leader(self, view: int) -> int:
        return (view - 1) % self.n

    def _begin(self, now_ns: int) -> None:
        """Let the leader of the next view have its turn; if it has it already, see when it cuts."""
        view, proposer = self._view + 1, self.chain.proposer
        if proposer.led_in(view):
            self.turn = view
            self._views.turned[self._leader(view)] = view
            self._plan(self._leader(view), now_ns)
            self._watch(view, now_ns)
            return
        # At the start the first arrival wakes it.
        turn_ns = now_ns if self._view else proposer.pool.next_arrival_ns(-1)
        if turn_ns is not None:
            self._schedule_turn(self._leader(view), turn_ns)

    def run(self, until_ns: int) -> tuple[int, int, int]:
        """As `certificates.run`."""
        reason, node, at_ns = loop.run(self.wires, self.books, self._views, until_ns)
        return int(reason), int(node), int(at_ns)

    def take_turn(self, node: int, at_ns: int) -> None:
        """A leader has the certificate of the view before its own."""
        view, pool = int(self._views.high[node]) + 1, self.chain.proposer.pool
        height = view - self._offset
        executed = self._executed_since()
        above = range(int(self.books.next[node]), height)
        branch = [self._rows[h] for h in above if h in self._rows]
        pool.lead(node, executed, np.concatenate([np.empty(0, dtype=np.int64), *branch]), at_ns)
        self.turn = view
        self._must = any(self._counts.get(h) for h in range(height - self._length, height))
        if self._must:
            self._schedule_cut(node, at_ns)
        else:
            self._plan(node, at_ns)
        self._watch(view, at_ns)

    def _watch(self, view: int, at_ns: int) -> None:
        """The last moment for a block of this view to be everywhere: until then views have no time limit, or wait."""
        pool = self.chain.proposer.pool
        waiting, _, _ = pool.outlook()
        begun_ns: int | None = self._cut_ns
        if not (self._must or len(waiting)):
            begun_ns = pool.next_arrival_ns(at_ns)
        if begun_ns is not None:
            self._schedule_alarm(view, begun_ns + self.chain.config.timeout_ns)

    def cut(self, node: int) -> bool:
        """Propose what is in the pool, or nothing on top of what is to be decided."""
        view, pool = int(self._views.high[node]) + 1, self.chain.proposer.pool
        height, collector = view - self._offset, view % self.n
        proposals, votes = self.chain.network.delays(
            [(Proposal.kind, view, height), (Vote.kind, view, height)], inner=True
        )
        lost = (proposals[node] == LOST).any() or (votes[:, collector] == LOST).any()
        decided = [h for h in (height - self._length, height - self._length + 1) if h > 0]
        if lost or not (self._reach_observers(*decided) and self._has_room(height)):
            return False
        begun_ns = self._begin_cut(node)
        rows = pool.cut(begun_ns, now_or_never=self._must)
        if not (self._must or len(rows)):
            self._plan(node, begun_ns)
            return True
        self._cut_ns = begun_ns
        body = Body(rows, [], node, view, begun_ns, ready_ns=pool.ready_ns if len(rows) else begun_ns)
        self._note(height, rows, body)
        slot = view % WAYS
        self._views.proposal_delays[slot], self._views.vote_delays[slot] = proposals[node], votes[:, collector]
        self._weigh(view, height, rows)
        first = int(self.books.next[node])
        prepare_ns = self._prepare_ns(rows)
        body.proposed_ns = int(loop.propose(self.wires, self.books, self._views, node, begun_ns, prepare_ns))
        for decided_height in range(first, int(self.books.next[node])):
            if decided_height in self._rows:
                executed_ns = int(self.books.executed[decided_height % RING, node])
                pool.release(self._rows[decided_height], executed_ns)
        return True

    def _weigh(self, view: int, height: int, rows: Rows) -> None:
        justify = GENESIS if view == 1 else Certificate(view - 1, bytes(32), self._quorum)
        proposal = Proposal(0, Block(view, height, _NOTHING, justify, b""))
        size_bytes, slot = int(self.chain.offered.size_bytes[rows].sum()), view % WAYS
        nic_ns, work_ns = self._costs(proposal, size_bytes, len(rows))
        self._views.proposal_nic[slot], self._views.take[slot] = nic_ns, work_ns
        self.sent_bytes[0] += (self.n - 1) * (size_bytes + proposal.size_bytes)
        self.sent_bytes[1] += (self.n - 1) * Vote.size_bytes

    def idle(self) -> bool:
        """Whether nothing waits for a decision."""
        return not self._must

    # Back to messages.

    def save(self) -> dict[str, Any]:
        """As `Course.save`."""
        self._view = int(self._views.seen.max())
        return super().save() | {"view": self._view}

    def restore(self, saved: dict[str, Any]) -> None:
        """As `Course.restore`."""
        super().restore(saved)
        self._view = saved["view"]

    def land(self) -> None:
        """As `Course.land`; and the leader of the next view has executed one block more, which is empty."""
        super().land()
        ledger, books, height = self.chain.ledger, self.books, self.last + 1
        slot = height % RING
        self._tail = []
        for h in range(height, self._view - self._offset + 1):
            body = self._under_way[h].body
            _, digest = ledger.prepare(body.transactions, body.leader, body.view, body.cut_ns)
            self._tail.append(Value(digest, 0, 0, body))
        for node in np.flatnonzero(books.next > height):
            if ledger.heights[node] < height:
                times = int(books.voted[slot, node]), int(books.executed[slot, node])
                ledger.execute(int(node), height, self._tail[0], *times)

    def resumed(self, node: int, *, waiting: bool) -> tuple[Resumed, int]:
        """The blocks that are not decided everywhere."""
        executed, digest = int(self.books.next[node]) - 1, self.chain.ledger.blocks[self.last].digest
        tip = self._view - self._offset
        return Resumed(executed, self._view, tip, digest, tuple(self._tail), waiting), self.chain.now_ns
