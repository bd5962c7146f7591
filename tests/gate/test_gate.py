"""The regression gate as part of the tests: nothing is slower than what was written down, and the gate would notice.

Ratios are measured best of many short turns in CPU time, whatever runs beside them; `bench/gate/bands.py` says how
often they raise a false alarm. Counts of opcodes never do.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTHING_TO_COMPARE = ("has no counts", "is recorded for this kind of machine")


def gate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.gate", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("half", ["opcodes", "ratios"])
def test_nothing_is_slower_or_faster_than_what_is_written_down(half: str) -> None:
    done = gate("check", "--only", half)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    first = done.stdout.partition("\n")[0]
    if any(text in first for text in NOTHING_TO_COMPARE):
        pytest.skip(first)


@pytest.mark.full
def test_a_slowdown_of_30_percent_in_any_of_five_hot_paths_is_caught() -> None:
    done = gate("proof")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_a_name_that_does_not_exist_gets_one_line() -> None:
    done = gate("check", "nonsense")
    assert done.returncode == 2
    assert done.stderr.startswith("gate: there is no nonsense; there are ")
    assert done.stderr.count("\n") == 1
