"""Recordings: kept by kind of machine, resumed after a kill. Neighbours that end, plants that change but the time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.gate import machine
from bench.gate.load import neighbours
from bench.gate.plants import PLANTS, Planted
from bench.gate.recordings import Recordings, Unreadable, every

ROOT = Path(__file__).parents[2]
ENTRY = {"date": "2026-01-01", "code": "abc", "idle": [[1.0, 1.1], [1.2, 1.3]], "loaded": [[1.4], [1.5]]}
OTHER = {**machine.kind(), "processor": "z80"}


def test_recordings_of_one_kind_are_not_those_of_another(tmp_path: Path) -> None:
    here, there = Recordings.of(machine.kind(), tmp_path), Recordings.of(OTHER, tmp_path)
    here.entries["a"], there.entries["b"] = ENTRY, ENTRY
    here.write()
    there.write()
    assert Recordings.of(machine.kind(), tmp_path).ratios("a") == {"idle": ENTRY["idle"], "loaded": ENTRY["loaded"]}
    assert Recordings.of(machine.kind(), tmp_path).ratios("b") is None
    assert {known.kind["processor"] for known in every(tmp_path)} == {machine.kind()["processor"], "z80"}


def test_a_broken_file_of_recordings_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[")
    with pytest.raises(Unreadable, match=r"x\.json: no recordings"):
        Recordings.of(OTHER, tmp_path)


def test_neighbours_are_there_for_as_long_as_they_should_be() -> None:
    with neighbours() as processes:
        assert len(processes) == os.cpu_count()
        assert all(process.poll() is None for process in processes)
    assert all(process.returncode is not None for process in processes)


@pytest.mark.parametrize("name", PLANTS)
def test_every_plant_finds_its_place_and_leaves_it_as_it_was(name: str) -> None:
    planted = Planted(PLANTS[name])
    function, before = planted.function, planted.function.__code__
    planted.set(7)
    assert function.__code__ is not before
    assert (function.__code__.co_qualname, function.__code__.co_varnames[: before.co_argcount]) == (
        before.co_qualname,
        before.co_varnames[: before.co_argcount],
    )
    planted.set(0)
    assert function.__code__ is before


RECORD = """
import sys
from pathlib import Path
from bench.gate import machine
from bench.gate.record import record
from bench.gate.recordings import Recordings
folder = Path(sys.argv[1])
print(record(Recordings.of(machine.kind(), folder), ["lanes-sha256"], 40, folder / "half"))
"""


@pytest.mark.full
def test_a_recording_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RECORD, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    while not list((tmp_path / "half").glob("*.json")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) >= 10
    recorded = Recordings.of(machine.kind(), tmp_path).ratios("lanes-sha256")
    assert recorded is not None
    assert [[len(row) for row in recorded[condition]] for condition in ("idle", "loaded")] == [[10, 10], [10, 10]]
