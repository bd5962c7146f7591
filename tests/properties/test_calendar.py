"""The compiled loops' calendar is a queue: what is due first comes first, and of one time what was entered first."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.chain.compiled.calendar import ENTERED, TAKEN, Calendar, enter, open_at, take

delays = st.one_of(st.integers(0, 20), st.integers(0, 10**5), st.sampled_from([10**9, 10**12]))
"""Of an event after the one that sets it off: many at once, a crowd, a long pause."""


@given(st.integers(0, 10**15), st.sampled_from([0, 1, 1000, 10**9, 10**13]), st.lists(st.tuples(delays, st.booleans())))
def test_it_takes_events_in_the_order_of_a_heap(now_ns: int, span_ns: int, steps: list[tuple[int, bool]]) -> None:
    calendar = Calendar.make(len(steps) + 1)
    for opening in range(2):  # it is empty again and can be opened anew
        open_at(calendar, now_ns + opening, span_ns)
        heap: list[tuple[int, int]] = []
        last_ns = now_ns + opening
        for number, (delay_ns, also_take) in enumerate(steps):
            enter(calendar, last_ns + delay_ns, -number)
            heapq.heappush(heap, (last_ns + delay_ns, number))
            if also_take:
                last_ns = check(calendar, *heapq.heappop(heap))
        while heap:
            check(calendar, *heapq.heappop(heap))
        assert calendar.state[ENTERED] == calendar.state[TAKEN] == len(steps)


def check(calendar: Calendar, due_ns: int, number: int) -> int:
    """The next event is this one."""
    event = take(calendar)
    assert (calendar.due[event], calendar.what[event]) == (due_ns, -number)
    return due_ns


def test_a_full_calendar_says_so() -> None:
    calendar = Calendar.make(1)
    open_at(calendar, 0, 1000)
    enter(calendar, 5, 0)
    with pytest.raises(IndexError, match="full"):
        enter(calendar, 6, 1)
    assert calendar.due.tolist() == [5]
