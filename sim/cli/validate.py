"""`alliance validate`: are these files good? All errors of all files at once."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from sim.cli.options import AsJson, Files, Settings, print_json
from sim.scenario import ScenarioError, is_workflow, load, parse_assignments, validate_workflow
from sim.scenario.articles import is_articles, load_articles
from sim.scenario.workflow.loader import is_step, validate_step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sim.scenario import Problem


def validate(files: Files, settings: Settings = None, as_json: AsJson = False) -> int:
    """Check files of scenarios, workflows or articles without running them. Exit code 2 if any has an error."""
    found: list[tuple[Path, str | None]] = []
    problems: list[Problem] = []
    try:
        overrides = parse_assignments(settings or [])
    except ScenarioError as error:
        if not as_json:
            raise
        files, overrides = [], {}
        problems += error.problems
    for file in files:
        try:
            told = _told(file, overrides)
        except ScenarioError as error:
            found.append((file, None))
            problems += error.problems
            if not as_json:
                print(error, file=sys.stderr)
        else:
            found.append((file, told))
            if not as_json:
                print(f"{file}: ok, {told}")
    if as_json:
        about = [{"file": str(file), "valid": told is not None, "about": told} for file, told in found]
        print_json({"valid": not problems, "files": about, "problems": [asdict(problem) for problem in problems]})
    return 2 if problems else 0


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
