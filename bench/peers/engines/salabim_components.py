"""salabim, without its `yield`-less greenlets: a component per customer and a resource; a store per node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import salabim

if TYPE_CHECKING:
    from collections.abc import Generator

    from bench.peers.workloads import Flood, Queue


def _environment() -> salabim.Environment:
    salabim.yieldless(value=False)
    return salabim.Environment(trace=False, do_reset=True)


def queue(workload: Queue) -> int:
    """M/M/1."""
    environment = _environment()
    server, waited = salabim.Resource(capacity=1, monitor=False), 0

    class Customer(salabim.Component):
        def process(self, service: int) -> Generator[Any, None, None]:
            nonlocal waited
            came = environment.now()
            yield self.request(server)
            waited += environment.now() - came
            yield self.hold(service)
            self.release()

    class Arrivals(salabim.Component):
        def process(self) -> Generator[Any, None, None]:
            for gap, service in zip(workload.gaps_ns, workload.services_ns, strict=True):
                yield self.hold(gap)
                Customer(service=service)

    Arrivals()
    environment.run()
    return int(waited)


def flood(workload: Flood) -> int:
    """Messages between nodes: a component per message on its way, and one per node that reads its store."""
    environment, nodes = _environment(), workload.start()
    inboxes = [salabim.Store(f"inbox {node}") for node in range(workload.nodes)]

    class Message(salabim.Component):
        def setup(self, number: int) -> None:
            self.number = number

        def process(self, other: int, wait: int) -> Generator[Any, None, None]:
            yield self.hold(wait)
            yield self.to_store(inboxes[other], self)

    def say(node: int, number: int) -> None:
        for other, delay in nodes.sends(node, number):
            Message(other=other, wait=delay, number=number)

    class Node(salabim.Component):
        def process(self, node: int) -> Generator[Any, None, None]:
            say(node, 0)
            while True:
                message = yield self.from_store(inboxes[node])
                if nodes.hear(node, message.number, environment.now()):
                    say(node, message.number + 1)

    for node in range(workload.nodes):
        Node(node=node)
    environment.run()
    return nodes.result()
