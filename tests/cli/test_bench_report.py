"""`alliance bench-report` as a user types it, and the way from benchmarks that really ran to its table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from history_kit import XEON, commit, entry, rate
from matplotlib.image import imread

from sim.study.history import append, read

ALLIANCE = Path(sys.executable).parent / "alliance"
REPOSITORY = Path(__file__).parents[2]


def report(*arguments: object, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    command = [ALLIANCE, "bench-report", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "bench.jsonl"
    for number, per_s in ((1, 100.0), (2, 50.0)):
        append(path, entry(number, [rate("proof: build", per_s, share=per_s / 200, limit="kernel")]))
    append(path, entry(3, [rate("proof: build", 80.0, share=0.4, limit="kernel")], XEON))
    return path


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_without_commits_the_history_is_listed_and_drawn(history: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / "new" / f"figure.{ending}"
    done = report("--history", history, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"\nwrote {out}\n")
    places = [done.stdout.index(commit(number)[:9]) for number in (3, 2, 1)]
    assert places == sorted(places)
    if ending == "png":
        assert imread(out).shape[1] == 1500
    else:
        assert out.read_text(encoding="utf-8").startswith("<?xml")


def test_two_commits_are_compared(history: Path, tmp_path: Path) -> None:
    done = report(commit(1)[:8], commit(2)[:8], "--history", history, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert ["proof:", "build", "leaves/s", "100", "50.0", "0.500", "0.5", "0.25", "0.500", "slower"] in [
        line.split() for line in done.stdout.splitlines()
    ]
    assert "the median ratio is 0.500" in " ".join(done.stdout.split())
    assert [path.name for path in tmp_path.iterdir()] == ["bench.jsonl"]


def test_other_machines_are_told(history: Path) -> None:
    done = report(commit(1)[:8], commit(3)[:8], "--history", history)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "measured on different machines" in told
    assert "only shares of a limit that was measured in the same run do" in told
    assert "slower" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["0123456789", commit(1)], "alliance: 0123456789 is no commit; measured, the last first: "),
        ([commit(1)], "alliance: needs two commits to compare, or none to draw the history; got 1"),
        (["--out", "figure.pdf"], "alliance: --out is 'figure.pdf': needs a name that ends in .png or .svg"),
        (["--history", "none.jsonl"], "alliance: none.jsonl: holds no run of the benchmarks; `make bench` adds one"),
    ],
)
def test_wrong_usage_is_one_line(history: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = report("--history", history, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bench.jsonl"]


def test_benchmarks_that_ran_are_added_and_compared(tmp_path: Path) -> None:
    measured, folder = tmp_path / "bench.json", tmp_path / "history"
    pytest_bench = [sys.executable, "-m", "pytest", "bench/test_kernel_speed.py", "-k", "test_events and 10", "-q"]
    pytest_bench += ["-p", "no:cacheprovider", "--benchmark-quiet", f"--benchmark-json={measured}"]
    add = [sys.executable, "bench/history.py", str(measured), "--selection", "quick", "--folder", str(folder)]
    # A worker of pytest-xdist says so to its children, and benchmarks are switched off in one.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    for command in (pytest_bench, add, add):
        done = subprocess.run(
            command, cwd=REPOSITORY, env=alone, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
    if not folder.exists():  # not a checkout, so there is no commit to compare
        assert "no commit is known to have been measured" in done.stderr
        return
    first, second = read(folder / "bench.jsonl")
    assert first == second
    assert {one.name for one in first.rates} >= {"kernel: events, 10"}
    assert all(one.rounds > 1 and one.median_per_s <= one.rate_per_s for one in first.rates)
    assert first.machine.cpus >= 1
    assert set(first.packages) >= {"numpy", "numba", "simpy", "openssl"}
    plotted = json.loads((folder / "github-action-benchmark.json").read_text(encoding="utf-8"))
    assert [(item["name"], item["value"]) for item in plotted] == [(one.name, one.rate_per_s) for one in first.rates]
    name = first.code.commit[:10]
    compared = report(name, name, "--history", folder / "bench.jsonl")
    assert compared.returncode == 0, compared.stderr
    assert "0 are slower and 0 are faster" in " ".join(compared.stdout.split())


def test_a_report_without_a_commit_is_told_and_leaves_no_line(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text('{"commit_info": {"id": null}}', encoding="utf-8")
    command = [sys.executable, "bench/history.py", str(tmp_path / "bench.json"), "--selection", "full"]
    command += ["--folder", str(tmp_path / "history")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "no commit is known to have been measured, so the history gets no line\n"
    assert not (tmp_path / "history").exists()
