"""What can be wrong with a scenario file, and where: source, position, problem, and the error that carries them all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """Where text came from: its name as shown to the user, and the folder that relative paths in it start from."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a source; line and column count from 1, and 0 means that the source has no lines (``--set``)."""

    source: Source
    line: int = 0
    column: int = 0

    def problem(self, path: str, message: str) -> Problem:
        """Return the problem ``message`` with the key ``path`` at this place."""
        return Problem(self.source.name, self.line, self.column, path, message)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong: where, with which key, and what would be right."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """Return the problem in one line, whatever text of the user it quotes."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        if self.path:
            place += f" {self.path}" if self.file == SET else f": {self.path}"
        return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), f"{place}: {self.message}")


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What would break the line, or talk to the terminal."""

SET = "--set"
"""The name under which overrides appear in a problem's ``file``."""


class ScenarioError(Exception):
    """A scenario cannot be read; ``problems`` lists everything that is wrong, by file, line and column."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: list[Problem] = sorted(set(problems))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class EntryError(ValueError):
    """A rule between the keys of one entry is broken; each item is the key at fault, below the entry, and why."""

    def __init__(self, items: Sequence[tuple[tuple[str | int, ...], str]]) -> None:
        self.items = tuple(items)
        super().__init__("; ".join(message for _, message in items))


def hint(word: str, known: Iterable[str], label: str) -> str:
    """Return ``; did you mean 'x'?`` if a known word is close to ``word``, and else the known words after ``label``."""
    words = list(known)
    close = get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    if not words:
        return f"; {label}: none"
    shown = ", ".join(words[:_SHOWN]) + (", ..." if len(words) > _SHOWN else "")
    return f"; {label}: {shown}"


_SHOWN = 12
