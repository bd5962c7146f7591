"""`alliance sweep`: many runs of a scenario, over values of its parameters, with error bars."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli.options import ExecutorName, Language, Scheduler, Settings, Workers
from sim.cli.progress import counted
from sim.scenario import load, parse_assignments
from sim.scenario.quantities import SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim.study.sweeps.study import Study

INTERRUPTED = 130


def sweep(
    file: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file.", show_default=False)],
    over: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V1,V2", help="A parameter and its values; repeat it for a grid."),
    ] = None,
    together: Annotated[
        list[str] | None,
        typer.Option(
            "--zip", metavar="KEY=V1,V2", help="Parameters that change together: first with first, second with second."
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION", help="Keep points for which it is true: \"validators >= 31 or hash = 'sm3'\"."
        ),
    ] = None,
    replications: Annotated[
        int, typer.Option("-r", "--replications", min=1, help="Runs of each point; the most of them, with --until.")
    ] = 10,
    until: Annotated[
        str | None,
        typer.Option(metavar="ci=SHARE", help="Stop when each metric's 95 % interval is this narrow: ci=5%."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="What the study is about; default: the metrics of the objectives."),
    ] = None,
    screen: Annotated[
        int | None,
        typer.Option(
            metavar="SAMPLES", min=5, help="Instead of --over: vary all inputs of the section `uncertain` at once."
        ),
    ] = None,
    executor: ExecutorName = "processes",
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where results go, and a study goes on. Default: in results/.")
    ] = None,
    settings: Settings = None,
    lang: Language = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Run a study. Exit code 0: every run ended; 1: some broke down; 2: bad input; 130: interrupted."""
    from sim.report.studies import add_to
    from sim.study.sweeps.screening import screen as run_screening
    from sim.study.sweeps.sweep import Place
    from sim.study.sweeps.sweep import sweep as run_sweep

    scenario = load(file, set=parse_assignments(settings or []))
    place = out or Path("results") / f"{scenario.name}-{'study' if screen is None else 'screening'}"
    with told_errors(), counted("runs", silent=quiet or as_json) as progress:
        if screen is not None:
            if over or together or where or until:
                raise typer.BadParameter(
                    "--screen varies what the scenario calls uncertain; not with --over and the like"
                )
            where_it_runs = Place(executor, workers, scheduler, place, progress)
            screened = run_screening(scenario, screen, replications, metrics=metric or (), place=where_it_runs)
            study = screened.study
        else:
            study = run_sweep(
                scenario,
                parameters(over or [], together or []),
                replications,
                where=where,
                until=_share(until),
                metrics=metric or (),
                executor=executor,
                workers=workers,
                scheduler=scheduler,
                out=place,
                progress=progress,
            )
    add_to(study, place, lang=lang)
    show(study, place, lang, as_json=as_json, quiet=quiet)
    return int(study.broken > 0)


def show(study: Study, place: Path, lang: str, *, as_json: bool, quiet: bool) -> None:
    """Print what came out."""
    from sim.report.findings import show_screening
    from sim.report.study_console import show as show_study
    from sim.report.words import words
    from sim.study.sweeps.screening import Screening

    if as_json and not quiet:
        sys.stdout.write(study.to_json())
    elif not quiet:
        if "screening" in study.head:
            show_screening(Screening.of(study), lang=lang)
        else:
            show_study(study, lang=lang)
        print(words(lang)("console.report", place=place / "report.html"))


@contextmanager
def told_errors() -> Iterator[None]:
    """What does not go together is bad input; an interruption says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        again = shlex.join(["alliance", *sys.argv[1:]])
        print(f"alliance: interrupted; what is done is kept, this goes on: {again}", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except ValueError as error:
        if type(error) is ValueError or type(error).__module__.startswith("sim.study"):
            raise typer.BadParameter(str(error)) from error
        raise


def _share(until: str | None) -> float | None:
    if until is None:
        return None
    word, equals, share = until.partition("=")
    if word != "ci" or not equals:
        raise typer.BadParameter(f"--until {until}: needs ci= and a share, such as ci=5%")
    return share_of("--until ci", share)


def share_of(option: str, text: str) -> float:
    """An option's share, such as 5%.

    Raises:
        BadParameter: it is none.
    """
    try:
        return SHARE.read(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} {error}") from error


def parameters(over: Sequence[str], together: Sequence[str]) -> dict[str | tuple[str, ...], Sequence[object]]:
    """The grid's axes; everything that is zipped is one of them, the last.

    Raises:
        BadParameter: zipped parameters have different numbers of values.
    """
    axes: dict[str | tuple[str, ...], Sequence[object]] = dict(values_of(over).items())
    zipped = values_of(together)
    if zipped:
        lengths = {path: len(values) for path, values in zipped.items()}
        if len(set(lengths.values())) > 1:
            counted = ", ".join(f"{path} has {count}" for path, count in lengths.items())
            raise typer.BadParameter(f"--zip: {counted}; needs as many values for each")
        axes[tuple(zipped)] = list(zip(*zipped.values(), strict=True))
    return axes


def values_of(texts: Sequence[str]) -> dict[str, list[object]]:
    """``a.b=v1,v2`` as lists of values by path; a value with commas is written in brackets or quotes.

    Raises:
        ScenarioError: one is no such text.
    """
    listed = [f"{path}=[{values}]" if equals else path for path, equals, values in (t.partition("=") for t in texts)]
    parsed = parse_assignments(listed)
    return {path: list(values) if isinstance(values, list) else [values] for path, values in parsed.items()}
