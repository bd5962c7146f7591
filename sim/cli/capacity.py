"""`alliance capacity`: the highest load at which a scenario's objectives are met, and what binds there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim.cli.options import ExecutorName, Language, Scheduler, Settings, Workers
from sim.cli.progress import counted
from sim.cli.sweep import share_of, told_errors
from sim.scenario import load, parse_assignments


def capacity(
    file: Annotated[
        Path, typer.Argument(metavar="SCENARIO", help="Scenario file with objectives.", show_default=False)
    ],
    settings: Settings = None,
    precision: Annotated[
        str, typer.Option(metavar="SHARE", help="How near the load that holds is to one that does not, in the end.")
    ] = "5%",
    replications: Annotated[int, typer.Option("-r", "--replications", min=3, help="Runs of one load at most.")] = 10,
    executor: ExecutorName = "processes",
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results go, and a search goes on. Default: in results/.")
    ] = None,
    lang: Language = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON instead of tables.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Search for the highest load, as a factor on the rate of every stream, at which the objectives are met.

    Exit code 0: one was found; 1: none; 2: bad input; 130: interrupted.
    """
    from sim.report.findings import show_capacity
    from sim.report.studies import add_to
    from sim.report.words import words
    from sim.study.sweeps.capacity import capacity as search
    from sim.study.sweeps.sweep import Place

    scenario = load(file, set=parse_assignments(settings or []))
    place = out or Path("results") / f"{scenario.name}-capacity"
    with told_errors(), counted("runs", silent=quiet or as_json) as progress:
        found = search(
            scenario,
            replications,
            share_of("--precision", precision),
            place=Place(executor, workers, scheduler, place, progress),
        )
    add_to(found.study, place, lang=lang)
    if as_json and not quiet:
        print(found.to_json(), end="")
    elif not quiet:
        show_capacity(found, lang=lang)
        print(words(lang)("console.report", place=place / "report.html"))
    return int(found.holds is None)
