"""Work on processes and on a real Dask cluster: the same bytes as in one process, whoever is killed on the way."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from distributed.cli import dask_scheduler, dask_worker
from executor_kit import (
    ALLIANCE,
    REPOSITORY,
    Cluster,
    broken,
    deadly,
    deadly_once,
    gone,
    group_of,
    running,
    slow,
    square,
)
from hypothesis import given
from hypothesis import strategies as st
from scenario_kit import chain, deposits, small
from typer.core import TyperGroup
from typer.main import get_command

from sim.cli.app import app, run_command
from sim.study import cluster as cluster_of_dask
from sim.study.executors import Executor, Lost, Stock, opened
from sim.study.processes import Processes
from sim.study.sweeps.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim.scenario import Scenario

TORTURE = [ALLIANCE, "torture", str(REPOSITORY / "scenarios" / "torture.yaml"), "--protocol", "raft"]
BILLIONS = [sys.executable, str(REPOSITORY / "bench" / "billions.py"), "--segment-height", "10", "--proofs", "5"]
SEEDS = "60"
OVER = {"chains.a.block.interval": ["20ms", "50ms"]}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("cluster"), workers=2) as started:
        yield started


@pytest.fixture
def on_dask(cluster: Cluster) -> Iterator[Executor]:
    with opened("dask", scheduler=cluster.address) as executor:
        executor.client.wait_for_workers(2, timeout=60)
        yield executor


@pytest.fixture
def on_processes() -> Iterator[Executor]:
    with opened("processes", workers=2) as executor:
        yield executor


@pytest.fixture(params=["on_processes", "on_dask"])
def executor(request: pytest.FixtureRequest) -> Executor:
    chosen: Executor = request.getfixturevalue(request.param)
    return chosen


def scenario(folder: Path, **keys: object) -> Scenario:
    return small(folder, workload={"files": deposits("60/s")}, chains={"a": chain()}, **keys)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*"))}


def kill_a_worker(address: str) -> None:
    """Kill the process of one worker; its nanny starts another one."""
    with opened("dask", scheduler=address) as executor:
        executor.client.wait_for_workers(2, timeout=60)
        pids = executor.client.run(os.getpid)
    os.kill(next(iter(pids.values())), signal.SIGKILL)


def started(command: list[str], cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=cwd, start_new_session=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


# What an executor promises.


def test_every_task_has_its_result_and_workers_stay_for_more(executor: Executor) -> None:
    for _ in range(2):
        assert dict(executor.results(square, range(30))) == {n: n * n for n in range(30)}
    assert list(executor.results(square, [])) == []


def test_who_kills_its_worker_is_lost_and_all_others_come_through(executor: Executor) -> None:
    found = dict(executor.results(deadly, range(1, 16)))
    assert {number: result for number, result in found.items() if not isinstance(result, Lost)} == {
        n - 1: n for n in range(1, 16) if n % 7
    }
    assert {number for number, result in found.items() if isinstance(result, Lost)} == {6, 13}


def test_who_is_killed_once_is_tried_again(executor: Executor, tmp_path: Path) -> None:
    assert list(executor.results(deadly_once, [str(tmp_path)])) == [(0, str(tmp_path))]


def test_what_a_function_raises_reaches_who_asked(executor: Executor) -> None:
    with pytest.raises(ArithmeticError, match="no 3"):
        list(executor.results(broken, [3]))
    assert list(executor.results(square, [4])) == [(0, 16)]


def test_who_has_enough_waits_for_nobody(on_processes: Executor) -> None:
    begun_s = time.monotonic()
    with closing(on_processes.results(slow, [0.0, *[60.0] * 5])) as results:
        assert next(results) == (0, 0.0)
    assert time.monotonic() - begun_s < 30
    assert list(on_processes.results(square, [5])) == [(0, 25)]


@given(st.data())
def test_a_stock_ends_each_task_once_and_tries_suspects_alone(data: st.DataObject) -> None:
    """Whatever ends when, and whoever dies of what: lost is exactly who died twice, the second time alone."""
    deaths = data.draw(st.lists(st.integers(0, 2), max_size=12), label="how often each kills")
    stock, left, under_way = Stock(range(len(deaths))), list(deaths), list[int]()
    done, lost = list[int](), list[int]()
    while True:
        while len(under_way) < 3 and (item := stock.next(len(under_way))) is not None:
            under_way.append(item[0])
        if not under_way:
            break
        number = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        if left[number]:
            left[number] -= 1
            again = deaths[number] - left[number] == 2
            assert not (again and under_way), "it was not alone"
            if stock.died(number, number):
                lost.append(number)
        elif data.draw(st.booleans(), label="its worker was dead before"):
            stock.put_back(number, number)
        else:
            done.append(number)
    assert sorted(done) == [n for n, count in enumerate(deaths) if count < 2]
    assert sorted(lost) == [n for n, count in enumerate(deaths) if count == 2]


def test_workers_that_never_begin_are_told_of(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from sim.study.executors import opened\n"
        "with opened('processes', 2) as executor:\n"
        "    list(executor.results(abs, [1]))\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    *_, last = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert last.startswith("ChildProcessError: worker processes end before they begin")
    assert last.endswith("needs its own work under: if __name__ == '__main__'")


# What the README says.


def parsed(command: list[str]) -> None:
    """Parse a command as its program does; wrong options raise."""
    match command:
        case ["alliance", verb, *words]:
            group = get_command(app)
            assert isinstance(group, TyperGroup)
            group.commands[verb].make_context(verb, words)
        case [".venv/bin/dask", "scheduler", *words]:
            dask_scheduler.main.make_context("scheduler", words)
        case [".venv/bin/dask", "worker", *words]:
            dask_worker.main.make_context("worker", words)
        case ["python", "bench/billions.py", *words]:
            program = f"import billions; billions._options({words!r})"
            subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY / "bench", capture_output=True)
        case _:
            assert command[:2] == ["git", "clone"]


def test_the_commands_of_the_readme_are_commands() -> None:
    _, _, rest = (REPOSITORY / "README.md").read_text("utf-8").partition("## On a cluster\n")
    section, _, _ = rest.partition("\n## ")
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    commands = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    assert len(commands) == 7
    for command in commands:
        parsed(command)


# Who may join in.


def test_a_worker_of_another_version_is_refused_at_the_start_and_when_it_joins(
    cluster: Cluster, on_dask: Executor, tmp_path: Path
) -> None:
    shutil.copytree(REPOSITORY / "sim", tmp_path / "sim", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "sim" / "study" / "slo.py").open("a", encoding="utf-8") as file:
        file.write("# another version\n")
    strange = cluster.add_worker(code=tmp_path)
    try:
        on_dask.client.wait_for_workers(3, timeout=60)
        told = r"runs another version \(code [0-9a-f]{16} there, code [0-9a-f]{16} here\)"
        with pytest.raises(OSError, match=told):
            list(on_dask.results(slow, [0.1] * 100))
        with pytest.raises(OSError, match=told), opened("dask", scheduler=cluster.address):
            pass
    finally:
        for member in group_of(strange.pid):
            os.kill(member, signal.SIGKILL)
        until(lambda: len(on_dask.client.nthreads()) == 2)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "127.0.0.1:99999"])
def test_where_no_scheduler_answers_one_line_says_so(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([*TORTURE[1:], "--scheduler", address, "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"alliance: no Dask scheduler answers at {address}; needs an address such as tcp://host:8786\n"
    )


@pytest.mark.full
def test_a_scheduler_without_workers_and_one_that_goes_away_are_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path, workers=0) as lonely:
        with monkeypatch.context() as patience:
            patience.setattr(cluster_of_dask, "PATIENCE_S", 1)
            with pytest.raises(OSError, match=f"has no workers; start some with: dask worker {lonely.address}"):
                opened("dask", scheduler=lonely.address).__enter__()
        lonely.add_worker()
        log = tmp_path / "log" / "seeds.jsonl"
        command = [*TORTURE, "--seeds", "100000", "--scheduler", lonely.address, "--out", str(log.parent)]
        with started(command, tmp_path) as run:
            until(lambda: log.exists() and log.read_text("utf-8").count("\n") > 3)
            lonely.scheduler.kill()
            _, error = run.communicate(timeout=60)
    assert (run.returncode, error.count("\n")) == (2, 1)
    assert "has gone" in error


# The same bytes.


@pytest.fixture(scope="module")
def serial_sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scenario, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("serial")
    asked = scenario(folder)
    sweep(asked, OVER, 4, executor="serial", out=folder / "study")
    return asked, content(folder / "study")


def test_a_sweep_on_a_cluster_gives_the_same_bytes_though_a_worker_is_killed(
    cluster: Cluster, serial_sweep: tuple[Scenario, dict[str, bytes]], tmp_path: Path
) -> None:
    killed = False

    def kill(done: int, _total: int, _failed: int) -> None:
        nonlocal killed
        if done == 2 and not killed:
            kill_a_worker(cluster.address)
            killed = True

    study = sweep(
        serial_sweep[0], OVER, 4, executor="dask", scheduler=cluster.address, out=tmp_path / "study", progress=kill
    )
    assert killed
    assert study.broken == 0
    assert content(tmp_path / "study") == serial_sweep[1]


SWEEP = """
import sys
from pathlib import Path
from sim.scenario import load
from sim.study.sweeps.sweep import sweep
if __name__ == "__main__":
    sweep(load(sys.argv[1]), {over}, 4, workers=2, out=sys.argv[2])
