"""Overrides of single keys: ``--set a.b.c=value`` and ``load(path, set={"a.b.c": value})``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.scenario.problems import SET, Position, Problem, ScenarioError, Source, hint
from sim.scenario.schema import Node
from sim.scenario.yamltree import List, Map, Scalar, Value, parse, show_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PLACE: Final = Position(Source(SET, Path()))
_OPENS_YAML: Final = ("[", "{", '"', "'")


def parse_assignments(texts: Iterable[str]) -> dict[str, object]:
    """Return the overrides that ``a.b.c=value`` texts ask for, ready for ``load(path, set=...)``.

    A value that starts with a bracket, a brace or a quote is read as YAML, so that ``faults=[]`` works; any other is
    the text that it is.

    Raises:
        ScenarioError: a text has no ``=``, a path is given twice, or a value is no YAML.
    """
    overrides: dict[str, object] = {}
    problems: list[Problem] = []
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path:
            problems.append(_PLACE.problem(text, "is no assignment; needs a.b.c=value"))
        elif path in overrides:
            problems.append(_PLACE.problem(path, "is given twice; needs one value"))
        elif value.startswith(_OPENS_YAML):
            try:
                overrides[path], wrong = parse(value, _PLACE.source)
            except ScenarioError as error:
                wrong = error.problems
            problems += [_PLACE.problem(path, _within(problem)) for problem in wrong]
        else:
            overrides[path] = Scalar(value, _PLACE)
    if problems:
        raise ScenarioError(problems)
    return {path: tree_of(path, value) for path, value in overrides.items()}


def _within(problem: Problem) -> str:
    return f"{problem.path}: {problem.message}" if problem.path else problem.message


def tree_of(path: str, value: object) -> Value:
    """Return a Python value as if it had been written in a file: numbers as their digits, sequences as lists.

    Raises:
        ScenarioError: it has no value, or is of a type that no file can hold.
    """
    if isinstance(value, Scalar):
        text, quoted = str(value), value.quoted
    elif isinstance(value, Mapping):
        mapping = Map(_PLACE)
        for key, child in value.items():
            mapping.put(str(key), tree_of(f"{path}.{key}", child), _PLACE)
        return mapping
    elif isinstance(value, list | tuple):
        sequence = List(_PLACE)
        sequence.extend(tree_of(f"{path}.{index}", child) for index, child in enumerate(value))
        return sequence
    else:
        text, quoted = _text(path, value), False
    if not text and not quoted:
        raise ScenarioError([_PLACE.problem(path, "has no value")])
    return Scalar(text, _PLACE, quoted=quoted)


def _text(path: str, value: object) -> str:
    if value is None:
        raise ScenarioError([_PLACE.problem(path, "has no value")])
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        return str(value)
    kind = type(value).__name__
    raise ScenarioError([_PLACE.problem(path, f"is a Python {kind}; needs text, a number, a list or a map")])


class _NoSuchPathError(Exception):
    """An override's path is not in the format, or names an id or element that the scenario does not have."""


def override(root: Map, path: str, value: Value) -> Map:
    """Return a tree that says ``value`` at ``path``; ``root`` stays as it is.

    Raises:
        ScenarioError: the format has no such key, or the scenario no such id or list element.
    """
    try:
        changed = _put(root, Node.root(), path.split("."), (), value)
    except _NoSuchPathError as error:
        raise ScenarioError([_PLACE.problem(path, str(error))]) from error
    return changed if isinstance(changed, Map) else root


def _put(here: Value | None, node: Node, parts: Sequence[str], done: tuple[str, ...], value: Value) -> Value:
    if not parts:
        return value
    part, *rest = parts
    if node.is_list:
        return _put_in_list(here, node, parts, done, value)
    below = node.below(part)
    if below is None:
        raise _NoSuchPathError(f"no such key{hint(part, node.keys, 'keys here')}")
    known = here if isinstance(here, Map) else Map(_PLACE)
    if node.has_ids and part not in known:
        where = show_path(done)
        raise _NoSuchPathError(f"'{part}' is not an id in {where}{hint(part, known, 'ids')}")
    changed = Map(known.position) if node.is_choice and part not in known else known.copy()
    for rival in node.rivals(part):
        changed.pop(rival, None)
    key_at = known.keys_at.get(part, _PLACE) if rest else _PLACE
    changed.put(part, _put(known.get(part), below, rest, (*done, part), value), key_at)
    return changed


def _put_in_list(here: Value | None, node: Node, parts: Sequence[str], done: tuple[str, ...], value: Value) -> Value:
    part, *rest = parts
    known = here if isinstance(here, List) else List(_PLACE)
    below = node.below(0)
    if below is None or not (part.isascii() and part.isdecimal() and int(part) < len(known)):
        count = f"0 to {len(known) - 1}" if known else "none, it is empty"
        raise _NoSuchPathError(f"'{part}' is not an element of {show_path(done)}; elements: {count}")
    changed = known.copy()
    changed[int(part)] = _put(known[int(part)], below, rest, (*done, part), value)
    return changed
