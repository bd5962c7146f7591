"""From a file to a scenario: reading, ``extends``, overrides, files within files, validation; all problems at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from sim.scenario.files import read_tree, resolved_path, shown
from sim.scenario.merging import merged
from sim.scenario.messages import problems_of
from sim.scenario.model import Scenario
from sim.scenario.overrides import override, tree_of
from sim.scenario.problems import SET, Position, Problem, ScenarioError, Source
from sim.scenario.quantities import TEXT
from sim.scenario.references import Declared
from sim.scenario.schema import Node
from sim.scenario.slo import metric_of
from sim.scenario.workflow.named import changeable, with_workflows
from sim.scenario.yamltree import Map, Scalar, Value, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FILES: Final = {"network.delays": (), "costs": ("costs",), "casework.holidays": ()}
"""Keys that may name a file instead, and where in that file their value stands: the whole file, or one of its keys."""

_RESOLVED: Final = Path("scenario.yaml")


def load(
    path: str | Path,
    set: Mapping[str, object] | None = None,  # noqa: A002 - the command line's --set, and the public API's word
) -> Scenario:
    """Return the scenario that a YAML file describes.

    Args:
        path: the file; what it ``extends``, its delay matrix and its calibration are found relative to the file that
            names them.
        set: overrides by dotted path, ``{"chains.jc.validators": 31}``; quantities need their unit, as in the file.

    Raises:
        ScenarioError: with everything that is wrong, by file, line and column.
    """
    file = Path(path)
    return _overridden(*_read_with_bases(file), file, set or {})


def load_text(text: str, set: Mapping[str, object] | None = None, file: Path = _RESOLVED) -> Scenario:  # noqa: A002
    """Return the scenario that `Scenario.to_yaml` wrote, so that it can be sent to another process.

    Args:
        text: complete: what it ``extends`` and the files that it named are in it.
        set: overrides by dotted path, as for `load`.
        file: where it was read from at first, for messages.

    Raises:
        ScenarioError: with everything that is wrong; nothing is, but for the overrides, if `Scenario.to_yaml` wrote it.
    """
    tree, problems = parse(text, Source(shown(file), file.parent))
    if not isinstance(tree, Map):
        raise ScenarioError([Position(Source(shown(file), file.parent)).problem("", "needs a map of keys")])
    return _overridden(tree, problems, file, set or {})


def metric(scenario: Scenario, path: str) -> str:
    """Return the path of a metric that the summaries of a scenario have.

    Raises:
        ValueError: they have none there; says what would be right.
    """
    tree, _ = parse(scenario.to_yaml(), Source(shown(_RESOLVED), Path()))
    return metric_of(path, Declared.of(tree, _RESOLVED) if isinstance(tree, Map) else None)


def _overridden(root: Map, problems: list[Problem], file: Path, overrides: Mapping[str, object]) -> Scenario:
    """Return the scenario of a tree with these overrides."""
    for dotted, value in overrides.items():
        try:
            if any(dotted.startswith(f"{key}.") for key in _FILES):
                root = _with_files(root, problems)
            if dotted.startswith("workflows."):
                root = with_workflows(root, file, problems)
            root = override(root, dotted, tree_of(dotted, value))
        except ScenarioError as error:
            problems += error.problems
    root = with_workflows(_with_changed_costs_told(_with_files(root, problems)), file, problems)
    return _validated(root, file, problems)


def _validated(root: Map, file: Path, problems: list[Problem]) -> Scenario:
    """Return the scenario of a tree, or raise what is wrong with it together with the problems found before."""
    try:
        scenario = Scenario.model_validate(root, context=Declared.of(root, file))
    except ValidationError as error:
        found = [problem for problem in problems_of(error, root) if not _is_told(problem, problems)]
        raise ScenarioError([*problems, *found]) from error
    if problems:
        raise ScenarioError(problems)
    return scenario


def _is_told(problem: Problem, before: list[Problem]) -> bool:
    """Whether a value that could not be read at all is now found not to be what its key needs."""
    return any(
        (problem.file, problem.line, problem.column) == (known.file, known.line, known.column)
        if known.line
        else f"{problem.path}.".startswith(f"{known.path}.")
        for known in before
    )


def _read_with_bases(file: Path) -> tuple[Map, list[Problem]]:
    """Return the tree of a file merged over those that it extends, and the problems with their shape."""
    place = Position(Source(shown(file), file.parent))
    layers: list[Map] = []
    problems: list[Problem] = []
    chain: list[Path] = []
    current: Path | None = file
    asked_at = place
    while current is not None:
        resolved = resolved_path(current, asked_at, "extends" if chain else "")
        if resolved in chain:
            files = " extends ".join(shown(link) for link in [*chain[chain.index(resolved) :], resolved])
            raise ScenarioError([*problems, asked_at.problem("extends", f"is a cycle: {files}")])
        try:
            tree, wrong = read_tree(current, asked_at, "extends" if chain else "")
        except ScenarioError as error:
            raise ScenarioError([*problems, *error.problems]) from error
        problems += wrong
        chain.append(resolved)
        layers.append(tree)
        base = tree.pop("extends", None)
        current = None
        if base is not None:
            asked_at = tree.keys_at["extends"]
            if isinstance(base, Scalar):
                asked_at = base.position
            current = _path_of(base, asked_at, "extends", problems)
    root = layers.pop()
    while layers:
        root = merged(changeable(root, layers[-1]), layers.pop(), Node.root())
    return root, problems


def _path_of(value: Value, place: Position, key: str, problems: list[Problem]) -> Path | None:
    """Return the file that a key names, relative to the file where it is written."""
    try:
        text = TEXT.read(value)
    except ValueError as error:
        problems.append(place.problem(key, f"{error}; needs the path of a file"))
        return None
    return place.source.folder / text


def _with_files(root: Map, problems: list[Problem]) -> Map:
    """Return the tree with what other files hold in the place of their paths; where that fails, without it."""
    for key, inner in _FILES.items():
        root = _with_file(root, key, key.split("."), inner, problems)
    return root


def _with_file(tree: Map, key: str, parts: Sequence[str], inner: tuple[str, ...], problems: list[Problem]) -> Map:
    """Return the tree with the content of the file that the key ``parts`` below it names, if it names one."""
    first, *below = parts
    written = tree.get(first)
    changed = tree.copy()
    if below:
        if not isinstance(written, Map):
            return tree
        changed.put(first, _with_file(written, key, below, inner, problems), tree.keys_at[first])
    elif isinstance(written, Scalar):
        # Whatever is missing in the file is told at that file, not where its path is written.
        content = _content(written, key, inner, problems)
        changed.put(first, content, content.position)
    return changed


def _with_changed_costs_told(root: Map) -> Map:
    """Return the tree with costs whose source says which of them an override has changed, so that it stays true."""
    costs = root.get("costs")
    source = costs.get("source") if isinstance(costs, Map) else None
    if not isinstance(costs, Map) or not isinstance(source, Scalar) or source.position.source.name == SET:
        return root
    changed = [key for key, cost in costs.items() if cost.position.source.name == SET]
    if not changed:
        return root
    told, new = costs.copy(), root.copy()
    text = f"{source}; but {', '.join(changed)} changed by {SET}"
    told.put("source", Scalar(text, source.position, quoted=source.quoted), costs.keys_at["source"])
    new.put("costs", told, root.keys_at["costs"])
    return new


def _content(written: Scalar, key: str, inner: tuple[str, ...], problems: list[Problem]) -> Map:
    """Return the map that stands in the file of this path below the keys ``inner``; where that fails, an empty one."""
    path = _path_of(written, written.position, key, problems)
    if path is None:
        return Map(written.position)
    try:
        resolved_path(path, written.position, key)
        content, wrong = read_tree(path, written.position, key)
    except ScenarioError as error:
        problems += error.problems
        # An empty map lacks every key; at the place of what is told already, nobody is told so.
        first = error.problems[0]
        return Map(Position(Source(first.file, path.parent), first.line, first.column))
    problems += wrong
    for name in inner:
        value = content.get(name)
        if not isinstance(value, Map):
            place = content.keys_at.get(name, content.position)
            problems.append(place.problem(key, f"needs a file with a map under the key '{name}'"))
            return Map(place)
        # A map lies at its first key; where it is named is a better place to say that something is missing in it.
        value = value.copy()
        value.position = content.keys_at[name]
        content = value
    return content
