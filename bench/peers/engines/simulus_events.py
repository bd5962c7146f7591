"""simulus: direct events, which are plain functions."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import simulus

if TYPE_CHECKING:
    from bench.peers.workloads import Flood, Queue


def queue(workload: Queue) -> int:
    """M/M/1."""
    simulator, waiting, busy, waited = simulus.simulator(), deque(), False, 0
    gaps, services = iter(workload.gaps_ns), iter(workload.services_ns)

    def arrive() -> None:
        nonlocal busy
        if busy:
            waiting.append(simulator.now)
        else:
            busy = True
            simulator.sched(leave, offset=next(services))
        for gap in gaps:
            simulator.sched(arrive, offset=gap)
            return

    def leave() -> None:
        nonlocal busy, waited
        if waiting:
            waited += simulator.now - waiting.popleft()
            simulator.sched(leave, offset=next(services))
        else:
            busy = False

    simulator.sched(arrive, offset=next(gaps))
    simulator.run()
    return int(waited)


def flood(workload: Flood) -> int:
    """Messages between nodes."""
    simulator, nodes = simulus.simulator(), workload.start()

    def hear(node: int, number: int) -> None:
        if nodes.hear(node, number, simulator.now):
            say(node, number + 1)

    def say(node: int, number: int) -> None:
        for other, delay in nodes.sends(node, number):
            simulator.sched(hear, other, number, offset=delay)

    for node in range(workload.nodes):
        say(node, 0)
    simulator.run()
    return nodes.result()
