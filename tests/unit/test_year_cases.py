"""The docket's pass by months: the same as in one go, and as one that was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import year_kit

from sim.build.docket import docket
from sim.casework.known import nothing_known
from sim.casework.log import joined
from sim.kernel.civil import DAY_NS
from sim.study.year import cases
from sim.study.year.cases import Walk, months
from sim.study.year.run import sample
from sim.study.year.work import Work

if TYPE_CHECKING:
    from pathlib import Path

    from sim.casework.docket import Docket
    from sim.scenario import Scenario

OVER = {"start": "2022-08-30T00:00+08:00", "horizon": "4d", "year.one_in": "50", "casework.bucket": "1h"}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Four days over the end of a month."""
    return sample(year_kit.by_tables(**OVER))


@pytest.fixture(scope="module")
def sampled(scenario: Scenario) -> Docket:
    return docket(scenario, 1)


def told(_: float) -> None:
    """Progress that nobody looks at."""


def test_months_are_those_of_the_calendar_within_the_horizon(scenario: Scenario) -> None:
    found = [(month.name, month.begin_ns // DAY_NS, month.end_ns // DAY_NS) for month in months(scenario)]
    assert found == [("2022-08", 0, 2), ("2022-09", 2, 4)]
    year = scenario.model_copy(update={"horizon": 365 * DAY_NS, "start": scenario.start.replace(month=1, day=1)})
    lengths = [(month.end_ns - month.begin_ns) // DAY_NS for month in months(year)]
    assert lengths == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def test_a_pass_by_months_is_the_pass(scenario: Scenario, sampled: Docket, tmp_path: Path) -> None:
    whole = sampled.go(nothing_known())
    walk = Walk(sampled, nothing_known(), months(scenario), Work(tmp_path, "x"), "pass")
    lived = list(walk.go(told))
    assert len(lived) == 2
    passed = walk.finish(joined([month.fired for month in lived]))
    for mine, theirs in zip(passed.fired, whole.fired, strict=True):
        assert (mine == theirs).all()
    assert (sum(month.missed for month in lived) == whole.missed).all()
    assert (passed.cases.state[: passed.count] == whole.cases.state[: whole.count]).all()
    ways = len(sampled.country.names.transitions)
    for month in lived:
        assert (month.groups.sum(axis=0) == np.bincount(month.fired.way, minlength=ways)).all()


@pytest.mark.parametrize("kept_every", [1, 3])
def test_a_pass_that_was_interrupted_goes_on_from_what_was_put_down_or_from_the_start(
    scenario: Scenario, sampled: Docket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_every: int
) -> None:
    monkeypatch.setattr(cases, "_KEPT_EVERY", kept_every)
    whole = sampled.go(nothing_known())
    spans = months(scenario)
    first = Walk(sampled, nothing_known(), spans, Work(tmp_path, "x"), "pass")
    next(first.go(told))
    assert Work(tmp_path, "x").has("pass-after-01") == (kept_every == 1)
    again = Walk(sampled, nothing_known(), spans, Work(tmp_path, "x"), "pass")
    lived = list(again.go(told))
    passed = again.finish(joined([month.fired for month in lived]))
    for mine, theirs in zip(passed.fired, whole.fired, strict=True):
        assert (mine == theirs).all()
    assert passed.calls == whole.calls
    assert {name: each.summary() for name, each in passed.contracts.items()} == {
        name: each.summary() for name, each in whole.contracts.items()
    }
