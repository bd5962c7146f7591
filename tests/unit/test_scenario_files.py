"""Files that are no scenario, YAML's traps, and extends that lead nowhere."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from scenario_text import HEAD, problem_lines

from sim.scenario import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "s.yaml:1:1: the file is empty"),
        (b"# only a comment\n", "s.yaml:1:1: the file is empty"),
        (b"\x7fELF\0\1", "s.yaml:1:5: holds a NUL byte; needs a YAML text file"),
        (b"name: a\nquestion: \xff\n", "s.yaml:2:11: is not UTF-8; needs a YAML text file"),
        (b"name: \x01\n", "s.yaml:1:7: not valid YAML: the character U+0001"),
        (b"- a\n", "s.yaml:1:1: is a list; needs a map of keys"),
        (b"text\n", "s.yaml:1:1: is a single text; needs a map of keys"),
        (b"a: 1\n---\nb: 2\n", "s.yaml:2:1: a second document starts here; needs one document per file"),
        (b"a: [1\nb: 2", "s.yaml:2:2: "),
        (b"\ta: 1\n", "s.yaml:1:1: not valid YAML: "),
        (b"a: *b\n", "s.yaml:1:4: a: the alias *b has no anchor &b before it"),
        (b"a: &a [*a]\n", "s.yaml:1:8: a.0: the alias *a refers to a value that contains it"),
        (b"[" * 10_000, "s.yaml:1:33: 0.0.0"),
        (b"a: [" + b"0," * 200_000 + b"]\n", "s.yaml:1:199999: a.99997: the file holds more than 100,000 values"),
        (b"# " + b"x" * 2**20, "s.yaml: is 1,048,578 bytes large; a scenario file may have 1,048,576 at most"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_file_that_is_no_scenario_gets_one_line(write: Callable[[str], Path], content: bytes, line: str) -> None:
    file = write("")
    file.write_bytes(content)
    found = problem_lines(file)[0]
    assert found.startswith(line)
    assert len(problem_lines(file)) == 1


def test_aliases_that_explode_are_refused_without_exploding(write: Callable[[str], Path]) -> None:
    levels = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    levels += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    began = time.perf_counter()
    (line,) = problem_lines(write("\n".join(levels)))
    assert "more than 100,000 values, aliases expanded" in line
    assert time.perf_counter() - began < 1


def test_a_large_file_is_refused_before_it_is_read(write: Callable[[str], Path]) -> None:
    file = write("")
    os.truncate(file, 50 * 2**20)
    assert problem_lines(file) == ["s.yaml: is 52,428,800 bytes large; a scenario file may have 1,048,576 at most"]


def test_what_is_no_file_gets_one_clear_line(write: Callable[[str], Path], tmp_path: Path) -> None:
    write(HEAD)
    os.mkfifo(tmp_path / "pipe")
    assert problem_lines(tmp_path / "none.yaml") == ["none.yaml: no such file"]
    assert problem_lines(tmp_path / "base") == ["base: is a directory; needs a YAML file"]
    assert problem_lines(tmp_path / "pipe") == ["pipe: is not a regular file; needs a YAML file"]
    assert problem_lines(tmp_path / "s.yaml" / "x") == ["s.yaml/x: Not a directory"]
    assert problem_lines(tmp_path / ("x" * 300))[0].endswith(": File name too long")


@pytest.mark.parametrize(
    ("extends", "line"),
    [
        ("nowhere.yaml", "s.yaml:1:10: extends: nowhere.yaml: no such file"),
        ("base", "s.yaml:1:10: extends: base: is a directory; needs a YAML file"),
        ("[a, b]", "s.yaml:1:1: extends: is a list; needs text; needs the path of a file"),
        ("s.yaml", "s.yaml:1:10: extends: is a cycle: s.yaml extends s.yaml"),
        ("loop.yaml", "loop.yaml:1:10: extends: is a cycle: s.yaml extends loop.yaml extends s.yaml"),
    ],
)
def test_an_extends_that_leads_nowhere_is_refused(
    write: Callable[[str], Path], tmp_path: Path, extends: str, line: str
) -> None:
    (tmp_path / "loop.yaml").write_text("extends: s.yaml\n", encoding="utf-8")
    assert line in problem_lines(write(f"extends: {extends}\n"))


def test_a_scenario_loads_from_any_directory(
    write: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(HEAD)
    here = load("s.yaml")
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.chdir(away)
    assert load(file) == here
    (away / "resolved.yaml").write_text(here.to_yaml(), encoding="utf-8")
    assert load("resolved.yaml") == here
    file.write_text("a: [", encoding="utf-8")
    assert problem_lines(file)[0].startswith(f"{file}:")


def test_a_file_with_a_byte_order_mark_and_windows_lines_loads(write: Callable[[str], Path]) -> None:
    plain = load(write(HEAD))
    file = write("")
    file.write_bytes(b"\xef\xbb\xbf" + HEAD.replace("\n", "\r\n").encode())
    assert load(file) == plain
