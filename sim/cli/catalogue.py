"""`alliance list`: the scenarios at hand with their questions, and the runs at hand with their verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.scenario import ScenarioError, load
from sim.scenario.articles import is_articles

if TYPE_CHECKING:
    from collections.abc import Iterator


_FOLDERS = (".", "casework", "crosschain", "attacks")
"""Where questions are, below the folder of scenarios; the others hold what scenarios are made from, or checked by."""


def catalogue(
    scenarios: Annotated[Path, typer.Option(help="Where to look for scenario files.")] = Path("scenarios"),
    results: Annotated[Path, typer.Option(help="Where to look for run directories.")] = Path("results"),
) -> None:
    """List scenarios with their questions, and runs with their verdicts."""
    from rich.console import Console
    from rich.table import Table

    files = Table("scenario", "expects", "question")
    for path in (path for folder in _FOLDERS for path in sorted((scenarios / folder).glob("*.yaml"))):
        if is_articles(path):
            continue
        try:
            scenario = load(path)
        except ScenarioError as error:
            files.add_row(str(path), "error", str(error).splitlines()[0])
        else:
            files.add_row(str(path), scenario.expect, scenario.question)
    runs = Table("run", "scenario", "seed", "verdict", "trace")
    for path, summary in _summaries(results):
        runs.add_row(str(path), summary["scenario"], summary["seed"], summary["verdict"], summary["trace_hash"][:12])
    console = Console()
    console.print(files if files.row_count else f"no scenario files in {scenarios}/")
    console.print(runs if runs.row_count else f"no runs in {results}/")


def _summaries(results: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    for path in sorted(results.glob("*/summary.json")):
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
            yield path.parent, {key: str(summary[key]) for key in ("scenario", "seed", "verdict", "trace_hash")}
        except (ValueError, KeyError, TypeError):
            yield path.parent, {"scenario": "unreadable summary.json", "seed": "", "verdict": "", "trace_hash": ""}
