"""When a period of law ends, as a contract knows it.

A contract has a table of its own, which may be wrong where the courts' is right (domain: a contract's bug). Whoever
makes the contracts gives them the calendar's; `plain_end` knows no calendar and takes every period at its shortest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sim.kernel.civil import Unit

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS

End: TypeAlias = Callable[[int, int, Unit], int]
"""From a time in nanoseconds, a count and its unit to the first nanosecond after the period."""

_SHORTEST_NS = {
    Unit.HOURS: HOUR_NS,
    Unit.DAYS: DAY_NS,
    Unit.WORKING_DAYS: DAY_NS,
    Unit.MONTHS: 28 * DAY_NS,
    Unit.YEARS: 365 * DAY_NS,
}


def plain_end(from_ns: int, count: int, unit: Unit) -> int:
    """So many hours or days of 24 hours on; a month has 28 of them and a year 365, so no calendar ends it earlier."""
    return from_ns + count * _SHORTEST_NS[unit]
