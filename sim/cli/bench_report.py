"""`alliance bench-report`: how fast the project was at its commits, as a figure, or two of them side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sim.study.history import Entry

_PAIR = 2
_WRITERS = (".png", ".svg")


def bench_report(
    commits: Annotated[
        list[str] | None,
        typer.Argument(metavar="[A B]", help="Two commits to compare, the older first.", show_default=False),
    ] = None,
    history: Annotated[Path, typer.Option(metavar="FILE", help="What `make bench` appends to.")] = Path(
        "results/history/bench.jsonl"
    ),
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the figure goes, a .png or .svg; drawn without A and B.")
    ] = Path("results/bench-history.png"),
) -> None:
    """Draw the history of the benchmarks, or compare two commits: a table with old, new and ratio."""
    names = commits or []
    if len(names) not in {0, _PAIR}:
        raise typer.BadParameter(f"needs two commits to compare, or none to draw the history; got {len(names)}")
    if out.suffix not in _WRITERS:
        raise typer.BadParameter(f"--out is '{out}': needs a name that ends in {' or '.join(_WRITERS)}")

    from sim.study.comparison import UnknownCommit
    from sim.study.history import HistoryError, read

    try:
        entries = read(history)
        _draw(entries, out) if not names else _compare(entries, *names)
    except (HistoryError, UnknownCommit) as error:
        raise OSError(str(error)) from error


def _compare(entries: list[Entry], old: str, new: str) -> None:
    from rich.console import Console

    from sim.report.bench_comparison import render
    from sim.study.comparison import compare

    Console().print(render(compare(entries, old, new)))


def _draw(entries: list[Entry], out: Path) -> None:
    from rich.console import Console

    from sim.report import bench_comparison, style
    from sim.report.bench_history import bench_history
    from sim.study.store import write_bytes

    Console().print(bench_comparison.runs(entries))
    figure = bench_history(entries)
    data = style.to_svg(figure).encode() if out.suffix == ".svg" else style.to_png(figure)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(out, data)
    print(f"\nwrote {out}")
