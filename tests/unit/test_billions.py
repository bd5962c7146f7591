"""The benchmark of billions, on a small scale: its records, its root, and a run that is killed and goes on."""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim.proof import SHA256, SM3, merkle

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

BENCH = pathlib.Path(__file__).parents[2] / "bench"
SIZE = 100_000
SMALL_STEPS = ["--segment-height", "10", "--checkpoint-every", "0.02", "--proofs", "5"]

RECORDS = """
import sys
from sim.study.evidence import Evidence
evidence = Evidence(sys.argv[1])
for first in (0, 7, 2**31 - 3, 2**32 - 5, 2_199_999_990):
    rows = evidence.rows(first, 10)
    assert [row.tobytes() for row in rows] == [evidence.record(first + row) for row in range(10)], first
sys.stdout.buffer.write(evidence.rows(0, int(sys.argv[2])).tobytes())
"""


def records(mode: str, count: int) -> np.ndarray:
    """The first records, each checked at some places against its maker in plain Python."""
    program = [sys.executable, "-c", RECORDS, mode, str(count)]
    made = subprocess.run(program, capture_output=True, check=True).stdout
    return np.frombuffer(made, np.uint8).reshape(count, -1)


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(BENCH / "billions.py"), *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("mode", "size_bytes"), [("records", 240), ("digests", 32)])
def test_a_record_is_the_same_made_alone_or_among_many_and_no_two_are(mode: str, size_bytes: int) -> None:
    rows = records(mode, SIZE)
    assert rows.shape == (SIZE, size_bytes)
    assert len({row.tobytes() for row in rows}) == SIZE


@pytest.mark.parametrize(("mode", "suite"), [("records", SM3), ("digests", SHA256)])
def test_a_run_gives_the_root_of_its_records(mode: str, suite: HashSuite, tmp_path: pathlib.Path) -> None:
    size, out = 5_000, tmp_path / "result.json"
    done = run("--hash", suite.name, "--mode", mode, "--records", size, "--out", out, *SMALL_STEPS)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text("utf-8"))
    assert result["root"] == merkle.root(suite, suite.leaves(row.tobytes() for row in records(mode, size))).hex()
    assert (result["records"], result["hash"], result["mode"], result["resumed_at"]) == (size, suite.name, mode, 0)
    assert result["checked"] == {
        "inclusion_proofs": 5,
        "consistency_proofs": 3,
        "subtrees_by_hashlib": 8,
        "records_by_hashlib": 8192,
    }
    assert 0 < result["share_of_kernel_limit"] < 2
    assert 0 < result["peak_memory_mib"] < 1024


def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_root(tmp_path: pathlib.Path) -> None:
    checkpoint, out = tmp_path / "state.json", tmp_path / "result.json"
    arguments = ["--records", SIZE, "--checkpoint", checkpoint, "--out", out, *SMALL_STEPS]
    with subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 60
        while not checkpoint.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    assert not out.exists()
    kept = merkle.CompactRange.from_bytes(bytes.fromhex(json.loads(checkpoint.read_text("utf-8"))["range"]))
    assert 0 < kept.end < SIZE
    assert run(*arguments).returncode == 0
    result = json.loads(out.read_text("utf-8"))
    assert result["resumed_at"] == kept.end
    assert result["root"] == merkle.build(SHA256, records("digests", SIZE)).root.hex()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "Expecting value"),
        ("[]", "not a checkpoint"),
        ('{"format": "another"}', "not a checkpoint"),
        ('{"format": "billions checkpoint 1", "range": "00"}', "too few"),
        ('{"format": "billions checkpoint 1", "range": "zz"}', "non-hexadecimal"),
        ('{"format": "billions checkpoint 1"}', "range"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_told_from_one(content: str, complaint: str, tmp_path: pathlib.Path) -> None:
    checkpoint = tmp_path / "state.json"
    checkpoint.write_text(content, encoding="utf-8")
    done = run("--records", 2000, "--checkpoint", checkpoint, "--out", tmp_path / "result.json")
    assert done.returncode == 2
    assert done.stderr.startswith(f"{checkpoint}: cannot go on from this file: ")
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_checkpoint_of_another_run_is_refused(tmp_path: pathlib.Path) -> None:
    checkpoint, out = tmp_path / "state.json", tmp_path / "result.json"
    arguments = ["--checkpoint", checkpoint, "--out", out, *SMALL_STEPS]
    assert run("--records", 20_000, *arguments).returncode == 0
    for other, complaint in (
        (["--records", 20_000, "--hash", "sm3"], "sha256 digests"),
        (["--records", 20_000, "--mode", "records"], "sha256 digests"),
        (["--records", 1_000], "records already"),
    ):
        done = run(*arguments, *other)
        assert (done.returncode, complaint in done.stderr) == (2, True), done.stderr
    forged = json.loads(checkpoint.read_text("utf-8"))
    forged["segments"] = "00" * 32 + forged["segments"][64:]
    checkpoint.write_text(json.dumps(forged), encoding="utf-8")
    assert "do not add up" in run("--records", 20_000, *arguments).stderr
