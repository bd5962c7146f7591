"""`alliance run` of a year by tables: what it prints and leaves behind, and that it goes on where it was killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
import year_kit

ALLIANCE = Path(sys.executable).parent / "alliance"
ROOT = Path(__file__).parents[2]
KEYS = {"horizon": "3d", "start": "2022-09-30T00:00+08:00", "year.one_in": "50", "year.levels": "2", "year.bursts": "1"}
CRASH = {"at": "10h", "for": "1min", "action": "crash", "chain": "exe", "nodes": ["0"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small country over the end of September as a file of its own."""
    place = tmp_path / "country.yaml"
    place.write_text(year_kit.by_tables(**KEYS, faults=[CRASH]).to_yaml(), encoding="utf-8")
    return place


def command(file: Path, out: Path) -> subprocess.Popen[str]:
    """The command as a user types it."""
    line = [ALLIANCE, "run", str(file), "--out", str(out)]
    return subprocess.Popen(line, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)


def test_a_year_that_was_killed_goes_on_and_comes_to_the_same_bytes(file: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    printed, errors = command(file, whole).communicate(timeout=500)
    assert "The year by tables" in printed, errors
    assert "2022-10" in printed
    work = tmp_path / ".killed.work"
    first = command(file, killed)
    while not list(work.glob("window-level-*")):
        assert first.poll() is None, first.communicate()[1]
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not killed.exists()
    done = {piece.name: piece.stat().st_mtime_ns for piece in work.glob("*-month-*")}
    assert {"first-month-01", "first-month-02"} <= done.keys()
    again = command(file, killed)
    again.communicate(timeout=500)
    assert (killed / "summary.json").read_bytes() == (whole / "summary.json").read_bytes()
    assert not work.exists()
    # Exit codes say whether the verdict is the expected one.
    assert again.returncode == 0
    summary = json.loads((whole / "summary.json").read_text(encoding="utf-8"))
    assert [month["month"] for month in summary["year"]["months"]] == ["2022-09", "2022-10"]
    assert (whole / "figures" / "growth.svg").is_file()
    assert "Around faults" in (whole / "report.html").read_text(encoding="utf-8")
    assert yaml.safe_load((whole / "scenario.yaml").read_text(encoding="utf-8"))["year"]["one_in"] == 50


def test_no_case_is_told_of(file: Path, tmp_path: Path) -> None:
    line = [ALLIANCE, "run", str(file), "--out", str(tmp_path / "x"), "--follow", "w8-filing-circulation"]
    found = subprocess.run(line, text=True, capture_output=True, check=False, cwd=ROOT)
    assert found.returncode == 2
    assert "a run by tables tells of no case" in found.stderr
