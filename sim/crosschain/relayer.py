"""Relayers: each polls one node of either chain, and brings what is due with its proof, in batches.

For each packet that is sent and not done with, one of these is due, in this order:

- nothing more, if the source holds its commitment no more;
- acknowledgePacket, if the destination has received it;
- timeoutPacket, if the destination's head is past its timeout and it was not received;
- a heartbeat for the destination, if the timeout has passed but for want of a block no header shows it;
- recvPacket otherwise.

A relayer asks for both heads, and an item for each packet that it looks at and for each proof; the way there and back
and the time for each item pass before it sends calls. What it sent it does not send again before it is told what became
of it. A crash loses all that it knows, and it reads both chains again from the start. Several relayers know nothing of
each other; who comes second is refused by the contract.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.crosschain.messages import ACKNOWLEDGE, HEARTBEAT, RECEIVE, SEND, TIME_OUT, Call
from sim.crosschain.store import ack_key, commitment_key, next_key, number_of, receipt_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.crosschain.books import Books
    from sim.crosschain.endpoint import Endpoint
    from sim.crosschain.forger import Forger
    from sim.crosschain.messages import Packet
    from sim.kernel.engine import Engine, Timer


@dataclass(frozen=True, slots=True)
class RelayerConfig:
    """How a relayer works.

    Attributes:
        link: that it works on.
        number: among those of the link.
        poll_ns: how often it looks for work.
        batch: calls that it sends after one poll at most.
        rpc_ns: the way to a node and back. rpc_item_ns: each item that it asks for, on top.
        proves: whether it brings proofs, and not its word.
        ordered: whether the channel is.
    """

    link: str
    number: int
    poll_ns: int
    batch: int
    rpc_ns: int
    rpc_item_ns: int
    proves: bool
    ordered: bool

    @property
    def name(self) -> str:
        """Under which it sends calls."""
        return f"{self.link}/relayers/{self.number}"


@dataclass(frozen=True, slots=True)
class _Task:
    """A call that is due, and what proves it: a key of the other chain, at a header."""

    method: str
    sequence: int
    parts: tuple[bytes, ...]
    key: bytes = b""


@dataclass(slots=True)
class _Memory:
    """What a relayer knows; a crash loses it."""

    scanned_source: int = 0
    scanned_destination: int = 0
    packets: dict[int, Packet] = field(default_factory=dict)
    acks: dict[int, bytes] = field(default_factory=dict)
    busy: dict[tuple[str, int], set[tuple[str, int]]] = field(default_factory=dict)


class Relayer:
    """One relayer.

    Args:
        engine: time.
        config: how it works.
        source, destination: the nodes that it talks to.
        books: where its calls are written down.
        begin_ns: when it polls first.
    """

    def __init__(
        self,
        engine: Engine,
        config: RelayerConfig,
        source: Endpoint,
        destination: Endpoint,
        books: Books,
        begin_ns: int,
    ) -> None:
        self.config = config
        self.forger: Forger | None = None
        self.source, self.destination = source, destination
        self._engine = engine
        self._books = books
        self._memory: _Memory | None = _Memory()
        self._next: Timer = engine.call_at(begin_ns, self._poll)

    def crash(self) -> None:
        """Stop, and forget everything."""
        self._memory = None
        self._next.cancel()

    def restart(self) -> None:
        """Begin anew."""
        if self._memory is None:
            self._memory = _Memory()
            self._next = self._engine.call_at(self._engine.now, self._poll)

    def told(self, chain: str, row: int, known_ns: int) -> None:
        """A call that it sent to a chain is in a block or rejected; the news will be there then."""
        self._engine.call_at(max(known_ns, self._now), self._learn, self._memory, (chain, row))

    def _learn(self, memory: _Memory | None, row: tuple[str, int]) -> None:
        if memory is not None:
            for rows in memory.busy.values():
                rows.discard(row)

    def _poll(self) -> None:
        self._next = self._engine.call_after(self.config.poll_ns, self._poll)
        memory = self._memory
        if memory is None or not (self.source.is_up and self.destination.is_up):
            return
        if self.forger is not None:
            self._submit(memory, self.destination, [(RECEIVE, -self.forger.made)], [self.forger.forge()], self._now)
            return
        heads = self.source.head(), self.destination.head()
        self._scan(memory, heads)
        memory.busy = {task: rows for task, rows in memory.busy.items() if rows}
        tasks = self._due(memory, heads)
        items = 2 * len(memory.packets) + len(tasks)
        ready_ns = self._now + 2 * self.config.rpc_ns + items * self.config.rpc_item_ns
        for endpoint in (self.source, self.destination):
            done_ns = endpoint.answer(items)
            if done_ns is None:
                return
            ready_ns = max(ready_ns, done_ns + self.config.rpc_ns)
        if not tasks:
            return
        for endpoint, calls in self._calls(tasks, heads):
            whom = [(call.method, sequence) for sequence, call in calls]
            for task in whom:
                memory.busy[task] = {("", 0)}
            arguments = (memory, endpoint, whom, [call for _, call in calls], self._now)
            self._engine.call_at(ready_ns, self._submit, *arguments)
        self._next.cancel()
        self._next = self._engine.call_at(max(ready_ns, self._now + self.config.poll_ns), self._poll)

    @property
    def _now(self) -> int:
        return self._engine.now

    def _scan(self, memory: _Memory, heads: tuple[int, int]) -> None:
        """Read what the blocks did that a header shows by now."""
        for receipt in self.source.receipts(memory.scanned_source, heads[0] - 1):
            event = receipt.event
            if receipt.call.link == self.config.link and event is not None and event.method == SEND:
                memory.packets[event.packet.sequence] = event.packet
        for receipt in self.destination.receipts(memory.scanned_destination, heads[1] - 1):
            event = receipt.event
            if receipt.call.link == self.config.link and event is not None:
                memory.acks[event.packet.sequence] = event.acknowledgement
        memory.scanned_source = max(memory.scanned_source, heads[0] - 1)
        memory.scanned_destination = max(memory.scanned_destination, heads[1] - 1)

    def _due(self, memory: _Memory, heads: tuple[int, int]) -> list[_Task]:
        tasks: list[_Task] = []
        for sequence, packet in list(memory.packets.items()):
            if self.source.get(commitment_key(self.config.link, sequence), heads[0]) is None:
                del memory.packets[sequence]
                memory.acks.pop(sequence, None)
                continue
            task = self._next_step(memory, packet, heads)
            if task is None or (task.method, task.sequence) in memory.busy or task in tasks:
                continue
            tasks.append(task)
            if len(tasks) == self.config.batch:
                break
        return tasks

    def _next_step(self, memory: _Memory, packet: Packet, heads: tuple[int, int]) -> _Task | None:
        """What is due for a packet now; None if something must happen first."""
        link, sequence, head = self.config.link, packet.sequence, heads[1]
        data = packet.to_bytes()
        key = next_key(link, "Recv") if self.config.ordered else receipt_key(link, sequence)
        found = self.destination.get(key, head)
        received = number_of(found, 1) > sequence if self.config.ordered else found is not None
        if received:
            acknowledgement = memory.acks.get(sequence)
            if acknowledgement is None:
                return None
            return _Task(ACKNOWLEDGE, sequence, (data, acknowledgement), ack_key(link, sequence))
        if packet.is_late(head, self.destination.header(head).time_ns):
            return _Task(TIME_OUT, sequence, (data,), key)
        if packet.is_late(head + 1, self._now):
            return _Task(HEARTBEAT, 0, ())
        return _Task(RECEIVE, sequence, (data,), commitment_key(link, sequence))

    def _calls(self, tasks: Sequence[_Task], heads: tuple[int, int]) -> list[tuple[Endpoint, list[tuple[int, Call]]]]:
        """Calls for either chain, with their proofs."""
        ways = (
            (self.source, (ACKNOWLEDGE, TIME_OUT), self.destination, heads[1]),
            (self.destination, (RECEIVE, HEARTBEAT), self.source, heads[0]),
        )
        found: list[tuple[Endpoint, list[tuple[int, Call]]]] = []
        for endpoint, methods, other, height in ways:
            calls: list[tuple[int, Call]] = []
            for task in tasks:
                if task.method not in methods:
                    continue
                parts = task.parts
                if task.key:
                    proof = other.bundle(task.key, height) if self.config.proves else other.claim(task.key, height)
                    parts = (*parts, proof)
                calls.append((task.sequence, Call(self.config.link, task.method, self.config.name, parts)))
            if calls:
                found.append((endpoint, calls))
        return found

    def _submit(
        self,
        memory: _Memory,
        endpoint: Endpoint,
        whom: Sequence[tuple[str, int]],
        calls: Sequence[Call],
        polled_ns: int,
    ) -> None:
        if memory is not self._memory:
            return
        if not endpoint.is_up:
            for task in whom:
                memory.busy.pop(task, None)
            return
        chain = endpoint.chain.config.id
        data = [call.to_bytes() for call in calls]
        rows = endpoint.submit(self.config.number, data)
        for task, row, written in zip(whom, rows, data, strict=True):
            memory.busy[task] = {(chain, row)}
            self._books.carry(chain, row, polled_ns, self._now, len(written))
