"""The week and the day: how a stream's rate moves around its long-run mean.

Working days are Monday to Friday. A share of all arrivals falls into office hours, spread over them by hourly weights;
the rest is spread evenly over all other hours of the year. The multiplier's mean over a year with the stated number of
working days is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

HOURS_PER_YEAR = 365 * 24
_HOUR_S = 3600
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Curve:
    """A weekly curve.

    Attributes:
        working_days: per year.
        first_hour: of the office day.
        share: of all arrivals, that falls into office hours.
        weights: of each office hour, relative to each other.
    """

    working_days: int
    first_hour: int
    share: float
    weights: tuple[float, ...]

    @property
    def office_hours_per_year(self) -> int:
        """Hours of the year in which offices are open."""
        return self.working_days * len(self.weights)

    def multiplier(self, moment: datetime) -> float:
        """The rate at this moment over the long-run mean rate."""
        return self.at(moment.hour, working=moment.weekday() < _SATURDAY)

    def at(self, hour_of_day: int, *, working: bool) -> float:
        """The rate in an hour of a working day, or of a day off, over the long-run mean rate."""
        hour = hour_of_day - self.first_hour
        if working and 0 <= hour < len(self.weights):
            weight = self.weights[hour] * len(self.weights) / sum(self.weights)
            return self.share * HOURS_PER_YEAR / self.office_hours_per_year * weight
        return (1 - self.share) * HOURS_PER_YEAR / (HOURS_PER_YEAR - self.office_hours_per_year)


FLAT = Curve(working_days=0, first_hour=0, share=0.0, weights=())
"""The same rate at every hour."""


def segments(curve: Curve, start: datetime, horizon_s: float) -> list[tuple[float, float]]:
    """The curve from ``start`` on as pieces: (seconds until the piece ends, multiplier), up to the horizon."""
    pieces: list[tuple[float, float]] = []
    elapsed_s = 0.0
    while elapsed_s < horizon_s:
        moment = start + timedelta(seconds=elapsed_s)
        next_hour_s = _HOUR_S - (moment.minute * 60 + moment.second + moment.microsecond / 1e6)
        elapsed_s = min(elapsed_s + next_hour_s, horizon_s)
        pieces.append((elapsed_s, curve.multiplier(moment)))
    return pieces


def windowed(pieces: list[tuple[float, float]], begin_s: float, end_s: float) -> list[tuple[float, float]]:
    """The same pieces with a multiplier of 0 outside ``begin_s`` … ``end_s``; nothing changes if that is everything."""
    cut: list[tuple[float, float]] = []
    from_s = 0.0
    for until_s, multiplier in pieces:
        for edge_s in (*(s for s in (begin_s, end_s) if from_s < s < until_s), until_s):
            cut.append((edge_s, multiplier if begin_s <= from_s < end_s else 0.0))
            from_s = edge_s
    return cut
