"""The history of the benchmarks: a line of JSON for each run of them, in a file that only ever grows.

A line is an `Entry`: which code was measured, on what machine, how busy that was, and every benchmark's rate. Rates of
different machines do not compare, so a line says what tells machines apart; two of the same description count as one.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sim.study.store import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA: Final = 1
DEFAULT_PATH: Final = Path("results/history/bench.jsonl")
_SHOWN_DIGITS: Final = 9
"""Of a commit's name; enough to tell a million commits apart."""


class HistoryError(ValueError):
    """A history that cannot be read, or that holds nothing; the text says where and what would be right."""


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("has no offset from UTC")
    return moment


Moment = Annotated[datetime, AfterValidator(_with_zone)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Loads = tuple[float, float, float]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(_Part):
    """What tells machines apart.

    Attributes:
        processor: as its maker calls it. target: as LLVM calls its kind, such as ``znver5``.
        architecture: such as ``x86_64``. cpus: how many the system has. system: such as ``Linux``.
    """

    processor: str
    target: str
    architecture: str
    cpus: int = Field(ge=1)
    system: str

    def __str__(self) -> str:
        return f"{self.processor} ({self.target}), {self.cpus} CPUs, {self.system}"


class Code(_Part):
    """What was measured.

    Attributes:
        commit: its name, 40 hexadecimal digits. committed: when it was made.
        dirty: whether the working tree had changes on top, or changed meanwhile.
    """

    commit: str = Field(pattern="^[0-9a-f]{40}$")
    committed: Moment
    dirty: bool

    @property
    def short(self) -> str:
        """The commit's first digits, with a plus sign where there were changes on top."""
        return self.commit[:_SHOWN_DIGITS] + "+" * self.dirty


class Rate(_Part):
    """What one benchmark came to.

    Attributes:
        name: of the benchmark. group: ``frequent``, ``targeted`` or ``whole``.
        unit: what is counted, in the plural. count: how many a round handled.
        rate_per_s: in the best round. median_per_s: in the median round. rounds: how many there were.
        share: of what bounds it, measured in the same run; None where nothing does. limit: what that is.
    """

    name: str
    group: str
    unit: str
    count: int = Field(ge=1)
    rate_per_s: Positive
    median_per_s: Positive
    rounds: int = Field(ge=1)
    share: Positive | None
    limit: str | None

    @property
    def spread(self) -> float | None:
        """By what factor the best round was faster than the median one; None where there was but one."""
        return self.rate_per_s / self.median_per_s if self.rounds > 1 else None


class Entry(_Part):
    """One run of the benchmarks.

    Attributes:
        measured: when it ended. selection: which benchmarks, ``quick`` or ``full``.
        load_before, load_after: the system's load averages over 1, 5 and 15 minutes.
        python: its version. packages: the versions of those that speed depends on.
        rates: one of each benchmark.
    """

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    measured: Moment
    selection: Literal["quick", "full"]
    code: Code
    machine: Machine
    load_before: Loads
    load_after: Loads
    python: str
    packages: dict[str, str]
    rates: tuple[Rate, ...] = Field(min_length=1)

    def to_line(self) -> str:
        """The entry as a line of the file, with its end."""
        return self.model_dump_json(by_alias=True) + "\n"


def read(path: Path) -> list[Entry]:
    """Everything in the history, by the date of the commit, then by the time of the measurement.

    Raises:
        HistoryError: there is no such file, nothing in it, or a line that is no entry.
        OSError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError as error:
        raise HistoryError(f"{path}: is not UTF-8; needs a line of JSON for each run of the benchmarks") from error
    # Not `splitlines`: that would also cut at separators that JSON allows inside a text.
    entries = [_entry(line, f"{path}:{number}") for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not entries:
        raise HistoryError(f"{path}: holds no run of the benchmarks; `make bench` adds one")
    return sorted(entries, key=lambda entry: (entry.code.committed, entry.measured))


def _entry(line: str, where: str) -> Entry:
    try:
        return Entry.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise HistoryError(f"{where}: {key + ': ' if key else ''}{first['msg']}") from error


def append(path: Path, entry: Entry) -> None:
    """Add a line.

    The file is replaced as a whole by one with a line more, under a lock on its folder: whoever reads it sees it before
    or after, an interruption leaves it as it was, and of several writers none loses its line.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent):
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before and not before.endswith("\n"):
            before += "\n"
        write_text(path, before + entry.to_line())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for whoever else writes in the folder; the lock goes with the process, whatever becomes of it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def for_github_action(entry: Entry) -> list[dict[str, Any]]:
    """The rates in the form that github-action-benchmark reads as ``customBiggerIsBetter``.

    A list of objects with name, unit and value; `range` and `extra` are texts that it shows beside them (its README,
    "Custom benchmarks").
    """
    return [
        {
            "name": rate.name,
            "unit": f"{rate.unit}/s",
            "value": rate.rate_per_s,
            "range": f"median of {rate.rounds} rounds {rate.median_per_s:.4g}",
            "extra": _extra(rate, entry),
        }
        for rate in entry.rates
    ]


def _extra(rate: Rate, entry: Entry) -> str:
    share = "" if rate.share is None else f"; {rate.share:.3g} of {rate.limit}"
    load = f"load {entry.load_before[0]:.1f} before, {entry.load_after[0]:.1f} after"
    return f"{rate.group}; {rate.count:,} {rate.unit} a round{share}; {entry.machine}; {load}; {entry.code.short}"
