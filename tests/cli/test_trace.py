"""`alliance trace` as a user types it."""

import json
import subprocess
from pathlib import Path

import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace
from test_command import QUICKSTART, alliance


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("traced") / "short"
    run = alliance("run", QUICKSTART, "--set", "horizon=4s", "--seed", 3, "--out", out, "--quiet")
    assert run.returncode in {0, 1}, run.stderr
    return out


def test_a_trace_is_written_into_its_run_and_says_how_to_open_it(done: Path) -> None:
    told = alliance("trace", done, "--from", "1s", "--for", "2s")
    assert (told.returncode, told.stderr) == (0, "")
    assert f"trace    {done / 'trace.perfetto-trace'}, " in told.stdout
    assert "quickstart from 1s to 3s" in told.stdout
    assert "ui.perfetto.dev" in told.stdout
    assert "nothing is uploaded" in told.stdout
    trace = Trace()
    trace.ParseFromString((done / "trace.perfetto-trace").read_bytes())
    times = [packet.timestamp for packet in trace.packet if packet.HasField("track_event")]
    assert 10**9 <= min(times) <= max(times) <= 3 * 10**9
    assert len(times) > 1_000


def test_a_trace_goes_where_it_is_told(done: Path, tmp_path: Path) -> None:
    told = alliance("trace", done, "--for", "100ms", "--out", tmp_path / "x.pftrace")
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "x.pftrace").stat().st_size > 0
    assert list(tmp_path.iterdir()) == [tmp_path / "x.pftrace"]


def line(told: subprocess.CompletedProcess[str]) -> str:
    """What a refusal says, in its one line."""
    assert told.returncode == 2
    assert told.stdout == ""
    assert told.stderr.count("\n") == 1, told.stderr
    return told.stderr


@pytest.mark.parametrize(
    ("window", "why"),
    [
        (["--from", "4s"], "--from 4s: the run is over after 4s"),
        (["--from", "1s", "--for", "1min"], "--for 1min: needs more than 0s and at most 3s"),
        (["--for", "0s"], "--for 0s: needs more than 0s"),
        (["--from", "soon"], "--from is 'soon': needs a duration"),
        (["--from", "-1s"], "--from is '-1s': a duration must be ≥ 0"),
    ],
)
def test_a_bad_window_is_refused_in_one_line(done: Path, window: list[str], why: str) -> None:
    assert why in line(alliance("trace", done, *window))


def test_what_is_no_run_is_refused_in_one_line(done: Path, tmp_path: Path) -> None:
    assert "is not a run directory" in line(alliance("trace", tmp_path))
    assert "there is no directory" in line(alliance("trace", done, "--out", tmp_path / "no" / "x"))


def test_a_run_of_other_code_is_refused_in_one_line(done: Path, tmp_path: Path) -> None:
    summary = json.loads((done / "summary.json").read_text(encoding="utf-8"))
    summary["trace_hash"] = "0" * 64
    (tmp_path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (tmp_path / "scenario.yaml").write_text((done / "scenario.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    why = line(alliance("trace", tmp_path, "--for", "100ms"))
    assert "trace hash is 000000000000" in why
    assert f"--seed 3 --out {tmp_path} --force" in why
    assert not (tmp_path / "trace.perfetto-trace").exists()
