"""Two commits' benchmarks side by side: which of their runs are compared, and what may be said of them.

Rates compare on one machine only. Where two commits were never measured on the same one, what is left are shares: a
rate divided by that of a limit in the same run, which a faster machine raises in both.

A rate is called faster or slower only if it changed by more than the rounds of either run differ among themselves,
best against median. That is no test with a false-alarm rate; the regression gate is.
"""

from __future__ import annotations

import re
import statistics
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim.study.history import Entry, Rate

FASTER, SLOWER, ALIKE = "faster", "slower", "alike"
_FEWEST_DIGITS: Final = 4
"""Of a commit's name, as git asks for."""
_LISTED: Final = 5


class UnknownCommit(ValueError):
    """No run of the benchmarks is known by this name; the text says which there are."""


@dataclass(frozen=True, slots=True)
class Row:
    """One benchmark that both runs have.

    Attributes:
        old, new: what it came to.
        ratio: new rate divided by old rate.
        share_ratio: the same of the shares; None without them, or where they are shares of something else.
        change: `FASTER`, `SLOWER` or `ALIKE`; None where a run had one round only, or machines differ.
    """

    old: Rate
    new: Rate
    ratio: float
    share_ratio: float | None
    change: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of the benchmarks.

    Attributes:
        old, new: the runs.
        rows: benchmarks that both have, in the order of the new one.
        gone, added: names of those that only one has.
        differences: what else than the code differs, each in a few words.
    """

    old: Entry
    new: Entry
    rows: tuple[Row, ...]
    gone: tuple[str, ...]
    added: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def same_machine(self) -> bool:
        """Whether rates compare at all."""
        return self.old.machine == self.new.machine

    @property
    def median_ratio(self) -> float | None:
        """Of rates on one machine, of shares otherwise; None where nothing compares."""
        ratios = [row.ratio if self.same_machine else row.share_ratio for row in self.rows]
        known = [ratio for ratio in ratios if ratio is not None]
        return statistics.median(known) if known else None

    def changed(self, change: str) -> list[Row]:
        """The rows of one change, the largest change first."""
        rows = [row for row in self.rows if row.change == change]
        return sorted(rows, key=lambda row: row.ratio, reverse=change == FASTER)


def compare(entries: Sequence[Entry], old: str, new: str) -> Comparison:
    """Compare two commits.

    Of each, the last run without uncommitted changes is taken, or the last of all if there is none; on a machine where
    both commits were measured, if there is one.

    Args:
        entries: the history.
        old: what a commit is called by: its first digits, or anything that git knows here, such as ``HEAD~3``.
        new: the same.

    Raises:
        UnknownCommit: the history has no run of it.
    """
    olds, news = (_runs(entries, commit_of(entries, name)) for name in (old, new))
    shared = [run.machine for run in olds if any(run.machine == other.machine for other in news)]
    if shared:
        machine = max((run for run in news if run.machine in shared), key=_worth).machine
        olds, news = ([run for run in runs if run.machine == machine] for runs in (olds, news))
    return _beside(max(olds, key=_worth), max(news, key=_worth))


def _worth(entry: Entry) -> tuple[bool, float]:
    return not entry.code.dirty, entry.measured.timestamp()


def _runs(entries: Sequence[Entry], commit: str) -> list[Entry]:
    return [entry for entry in entries if entry.code.commit == commit]


def commit_of(entries: Sequence[Entry], name: str) -> str:
    """The full name of a measured commit.

    Raises:
        UnknownCommit: none is called so, or several are.
    """
    known = list(dict.fromkeys(entry.code.commit for entry in entries))
    if re.fullmatch(f"[0-9a-fA-F]{{{_FEWEST_DIGITS},40}}", name):
        found = [commit for commit in known if commit.startswith(name.lower())]
        if len(found) > 1:
            raise UnknownCommit(f"{name} may be any of {', '.join(found)}; give more digits")
        if found:
            return found[0]
    resolved = _resolved(name)
    if resolved in known:
        return resolved
    last = ", ".join(commit[:9] for commit in known[-_LISTED:][::-1])
    more = f", and {len(known) - _LISTED} before these" if len(known) > _LISTED else ""
    what = f"{name} is no commit" if resolved is None else f"commit {resolved[:9]} ({name}) was not measured"
    raise UnknownCommit(f"{what}; measured, the last first: {last}{more}")


def _resolved(name: str) -> str | None:
    """What git calls it in this folder, or None."""
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, one argument
    except (OSError, ValueError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _beside(old: Entry, new: Entry) -> Comparison:
    before = {rate.name: rate for rate in old.rates}
    after = {rate.name: rate for rate in new.rates}
    same_machine = old.machine == new.machine
    both = [name for name, rate in after.items() if name in before and before[name].unit == rate.unit]
    return Comparison(
        old=old,
        new=new,
        rows=tuple(_row(before[name], after[name], same_machine=same_machine) for name in both),
        gone=tuple(name for name in before if name not in both),
        added=tuple(name for name in after if name not in both),
        differences=tuple(_differences(old, new)),
    )


def _row(old: Rate, new: Rate, *, same_machine: bool) -> Row:
    ratio = new.rate_per_s / old.rate_per_s
    comparable = old.share is not None and new.share is not None and old.limit == new.limit
    share_ratio = new.share / old.share if comparable and old.share and new.share else None
    return Row(old, new, ratio, share_ratio, _change(old, new, ratio) if same_machine else None)


def _change(old: Rate, new: Rate, ratio: float) -> str | None:
    if old.spread is None or new.spread is None:
        return None
    band = max(old.spread, new.spread)
    if ratio > band:
        return FASTER
    return SLOWER if ratio < 1 / band else ALIKE


def _differences(old: Entry, new: Entry) -> Iterator[str]:
    if old.python != new.python:
        yield f"Python {old.python} then, {new.python} now"
    for package in sorted(old.packages.keys() | new.packages.keys()):
        versions = old.packages.get(package, "none"), new.packages.get(package, "none")
        if versions[0] != versions[1]:
            yield f"{package} {versions[0]} then, {versions[1]} now"
