"""What torture has found so far, in a file that grows by a line per seed, so that an interrupted one goes on."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sim.scenario.schedule import as_entry
from sim.study.manifest import code_digest
from sim.study.store import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sim.study.torture import Outcome, Torture


class ForeignResults(FileExistsError):
    """The file holds results of another torture, or none at all."""


class TortureLog:
    """One line of JSON per seed, in their order in the end; a first line says of what.

    Args:
        path: the file; it is made if it does not exist.
        torture: what is run.

    Attributes:
        done: the lines so far, by seed.

    Raises:
        ForeignResults: the file is not of this scenario, these options and this code.
        OSError: it cannot be read or written.
    """

    def __init__(self, path: Path, torture: Torture) -> None:
        self.path = path
        self.done: dict[int, dict[str, Any]] = {}
        self._head = {"torture": _identity(torture)}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self._read()
        else:
            self._append(self._head)

    def _read(self) -> None:
        text = self.path.read_text(encoding="utf-8")
        # An interruption may have cut the last line off: that seed is run again.
        whole, _, rest = text.rpartition("\n")
        lines = list(_parsed(whole))
        if not lines or lines[0] != self._head:
            raise ForeignResults(
                f"{self.path} holds results of another scenario, other options or other code; give another --out"
            )
        self.done = {line["seed"]: line for line in lines[1:]}
        if rest:
            write_text(self.path, f"{whole}\n")

    def add(self, line: dict[str, Any]) -> None:
        """Write down one seed, as `line_of` tells it."""
        self.done[line["seed"]] = line
        self._append(line)

    def settle(self) -> None:
        """Put the lines in the order of their seeds, whatever the order was in which they came."""
        if list(self.done) != sorted(self.done):
            self.done = dict(sorted(self.done.items()))
            write_text(self.path, "".join(_text(line) for line in (self._head, *self.done.values())))

    def _append(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_text(line))


def line_of(outcome: Outcome) -> dict[str, Any]:
    """What is written down of a seed; the faults, as a scenario has them, of what failed."""
    line: dict[str, Any] = {
        "seed": outcome.seed,
        "chain": outcome.chain,
        "validators": outcome.validators,
        "verdict": outcome.verdict,
        "kinds": list(outcome.kinds),
        "events": outcome.events,
        "recovered_ns": outcome.recovered_ns,
    }
    if outcome.failed:
        faults = [as_entry(fault) for fault in outcome.faults]
        line |= {"detail": outcome.detail, "time_ns": outcome.time_ns, "faults": faults}
    return line


def _text(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"


def _parsed(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            yield {}


def _identity(torture: Torture) -> str:
    """Names a torture: 16 hexadecimal digits over the resolved scenario, the options and the code."""
    text = f"{torture.scenario.to_yaml()}\n{torture.horizon_ns}\n{torture.beyond}\n{code_digest()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
