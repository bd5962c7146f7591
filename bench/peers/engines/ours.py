"""This project's engine: a callback per event, on SimPy's agenda."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sim.kernel.engine import Engine

if TYPE_CHECKING:
    from bench.peers.workloads import Flood, Queue

FOREVER = 1 << 62


def queue(workload: Queue) -> int:
    """M/M/1."""
    engine, waiting, busy, waited = Engine(), deque(), False, 0
    gaps, services = iter(workload.gaps_ns), iter(workload.services_ns)

    def arrive() -> None:
        nonlocal busy
        if busy:
            waiting.append(engine.now)
        else:
            busy = True
            engine.call_after(next(services), leave)
        for gap in gaps:
            engine.call_after(gap, arrive)
            return

    def leave() -> None:
        nonlocal busy, waited
        if waiting:
            waited += engine.now - waiting.popleft()
            engine.call_after(next(services), leave)
        else:
            busy = False

    engine.call_after(next(gaps), arrive)
    engine.run(until=FOREVER)
    return waited


def flood(workload: Flood) -> int:
    """Messages between nodes."""
    engine, nodes = Engine(), workload.start()

    def hear(node: int, number: int) -> None:
        if nodes.hear(node, number, engine.now):
            say(node, number + 1)

    def say(node: int, number: int) -> None:
        for other, delay in nodes.sends(node, number):
            engine.call_after(delay, hear, other, number)

    for node in range(workload.nodes):
        say(node, 0)
    engine.run(until=FOREVER)
    return nodes.result()
