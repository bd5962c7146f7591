"""What the benchmarks say of themselves: the shape that history and reports read, and workloads that peers share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WELL_COUNTED = """
from measure import Against, Items, targeted

@targeted
def test_add(measure):
    "Goal: a tenth of a bare loop."
    measure(
        lambda: list(range(1000)),
        Items(1000, "numbers"),
        goal_per_s=1e12,
        limit=Against("a loop", lambda: [n for n in range(500)], 500, 0.1),
        beside=[Against("nothing", lambda: sum(range(10**5)), 1, 1e15)],
        rounds=3,
    )
"""
BADLY_COUNTED = WELL_COUNTED.replace("Items(1000,", "Items(1001,")
UNGROUPED = WELL_COUNTED.replace("@targeted\n", "")


def run(folder: Path, benchmark: str) -> tuple[int, str, dict[str, Any]]:
    """Run one benchmark beside the real helpers: exit code, what is printed, and the report's only entry."""
    for name in ("measure.py", "table.py", "history.py", "conftest.py"):
        (folder / name).write_text((ROOT / "bench" / name).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_sum_speed.py").write_text(benchmark, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--benchmark-quiet", "--benchmark-json=report.json", "--rootdir=."]
    # A worker of pytest-xdist says so to its children, and benchmarks are switched off in one.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command.append("test_sum_speed.py")
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, check=False)
    report = folder / "report.json"
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    return done.returncode, done.stdout, json.loads(text) if text else {}


def test_a_benchmark_leaves_its_goal_rate_count_and_share_in_the_report(tmp_path: Path) -> None:
    code, printed, report = run(tmp_path, WELL_COUNTED)
    assert code == 0, printed
    (entry,) = report["benchmarks"]
    kept = entry["extra_info"]
    assert list(kept) == [
        *("group", "unit", "count", "rate_per_s", "goal_per_s"),
        *("limit", "limit_per_s", "share", "goal_share", "beside", "met", "more"),
    ]
    assert (kept["group"], kept["unit"], kept["count"]) == ("targeted", "numbers", 1000)
    assert kept["rate_per_s"] == pytest.approx(1000 / entry["stats"]["min"])
    assert kept["share"] == pytest.approx(kept["rate_per_s"] / kept["limit_per_s"])
    beside = kept["beside"]["nothing"]
    assert beside["times"] == pytest.approx(kept["rate_per_s"] / beside["rate_per_s"])
    assert kept["met"] is False, "one goal of three is out of reach"
    assert {"load_before", "load_after", "processor_name"} <= report["machine_info"].keys()
    assert "0 of 1 with a goal met it" in printed


@pytest.mark.parametrize(
    ("text", "reason"),
    [(BADLY_COUNTED, "1000 numbers were handled instead of 1001"), (UNGROUPED, "belongs to none of frequent")],
    ids=["another count", "no group"],
)
def test_a_benchmark_fails_that_does_not_do_what_it_states(tmp_path: Path, text: str, reason: str) -> None:
    code, printed, _ = run(tmp_path, text)
    assert code == 1
    assert reason in printed


@pytest.fixture
def from_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.usefixtures("from_root")
@pytest.mark.parametrize("engine", ["ours", "simpy_callbacks", "simpy_processes"])
def test_engines_come_to_the_results_that_arithmetic_expects(engine: str) -> None:
    workloads = import_module("bench.peers.workloads")
    contestant = import_module(f"bench.peers.engines.{engine}")
    queue, flood = workloads.Queue(500), workloads.Flood(7, 6)
    assert contestant.queue(queue) == queue.expected > 0
    assert contestant.flood(flood) == flood.expected > 0


@pytest.mark.usefixtures("from_root")
@pytest.mark.parametrize("log", ["ours", "ours_in_lanes", "plain_hashlib", "pymerkle_memory"])
def test_logs_come_to_one_root_and_refuse_an_altered_record(log: str) -> None:
    trees = import_module("bench.peers.trees")
    contests = import_module("bench.peers.contests")
    contestant = import_module(f"bench.peers.logs.{log}").Log(trees.RECORDS)
    assert contestant.root == trees.expected_root(prefixed=True)
    indices = trees.INDICES[:5]
    records, proofs = [trees.RECORDS[index] for index in indices], [contestant.prove(index) for index in indices]
    assert contestant.verify_all(records, indices, proofs)
    assert not contests.passes(contestant, ["f" * 32, *records[1:]], indices, proofs)
