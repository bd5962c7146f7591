"""Which windows chains are run through: hours and midnights spread over load, and the time around every fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from sim.faults.apply import merged
from sim.kernel.civil import DAY_NS, HOUR_NS
from sim.study.year.chains import WARM_NS, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.scenario import Scenario
    from sim.scenario.year import Year
    from sim.study.year.load import Load, Windows

    Cells = NDArray[np.int64]

_NIGHT_NS: Final = 2 * WARM_NS
"""A midnight's run: what is said then is on the chains by then, and what packets leave too."""


def storms(scenario: Scenario, year: Year) -> list[Span]:
    """The time around every fault that stops, and around the beginning of every other; what overlaps is one."""
    found = []
    for fault in scenario.faults:
        end_ns = fault.at if fault.duration is None else fault.at + fault.duration
        found.append((max(0, fault.at - year.margin), min(end_ns + year.margin, scenario.horizon)))
    return [Span("fault", begin_ns, end_ns, year.one_in) for begin_ns, end_ns in merged(found)]


def levels(load: Load, year: Year, around: Windows) -> list[Span]:
    """Hours spread over how busy all chains are together, the busiest among them, and each chain's own busiest.

    The last is the busiest hour once more, `beyond` times as busy.
    """
    free = np.flatnonzero(around.seconds_of_hours(load.hours.shape[1]) * 1e9 == HOUR_NS)
    order, own = _in_order((load.hours * year.one_in + load.streams)[:, free])
    chosen = sorted(free[_spread(order, own, year.levels)].tolist())
    spans = [_level(hour, year, year.one_in) for hour in chosen]
    busiest = int(free[order[-1]])
    return [*spans, _level(busiest, year, round(year.one_in * year.beyond))]


def _level(hour: int, year: Year, copies: int) -> Span:
    # In the middle of the hour: full hours have bursts.
    begin_ns = hour * HOUR_NS + (HOUR_NS - year.length) // 2
    return Span("level", begin_ns, begin_ns + year.length, copies)


def bursts(load: Load, year: Year, around: Windows) -> list[Span]:
    """Midnights spread over how much comes at once, the largest bursts of chains among them; none where nothing does.

    They are spread over size, not over rank: what does not fit a pool is refused, and the largest are few.
    """
    days = np.flatnonzero(load.bursts.sum(axis=0) > 0)
    days = days[~around.hold(days * DAY_NS) & ~around.hold(days * DAY_NS + _NIGHT_NS)]
    if not len(days):
        return []
    order, own = _in_order(load.bursts[:, days])
    sizes = load.bursts[:, days].sum(axis=0)
    wanted = np.linspace(sizes.min(), sizes.max(), max(2, year.bursts))
    nearest = [int(np.abs(sizes - size).argmin()) for size in wanted]
    chosen = sorted(days[_spread(order, own, year.bursts, nearest)].tolist())
    return [Span("burst", day * DAY_NS, day * DAY_NS + _NIGHT_NS, year.one_in) for day in chosen]


def _in_order(counts: Cells) -> tuple[Cells, list[int]]:
    """Columns in the order of how busy all rows are there together, and the busiest column of each row."""
    busy = counts[counts.sum(axis=1) > 0]
    if not len(busy):
        return np.arange(counts.shape[1]), []
    together = (busy / busy.mean(axis=1, keepdims=True)).sum(axis=0)
    return np.argsort(together, kind="stable"), busy.argmax(axis=1).tolist()


def _spread(order: Cells, own: list[int], count: int, rest: Sequence[int] = ()) -> list[int]:
    """So many places: the last in order, rows' own busiest up to half of them, others, and some at equal distances."""
    chosen = [int(order[-1])]
    for place in own:
        if place not in chosen and len(chosen) < max(1, count // 2):
            chosen.append(place)
    even = order[np.linspace(0, len(order) - 1, max(2, count)).astype(np.int64)].tolist()
    for place in (*rest[::-1], *even[::-1]):
        if place not in chosen and len(chosen) < count:
            chosen.append(place)
    return chosen
