"""The curve on the civil calendar: working days as they were announced, and quarters of the year.

Over a year, or with seasons over each quarter, the curve keeps its mean whatever the number of working days: of all
that comes in, `Curve.share` falls into the office hours that the calendar has there, the rest into all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from sim.kernel.civil import HOUR_NS
from sim.kernel.engine import SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.kernel.civil import Calendar
    from sim.workload.curve import Curve

Seasons = tuple[float, float, float, float]
_HOURS = 24
_QUARTERS, _MONTHS = 4, 3
EVEN: Seasons = (1.0, 1.0, 1.0, 1.0)
"""No seasons: all working days of a year are alike, not all quarters."""


@dataclass(frozen=True, slots=True)
class CivilCurve:
    """A curve on a calendar.

    Attributes:
        curve: of the day; how many working days it has in a year does not matter here.
        calendar: of which days are working days.
        seasons: what comes in each quarter over a quarter of what comes in a year.
    """

    curve: Curve
    calendar: Calendar
    seasons: Seasons = EVEN

    def pieces(self, begin_ns: int, end_ns: int) -> list[tuple[float, float]]:
        """The rate over its long-run mean as pieces: (seconds from ``begin_ns`` until the piece ends, multiplier).

        They go from one time to another, as those of `sim.workload.curve.segments` do; backwards, with seconds counted
        backwards, where ``end_ns`` comes first.

        Raises:
            IndexError: the calendar does not know one of the days.
        """
        first_ns, last_ns = sorted((begin_ns, end_ns))
        if first_ns == last_ns:
            return []
        midnight_ns = self.calendar.arrays.midnight_ns
        first, last = (first_ns - midnight_ns) // HOUR_NS, (last_ns - 1 - midnight_ns) // HOUR_NS
        rates = self._rates(first // _HOURS, last // _HOURS).reshape(-1)[first % _HOURS :][: last - first + 1]
        edges_ns = midnight_ns + np.arange(first, last + 2) * HOUR_NS
        edges_ns[0], edges_ns[-1] = first_ns, last_ns
        if end_ns < begin_ns:
            edges_ns, rates = edges_ns[::-1], rates[::-1]
        until_s = np.abs(edges_ns[1:] - begin_ns) / SECOND
        return list(zip(until_s.tolist(), rates.tolist(), strict=True))

    def _rates(self, first: int, last: int) -> NDArray[np.float64]:
        """Multipliers of the hours of these days, shape (days, 24)."""
        self.calendar.need(first, last)
        rows: dict[tuple[int, int, bool], NDArray[np.float64]] = {}
        rates = np.empty((last - first + 1, _HOURS))
        for place, day in enumerate(self.calendar.dates[first : last + 1]):
            key = day.year, self._quarter(day), self.calendar.is_working(first + place)
            if key not in rows:
                rows[key] = self._hours(*key)
            rates[place] = rows[key]
        return rates

    def _quarter(self, day: date) -> int:
        return 0 if self.seasons == EVEN else (day.month - 1) // _MONTHS

    def _span(self, year: int, quarter: int) -> tuple[date, date, float]:
        """The year or quarter over which the curve keeps its mean; and how many days' worth of the mean come in it."""
        first, end = date(year, 1, 1), date(year + 1, 1, 1)
        days = (end - first).days
        if self.seasons == EVEN:
            return first, end, float(days)
        quarters = [*(date(year, month, 1) for month in range(1, 13, _MONTHS)), end]
        return quarters[quarter], quarters[quarter + 1], days / _QUARTERS * self.seasons[quarter]

    def _hours(self, year: int, quarter: int, working: bool) -> NDArray[np.float64]:
        """Multipliers of the hours of a working day, or of a day off."""
        first, end, worth_days = self._span(year, quarter)
        weights = self.curve.weights
        office_hours = self.calendar.working_between(first, end) * len(weights)
        # Where nobody works all year, as a table of holidays may have it, nothing waits for office hours.
        share = self.curve.share if office_hours else 0.0
        other_hours = (end - first).days * _HOURS - office_hours
        rates = np.full(_HOURS, (1 - share) * worth_days * _HOURS / other_hours)
        if working and office_hours:
            each = share * worth_days * _HOURS / office_hours / (sum(weights) / len(weights))
            begin = self.curve.first_hour
            rates[begin : begin + len(weights)] = [each * weight for weight in weights]
        return rates
