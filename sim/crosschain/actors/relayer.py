"""Relayers: each polls one node of every chain of a link, and brings what is due with its proof, in batches.

What is due, a route says (`sim.crosschain.actors.route`). A relayer asks for all heads, and an item for each packet
that it looks at and for each proof; the way there and back and the time for each item pass before it sends calls. What
it sent it does not send again before it is told what became of it. A crash loses all that it knows, and it reads the
chains again from the start. Several relayers know nothing of each other; who comes second is refused by the contract.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.crosschain.actors.route import View
from sim.crosschain.contracts.messages import Call
from sim.crosschain.steps import SOURCE, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.forger import Forging
    from sim.crosschain.actors.prover import Prover
    from sim.crosschain.actors.route import Route, Task
    from sim.crosschain.books import Books
    from sim.crosschain.contracts.messages import Packet
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
    """

    link: str
    number: int
    poll_ns: int
    batch: int
    rpc_ns: int
    rpc_item_ns: int

    @property
    def name(self) -> str:
        """Under which it sends calls."""
        return f"{self.link}/relayers/{self.number}"


_Name = tuple[str, str, int]


@dataclass(slots=True)
class _Memory:
    """What a relayer knows; a crash loses it."""

    scanned: dict[str, int] = field(default_factory=dict)
    packets: dict[int, Packet] = field(default_factory=dict)
    said: dict[tuple[str, int], bytes] = field(default_factory=dict)
    busy: dict[_Name, set[tuple[str, int]]] = field(default_factory=dict)


class Relayer:
    """One relayer.

    Args:
        engine: time.
        config: how it works.
        route: what is due.
        endpoints: the nodes that it talks to, by their chains' roles.
        provers: what other chains of the link want to see of each.
        books: where its calls are written down.
        begin_ns: when it polls first.
    """

    def __init__(
        self,
        engine: Engine,
        config: RelayerConfig,
        route: Route,
        endpoints: Mapping[str, Endpoint],
        provers: Mapping[str, Prover],
        books: Books,
        begin_ns: int,
    ) -> None:
        self.config = config
        self.forger: Forging | None = None
        self.endpoints = endpoints
        self._route = route
        self._provers = provers
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
        if memory is None or not all(endpoint.is_up for endpoint in self.endpoints.values()):
            return
        if self.forger is not None:
            for role, number, call in self.forger.forge():
                self._submit(memory, role, [(role, call.method, number)], [call], self._now)
            return
        heads = {role: endpoint.head() for role, endpoint in self.endpoints.items()}
        self._scan(memory, heads)
        memory.busy = {task: rows for task, rows in memory.busy.items() if rows}
        tasks = self._due(memory, View(self.endpoints, heads, self._now, memory.said))
        items = len(self.endpoints) * len(memory.packets) + len(tasks)
        ready_ns = self._now + 2 * self.config.rpc_ns + items * self.config.rpc_item_ns
        for endpoint in self.endpoints.values():
            done_ns = endpoint.answer(items)
            if done_ns is None:
                return
            ready_ns = max(ready_ns, done_ns + self.config.rpc_ns)
        if not tasks:
            return
        for role in self._route.roles:
            whom = [task for task in tasks if task.role == role]
            calls = [self._call(task, heads) for task in whom]
            names = [task.name for task in whom]
            memory.busy.update((name, {("", 0)}) for name in names)
            if calls:
                self._engine.call_at(ready_ns, self._submit, memory, role, names, calls, self._now)
        self._next.cancel()
        self._next = self._engine.call_at(max(ready_ns, self._now + self.config.poll_ns), self._poll)

    @property
    def _now(self) -> int:
        return self._engine.now

    def _scan(self, memory: _Memory, heads: Mapping[str, int]) -> None:
        """Read what the blocks did that a header shows by now."""
        for role, endpoint in self.endpoints.items():
            before = memory.scanned.get(role, 0)
            for receipt in endpoint.receipts(before, heads[role] - 1):
                event = receipt.event
                if receipt.link != self.config.link or event is None:
                    continue
                if event.step == Step.SENT:
                    memory.packets[event.packet.sequence] = event.packet
                elif event.acknowledgement and role != SOURCE:
                    memory.said[role, event.packet.sequence] = event.acknowledgement
            memory.scanned[role] = max(before, heads[role] - 1)

    def _due(self, memory: _Memory, view: View) -> list[Task]:
        tasks: list[Task] = []
        for sequence, packet in list(memory.packets.items()):
            due = self._route.due(packet, view)
            if due is None:
                del memory.packets[sequence]
                for role in self.endpoints:
                    memory.said.pop((role, sequence), None)
                continue
            tasks.extend(task for task in due if task.name not in memory.busy and task not in tasks)
            if len(tasks) >= self.config.batch:
                return tasks[: self.config.batch]
        return tasks

    def _call(self, task: Task, heads: Mapping[str, int]) -> Call:
        """The call, with its proof."""
        parts = task.parts
        if task.shown:
            proof = self._provers[task.shown].prove(self.endpoints[task.shown], task.key, heads[task.shown])
            parts = (*parts, proof)
        return Call(self.config.link, task.method, self.config.name, parts)

    def _submit(self, memory: _Memory, role: str, whom: Sequence[_Name], calls: Sequence[Call], polled_ns: int) -> None:
        if memory is not self._memory:
            return
        endpoint = self.endpoints[role]
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
