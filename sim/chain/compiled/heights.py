"""The course of a chain whose heights are a proposal and two rounds of votes (`votes`): costs, turns, cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.blocks import Body
from sim.chain.compiled import votes as loop
from sim.chain.compiled.books import RING, WAYS
from sim.chain.compiled.course import Course
from sim.chain.compiled.votes import Rounds
from sim.chain.compiled.wires import push
from sim.consensus.heights import NEXT_HEIGHT_TIMER, ROUND_BITS
from sim.consensus.interface import Resumed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.consensus.registry import Votes

    Rows = NDArray[np.int64]


class Heights(Course):
    """One height after the other, each with a proposer of its own.

    Args:
        chain: all its nodes have executed the same height, and nothing is said of the next.
        votes: how its protocol orders a value.
        now_ns: the time.
    """

    def __init__(self, chain: Chain, votes: Votes, now_ns: int) -> None:
        self.messages = tuple(said.kind for said in votes.messages)  # type: ignore[misc] # the protocol's, not all courses'
        super().__init__(chain, now_ns)
        self._votes = votes
        config = chain.config
        _, first, second = votes.messages
        rules = [self.n, chain.family.quorum(self.n), votes.final_first, config.commit_wait_ns, config.costs.sign_ns]
        for vote in (first, second):
            nic_ns, work_ns = self._costs(vote)
            rules += [work_ns, nic_ns]
        self._rounds = Rounds.make(self.n, np.array(rules, dtype=np.int64))
        for node in chain.nodes[: self.n]:
            if NEXT_HEIGHT_TIMER in node.timers:
                self._rounds.paused[node.index] = 1
                push(self.wires, node.due_ns[NEXT_HEIGHT_TIMER], -1 - node.index)
        self._begin(now_ns)

    def _proposer(self, height: int) -> int:
        return (height - 1) % self.n

    def _begin(self, now_ns: int) -> None:
        """Let the proposer have its turn; if it has it already, see when it cuts."""
        height, pool = self.last + 1, self.chain.proposer.pool
        proposer = self._proposer(height)
        if self._rounds.paused[proposer]:
            return
        if self.chain.proposer.led_in(height << ROUND_BITS):
            self.turn = height << ROUND_BITS
            self._plan(proposer, now_ns)
            self._watch(height, now_ns)
            return
        # At the start the first arrival wakes it.
        turn_ns = now_ns if self.last else pool.next_arrival_ns(-1)
        if turn_ns is not None:
            self._schedule_turn(proposer, turn_ns)

    def run(self, until_ns: int) -> tuple[int, int, int]:
        """As `votes.run`."""
        reason, node, at_ns = loop.run(self.wires, self.books, self._rounds, until_ns)
        return int(reason), int(node), int(at_ns)

    def take_turn(self, node: int, at_ns: int) -> None:
        """A proposer's height begins."""
        height, pool = int(self.books.next[node]), self.chain.proposer.pool
        before = self._rows.get(height - 1)
        if before is not None and pool.leader == self._proposer(height - 1) and self.books.next[pool.leader] == height:
            pool.release(before, int(self.books.executed[(height - 1) % RING, pool.leader]))
        pool.lead(node, self._executed_since(), np.empty(0, dtype=np.int64), at_ns)
        self.turn = height << ROUND_BITS
        self._plan(node, at_ns)
        self._watch(height, at_ns)

    def _watch(self, height: int, at_ns: int) -> None:
        """The last moment for a height: when the first node to wait for it would have waited for a timeout."""
        pool = self.chain.proposer.pool
        waiting, _, _ = pool.outlook()
        arrival_ns = at_ns if len(waiting) else pool.next_arrival_ns(at_ns)
        if arrival_ns is None:
            return
        executed = self.books.executed[(height - 1) % RING, : self.n]
        begun_ns = int(executed[executed > 0].min(initial=at_ns)) if height > 1 else 0
        if not len(waiting):
            begun_ns = max(begun_ns, arrival_ns)
        self._schedule_alarm(height, begun_ns + self.chain.config.timeout_ns)

    def cut(self, node: int) -> bool:
        """Propose what is in the pool."""
        height = int(self.books.next[node])
        ways = self._ways([(kind, 0, height) for kind in self.messages])
        if ways is None or not (self._reach_observers(height) and self._has_room(height)):
            return False
        begun_ns = self._begin_cut(node)
        pool = self.chain.proposer.pool
        rows = pool.cut(begun_ns)
        if not len(rows):
            self._plan(node, begun_ns)
            return True
        body = Body(rows, [], node, height << ROUND_BITS, begun_ns, ready_ns=pool.ready_ns)
        self._propose(height, rows, body)
        self._rounds.delays[height % WAYS] = ways
        self._weigh(height, rows)
        prepare_ns = self._prepare_ns(rows)
        body.proposed_ns = int(loop.propose(self.wires, self.books, self._rounds, node, begun_ns, prepare_ns))
        return True

    def _weigh(self, height: int, rows: Rows) -> None:
        proposal, first, second = self._votes.messages
        size_bytes, slot = int(self.chain.offered.size_bytes[rows].sum()), height % RING
        self._rounds.proposal_nic[slot], self._rounds.take[slot] = self._costs(proposal, size_bytes, len(rows))
        self.sent_bytes[0] += (self.n - 1) * (size_bytes + proposal.size_bytes)
        self.sent_bytes[1:3] += self.n * (self.n - 1) * np.array([first.size_bytes, second.size_bytes])

    def idle(self) -> bool:
        """Always: where no message is under way all have executed the last height."""
        return True

    def resumed(self, node: int, *, waiting: bool) -> tuple[Resumed, int]:
        """Everything is executed; the pause after that counts from then."""
        block = self.chain.ledger.blocks[-1]
        since_ns = int(block.executed_ns[node]) if self.chain.config.commit_wait_ns else self.chain.now_ns
        return Resumed(block.header.height, self.turn, block.header.height, block.digest, (), waiting), since_ns