"""


def test_a_sweep_that_is_killed_as_a_whole_leaves_no_worker_and_goes_on_to_the_same_bytes(
    serial_sweep: tuple[Scenario, dict[str, bytes]], tmp_path: Path
) -> None:
    asked, expected = serial_sweep
    script, out = tmp_path / "script.py", tmp_path / "study"
    script.write_text(SWEEP.format(over=OVER), encoding="utf-8")
    command = [sys.executable, str(script), str(asked.source), str(out)]
    with started(command, tmp_path) as run:
        until(lambda: (out / "journal.jsonl").exists() and (out / "journal.jsonl").read_text("utf-8").count("\n") > 1)
        assert len(group_of(run.pid)) > 2
        run.kill()
        assert gone(run.pid)
    assert "runs.parquet" not in content(out)
    assert subprocess.run(command, check=False).returncode == 0
    assert content(out) == expected


def test_the_number_of_workers_changes_nothing_that_a_rule_keeps(tmp_path: Path) -> None:
    asked = scenario(tmp_path, horizon="500ms")
    kept = []
    for workers in (1, 3):
        out = tmp_path / str(workers)
        study = sweep(asked, {}, 40, until=0.03, workers=workers, out=out)
        assert 10 < len(study.runs) < 40
        kept.append(content(out))
    assert kept[0] == kept[1]


@pytest.fixture(scope="module")
def serial_torture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("torture")
    assert run_command([*TORTURE[1:], "--seeds", SEEDS, "--out", str(out)]) == 0
    return (out / "seeds.jsonl").read_bytes()


def test_a_torture_on_a_cluster_gives_the_same_bytes_though_a_worker_is_killed(
    cluster: Cluster, serial_torture: bytes, tmp_path: Path
) -> None:
    log = tmp_path / "seeds.jsonl"
    command = [*TORTURE, "--seeds", SEEDS, "--scheduler", cluster.address, "--out", str(tmp_path)]
    with started(command, tmp_path) as run:
        until(lambda: log.exists() and log.read_text("utf-8").count("\n") > 3)
        kill_a_worker(cluster.address)
        out, error = run.communicate(timeout=120)
    assert (run.returncode, error) == (0, "")
    assert f"{SEEDS} storms: {SEEDS} pass" in out
    assert log.read_bytes() == serial_torture


def test_a_torture_that_is_interrupted_leaves_no_worker_and_goes_on_to_the_same_bytes(
    serial_torture: bytes, tmp_path: Path
) -> None:
    log = tmp_path / "seeds.jsonl"
    command = [*TORTURE, "--seeds", SEEDS, "--executor", "processes", "--workers", "2", "--out", str(tmp_path)]
    with started(command, tmp_path) as run:
        until(lambda: log.exists() and log.read_text("utf-8").count("\n") > 3)
        os.killpg(run.pid, signal.SIGINT)
        out, error = run.communicate(timeout=60)
        assert gone(run.pid)
    assert (run.returncode, out, error.count("\n")) == (130, "", 1)
    assert serial_torture.startswith(log.read_bytes())
    later = [*TORTURE, "--seeds", "10", "--first-seed", "51", "--out", str(tmp_path)]
    assert run_command(later[1:]) == 0
    assert run_command(command[1:]) == 0
    assert log.read_bytes() == serial_torture


def made(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A result and a checkpoint of the billions, without what is measured."""
    result = json.loads((folder / "result.json").read_text("utf-8"))
    state = json.loads((folder / "state.json").read_text("utf-8"))
    return {key: result[key] for key in ("root", "range", "records", "checked")}, {
        key: value for key, value in state.items() if key not in {"seconds", "limits"}
    }


