"""`alliance validate`: are these files good? All errors of all files at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sim.cli.options import Files, Settings
from sim.scenario import ScenarioError, is_workflow, load, parse_assignments, validate_workflow
from sim.scenario.articles import is_articles, load_articles
from sim.scenario.workflow.loader import is_step, validate_step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def validate(files: Files, settings: Settings = None) -> int:
    """Check files of scenarios, workflows or articles without running them. Exit code 2 if any has an error."""
    overrides = parse_assignments(settings or [])
    broken = 0
    for file in files:
        try:
            told = _told(file, overrides)
        except ScenarioError as error:
            print(error, file=sys.stderr)
            broken += 1
        else:
            print(f"{file}: ok, {told}")
    return 2 if broken else 0


def _told(file: Path, overrides: Mapping[str, object]) -> str:
    """Check a file of any kind, and say in words what it is."""
    if is_step(file):
        return f"a shared step with {validate_step(file)} states"
    if is_workflow(file):
        return _workflow(file)
    if is_articles(file):
        return f"{len(load_articles(file))} articles"
    return _scenario(file, overrides)


def _scenario(file: Path, overrides: Mapping[str, object]) -> str:
    scenario = load(file, set=overrides)
    cases = f" and {len(scenario.workflows)} workflows" if scenario.workflows else ""
    return f"{scenario.name} with {len(scenario.chains)} chains{cases}"


def _workflow(file: Path) -> str:
    workflow = validate_workflow(file)
    ways = sum(len(state.then) for state in workflow.states.values())
    return f"{workflow.code} with {len(workflow.states)} states and {ways} ways out"
