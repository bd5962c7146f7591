"""A run directory is read back as the run that it was, and gives the same page to the byte."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from polars.testing import assert_frame_equal
from report_runs import claims, lively

from sim.cli.app import run_command
from sim.metrics.tables import TABLES
from sim.report import write_page
from sim.scenario import ScenarioError
from sim.study.run import Run
from sim.study.saved import NotARun
from sim.study.store import save_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module", params=[lively, claims])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("kept")
    result: Run = request.param(folder)
    return result, save_run(result, folder / "run", force=False, more=lambda place: _page(result, place))


def _page(result: Run, place: Path) -> None:
    write_page(result, place / "report.html")


@pytest.fixture
def copy(kept: tuple[Run, Path], tmp_path: Path) -> Path:
    return shutil.copytree(kept[1], tmp_path / "copy")


def test_a_run_is_read_back_as_it_was(kept: tuple[Run, Path]) -> None:
    was, again = kept[0], Run.read(kept[1])
    assert (again.scenario, again.summary, again.manifest) == (was.scenario, was.summary, was.manifest)
    assert (again.trace_hash, again.stories) == (was.trace_hash, was.stories)
    for name in TABLES:
        assert_frame_equal(again.table(name), was.table(name))
        for chain in was.summary["chains"]:
            assert_frame_equal(again.scan(name, chain).collect(), was.scan(name, chain).collect())
    with pytest.raises(KeyError):
        again.table("nonsense")


def test_the_page_of_a_run_that_is_read_back_is_the_same_to_the_byte(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (copy / "report.html").read_bytes()
    (copy / "report.html").unlink()
    assert run_command(["report", str(copy)]) == 0
    assert capsys.readouterr().out == f"{copy / 'report.html'}\n"
    assert (copy / "report.html").read_bytes() == before


@pytest.mark.parametrize("kept", [claims], indirect=True)
def test_a_saved_run_has_a_page_in_chinese(copy: Path) -> None:
    page = copy.parent / "new" / "page.html"
    assert run_command(["report", str(copy), "--lang", "zh", "--out", str(page)]) == 0
    assert '<html lang="zh-Hans">' in page.read_text(encoding="utf-8")


def a_table_is_gone(folder: Path) -> None:
    (folder / "tables" / "commits.parquet").unlink()


def a_table_is_none(folder: Path) -> None:
    (folder / "tables" / "commits.parquet").write_text("no parquet", encoding="utf-8")


def a_table_is_anothers(folder: Path) -> None:
    shutil.copy(folder / "tables" / "views.parquet", folder / "tables" / "commits.parquet")


def no_summary(folder: Path) -> None:
    (folder / "summary.json").unlink()


def no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def half_a_summary(folder: Path) -> None:
    (folder / "summary.json").write_text('{"schema": 1,', encoding="utf-8")


def a_list(folder: Path) -> None:
    (folder / "summary.json").write_text("[]", encoding="utf-8")


def of_tomorrow(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    (folder / "summary.json").write_text(json.dumps({**summary, "schema": 2}), encoding="utf-8")


def no_stories(folder: Path) -> None:
    (folder / "stories.json").write_text('[{"case": "one"}]', encoding="utf-8")


BROKEN: dict[Callable[[Path], None], str] = {
    a_table_is_gone: "is not a whole run directory: it has no tables/commits.parquet",
    a_table_is_none: "commits.parquet cannot be read: ",
    a_table_is_anothers: "commits.parquet has other columns than this version's: chain, time_ns, node, view, leader",
    no_summary: "is not a run directory: it has no summary.json; needs the --out of an alliance run",
    no_manifest: "is not a run directory: it has no manifest.json; needs the --out of an alliance run",
    half_a_summary: "summary.json is not JSON: ",
    a_list: "summary.json is not a JSON object",
    of_tomorrow: "has a summary of schema 2; this version reads 1",
    no_stories: "stories.json does not hold stories of cases: ",
}


@pytest.mark.parametrize("kept", [claims], indirect=True)
@pytest.mark.parametrize("harm", BROKEN, ids=lambda harm: harm.__name__)
def test_what_is_no_run_directory_is_told_in_one_line(
    harm: Callable[[Path], None], copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harm(copy)
    with pytest.raises(NotARun):
        Run.read(copy)
    assert run_command(["report", str(copy)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("alliance: ")
    assert BROKEN[harm] in told.err
    assert told.err.count("\n") == 1


def test_a_scenario_that_cannot_be_read_is_told_with_its_place(copy: Path) -> None:
    (copy / "scenario.yaml").write_text("name: [", encoding="utf-8")
    with pytest.raises(ScenarioError):
        Run.read(copy)


def test_nothing_is_not_a_run_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["report", str(tmp_path / "nowhere")]) == 2
    assert "nowhere is not a run directory" in capsys.readouterr().err
    assert run_command(["report", str(tmp_path), "--lang", "de"]) == 2
