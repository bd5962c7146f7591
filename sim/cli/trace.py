"""`alliance trace`: a window of a run as a timeline that Perfetto shows, message by message."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli.completion import run_directories
from sim.cli.run import progress_bar
from sim.scenario.quantities import DURATION

if TYPE_CHECKING:
    from sim.study.retrace import Retraced

_FILE = "trace.perfetto-trace"


def trace(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="A run directory, such as results/quickstart.",
            show_default=False,
            autocompletion=run_directories,
        ),
    ],
    begin: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DURATION", help="Where to begin. Default: 1s before the first fault, or the start."
        ),
    ] = None,
    length: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="How much of the run. Default: 5s, or what is left.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"Where it goes. Default: RUN/{_FILE}", show_default=False)
    ] = None,
) -> None:
    """Write a timeline of a run for ui.perfetto.dev: nodes, messages, views, packets, cases, faults.

    The run is repeated, and must come to the same trace hash; exit code 2 if it does not.
    """
    from sim.report.perfetto_tracks import draw
    from sim.report.wording import counted
    from sim.study.retrace import AnotherTrace, CannotTrace, retrace
    from sim.study.store import write_bytes

    from_ns, for_ns = _duration("--from", begin), _duration("--for", length)
    target = out or directory / _FILE
    if not target.parent.is_dir():
        raise typer.BadParameter(f"{target}: there is no directory {target.parent}")
    try:
        with progress_bar(f"repeating {directory.name}", silent=False) as (advance, tell):
            found = retrace(directory, from_ns, for_ns, advance)
            tell("drawing")
            timeline, shown = draw(found)
            data = timeline.to_bytes()
    except (CannotTrace, AnotherTrace) as problem:
        raise typer.BadParameter(str(problem)) from problem
    write_bytes(target, data)
    print(f"trace    {target}, {len(data) / 1e6:.1f} MB: {_span(found)}")
    counts = (
        (shown.messages, "message", None),
        (shown.work, "piece of CPU work", "pieces of CPU work"),
        (shown.blocks, "block", None),
        (shown.views, "view", None),
        (shown.packets, "packet", None),
        (shown.cases, "case", None),
        (shown.faults, "fault", None),
    )
    told = [counted(count, noun, plural) for count, noun, plural in counts if count]
    print(f"shows    {', '.join(told) or 'nothing'}")
    for note in shown.notes:
        print(f"note     {note}")
    print("open     https://ui.perfetto.dev, Open trace file; it stays in your browser, nothing is uploaded")


def _duration(option: str, text: str | None) -> int | None:
    """Nanoseconds of an option's text.

    Raises:
        BadParameter: it is no duration.
    """
    if text is None:
        return None
    try:
        return DURATION.read(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} {error}") from error


def _span(found: Retraced) -> str:
    """Which part of the scenario is shown, in its own time."""
    from sim.scenario.units import show_duration

    ends = (show_duration(end_ns + found.ahead_ns) for end_ns in (found.from_ns, found.until_ns))
    return f"{found.run.scenario.name} from {' to '.join(ends)}"
