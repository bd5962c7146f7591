"""The table at the end of a run of benchmarks: one row each, by group, then by file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from measure import GROUPS, Measured
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIXES: Final = ((1e9, " G"), (1e6, " M"), (1e3, " k"))
_OF_WHAT: Final = "of what, measured in the same run"
_SMALL: Final = 0.1
"""Shares below it are told by two digits of their own."""
_WIDTH: Final = 160
"""In columns, where the output is not a terminal."""


@dataclass(frozen=True)
class Row:
    """A benchmark in the table.

    Attributes:
        topic: which file it is in.
        name: which benchmark of it.
        measured: what came out.
    """

    topic: str
    name: str
    measured: Measured

    @classmethod
    def of(cls, node_id: str, measured: Measured) -> Row:
        """From pytest's name of a benchmark, such as ``bench/test_proof_speed.py::test_build[2 threads-sm3]``."""
        file, _, function = node_id.partition("::")
        found = re.fullmatch(r"test_(\w+?)(?:\[(.*)\])?", function)
        topic = re.sub(r".*test_|_speed\.py", "", file)
        if found is None:
            return cls(topic, function, measured)
        name, parameters = found.groups()
        return cls(topic, ", ".join([name.replace("_", " "), *(parameters or "").split("-")]).rstrip(", "), measured)


def render(rows: Sequence[Row]) -> None:
    """Print all rows and how many goals were met."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Benchmarks", title_justify="left", title_style="bold")
    for heading in ("", "benchmark", "rate", "goal", "share", _OF_WHAT, "goal met"):
        right = heading in {"rate", "goal", "share"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading != _OF_WHAT)
    for group in GROUPS:
        mine = sorted((row for row in rows if row.measured.group == group), key=lambda row: row.topic)
        topic = ""
        for row in mine:
            heading, topic = row.topic if row.topic != topic else "", row.topic
            if row is mine[0]:
                table.add_section()
                table.add_row(Text(group, style="bold"), Text(GROUPS[group], style="italic"))
            for line in _lines(row):
                table.add_row(heading, *line)
                heading = ""
    console.print()
    console.print(table)
    stated = [row.measured.met for row in rows if row.measured.met is not None]
    console.print(
        f"{len(rows)} benchmarks; {sum(stated)} of {len(stated)} with a goal met it. A share of a limit is at most"
        " about 1, a multiple of a plainer way is written ×; in brackets what it must reach."
    )


def _lines(row: Row) -> list[tuple[Text | str, ...]]:
    """A line for the benchmark and what it is compared with first, and one for each further comparison or figure."""
    measured = row.measured
    compared = []
    if measured.share is not None:
        share = f"{measured.share:.2f}" if measured.share >= _SMALL else f"{measured.share:.2g}"
        compared.append((share, f"{measured.limit}{_goal(measured.goal_share, '')}"))
    for name, other in measured.beside.items():
        compared.append((_times(other["times"]), f"{name}{_goal(other['goal_times'], '×')}"))
    compared += [("", f"{figure:.3g} {name.replace('_', ' ')}") for name, figure in measured.more.items()]
    first, *further = compared or [("", "")]
    goal = "" if measured.goal_per_s is None else _rate(measured.goal_per_s, "")
    met = {None: "", True: Text("yes", style="green"), False: Text("no", style="bold red")}[measured.met]
    return [
        (row.name, _rate(measured.rate_per_s, measured.unit), goal, *first, met),
        *(("", "", "", *more, "") for more in further),
    ]


def _goal(goal: float | None, sign: str) -> str:
    return "" if goal is None else f" ({goal:.3g}{sign})"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.3g}×"


def _rate(rate_per_s: float, unit: str) -> str:
    """Three digits: so many a second, or where one takes longer, its time."""
    if rate_per_s < 1:
        return f"{1 / rate_per_s:.3g} s each" if unit else f"{1 / rate_per_s:.3g} s"
    for size, prefix in _PREFIXES:
        if rate_per_s >= size:
            return f"{rate_per_s / size:.3g}{prefix} {unit}/s".replace(" /s", "/s")
    return f"{rate_per_s:.3g} {unit}/s".replace(" /s", "/s")
