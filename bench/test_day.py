"""The working day of `scenarios/national-day.yaml` as a whole command: how long it takes, and how much memory.

    pytest -s bench/test_day.py                   # its busiest hour
    DAY_HORIZON=24h pytest -s bench/test_day.py   # all of it, for which the goals are

Imports, simulation, tables, figures and page are in it. The command runs in a process of its own, whose memory the
system reports when it ends (getrusage(2), ru_maxrss). A small process starts it, since what a process had before it
became another program counts as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

GOAL_S, GOAL_MIB = 60, 2048
"""For the whole day."""
_BUSIEST = "2022-12-26T10:00+08:00"
_MIDNIGHT = "2022-12-26T00:00+08:00"
_STARTER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
_MIB = 2**20 if sys.platform == "darwin" else 2**10
"""What ru_maxrss counts in: bytes on macOS, kilobytes elsewhere."""


def test_a_working_day(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Goal: 60 s and 2 GiB for 24 h; every record that was offered is committed, rejected or unfinished."""
    horizon = os.environ.get("DAY_HORIZON", "1h")
    whole = horizon == "24h"
    start = _MIDNIGHT if whole else _BUSIEST
    settings = [f"--set={key}={value}" for key, value in (("start", start), ("horizon", horizon), ("slo", "[]"))]
    command = Path(sys.executable).with_name("alliance")
    scenario = Path(__file__).parent.parent / "scenarios" / "national-day.yaml"
    arguments = [str(command), "run", str(scenario), *settings, "--out", str(tmp_path / "run"), "--quiet"]
    used_mib = []

    def run() -> None:
        starter = [sys.executable, "-c", _STARTER, *arguments]
        done = subprocess.run(starter, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
        used_mib.append(int(done.stdout) / _MIB)

    benchmark.pedantic(run, rounds=1)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    chains = summary["chains"].values()
    records = sum(chain["records"] for chain in chains)
    assert records > 0
    assert all(chain["offered"] == chain["records"] + chain["rejected"] + chain["unfinished"] for chain in chains)
    seconds, mib = benchmark.stats.stats.min, max(used_mib)
    goals = {"goal_s": GOAL_S, "goal_mib": GOAL_MIB} if whole else {}
    benchmark.extra_info.update(records=records, seconds=seconds, mib=mib, rate=round(records / seconds), **goals)
    print(f"\n{horizon}: {records:,} records in {seconds:.1f} s, {records / seconds:,.0f} a second, {mib:.0f} MiB")
