"""`alliance run`: run scenarios, print what happened, keep it in a directory each."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.options import Files, Language, Settings
from sim.scenario import load, parse_assignments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim.scenario import Scenario
    from sim.study.run import Run

_RESULTS = Path("results")


def run(
    files: Files,
    settings: Settings = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed, instead of the scenario's own.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run directory (for several files: their parent). Default: a new one in results/."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing run directory.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json instead of tables.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    follow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CASE",
            help="Tell the story of a case: its number in the table steps, or a workflow, for the case of it that did "
            "the most. May be repeated.",
        ),
    ] = None,
    lang: Language = "en",
) -> int:
    """Run scenarios. Exit code 0: every verdict is the expected one; 1: one is not; 2: bad input."""
    from sim.study.store import check_free

    overrides = parse_assignments(settings or [])
    scenarios = [load(file, set=overrides) for file in files]
    places = [_place(scenario, out, several=len(files) > 1) for scenario in scenarios]
    for scenario in scenarios:
        _can_follow(scenario, follow or [])
    for place in places:
        check_free(place, force=force)
    runs = []
    for scenario, place in zip(scenarios, places, strict=True):
        runs.append(_run_one(scenario, place, seed, follow or [], lang, force=force, silent=quiet or as_json))
    if as_json and not quiet:
        _print_json([one.summary for one in runs])
    return int(any(one.summary["verdict"] != one.scenario.expect for one in runs))


def _place(scenario: Scenario, out: Path | None, *, several: bool) -> Path:
    """Where a run goes: as told, or a directory in results/ that does not exist yet."""
    if out is not None:
        return out / scenario.name if several else out
    place, number = _RESULTS / scenario.name, 1
    while place.exists():
        number += 1
        place = _RESULTS / f"{scenario.name}-{number}"
    return place


def _can_follow(scenario: Scenario, cases: list[str]) -> None:
    """Refuse cases that no run of the scenario can have.

    Raises:
        BadParameter: a case is none.
    """
    for case in cases:
        if case not in scenario.workflows and not case.removeprefix("-").isdigit():
            known = ", ".join(scenario.workflows) or "none runs"
            raise typer.BadParameter(
                f"--follow: no workflow '{case}' in {scenario.name}; needs a case, or one of {known}"
            )


def _run_one(
    scenario: Scenario, place: Path, seed: int | None, follow: list[str], lang: str, *, force: bool, silent: bool
) -> Run:
    from sim.report import add_to
    from sim.report.console import show
    from sim.report.story import text_of
    from sim.report.words import words
    from sim.study.follow import NoSuchCase
    from sim.study.run import run as run_scenario
    from sim.study.store import save_run

    say = words(lang)
    # A run by tables takes minutes; what is finished waits beside its place for whoever types the same again.
    work = place.parent / f".{place.name}.work" if scenario.year is not None else None
    with progress_bar(scenario.name, silent=silent) as (advance, tell):
        try:
            result = run_scenario(scenario, seed, advance, follow, work=work)
        except NoSuchCase as unknown:
            raise typer.BadParameter(f"--follow: {unknown}") from unknown
        tell("writing the report")
        save_run(result, place, force=force, more=lambda directory: add_to(result, directory, lang))
    if work is not None:
        shutil.rmtree(work)
    if not silent:
        show(result.summary, result.manifest, result.scenario, lang=lang)
        for story in result.stories[: len(follow)]:
            print(f"\n{text_of(story, say)}\n")
        again = f"alliance run {place / 'scenario.yaml'} --seed {result.summary['seed']}"
        print(say("console.report", place=place / "report.html"))
        print(say("console.again", command=again))
    return result


def _print_json(summaries: list[dict[str, Any]]) -> None:
    from sim.study.store import as_json

    if len(summaries) == 1:
        sys.stdout.write(as_json(summaries[0]))
    else:
        sys.stdout.write("[" + ",".join(as_json(summary).rstrip("\n") for summary in summaries) + "]\n")


@contextmanager
def progress_bar(name: str, *, silent: bool) -> Iterator[tuple[Callable[[float], None], Callable[[str], None]]]:
    """A progress bar on a terminal; nothing in a pipe."""
    if silent or not sys.stderr.isatty():
        yield lambda _: None, lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"simulating {name}", total=1.0)
        yield (
            lambda share: bar.update(task, completed=share),
            lambda text: bar.update(task, description=text),
        )
