"""YAML text to a tree of text, maps and lists in which every node knows its place in a file.

YAML 1.1 gives plain text a type by its looks: ``no`` is a boolean, ``12:30`` is 750, ``017`` is 15. Nothing is typed
here: a scalar stays the text that was written, and the field that it belongs to decides how to read it. The tree is
built from parser events in one pass with bounds on size, depth and expansion, so that a hostile file costs little.

Refused as problems, with reading continued: duplicate keys, keys without a value, merge keys, tags, keys that are no
text. Refused at once: what is no YAML, several documents, and whatever exceeds a bound or refers to itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeAlias

import yaml

from sim.scenario.problems import Position, Problem, ScenarioError, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 32
CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that YAML does not allow unescaped (YAML 1.2.2 section 5.1), and that no name or text needs."""
_QUOTED: Final = frozenset({"'", '"', "|", ">"})
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Scalar(str):
    """Text as written, its place, and whether it was quoted (a quoted ``31`` is text, never a number)."""

    __slots__ = ("position", "quoted")
    position: Position
    quoted: bool

    def __new__(cls, text: str, position: Position, *, quoted: bool = False) -> Self:
        """Return ``text`` with its place."""
        scalar = super().__new__(cls, text)
        scalar.position = position
        scalar.quoted = quoted
        return scalar


class Map(dict[str, "Value"]):
    """A map with its place and the place of each key."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position
        self.keys_at: dict[str, Position] = {}

    def copy(self) -> Map:
        """Return a map of the same values that can be changed without changing this one."""
        twin = Map(self.position)
        twin.update(self)
        twin.keys_at.update(self.keys_at)
        return twin

    def put(self, key: str, value: Value, key_at: Position) -> None:
        """Set ``key``, written at ``key_at``."""
        self[key] = value
        self.keys_at[key] = key_at


class List(list["Value"]):
    """A list with its place."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position

    def copy(self) -> List:
        """Return a list of the same values that can be changed without changing this one."""
        twin = List(self.position)
        twin.extend(self)
        return twin


Value: TypeAlias = Scalar | Map | List
Location: TypeAlias = tuple[str | int, ...]


def show_path(location: Sequence[str | int]) -> str:
    """Return a location as it is written after ``--set``: keys and list numbers joined by dots."""
    return ".".join(str(part) for part in location)


def locate(root: Map, location: Location) -> tuple[Location, Position]:
    """Return the part of ``location`` that is in the tree and its place; a map or list is placed at its key."""
    value: Value = root
    place = root.position
    found: list[str | int] = []
    for part in location:
        if isinstance(value, Map) and part in value:
            key = str(part)
            child = value[key]
            place = child.position if isinstance(child, Scalar) else value.keys_at[key]
        elif isinstance(value, List) and isinstance(part, int) and part < len(value):
            child = value[part]
            place = child.position
        else:
            break
        found.append(part)
        value = child
    return tuple(found), place


def parse(text: str, source: Source) -> tuple[Value, list[Problem]]:
    """Return the tree of one YAML document and what is wrong with its shape.

    Raises:
        ScenarioError: the text is empty, no YAML, more than one document, or beyond a bound.
    """
    builder = _Builder(source)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.YAMLError as error:
        raise ScenarioError([_syntax_problem(error, text, source)]) from error
    if builder.root is None:
        raise ScenarioError([Position(source, 1, 1).problem("", "the file is empty; needs the keys of a scenario")])
    return builder.root, builder.problems


def _events(text: str) -> Iterator[yaml.Event]:
    loader = _LOADER(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _syntax_problem(error: yaml.YAMLError, text: str, source: Source) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError):
        place = _position(error.problem_mark or error.context_mark, source)
        reason = " ".join(part for part in (error.problem, error.context) if part)
        return place.problem("", f"not valid YAML: {reason}")
    control = CONTROL.search(text)
    where = control.start() if control else 0
    place = Position(source, text.count("\n", 0, where) + 1, where - text.rfind("\n", 0, where))
    return place.problem("", f"not valid YAML: {f'the character U+{ord(control[0]):04X}' if control else error}")


class _Mark(Protocol):
    """A place as either parser of PyYAML gives it, counting from 0."""

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


def _position(mark: _Mark | None, source: Source) -> Position:
    return Position(source, mark.line + 1, mark.column + 1) if mark else Position(source, 1, 1)


