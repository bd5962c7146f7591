"""The event loop: integer nanoseconds over SimPy. The only file that imports simpy.

Ties break by insertion. A message costs one scheduled callback, never a process or a store; processes are for
long-lived behaviour only. `Engine.call_at` puts its timers straight onto SimPy's agenda, and the loop calls them
without SimPy's event objects around them, which halves their cost; anything else on the agenda, such as a process, is
left to SimPy's own step. Events that need no Python may stand on an agenda of their own beside this one (`Beside`):
they happen in the same order, and the trace holds them like all others.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Protocol

import simpy

from sim.kernel.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

SECOND = 1_000_000_000
"""Nanoseconds in a second."""
MILLISECOND = 1_000_000
"""Nanoseconds in a millisecond."""

NEVER = 2**62
"""A time that no run reaches, in nanoseconds."""
_NORMAL = 1
"""SimPy's priority of ordinary events."""


class EventLimit(Exception):
    """`Engine.run` executed ``max_events`` events before it reached its end time."""


class Timer:
    """One scheduled call; `cancel` turns it into nothing."""

    __slots__ = ("args", "call")

    def __init__(self, call: Callable[..., object], args: tuple[object, ...]) -> None:
        self.call: Callable[..., object] | None = call
        self.args = args

    def cancel(self) -> None:
        """Keep the call from happening; harmless after it has."""
        self.call = None


class Beside(Protocol):
    """An agenda beside the engine's own, whose events are numbered by `Engine.number` and mostly need no Python.

    Attributes:
        due_ns: when its next event is due; `NEVER` if it has none.
        now_ns: when the last one was that `advance` executed.
    """

    due_ns: int
    now_ns: int

    def advance(self, until_ns: int, number: int, limit: int) -> tuple[Callable[[], object] | None, memoryview]:
        """Execute what is due before ``until_ns``, or at it with a smaller number; ``limit`` events at most.

        Returns:
            What Python has to do for the last of them, if anything; it is the last one then. And the times of all, as
            64-bit integers of this machine, to be read before the next call.
        """


class _Agenda(simpy.Environment):
    """SimPy's environment, with timers among its events."""

    _queue: list[tuple[int, int, int, Any]]  # type: ignore[assignment] # simpy: any number as time, events only

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.queue = self._queue
        self.next_number = self._eid.__next__

    def advance(self, until: int, limit: int | None, engine: Engine) -> None:
        """Execute everything due before ``until``; `EventLimit` after ``limit`` calls if more are due."""
        queue = self._queue
        stamp = engine.trace.stamp
        while queue and queue[0][0] < until:
            time_ns, _, _, event = queue[0]
            timer = event if type(event) is Timer else None
            if timer is not None and timer.call is None:
                heappop(queue)
                continue
            if limit is not None:
                if limit == 0:
                    raise EventLimit(f"{engine.events} events executed, and another is due at {time_ns} ns")
                limit -= 1
            engine.events += 1
            engine.now = time_ns
            stamp(time_ns)
            if timer is None:
                self.step()
            else:
                heappop(queue)
                self._now = time_ns
                timer.call(*timer.args)  # type: ignore[misc] # mypy forgets that it is not None
        self._now = max(until, self._now)
        engine.now = max(until, engine.now)

    def advance_beside(self, until: int, limit: int | None, engine: Engine, beside: Beside) -> None:
        """As `advance`, with another agenda beside this one: what is due first comes first, wherever it stands."""
        queue = self._queue
        left = NEVER if limit is None else limit
        while True:
            while queue and type(queue[0][3]) is Timer and queue[0][3].call is None:
                heappop(queue)
            time_ns, priority, number, _ = queue[0] if queue else (until, 0, 0, None)
            if time_ns >= until:
                time_ns, priority = until, 0
            if beside.due_ns <= time_ns and left:
                call, times = beside.advance(time_ns, number if priority == _NORMAL else -1, left)
                if times:
                    engine.events += len(times)
                    left -= len(times)
                    engine.now = self._now = beside.now_ns
                    engine.trace.stamp_all(times)
                    if call is not None:
                        call()
                    continue
            if time_ns == until and beside.due_ns >= until:
                break
            if not left:
                due_ns = min(time_ns, beside.due_ns)
                raise EventLimit(f"{engine.events} events executed, and another is due at {due_ns} ns")
            left -= 1
            self._execute(engine)
        self._now = max(until, self._now)
        engine.now = max(until, engine.now)

    def _execute(self, engine: Engine) -> None:
        """Execute the first event of this agenda, which is due and not cancelled."""
        time_ns, _, _, event = self._queue[0]
        engine.events += 1
        engine.now = time_ns
        engine.trace.stamp(time_ns)
        if type(event) is Timer:
            heappop(self._queue)
            self._now = time_ns
            event.call(*event.args)  # type: ignore[misc] # it is not cancelled
        else:
            self.step()


class Engine:
    """A clock and its agenda.

    Attributes:
        now: simulated time in nanoseconds since the start.
        events: calls executed so far (cancelled ones do not count).
        trace: the running hash over what happened, see `sim.kernel.trace`.
    """

    def __init__(self) -> None:
        self._agenda = _Agenda()
        self._queue = self._agenda.queue
        self._next_number = self._agenda.next_number
        self.now = 0
        self.events = 0
        self.trace = Trace()
        self._beside: Beside | None = None

    def join(self, beside: Beside) -> None:
        """Let events of another agenda happen as well, from the next `run` on; there is place for one."""
        if self._beside is not None:
            raise ValueError("there is an agenda beside the engine's already")
        self._beside = beside

    def number(self) -> int:
        """The number of an event that is put on the agenda beside; of two at the same time the lower is first."""
        return self._next_number()

    def call_at(self, time_ns: int, call: Callable[..., object], *args: object) -> Timer:
        """Call ``call(*args)`` at ``time_ns``.

        Raises:
            ValueError: the time has passed.
        """
        if time_ns < self.now:
            raise ValueError(f"call_at({time_ns}): it is {self.now} already")
        timer = Timer(call, args)
        heappush(self._queue, (time_ns, _NORMAL, self._next_number(), timer))
        return timer

    def call_after(self, delay_ns: int, call: Callable[..., object], *args: object) -> Timer:
        """Call ``call(*args)`` after ``delay_ns`` (ValueError if negative)."""
        return self.call_at(self.now + delay_ns, call, *args)

    def process(self, generator: Generator[int, None, None]) -> None:
        """Run a long-lived behaviour: a generator that yields the nanoseconds it wants to sleep."""

        def sleeper() -> Generator[simpy.Event, None, None]:
            for delay_ns in generator:
                yield self._agenda.timeout(delay_ns)

        self._agenda.process(sleeper())

    def run(self, until: int, max_events: int | None = None) -> None:
        """Execute what is due before ``until`` (exclusive), then stand at ``until``; may be called again to go on.

        Raises:
            EventLimit: ``max_events`` calls were executed in this run and another is due; it stays due, so that the
                next run goes on with it.
        """
        if until > self.now:
            if self._beside is None:
                self._agenda.advance(until, max_events, self)
            else:
                self._agenda.advance_beside(until, max_events, self, self._beside)
            self.trace.flush()
