"""asimpy: processes as coroutines; a resource, and a queue per node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asimpy

if TYPE_CHECKING:
    from bench.peers.workloads import Flood, Nodes, Queue


class _Customer(asimpy.Process):
    def init(self, server: asimpy.Resource, service: int, waits: list[float]) -> None:
        self._server, self._service, self._waits = server, service, waits

    async def run(self) -> None:
        came = self.now
        async with self._server:
            self._waits.append(self.now - came)
            await self.timeout(self._service)


class _Arrivals(asimpy.Process):
    def init(self, workload: Queue, server: asimpy.Resource, waits: list[float]) -> None:
        self._workload, self._server, self._waits = workload, server, waits

    async def run(self) -> None:
        for gap, service in zip(self._workload.gaps_ns, self._workload.services_ns, strict=True):
            await self.timeout(gap)
            _Customer(self._env, self._server, service, self._waits)


def queue(workload: Queue) -> int:
    """M/M/1."""
    environment, waits = asimpy.Environment(), []
    _Arrivals(environment, workload, asimpy.Resource(environment), waits)
    environment.run()
    return int(sum(waits))


class _Message(asimpy.Process):
    def init(self, inbox: asimpy.Queue, number: int, delay: int) -> None:
        self._inbox, self._number, self._delay = inbox, number, delay

    async def run(self) -> None:
        await self.timeout(self._delay)
        await self._inbox.put(self._number)


class _Node(asimpy.Process):
    def init(self, node: int, nodes: Nodes, inboxes: list[asimpy.Queue]) -> None:
        self._node, self._nodes, self._inboxes = node, nodes, inboxes

    async def run(self) -> None:
        self._say(0)
        while True:
            number = await self._inboxes[self._node].get()
            if self._nodes.hear(self._node, number, self.now):
                self._say(number + 1)

    def _say(self, number: int) -> None:
        for other, delay in self._nodes.sends(self._node, number):
            _Message(self._env, self._inboxes[other], number, delay)


def flood(workload: Flood) -> int:
    """Messages between nodes: a process per message on its way, and one per node that reads its queue."""
    environment, nodes = asimpy.Environment(), workload.start()
    inboxes = [asimpy.Queue(environment) for _ in range(workload.nodes)]
    for node in range(workload.nodes):
        _Node(environment, node, nodes, inboxes)
    environment.run()
    return nodes.result()
