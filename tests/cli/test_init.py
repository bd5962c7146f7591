"""`alliance init`: what it writes runs anywhere, and says what to change."""

import json
from pathlib import Path

import pytest
import yaml
from test_command import alliance

import sim


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("elsewhere")
    done = alliance("init", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "wrote    my-alliance.yaml\nnext     alliance run my-alliance.yaml\n"
    return place


def test_the_starter_runs_where_nothing_else_is_and_passes_within_five_seconds(folder: Path) -> None:
    done = alliance("run", "my-alliance.yaml", "--out", "first", "--quiet", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    summary = json.loads((folder / "first" / "summary.json").read_text(encoding="utf-8"))
    assert summary["verdict"] == "pass"
    assert summary["crosschain"]["hub-bank"]["delivered"] > 20
    manifest = json.loads((folder / "first" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["wall"]["simulation_s"] < 5


def test_the_starter_stands_alone(folder: Path) -> None:
    tree = yaml.safe_load((folder / "my-alliance.yaml").read_text(encoding="utf-8"))
    assert "extends" not in tree
    assert isinstance(tree["costs"], dict)
    assert isinstance(tree["network"]["delays"], dict)
    assert tree["assumptions"]


def test_every_section_of_the_starter_says_what_it_is(folder: Path) -> None:
    text = (folder / "my-alliance.yaml").read_text(encoding="utf-8")
    parts = text.split("\n\n")
    assert len(parts) > 8
    for part in parts[2:]:
        assert "#" in part, part
    assert all(len(line) <= 130 for line in text.splitlines())


def test_the_fault_that_the_starter_proposes_is_one_users_notice(folder: Path) -> None:
    text = (folder / "my-alliance.yaml").read_text(encoding="utf-8")
    assert "faults: []\n#  - {" in text
    (folder / "crashed.yaml").write_text(text.replace("faults: []\n#  - {", "faults:\n  - {"), encoding="utf-8")
    run = sim.run(sim.load(folder / "crashed.yaml"))
    assert run.summary["verdict"] == "slo-missed"
    assert run.summary["chains"]["hub"]["view_changes"] > 0


def test_a_file_of_ones_own_name_gives_the_scenario_its_name(folder: Path) -> None:
    assert alliance("init", "three-courts.yaml", cwd=folder).returncode == 0
    assert sim.load(folder / "three-courts.yaml").name == "three-courts"
    assert "alliance run three-courts.yaml" in (folder / "three-courts.yaml").read_text(encoding="utf-8")
    assert alliance("init", "My Alliance 2.yaml", cwd=folder).returncode == 0
    assert sim.load(folder / "My Alliance 2.yaml").name == "my-alliance"


def test_what_is_there_is_kept_unless_forced(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("years of work")
    done = alliance("init", mine)
    assert (done.returncode, done.stderr) == (
        2,
        f"alliance: {mine} exists; give --force to replace it, or another FILE\n",
    )
    assert mine.read_text() == "years of work"
    assert alliance("init", mine, "--force").returncode == 0
    assert sim.load(mine).name == "mine"


@pytest.mark.parametrize(("place", "why"), [(".", "is a directory"), ("no/where.yaml", "there is no directory no")])
def test_where_it_cannot_go_is_told_in_one_line(tmp_path: Path, place: str, why: str) -> None:
    done = alliance("init", place, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert why in done.stderr
