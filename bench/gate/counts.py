"""The committed counts of opcodes, a set for each minor version of CPython, and what a new count is beside them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.gate import machine
from bench.gate.findings import Finding, Verdict
from bench.gate.recordings import Unreadable
from sim.study.store import as_json, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    Count = Mapping[str, Any]

PATH = Path(__file__).with_name("opcodes.json")
TOLERANCE = 0.02
PACKAGES = ("jinja2", "networkx", "numpy", "polars", "pydantic", "pyyaml", "simpy")
"""Whose instructions are among those of libraries."""


@dataclass(slots=True)
class Counts:
    """The counts of one minor version.

    Attributes:
        version: the minor version.
        libraries: the exact version that they were made with, and those of packages.
        courses: by name: ``own``, ``all``, ``units``.
    """

    version: str
    libraries: dict[str, str]
    courses: dict[str, Count]

    @classmethod
    def committed(cls, path: Path = PATH) -> Counts | None:
        """Those for this interpreter; None if there are none.

        Raises:
            Unreadable: the file is broken.
        """
        found = _read(path).get(machine.python())
        return None if found is None else cls(machine.python(), found["libraries"], found["courses"])

    def write(self, path: Path = PATH) -> None:
        """Put them into the file beside those of other versions, all or nothing."""
        versions = _read(path) | {self.version: {"libraries": self.libraries, "courses": self.courses}}
        write_text(path, as_json(dict(sorted(versions.items()))))

    def judge(self, name: str, new: Count) -> Finding:
        """What is to be said of a course."""
        old = self.courses.get(name)
        if old is None:
            return Finding("opcodes", name, Verdict.CHANGED, "is not written down yet")
        if old["units"] != new["units"]:
            return Finding("opcodes", name, Verdict.CHANGED, f"does {_told(new)} now, and did {_told(old)}")
        # Instructions of libraries are theirs: they compare where the libraries are the same.
        compared = ("own", "all") if self.libraries == libraries() else ("own",)
        changes = {which: new[which] / old[which] - 1 for which in compared}
        which = max(changes, key=lambda each: abs(changes[each]))
        change = changes[which]
        verdict = Verdict.SLOWER if change > TOLERANCE else Verdict.FASTER if change < -TOLERANCE else Verdict.FINE
        whose = "of this package" if which == "own" else "libraries included"
        return Finding("opcodes", name, verdict, f"{change:+.2%} opcodes {whose}: {per_unit(new, which)}", change)


def libraries() -> dict[str, str]:
    """What the instructions outside this package depend on."""
    return {"python": sys.version.split()[0], **{package: metadata.version(package) for package in PACKAGES}}


def per_unit(count: Count, which: str = "own") -> str:
    """A count as people read it."""
    return ", ".join(f"{count[which] / number:,.0f} per {unit}" for unit, number in count["units"].items())


def _told(count: Count) -> str:
    return ", ".join(f"{number:,} {unit}s" for unit, number in count["units"].items())


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Unreadable(f"{path}: no counts ({error}); take it from git again") from error
    return found
