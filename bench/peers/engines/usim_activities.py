"""μSim: activities as coroutines; a lock, and a queue per node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import usim

if TYPE_CHECKING:
    from bench.peers.workloads import Flood, Queue


def queue(workload: Queue) -> int:
    """M/M/1."""
    waited = 0

    async def customer(server: usim.Lock, service: int) -> None:
        nonlocal waited
        came = usim.time.now
        async with server:
            waited += usim.time.now - came
            await (usim.time + service)

    async def arrivals() -> None:
        server = usim.Lock()
        async with usim.Scope() as scope:
            for gap, service in zip(workload.gaps_ns, workload.services_ns, strict=True):
                await (usim.time + gap)
                scope.do(customer(server, service))

    usim.run(arrivals())
    return int(waited)


def flood(workload: Flood) -> int:
    """Messages between nodes: an activity per message on its way, and one per node that reads its queue."""
    nodes = workload.start()

    async def network() -> None:
        inboxes = [usim.Queue() for _ in range(workload.nodes)]

        async def travel(other: int, number: int) -> None:
            await inboxes[other].put(number)

        async def live(node: int) -> None:
            say(node, 0)
            async for number in inboxes[node]:
                if nodes.hear(node, number, usim.time.now):
                    say(node, number + 1)

        def say(node: int, number: int) -> None:
            for other, delay in nodes.sends(node, number):
                scope.do(travel(other, number), after=delay)

        async with usim.Scope() as scope:
            for node in range(workload.nodes):
                scope.do(live(node), volatile=True)

    usim.run(network())
    return nodes.result()
