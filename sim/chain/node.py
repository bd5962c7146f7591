"""One node: a CPU that serves first come first served, the replica that it hosts if it validates, its timers.

A message costs one event. Because the CPU serves in order of arrival, when its work will be done is known on arrival:
``max(arrival, free) + work``. The replica is stepped then, with that time as its now, and what it sends leaves at that
time. A crash that is due before the work is done loses the message, so crashes are made known to the node beforehand.

With several cores, taking a message in (hash, signatures) occupies the core that is free first, and checking the
transactions of a proposal is spread over all of them. The replica itself is one thread: messages are handed to it in
the order in which they came, each when it is checked, and its signing and executing are done one after the other, on
whichever core is free first. With one core all of this is the one queue.
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
        cores: of its CPU.
        cpu_free_ns: when the replica's thread will have done all that it has taken in; with one core, the CPU.
        core_free_ns: of each core, when it will be free; not kept for a single one.
        cpu_busy_ns: CPU time spent so far.
        slow: its CPU takes this many times longer than others.
        timers: of the replica, by name; due_ns: when each expires, or would have.
        idle: it knows of no transaction that waits, so the next one has to wake it.
    """

    __slots__ = (
        "core_free_ns",
        "cores",
        "cpu_busy_ns",
        "cpu_free_ns",
        "down",
        "downtimes",
        "due_ns",
        "halt_ns",
        "idle",
        "index",
        "region",
        "replica",
        "slow",
        "timers",
    )

    def __init__(self, index: int, region: str, replica: Replica | None, cores: int = 1) -> None:
        self.index = index
        self.cores = cores
        self.core_free_ns = [0] * cores
        self.region = region
        self.replica = replica
        self.down = False
        self.downtimes: tuple[tuple[int, int], ...] = ()
        self.halt_ns = NEVER
        self.cpu_free_ns = 0
        self.cpu_busy_ns = 0
        self.slow = 1
        self.idle = True
        self.timers: dict[str, Timer] = {}
        self.due_ns: dict[str, int] = {}

    def take(self, received_ns: int, message_ns: int, batch_ns: int) -> int | None:
        """Take a message in on several cores; returns when it is handed to the replica, or None if a crash comes first.

        Args:
            received_ns: when it is there.
            message_ns: work on the message as a whole, for one core.
            batch_ns: work on its transactions, which all cores share.
        """
        message_ns *= self.slow
        share_ns = -(-batch_ns * self.slow // self.cores)
        free_ns = self.core_free_ns
        first = free_ns.index(min(free_ns))
        done_ns = max(received_ns, free_ns[first]) + message_ns
        ends_ns = [max(received_ns, free) + share_ns for free in free_ns] if share_ns else list(free_ns)
        ends_ns[first] = done_ns + share_ns
        handed_ns = max(self.cpu_free_ns, *(ends_ns if share_ns else (done_ns,)))
        if self.down or handed_ns > self.halt_ns:
            self.lose()
            return None
        self.core_free_ns = ends_ns
        self.cpu_free_ns = handed_ns
        self.cpu_busy_ns += message_ns + share_ns * self.cores
        return handed_ns

    def work(self, from_ns: int, work_ns: int) -> int | None:
        """Do work that could start at ``from_ns``; returns when it is done, or None if the node crashes before."""
        work_ns *= self.slow
        start_ns = max(from_ns, self.cpu_free_ns)
        if self.cores > 1 and work_ns:
            core = self.core_free_ns.index(min(self.core_free_ns))
            start_ns = max(start_ns, self.core_free_ns[core])
            self.core_free_ns[core] = start_ns + work_ns
        done_ns = start_ns + work_ns
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
        """The share of a horizon that its cores worked, once the engine stands at it; a backlog beyond is left out."""
        free_ns = [self.cpu_free_ns] if self.cores == 1 else self.core_free_ns
        beyond_ns = sum(max(0, core_ns - horizon_ns) for core_ns in free_ns)
        return (self.cpu_busy_ns - beyond_ns) / (self.cores * horizon_ns)

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
        self.core_free_ns = [now_ns] * self.cores
