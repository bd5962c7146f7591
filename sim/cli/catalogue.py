"""`alliance list`: the scenarios at hand with their questions, the runs with their verdicts, and the studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.cli.options import AsJson, print_json
from sim.scenario import ScenarioError, load
from sim.scenario.articles import is_articles

if TYPE_CHECKING:
    from collections.abc import Iterator


_FOLDERS = (".", "casework", "crosschain", "attacks")
"""Where questions are, below the folder of scenarios; the others hold what scenarios are made from, or checked by."""
_SAID = ("scenario", "question", "seed", "verdict", "trace_hash")
"""Of a run's summary."""
_HASH_DIGITS = 12


def catalogue(
    scenarios: Annotated[Path, typer.Option(help="Where to look for scenario files.")] = Path("scenarios"),
    results: Annotated[Path, typer.Option(help="Where to look for runs and studies.")] = Path("results"),
    as_json: AsJson = False,
) -> None:
    """List scenarios with their questions, runs with their verdicts, and studies."""
    found = {
        "scenarios": list(_scenarios(scenarios)),
        "runs": list(_runs(results)),
        "studies": list(_studies(results)),
    }
    if as_json:
        print_json(found)
        return
    from rich.console import Console
    from rich.table import Table

    files = Table("scenario", "expects", "question")
    for entry in found["scenarios"]:
        files.add_row(entry["file"], entry.get("expects", "error"), entry.get("question", entry.get("error")))
    runs = Table("run", "scenario", "seed", "verdict", "trace")
    for entry in found["runs"]:
        said = (entry.get(key, "") for key in ("seed", "verdict", "trace_hash"))
        scenario = entry.get("scenario", entry.get("error"))
        runs.add_row(entry["directory"], scenario, *(str(cell)[:_HASH_DIGITS] for cell in said))
    studies = Table("study", "scenario", "points", "replications", "question")
    for entry in found["studies"]:
        said = (entry.get(key, "") for key in ("points", "replications", "question"))
        studies.add_row(entry["directory"], entry.get("scenario", entry.get("error")), *map(str, said))
    console = Console()
    console.print(files if files.row_count else f"no scenario files in {scenarios}/")
    console.print(runs if runs.row_count else f"no runs in {results}/")
    if studies.row_count:
        console.print(studies)


def _scenarios(folder: Path) -> Iterator[dict[str, Any]]:
    """Each scenario that asks a question, or what is wrong with its file."""
    for path in (path for below in _FOLDERS for path in sorted((folder / below).glob("*.yaml"))):
        if is_articles(path):
            continue
        try:
            scenario = load(path)
        except ScenarioError as error:
            yield {"file": str(path), "error": str(error).splitlines()[0]}
        else:
            said = {"name": scenario.name, "expects": scenario.expect, "question": scenario.question}
            yield {"file": str(path), **said}


def _runs(folder: Path) -> Iterator[dict[str, Any]]:
    """Each run directory with what its summary says."""
    for path in sorted(folder.glob("*/summary.json")):
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
            yield {"directory": str(path.parent), **{key: summary[key] for key in _SAID}}
        except (ValueError, KeyError, TypeError):
            yield {"directory": str(path.parent), "error": "unreadable summary.json"}


def _studies(folder: Path) -> Iterator[dict[str, Any]]:
    """Each directory of a study with what was asked; one that is still under way or was interrupted says so."""
    from sim.study.sweeps.journal import HEAD, JOURNAL, ForeignStudy, read_head

    for path in sorted(folder.glob(f"*/{HEAD}")):
        try:
            head = read_head(path.parent)
        except ForeignStudy as error:
            yield {"directory": str(path.parent), "error": str(error)}
            continue
        said = {key: head[key] for key in ("scenario", "question", "replications")}
        ended = not (path.parent / JOURNAL).exists()
        yield {"directory": str(path.parent), **said, "points": len(head["points"]), "ended": ended}