@dataclass(slots=True)
class _Frame:
    """A map or list whose end has not come yet; ``before`` counts the nodes that came before it."""

    value: Map | List
    anchor: str | None
    before: int
    key: Scalar | None = None
    ignored: bool = False


@dataclass(slots=True)
class _Builder:
    """Takes parser events one by one; ``root`` is the tree once all are taken."""

    source: Source
    root: Value | None = None
    problems: list[Problem] = field(default_factory=list)
    _stack: list[_Frame] = field(default_factory=list)
    _anchors: dict[str, tuple[Value, int]] = field(default_factory=dict)
    _nodes: int = 0
    _documents: int = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        place = _position(event.start_mark, self.source)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse(place, "a second document starts here; needs one document per file")
        elif isinstance(event, yaml.AliasEvent):
            self._alias(str(event.anchor), place)
        elif isinstance(event, yaml.ScalarEvent):
            self._count(1, place)
            self._check_tag(event.tag, place)
            value = Scalar(event.value, place, quoted=event.style in _QUOTED)
            self._remember(event.anchor, value, 1)
            self._place(value, place)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event, place)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()

    def _open(self, event: yaml.CollectionStartEvent, place: Position) -> None:
        self._count(1, place)
        self._check_tag(event.tag, place)
        if len(self._stack) >= MAX_DEPTH:
            self._refuse(place, f"is nested more than {MAX_DEPTH} levels deep")
        value = Map(place) if isinstance(event, yaml.MappingStartEvent) else List(place)
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Frame(value, event.anchor, self._nodes - 1))

    def _close(self) -> None:
        frame = self._stack.pop()
        self._remember(frame.anchor, frame.value, self._nodes - frame.before)
        self._place(frame.value, frame.value.position)

    def _alias(self, name: str, place: Position) -> None:
        if any(frame.anchor == name for frame in self._stack):
            self._refuse(place, f"the alias *{name} refers to a value that contains it")
        if name not in self._anchors:
            self._refuse(place, f"the alias *{name} has no anchor &{name} before it")
        value, size = self._anchors[name]
        self._count(size, place)
        self._place(Scalar(value, place, quoted=value.quoted) if isinstance(value, Scalar) else value, place)

    def _remember(self, anchor: str | None, value: Value, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)

    def _place(self, value: Value, place: Position) -> None:
        """Put a finished value where the open map or list expects it."""
        if not self._stack:
            self.root = value
            return
        frame = self._stack[-1]
        if isinstance(frame.value, List):
            if _is_null(value):
                self._note(place, "has no value")
            frame.value.append(value)
        elif frame.key is None and not frame.ignored:
            self._take_key(frame, frame.value, value, place)
        else:
            self._take_value(frame, frame.value, value)

    def _take_key(self, frame: _Frame, into: Map, key: Value, place: Position) -> None:
        frame.ignored = True
        if not isinstance(key, Scalar):
            self._note(place, "a map or list stands where a key is due; needs text")
        elif key == "<<" and not key.quoted:
            self._note(place, "the merge key << is not supported; use extends", key)
        elif not key:
            self._note(place, "an empty key; needs text before the colon")
        elif key in into:
            first = into.keys_at[key]
            self._note(place, f"duplicate key; first written at line {first.line}, column {first.column}", key)
        else:
            frame.ignored = False
            frame.key = Scalar(key, place)

    def _take_value(self, frame: _Frame, into: Map, value: Value) -> None:
        if frame.key is not None:
            if _is_null(value):
                self._note(value.position, "has no value")
            into.put(str(frame.key), value, frame.key.position)
        frame.key = None
        frame.ignored = False

    def _check_tag(self, tag: str | None, place: Position) -> None:
        if tag is not None:
            self._note(place, f"the tag {tag} is not supported; remove it")

    def _count(self, nodes: int, place: Position) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._refuse(place, f"the file holds more than {MAX_NODES:,} values, aliases expanded")

    def _here(self) -> Location:
        parts: list[str | int] = []
        for frame in self._stack:
            if isinstance(frame.value, List):
                parts.append(len(frame.value))
            elif frame.key is not None:
                parts.append(str(frame.key))
        return tuple(parts)

    def _note(self, place: Position, message: str, *below: str) -> None:
        self.problems.append(place.problem(show_path((*self._here(), *below)), message))

    def _refuse(self, place: Position, message: str) -> None:
        raise ScenarioError([*self.problems, place.problem(show_path(self._here()), message)])


def _is_null(value: Value) -> bool:
    return isinstance(value, Scalar) and not value.quoted and value in _NULLS
