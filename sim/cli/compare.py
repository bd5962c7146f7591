"""`alliance compare`: two scenarios, or one with and without its faults, in the same replications."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sim.cli.options import ExecutorName, Language, Scheduler, Settings, Workers
from sim.cli.progress import counted
from sim.cli.sweep import told_errors
from sim.scenario import load, parse_assignments


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Scenario file.", show_default=False)],
    second: Annotated[
        Path | None, typer.Argument(metavar="B", help="The other scenario file.", show_default=False)
    ] = None,
    without_faults: Annotated[
        bool, typer.Option("--without-faults", help="Instead of B: A against itself on a day on which nothing fails.")
    ] = False,
    settings: Settings = None,
    replications: Annotated[int, typer.Option("-r", "--replications", min=2, help="Runs of each.")] = 10,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="What is compared; default: objectives that both have. May be repeated."),
    ] = None,
    executor: ExecutorName = "processes",
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results go. Default: a directory in results/.")
    ] = None,
    lang: Language = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON instead of tables.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Compare two scenarios with the same seeds: B less A. --set changes B, or A and its own twin if there is no B.

    With --without-faults the calm day is A and the scenario is B, and the area between their latencies is how much
    faults cost (Stabl). Exit code 0: compared; 1: some runs broke down; 2: bad input.
    """
    from sim.report.findings import show_versus
    from sim.report.studies import add_to
    from sim.report.words import words
    from sim.study.sweeps import versus
    from sim.study.sweeps.sweep import Place

    if (second is not None) == without_faults and not (second is None and settings):
        raise typer.BadParameter("needs B, or --without-faults, or --set for what is to differ; one of them")
    changes = parse_assignments(settings or [])
    a = load(first)
    if without_faults:
        b = load(first, set=changes)
        with told_errors():
            a = versus.without_faults(b)
    else:
        b = load(second or first, set=changes)
    place = out or Path("results") / f"{a.name}-against-{b.name}"
    with told_errors(), counted("runs", silent=quiet or as_json) as progress:
        found = versus.versus(
            a,
            b,
            replications,
            metrics=metric or (),
            place=replace(Place(executor, workers, scheduler, place), progress=progress),
        )
    add_to(found.study, place, lang=lang)
    if as_json and not quiet:
        print(found.to_json(), end="")
    elif not quiet:
        show_versus(found, lang=lang)
        print(words(lang)("console.report", place=place / "report.html"))
    return int(found.study.broken > 0)
