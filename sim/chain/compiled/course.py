"""What the courses of all protocols share: a chain's state as the compiled loops have it, the pool, what is finished.

A course is a chain on its way through a compiled loop, from a moment at which no message is under way on. The loop
stops where Python is needed: when a proposer has its turn, and when it cuts a block from the pool, which is the same
pool that single messages use.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sim.chain.compiled.books import RING, WAYS, Books
from sim.chain.compiled.wires import NOW, UNDER_WAY, Wires, pop, push
from sim.chain.sync import BlockPush
from sim.consensus.interface import Value
from sim.network.delays import LOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.chain.blocks import Body
    from sim.chain.chain import Chain
    from sim.consensus.interface import Input, Message
    from sim.consensus.raft_messages import Standing
    from sim.network.delays import Address

    Cells = NDArray[np.int64]
    Rows = NDArray[np.int64]

_PUSH = "block-push"
_COUNTED = ("sent", "cpu_busy", "ingress_busy", "egress_busy")
_BUSY = ("state", "cpu", "ingress", "egress", "latest", *_COUNTED)


@dataclass(slots=True)
class Height:
    """A height that is proposed: what is in it, and what each node did when, once all have executed it."""

    body: Body
    voted: Cells | None = None
    executed: Cells | None = None


class Course(ABC):
    """A chain that is computed.

    Args:
        chain: its messages have all arrived.
        now_ns: the time.

    Attributes:
        kinds: of messages, as the loop numbers them.
        finished: heights that all nodes have executed, in order, not yet in the ledger. last: the last of these.
        turn: the view in which somebody took the lead last; -1 at first.
    """

    messages: ClassVar[tuple[str, ...]]
    """Kinds of the protocol's messages; the last kind of all are blocks for observers."""

    def __init__(self, chain: Chain, now_ns: int) -> None:
        self.chain = chain
        config, network = chain.config, chain.network
        n, nodes = config.validators, config.nodes
        self.n, self.nodes = n, nodes
        self.kinds = (*self.messages, _PUSH)
        ordered = np.array([[link.reliable for link in row] for row in network.topology.links])
        room = 4 * n * n + 2 * RING * nodes
        self.wires = Wires.make(nodes, 2 * room, room, len(self.kinds), ordered)
        self.wires.ingress[:], self.wires.egress[:], self.wires.latest[:] = network.busy(nodes)
        self.wires.cpu[:] = [node.cpu_free_ns for node in chain.nodes]
        self.wires.state[NOW] = now_ns
        self.last = min(chain.ledger.heights)
        self.turn = -1
        self.finished: list[Height] = []
        self.sent_bytes = np.zeros(len(self.kinds), dtype=np.int64)
        self._under_way: dict[int, Height] = {}
        self._known = chain.proposer.known
        self._rows: dict[int, Rows] = {}
        self.books = Books.make(n, chain.ledger.blocks[self.last].executed_ns, self.last, len(self.messages))

    # What the protocol says.

    @abstractmethod
    def run(self, until_ns: int) -> tuple[int, int, int]:
        """Let the loop go on; returns why it stopped, at which node, and the time of that."""

    @abstractmethod
    def take_turn(self, node: int, at_ns: int) -> None:
        """A proposer has its turn: it takes over the pool and sees when it can cut."""

    @abstractmethod
    def cut(self, node: int) -> bool:
        """The next event is a cut: propose what is there; says False, and does nothing, if something would go wrong."""

    @abstractmethod
    def idle(self) -> bool:
        """Whether replicas could go on by messages from here, where no message is under way."""

    @abstractmethod
    def resumed(self, node: int, *, waiting: bool) -> tuple[Input | Standing | None, int]:
        """What a replica is told that goes on by messages, and since when; None if it knows."""

    # The loop's side.

    @property
    def now_ns(self) -> int:
        """The time of the last event."""
        return int(self.wires.state[NOW])

    @property
    def quiet(self) -> bool:
        """Whether no message is under way."""
        return not self.wires.state[UNDER_WAY]

    def _schedule_cut(self, node: int, due_ns: int) -> None:
        push(self.wires, max(due_ns, self.now_ns), -1 - self.n - node)

    def _schedule_turn(self, node: int, due_ns: int) -> None:
        push(self.wires, max(due_ns, self.now_ns), -1 - 2 * self.n - node)

    def _schedule_alarm(self, place: int, due_ns: int) -> None:
        push(self.wires, max(due_ns, self.now_ns), -1 - 3 * self.n - place)

    def _plan(self, node: int, at_ns: int) -> None:
        """Schedule a leader's next block."""
        due_ns = self.chain.proposer.pool.next_cut_ns(at_ns)
        if due_ns is not None:
            self._schedule_cut(node, due_ns)

    def _begin_cut(self, node: int) -> int:
        """Take the cut off the agenda; returns when the leader can begin with it."""
        pop(self.wires)
        return max(self.now_ns, int(self.wires.cpu[node]))

    def _executed_since(self) -> Rows:
        """What anybody has executed since this was asked last."""
        blocks, built = self.chain.ledger.blocks, int(self.books.built[0])
        rows = [blocks[h].transactions if h < len(blocks) else self._rows[h] for h in range(self._known, built + 1)]
        for height in [height for height in self._rows if height < built]:
            del self._rows[height]
        self._known = max(self._known, built + 1)
        return np.concatenate([np.empty(0, dtype=np.int64), *rows])

    def _ways(self, addresses: Sequence[Address]) -> list[Cells] | None:
        """Delays between validators for messages at these addresses; None if one would be lost."""
        ways = list(self.chain.network.delays(addresses, inner=True))
        return None if any((each == LOST).any() for each in ways) else ways

    def _reach_observers(self, *heights: int) -> bool:
        """Set the delays of blocks to observers; False if one would be lost."""
        observers = np.arange(self.n, self.nodes)
        for height in heights if self.nodes > self.n else ():
            ways = self.chain.network.delays([(_PUSH, 0, height)], inner=False)[0][observers % self.n, observers]
            if (ways == LOST).any():
                return False
            self.books.push_delays[height % WAYS, self.n :] = ways
        return True

    def _has_room(self, height: int) -> bool:
        """Whether the loop's rings have room for another height."""
        return height - self.last < RING and int(self.books.next[: self.n].min()) >= height - WAYS // 2

    def _propose(self, height: int, rows: Rows, body: Body) -> None:
        """A height is proposed: note what is in it, and what it costs after the decision."""
        chain, books, slot = self.chain, self.books, height % RING
        costs = chain.config.costs
        size_bytes, count = int(chain.offered.size_bytes[rows].sum()), len(rows)
        books.execute[slot] = count * costs.execute_ns
        signatures = chain.family.quorum(self.n) if chain.family.certified else 0
        block = BlockPush(0, height, Value(b"", size_bytes, count), signatures)
        books.push_work[slot] = costs.receiving_ns(block)
        books.push_nic[slot] = chain.network.transmission_ns(block.size_bytes)
        self.sent_bytes[-1] += (self.nodes - self.n) * block.size_bytes
        self._under_way[height] = Height(body)
        self._rows[height] = rows

    def _prepare_ns(self, rows: Rows) -> int:
        """What a leader spends on a block before it signs the proposal."""
        costs = self.chain.config.costs
        return costs.hashing_ns(int(self.chain.offered.size_bytes[rows].sum())) + costs.checking_ns(len(rows))

    def _costs(self, message: Message, size_bytes: int = 0, count: int = 0) -> tuple[int, int]:
        """A receiver's NIC and CPU time for a message with so many transactions in it."""
        costs, wire_bytes = self.chain.config.costs, message.size_bytes + size_bytes
        work_ns = message.signatures * costs.verify_ns + costs.hashing_ns(wire_bytes) + costs.checking_ns(count)
        return self.chain.network.transmission_ns(wire_bytes), work_ns

    # What comes of it.

    def collect(self) -> None:
        """Find the heights that all nodes have executed by now."""
        books = self.books
        while self.last + 1 in self._under_way and books.done[(self.last + 1) % RING] == self.nodes:
            self.last += 1
            height, slot = self._under_way.pop(self.last), self.last % RING
            height.voted, height.executed = books.voted[slot].copy(), books.executed[slot].copy()
            self.finished.append(height)

    def counted(self) -> dict[str, Cells]:
        """What was sent, by kind, and for how long CPUs and NICs have been busy."""
        return {name: getattr(self.wires, name).copy() for name in _COUNTED} | {"sent_bytes": self.sent_bytes.copy()}

    def save(self) -> dict[str, Any]:
        """What `restore` needs, where no message is under way."""
        return {
            "busy": {name: getattr(self.wires, name).copy() for name in _BUSY},
            "own": (self.last, self.turn, self._known, self.sent_bytes.copy(), dict(self._under_way)),
            "ahead": [cells.copy() for cells in self._ahead()],
            "finished": len(self.finished),
            "pool": self.chain.proposer.pool.save(),
        }

    def _ahead(self) -> tuple[Cells, Cells, Cells]:
        """What each node will execute next, and when those did that have executed the height after `last` already."""
        slot = (self.last + 1) % RING
        return self.books.next, self.books.voted[slot], self.books.executed[slot]

    def restore(self, saved: dict[str, Any]) -> None:
        """Let everything be as it was then, but for the loop itself, which does not run any more."""
        for name, cells in saved["busy"].items():
            getattr(self.wires, name)[:] = cells
        self.last, self.turn, self._known, self.sent_bytes, self._under_way = saved["own"]
        for cells, kept in zip(self._ahead(), saved["ahead"], strict=True):
            cells[:] = kept
        del self.finished[saved["finished"] :]
        self.chain.proposer.pool.restore(saved["pool"])

    def land(self) -> None:
        """Leave CPUs, NICs and the proposer as they are now."""
        chain, wires = self.chain, self.wires
        for node, free_ns in zip(chain.nodes, wires.cpu.tolist(), strict=True):
            node.cpu_free_ns = max(node.cpu_free_ns, free_ns)
        chain.network.set_busy(wires.ingress.tolist(), wires.egress.tolist(), wires.latest.tolist())
        chain.proposer.wake(self._known, self.turn)
