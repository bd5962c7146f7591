"""When cases begin: Poisson arrivals on the curve of hour, working day and quarter, in the run and before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.casework.newborn import Beginning
from sim.kernel.civil import DAY_NS, HOUR_NS
from sim.kernel.engine import SECOND
from sim.workload.arrivals import arrival_times
from sim.workload.curve import FLAT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from numpy.typing import NDArray

    from sim.casework.definition import Starts, Workflow
    from sim.kernel.civil import Calendar
    from sim.kernel.draws import Draws
    from sim.workload.curve import Curve

    Cells = NDArray[np.int64]

_PAST = 1 << 39
_MONTHS_OF_A_QUARTER = 3


def births(
    draws: Draws,
    workflows: Sequence[Workflow],
    curves: Mapping[str, Curve],
    calendar: Calendar,
    share: float,
    lookback_ns: int,
    horizon_ns: int,
) -> Beginning:
    """All cases that begin by themselves, in the order of time.

    A case's uid is its workflow's number and a serial number, which the past has apart, so that looking further back
    changes nobody's uid.

    Args:
        draws: of the replication.
        workflows: by number; those without `starts` begin no cases.
        curves: by profile.
        calendar: knows all days from the lookback to the horizon.
        share: of the country.
        lookback_ns: how long before the run cases begin.
        horizon_ns: end of the run.
    """
    found = []
    for number, workflow in enumerate(workflows):
        if workflow.starts is None:
            continue
        curve = FLAT if workflow.starts.profile is None else curves[workflow.starts.profile]
        for begin_ns, end_ns, purpose, first in (
            (-lookback_ns, 0, "births before", _PAST),
            (0, horizon_ns, "births", 0),
        ):
            pieces = _pieces(workflow.starts, curve, calendar, begin_ns, end_ns)
            rate = workflow.starts.rate_per_s * share / workflow.starts.batch
            block = draws.block("casework", workflow.name, purpose)
            times_ns = np.repeat(arrival_times(block, rate, pieces, poisson=True), workflow.starts.batch) + begin_ns
            uid = (np.arange(len(times_ns)) + first + (number << 40)).astype(np.uint64)
            found.append((np.full(len(times_ns), number, dtype=np.int16), uid, times_ns))
    if not found:
        return Beginning(np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64))
    numbers, uids, times = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((uids, times))
    return Beginning(numbers[order], uids[order], times[order])


def _pieces(starts: Starts, curve: Curve, calendar: Calendar, begin_ns: int, end_ns: int) -> list[tuple[float, float]]:
    """Until when, in seconds from the beginning, cases begin at which multiple of the mean rate: hour by hour."""
    pieces: list[tuple[float, float]] = []
    at_ns = begin_ns
    while at_ns < end_ns:
        day = calendar.day(at_ns)
        since_ns = at_ns - calendar.arrays.midnight_ns - day * DAY_NS
        hour = since_ns // HOUR_NS
        next_ns = min(at_ns + (hour + 1) * HOUR_NS - since_ns, end_ns)
        quarter = (calendar.dates[day].month - 1) // _MONTHS_OF_A_QUARTER
        rate = curve.at(int(hour), working=calendar.is_working(day)) * starts.seasons[quarter]
        pieces.append(((next_ns - begin_ns) / SECOND, rate))
        at_ns = next_ns
    return pieces


def days_needed(lookback_ns: int, horizon_ns: int, longest: timedelta) -> tuple[int, int]:
    """How many days a calendar must know before and after the day of the start, with a period of so long at the end."""
    return lookback_ns // DAY_NS + 2, horizon_ns // DAY_NS + longest.days + 2
