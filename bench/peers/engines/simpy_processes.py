"""SimPy as its documentation teaches it: a process per customer and a resource; a store per node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import simpy

if TYPE_CHECKING:
    from collections.abc import Generator

    from bench.peers.workloads import Flood, Queue


def queue(workload: Queue) -> int:
    """M/M/1."""
    environment = simpy.Environment()
    server, waited = simpy.Resource(environment), 0

    def customer(service: int) -> Generator[simpy.Event, None, None]:
        nonlocal waited
        came = environment.now
        with server.request() as turn:
            yield turn
            waited += environment.now - came
            yield environment.timeout(service)

    def arrivals() -> Generator[simpy.Event, None, None]:
        for gap, service in zip(workload.gaps_ns, workload.services_ns, strict=True):
            yield environment.timeout(gap)
            environment.process(customer(service))

    environment.process(arrivals())
    environment.run()
    return waited


def flood(workload: Flood) -> int:
    """Messages between nodes: a process per message on its way, and one per node that reads its store."""
    environment, nodes = simpy.Environment(), workload.start()
    inboxes = [simpy.Store(environment) for _ in range(workload.nodes)]

    def travel(other: int, number: int, delay: int) -> Generator[simpy.Event, None, None]:
        yield environment.timeout(delay)
        yield inboxes[other].put(number)

    def say(node: int, number: int) -> None:
        for other, delay in nodes.sends(node, number):
            environment.process(travel(other, number, delay))

    def live(node: int) -> Generator[simpy.Event, None, None]:
        say(node, 0)
        while True:
            number = yield inboxes[node].get()
            if nodes.hear(node, number, environment.now):
                say(node, number + 1)

    for node in range(workload.nodes):
        environment.process(live(node))
    environment.run()
    return nodes.result()
