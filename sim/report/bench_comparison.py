"""Two commits' benchmarks on a terminal: a table of old and new, and what it comes to in plain sentences."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from sim.report import wording
from sim.study.comparison import FASTER, SLOWER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from sim.study.comparison import Comparison, Row
    from sim.study.history import Entry, Rate

_NAMED = 3
"""So many of the largest changes are told in the sentence; all stand in the table."""
_COLOURS = {FASTER: "green", SLOWER: "bold red"}


def render(comparison: Comparison) -> RenderableType:
    """Which runs are compared, the table, and the sentences."""
    from rich.console import Group
    from rich.text import Text

    runs = [f"old  {_run(comparison.old)}", f"new  {_run(comparison.new)}"]
    said = Text(" ".join(sentences(comparison)))
    return Group(*map(Text, runs), "", _table(comparison), "", said)


def _run(entry: Entry) -> str:
    load = f"load {entry.load_before[0]:.1f} before and {entry.load_after[0]:.1f} after"
    return f"{entry.code.short} measured {entry.measured.astimezone(UTC):%Y-%m-%d %H:%M} UTC on {entry.machine}, {load}"


def _table(comparison: Comparison) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    alone = comparison.same_machine
    headings = ("old", "new", "ratio") if alone else ()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("benchmark", overflow="fold")
    table.add_column("unit", overflow="fold")
    for heading in (*headings, "old\nshare", "new\nshare", "ratio of\nshares"):
        table.add_column(heading, justify="right", no_wrap=True)
    if alone:
        table.add_column("", no_wrap=True)
    for row in comparison.rows:
        if not alone and row.share_ratio is None:
            continue
        rates = [*map(_rate, (row.old, row.new)), f"{row.ratio:.3f}"] if alone else []
        mark = [Text(row.change or "?", _COLOURS.get(row.change or "", "dim"))] if alone else []
        table.add_row(Text(row.new.name), f"{row.new.unit}/s", *rates, *_shares(row), *mark)
    return table


def _rate(rate: Rate) -> str:
    return wording.scaled_rate(rate.rate_per_s)


def _shares(row: Row) -> list[str]:
    if row.share_ratio is None:
        return [""] * 3
    return [f"{row.old.share:.3g}", f"{row.new.share:.3g}", f"{row.share_ratio:.3f}"]


def sentences(comparison: Comparison) -> Iterator[str]:
    """What the comparison comes to."""
    if not comparison.rows:
        yield "The two runs have no benchmark in common."
        return
    yield from _verdict(comparison) if comparison.same_machine else _shares_only(comparison)
    if comparison.gone:
        yield f"Only the old one has {_listed(comparison.gone)}."
    if comparison.added:
        yield f"Only the new one has {_listed(comparison.added)}."
    if comparison.differences:
        yield f"Beside the code there differ: {'; '.join(comparison.differences)}."
    if comparison.old.code.dirty or comparison.new.code.dirty:
        yield "A plus sign means that the working tree had changes that are in no commit."


def _verdict(comparison: Comparison) -> Iterator[str]:
    slower, faster = comparison.changed(SLOWER), comparison.changed(FASTER)
    judged = sum(row.change is not None for row in comparison.rows)
    yield (
        f"Of {wording.counted(len(comparison.rows), 'benchmark')} on one machine {len(slower)} "
        f"{'is' if len(slower) == 1 else 'are'} slower and {len(faster)} {'is' if len(faster) == 1 else 'are'} faster "
        f"by more than its rounds differ among themselves; the median ratio is {comparison.median_ratio:.3f}."
    )
    for word, rows in (("slower", slower), ("faster", faster)):
        if rows:
            told = ", ".join(f"{row.new.name} ({row.ratio:.2f})" for row in rows[:_NAMED])
            yield f"Most {word}: {told}."
    if judged < len(comparison.rows):
        single = len(comparison.rows) - judged
        yield f"{single} with a question mark had a single round: nothing tells change from noise."


def _shares_only(comparison: Comparison) -> Iterator[str]:
    yield (
        f"The two were measured on different machines ({comparison.old.machine}; {comparison.new.machine}): rates do "
        "not compare, only shares of a limit that was measured in the same run do."
    )
    rows = sorted((row for row in comparison.rows if row.share_ratio is not None), key=lambda row: row.share_ratio or 0)
    if not rows:
        yield "No benchmark has one in both runs."
        return
    lowest = rows[0]
    yield (
        f"Of {wording.counted(len(rows), 'benchmark')} with a share the median ratio of shares is "
        f"{comparison.median_ratio:.3f}, the lowest {lowest.share_ratio:.2f} ({lowest.new.name})."
    )


def _listed(names: Sequence[str]) -> str:
    told = ", ".join(names[:_NAMED])
    return told if len(names) <= _NAMED else f"{told} and {len(names) - _NAMED} more"


def runs(entries: Sequence[Entry]) -> RenderableType:
    """The history as a table, a row for each run of the benchmarks, the last commit first."""
    from rich import box
    from rich.console import Group
    from rich.table import Table

    machines = list(dict.fromkeys(entry.machine for entry in entries))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("commit", "of (UTC)", "measured (UTC)"):
        table.add_column(heading)
    for heading in ("machine", "load", "benchmarks"):
        table.add_column(heading, justify="right")
    for entry in reversed(entries):
        moments = f"{entry.code.committed.astimezone(UTC):%Y-%m-%d}", f"{entry.measured.astimezone(UTC):%Y-%m-%d %H:%M}"
        number, load = str(machines.index(entry.machine) + 1), f"{entry.load_before[0]:.1f}"
        table.add_row(entry.code.short, *moments, number, load, f"{len(entry.rates)} {entry.selection}")
    return Group(table, *(f"machine {number}: {machine}" for number, machine in enumerate(machines, 1)))
