"""The event loop: integer nanoseconds over SimPy. The only file that imports simpy.

Ties break by insertion. A message costs one scheduled callback, never a process or a store; processes are for
long-lived behaviour only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import simpy
from simpy.core import StopSimulation

from sim.kernel.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

SECOND = 1_000_000_000
"""Nanoseconds in a second."""
MILLISECOND = 1_000_000
"""Nanoseconds in a millisecond."""


class EventLimit(Exception):
    """`Engine.run` executed ``max_events`` events before it reached its end time."""


class Timer(simpy.Event):
    """One scheduled call; `cancel` turns it into nothing."""

    _ok = True

    def __init__(
        self, fire: Callable[[simpy.Event], None], call: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        # simpy.Event.__init__ is not called: it would allocate a list and an environment reference per message.
        self.callbacks = (fire,)  # type: ignore[assignment] # simpy only iterates over it; a tuple is cheaper
        self.call: Callable[..., object] | None = call
        self.args = args

    def cancel(self) -> None:
        """Keep the call from happening; harmless after it has."""
        self.call = None


class Engine:
    """A clock and its agenda.

    Attributes:
        events: calls executed so far (cancelled ones do not count).
        trace: the running hash over what happened, see `sim.kernel.trace`.
    """

    def __init__(self) -> None:
        self._env = simpy.Environment(initial_time=0)
        self._schedule = self._env.schedule
        self._limit: int | None = None
        self.events = 0
        self.trace = Trace()
        self._stamp = self.trace.stamp

    @property
    def now(self) -> int:
        """Simulated time in nanoseconds since the start."""
        return int(self._env.now)

    def call_at(self, time_ns: int, call: Callable[..., object], *args: object) -> Timer:
        """Call ``call(*args)`` at ``time_ns``.

        Raises:
            ValueError: the time has passed.
        """
        delay = time_ns - self._env.now
        if delay < 0:
            raise ValueError(f"call_at({time_ns}): it is {self._env.now} already")
        timer = Timer(self._fire, call, args)
        self._schedule(timer, 1, delay)  # type: ignore[arg-type] # 1 is simpy's NORMAL priority
        return timer

    def call_after(self, delay_ns: int, call: Callable[..., object], *args: object) -> Timer:
        """Call ``call(*args)`` after ``delay_ns`` (ValueError if negative)."""
        return self.call_at(self._env.now + delay_ns, call, *args)  # type: ignore[arg-type] # as in _fire

    def process(self, generator: Generator[int, None, None]) -> None:
        """Run a long-lived behaviour: a generator that yields the nanoseconds it wants to sleep."""

        def resume() -> None:
            delay_ns = next(generator, None)
            if delay_ns is not None:
                self.call_after(delay_ns, resume)

        self.call_after(0, resume)

    def run(self, until: int, max_events: int | None = None) -> None:
        """Execute what is due before ``until`` (exclusive), then stand at ``until``; may be called again to go on.

        Raises:
            EventLimit: ``max_events`` calls were executed in this run and another is due; it stays due, so that the
                next run goes on with it.
        """
        self._limit = None if max_events is None else self.events + max_events
        if until <= self._env.now:
            return
        # Not simpy's own ``run(until=)``: its end event would stay on the agenda and stop a later run after a limit.
        end = Timer(_call, _stop, ())
        self._schedule(end, 0, until - self._env.now)  # type: ignore[arg-type] # 0 is simpy's URGENT: before all calls
        try:
            self._env.run()
        finally:
            end.cancel()

    def _fire(self, timer: simpy.Event) -> None:
        call = timer.call  # type: ignore[attr-defined] # only timers are scheduled with this callback
        if call is None:
            return
        if self.events == self._limit:
            timer.callbacks = (self._fire,)  # type: ignore[assignment] # as in Timer
            self._schedule(timer, 0, 0)  # type: ignore[arg-type] # URGENT: it was the first of its time and stays it
            raise EventLimit(f"{self._limit} events executed by {self._env.now} ns")
        self.events += 1
        self._stamp(self._env.now)  # type: ignore[arg-type] # simpy types time as float; ours is an int
        call(*timer.args)  # type: ignore[attr-defined]


def _call(timer: simpy.Event) -> None:
    if timer.call is not None:  # type: ignore[attr-defined] # only timers are scheduled with this callback
        timer.call(*timer.args)  # type: ignore[attr-defined]


def _stop() -> None:
    raise StopSimulation(None)
