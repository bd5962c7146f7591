"""SimPy at its fastest: a timeout with a callback per event, and no process."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import simpy

if TYPE_CHECKING:
    from bench.peers.workloads import Flood, Queue


def queue(workload: Queue) -> int:
    """M/M/1."""
    environment, waiting, busy, waited = simpy.Environment(), deque(), False, 0
    gaps, services = iter(workload.gaps_ns), iter(workload.services_ns)

    def arrive(_: object) -> None:
        nonlocal busy
        if busy:
            waiting.append(environment.now)
        else:
            busy = True
            environment.timeout(next(services)).callbacks.append(leave)
        for gap in gaps:
            environment.timeout(gap).callbacks.append(arrive)
            return

    def leave(_: object) -> None:
        nonlocal busy, waited
        if waiting:
            waited += environment.now - waiting.popleft()
            environment.timeout(next(services)).callbacks.append(leave)
        else:
            busy = False

    environment.timeout(next(gaps)).callbacks.append(arrive)
    environment.run()
    return waited


def flood(workload: Flood) -> int:
    """Messages between nodes; a timeout's value is the message."""
    environment, nodes = simpy.Environment(), workload.start()

    def hear(timeout: simpy.Timeout) -> None:
        node, number = timeout.value
        if nodes.hear(node, number, environment.now):
            say(node, number + 1)

    def say(node: int, number: int) -> None:
        for other, delay in nodes.sends(node, number):
            environment.timeout(delay, (other, number)).callbacks.append(hear)

    for node in range(workload.nodes):
        say(node, 0)
    environment.run()
    return nodes.result()
