"""desimpy: an event scheduler for plain functions."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from desimpy import EventScheduler

if TYPE_CHECKING:
    from bench.peers.workloads import Flood, Queue


def queue(workload: Queue) -> int:
    """M/M/1."""
    scheduler, waiting, busy, waited = EventScheduler(), deque(), False, 0
    gaps, services = iter(workload.gaps_ns), iter(workload.services_ns)

    def arrive() -> None:
        nonlocal busy
        if busy:
            waiting.append(scheduler.now)
        else:
            busy = True
            scheduler.timeout(next(services), leave)
        for gap in gaps:
            scheduler.timeout(gap, arrive)
            return

    def leave() -> None:
        nonlocal busy, waited
        if waiting:
            waited += scheduler.now - waiting.popleft()
            scheduler.timeout(next(services), leave)
        else:
            busy = False

    scheduler.timeout(next(gaps), arrive)
    scheduler.run(_finished, logging=False)
    return int(waited)


def flood(workload: Flood) -> int:
    """Messages between nodes."""
    scheduler, nodes = EventScheduler(), workload.start()

    def hear(node: int, number: int) -> None:
        if nodes.hear(node, number, scheduler.now):
            say(node, number + 1)

    def say(node: int, number: int) -> None:
        for other, delay in nodes.sends(node, number):
            scheduler.timeout(delay, partial(hear, other, number))

    for node in range(workload.nodes):
        say(node, 0)
    scheduler.run(_finished, logging=False)
    return nodes.result()


def _finished(scheduler: EventScheduler) -> bool:
    return not scheduler.event_queue
