"""A run's directory is there as a whole or not at all, says where it comes from, and reads back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scenario_kit import CHEAP, chain, checks, crash, deposits, small

from sim.metrics.tables import TABLES
from sim.scenario import load
from sim.scenario.slo import Slo
from sim.study.run import Run, run
from sim.study.slo import evaluate
from sim.study.store import as_json, check_free, save_run, write_text

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    workload = {"files": deposits(history=5), "look": checks("files", absent="5%", altered="5%")}
    slo = [{"metric": "chains.a.commit_latency_s.p99", "at_most": "1s"}]
    faults = [crash("1s", [3], "300ms")]
    return run(small(tmp_path_factory.mktemp("scenario"), workload=workload, slo=slo, faults=faults))


def listing(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_a_run_directory_holds_scenario_manifest_summary_and_tables(done: Run, tmp_path: Path) -> None:
    out = done.save(tmp_path / "deep" / "run")
    tables = {f"tables/{name}.parquet" for name in TABLES}
    assert listing(out) == {"scenario.yaml", "manifest.json", "summary.json", "tables", *tables}
    assert listing(tmp_path / "deep") == {"run", *(f"run/{name}" for name in listing(out))}
    assert json.loads((out / "summary.json").read_text(encoding="utf-8")) == done.summary
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8")) == done.manifest
    assert load(out / "scenario.yaml") == done.scenario


@pytest.mark.parametrize("name", TABLES)
def test_tables_read_back_as_they_were(name: str, done: Run, tmp_path: Path) -> None:
    out = done.save(tmp_path / "run")
    table = pl.read_parquet(out / "tables" / f"{name}.parquet")
    assert_frame_equal(table, done.table(name))
    assert table.columns == list(TABLES[name])
    assert table.height > 0 or name in {"views", "packets", "relayers", "steps", "hours", "levels"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_types_that_are_written_down_and_a_chains_part_is_its_rows(name: str, done: Run) -> None:
    table, kinds = done.table(name), {str: pl.String, int: pl.Int64, float: pl.Float64}
    assert dict(table.schema) == {column: kinds[kind] for column, kind in TABLES[name].items()}
    for chain_id in [*done.summary["chains"], "nowhere"]:
        part = done.scan(name, chain_id).collect()
        assert_frame_equal(part, table.filter(pl.col("chain") == chain_id))


def test_there_is_no_other_table(done: Run) -> None:
    for read in (done.table, done.scan):
        with pytest.raises(KeyError):
            read("nonsense")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_while_a_run_is_written_leaves_nothing(
    error: type[BaseException], done: Run, tmp_path: Path
) -> None:
    def fail(_: Path) -> None:
        raise error

    with pytest.raises(error):
        save_run(done, tmp_path / "run", force=False, more=fail)
    assert listing(tmp_path) == set()


def test_what_fails_while_a_run_is_replaced_leaves_the_old_one(done: Run, tmp_path: Path) -> None:
    out = done.save(tmp_path / "run")
    (out / "mine.txt").write_text("kept", encoding="utf-8")
    before = listing(tmp_path)

    def fail(_: Path) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        save_run(done, out, force=True, more=fail)
    assert listing(tmp_path) == before
    assert (out / "mine.txt").read_text(encoding="utf-8") == "kept"


def test_more_is_there_when_the_run_appears(done: Run, tmp_path: Path) -> None:
    def add(folder: Path) -> None:
        assert (folder / "summary.json").is_file()
        assert not (tmp_path / "run").exists()
        (folder / "report.html").write_text("<html>", encoding="utf-8")

    out = save_run(done, tmp_path / "run", force=False, more=add)
    assert (out / "report.html").is_file()


def test_an_existing_run_is_refused_without_force_and_replaced_as_a_whole_with_it(done: Run, tmp_path: Path) -> None:
    out = done.save(tmp_path / "run")
    (out / "mine.txt").write_text("gone", encoding="utf-8")
    before = listing(tmp_path)
    with pytest.raises(FileExistsError, match="--force"):
        done.save(out)
    assert listing(tmp_path) == before
    done.save(out, force=True)
    assert listing(tmp_path) == before - {"run/mine.txt"}


def a_file(target: Path) -> None:
    target.write_text("precious", encoding="utf-8")


def a_folder(target: Path) -> None:
    target.mkdir()
    (target / "thesis.tex").write_text("precious", encoding="utf-8")


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("make", [a_file, a_folder])
def test_what_is_no_run_is_never_replaced(make: Callable[[Path], None], force: bool, done: Run, tmp_path: Path) -> None:
    target = tmp_path / "run"
    make(target)
    before = listing(tmp_path)
    for attempt in (lambda: done.save(target, force=force), lambda: check_free(target, force=force)):
        with pytest.raises(FileExistsError, match="not a run"):
            attempt()
    assert listing(tmp_path) == before


def test_a_place_is_checked_before_the_run(tmp_path: Path) -> None:
    assert check_free(tmp_path / "deep" / "run", force=False) == tmp_path / "deep" / "run"
    assert listing(tmp_path) == {"deep"}
    a_file(tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        check_free(tmp_path / "file" / "run", force=False)


def test_a_text_is_replaced_at_once(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    write_text(target, "新")
    assert target.read_text(encoding="utf-8") == "新"
    with pytest.raises(UnicodeEncodeError):
        write_text(target, "\ud800")
    assert (target.read_text(encoding="utf-8"), listing(tmp_path)) == ("新", {"a.txt"})


def test_json_has_no_way_to_say_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        as_json({"value": float("nan")})


def test_the_manifest_says_what_made_the_run_and_where(done: Run) -> None:
    manifest = done.manifest
    assert set(manifest) == {"schema_version", "software", "parameters", "environment", "wall"}
    assert manifest["schema_version"] == done.summary["schema"] == 1
    assert manifest["software"]["name"] == "judicial-alliance-testbed"
    assert len(manifest["software"]["code_sha256"]) == 64
    assert {"numpy", "simpy", "polars"} <= set(manifest["software"]["packages"])
    assert manifest["parameters"]["seed"] == done.summary["seed"] == done.scenario.seed
    assert manifest["parameters"]["run_id"] == done.summary["run_id"]
    assert Path(manifest["parameters"]["source"]).name == "scenario.yaml"
    wall = manifest["wall"]
    assert wall["events_per_s"] == pytest.approx(done.summary["events"] / wall["simulation_s"])
    assert wall["messages_per_s"] == pytest.approx(done.summary["messages"] / wall["simulation_s"])
    assert wall["peak_memory_bytes"] > 10_000_000


def test_the_run_id_names_scenario_and_seed(done: Run, tmp_path: Path) -> None:
    again = run(done.scenario)
    other_seed = run(done.scenario, seed=2)
    other_scenario = run(small(tmp_path))
    assert again.summary["run_id"] == done.summary["run_id"]
    assert len({one.summary["run_id"] for one in (done, other_seed, other_scenario)}) == 3


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    seen: list[float] = []
    run(small(tmp_path, horizon="100ms"), progress=seen.append)
    assert seen == sorted(seen)
    assert (len(seen), seen[-1]) == (200, 1.0)


def test_progress_does_not_change_the_run(done: Run) -> None:
    assert run(done.scenario, progress=lambda _: None).summary == done.summary


def test_a_scenario_without_any_load_is_a_run_too(tmp_path: Path) -> None:
    result = run(small(tmp_path, workload={}))
    assert result.summary["verdict"] == "pass"
    assert result.summary["chains"]["a"]["commit_latency_s"] == dict.fromkeys(["mean", "p50", "p95", "p99", "max"], 0)
    assert result.table("transactions").height == 0
    result.save(tmp_path / "run")


SUMMARY: dict[str, Any] = {
    "chains": {"a": {"records": 7, "rejected": 3, "throughput_tps": 99.5, "commit_latency_s": {"p99": 0.3}}},
    "proofs": {"refused": 0},
}


@pytest.mark.parametrize(
    ("metric", "bound", "met"),
    [
        ("chains.a.commit_latency_s.p99", {"at_most": "300ms"}, True),
        ("chains.a.commit_latency_s.p99", {"at_most": "299999999ns"}, False),
        ("chains.a.throughput_tps", {"at_least": "99.5/s"}, True),
        ("chains.a.throughput_tps", {"at_least": "99.6/s"}, False),
        ("chains.a.rejected", {"equals": "3"}, True),
        ("chains.a.rejected", {"equals": "0"}, False),
        ("chains.a.rejected", {"at_most": "3"}, True),
        ("chains.a.rejected", {"at_least": "4"}, False),
        ("proofs.refused", {"equals": "0"}, True),
    ],
)
def test_an_objective_is_met_up_to_its_bound(metric: str, bound: dict[str, str], met: bool) -> None:
    (entry,) = evaluate([Slo.model_validate({"metric": metric, **bound})], SUMMARY)
    assert (entry["metric"], entry["met"]) == (metric, met)
    kind = next(iter(bound)).replace("_", " ")
    assert entry["target"].startswith(kind)


def test_a_latency_without_a_committed_record_is_not_met() -> None:
    nothing = {"chains": {"a": {"records": 0, "commit_latency_s": {"p99": 0.0}, "rejected": 0}}}
    slow = Slo.model_validate({"metric": "chains.a.commit_latency_s.p99", "at_most": "3s"})
    none = Slo.model_validate({"metric": "chains.a.rejected", "equals": "0"})
    assert [entry["met"] for entry in evaluate([slow, none], nothing)] == [False, True]


@pytest.mark.parametrize(("bound", "verdict"), [("1ms", "slo-missed"), ("1s", "pass")])
def test_a_missed_objective_is_the_verdict(bound: str, verdict: str, tmp_path: Path) -> None:
    result = run(small(tmp_path, slo=[{"metric": "chains.a.commit_latency_s.p50", "at_most": bound}]))
    assert (result.summary["verdict"], result.summary["slo"][0]["met"]) == (verdict, verdict == "pass")
    assert result.summary["slo"][0]["actual"] == result.summary["chains"]["a"]["commit_latency_s"]["p50"]


def test_summary_and_tables_say_the_same(done: Run) -> None:
    summary, part = done.summary, done.summary["chains"]["a"]
    transactions, commits, messages = (done.table(name) for name in ("transactions", "commits", "messages"))
    committed = transactions.filter(pl.col("outcome") == "committed")
    assert part["records"] == committed.height
    assert part["goodput_tps"] == committed.height / 2
    assert (part["blocks"], part["transactions"]) == (commits.height, commits["transactions"].sum())
    assert part["throughput_tps"] == commits["transactions"].sum() / 2
    assert summary["messages"] == messages["delivered"].sum()
    assert (messages["sent"] >= messages["delivered"] + messages["lost"]).all()
    latency_s = (committed["executed_ns"] - committed["intended_ns"]) / 1e9
    assert part["commit_latency_s"]["mean"] == pytest.approx(latency_s.mean())
    assert part["commit_latency_s"]["max"] == latency_s.max()
    assert part["commit_latency_s"]["p99"] == pytest.approx(latency_s.quantile(0.99, "higher"), rel=0.02)
    stages = sum(part["stages_s"][stage]["mean"] for stage in ("submit", "queue", "propose", "vote", "execute"))
    assert stages == pytest.approx(part["commit_latency_s"]["mean"])
    assert summary["proofs"]["deposited"] == committed.height
    outcomes = dict(done.table("verifications").group_by("outcome").len().rows())
    assert {name: summary["proofs"][name] for name in ("not_found", "mismatch")} == {
        name: outcomes[name] for name in ("not_found", "mismatch")
    }


@pytest.mark.parametrize("horizon", ["150ms", "220ms", "280ms", "350ms"])
def test_what_a_node_still_works_on_at_the_end_is_not_done(horizon: str, tmp_path: Path) -> None:
    costs = {**CHEAP, "execute": "20ms"}
    result = run(small(tmp_path, horizon=horizon, costs=costs, workload={"files": deposits("100/s")}))
    commits, transactions = result.table("commits"), result.table("transactions")
    assert result.summary["chains"]["a"]["blocks"] == commits.height
    assert result.summary["chains"]["a"]["transactions"] == commits["transactions"].sum()
    assert transactions.filter(pl.col("height") > 0).height == commits["transactions"].sum()
    stamps = [name for name in transactions.columns if name.endswith("_ns")]
    assert transactions.select(stamps).max().row(0) < (result.scenario.horizon,) * len(stamps)


def test_utilisation_is_a_share(tmp_path: Path) -> None:
    shape = {"chains": {"a": chain(4)}, "workload": {"files": deposits("3000/s")}}
    nodes = run(small(tmp_path, **shape)).table("nodes")
    for resource in ("cpu", "egress", "ingress"):
        column = nodes[f"{resource}_utilisation"]
        assert 0 < column.min() <= column.max() <= 1
