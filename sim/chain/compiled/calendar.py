"""An agenda for compiled loops that know how many events will come, and about how far apart: a calendar queue.

R. Brown, "Calendar queues: a fast O(1) priority queue implementation for the simulation event set problem",
Communications of the ACM 31 (10), 1988. Time is cut into days, and days recur every year: a day holds its events of all
years, in the order in which they are due, those of one time in the order in which they were entered. With about as many
days as events, to enter or take one takes the same time however many there are. How long a day is matters to nothing
else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.chain.compiled.wires import inner, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells = NDArray[np.int64]

ENTERED, TAKEN, TODAY, DAY_BITS = range(4)
"""Fields of `Calendar.state`: how many events were entered and taken, the day of the last one, and that a day has
2^DAY_BITS nanoseconds."""
_NONE = -1


class Calendar(NamedTuple):
    """Arrays of an agenda.

    Attributes:
        state: see `ENTERED` and its neighbours.
        due, what: of each event, in the order in which they were entered.
        after: the event after it on its day; after the last comes the first.
        last: of each day's events, -1 if it has none. A power of two of days make a year.
    """

    state: Cells
    due: Cells
    what: Cells
    after: Cells
    last: Cells

    @classmethod
    def make(cls, events: int) -> Calendar:
        """Room for so many events between two times that it is opened."""
        days = 1 << events.bit_length()
        state, by_event, last = np.zeros(4, dtype=np.int64), np.empty((3, events), dtype=np.int64), np.full(days, _NONE)
        return cls._make([state, *by_event, last])


@part
def open_at(calendar: Calendar, now_ns: int, span_ns: int) -> None:
    """Begin anew with no events, none of which will be before ``now_ns`` and most in the span after it."""
    state = calendar.state
    bits, day_ns = 0, span_ns // len(calendar.last)
    while day_ns >> bits:
        bits += 1
    state[ENTERED] = state[TAKEN] = 0
    state[TODAY], state[DAY_BITS] = now_ns >> bits, bits


@inner
def enter(calendar: Calendar, due_ns: int, what: int) -> None:
    """Enter an event that is not due before the last that was taken; behind those of the same time."""
    state, due, after, last = calendar.state, calendar.due, calendar.after, calendar.last
    event = state[ENTERED]
    if event == len(due):
        raise IndexError("the calendar of a compiled loop is full")
    state[ENTERED] = event + 1
    due[event], calendar.what[event] = due_ns, what
    day = (due_ns >> state[DAY_BITS]) & (len(last) - 1)
    place = last[day]
    if place == _NONE:
        after[event] = last[day] = event
        return
    if due[place] <= due_ns:
        last[day] = event
    else:
        while due[after[place]] <= due_ns:
            place = after[place]
    after[event] = after[place]
    after[place] = event


@inner
def take(calendar: Calendar) -> int:
    """Take the next event, of which there is one; returns its place in ``due`` and ``what``."""
    state, due, after, last = calendar.state, calendar.due, calendar.after, calendar.last
    bits, year, day = state[DAY_BITS], len(last), state[TODAY]
    for _ in range(year):
        latest = last[day & (year - 1)]
        if latest != _NONE and due[after[latest]] >> bits == day:
            break
        day += 1
    else:
        day = _next_day(calendar)
        latest = last[day & (year - 1)]
    event = after[latest]
    after[latest] = after[event]
    last[day & (year - 1)] = _NONE if event == latest else latest
    state[TODAY] = day
    state[TAKEN] += 1
    return event


@part
def _next_day(calendar: Calendar) -> int:
    """The next day that has an event, however many years ahead."""
    day = -1
    for latest in calendar.last:
        if latest != _NONE:
            first = calendar.due[calendar.after[latest]] >> calendar.state[DAY_BITS]
            if day < 0 or first < day:
                day = first
    return day
