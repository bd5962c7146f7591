"""Reading workflow files: one alone, or those that a scenario names."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from sim.scenario.files import read_map, read_tree, shown
from sim.scenario.messages import at, problems_of
from sim.scenario.overrides import tree_of
from sim.scenario.problems import Position, Problem, ScenarioError, Source, hint
from sim.scenario.quantities import ID
from sim.scenario.schema import Node
from sim.scenario.workflow import model
from sim.scenario.workflow.check import defects
from sim.scenario.workflow.convert import to_definition
from sim.scenario.workflow.names import facts_of
from sim.scenario.workflow.steps import expanded
from sim.scenario.workflow.together import Together
from sim.scenario.yamltree import List, Map, Scalar

if TYPE_CHECKING:
    from sim.casework.definition import Workflow


def load_workflow(path: str | Path) -> Workflow:
    """Return the workflow in a file, with its shared steps filled in, checked by itself.

    Raises:
        ScenarioError: with everything that is wrong, by file, line and column.
    """
    file = Path(path)
    spec, _ = read_workflow(file)
    return to_definition(file.stem, spec)


def read_workflow(file: Path) -> tuple[model.Workflow, Map]:
    """Return the model of a workflow's file, checked by itself, and the tree that says where everything is written.

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
    return spec, root


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


def is_workflow(file: Path) -> bool:
    """Whether a file is a workflow's, or a shared step's, rather than a scenario's; unreadable ones are not."""
    try:
        tree, _ = read_map(file)
    except ScenarioError:
        return False
    return "states" in tree and "chains" not in tree


def find_workflow(folder: Path, asked: str) -> Path:
    """Return the file of the workflow with this name or code in a folder; of several of a code that with most states.

    Raises:
        ScenarioError: there is none.
    """
    files = {file.stem: file for file in sorted(folder.glob("*.yaml")) if is_workflow(file)}
    trees = {name: read_map(file)[0] for name, file in files.items()}
    codes = sorted({str(tree.get("code")) for tree in trees.values()})
    if asked in files:
        return files[asked]
    found = [name for name, tree in trees.items() if tree.get("code") == asked]
    if not found:
        message = f"no workflow '{asked}'{hint(asked, (*codes, *files), 'workflows')}"
        raise ScenarioError([Problem(shown(folder), 0, 0, "", message)])
    return files[max(found, key=lambda name: len(trees[name]["states"]))]


def validate_workflow(file: Path) -> model.Workflow:
    """Return the model of a workflow's file, checked by itself and together with all others of its folder.

    Raises:
        ScenarioError: with everything that is wrong with this file; nothing is said of the others.
    """
    spec, root = read_workflow(file)
    others, unreadable = _folder(file.parent)
    found = Together({**others, file.stem: spec}, unreadable, complete=not unreadable).defects()
    problems = [at(root, where[1:], message) for where, message in found if where[0] == file.stem]
    if problems:
        raise ScenarioError(problems)
    return spec


def is_step(file: Path) -> bool:
    """Whether a file is a shared step's."""
    return is_workflow(file) and "exits" in read_map(file)[0]


def validate_step(file: Path) -> int:
    """Check a shared step as if a workflow were nothing but it, and return how many states it has.

    Facts that it leaves to the workflows that use it may hold or not.

    Raises:
        ScenarioError: with everything that is wrong.
    """
    step, problems = read_map(file)
    exits = step.get("exits")
    names = [str(name) for name in exits if isinstance(name, Scalar)] if isinstance(exits, List) else []
    alone = {
        "code": "W1",
        "title": file.stem,
        "zh": file.stem,
        "articles": [1],
        "chain": "jc",
        "states": {file.stem: {"use": file.stem, **{name: name for name in names}}, **{name: {} for name in names}},
    }
    tree = tree_of(file.stem, alone)
    assert isinstance(tree, Map)  # noqa: S101 - for the type checker
    root = expanded(tree, file.parent.parent, problems)
    if problems:
        raise ScenarioError(problems)
    try:
        spec = model.Workflow.model_validate(root)
    except ValidationError as error:
        raise ScenarioError(problems_of(error, root, Node.of("Workflow"))) from error
    maybe = model.Fact.model_validate({"chance": "50%"})
    foreign = {name: maybe for name in facts_of(spec) if name not in spec.facts}
    spec = spec.model_copy(update={"facts": {**spec.facts, **foreign}})
    problems = [at(root, location, message) for location, message in defects(spec)]
    if problems:
        raise ScenarioError(problems)
    return len(spec.states) - len(names)


@cache
def _folder(folder: Path) -> tuple[dict[str, model.Workflow], frozenset[str]]:
    """Return the workflows of a folder, and the names of those that are wrong in themselves."""
    good: dict[str, model.Workflow] = {}
    bad: set[str] = set()
    for file in sorted(folder.glob("*.yaml")):
        try:
            good[file.stem], _ = read_workflow(file)
        except ScenarioError:
            bad.add(file.stem)
    return good, frozenset(bad)
