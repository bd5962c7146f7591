"""pydantic's findings in the user's terms: the place in the file, the path as written there, what is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.scenario.problems import EntryError, Problem, hint
from sim.scenario.schema import Node
from sim.scenario.yamltree import List, Location, Map, locate, show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_NEEDS_MAP = frozenset({"model_type", "dict_type", "mapping_type"})
_NEEDS_LIST = frozenset({"tuple_type", "list_type"})
_KEY = "[key]"


def problems_of(error: ValidationError, root: Map, top: Node | None = None) -> Iterator[Problem]:
    """Yield the problems that pydantic found in the tree ``root``, which stands at ``top``: else it is a scenario."""
    top = top or Node.root()
    for item in error.errors(include_url=False):
        location: Location = item["loc"]
        context: dict[str, Any] = item.get("ctx", {})
        cause = context.get("error")
        if location and location[-1] == _KEY:
            yield _at_key(root, location[:-1], str(cause))
        elif item["type"] == "extra_forbidden":
            yield _at_key(root, location, _unknown_key(top, location))
        elif isinstance(cause, EntryError):
            for below, message in cause.items:
                yield at(root, (*location, *below), message)
        elif not _follows_from_entries(item["type"], item["input"], context):
            tell = at if item["type"] == "missing" else _at_value
            yield tell(root, location, _message(item, _node(top, location)))


def _follows_from_entries(kind: str, value: object, context: dict[str, Any]) -> bool:
    """Whether a list or map only seems too short because its entries, told by themselves, are wrong."""
    return kind == "too_short" and isinstance(value, List | Map) and len(value) >= context["min_length"]


def at(root: Map, location: Location, message: str) -> Problem:
    """Return a problem with a value, or with the key that is missing there."""
    _, place = locate(root, location)
    return place.problem(show_path(location), message)


def _at_value(root: Map, location: Location, message: str) -> Problem:
    """Return a problem with a value, called as far as it is written: a bare constant has no ``constant`` key."""
    found, place = locate(root, location)
    return place.problem(show_path(found), message)


def _at_key(root: Map, location: Location, message: str) -> Problem:
    """Return a problem with a key itself rather than with its value."""
    found, place = locate(root, location[:-1])
    parent = _value(root, found)
    if isinstance(parent, Map):
        place = parent.keys_at.get(str(location[-1]), place)
    return place.problem(show_path(location), message)


def _value(root: Map, location: Location) -> object:
    value: object = root
    for part in location:
        if isinstance(value, Map):
            value = value[str(part)]
        elif isinstance(value, List) and isinstance(part, int):
            value = value[part]
    return value


def _node(top: Node, location: Location) -> Node | None:
    node: Node | None = top
    for part in location:
        node = node.below(part) if node is not None else None
    return node


def _unknown_key(top: Node, location: Location) -> str:
    parent = _node(top, location[:-1])
    return f"no such key{hint(str(location[-1]), parent.keys if parent else (), 'keys here')}"


def _message(item: ErrorDetails, node: Node | None) -> str:
    """Return what is wrong with the value at ``node``."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind == "missing":
        return f"is missing{f' ({node.meaning})' if node and node.meaning else ''}"
    if kind in _NEEDS_MAP:
        keys = node.keys if node else ()
        return f"is {_what(value)}; needs {'a map with the keys ' + ', '.join(keys) if keys else 'a map by id'}"
    if kind in _NEEDS_LIST:
        return f"is {_what(value)}; needs a list"
    if kind in {"too_short", "too_long"}:
        bound = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return f"has {context['actual_length']} entries; needs {bound}"
    return str(context.get("error", item["msg"]))


def _what(value: object) -> str:
    if isinstance(value, Map):
        return "a map"
    return "a list" if isinstance(value, List) else f"the text '{value}'"
