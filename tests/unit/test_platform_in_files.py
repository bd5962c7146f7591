"""The verification platform of a scenario file: what is refused, and what a run with one says."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import chain, small

from sim import run
from sim.scenario import ScenarioError

if TYPE_CHECKING:
    from sim.scenario import Scenario

WORKFLOWS = Path(__file__).parents[2] / "scenarios" / "workflows"
FLOOD = {
    "at": "20min",
    "for": "10min",
    "rate": "400/s",
    "clients": 40,
    "chain": "jc",
    "workflow": "w5-service-verification",
    "of": "service-document",
    "checked": "1%",
}
STARTS = {"starts": {"rate": "2/s"}}


def checks(folder: Path, **platform: object) -> Scenario:
    """An hour in which two people a second are shown a document, and check it at once."""
    shutil.copytree(WORKFLOWS, folder / "workflows", dirs_exist_ok=True)
    # The mean of a lognormal of days would bring few of them to the platform within the hour.
    quick = {"after": {"exponential": {"mean": "1min"}}}
    shown = (WORKFLOWS / "w5-service-verification.yaml").read_text(encoding="utf-8")
    shown = shown.replace("after: {lognormal: {median: 1d, p99: 60d}}", f"after: {quick['after']}".replace("'", ""))
    (folder / "workflows" / "w5-service-verification.yaml").write_text(shown, encoding="utf-8")
    return small(
        folder,
        start="2023-03-13T10:00+08:00",
        horizon="1h",
        chains={"jc": chain(fidelity="auto")},
        workload={},
        workflows={"w5-service-verification": STARTS},
        casework={"desks": {"clerk": 10_000}, "lookback": "2h", "platform": platform},
    )


def test_a_run_says_what_became_of_requests(tmp_path: Path) -> None:
    summary = run(checks(tmp_path, floods=[FLOOD]), seed=4).summary
    platform = summary["docket"]["platform"]
    cases, flood = platform["requests"]["cases"], platform["requests"]["flood"]
    # 7,200 begin in the hour by Poisson, and some ask twice; 5 standard deviations, false-alarm rate 6e-7. Seed 4.
    assert abs(cases["asked"] - 7200) < 5 * 85 + 200
    assert cases["asked"] == cases["answered"] + cases["given_up"] + cases["turned_away"]
    assert abs(flood["asked"] - 240_000) < 5 * 490
    during = platform["during_floods"]["cases"]
    assert during["goodput_per_s"] < 0.7 * 2
    assert cases["outcomes"]["mismatch"] > 0
    assert cases["turned_away"] + cases["given_up"] > 100
    told = summary["docket"]["checks"]
    answers = {name: sum(row[name] for row in told["answers"].values()) for name in cases["outcomes"]}
    assert told["asked"] == told["unknown"] + sum(answers.values())
    assert answers["pass"] == cases["outcomes"]["pass"]
    assert answers["mismatch"] == cases["outcomes"]["mismatch"]
    # No proof of what was altered or never deposited holds, and none of what is genuine fails.
    assert told["false_intact"] == told["false_mismatch"] == 0
    assert told["right"] > 5000


def test_limits_keep_the_platform_open_in_a_flood(tmp_path: Path) -> None:
    limits = {"client": {"rate": "0.1/s", "burst": 10}}
    during = run(checks(tmp_path, floods=[FLOOD], limits=limits), seed=4).summary["docket"]["platform"]["during_floods"]
    assert during["cases"]["goodput_per_s"] > 0.95 * 2
    assert during["flood"]["turned_away"] > 0.9 * during["flood"]["asked"]


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        ({"gateway": {"down": [{"at": "5min", "for": "5min"}, {"at": "6min", "for": "1s"}]}}, "needs them in order"),
        ({"floods": [{**FLOOD, "workflow": "w7"}]}, "'w7' does not run here; these do: w5-service-verification"),
        ({"floods": [{**FLOOD, "at": "2h"}]}, "is beyond the horizon"),
        ({"service": {"gamma": {"mean": "50ms", "shape": 2}}}, "is gamma, which takes several draws"),
        ({"copy": {"lag": "soon"}}, "duration"),
    ],
)
def test_what_cannot_be_is_refused(platform: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        checks(tmp_path, **platform)
