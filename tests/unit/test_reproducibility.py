"""The same scenario, seed and code give the same bytes: in any process, with any hash seed, on any CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from numpy._core._multiarray_umath import (  # numpy has no public name for what it dispatches on
    __cpu_dispatch__,
    __cpu_features__,
)
from scenario_kit import chain, checks, crash, deposits, network, small

from sim.study.run import Run, run

if TYPE_CHECKING:
    from sim.scenario import Scenario

QUICKSTART = Path(__file__).parents[2] / "scenarios" / "quickstart.yaml"
WIDE = [name for name in __cpu_dispatch__ if __cpu_features__[name] and ("AVX512" in name or name == "X86_V4")]
ALL = [name for name in __cpu_dispatch__ if __cpu_features__[name]]

SHORTENED = """
import sys
import sim
from numpy._core._multiarray_umath import __cpu_features__
from sim.study.store import as_json
assert not any(__cpu_features__[name] for name in sys.argv[2:]), "numpy uses what it was told not to"
run = sim.run(sim.load(sys.argv[1], set={
    "horizon": "20s",
    "network.jitter": {"lognormal": {"median": "300us", "p99": "5ms"}},
    "network.loss": "1%",
    "workload.evidence.size": {"gamma": {"mean": "700B", "shape": 2.5}},
    "workload.case-files.size": {"pareto": {"mean": "700B", "alpha": 2.2}},
}))
sys.stdout.write(as_json(run.summary))
for table in ("commits", "transactions", "verifications", "nodes", "messages"):
    sys.stdout.write(run.table(table).write_csv())
"""


def outcome(hash_seed: str, disabled: list[str]) -> bytes:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    environment.pop("NPY_DISABLE_CPU_FEATURES", None)
    if disabled:
        environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(disabled)
    command = [sys.executable, "-W", "error", "-c", SHORTENED, str(QUICKSTART), *disabled]
    done = subprocess.run(command, env=environment, check=False, capture_output=True)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def reference() -> bytes:
    return outcome("0", [])


def test_another_hash_seed_changes_no_byte(reference: bytes) -> None:
    assert b'"verdict"' in reference
    assert outcome("12345", []) == reference


@pytest.mark.skipif(not WIDE, reason="this CPU or this numpy has no AVX-512")
def test_a_cpu_without_avx_512_changes_no_byte(reference: bytes) -> None:
    assert outcome("1", WIDE) == reference


@pytest.mark.skipif(not ALL or ALL == WIDE, reason="numpy dispatches on nothing else here")
def test_a_cpu_without_any_extension_changes_no_byte(reference: bytes) -> None:
    assert outcome("1", ALL) == reference


def mixed(folder: Path, **keys: object) -> Scenario:
    return small(
        folder,
        **{
            "network": network(jitter={"gamma": {"mean": "2ms", "shape": 0.7}}, loss="2%"),
            "chains": {"a": chain(4, observers=1), "b": chain(7, regions=["east", "west"])},
            "workload": {"files": deposits(), "look": checks("files"), "logs": deposits("100/s", chain="b")},
            "faults": [crash("500ms", [0], "700ms")],
            **keys,
        },
    )


def commits(result: Run, chain_id: str) -> list[tuple[object, ...]]:
    return [row for row in result.table("commits").rows() if row[0] == chain_id]


def test_the_same_seed_gives_the_same_run_and_another_seed_another(tmp_path: Path) -> None:
    scenario = mixed(tmp_path)
    first, again, other = run(scenario), run(scenario), run(scenario, seed=2)
    assert again.summary == first.summary
    assert again.trace_hash == first.trace_hash == first.summary["trace_hash"]
    assert other.trace_hash != first.trace_hash
    assert other.summary["chains"]["a"] != first.summary["chains"]["a"]


@pytest.mark.parametrize(
    "keys",
    [
        {"workload": {"files": deposits("900/s"), "more": deposits("90/s"), "logs": deposits("100/s", chain="b")}},
        {"faults": []},
        {"chains": {"a": chain(10), "b": chain(7, regions=["east", "west"]), "c": chain(1)}},
    ],
)
def test_what_happens_on_one_chain_changes_nothing_on_another(keys: dict[str, Any], tmp_path: Path) -> None:
    before, after = run(mixed(tmp_path)), run(mixed(tmp_path, **keys))
    assert commits(after, "b") == commits(before, "b") != []
    assert commits(after, "a") != commits(before, "a")
    assert after.summary["chains"]["b"] == before.summary["chains"]["b"]


def test_one_more_stream_moves_no_draw_of_the_others(tmp_path: Path) -> None:
    streams = {"files": deposits(), "look": checks("files"), "logs": deposits("100/s", chain="b")}
    before = run(mixed(tmp_path)).table("transactions")
    after = run(mixed(tmp_path, workload={"extra": deposits("50/s"), **streams})).table("transactions")
    columns = ["chain", "stream", "number", "node", "size_bytes", "intended_ns"]
    same = after.filter(after["stream"] != "extra").select(columns)
    assert same.rows() == before.select(columns).rows()
