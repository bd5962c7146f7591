"""Where a scenario's numbers come from: the files behind it, the marks in them and what these stand for, the guesses.

A mark is a word in brackets in a comment, ``# [cases-2022]``; a table in ``SOURCES.md``, in the folder of a file or in
one above it, says what fact that is and who published it. ``[guess]``, or ``[guess: …]``, says that nobody did.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TABLE: Final = "SOURCES.md"
_FOLDERS: Final = 3
"""So many folders, a file's own and those above it, are looked through for the table."""
_COMMENT: Final = re.compile(r"(?:^|\s)#\s*(.*)$")
_MARK: Final = re.compile(r"\[([a-z0-9][a-z0-9-]*)[^\]]*\]")
_GUESS: Final = "guess"
_CELLS: Final = 3
_LETTERS: Final = 200
"""A line longer than this is cut: data in one line has its guess at the end."""


def sources_of(files: Sequence[str]) -> dict[str, Any]:
    """``{files, marks: {MARK: [fact, source]}, guesses: ["FILE:LINE: text"]}`` of a scenario's files.

    Args:
        files: their names as shown to the user, relative to the working directory; what is no longer there is left out.
    """
    marks: dict[str, list[str]] = {}
    guesses: list[str] = []
    read = [name for name in files if Path(name).is_file()]
    for name in read:
        known = _known(Path(name))
        for number, line, comment in _comments(Path(name)):
            for mark in _MARK.findall(comment):
                if mark == _GUESS:
                    guesses.append(f"{name}:{number}: {_cut(line)}")
                elif mark in known:
                    marks.setdefault(mark, known[mark])
    return {"files": read, "marks": dict(sorted(marks.items())), "guesses": list(dict.fromkeys(guesses))}


def _comments(file: Path) -> Iterator[tuple[int, str, str]]:
    """Each line with a comment: its number, all of it, and what behind the ``#`` is."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        found = _COMMENT.search(line)
        if found:
            yield number, line.strip(), found[1]


def _cut(line: str) -> str:
    text = line.removeprefix("#").strip()
    if len(text) <= _LETTERS:
        return text
    return f"{text[: _LETTERS // 2].rstrip()} … {text[-_LETTERS // 2 :].lstrip()}"


def _known(file: Path) -> dict[str, list[str]]:
    """What the nearest table of sources says of each mark; nothing where there is none."""
    for folder in file.resolve().parents[:_FOLDERS]:
        table = folder / _TABLE
        if table.is_file():
            rows = (_cells(line) for line in table.read_text(encoding="utf-8").splitlines())
            return {row[0]: row[1:] for row in rows if len(row) == _CELLS}
    return {}


def _cells(line: str) -> list[str]:
    """The cells of a row of a table in Markdown; none of another line."""
    text = line.strip()
    return [cell.strip() for cell in text[1:-1].split(" | ")] if text.startswith("| ") and text.endswith(" |") else []
