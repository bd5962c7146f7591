"""How blocks reach nodes outside the vote: observers are fed, and whoever fell behind fetches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.chain.sync import BlockPush, BlockRange, BlockRequest
from sim.consensus.interface import StateTransferred

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from sim.chain.chain import Chain
    from sim.chain.node import Node
    from sim.consensus.interface import Value
    from sim.kernel.engine import Engine


MOST_BLOCKS = 64
"""Blocks in one answer: enough to be worth a round trip, few enough to keep neither node busy for long [guess]."""


class Catchup:
    """Feeding and fetching of finished blocks, one per chain."""

    def __init__(self, chain: Chain, engine: Engine) -> None:
        self._chain = chain
        self._engine = engine
        family = chain.family
        # A block of a crash-fault protocol proves nothing by itself: it is taken on its sender's word.
        self._quorum = family.quorum(chain.config.voters) if family.certified else 0
        self._fetching: dict[int, int] = {}
        self._asked = 0

    def feed(self, node: Node, height: int, value: Value, at_ns: int) -> None:
        """Who voted on a block hands it, executed, to those connected to it who did not."""
        config = self._chain.config
        voters = self._chain.voters(height)
        if node.index not in voters:
            return
        fed = self.connected(node.index, voters)
        for group in ([k for k in fed if k < config.validators], [k for k in fed if k >= config.validators]):
            if group:
                push = BlockPush(node.index, height, value, self._quorum, value.count * config.signatures_each)
                self._chain.transmit(node.index, group, push, at_ns)

    def connected(self, voter: int, voters: Container[int]) -> list[int]:
        """The nodes without a vote that a voter feeds: each is fed by the first sound one, from its own number on.

        Sound is who is up and correct; if nobody is, all voters are. That nodes know at once whom to leave is a
        simplification.
        """
        config, nodes, faulty = self._chain.config, self._chain.nodes, self._chain.faulty.nodes
        n = config.validators

        def sound(place: int) -> bool:
            return place in voters and not nodes[place].down and place not in faulty

        serves = sound if sound(voter) else voters.__contains__
        if serves is not sound and any(map(sound, range(n))):
            return []
        places = [voter]
        while not serves((places[-1] - 1) % n):
            places.append((places[-1] - 1) % n)
        connected = (k for place in places for k in range(place, config.nodes, n))
        return sorted(k for k in connected if k not in voters)

    def take_push(self, node: Node, push: BlockPush, at_ns: int) -> None:
        """Execute the next block, or fetch what was missed before it."""
        height = self._chain.ledger.heights[node.index]
        if push.sequence == height + 1:
            executed_ns = self._chain.commit(node, push.sequence, push.value, at_ns)
            if executed_ns is not None:
                self._caught_up(node, 0, executed_ns)
        elif push.sequence > height + 1 and node.index not in self._fetching:
            self._ask(node, self._and_others((push.sender,), node), at_ns, 0)

    def fetch(self, node: Node, peers: Sequence[int], at_ns: int) -> None:
        """Get a node what one of ``peers`` has beyond it; one that fetches already goes on as it does."""
        if node.index not in self._fetching:
            turn = node.index % len(peers)
            self._ask(node, self._and_others((*peers[turn:], *peers[:turn]), node), at_ns, 0)

    def _and_others(self, peers: Sequence[int], node: Node) -> tuple[int, ...]:
        """These, and all other validators after them: those named may never answer."""
        n = self._chain.config.validators
        ring = ((peers[0] + k) % n for k in range(n))
        return (*peers, *(peer for peer in ring if peer != node.index and peer not in peers))

    def resume(self, node: Node, now_ns: int) -> None:
        """A restarted node goes on from what its disk holds, and looks for what it missed."""
        peers = [index for index in range(self._chain.config.validators) if index != node.index]
        self._fetching.pop(node.index, None)
        # Before any message reaches the replica: it must not count on a decision that the crash kept from execution.
        self._caught_up(node, 0, now_ns)
        if peers:
            self.fetch(node, peers, now_ns)

    def _ask(self, node: Node, peers: Sequence[int], at_ns: int, attempt: int) -> None:
        """Ask the first peer, and the next if no answer has come after the chain's timeout."""
        self._asked += 1
        self._fetching[node.index] = self._asked
        reached = self._chain.ledger.heights[node.index]
        if not node.down:
            self._chain.transmit(node.index, [peers[0]], BlockRequest(node.index, reached + 1, attempt), at_ns)
            retry_ns = at_ns + self._chain.config.timeout_ns
            self._engine.call_at(retry_ns, self._ask_again, node, peers, self._asked, attempt + 1)

    def _ask_again(self, node: Node, peers: Sequence[int], asked: int, attempt: int) -> None:
        if self._fetching.get(node.index) == asked:
            self._ask(node, (*peers[1:], peers[0]), self._engine.now, attempt)

    def answer(self, node: Node, request: BlockRequest, at_ns: int) -> None:
        """Send what was asked for, so many blocks at a time; an answer without any says that there are none yet."""
        if node.replica is None:
            return
        ledger = self._chain.ledger
        end = min(ledger.heights[node.index], request.sequence + MOST_BLOCKS - 1)
        blocks = ledger.blocks[request.sequence : end + 1]
        values = tuple(block.value for block in blocks if block.value is not None)
        view = node.replica.view if node.replica.active else 0
        each = self._chain.config.signatures_each if request.sender >= self._chain.config.validators else 0
        answer = BlockRange(node.index, request.sequence, values, self._quorum, view, request.attempt, each)
        self._chain.transmit(node.index, [request.sender], answer, at_ns)

    def take_range(self, node: Node, answer: BlockRange, at_ns: int) -> None:
        """Execute the blocks of an answer and tell the replica where it stands now."""
        for height, value in enumerate(answer.values, start=answer.sequence):
            if height == self._chain.ledger.heights[node.index] + 1:
                executed_ns = self._chain.commit(node, height, value, at_ns)
                if executed_ns is None:
                    return
                at_ns = executed_ns
        more = len(answer.values) == MOST_BLOCKS
        if not more:
            self._fetching.pop(node.index, None)
        # After each piece: the replica must not come to decisions that are executed already.
        self._caught_up(node, answer.peer_view, at_ns)
        if more:
            self._ask(node, self._and_others((answer.sender,), node), at_ns, answer.attempt + 1)

    def _caught_up(self, node: Node, view: int, at_ns: int) -> None:
        if node.replica is not None:
            height = self._chain.ledger.heights[node.index]
            digest = self._chain.ledger.head(node.index).digest
            waiting = self._chain.proposer.waits(node, at_ns)
            self._chain.step(node, StateTransferred(height, digest, view, waiting), at_ns)
