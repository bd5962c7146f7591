"""China's civil calendar: working days, periods of law and office time, on the run's clock of nanoseconds.

*Days.* Days off and make-up working days (调休) are those that the State Council announced, from the package
`chinesecalendar`. For years it does not know, the statutory holidays are those of the package `holidays`, weekends are
off, no Saturday is worked, and the days are marked as assumed.

*Periods* (期间), Civil Procedure Law (2023), article 85: they are counted in hours, days, months and years; the hour
and the day on which a period begins are not counted; if its last day is a day off, it ends on the next that is not. A
period in days ends with its last day, at 24:00. One in months or years ends on the day of the same number, or on the
last of the month where there is none (Civil Code, article 202). A period in working days counts these alone. A period
in hours runs from the next full hour, day and night; nothing is rolled over [a reading: article 85 rolls over days].

*Office time* passes in office hours of working days only.
"""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Cells = NDArray[np.int64]


class Unit(IntEnum):
    """What a period of law is counted in."""

    DAYS = 0
    WORKING_DAYS = 1
    MONTHS = 2
    YEARS = 3
    HOURS = 4


HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
_MINUTE_NS = HOUR_NS // 60
_SATURDAY = 5
_MONTHS_OF = {Unit.MONTHS: 1, Unit.YEARS: 12}
OFFICE_HOURS = (9 * 60, 17 * 60)
"""Minutes from midnight: eight hours a day, of which official statistics make a working day's rates."""


@dataclass(frozen=True, slots=True)
class Arrays:
    """A calendar's days, of which the first has the number 0.

    Attributes:
        midnight_ns: when the first day begins.
        open_ns, close_ns: of an office day, from its midnight.
        working: (days,) whether it is one.
        assumed: (days,) whether that is assumed.
        office_before_ns: (days + 1,) office time before each day.
    """

    midnight_ns: int
    open_ns: int
    close_ns: int
    working: NDArray[np.bool_]
    assumed: NDArray[np.bool_]
    office_before_ns: Cells


