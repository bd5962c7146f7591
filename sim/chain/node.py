"""One node: a CPU that serves first come first served, the replica that it hosts if it validates, its timers.

A message costs one event. Because the CPU serves in order of arrival, when its work will be done is known on arrival:
``max(arrival, free) + work``. The replica is stepped then, with that time as its now, and what it sends leaves at that
time. A crash that is due before the work is done loses the message, so crashes are made known to the node beforehand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.network.transport import NEVER

if TYPE_CHECKING:
    from sim.consensus.interface import Replica
    from sim.kernel.engine import Timer


class Node:
    """A machine of a chain.

    Attributes:
        index: its number; validators come first.
        region: where it stands.
        replica: the protocol's state machine; None for an observer.
        down: crashed and not restarted yet.
        downtimes: when it is down, as pairs of crash and restart.
        halt_ns: when it will next crash.
        cpu_free_ns: when it will have done all work that it has taken in.
        cpu_busy_ns: CPU time spent so far.
        idle: it knows of no transaction that waits, so the next one has to wake it.
    """

    __slots__ = (
        "cpu_busy_ns",
        "cpu_free_ns",
        "down",
        "downtimes",
        "halt_ns",
        "idle",
        "index",
        "region",
        "replica",
        "timers",
    )

    def __init__(self, index: int, region: str, replica: Replica | None) -> None:
        self.index = index
        self.region = region
        self.replica = replica
        self.down = False
        self.downtimes: tuple[tuple[int, int], ...] = ()
        self.halt_ns = NEVER
        self.cpu_free_ns = 0
        self.cpu_busy_ns = 0
        self.idle = True
        self.timers: dict[str, Timer] = {}

    def work(self, from_ns: int, work_ns: int) -> int | None:
        """Do work that could start at ``from_ns``; returns when it is done, or None if the node crashes before."""
        done_ns = max(from_ns, self.cpu_free_ns) + work_ns
        if self.down or done_ns > self.halt_ns:
            self.lose()
            return None
        self.cpu_free_ns = done_ns
        self.cpu_busy_ns += work_ns
        return done_ns

    def lose(self) -> None:
        """Lose work to a crash: the node is at it until it stops, so whatever comes after is lost with it."""
        self.cpu_free_ns = max(self.cpu_free_ns, self.halt_ns + 1)

    def is_down_at(self, time_ns: int) -> bool:
        """Whether it is down at that time."""
        return any(crash_ns <= time_ns < restart_ns for crash_ns, restart_ns in self.downtimes)

    def utilisation(self, horizon_ns: int) -> float:
        """The share of a horizon that its CPU worked, once the engine stands at it; a backlog beyond is left out."""
        return (self.cpu_busy_ns - max(0, self.cpu_free_ns - horizon_ns)) / horizon_ns

    def crash(self) -> None:
        """Stop: timers are gone, what arrives is lost."""
        self.down = True
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()

    def restart(self, now_ns: int) -> None:
        """Come back with the disk, and so with the replica's state."""
        self.down = False
        self.idle = False
        self.cpu_free_ns = now_ns
