"""event-graph-sim: a model's methods are the events of a graph that schedule each other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from event_graph_sim import SimpleKit

if TYPE_CHECKING:
    from bench.peers.workloads import Flood, Queue


class _Queue(SimpleKit):
    def __init__(self, workload: Queue) -> None:
        super().__init__()
        self._gaps, self._services = iter(workload.gaps_ns), iter(workload.services_ns)
        self._waiting: deque[float] = deque()
        self._busy = False
        self.waited = 0

    def init(self) -> None:
        self.schedule(self.arrive, next(self._gaps))

    def arrive(self) -> None:
        if self._busy:
            self._waiting.append(self.model_time)
        else:
            self._busy = True
            self.schedule(self.leave, next(self._services))
        for gap in self._gaps:
            self.schedule(self.arrive, gap)
            return

    def leave(self) -> None:
        if self._waiting:
            self.waited += self.model_time - self._waiting.popleft()
            self.schedule(self.leave, next(self._services))
        else:
            self._busy = False


class _Flood(SimpleKit):
    def __init__(self, workload: Flood) -> None:
        super().__init__()
        self._count = workload.nodes
        self.nodes = workload.start()

    def init(self) -> None:
        for node in range(self._count):
            self.say(node, 0)

    def say(self, node: int, number: int) -> None:
        for other, delay in self.nodes.sends(node, number):
            self.schedule(self.hear, delay, other, number)

    def hear(self, node: int, number: int) -> None:
        if self.nodes.hear(node, number, self.model_time):
            self.say(node, number + 1)


def queue(workload: Queue) -> int:
    """M/M/1."""
    model = _Queue(workload)
    model.run()
    return int(model.waited)


def flood(workload: Flood) -> int:
    """Messages between nodes."""
    model = _Flood(workload)
    model.run()
    return model.nodes.result()
