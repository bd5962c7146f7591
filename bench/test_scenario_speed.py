"""How long a user waits: for the command, for a scenario to load and run, and for a run's files and report.

Whole runs go through the command, in a process of their own, so that their memory is known.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from loops import bare_engine
from measure import Against, Items, targeted, whole

import sim
from sim.report import page
from sim.report.figures import draw

if TYPE_CHECKING:
    from measure import Measure

    from sim import Run

SCENARIOS = Path(__file__).parent.parent / "scenarios"
COMMAND = Path(sys.executable).with_name("alliance")
MOST_BYTES, MOST_BYTES_OF_A_YEAR = 2 << 30, 4 << 30


_STARTER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
sys.exit(code)
"""
"""Starts a command and prints its peak memory in bytes. It is a small process, because a new program's peak begins with
what the process that becomes it had before (getrusage(2))."""


def answer(*command: str) -> str:
    """What a command prints; it must succeed."""
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603 - our own commands


@whole
def test_start_the_command(measure: Measure) -> None:
    """Goal: help in 0.4 s; Python alone is the limit."""
    measure(
        lambda: answer(str(COMMAND), "--help"),
        Items(1, "answers", lambda text: text.count("Usage:")),
        goal_per_s=1 / 0.4,
        limit=Against("python -c pass", lambda: answer(sys.executable, "-c", "pass"), 1),
    )


@pytest.mark.parametrize("name", ["quickstart", "national-streams", "torture"], ids=lambda name: name.replace("-", " "))
@targeted
def test_load(measure: Measure, name: str) -> None:
    """Goal: 0.3 s from files to a checked scenario; reading their YAML without positions and models is the limit."""
    file = SCENARIOS / f"{name}.yaml"
    texts = [path.read_text(encoding="utf-8") for path in (file, SCENARIOS / "base" / "alliance.yaml")]
    measure(
        lambda: [sim.load(file)],
        Items(1, "scenarios", lambda loaded: sum(scenario.name == name for scenario in loaded)),
        goal_per_s=1 / 0.3,
        limit=Against("libyaml alone", lambda: [yaml.load(text, yaml.CSafeLoader) for text in texts], 1),
    )


@pytest.fixture(scope="module")
def shortened() -> Run:
    """The quickstart's first half a shortened."""
    return sim.run(sim.load(SCENARIOS / "quickstart.yaml", set={"horizon": "30s"}))


@whole
def test_run_half_a_minute_of_the_quickstart(measure: Measure, shortened: Run) -> None:
    """Ten chains, every message delivered. Goal: 60,000 messages a second."""
    scenario = shortened.scenario
    done = measure(
        lambda: sim.run(scenario),
        Items(shortened.summary["messages"], "messages", lambda run: run.summary["messages"]),
        goal_per_s=60_000,
        limit=bare_engine(shortened.summary["events"] / shortened.summary["messages"]),
        rounds=3,
    )
    assert done.trace_hash == shortened.trace_hash


@whole
def test_save_a_run(measure: Measure, shortened: Run, tmp_path: Path) -> None:
    """Scenario, manifest, summary and tables. Goal: 1 s for half a minute of the quickstart."""
    rows = shortened.table("transactions").height
    measure(
        lambda: shortened.save(tmp_path / "run", force=True),
        Items(1, "runs", lambda place: len(list(place.glob("summary.json")))),
        goal_per_s=1,
    )
    import polars as pl

    assert pl.read_parquet(tmp_path / "run" / "tables" / "transactions.parquet").height == rows


@whole
def test_report_a_run(measure: Measure, shortened: Run) -> None:
    """Figures and page. Goal: 5 s."""

    def report() -> list[str]:
        return [page.render(shortened, draw(shortened))]

    (text,) = measure(report, Items(1, "reports"), goal_per_s=1 / 5, rounds=3)
    assert all(f"{member.zh}" in text for member in shortened.scenario.members.values())


@pytest.mark.parametrize(
    ("settings", "goal_s"),
    [
        pytest.param({"start": "2022-12-26T10:00+08:00", "horizon": "1h", "slo": "[]"}, None, id="its busiest hour"),
        pytest.param({}, 60, id="all of it", marks=pytest.mark.full),
    ],
)
@whole
def test_command_runs_the_national_day(
    measure: Measure, tmp_path: Path, settings: dict[str, str], goal_s: float | None
) -> None:
    """Goal: 60 s for the day, from the scenario to the report; at most 2 GiB, asserted."""
    place = tmp_path / "run"
    overrides = [f"--set={key}={value}" for key, value in settings.items()]
    command = (str(COMMAND), "run", str(SCENARIOS / "national-day.yaml"), *overrides, "--out", str(place), "--quiet")
    peaks = []

    def run() -> dict[str, dict[str, int]]:
        peaks.append(int(answer(sys.executable, "-c", _STARTER, *command)))
        return json.loads((place / "summary.json").read_text(encoding="utf-8"))["chains"]

    chains = measure(run, Items(1, "runs", lambda _: len(peaks)), goal_per_s=goal_s and 1 / goal_s, rounds=1)
    assert sum(chain["records"] for chain in chains.values()) > 0
    assert all(
        chain["offered"] == chain["records"] + chain["rejected"] + chain["unfinished"] for chain in chains.values()
    )
    assert peaks[0] <= MOST_BYTES


@pytest.mark.full
@whole
def test_command_runs_the_national_year(measure: Measure, tmp_path: Path) -> None:
    """Goal: 900 s for the year, from the scenario to the report; at most 4 GiB, asserted."""
    place = tmp_path / "run"
    command = (str(COMMAND), "run", str(SCENARIOS / "national-year.yaml"), "--out", str(place), "--quiet")
    peaks = []

    def run() -> dict[str, Any]:
        peaks.append(int(answer(sys.executable, "-c", _STARTER, *command)))
        found: dict[str, Any] = json.loads((place / "summary.json").read_text(encoding="utf-8"))
        return found

    summary = measure(run, Items(1, "runs", lambda _: len(peaks)), goal_per_s=1 / 900, rounds=1)
    assert summary["proofs"]["deposited"] > 10**9
    assert peaks[0] <= MOST_BYTES_OF_A_YEAR
