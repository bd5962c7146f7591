"""`alliance show` and `alliance validate` with workflow files."""

import sys
from pathlib import Path

import pytest
from command_kit import alliance

ALLIANCE = Path(sys.executable).parent / "alliance"
GOOD = """\
code: W1
title: Deposit
zh: 存证
articles: [9]
chain: jc
starts: {rate: 1e6/year}
states:
  filed: {then: [{to: kept, after: 1d, records: [{kind: file}]}]}
  kept: {zh: 已存}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    workflows = tmp_path / "scenarios" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "deposit.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "arguments", [("--workflow", "W1"), ("--workflow", "deposit"), ("scenarios/workflows/deposit.yaml",)]
)
def test_a_workflow_is_shown_by_code_name_or_file(folder: Path, arguments: tuple[str, ...]) -> None:
    done = alliance("show", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("W1 deposit: Deposit\n存证\narticle 9; lives on jc\n1,000,000 cases a year")
    assert "→ kept: after 1 d: deposits file on jc" in done.stdout


def test_of_several_of_a_code_the_largest_is_shown(folder: Path) -> None:
    small = "code: W1\ntitle: Aside\nzh: 旁\narticles: [9]\nchain: jc\nstates: {only: {}}\n"
    (folder / "scenarios/workflows/aside.yaml").write_text(small, encoding="utf-8")
    assert alliance("show", "--workflow", "W1", cwd=folder).stdout.startswith("W1 deposit")
    assert alliance("show", "--workflow", "aside", cwd=folder).stdout.startswith("W1 aside")


@pytest.mark.parametrize(("name", "begins"), [("w.svg", b"<?xml"), ("w.png", b"\x89PNG")])
def test_a_figure_is_drawn(folder: Path, name: str, begins: bytes) -> None:
    done = alliance("show", "--workflow", "W1", "--figure", name, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"wrote {name}\n")
    assert (folder / name).read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "alliance: needs a FILE, --workflow or --article"),
        (("--workflow", "W2"), "scenarios/workflows: no workflow 'W2'; workflows: W1, deposit"),
        (("--workflow", "W1", "--figure", "w.gif"), "alliance: --figure w.gif: needs a file that ends in .svg or .png"),
    ],
)
def test_what_cannot_be_shown_is_told_in_one_line(folder: Path, arguments: tuple[str, ...], line: str) -> None:
    done = alliance("show", *arguments, cwd=folder)
    assert done.returncode == 2
    assert done.stderr == f"{line}\n"
    assert done.stdout == ""


def test_workflow_files_are_validated(folder: Path) -> None:
    file = "scenarios/workflows/deposit.yaml"
    done = alliance("validate", file, cwd=folder)
    assert done.returncode == 0
    assert done.stdout == f"{file}: ok, W1 with 2 states and 1 ways out\n"
    (folder / file).write_text(GOOD.replace("to: kept", "to: keptt"), encoding="utf-8")
    done = alliance("validate", file, cwd=folder)
    assert done.returncode == 2
    assert done.stderr == f"{file}:8:23: states.filed.then.0.to: 'keptt' is not a state; did you mean 'kept'?\n"


def test_a_file_that_is_alone_fine_may_lack_others(folder: Path) -> None:
    text = GOOD.replace("after: 1d,", "after: 1d, spawns: [{workflow: archive}],")
    (folder / "scenarios/workflows/deposit.yaml").write_text(text, encoding="utf-8")
    done = alliance("validate", "scenarios/workflows/deposit.yaml", cwd=folder)
    assert done.returncode == 2
    assert "'archive' is not a workflow that runs here" in done.stderr


def test_an_article_is_shown_with_what_runs_it(folder: Path) -> None:
    table = Path(__file__).parents[2] / "scenarios" / "articles.yaml"
    (folder / "scenarios" / "articles.yaml").write_bytes(table.read_bytes())
    done = alliance("show", "--article", "9", cwd=folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "article 9 (part III): Safe judicial data  司法数据安全"
    assert "workflow W1 deposit: Deposit" in lines
    assert alliance("show", "--article", "33", cwd=folder).returncode == 2


STEP = """\
exits: [sent, lost]
deadlines:
  reply: {within: 3d, starts: [first], ends: [sent]}
states:
  first:
    then:
      - {to: sent, after: 1h, if: {yes: [addressee-known]}}
      - {to: last, after: 1h, if: {no: [addressee-known]}}
  last: {then: [{to: lost, due: reply}]}
"""


def test_a_shared_step_is_validated_by_itself(folder: Path) -> None:
    steps = folder / "scenarios" / "workflows" / "steps"
    steps.mkdir()
    file = "scenarios/workflows/steps/mail.yaml"
    (folder / file).write_text(STEP, encoding="utf-8")
    done = alliance("validate", file, cwd=folder)
    assert (done.returncode, done.stdout) == (0, f"{file}: ok, a shared step with 2 states\n")
    (folder / file).write_text(STEP.replace("no: [addressee-known]", "no: [late-mail]"), encoding="utf-8")
    done = alliance("validate", file, cwd=folder)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first == (
        f"{file}:6:5: states.mail.then: no way out can be taken with not addressee-known and late-mail; "
        "needs one for every case"
    )
    assert "equally often" in second
