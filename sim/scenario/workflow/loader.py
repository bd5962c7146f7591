"""Reading workflow files: one alone, or those that a scenario names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from sim.scenario.files import read_tree, shown
from sim.scenario.messages import at, problems_of
from sim.scenario.problems import Position, Problem, ScenarioError, Source
from sim.scenario.quantities import ID
from sim.scenario.schema import Node
from sim.scenario.workflow import model
from sim.scenario.workflow.check import defects
from sim.scenario.workflow.convert import to_definition
from sim.scenario.workflow.steps import expanded

if TYPE_CHECKING:
    from sim.casework.definition import Workflow
    from sim.scenario.yamltree import Map

FOLDER: Final = "workflows"


def load_workflow(path: str | Path) -> Workflow:
    """Return the workflow in a file, with its shared steps filled in, checked by itself.

    Raises:
        ScenarioError: with everything that is wrong, by file, line and column.
    """
    file = Path(path)
    spec = read_workflow(file)
    return to_definition(file.stem, spec)


def read_workflow(file: Path) -> model.Workflow:
    """Return the model of a workflow's file.

    Raises:
        ScenarioError: with everything that is wrong, by file, line and column.
    """
    root, problems = read_workflow_tree(file, Position(Source(shown(file), file.parent)), "")
    try:
        ID.read(file.stem)
    except ValueError as error:
        problems.append(Problem(shown(file), 0, 0, "", f"the file's name is the workflow's, and {error}"))
    try:
        spec = model.Workflow.model_validate(root)
    except ValidationError as error:
        raise ScenarioError([*problems, *problems_of(error, root, Node.of("Workflow"))]) from error
    problems += [at(root, location, message) for location, message in defects(spec)]
    if problems:
        raise ScenarioError(problems)
    return spec


def read_workflow_tree(file: Path, asked_at: Position, key: str) -> tuple[Map, list[Problem]]:
    """Return the tree of a workflow's file with its shared steps filled in, and what is wrong with its shape.

    Args:
        file: the file.
        asked_at: where it is named.
        key: the key that names it; empty for the file that the user named.

    Raises:
        ScenarioError: it cannot be read.
    """
    tree, problems = read_tree(file, asked_at, key)
    return expanded(tree, file.parent, problems), problems
