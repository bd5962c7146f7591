"""CPU costs reach the results: what costs more takes longer and saturates earlier, and reports say which were used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console
from scenario_kit import CHEAP, chain, deposits, network, small

from sim.report import console, page
from sim.study.run import run

if TYPE_CHECKING:
    from sim.study.run import Run

CALIBRATIONS = Path(__file__).parents[2] / "results" / "calibration"
LIGHT, HEAVY = "100/s", "15000/s"
"""What leaves every CPU idle most of the time, and what no CPU with these costs can do."""


def measured(folder: Path, costs: object, rate: str, suite: str = "sha256") -> dict[str, Any]:
    """Four validators on lines that are never full; what became of a second's load."""
    blocks = {"max_transactions": 20, "max_bytes": "100kB", "interval": "20ms"}
    one = chain(
        hash=suite,
        block=blocks,
        mempool={"capacity": 100_000},
        consensus={"protocol": "pbft", "timeout": "20s", "window": 64},
    )
    scenario = small(
        folder,
        horizon="1s",
        network=network(bandwidth="1Tbit/s"),
        costs=costs,
        chains={"a": one},
        workload={"files": deposits(rate)},
    )
    hub: dict[str, Any] = run(scenario).summary["chains"]["a"]
    return hub


def assert_slower(slow: tuple[dict[str, Any], dict[str, Any]], fast: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Of a light and a heavy load each: the same records take longer, fewer of too many are executed, or as many later.

    Blocks are executed whole, so a small difference in costs may be less than a block's worth of throughput.
    """
    (slow_light, slow_heavy), (fast_light, fast_heavy) = slow, fast
    assert slow_light["offered"] == slow_light["records"] + slow_light["unfinished"]
    assert slow_light["commit_latency_s"]["mean"] > fast_light["commit_latency_s"]["mean"]
    assert slow_heavy["offered"] == fast_heavy["offered"]
    assert slow_heavy["throughput_tps"] <= fast_heavy["throughput_tps"] < slow_heavy["offered"]
    if slow_heavy["throughput_tps"] == fast_heavy["throughput_tps"]:
        assert slow_heavy["commit_latency_s"]["mean"] > fast_heavy["commit_latency_s"]["mean"]


@pytest.mark.parametrize("cost", ["verify", "execute", "hash"])
def test_ten_times_a_cost_takes_longer_and_saturates_earlier(tmp_path: Path, cost: str) -> None:
    plain = {**CHEAP, "verify": "60us", "hash": "10us"}
    dear = {**plain, cost: plain[cost].replace("us", "0us")}
    slow, fast = (tuple(measured(tmp_path, costs, rate) for rate in (LIGHT, HEAVY)) for costs in (dear, plain))
    assert_slower(slow, fast)


@pytest.mark.parametrize(
    ("slow", "fast"),
    [
        (("sm2", "sm3"), ("ed25519", "sm3")),
        (("sm2", "sha256"), ("ed25519", "sha256")),
        (("sm2", "sm3"), ("sm2", "sha256")),
        (("ed25519", "sm3"), ("ed25519", "sha256")),
    ],
)
def test_measured_suites_move_results_the_way_their_costs_differ(
    tmp_path: Path, slow: tuple[str, str], fast: tuple[str, str]
) -> None:
    results = []
    for signature, suite in (slow, fast):
        costs = str(CALIBRATIONS / f"suites-{signature}-{suite}.yaml")
        results.append(tuple(measured(tmp_path, costs, rate, suite) for rate in (LIGHT, HEAVY)))
    assert_slower(*results)


def told(result: Run) -> str:
    """What the console says."""
    screen = Console(width=400)
    with screen.capture() as captured:
        console.show(result.summary, result.manifest, result.scenario, screen)
    return captured.get()


def test_reports_say_which_calibration_was_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "alliance calibrate: sm3 and sm2 on a machine, 2026-11-24T00:05+00:00"
    (tmp_path / "mine.yaml").write_text(json.dumps({"costs": {**CHEAP, "source": source}}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = run(small(tmp_path, costs="mine.yaml"))
    assert result.manifest["parameters"]["costs"] == {"file": "mine.yaml", "source": source}
    assert f"CPU costs from mine.yaml ({source})" in told(result)
    assert f"<dt>CPU costs</dt><dd>mine.yaml ({source})</dd>" in page.render(result, [])


def test_costs_without_a_source_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "CPU costs from scenario.yaml (no source stated)" in told(run(small(tmp_path)))
