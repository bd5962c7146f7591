"""Bad input gets one clear line that says where and what would be right; never a traceback, never a half result."""

import subprocess
import sys
from pathlib import Path

import pytest

ALLIANCE = Path(sys.executable).parent / "alliance"
REPOSITORY = Path(__file__).parents[2]
BASE = REPOSITORY / "scenarios" / "base" / "alliance.yaml"
GOOD = f"extends: {BASE}\nname: mine\nquestion: Is it good?\n"


def validate(path: object, *more: str) -> list[str]:
    """The error lines of `alliance validate`, after checking that there are only such lines and exit code 2."""
    done = subprocess.run(
        [ALLIANCE, "validate", str(path), *more], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr.splitlines()


def problem(tmp_path: Path, text: str) -> str:
    """The only problem of a scenario that extends the base with ``text``."""
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD + text, encoding="utf-8")
    (line,) = validate(path)
    return line


def test_a_good_file_is_good(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD, encoding="utf-8")
    done = subprocess.run([ALLIANCE, "validate", tmp_path / "mine.yaml"], capture_output=True, check=False)
    assert done.returncode == 0


def test_missing_file(tmp_path: Path) -> None:
    (line,) = validate(tmp_path / "nowhere.yaml")
    assert "nowhere.yaml" in line
    assert "no such file" in line.lower()


def test_directory(tmp_path: Path) -> None:
    (line,) = validate(tmp_path)
    assert "directory" in line


@pytest.mark.parametrize("content", [b"\x00\x01\x02 binary \xff", b"\xff\xfe\x00", b"name: \xc3\x28"])
def test_binary(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    assert len(validate(tmp_path / "x.yaml")) == 1


@pytest.mark.parametrize("content", ["", "\n\n", "# only a comment\n"])
def test_empty_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.yaml").write_text(content)
    (line,) = validate(tmp_path / "x.yaml")
    assert "empty" in line


def test_fifty_megabytes_are_refused_at_once(tmp_path: Path) -> None:
    with (tmp_path / "x.yaml").open("wb") as file:
        file.truncate(50_000_000)
    (line,) = validate(tmp_path / "x.yaml")
    assert "50,000,000 bytes" in line
    assert "1,048,576" in line


def test_wrong_type(tmp_path: Path) -> None:
    line = problem(tmp_path, "chains: [jc, exe]\n")
    assert f"{tmp_path / 'mine.yaml'}:4:1: chains: " in line


def test_unknown_key_with_a_suggestion(tmp_path: Path) -> None:
    line = problem(tmp_path, "chains:\n  jc: {validatrs: 4}\n")
    assert ":5:8: chains.jc.validatrs: " in line
    assert "validators" in line.partition("validatrs: ")[2]


def test_dangling_id(tmp_path: Path) -> None:
    line = problem(tmp_path, "workload:\n  extra: {chain: jcc, rate: 1/s, size: 600B}\n")
    assert ":5:18: workload.extra.chain: " in line
    assert "'jc'" in line


def test_zero_validators(tmp_path: Path) -> None:
    line = problem(tmp_path, "chains:\n  jc: {validators: 0}\n")
    assert ":5:20: chains.jc.validators: " in line
    assert "at least one validator" in line


def test_negative_rate(tmp_path: Path) -> None:
    line = problem(tmp_path, "workload:\n  evidence: {rate: -1/s}\n")
    assert ":5:20: workload.evidence.rate: " in line


def test_unit_of_the_wrong_kind(tmp_path: Path) -> None:
    line = problem(tmp_path, "workload:\n  evidence: {rate: 20ms}\n")
    assert "duration" in line
    assert "200/s" in line


def test_cyclic_extends(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\nname: a\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\nname: b\n")
    (line,) = validate(tmp_path / "a.yaml")
    assert "a.yaml" in line
    assert "b.yaml" in line


def test_duplicate_key(tmp_path: Path) -> None:
    line = problem(tmp_path, "horizon: 1min\nhorizon: 2min\n")
    assert ":5:1:" in line


def test_set_of_an_unknown_path(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    (line,) = validate(tmp_path / "mine.yaml", "--set", "chains.jc.validatrs=4")
    assert "chains.jc.validatrs" in line
    assert "validators" in line
    (line,) = validate(tmp_path / "mine.yaml", "--set", "chains.xx.validators=4")
    assert "xx" in line


def test_set_without_a_value(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert len(validate(tmp_path / "mine.yaml", "--set", "chains.jc.validators")) == 1


@pytest.mark.parametrize("arguments", [["frobnicate"], ["run"], ["run", "x.yaml", "--seed", "-1"], ["show"]])
def test_wrong_usage_is_one_line(arguments: list[str]) -> None:
    done = subprocess.run([ALLIANCE, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_all_errors_of_a_file_come_at_once_in_order(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        GOOD + "chains:\n  jc: {validators: 0, hash: md5}\nworkload:\n  evidence: {rate: fast}\n"
    )
    lines = validate(tmp_path / "mine.yaml")
    assert [int(line.split(":")[1]) for line in lines] == [5, 5, 7]