class Calendar:
    """The days around a run.

    Args:
        start: of the run, with its offset.
        days_before: known before the day of the start.
        days_after: known from it on.
        table: days that are working days, or not, whatever the State Council said: a later announcement, or a mistake.
        office_minutes: opening and closing, minutes from midnight.

    Raises:
        IndexError: a time or a period's end lies outside the days known.
    """

    def __init__(
        self,
        start: datetime,
        days_before: int,
        days_after: int,
        table: Mapping[date, bool] | None = None,
        office_minutes: tuple[int, int] = OFFICE_HOURS,
    ) -> None:
        first = start.date() - timedelta(days=days_before)
        self.dates = [first + timedelta(days=day) for day in range(days_before + days_after)]
        self._table = dict(table or {})
        known = [working_day(day) for day in self.dates]
        working = np.array([self._table.get(day, works) for day, (works, _) in zip(self.dates, known, strict=True)])
        since = start - datetime.combine(start.date(), datetime.min.time(), start.tzinfo)
        since_ns = (since // timedelta(microseconds=1)) * 1000
        open_ns, close_ns = (minutes * _MINUTE_NS for minutes in office_minutes)
        office = np.cumsum(working.astype(np.int64)) * (close_ns - open_ns)
        self.arrays = Arrays(
            midnight_ns=-since_ns - days_before * DAY_NS,
            open_ns=open_ns,
            close_ns=close_ns,
            working=working,
            assumed=np.array(
                [assumed and day not in self._table for day, (_, assumed) in zip(self.dates, known, strict=True)]
            ),
            office_before_ns=np.concatenate([[0], office]).astype(np.int64),
        )
        self._working_days = np.flatnonzero(working)
        self._last: dict[tuple[int, Unit], NDArray[np.int32]] = {}

    def day(self, time_ns: int) -> int:
        """The number of the day of a time."""
        day = int((time_ns - self.arrays.midnight_ns) // DAY_NS)
        self.need(day, day)
        return day

    def need(self, first: int, last: int) -> None:
        """Make sure that the days from one number to another are known."""
        if first < 0 or last >= len(self.dates):
            raise IndexError(f"days {first} to {last} of a calendar that knows {self.dates[0]} to {self.dates[-1]}")

    def is_working(self, day: int) -> bool:
        """Whether a day is a working day."""
        return bool(self.arrays.working[day])

    def working_between(self, first: date, end: date) -> int:
        """How many working days there are from a date to the day before another, known or not."""
        days = (first + timedelta(days=number) for number in range((end - first).days))
        return sum(self._table.get(day, working_day(day)[0]) for day in days)

    def due_ns(self, start_ns: int, count: int, unit: Unit) -> int:
        """When a period that begins at a time ends."""
        if unit == Unit.HOURS:
            begun = (start_ns - self.arrays.midnight_ns) // HOUR_NS + 1
            return self.arrays.midnight_ns + (begun + count) * HOUR_NS
        last = self._last_of(self.day(start_ns), count, unit)
        return self.arrays.midnight_ns + (last + 1) * DAY_NS

    def _last_of(self, day: int, count: int, unit: Unit) -> int:
        """The last day of a period that begins on a day."""
        if unit == Unit.WORKING_DAYS:
            place = int(np.searchsorted(self._working_days, day, side="right")) + count - 1
        else:
            place = int(np.searchsorted(self._working_days, self._counted(day, count, unit), side="left"))
        if place >= len(self._working_days):
            raise IndexError(f"{count} {unit.name.lower()} from {self.dates[day]} end after {self.dates[-1]}")
        return int(self._working_days[place])

    def _counted(self, day: int, count: int, unit: Unit) -> int:
        """The last day of a period, before it rolls over days off."""
        if unit == Unit.DAYS:
            return day + count
        begun = self.dates[day]
        return day + (later(begun, count * _MONTHS_OF[unit]) - begun).days

    def last_day(self, count: int, unit: Unit) -> NDArray[np.int32]:
        """For each day, the last day of a period that begins on it, shape (days,); at most the last working day known.

        So ``due_ns`` is the end of that day. Periods in hours have no such day.
        """
        row = self._last.get((count, unit))
        if row is None:
            row = self._last[count, unit] = self._last_days(count, unit)
        return row

    def _last_days(self, count: int, unit: Unit) -> NDArray[np.int32]:
        days = np.arange(len(self.dates))
        if unit == Unit.WORKING_DAYS:
            # The count-th working day after each day.
            place = np.searchsorted(self._working_days, days, side="right") + count - 1
        else:
            ends = days + count if unit == Unit.DAYS else [self._counted(day, count, unit) for day in days.tolist()]
            place = np.searchsorted(self._working_days, ends, side="left")
        return self._working_days[np.minimum(place, len(self._working_days) - 1)].astype(np.int32)

    def office_elapsed_ns(self, time_ns: int) -> int:
        """Office time from the first day known to a time."""
        arrays, day = self.arrays, self.day(time_ns)
        elapsed_ns = int(arrays.office_before_ns[day])
        if arrays.working[day]:
            since_ns = time_ns - arrays.midnight_ns - day * DAY_NS - arrays.open_ns
            elapsed_ns += min(max(since_ns, 0), arrays.close_ns - arrays.open_ns)
        return elapsed_ns

    def after_office(self, time_ns: int, work_ns: int) -> int:
        """When so much office time has passed since a time: at the close of a day, not at the next one's opening."""
        if work_ns <= 0:
            return time_ns
        arrays = self.arrays
        done_ns = self.office_elapsed_ns(time_ns) + work_ns
        if done_ns > arrays.office_before_ns[-1]:
            raise IndexError(f"{work_ns / HOUR_NS:g} office hours from then end after {self.dates[-1]}")
        day = bisect_left(arrays.office_before_ns, done_ns) - 1
        begun_ns = arrays.midnight_ns + day * DAY_NS + arrays.open_ns
        return begun_ns + done_ns - int(arrays.office_before_ns[day])


def later(day: date, months: int) -> date:
    """The day of the same number so many months later, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def working_day(day: date) -> tuple[bool, bool]:
    """Whether a day is a working day, and whether that is assumed."""
    import chinese_calendar

    try:
        return chinese_calendar.is_workday(day), False
    except NotImplementedError:
        return day.weekday() < _SATURDAY and day not in _statutory(day.year), True


@cache
def _statutory(year: int) -> frozenset[date]:
    """The statutory holidays of a year for which nothing was announced yet."""
    import holidays

    return frozenset(holidays.country_holidays("CN", years=year))
