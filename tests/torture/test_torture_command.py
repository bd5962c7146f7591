"""`alliance torture` as a user types it: tables, exit codes, interruptions, failures that come again."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
SCENARIO = REPOSITORY / "scenarios" / "torture.yaml"
ALLIANCE = str(Path(sys.executable).with_name("alliance"))


def alliance(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [ALLIANCE, "torture", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, check=False, env={**os.environ, "COLUMNS": "100"}
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_torture_is_a_table_a_bound_and_a_line_per_seed(tmp_path: Path) -> None:
    done = alliance(SCENARIO, "--seeds", 12, "--protocol", "qbft", "--first-seed", 40, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "12 storms: 12 pass" in done.stdout
    assert "bounds the failure rate by 0.25 (95 %)" in done.stdout
    head, *seeds = lines(tmp_path / "results" / "torture-torture-qbft" / "seeds.jsonl")
    assert set(head) == {"torture"}
    assert [line["seed"] for line in seeds] == list(range(40, 52))
    assert {line["verdict"] for line in seeds} == {"pass"}
    for kind in {kind for line in seeds for kind in line["kinds"]}:
        assert kind in done.stdout


def test_an_interrupted_torture_goes_on_where_it_was(tmp_path: Path) -> None:
    log = tmp_path / "out" / "seeds.jsonl"
    command = [ALLIANCE, "torture", str(SCENARIO), "--seeds", "2000", "--out", str(log.parent)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as running:
        deadline_s = time.monotonic() + 60
        while not log.exists() or len(log.read_text(encoding="utf-8").splitlines()) < 5:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert "interrupted; " in err
    assert "the same command goes on" in err
    before = log.read_text(encoding="utf-8")
    log.write_text(before + '{"seed": 1999, "ver', encoding="utf-8")
    done = alliance(SCENARIO, "--seeds", 3, "--out", log.parent, cwd=tmp_path)
    assert done.returncode == 0
    assert log.read_text(encoding="utf-8") == before, "these three were done, and the torn line is gone"
    refused = alliance(SCENARIO, "--seeds", 3, "--protocol", "raft", "--out", log.parent, cwd=tmp_path)
    assert refused.returncode == 2
    assert "holds results of another scenario, other options or other code; give another --out" in refused.stderr


def test_a_failure_comes_with_its_smallest_schedule_and_the_command_that_shows_it_again(tmp_path: Path) -> None:
    first = alliance(SCENARIO, "--beyond", "--seeds", 3, cwd=tmp_path)
    assert first.returncode == 0
    assert "Beyond the bound correct nodes can be made to disagree: seen." in first.stdout
    told = first.stdout[first.stdout.index("\nseed ") :]
    assert "diverged" in told
    assert "and these faults alone:\n  - {at: 0s, action: equivocate, chain: court, nodes: [" in told
    *_, again = told.strip().splitlines()
    name, command = again.split(maxsplit=1)
    assert name == "again"
    _, _, *arguments = shlex.split(command)
    second = alliance(*arguments, cwd=tmp_path)
    assert second.stdout[second.stdout.index("\nseed ") :] == told


def test_bad_input_is_told_in_one_line(tmp_path: Path) -> None:
    for arguments, told in (
        (["--horizon", "1s"], "needs a longer --horizon or a shorter consensus timeout"),
        (["--horizon", "soon"], "--horizon is 'soon': needs a duration with a unit"),
        (["--protocol", "pfbt"], "--protocol is 'pfbt': needs "),
        (["--protocol", "raft", "--beyond"], "raft stands no liar at all"),
        (["--set", "workload={}"], "court is offered no deposits"),
        (["--set", "chains.court.validators=0"], "a chain needs at least one validator"),
    ):
        done = alliance(SCENARIO, *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()
