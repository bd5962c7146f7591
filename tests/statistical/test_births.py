"""Cases begin as often as they should in each hour, day and quarter. False alarms: below 1e-6 a test, seeds fixed."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import chinese_calendar
import numpy as np
import pytest

from sim.casework.definition import Starts, State, Workflow
from sim.kernel.civil import DAY_NS, HOUR_NS, Calendar
from sim.kernel.draws import Draws
from sim.workload.births import births
from sim.workload.curve import Curve

if TYPE_CHECKING:
    from sim.casework.newborn import Beginning

START = datetime.fromisoformat("2022-09-28T10:30+08:00")
CALENDAR = Calendar(START, days_before=300, days_after=500)
OFFICE = Curve(working_days=1, first_hour=9, share=0.7, weights=(1.2, 1.35, 1.15, 0.6, 0.75, 1.1, 1.05, 0.8))
SEASONS = (0.8, 1.3, 1.2, 0.7)
SIGMAS = 5.4
"""Of a normal variable, beyond which lie 7e-8."""
YEAR_S = 365 * 86400


def workflow(name: str, code: str, starts: Starts | None) -> Workflow:
    return Workflow(name, code, "made up", "", (14,), "jc", "only", {"only": State("only", "end")}, starts=starts)


def born(
    *starts: Starts, seed: int = 1, share: float = 1.0, lookback_days: int = 20, days: int = 30, begin: int = 1
) -> Beginning:
    workflows = [workflow(f"flow-{number}", f"W{number}", each) for number, each in enumerate(starts, start=begin)]
    lookback_ns, horizon_ns = lookback_days * DAY_NS, days * DAY_NS
    return births(Draws(seed), workflows, {"office": OFFICE}, CALENDAR, share, lookback_ns, horizon_ns)


def of(found: Beginning, code: int) -> list[tuple[int, int]]:
    mine = (found.uid >> np.uint64(40)) == code
    return list(zip(found.uid[mine].tolist(), found.time_ns[mine].tolist(), strict=True))


def weighed(begin: datetime, end: datetime) -> list[tuple[float, bool]]:
    """Weight of each hour, and whether it is an office hour."""
    found = []
    while begin < end:
        office = chinese_calendar.is_workday(begin.date()) and 9 <= begin.hour < 17
        found.append((OFFICE.weights[begin.hour - 9] if office else 1.0, office))
        begin += timedelta(hours=1)
    return found


@cache
def totals(begin: datetime, end: datetime) -> dict[bool, float]:
    hours = weighed(begin, end)
    return {kind: sum(weight for weight, office in hours if office == kind) for kind in (True, False)}


def expected(begin: datetime, end: datetime, rate_per_s: float, seasons: bool) -> float:
    """How many cases to expect between two full hours of a quarter, counted hour by hour."""
    quarter, zone = (begin.month - 1) // 3, begin.tzinfo
    edges = [datetime(begin.year, month, 1, tzinfo=zone) for month in (1, 4, 7, 10)]
    edges.append(datetime(begin.year + 1, 1, 1, tzinfo=zone))
    span = (edges[quarter], edges[quarter + 1]) if seasons else (edges[0], edges[-1])
    total = rate_per_s * (YEAR_S / 4 * SEASONS[quarter] if seasons else YEAR_S)
    sums = totals(*span)
    return sum(total * (0.7 if office else 0.3) * weight / sums[office] for weight, office in weighed(begin, end))


@pytest.mark.parametrize("seasons", [False, True])
def test_as_many_cases_begin_each_hour_as_the_curve_says_through_a_week_of_holidays(seasons: bool) -> None:
    starts = Starts(0.1, "office", SEASONS if seasons else (1.0, 1.0, 1.0, 1.0))
    times_ns = born(starts).time_ns
    begin = datetime.fromisoformat("2022-09-20T00:00+08:00")
    seen, means = [], []
    for hour in range(20 * 24):  # until National Day's make-up days are over
        since = begin + timedelta(hours=hour)
        at_ns = (since - START) // timedelta(microseconds=1) * 1000
        seen.append(int(((times_ns >= at_ns) & (times_ns < at_ns + HOUR_NS)).sum()))
        means.append(expected(since, since + timedelta(hours=1), 0.1, seasons))
    # Chi-square over many cells is nearly normal; its mean is their number, its variance twice that.
    assert min(means) > 50
    chi = sum((count - mean) ** 2 / mean for count, mean in zip(seen, means, strict=True))
    assert abs(chi - len(seen)) < SIGMAS * (2 * len(seen) + sum(1 / mean for mean in means)) ** 0.5


def test_a_quarter_has_its_share_of_the_year_however_many_working_days_it_has() -> None:
    found = born(Starts(0.01, "office", SEASONS), lookback_days=270, days=460)
    edges = [
        datetime.fromisoformat(f"{month}-01T00:00+08:00") for month in ("2022-04", "2022-07", "2022-10", "2023-01")
    ]
    edges_ns = [(edge - START) // timedelta(microseconds=1) * 1000 for edge in edges]
    for quarter, first_ns, end_ns in zip((1, 2, 3), edges_ns, edges_ns[1:], strict=False):
        mean = 0.01 * YEAR_S / 4 * SEASONS[quarter]
        assert abs(len(found.between(first_ns, end_ns).uid) - mean) < SIGMAS * mean**0.5


def test_gaps_between_cases_are_exponential_at_an_even_rate() -> None:
    gaps_s = np.sort(np.diff(born(Starts(0.1), days=30).time_ns)) / 1e9
    uniform = 1 - np.exp(-0.1 * gaps_s)
    ranks = np.arange(len(gaps_s) + 1) / len(gaps_s)
    distance = max(np.abs(uniform - ranks[:-1]).max(), np.abs(uniform - ranks[1:]).max())
    assert len(gaps_s) > 10**5
    # Kolmogorov-Smirnov: beyond this lie 2·exp(-2·2.7²) = 9e-7.
    assert distance < 2.7 / len(gaps_s) ** 0.5


def test_a_share_of_the_country_has_that_share_of_the_cases() -> None:
    found = born(Starts(10.0, "office"), share=0.01)
    begin, end = (datetime.fromisoformat(f"2022-10-{day}T00:00+08:00") for day in ("01", "21"))
    first_ns, end_ns = ((edge - START) // timedelta(microseconds=1) * 1000 for edge in (begin, end))
    mean = expected(begin, end, 0.1, seasons=False)
    assert abs(len(found.between(first_ns, end_ns).uid) - mean) < SIGMAS * mean**0.5


def test_batches_begin_together_and_are_never_split() -> None:
    found = born(Starts(0.05, batch=40), share=0.5)
    times_ns, sizes = np.unique(found.time_ns, return_counts=True)
    assert set(sizes.tolist()) == {40}
    mean = 0.05 * 0.5 / 40 * 50 * 86400
    assert abs(len(times_ns) - mean) < SIGMAS * mean**0.5


def test_cases_come_in_order_each_with_a_uid_of_its_own_within_the_span() -> None:
    found = born(Starts(0.05, "office"), Starts(0.02, batch=3))
    assert (np.diff(found.time_ns) >= 0).all()
    assert len(np.unique(found.uid)) == len(found.uid)
    assert (found.time_ns[0] >= -20 * DAY_NS, found.time_ns[-1] < 30 * DAY_NS) == (True, True)
    assert ((found.time_ns < 0) == ((found.uid >> np.uint64(39) & np.uint64(1)) == 1)).all()
    assert ((found.uid >> np.uint64(40)).astype(int) == found.workflow + 1).all()
    assert found.uid.max() < 1 << 61


def test_neither_a_longer_past_nor_another_workflow_moves_a_case() -> None:
    starts = Starts(0.05, "office", SEASONS)
    found, other, longer = born(starts), born(Starts(0.1), starts, begin=0), born(starts, lookback_days=40)
    assert of(found, 1) == of(other, 1)
    assert of(longer, 1)[-len(found.uid) :] == of(found, 1)
    assert longer.time_ns[0] < -20 * DAY_NS


def test_each_workflow_may_look_back_as_far_as_its_cases_live() -> None:
    flows = [workflow("short", "W1", Starts(0.01)), workflow("long", "W2", Starts(0.01))]
    back = {"short": DAY_NS, "long": 20 * DAY_NS}
    found = births(Draws(1), flows, {}, CALENDAR, 1.0, back, 10 * DAY_NS)
    earliest = [found.time_ns[found.workflow == number].min() for number in (0, 1)]
    assert -DAY_NS <= earliest[0] < 0
    assert earliest[1] < -19 * DAY_NS


def test_workflows_with_one_code_have_uids_of_their_own() -> None:
    flows = [workflow("one", "W7", Starts(0.01)), workflow("two", "W7", Starts(0.01)), workflow("none", "W8", None)]
    found = births(Draws(1), flows, {}, CALENDAR, 1.0, 0, 5 * DAY_NS)
    assert len(np.unique(found.uid)) == len(found.uid)
    assert set(found.workflow.tolist()) == {0, 1}
    turned = births(Draws(1), flows[::-1], {}, CALENDAR, 1.0, 0, 5 * DAY_NS)
    assert (turned.uid.tolist(), turned.time_ns.tolist()) == (found.uid.tolist(), found.time_ns.tolist())


def test_days_that_the_calendar_does_not_know_are_refused() -> None:
    with pytest.raises(IndexError, match="knows 2021"):
        born(Starts(0.01), lookback_days=400)
