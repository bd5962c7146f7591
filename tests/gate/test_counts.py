"""Counts of opcodes: the same in every process, and compared with what is committed for this interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.gate import update
from bench.gate.counts import Counts, libraries
from bench.gate.courses import courses
from bench.gate.findings import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
UNITS = {"event": 100, "transaction": 10}
OLD = {"own": 10_000, "all": 20_000, "units": UNITS}


def counted(hash_seed: str, names: Sequence[str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.gate.worker", "opcodes"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        input=json.dumps({"names": names, "planted": None}),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["load", "build", "summarise", "pbft"], id="some"),
        pytest.param(list(courses()), id="all", marks=pytest.mark.full),
    ],
)
def test_counts_are_the_same_whatever_the_process_hashes_by_and_the_order(names: list[str]) -> None:
    first, second = counted("1", names), counted("20221229", names[::-1])
    assert first == second[::-1]


def judged(new: dict[str, Any], made_with: dict[str, str] | None = None) -> Verdict:
    counts = Counts("3.11", made_with or libraries(), {"a": OLD})
    return counts.judge("a", new).verdict


@pytest.mark.parametrize(
    ("own", "verdict"),
    [(10_201, "slower"), (10_199, "fine"), (9_801, "fine"), (9_799, "faster")],
)
def test_two_percent_either_way_is_too_much(own: int, verdict: str) -> None:
    assert judged({**OLD, "own": own}).value == verdict


def test_more_instructions_of_libraries_are_too_many_where_the_libraries_are_the_same() -> None:
    assert judged({**OLD, "all": 20_500}) is Verdict.SLOWER
    assert judged({**OLD, "all": 20_500}, {**libraries(), "python": "3.11.0"}) is Verdict.FINE


def test_a_course_that_does_something_else_does_not_compare() -> None:
    assert judged({**OLD, "units": {**UNITS, "event": 101}}) is Verdict.CHANGED


def test_another_interpreter_has_no_counts_and_writing_some_keeps_those_of_others(tmp_path: Path) -> None:
    path = tmp_path / "opcodes.json"
    Counts("2.7", {"python": "2.7.18"}, {"a": OLD}).write(path)
    assert Counts.committed(path) is None
    mine = Counts(f"{sys.version_info.major}.{sys.version_info.minor}", libraries(), {"a": OLD})
    mine.write(path)
    assert Counts.committed(path) == mine
    assert json.loads(path.read_text())["2.7"]["courses"] == {"a": OLD}


def test_an_update_prints_old_and_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "opcodes.json"
    update.opcodes(["load"], path)
    assert "new" in capsys.readouterr().out
    counts = Counts.committed(path)
    assert counts is not None
    own = counts.courses["load"]["own"]
    counts.courses["load"] = {**counts.courses["load"], "own": own * 2}
    counts.write(path)
    update.opcodes(["load"], path)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " file " in line]
    assert line.split() == ["load", "file", f"{2 * own:,.1f}", f"{own:,.1f}", "-50.00%"]
    assert list(tmp_path.iterdir()) == [path]
