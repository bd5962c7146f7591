"""The way of one case of every workflow, as text: a change that moves a step, a date or a record is seen, and meant.

The case is the one that took the most ways out in four months of a thousandth of the country, without chains; of
equals that with the least uid. ``pytest tests/golden --update-golden`` rewrites the texts.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import sim
from sim.build.docket import docket
from sim.casework.known import nothing_known
from sim.study.store import write_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sim.casework.docket import Docket
    from sim.casework.running import Pass

SCENARIOS = Path(__file__).parents[2] / "scenarios"
TEXTS = Path(__file__).parent / "workflows"
NAMES = sorted(file.stem for file in (SCENARIOS / "workflows").glob("*.yaml"))
OFTEN = ("w3-audit", "w14-insider", "w18-commutation", "w27-admission")
"""A thousandth of the country has few of these in four months: they begin as often as something common."""


@pytest.fixture(scope="module")
def tell() -> Callable[[str], str]:
    overrides = {
        "casework.share": "0.1%",
        "casework.lookback": "120d",
        "horizon": "120d",
        "start": "2022-09-01T00:00+08:00",
        **{f"workflows.{name}.starts.rate": "3e6/year" for name in OFTEN},
    }
    scenario = sim.load(SCENARIOS / "national-day.yaml", set=overrides)
    cases = docket(scenario, 1)
    passed = cases.go(nothing_known())
    return lambda name: story(cases, passed, scenario.start, name)


def story(cases: Docket, passed: Pass, start: datetime, name: str) -> str:
    """The way of one case: when it left which state for which, by whom, and what it left on which chain."""
    names, fired = cases.country.names, passed.fired
    number = [workflow.name for workflow in names.workflows].index(name)
    mine = np.flatnonzero(passed.cases.workflow[fired.case] == number)
    counts = np.bincount(fired.case[mine])
    busiest = np.flatnonzero(counts == counts.max())
    row = busiest[np.argmin(passed.cases.uid[busiest])]
    lines = [f"{name} {names.workflows[number].zh}, case {passed.cases.uid[row]}"]
    for at in mine[fired.case[mine] == row].tolist():
        state, way = names.transitions[int(fired.way[at])]
        moment = start + timedelta(microseconds=int(fired.time_ns[at]) // 1000)
        did = [f"{records.kind} on {records.chain}" for records in way.records]
        did += [f"{way.message.name} to {way.message.destination}"] if way.message else []
        did += [f"calls {way.call.contract}.{way.call.method}"] if way.call else []
        why = f" on {way.on}" if way.on else f" at the end of {way.due}" if way.due else ""
        tail = f": {', '.join(did)}" if did else ""
        lines.append(f"{moment:%Y-%m-%d %H:%M:%S}  {names.states[state][1]} -> {way.target}{why} ({way.by}){tail}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_case_goes_the_way_that_is_written_down(name: str, tell: Callable[[str], str], update_golden: bool) -> None:
    told, known = tell(name), TEXTS / f"{name}.txt"
    if update_golden:
        known.parent.mkdir(exist_ok=True)
        write_text(known, told)
    assert told == known.read_text(encoding="utf-8")
    assert len(told.splitlines()) > 1
