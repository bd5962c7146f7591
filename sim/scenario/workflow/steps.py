"""Shared steps: what several workflows do alike is written once, in ``steps/NAME.yaml``, and filled in where used.

A state ``serving: {use: e-service, served: window, failed: public-notice}`` becomes the states ``serving`` (the step's
first) and ``serving.NAME`` (its others); its ways out that lead to an exit lead to where the user says. The step's
facts become the workflow's, unless it has facts of the same names, which go before; its deadlines and losses become
``serving.NAME``. Ways out that the user adds under ``then`` are added to every state of the step. Everything keeps the
place where it is written, so that what is wrong with a step is told there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.scenario.files import read_tree
from sim.scenario.problems import Position, Problem, ScenarioError, hint
from sim.scenario.quantities import TEXT
from sim.scenario.yamltree import List, Map, Scalar, Value, show_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_STEP_KEYS: Final = ("exits", "states", "facts", "deadlines", "losses", "assumptions")
_USER_KEYS: Final = ("use", "title", "zh", "then")
_MAX_DEPTH: Final = 8
_STATES_OF_DEADLINE: Final = ("starts", "ends", "restarts", "suspends")


def expanded(tree: Map, folder: Path, problems: list[Problem]) -> Map:
    """Return the tree of a workflow with its shared steps filled in; what is wrong is added to ``problems``.

    Args:
        tree: of a workflow's file; it stays as it is.
        folder: where the folder ``steps`` is.
        problems: found so far.
    """
    for _ in range(_MAX_DEPTH):
        states = tree.get("states")
        if not isinstance(states, Map) or not any(_uses(state) for state in states.values()):
            return tree
        tree = _once(tree, states, folder, problems)
    place = tree.keys_at["states"]
    problems.append(place.problem("states", f"uses steps that use steps, more than {_MAX_DEPTH} deep; needs an end"))
    return tree


def _uses(state: Value) -> bool:
    return isinstance(state, Map) and "use" in state


def _once(tree: Map, states: Map, folder: Path, problems: list[Problem]) -> Map:
    """Return the tree with the steps of its states filled in, but not those of these steps."""
    changed, filled = tree.copy(), Map(states.position)
    changed.put("states", filled, tree.keys_at["states"])
    for name, state in states.items():
        if not isinstance(state, Map) or "use" not in state:
            _put(filled, name, state, states, problems)
            continue
        step = _read(name, state, folder, problems)
        if step is None:
            filled.put(name, _instead(state, states.keys_at[name]), states.keys_at[name])
            continue
        use = _Use(name, state, step)
        problems.extend(use.unfit())
        for inner, content in use.states():
            _put(filled, inner, content, states, problems)
        for section, key, content, first in use.others():
            _add(changed, section, key, content, first=first)
    return changed


def _instead(state: Map, place: Position) -> Map:
    """Return a state that leads wherever the step would, so that nobody is told of states that are never reached."""
    ways = List(place)
    for key, target in state.items():
        if key not in _USER_KEYS and isinstance(target, Scalar):
            way = Map(place)
            way.put("to", target, place)
            way.put("after", Scalar("0s", place), place)
            ways.append(way)
    instead = Map(place)
    if ways:
        instead.put("then", ways, place)
    return instead


def _put(filled: Map, name: str, state: Value, states: Map, problems: list[Problem]) -> None:
    at = states.keys_at.get(name, state.position)
    if name in filled:
        problems.append(at.problem(f"states.{name}", "a shared step has a state of this name; needs another"))
        return
    filled.put(name, state, at)


def _add(tree: Map, section: str, key: str, content: Value, *, first: bool) -> None:
    """Put an entry into a section of the workflow, unless it has one of that name."""
    old = tree.get(section)
    if old is not None and (not isinstance(old, Map) or key in old):
        return
    changed = old.copy() if isinstance(old, Map) else Map(content.position)
    changed.put(key, content, content.position)
    if first and isinstance(old, Map):
        # A step's facts come before the workflow's own, which may be given them.
        changed = Map(old.position)
        changed.put(key, content, content.position)
        for name, value in old.items():
            changed.put(name, value, old.keys_at[name])
    tree.put(section, changed, tree.keys_at.get(section, content.position))


def _read(name: str, state: Map, folder: Path, problems: list[Problem]) -> Map | None:
    """Return the step that a state uses, if it can be read."""
    written, path = state["use"], f"states.{name}.use"
    place = written.position if isinstance(written, Scalar) else state.keys_at["use"]
    try:
        step_name = TEXT.read(written)
    except ValueError as error:
        problems.append(place.problem(path, f"{error}; needs the name of a shared step"))
        return None
    steps = folder / "steps"
    known = sorted(file.stem for file in steps.glob("*.yaml")) if steps.is_dir() else []
    if step_name not in known:
        problems.append(place.problem(path, f"'{step_name}' is not a shared step{hint(step_name, known, 'steps')}"))
        return None
    try:
        tree, wrong = read_tree(steps / f"{step_name}.yaml", place, path)
    except ScenarioError as error:
        problems.extend(error.problems)
        return None
    problems.extend(wrong)
    return tree if _is_step(tree, problems) else None


def _is_step(tree: Map, problems: list[Problem]) -> bool:
    before = len(problems)
    problems.extend(
        tree.keys_at[key].problem(key, f"no such key{hint(key, _STEP_KEYS, 'keys of a step')}")
        for key in tree
        if key not in _STEP_KEYS
    )
    exits, states = tree.get("exits"), tree.get("states")
    if not isinstance(exits, List) or not exits or not all(isinstance(each, Scalar) for each in exits):
        problems.append(tree.position.problem("exits", "is missing or no list; needs the names of the ways out"))
    if not isinstance(states, Map) or not states:
        problems.append(tree.position.problem("states", "is missing or no map; needs states by name"))
    return len(problems) == before


@dataclass(frozen=True)
class _Use:
    """A state that uses a step, and the step."""

    name: str
    state: Map
    step: Map

    @property
    def exits(self) -> tuple[str, ...]:
        exits = self.step["exits"]
        return tuple(str(each) for each in exits) if isinstance(exits, List) else ()

    @property
    def inner(self) -> Map:
        states = self.step["states"]
        return states if isinstance(states, Map) else Map(states.position)

    def unfit(self) -> Iterator[Problem]:
        """Yield what is wrong with the keys of the state."""
        path = f"states.{self.name}"
        for key, value in self.state.items():
            if key not in (*_USER_KEYS, *self.exits):
                message = f"no such key{hint(key, (*self.exits, *_USER_KEYS), 'exits and keys here')}"
                yield self.state.keys_at[key].problem(f"{path}.{key}", message)
            elif key in self.exits and not isinstance(value, Scalar):
                yield self.state.keys_at[key].problem(f"{path}.{key}", "needs the name of a state")
        for each in self.exits:
            if each not in self.state:
                message = f"is missing; {self.state['use']} may end there, so it needs the state that follows"
                yield self.state.keys_at["use"].problem(f"{path}.{each}", message)
        for each in self.inner:
            if each in self.exits:
                message = "is an exit of the step as well; needs another name"
                yield self.inner.keys_at[each].problem(show_path(("states", each)), message)

    def _names(self) -> Mapping[str, Value]:
        """Return what each state and exit of the step is called in the workflow."""
        entry = next(iter(self.inner))
        names: dict[str, Value] = {}
        for each in self.inner:
            text = self.name if each == entry else f"{self.name}.{each}"
            names[each] = Scalar(text, self.inner.keys_at[each])
        for each in self.exits:
            bound = self.state.get(each)
            names[each] = bound if isinstance(bound, Scalar) else Scalar(self.name, self.step.position)
        return names

    def _called(self, value: Value) -> Value:
        """Return a name of a state, or a list of such, as the workflow has it, at the place where it was written."""
        if isinstance(value, List):
            renamed = List(value.position)
            renamed.extend(self._called(each) for each in value)
            return renamed
        if not isinstance(value, Scalar):
            return value
        name = self._names().get(str(value))
        if name is None or str(value) in self.exits:
            return value if name is None else name
        return Scalar(str(name), value.position)

    def states(self) -> Iterator[tuple[str, Value]]:
        """Yield the states that take the user's place."""
        names = self._names()
        for index, (each, content) in enumerate(self.inner.items()):
            if not isinstance(content, Map):
                yield str(names[each]), content
                continue
            filled = content.copy()
            filled.position = self.inner.keys_at[each]
            for key in content:
                if "use" in content and key not in _USER_KEYS:
                    filled.put(key, self._called(content[key]), content.keys_at[key])
            if index == 0:
                for key in ("title", "zh"):
                    if key in self.state:
                        filled.put(key, self.state[key], self.state.keys_at[key])
            ways = self._ways(content)
            if ways is not None:
                filled.put("then", ways, content.keys_at.get("then", self.state.keys_at.get("then", filled.position)))
            yield str(names[each]), filled

    def _ways(self, content: Map) -> Value | None:
        own, added = content.get("then"), self.state.get("then")
        if own is not None and not isinstance(own, List):
            return own
        ways = List(own.position if own is not None else self.state.position)
        ways.extend(self._way(way) for way in own or ())
        if isinstance(added, List):
            ways.extend(added)
        elif added is not None:
            return added
        return ways if own is not None or added is not None else None

    def _way(self, way: Value) -> Value:
        if not isinstance(way, Map):
            return way
        changed = way.copy()
        for key in ("to", "repaired_by"):
            if key in way:
                changed.put(key, self._called(way[key]), way.keys_at[key])
        deadlines, due = self.step.get("deadlines"), way.get("due")
        if isinstance(deadlines, Map) and isinstance(due, Scalar) and due in deadlines:
            changed.put("due", Scalar(f"{self.name}.{due}", due.position), way.keys_at["due"])
        return changed

    def others(self) -> Iterator[tuple[str, str, Value, bool]]:
        """Yield section, name, content and whether it goes first, of what the step has besides states."""
        for section in ("deadlines", "losses"):
            for key, content in self._section(section):
                yield section, f"{self.name}.{key}", self._bound(content), False
        for key, content in reversed(list(self._section("facts"))):
            yield "facts", key, content, True
        for key, content in self._section("assumptions"):
            yield "assumptions", key, content, False

    def _section(self, section: str) -> Iterator[tuple[str, Value]]:
        content = self.step.get(section)
        if isinstance(content, Map):
            yield from content.items()

    def _bound(self, content: Value) -> Value:
        """Return a deadline or a loss that speaks of states by their names in the workflow."""
        if not isinstance(content, Map):
            return content
        changed = content.copy()
        for key in (*_STATES_OF_DEADLINE, "state", "since"):
            if key in content:
                changed.put(key, self._called(content[key]), content.keys_at[key])
        return changed
