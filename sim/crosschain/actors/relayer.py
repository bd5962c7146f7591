"""Relayers: each polls one node of every chain of a link, and brings what is due with its proof, in batches.

What is due, a route says (`sim.crosschain.actors.route`). A relayer asks for all heads, and an item for each packet
that it looks at and for each proof; the way there and back and the time for each item pass before it sends calls. What
it sent it does not send again before it is told what became of it. A crash loses all that it knows, and it reads the
chains again from the start, or only from then on if it keeps no log. Several relayers know nothing of each other; who
comes second is refused by the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.actors.forger import Forger
from sim.crosschain.actors.memory import Batch, Diary, Memory
from sim.crosschain.actors.prover import Brought
from sim.crosschain.actors.route import View
from sim.crosschain.actors.updates import REFRESHED_AFTER, Updates
from sim.crosschain.contracts import identity, views
from sim.crosschain.contracts.messages import HEARTBEAT, RECOVER, UPDATE_CLIENT, VERSION, Call
from sim.crosschain.steps import DESTINATION, SOURCE, Step
from sim.proof.evidence import header_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.forger import Forging
    from sim.crosschain.actors.habits import Habit
    from sim.crosschain.actors.memory import RelayerConfig, Row
    from sim.crosschain.actors.prover import Prover
    from sim.crosschain.actors.route import Route, Task
    from sim.crosschain.books import Books
    from sim.crosschain.contracts.machine import Receipt
    from sim.crosschain.contracts.messages import Packet
    from sim.kernel.engine import Engine, Timer


class Relayer:
    """One relayer.

    Args:
        engine: time.
        config: how it works.
        route: what is due.
        endpoints: the nodes that it talks to, by their chains' roles.
        provers: what other chains of the link want to see of each.
        clients: which chain believes something of which other one, by their roles.
        books: where its calls are written down.
        begin_ns: when it polls first.

    Attributes:
        config, endpoints: as given.
        diary: what it has done.
        forger: what it does instead, while it lies.
        habits: what else it does wrong.
    """

    def __init__(
        self,
        engine: Engine,
        config: RelayerConfig,
        route: Route,
        endpoints: Mapping[str, Endpoint],
        provers: Mapping[str, Prover],
        clients: Sequence[tuple[str, str]],
        books: Books,
        begin_ns: int,
    ) -> None:
        self.config = config
        self.diary = Diary()
        self.forger: Forging | None = None
        self.habits: list[Habit] = []
        self.endpoints = endpoints
        self._route = route
        self._provers = provers
        self._engine = engine
        self._books = books
        self._memory: Memory | None = Memory()
        self._doom: tuple[str, str, int | None] | None = None
        self._ahead_ns = 0
        self._updates = Updates(config.link, endpoints, provers)
        self._told = {role: [endpoints[to] for to, shown in clients if shown == role] for role in endpoints}
        self._clients = [(role, shown) for role, shown in clients if provers[shown].period_ns]
        self._next: Timer = engine.call_at(begin_ns, self._poll)

    def crash(self) -> None:
        """Stop, and forget everything."""
        self.diary.crashes += self._memory is not None
        self._memory = None
        self._next.cancel()

    def restart(self) -> None:
        """Begin anew."""
        if self._memory is None:
            self._memory = Memory(anew=True)
            self._next = self._engine.call_at(self._engine.now, self._poll)

    def crash_after(self, role: str, method: str, for_ns: int | None) -> None:
        """Crash as soon as it has sent such a call to the chain of this role; begin anew after a while, or never."""
        self._doom = (role, method, for_ns)

    def set_clock(self, ahead_ns: int) -> None:
        """From now on its clock is ahead by so much, or behind if negative; how often it polls stays the same."""
        self._ahead_ns = ahead_ns

    def told(self, chain: str, row: int, known_ns: int) -> None:
        """A call that it sent to a chain is in a block or rejected; the news will be there then."""
        self._engine.call_at(max(known_ns, self._now), self._learn, self._memory, (chain, row))

    def _learn(self, memory: Memory | None, row: tuple[str, int]) -> None:
        if memory is not None:
            for rows in memory.busy.values():
                rows.discard(row)

    def _poll(self) -> None:
        self._next = self._engine.call_after(self.config.poll_ns, self._poll)
        self.diary.polls += 1
        memory = self._memory
        if memory is None or not all(endpoint.is_up for endpoint in self.endpoints.values()):
            return
        if self.forger is not None:
            self._lie(memory, self.forger)
            return
        self._misbehave(memory)
        heads = self._heads(memory)
        if heads is None:
            return
        self._scan(memory, heads)
        self.diary.peak = max(self.diary.peak, len(memory.packets))
        memory.busy = {task: rows for task, rows in memory.busy.items() if rows}
        tasks = self._due(memory, View(self.endpoints, heads, self._now + self._ahead_ns, memory.said, memory.found))
        for habit in self.habits:
            tasks = habit.order(tasks)
        batches = [self._batch(memory, role, tasks, heads) for role in self._route.roles] if tasks else []
        batches = [batch for batch in batches if batch.calls]
        memory.busy.update((name, {("", 0)}) for batch in batches for name in batch.names)
        batches += self._watch(memory, heads)
        items = len(self.endpoints) * len(memory.packets) + sum(len(batch.calls) for batch in batches)
        ready_ns = self._now + 2 * self.config.rpc_ns + items * self.config.rpc_item_ns
        for endpoint in self.endpoints.values():
            done_ns = endpoint.answer(items)
            if done_ns is None:
                return
            ready_ns = max(ready_ns, done_ns + self.config.rpc_ns)
        if not batches:
            return
        ready_ns = max(ready_ns, *(batch.ready_ns for batch in batches))
        self.diary.busy_ns += ready_ns - self._now
        for batch in batches:
            memory.busy.update((name, {("", 0)}) for name in batch.names)
            self._engine.call_at(ready_ns, self._submit, memory, batch, self._now)
        self._next.cancel()
        self._next = self._engine.call_at(max(ready_ns, self._now + self.config.poll_ns), self._poll)

    def _heads(self, memory: Memory) -> dict[str, int] | None:
        """The last block of each chain that can be shown; None if one cannot, or if it is behind what it was.

        What was there at a block and is not at one before would look as if it were gone.
        """
        heads: dict[str, int] = {}
        for role, endpoint in self.endpoints.items():
            head = self._provers[role].reach(endpoint, self._told[role])
            if head is None or head < memory.heads.get(role, 0):
                return None
            heads[role] = head
        memory.heads = heads
        return heads

    def _lie(self, memory: Memory, forger: Forging) -> None:
        for role, number, call in forger.forge():
            self._submit(memory, Batch(role, call.sender, [(role, call.method, number)], [call]), self._now)

    def _misbehave(self, memory: Memory) -> None:
        """Send what nobody asked for."""
        for habit in self.habits:
            for number, (role, call) in enumerate(habit.more(self.config.link, self.config.name, self.endpoints)):
                self._submit(memory, Batch(role, call.sender, [(role, "again", number)], [call]), self._now)

    def show(self, view_end: str, parts: tuple[bytes, ...], sent: Callable[[int], None]) -> None:
        """Somebody asks what the source has at a key, the last of the parts: read it, and write it at the destination.

        Where it has nothing to show that the destination believes, nothing happens.

        Args:
            view_end: the contract that takes it.
            parts: of its call, but for the proof.
            sent: told the row of that call; never if there is none.
        """
        memory, source, destination = self._memory, self.endpoints[SOURCE], self.endpoints[DESTINATION]
        if memory is None or not (source.is_up and destination.is_up):
            return
        batch = Batch(DESTINATION, self._name_on(DESTINATION))
        if isinstance(self.forger, Forger):
            headers, proof = self.forger.answer(parts[-1])
            batch.calls += headers
            batch.headers = len(headers)
            batch.names += [(DESTINATION, call.method, -number) for number, call in enumerate(headers)]
        else:
            height = self._provers[SOURCE].reach(source, [destination])
            heads = {SOURCE: height or 0, DESTINATION: destination.head()}
            if height is None:
                return
            due = self._updates.due(DESTINATION, SOURCE, heads, self._under_way(memory, DESTINATION, SOURCE))
            if due is None or not self._bring(batch, SOURCE, due):
                return
            proof = self._provers[SOURCE].prove(source, parts[-1], height)
        batch.names.append((DESTINATION, view_end, int.from_bytes(parts[1], "big")))
        batch.calls.append(Call(view_end, views.WRITE, batch.sender, (*parts, proof)))
        done_ns = source.answer(1 + len(batch.calls))
        if done_ns is not None:
            there_ns = self._now + 2 * self.config.rpc_ns + len(batch.calls) * self.config.rpc_item_ns
            ready_ns = max(there_ns, done_ns + self.config.rpc_ns, batch.ready_ns)
            memory.busy.update((name, {("", 0)}) for name in batch.names)
            self._engine.call_at(ready_ns, self._show, memory, batch, self._now, sent)

    def _show(self, memory: Memory, batch: Batch, asked_ns: int, sent: Callable[[int], None]) -> None:
        self._submit(memory, batch, asked_ns)
        for _, row in memory.busy.get(batch.names[-1], ()):
            sent(row)

    @property
    def _now(self) -> int:
        return self._engine.now

    def _scan(self, memory: Memory, heads: Mapping[str, int]) -> None:
        """Read what the blocks did that a header shows by now."""
        for role, endpoint in self.endpoints.items():
            before = memory.scanned.get(role, 0)
            for receipt in endpoint.receipts(before, heads[role] - 1):
                event = receipt.event
                if receipt.link != self.config.link:
                    continue
                if event is None:
                    self._note_header(memory, role, receipt)
                    continue
                if event.step == Step.SENT:
                    self._remember(memory, event.packet, "" if receipt.call is None else receipt.call.sender)
                elif event.acknowledgement and role != SOURCE and self._route.hears:
                    memory.said[role, event.packet.sequence] = event.acknowledgement
            memory.scanned[role] = max(before, heads[role] - 1)
        memory.anew = False

    @staticmethod
    def _note_header(memory: Memory, role: str, receipt: Receipt) -> None:
        """A light client may have accepted a header, or was recovered by one."""
        call = receipt.call
        if call is None or receipt.refusal is not None or call.method not in {UPDATE_CLIENT, RECOVER}:
            return
        shown, data = call.parts
        header = header_in(data)
        memory.believed[role, shown.decode(), header.height] = header

    def _remember(self, memory: Memory, packet: Packet, sender: str) -> None:
        """A packet was sent; what was sent before a crash is found, or stays forgotten."""
        if memory.anew and self.config.forgets:
            return
        memory.packets[packet.sequence] = packet
        memory.streams[packet.sequence] = sender.rpartition("/")[0]
        if memory.anew:
            memory.found.add(packet.sequence)

    def _due(self, memory: Memory, view: View) -> list[Task]:
        tasks: list[Task] = []
        for sequence, packet in list(memory.packets.items()):
            due = self._route.due(packet, view)
            if due is None:
                del memory.packets[sequence]
                memory.found.discard(sequence)
                memory.streams.pop(sequence, None)
                for role in self.endpoints:
                    memory.said.pop((role, sequence), None)
                continue
            if any(habit.skips(packet, memory.streams.get(sequence, "")) for habit in self.habits):
                continue
            tasks.extend(task for task in due if task.name not in memory.busy and task not in tasks)
            if len(tasks) >= self.config.batch:
                return tasks[: self.config.batch]
        return tasks

    def _batch(self, memory: Memory, role: str, tasks: Sequence[Task], heads: Mapping[str, int]) -> Batch:
        """What is to be sent to a chain: the headers that it lacks, and the calls that are due for it."""
        batch = Batch(role, self._name_on(role))
        ours = [task for task in tasks if task.role == role]
        lacking: set[str] = set()
        for shown in dict.fromkeys(task.shown for task in ours if task.shown):
            under_way = self._under_way(memory, role, shown)
            heights = self._updates.due(role, shown, heads, under_way)
            if heights is None or not self._bring(batch, shown, heights):
                lacking.add(shown)
            elif heads[shown] in under_way:
                batch.needs |= under_way[heads[shown]]
        for task in [task for task in ours if task.shown not in lacking]:
            batch.names.append(task.name)
            batch.calls.append(self._call(task, heads, batch.sender))
        return batch

    def _name_on(self, role: str) -> str:
        """Under which it sends calls to a chain: with the key by which the chain knows it."""
        endpoint, config = self.endpoints[role], self.config
        data = endpoint.get(identity.document_key(config.did), endpoint.head())
        return config.name if data is None else f"{config.did}#{identity.latest_key(data)}"

    def _under_way(self, memory: Memory, role: str, shown: str) -> dict[int, set[Row]]:
        """The heights of the headers that it has sent to a chain and not been told of, with the rows of the calls."""
        method = _header_name(self._provers[shown], shown)
        return {height: rows for (to, name, height), rows in memory.busy.items() if (to, name) == (role, method)}

    def _bring(self, batch: Batch, shown: str, heights: range) -> bool:
        """Add as many of these headers to a batch as it can hold; False if these are not all, or can't be had."""
        fitting = heights[: self.config.batch - batch.headers]
        if heights and not fitting:
            return False
        prover = self._provers[shown]
        brought = prover.bring(self.endpoints[shown], fitting, self.endpoints[batch.role]) if fitting else Brought(())
        if len(brought.headers) < len(fitting):
            return False
        batch.ready_ns = max(batch.ready_ns, brought.ready_ns)
        for height, header in zip(fitting, brought.headers, strict=True):
            batch.names.append((batch.role, _header_name(prover, shown), height))
            batch.calls.append(Call(self.config.link, prover.method, batch.sender, (shown.encode(), header)))
            batch.headers += 1
        return len(fitting) == len(heights)

    def _watch(self, memory: Memory, heads: Mapping[str, int]) -> Iterator[Batch]:
        """Convict clients that were deceived, and refresh those that grow old."""
        for role, shown, height in [place for place in memory.believed if place[2] <= heads[place[1]]]:
            header = memory.believed.pop((role, shown, height))
            lies = header != self.endpoints[shown].header(height)
            if lies and not self._updates.is_frozen(role, shown, heads):
                yield from self._alone(memory, role, shown, height)
        for role, shown in self._clients:
            if memory.stale_at_ns.get((role, shown), 0) <= self._now:
                yield from self._refresh(memory, role, shown, heads)

    def _refresh(self, memory: Memory, role: str, shown: str, heads: Mapping[str, int]) -> Iterator[Batch]:
        """Bring a chain the head of another, if it has been long; if that is old, have the other one make a block."""
        stale_at_ns = self._updates.stale_at_ns(role, shown, heads)
        if stale_at_ns is None:
            # Members may recover it; until then there is nothing to do.
            stale_at_ns = self._now + int(self._provers[shown].period_ns * REFRESHED_AFTER)
        memory.stale_at_ns[role, shown] = stale_at_ns
        if stale_at_ns > self._now:
            return
        heights = self._updates.due(role, shown, heads, self._under_way(memory, role, shown))
        if heights:
            yield from self._alone(memory, role, shown, heights[-1])
        elif heights is not None and (shown, HEARTBEAT, 0) not in memory.busy:
            name = self._name_on(shown)
            yield Batch(shown, name, [(shown, HEARTBEAT, 0)], [Call(self.config.link, HEARTBEAT, name, ())])

    def _alone(self, memory: Memory, role: str, shown: str, height: int) -> Iterator[Batch]:
        batch = Batch(role, self._name_on(role))
        if height not in self._under_way(memory, role, shown) and self._bring(batch, shown, range(height, height + 1)):
            yield batch

    def _call(self, task: Task, heads: Mapping[str, int], sender: str) -> Call:
        """The call, with its proof."""
        parts = task.parts
        if task.shown:
            proof = self._provers[task.shown].prove(self.endpoints[task.shown], task.key, heads[task.shown])
            parts = (*parts, proof)
        return Call(self.config.link, task.method, sender, parts)

    def _submit(self, memory: Memory, batch: Batch, polled_ns: int) -> None:
        if memory is not self._memory:
            return
        endpoint = self.endpoints[batch.role]
        if not endpoint.is_up:
            for name in batch.names:
                memory.busy.pop(name, None)
            return
        chain = endpoint.chain.config.id
        version = max((habit.version for habit in self.habits), default=VERSION)
        data = [call.to_bytes(version) for call in batch.calls]
        rows = endpoint.submit(self.config.number, data)
        needs = sorted({*batch.needs, *((chain, row) for row in rows[: batch.headers])})
        for name, row, written in zip(batch.names, rows, data, strict=True):
            memory.busy[name] = {(chain, row)}
            self._books.carry(chain, row, polled_ns, self._now, len(written), needs)
        self.diary.calls += len(rows)
        self.diary.updates += batch.headers
        self.diary.size_bytes += sum(map(len, data))
        if self._doom is not None and any((batch.role, call.method) == self._doom[:2] for call in batch.calls):
            for_ns, self._doom = self._doom[2], None
            self.crash()
            if for_ns is not None:
                self._engine.call_after(for_ns, self.restart)


def _header_name(prover: Prover, shown: str) -> str:
    """What names calls that bring headers of the chain of a role."""
    return f"{prover.method}/{shown}"
