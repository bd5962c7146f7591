"""How long the way from one state to another takes at least, and whether a period of law leaves room for it."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from sim.scenario.distributions import Pareto, Uniform, form_of
from sim.scenario.units import NANOSECONDS
from sim.scenario.workflow.quantities import OFFICE_DAY_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.scenario.distributions import Plain
    from sim.scenario.workflow.model import Deadline, Transition, Workflow
    from sim.scenario.workflow.quantities import Period
    from sim.scenario.yamltree import Location

_DAY_NS: Final = NANOSECONDS["d"]
_LONGEST_NS: Final = {
    "h": NANOSECONDS["h"],
    "d": _DAY_NS,
    "wd": 2 * _DAY_NS,
    "months": 31 * _DAY_NS,
    "years": 366 * _DAY_NS,
}
"""A unit is no longer than that. Five working days are seven days, and holidays come on top: twice is a bound."""


def impossible_deadlines(workflow: Workflow) -> Iterator[tuple[Location, str]]:
    """Yield the deadlines that no case can meet, with the reason."""
    for name, deadline in workflow.deadlines.items():
        shortest = _shortest(workflow, name, deadline)
        starts, ends = ", ".join(deadline.starts), ", ".join(deadline.ends)
        if shortest is None:
            message = f"can never end: no way leads from where it starts ({starts}) to where it ends ({ends})"
            yield ("deadlines", name, "ends"), message
        elif shortest > _longest_ns(deadline.within):
            days = f"{shortest / _DAY_NS:.1f} days at least"
            message = f"can't be met: from {starts} to {ends} takes {days}; needs a longer period or shorter ways"
            yield ("deadlines", name, "within"), message


def _longest_ns(period: Period) -> int:
    """How long a period is at most, as long as no holiday prolongs it; its first day does not count (CPL 85)."""
    first_ns = 0 if period.unit == "h" else _DAY_NS
    return first_ns + period.count * _LONGEST_NS[period.unit]


def _shortest(workflow: Workflow, name: str, deadline: Deadline) -> int | None:
    """The least time from a start of a deadline to an end of it, without touching the ways that are due at its end."""
    least = dict.fromkeys(deadline.starts, 0)
    queue = [(0, state) for state in deadline.starts]
    found: int | None = None
    while queue:
        spent, state = heapq.heappop(queue)
        if spent > least[state] or state not in workflow.states:
            continue
        for way in workflow.states[state].then:
            at = spent + least_ns(way)
            if way.due == name:
                at = max(at, _longest_ns(deadline.within))
            if way.to in deadline.ends:
                found = at if found is None else min(found, at)
            elif at < least.get(way.to, at + 1):
                least[way.to] = at
                heapq.heappush(queue, (at, way.to))
    return found


def least_ns(way: Transition) -> int:
    """How long a way out takes at least; 0 for a signal, which may come at once."""
    if way.desk is not None:
        return _office_ns(_least(way.desk.work))
    if way.after is None:
        return 0
    least = _least(way.after)
    return _office_ns(least) if way.clock == "office" else least


def _office_ns(office_ns: int) -> int:
    """The least calendar time in which so much office time passes: it may begin when the office opens."""
    full, rest = divmod(office_ns, OFFICE_DAY_NS)
    return full * _DAY_NS + rest if rest or not full else (full - 1) * _DAY_NS + OFFICE_DAY_NS


def _least(spec: Plain[int]) -> int:
    match form_of(spec):
        case int(value):
            return value
        case Uniform(low=low):
            return low
        case Pareto(mean=mean, alpha=alpha):
            return int(mean * (alpha - 1) / alpha)
    return 0