def billions(folder: Path, *more: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    kept = ["--checkpoint", str(folder / "state.json"), "--out", str(folder / "result.json")]
    return [*BILLIONS, "--records", "300000", "--checkpoint-every", "0.3", *kept, *more]


def test_billions_on_a_cluster_and_on_processes_have_the_root_and_checkpoint_of_threads(
    cluster: Cluster, tmp_path: Path
) -> None:
    subprocess.run(billions(tmp_path / "threads"), check=True, capture_output=True)
    with started(billions(tmp_path / "dask", "--executor", "dask", "--scheduler", cluster.address), tmp_path) as run:
        until((tmp_path / "dask" / "state.json").exists)
        kill_a_worker(cluster.address)
        _, error = run.communicate(timeout=120)
    assert run.returncode == 0, error
    command = billions(tmp_path / "processes", "--executor", "processes", "--workers", "2")
    with started(command, tmp_path) as run:
        until((tmp_path / "processes" / "state.json").exists)
        run.kill()
        assert gone(run.pid)
    subprocess.run(command, check=True, capture_output=True)
    assert made(tmp_path / "threads") == made(tmp_path / "dask") == made(tmp_path / "processes")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--executor", "processes", "--scheduler", "tcp://h:1"], "a scheduler is asked by the executor dask"),
        (["--workers", "2", "--scheduler", "tcp://h:1"], "a scheduler has workers of its own"),
        (["--executor", "threads"], "no executor 'threads'; needs one of processes, serial, dask"),
    ],
)
def test_options_that_do_not_go_together_are_told_in_a_line(
    options: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([*TORTURE[1:], *options, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert (told in error, error.count("\n")) == (True, 1)


def test_billions_ask_a_scheduler_only_as_dask(tmp_path: Path) -> None:
    command = billions(tmp_path, "--scheduler", "tcp://h:1")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "billions: a scheduler is asked by --executor dask, not by threads\n")


def test_processes_are_gone_when_they_are_closed() -> None:
    with closing(Processes(2)) as executor:
        pids = {pid for _, pid in executor.results(_own_pid, range(8))}
    assert all(not Path(f"/proc/{pid}").exists() for pid in pids)


def _own_pid(_: int) -> int:
    return os.getpid()
