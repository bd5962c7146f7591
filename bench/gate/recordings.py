"""What was recorded on which kind of machine: one file for each kind, `recordings/<kind>.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sim.study.store import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.gate.bands import Ratios

FOLDER = Path(__file__).with_name("recordings")

Entry: TypeAlias = "dict[str, Any]"
"""Of one probe: ``date``, ``code`` (a digest), and the ratios of each condition."""


class Unreadable(Exception):
    """A file of recordings or of counts is not what it should be; the message is one line."""


class Recordings:
    """Of one kind of machine.

    Attributes:
        path: of the file.
        kind: see `machine.kind`.
        entries: by probe.
    """

    def __init__(self, path: Path, kind: dict[str, Any], entries: dict[str, Entry]) -> None:
        self.path, self.kind, self.entries = path, kind, entries

    @classmethod
    def of(cls, kind: dict[str, Any], folder: Path = FOLDER) -> Recordings:
        """Those of this kind of machine, or none yet.

        Raises:
            Unreadable: its file is broken.
        """
        for known in every(folder):
            if known.kind == kind:
                return known
        return cls(folder / f"{slug(kind)}.json", kind, {})

    def ratios(self, probe: str) -> dict[str, Ratios] | None:
        """By condition; None if there are none."""
        entry = self.entries.get(probe)
        return None if entry is None else {name: entry[name] for name in ("idle", "loaded")}

    def write(self) -> None:
        """Write the file, all of it or nothing; a line for each process, so that a change can be read."""
        rows = ['  "kind": ' + json.dumps(self.kind)]
        for name, entry in sorted(self.entries.items()):
            head = ", ".join(f'"{key}": {json.dumps(value)}' for key, value in entry.items() if type(value) is str)
            lists = [
                f'      "{key}": [\n' + ",\n".join(f"        {json.dumps(row)}" for row in entry[key]) + "\n      ]"
                for key in ("idle", "loaded")
            ]
            rows.append(f'  "{name}": {{\n      {head},\n' + ",\n".join(lists) + "\n  }")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, "{\n" + ",\n".join(rows) + "\n}\n")


def every(folder: Path = FOLDER) -> Iterator[Recordings]:
    """Those of all kinds.

    Raises:
        Unreadable: a file is broken.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            kind = data.pop("kind")
        except (ValueError, KeyError, AttributeError) as error:
            raise Unreadable(f"{path}: no recordings ({error}); take it from git again") from error
        yield Recordings(path, kind, data)


def slug(kind: dict[str, Any]) -> str:
    """A file name that tells the kind."""
    parts = [kind["system"], kind["processor"], *kind["features"], f"openssl {kind['openssl']}"]
    text = " ".join([*parts, f"cpython {kind['python']}", kind["build"]])
    return "-".join("".join(letter if letter.isalnum() or letter in "._" else " " for letter in text).split())
