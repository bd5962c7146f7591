"""The calendar's arithmetic against a slow one that goes from day to day and from minute to minute."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel.civil import DAY_NS, HOUR_NS, Calendar, Unit, working_day

START = datetime.fromisoformat("2021-11-15T08:00+08:00")
CALENDAR = Calendar(START, days_before=40, days_after=1500)
TIMES = st.integers(-30 * DAY_NS, 400 * DAY_NS)


def _date(time_ns: int) -> date:
    return (START + timedelta(microseconds=time_ns // 1000)).date()


def _midnight_after(day: date) -> int:
    return (
        (datetime.combine(day, datetime.min.time(), START.tzinfo) + timedelta(days=1) - START)
        // timedelta(microseconds=1)
        * 1000
    )


def _slow_end(day: date, count: int, unit: Unit) -> date:
    if unit == Unit.WORKING_DAYS:
        while count:
            day += timedelta(days=1)
            count -= working_day(day)[0]
        return day
    if unit == Unit.DAYS:
        last = day + timedelta(days=count)
    else:
        months = day.month - 1 + count * (12 if unit == Unit.YEARS else 1)
        number = day.day
        while True:
            try:
                last = date(day.year + months // 12, months % 12 + 1, number)
                break
            except ValueError:
                number -= 1
    while not working_day(last)[0]:
        last += timedelta(days=1)
    return last


@given(TIMES, st.integers(1, 40), st.sampled_from([Unit.DAYS, Unit.WORKING_DAYS, Unit.MONTHS, Unit.YEARS]))
@settings(max_examples=400, deadline=None)
def test_a_period_ends_where_counting_day_by_day_ends(time_ns: int, count: int, unit: Unit) -> None:
    count = {Unit.MONTHS: count % 25 + 1, Unit.YEARS: count % 3 + 1}.get(unit, count)
    assert CALENDAR.due_ns(time_ns, count, unit) == _midnight_after(_slow_end(_date(time_ns), count, unit))


PERIODS = st.tuples(st.integers(1, 36), st.sampled_from([Unit.DAYS, Unit.WORKING_DAYS, Unit.MONTHS]))


@given(PERIODS)
@settings(max_examples=40, deadline=None)
def test_arrays_say_what_counting_from_each_day_says(period: tuple[int, Unit]) -> None:
    count, unit = period
    last = CALENDAR.last_day(count, unit)
    midnight_ns = CALENDAR.arrays.midnight_ns
    for day in range(0, 400, 7):
        due_ns = CALENDAR.due_ns(midnight_ns + day * DAY_NS + HOUR_NS, count, unit)
        assert midnight_ns + (int(last[day]) + 1) * DAY_NS == due_ns


@given(st.integers(1, 30), st.sampled_from([Unit.DAYS, Unit.WORKING_DAYS, Unit.MONTHS]), TIMES, TIMES)
def test_who_begins_later_never_ends_earlier(count: int, unit: Unit, one_ns: int, other_ns: int) -> None:
    first, second = sorted((one_ns, other_ns))
    assert CALENDAR.due_ns(first, count, unit) <= CALENDAR.due_ns(second, count, unit)


@pytest.mark.parametrize("unit", [Unit.DAYS, Unit.WORKING_DAYS, Unit.MONTHS, Unit.YEARS])
def test_what_is_not_known_is_refused(unit: Unit) -> None:
    short = Calendar(START, days_before=2, days_after=8)
    with pytest.raises(IndexError, match="2021-11-13"):
        short.due_ns(-5 * DAY_NS, 1, unit)
    with pytest.raises(IndexError, match="end after 2021-11-22"):
        short.due_ns(0, 12, unit)
    with pytest.raises(IndexError, match="end after 2021-11-22"):
        short.after_office(0, 100 * HOUR_NS)


@given(TIMES, st.integers(0, 30 * HOUR_NS // 60_000_000_000))
@settings(max_examples=60, deadline=None)
def test_office_time_is_what_passes_minute_by_minute(time_ns: int, minutes: int) -> None:
    minute_ns = 60_000_000_000
    time_ns -= time_ns % minute_ns
    end_ns, left = time_ns, minutes
    while left:
        moment = START + timedelta(microseconds=end_ns // 1000)
        left -= working_day(moment.date())[0] and 9 <= moment.hour < 17
        end_ns += minute_ns
    assert CALENDAR.after_office(time_ns, minutes * minute_ns) == end_ns


@given(TIMES, st.integers(1, 300 * HOUR_NS))
def test_office_time_adds_up(time_ns: int, work_ns: int) -> None:
    later_ns = CALENDAR.after_office(time_ns, work_ns)
    assert CALENDAR.office_elapsed_ns(later_ns) - CALENDAR.office_elapsed_ns(time_ns) == work_ns
