"""Scenarios of casework: they load, their cases run without a broken invariant, and in full they end as they expect."""

from __future__ import annotations

from pathlib import Path

import pytest

import sim
from sim.build.docket import docket
from sim.casework.known import nothing_known

FOLDER = Path(__file__).parents[2] / "scenarios" / "casework"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_fifth_of_its_cases_run_without_a_broken_invariant(file: Path) -> None:
    scenario = sim.load(file)
    share = scenario.casework.share if scenario.casework else 1.0
    cases = docket(sim.load(file, set={"casework.share": f"{share * 20:.9f}%"}), 1)
    passed = cases.go(nothing_known())
    assert passed.violation is None
    assert len(passed.fired.way) > 0


@pytest.mark.full
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_ends_as_it_expects(file: Path) -> None:
    scenario = sim.load(file)
    assert sim.run(scenario).summary["verdict"] == scenario.expect


def test_a_run_with_cases_is_the_same_twice_and_feeds_back_what_chains_took() -> None:
    scenario = sim.load(FOLDER / "lawyer-check.yaml", set={"horizon": "3h", "faults": []})
    first, second = (sim.run(scenario, seed=3).summary for _ in range(2))
    assert first == second
    assert first["docket"]["chain_runs"] >= 1
    assert first["docket"]["displaced_s"]["p50"] >= 0
    assert sum(chain["records"] for chain in first["chains"].values()) > 0


def test_at_desks_on_duty_nobody_waits_for_the_morning() -> None:
    def wait_s(*on_duty: str) -> float:
        changes = {"casework.share": "2%", "casework.on_duty": list(on_duty), "horizon": "20d"}
        cases = docket(sim.load(FOLDER / "preservation.yaml", set=changes), 1)
        return float(cases.go(nothing_known()).desks.summary(1)["judge"]["wait_s"]["mean"])

    assert wait_s("judge") < wait_s() / 10
