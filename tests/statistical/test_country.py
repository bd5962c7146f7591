"""A year of the country without its chains: streams are as published, and everything that can happen does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from country_kit import every, fired, levelled, storm

import sim
from sim.build.docket import docket
from sim.casework.emitting import emitted
from sim.casework.known import nothing_known

if TYPE_CHECKING:
    from sim.casework.docket import Docket
    from sim.casework.running import Pass

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHARE = 0.002
SIGMAS = 3.29
"""A Poisson count of thousands lies within so many standard deviations with 99.9 %: eight streams, one false alarm in
125 seeds."""
NOT_SEEN = {
    # The two years of an application run out; the effect is asked for too early, which a wrong clock brings.
    ("w10-trial-to-enforcement", "applying", 1),
    ("w10-trial-to-enforcement", "asking-effect", 3),
    ("w10-trial-to-enforcement", "unperformed", 3),
    ("w10-trial-to-enforcement", "unperformed", 4),
    # A proof of payment comes within the minutes of these steps.
    ("w12-mediation-default", "enforcement-check.corrected", 2),
    ("w12-mediation-default", "enforcement-filing", 1),
    ("w12-mediation-default", "trial-filing", 1),
    ("w12-mediation-default", "triggering", 3),
    # A freeze lapses between the decision to renew it and the renewal; who withdraws has nothing any more.
    ("w13-query-control", "renewing", 1),
    ("w13-query-control", "withdrawing", 1),
    ("w26-preservation", "converted", 3),
    ("w26-preservation", "seizing", 1),
    # The debtor goes bankrupt within the days of these steps, or a department answers after it was asked again.
    ("w15-fund-release", "arrived", 2),
    ("w15-fund-release", "matched", 1),
    ("w15-fund-release", "objected", 2),
    ("w23-financial-case", "hearing", 1),
    ("w24-bankruptcy-notice", "acknowledging", 2),
    ("w19-listing-notice", "acknowledging", 3),
    # A term of two years ends within the run.
    ("w19-credit-punishment", "forgetting", 1),
    ("w19-credit-punishment", "listed", 2),
}
"""Ways out that no test has seen fire: (workflow, state, place). It may only become shorter."""


@pytest.fixture(scope="module")
def year() -> tuple[Docket, Pass]:
    overrides = {
        "casework.share": f"{SHARE:.1%}",
        "horizon": "365d",
        "start": "2022-01-01T00:00+08:00",
        "casework.lookback": "400d",
    }
    cases = docket(sim.load(SCENARIOS / "national-day.yaml", set=overrides), 1)
    return cases, cases.go(nothing_known())


def _entered(year: tuple[Docket, Pass], workflow: str, state: str) -> int:
    cases, passed = year
    names, program = cases.country.names, cases.country.program
    number = names.states.index((workflow, state))
    count = int(np.count_nonzero(program.target[passed.fired.way] == number))
    if number in names.initial:
        mine = passed.cases.workflow[: passed.count] == names.initial.index(number)
        count += int(np.count_nonzero(mine & (passed.cases.born[: passed.count] >= 0)))
    return count


@pytest.mark.full
@pytest.mark.parametrize(
    ("workflow", "state", "millions"),
    [
        ("w1-e-file", "closing", 33.24),
        ("w6-evidence-verification", "exchange", 2.601),
        ("w8-filing-circulation", "submitted", 11.44),
        ("w9-mediation-to-trial", "offered", 17.46),
        ("w9-mediation-to-trial", "succeeded", 11.998),
        ("w13-query-control", "filed", 10.6),
        ("w13-query-control", "querying", 16.45),
    ],
)
def test_each_stream_is_inside_its_poisson_interval(
    year: tuple[Docket, Pass], workflow: str, state: str, millions: float
) -> None:
    expected = millions * 1e6 * SHARE
    assert abs(_entered(year, workflow, state) - expected) <= SIGMAS * expected**0.5


@pytest.mark.full
def test_a_case_leaves_thirty_three_records_on_the_hub_within_ten_per_cent(year: tuple[Docket, Pass]) -> None:
    cases, passed = year
    country = cases.country
    asked = emitted(country.program, country.names, country.counters, passed)
    records = len(asked.deposits["jc"].key)
    for (source, destination), packets in asked.packets.items():
        # Sending and acknowledgement at the source, receiving at the destination.
        records += len(packets.key) * (2 * (source == "jc") + (destination == "jc"))
    assert records / (33.84e6 * SHARE) == pytest.approx(33, rel=0.1)


@pytest.mark.full
def test_no_invariant_of_the_contracts_breaks_in_a_year(year: tuple[Docket, Pass]) -> None:
    assert year[1].violation is None
    assert year[1].calls > 10_000


@pytest.mark.full
def test_every_way_out_of_every_workflow_fires(year: tuple[Docket, Pass], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a calm year, with chains that fail, in scenarios of their own, or where everything rare is common."""
    cases, passed = year
    wanted, seen = every(cases), fired(cases, passed)
    seen |= fired(cases, cases.go(storm(cases, passed, 0, 0.05)))
    for file in sorted((SCENARIOS / "casework").glob("*.yaml")):
        other = docket(sim.load(file), 1)
        calm = other.go(nothing_known())
        seen |= fired(other, calm) | fired(other, other.go(storm(other, calm, 1, 0.2)))
        wanted |= every(other)
    levelled(monkeypatch)
    overrides = {"casework.share": "0.2%", "horizon": "500d", "start": "2021-06-01T00:00+08:00"}
    level = docket(sim.load(SCENARIOS / "national-day.yaml", set={**overrides, "casework.lookback": "100d"}), 1)
    calm = level.go(nothing_known())
    seen |= fired(level, calm) | fired(level, level.go(storm(level, calm, 0, 0.15)))
    assert sorted(wanted - seen - NOT_SEEN) == []
