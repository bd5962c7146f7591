"""The command line as a user types it: outputs, exit codes, silence, interruption."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TypeAlias

import pytest
from command_kit import ALLIANCE, REPOSITORY, alliance

QUICKSTART = REPOSITORY / "scenarios" / "quickstart.yaml"
SHORT = ["--set", "horizon=5s"]
Short: TypeAlias = "tuple[subprocess.CompletedProcess[str], Path]"


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    out = tmp_path_factory.mktemp("runs") / "short"
    return alliance("run", QUICKSTART, *SHORT, "--out", out), out


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from sim.cli.app import app\n"
        "try:\n    app(['--help'], standalone_mode=False)\nexcept SystemExit:\n    pass\n"
        "heavy = {'matplotlib', 'numba', 'polars', 'networkx', 'scipy', 'numpy', 'simpy'}\n"
        "heavy = (heavy | {'cryptography', 'gmssl_pyx'}) & set(sys.modules)\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "validate" in done.stdout


@pytest.mark.parametrize(
    "verb",
    [
        "run",
        "validate",
        "show",
        "schema",
        "list",
        "init",
        "trace",
        "sweep",
        "compare",
        "capacity",
        "report",
        "bench-report",
    ],
)
def test_every_verb_explains_itself(verb: str) -> None:
    done = alliance(verb, "--help")
    assert done.returncode == 0
    assert "Usage: alliance" in done.stdout


def test_a_run_prints_the_verdict_and_where_its_report_is(short_run: Short) -> None:
    done, out = short_run
    assert done.returncode == 0, done.stderr
    assert "pass" in done.stdout
    assert str(out / "report.html") in done.stdout


def test_a_run_in_a_pipe_shows_no_progress(short_run: Short) -> None:
    done, _ = short_run
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_a_run_directory_is_complete(short_run: Short) -> None:
    _, out = short_run
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {"scenario.yaml", "manifest.json", "summary.json", "report.html", "tables/commits.parquet"} <= names
    assert {name.rpartition(".")[2] for name in names if name.startswith("figures/")} == {"svg", "png"}
    assert not list(out.parent.glob(".short*"))


def test_the_resolved_scenario_of_a_run_reproduces_it(short_run: Short, tmp_path: Path) -> None:
    _, out = short_run
    done = alliance("run", out / "scenario.yaml", "--out", tmp_path / "again", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    again = json.loads((tmp_path / "again" / "summary.json").read_text())
    assert again == json.loads((out / "summary.json").read_text())


def test_json_is_the_summary_and_nothing_else(short_run: Short, tmp_path: Path) -> None:
    _, out = short_run
    done = alliance("run", QUICKSTART, *SHORT, "--out", tmp_path / "x", "--json")
    assert done.stdout == (out / "summary.json").read_text()
    assert done.stderr == ""


def test_another_verdict_than_expected_is_exit_code_1(tmp_path: Path) -> None:
    impossible = tmp_path / "impossible.yaml"
    impossible.write_text(
        f"extends: {QUICKSTART}\nname: impossible\nquestion: Is anything instant?\nhorizon: 2s\n"
        "slo:\n  - {metric: chains.jc.commit_latency_s.p50, at_most: 1us}\n"
    )
    assert alliance("run", impossible, "--out", tmp_path / "a", "--quiet").returncode == 1
    done = alliance("run", impossible, "--out", tmp_path / "b", "--quiet", "--set", "expect=slo-missed")
    assert done.returncode == 0


def test_an_existing_run_is_refused_and_kept_unless_forced(short_run: Short) -> None:
    _, out = short_run
    before = (out / "manifest.json").read_bytes()
    done = alliance("run", QUICKSTART, "--set", "horizon=2s", "--out", out)
    assert done.returncode == 2
    assert done.stderr == f"alliance: {out} exists; give --force to replace it, or another --out\n"
    assert (out / "manifest.json").read_bytes() == before


def test_force_replaces_a_run_but_never_something_else(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert alliance("run", QUICKSTART, "--set", "horizon=1s", "--out", out, "--quiet").returncode == 0
    assert alliance("run", QUICKSTART, "--set", "horizon=2s", "--out", out, "--quiet", "--force").returncode == 0
    assert json.loads((out / "summary.json").read_text())["simulated_s"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    done = alliance("run", QUICKSTART, "--set", "horizon=1s", "--out", precious, "--force")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "not a run directory" in done.stderr
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_an_output_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = alliance("run", QUICKSTART, "--out", tmp_path / "file" / "below")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "file" in done.stderr


def test_ctrl_c_leaves_no_half_written_run_directory(tmp_path: Path) -> None:
    for sent in (signal.SIGINT, signal.SIGTERM):
        running = subprocess.Popen(
            [ALLIANCE, "run", QUICKSTART, "--out", tmp_path / "run"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(2.5)
        running.send_signal(sent)
        _, errors = running.communicate(timeout=30)
        assert running.returncode == 130
        assert errors == b"alliance: interrupted, nothing was written\n"
        assert list(tmp_path.iterdir()) == []


def test_a_terminal_shows_progress(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    running = subprocess.Popen(
        [ALLIANCE, "run", QUICKSTART, *SHORT, "--out", tmp_path / "run"],
        stderr=terminal,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(terminal)
    seen = b""
    while True:
        try:
            seen += os.read(controller, 4096)
        except OSError:  # the terminal closes with its last writer
            break
    os.close(controller)
    assert running.wait(timeout=60) == 0
    assert b"simulating quickstart" in seen


def test_several_files_go_into_directories_by_name(tmp_path: Path) -> None:
    files = [QUICKSTART, REPOSITORY / "scenarios" / "leader-crash.yaml"]
    done = alliance("run", *files, "--set", "horizon=1s", "--set", "faults=[]", "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    assert [summary["scenario"] for summary in json.loads(done.stdout)] == ["quickstart", "leader-crash"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leader-crash", "quickstart"]


def test_without_out_a_run_never_overwrites(tmp_path: Path) -> None:
    for _ in range(2):
        assert alliance("run", QUICKSTART, "--set", "horizon=1s", "--quiet", cwd=tmp_path).returncode == 0
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["quickstart", "quickstart-2"]


def test_the_committed_schema_and_key_reference_are_current(tmp_path: Path) -> None:
    assert alliance("schema", "--write", tmp_path).returncode == 0
    for name in ("scenario.schema.json", "workflow.schema.json", "KEYS.md"):
        written = (tmp_path / name).read_text(encoding="utf-8")
        assert written == (REPOSITORY / "scenarios" / name).read_text(encoding="utf-8"), "run `make schema`"
    assert alliance("schema").stdout == (tmp_path / "scenario.schema.json").read_text(encoding="utf-8")


def test_every_committed_scenario_is_valid() -> None:
    scenarios = REPOSITORY / "scenarios"
    folders = (scenarios, scenarios / "crosschain", scenarios / "attacks")
    files = [
        *(path for folder in folders for path in sorted(folder.glob("*.yaml"))),
        scenarios / "base" / "alliance.yaml",
    ]
    done = alliance("validate", *files)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(": ok, ") == len(files)


def test_show_fills_in_what_is_extended() -> None:
    done = alliance("show", QUICKSTART)
    assert done.returncode == 0
    assert "最高人民法院" in done.stdout
    resolved = alliance("show", QUICKSTART, "--yaml", "--set", "chains.jc.validators=31")
    assert "validators: 31" in resolved.stdout


def test_list_names_scenarios_and_runs(short_run: Short) -> None:
    _, out = short_run
    done = alliance("list", "--results", out.parent, COLUMNS="200")
    assert "scenarios/quickstart.yaml" in done.stdout
    assert "scenarios/attacks/forged-packets.yaml" in done.stdout
    assert "pass" in done.stdout
