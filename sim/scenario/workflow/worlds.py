"""Which facts can hold in which state of a workflow: every combination, followed through all ways out.

A set of combinations of n facts is a Python int of 2^n bits, one for each combination; a guard is such a set as well,
so that asking whether a way out can be taken is one AND. Whether a deadline that some way out is `due` at is running
is a fact too. With that, "no way out holds" and "can never be taken" are exact, and come with an example.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sim.scenario.workflow.model import Guard, Transition, Workflow

MOST_FACTS: Final = 20
"""Beyond that, a set of combinations is larger than 128 KiB."""
IMPLICIT: Final = ("premature", "late")
"""Truths of every case by what it did: it acted on a period before its end by law; it missed a deadline."""
ANSWERS_OF: Final[Mapping[str | None, tuple[str, ...]]] = {
    None: ("done",),
    "committed": ("done", "refused"),
    "delivered": ("done", "timed-out", "refused"),
    "acknowledged": ("done", "timed-out", "refused"),
    "answered": ("pass", "not-found", "mismatch", "no-answer"),
}
"""What each wait can end with; a pool without room, a full link and an application that cannot take it refuse."""
RUNNING: Final = "running:"
"""Prefix of the fact that a deadline runs."""


@dataclass(frozen=True)
class Here:
    """What can hold in a state when it was entered with an answer.

    Attributes:
        state: its name.
        answer: of the wait before.
        held: combinations of facts.
    """

    state: str
    answer: str
    held: int


@dataclass
class Worlds:
    """All that can happen to the cases of a workflow whose names are all known."""

    workflow: Workflow
    facts: tuple[str, ...] = ()
    _true: dict[str, int] = field(default_factory=dict)
    _all: int = 0
    _found: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self.facts = tuple(_asked(self.workflow))
        if len(self.facts) > MOST_FACTS:
            raise ValueError(f"has ways out that depend on {len(self.facts)} facts and deadlines; needs {MOST_FACTS}")
        size = 1 << len(self.facts)
        self._all = (1 << size) - 1
        for place, fact in enumerate(self.facts):
            self._true[fact] = _pattern(place, size)
        self._go_everywhere()

    @property
    def heres(self) -> Iterator[Here]:
        """Everywhere where a case can be, in the order of the file."""
        for state in self.workflow.states:
            for (found, answer), held in self._found.items():
                if found == state and held:
                    yield Here(state, answer, held)

    @property
    def reached(self) -> frozenset[str]:
        """States in which a case can be."""
        return frozenset(here.state for here in self.heres)

    def holding(self, way: Transition, here: Here) -> int:
        """The combinations in which a way out can be taken; a deadline need not run for that."""
        if way.guard.answer not in {"any", here.answer}:
            return 0
        return here.held & self._guard(way.guard)

    def running(self, deadline: str) -> int:
        """The combinations in which a deadline runs."""
        return self._true[RUNNING + deadline]

    def example(self, held: int, names: Iterable[str]) -> str:
        """One of these combinations in words, as far as it is about these facts: ``paid and not confirmed``."""
        asked = [name for name in self.facts if name in set(names)]
        place = (held & -held).bit_length() - 1
        words = []
        for name in asked:
            holds = self._true[name] >> place & 1
            label = f"deadline {name.removeprefix(RUNNING)} running" if name.startswith(RUNNING) else name
            words.append(label if holds else f"not {label}")
        return " and ".join(words)

    def _guard(self, guard: Guard) -> int:
        held = self._all
        for fact in guard.yes:
            held &= self._true[fact]
        for fact in guard.no:
            held &= ~self._true[fact]
        return held

    def _start(self) -> int:
        held = self._all
        for fact in self.facts:
            if fact.startswith(RUNNING) or fact in IMPLICIT:
                held &= ~self._true[fact]
                continue
            given = self.workflow.facts[fact].given
            if given is not None and not self._carried_alone(fact):
                held &= ~self._true[fact] | self._true[given]
        return held

    def _carried_alone(self, fact: str) -> bool:
        """Whether another case may bring a fact without the one that it is given by; a chance of 0 says so."""
        return self.workflow.facts[fact].chance == 0

    def _go_everywhere(self) -> None:
        initial = next(iter(self.workflow.states))
        waiting: list[tuple[str, str]] = []
        self._enter(initial, "any", self._start(), waiting)
        done: dict[tuple[str, str], int] = defaultdict(int)
        while waiting:
            place = waiting.pop()
            new = self._found[place] & ~done[place]
            if not new:
                continue
            done[place] |= new
            here = Here(*place, new)
            for way in self.workflow.states[here.state].then:
                held = self.holding(way, here)
                if not held:
                    continue
                held = self._changed(way, held)
                for answer in ANSWERS_OF[way.waits]:
                    self._enter(way.to, answer, held, waiting)

    def _changed(self, way: Transition, held: int) -> int:
        for fact in way.sets:
            held = self._put(held, fact, holds=True)
        for fact in way.clears:
            held = self._put(held, fact, holds=False)
        for fact in IMPLICIT:
            # Whatever a case does may be too early or too late.
            held |= self._put(held, fact, holds=True)
        return held

    def _put(self, held: int, fact: str, *, holds: bool) -> int:
        if fact not in self._true:
            return held
        true, shift = self._true[fact], 1 << self.facts.index(fact)
        return (held & true) | ((held & ~true) << shift) if holds else (held & ~true) | ((held & true) >> shift)

    def _enter(self, state: str, answer: str, held: int, waiting: list[tuple[str, str]]) -> None:
        for name, deadline in self.workflow.deadlines.items():
            if state in deadline.ends:
                held = self._put(held, RUNNING + name, holds=False)
            if state in deadline.starts or state in deadline.restarts:
                held = self._put(held, RUNNING + name, holds=True)
        place = state, answer
        if held & ~self._found[place]:
            self._found[place] |= held
            waiting.append(place)

    def together(self, ways: Sequence[Transition], here: Here) -> Iterator[tuple[int, list[int]]]:
        """Yield sets of combinations, and the numbers of the ways out that can be taken in all of each."""
        parts: list[tuple[int, list[int]]] = [(here.held, [])]
        for number, way in enumerate(ways):
            can = self.holding(way, here)
            parts = [
                part
                for held, taken in parts
                for part in ((held & can, [*taken, number]), (held & ~can, taken))
                if part[0]
            ]
        yield from parts


def _asked(workflow: Workflow) -> Iterator[str]:
    """Yield the facts that some way out depends on, in the order in which they are drawn, and running deadlines."""
    ways = [way for state in workflow.states.values() for way in state.then]
    names = {name for way in ways for name in (*way.guard.yes, *way.guard.no)}
    for name, fact in reversed(list(workflow.facts.items())):
        if name in names and fact.given is not None:
            names.add(fact.given)
    yield from (name for name in (*workflow.facts, *IMPLICIT) if name in names)
    due = {way.due for way in ways}
    yield from (RUNNING + name for name in workflow.deadlines if name in due)


def _pattern(place: int, size: int) -> int:
    """The combinations, of ``size``, whose number has the bit ``place``."""
    width = 1 << place
    pattern = ((1 << width) - 1) << width
    while (width := width * 2) < size:
        pattern |= pattern << width
    return pattern
