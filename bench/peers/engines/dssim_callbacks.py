"""DSSim with its fast layer: events for subscribers that are plain functions."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from dssim import DSSimulation, LiteLayer2

if TYPE_CHECKING:
    from bench.peers.workloads import Flood, Queue


def queue(workload: Queue) -> int:
    """M/M/1."""
    simulation, waiting, busy, waited = DSSimulation(layer2=LiteLayer2), deque(), False, 0
    gaps, services = iter(workload.gaps_ns), iter(workload.services_ns)

    def arrive(_: object) -> None:
        nonlocal busy
        if busy:
            waiting.append(simulation.time)
        else:
            busy = True
            simulation.schedule_event(next(services), None, leaving)
        for gap in gaps:
            simulation.schedule_event(gap, None, arriving)
            return

    def leave(_: object) -> None:
        nonlocal busy, waited
        if waiting:
            waited += simulation.time - waiting.popleft()
            simulation.schedule_event(next(services), None, leaving)
        else:
            busy = False

    arriving, leaving = simulation.callback(arrive), simulation.callback(leave)
    simulation.schedule_event(next(gaps), None, arriving)
    simulation.run()
    return int(waited)


def flood(workload: Flood) -> int:
    """Messages between nodes, each of which subscribes to what is sent to it."""
    simulation, nodes = DSSimulation(layer2=LiteLayer2), workload.start()

    def say(node: int, number: int) -> None:
        for other, delay in nodes.sends(node, number):
            simulation.schedule_event(delay, (other, number), inboxes[other])

    def hear(message: tuple[int, int]) -> None:
        node, number = message
        if nodes.hear(node, number, simulation.time):
            say(node, number + 1)

    inboxes = [simulation.callback(hear) for _ in range(workload.nodes)]
    for node in range(workload.nodes):
        say(node, 0)
    simulation.run()
    return nodes.result()
