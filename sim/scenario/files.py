"""Reading the files of a scenario: bounds on what is read, and one line for whatever is no YAML map."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from sim.scenario.problems import Position, Problem, ScenarioError, Source
from sim.scenario.yamltree import Map, Scalar, parse

MAX_FILE_BYTES: Final = 2**20


def read_map(path: str | Path) -> tuple[Map, list[Problem]]:
    """Return the map in any YAML or JSON file, and the problems with its shape.

    Raises:
        ScenarioError: the file cannot be read, is no YAML, or holds something other than a map.
    """
    file = Path(path)
    return read_tree(file, Position(Source(shown(file), file.parent)), "")


def resolved_path(file: Path, asked_at: Position, key: str) -> Path:
    """Return the absolute path of a file that ``key`` at ``asked_at`` names.

    Raises:
        ScenarioError: links lead in a circle, or the path cannot be one.
    """
    try:
        return file.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ScenarioError([_unreadable(file, asked_at, key, f"cannot be read ({error})")]) from error


def read_tree(file: Path, asked_at: Position, key: str) -> tuple[Map, list[Problem]]:
    """Return the map in a file, and the problems with its shape.

    Args:
        file: the file.
        asked_at: where it is named.
        key: the key that names it; empty for the file that the user named.

    Raises:
        ScenarioError: it cannot be read, is no YAML, or holds something other than a map.
    """
    source = Source(shown(file), file.parent)
    try:
        data = _bytes(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ScenarioError([_unreadable(file, asked_at, key, reason)]) from error
    tree, problems = parse(_text(data, source), source)
    if not isinstance(tree, Map):
        what = "a list" if not isinstance(tree, Scalar) else "a single text"
        raise ScenarioError([*problems, Position(source, 1, 1).problem("", f"is {what}; needs a map of keys")])
    return tree, problems


def _unreadable(file: Path, asked_at: Position, key: str, reason: str) -> Problem:
    if not key:
        return Problem(shown(file), 0, 0, "", reason)
    return asked_at.problem(key, f"{shown(file)}: {reason}")


def _bytes(file: Path) -> bytes:
    """Return a file's content, whose size is looked at before anything is read.

    Raises:
        OSError: the operating system cannot read it.
        ValueError: it is no regular file, or too large.
    """
    try:
        status = file.stat()
    except FileNotFoundError as error:
        raise ValueError("no such file") from error
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("is a directory; needs a YAML file")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("is not a regular file; needs a YAML file")
    if status.st_size > MAX_FILE_BYTES:
        raise ValueError(f"is {status.st_size:,} bytes large; a scenario file may have {MAX_FILE_BYTES:,} at most")
    with file.open("rb") as stream:
        return stream.read(MAX_FILE_BYTES + 1)


def _text(data: bytes, source: Source) -> str:
    end = data.find(b"\0")
    reason = "holds a NUL byte"
    if end < 0:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            end, reason = error.start, "is not UTF-8"
    line = data.count(b"\n", 0, end) + 1
    column = end - data.rfind(b"\n", 0, end)
    raise ScenarioError([Position(source, line, column).problem("", f"{reason}; needs a YAML text file")])


def shown(file: Path) -> str:
    """Return a path as users know it: relative to the current folder if it is below, else as given."""
    try:
        return str(file.resolve().relative_to(Path.cwd().resolve()))
    except (OSError, ValueError, RuntimeError):
        return str(file)
