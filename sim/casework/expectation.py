"""What a country comes to on average, from the definitions alone: cases, ways out, records, packets a year.

A case of a workflow is a Markov chain over (state, facts, answer of the last wait); its ways out have known chances, so
how often each fires is the sum of a geometric series that is added up here until nothing is left. That is a calm
country, as in `sim.casework.docket`'s past: signals come if they are `expected` and as `usually`; chains answer all
that is asked of them. Then the rates of all workflows follow from each other: those of cases that begin by themselves,
and of those that others begin.

What is not in it: what several cases do to each other (ranks on a register, payments that stop a filing). A long run
shows that.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.casework.definition import Answer, Clock, Wait
from sim.casework.program import LATE, PREMATURE, law_of
from sim.kernel.civil import HOUR_NS, Unit
from sim.kernel.inversion import WORD, Law, invert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sim.casework.definition import State, Transition, Workflow
    from sim.kernel.distributions import Distribution

    Facts = frozenset[str]

YEAR_S = 365 * 86_400
_NOTHING_LEFT = 1e-13
_MOST_ROUNDS = 100_000
_GRID = 64
"""Quantiles of each of two durations that race."""
_OFFICE_SHARE = 250 * 8 / (365 * 24)
"""Of the hours of a year those of an office, by 250 working days of eight hours."""
_UNIT_HOURS = {
    Unit.HOURS: 1.0,
    Unit.DAYS: 24.0,
    Unit.WORKING_DAYS: 24 * 365 / 250,
    Unit.MONTHS: 730.0,
    Unit.YEARS: 8760.0,
}


class Way(NamedTuple):
    """A way out: the state that it leads out of, and its number there."""

    state: str
    number: int


class Place(NamedTuple):
    """Where a case is: its state, the facts that matter and hold, and how its last wait ended."""

    state: str
    facts: frozenset[str]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Course:
    """What a case of a workflow does on average.

    Attributes:
        visits: of each state, times entered.
        fires: of each way out.
        facts: of each way out that carries facts to other cases: how often it fires with which of these holding.
        hours: from beginning to end.
        losses: of each loss, in cases.
    """

    visits: Mapping[str, float]
    fires: Mapping[Way, float]
    facts: Mapping[Way, Mapping[frozenset[str], float]]
    hours: float
    losses: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Country:
    """What all workflows come to together.

    Attributes:
        workflows: by name.
        courses: of their cases.
        rates: cases a second.
    """

    workflows: Mapping[str, Workflow]
    courses: Mapping[str, Course]
    rates: Mapping[str, float]

    def cases_per_year(self, name: str) -> float:
        """Cases of a workflow that begin in a year."""
        return self.rates[name] * YEAR_S

    def records_per_year(self, name: str, chain: str | None = None) -> float:
        """Records of a workflow on a chain, or on all; those of packets are not among them."""
        total = 0.0
        for way, transition in _ways(self.workflows[name]):
            count = sum(each.count for each in transition.records if chain in (None, each.chain))
            total += count * self.courses[name].fires.get(way, 0.0)
        return total * self.cases_per_year(name)

    def packets_per_year(self) -> dict[tuple[str, str], float]:
        """Packets by source and destination."""
        packets: dict[tuple[str, str], float] = defaultdict(float)
        for name, workflow in self.workflows.items():
            for way, transition in _ways(workflow):
                message = transition.message
                if message is not None:
                    fired = self.courses[name].fires.get(way, 0.0) * self.cases_per_year(name)
                    packets[message.source, message.destination] += fired * message.count
        return dict(packets)

    def visits_per_year(self, name: str, state: str) -> float:
        """How often cases of a workflow enter a state."""
        return self.courses[name].visits.get(state, 0.0) * self.cases_per_year(name)

    def open_cases(self, name: str) -> float:
        """Cases under way at any moment (Little's law)."""
        return self.rates[name] * 3600 * self.courses[name].hours


def expect(workflows: Iterable[Workflow]) -> Country:
    """What these workflows come to together.

    Raises:
        ValueError: cases beget cases without end.
    """
    known = {workflow.name: workflow for workflow in workflows}
    starts = {name: {frozenset[str](): 1.0} for name in known}
    courses: dict[str, Course] = {}
    for _ in range(3):
        # What is carried depends on the parents' course and changes the children's; a chain of carriers is short.
        courses = {name: course(workflow, starts[name]) for name, workflow in known.items()}
        rates = _rates(known, courses)
        carried = {name: _carried(name, known, courses, rates) for name in known}
        if carried == starts:
            break
        starts = carried
    return Country(known, _with_signals(known, courses, rates), rates)


def course(workflow: Workflow, carried: Mapping[frozenset[str], float] | None = None) -> Course:
    """What a case of a workflow does on average.

    Args:
        workflow: whose.
        carried: facts that another case may have brought, as ``name`` or ``!name``, and how often.
    """
    return _Walk(workflow).go(carried or {frozenset(): 1.0})


def never_taken(workflow: Workflow, course_: Course) -> list[Way]:
    """Ways out that come by themselves and never fire in a calm country."""
    return [way for way, transition in _ways(workflow) if transition.on is None and not course_.fires.get(way, 0.0)]


@dataclass(slots=True)
class _Walk:
    """A unit of cases that goes through a workflow, step by step."""

    workflow: Workflow
    asked: frozenset[str] = frozenset()
    visits: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    fires: dict[Way, float] = field(default_factory=lambda: defaultdict(float))
    facts: dict[Way, dict[frozenset[str], float]] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    hours: float = 0.0

    def go(self, carried: Mapping[frozenset[str], float]) -> Course:
        self.asked = _asked(self.workflow)
        here: dict[Place, float] = {}
        for brought, share in carried.items():
            for facts, chance in self._drawn(brought):
                place = Place(self.workflow.initial, facts, Answer.DONE)
                here[place] = here.get(place, 0.0) + share * chance
        ahead: dict[Place, list[tuple[float, Way, Place, float]]] = {}
        for _ in range(_MOST_ROUNDS):
            after: dict[Place, float] = defaultdict(float)
            for place, mass in here.items():
                self._enter(place, mass)
                if place not in ahead:
                    ahead[place] = list(self._ahead(place))
                for chance, way, target, hours in ahead[place]:
                    self._fire(way, place, mass * chance, hours)
                    after[target] += mass * chance
            here = {place: mass for place, mass in after.items() if mass > _NOTHING_LEFT}
            if not here:
                return Course(dict(self.visits), dict(self.fires), self.facts, self.hours, dict(self.losses))
        raise ValueError(f"{self.workflow.name}: cases go round for ever")

    def _drawn(self, brought: frozenset[str]) -> Iterator[tuple[frozenset[str], float]]:
        """Yield what a case may begin with, and its chance."""
        worlds: list[tuple[frozenset[str], float]] = [(frozenset(), 1.0)]
        for name, fact in self.workflow.facts.items():
            if name not in self.asked:
                continue
            split = []
            for facts, chance in worlds:
                p = fact.chance if fact.given is None or fact.given in facts else 0.0
                p = 1.0 if name in brought else 0.0 if "!" + name in brought else p
                split += [(facts | {name}, chance * p)] if p > 0 else []
                split += [(facts, chance * (1 - p))] if p < 1 else []
            worlds = split
        yield from worlds

    def _enter(self, place: Place, mass: float) -> None:
        self.visits[place.state] += mass
        for loss in self.workflow.losses.values():
            if loss.state == place.state and loss.guard.yes <= place.facts and not loss.guard.no & place.facts:
                self.losses[loss.name] += mass

    def _fire(self, way: Way, place: Place, mass: float, hours: float) -> None:
        self.fires[way] += mass
        self.hours += mass * hours
        transition = self.workflow.states[way.state].transitions[way.number]
        carries = frozenset[str]().union(*(spawn.carries for spawn in transition.spawns))
        if carries:
            held = (place.facts | transition.sets) - transition.clears
            seen = frozenset(name if name in held else "!" + name for name in carries)
            by_facts = self.facts.setdefault(way, defaultdict(float))
            by_facts[seen] += mass

    def _ahead(self, place: Place) -> Iterator[tuple[float, Way, Place, float]]:
        """Yield chance, way, next place and hours of everything that may come next."""
        state = self.workflow.states[place.state]
        itself = _shares(state, place, expected=False)
        told = _shares(state, place, expected=True)
        for number, chance in itself.items():
            way = state.transitions[number]
            late = sum(share * _before(self.workflow, state.transitions[each], way) for each, share in told.items())
            if chance * (1 - late) > 0:
                yield self._step(place, number, chance * (1 - late), _hours(self.workflow, way))
        for number, chance in told.items():
            way = state.transitions[number]
            early = sum(share * _before(self.workflow, way, state.transitions[each]) for each, share in itself.items())
            if chance * (early if itself else 1.0) > 0:
                yield self._step(place, number, chance * (early if itself else 1.0), _hours(self.workflow, way))

    def _step(self, place: Place, number: int, chance: float, hours: float) -> tuple[float, Way, Place, float]:
        way = self.workflow.states[place.state].transitions[number]
        facts = ((place.facts | way.sets) - way.clears) & self.asked
        return chance, Way(place.state, number), Place(way.target, facts, _answer(way, facts)), hours


def _answer(way: Transition, facts: frozenset[str]) -> Answer:
    """What a chain that works answers."""
    if way.waits != Wait.ANSWERED or way.check is None:
        return Answer.DONE
    if facts & way.check.absent:
        return Answer.NOT_FOUND
    return Answer.MISMATCH if facts & way.check.altered else Answer.PASS


def _shares(state: State, place: Place, *, expected: bool) -> dict[int, float]:
    """Shares of a state's ways out: of those that come by themselves, or of those that calm brings."""
    open_ = [
        number
        for number, way in enumerate(state.transitions)
        if (way.expected if expected else way.on is None)
        and way.guard.yes <= place.facts
        and not way.guard.no & place.facts
        and way.guard.answer in (Answer.ANY, place.answer)
    ]
    given = {number: state.transitions[number].chance for number in open_}
    rest = [number for number, chance in given.items() if chance is None]
    total = sum(chance for chance in given.values() if chance is not None)
    each = max(1.0 - total, 0.0) / len(rest) if rest else 0.0
    whole = total + each * len(rest)
    shares = {number: each if chance is None else chance for number, chance in given.items()}
    return {number: share / whole for number, share in shares.items()} if whole > 0 else {}


def _before(workflow: Workflow, told: Transition, way: Transition) -> float:
    """The chance that a signal comes before something else."""
    signal, other = _quantiles(workflow, told), _quantiles(workflow, way)
    return float(np.searchsorted(np.sort(other), signal, side="right").sum()) * -1.0 / (_GRID * _GRID) + 1.0


def _quantiles(workflow: Workflow, way: Transition) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Hours from entering the state, at the middle of each of so many equal parts."""
    u = (np.arange(_GRID, dtype=np.uint64) * np.uint64(2) + np.uint64(1)) << np.uint64(63 - _GRID.bit_length() + 1)
    begun = 0.0
    if way.due is not None:
        deadline = workflow.deadlines[way.due]
        begun = deadline.count * _UNIT_HOURS[deadline.unit]
    distribution, office = _duration(way)
    if distribution is None:
        return np.full(_GRID, begun)
    form, scale, shape = law_of(distribution)
    ns = np.full(_GRID, scale) if form == WORD else invert(Law(form, scale, shape), u)
    return begun + ns / HOUR_NS / (_OFFICE_SHARE if office else 1.0)


def _duration(way: Transition) -> tuple[Distribution | None, bool]:
    if way.on is not None:
        return way.usually, False
    if way.desk is not None:
        return way.desk.work, True
    return way.after, way.clock == Clock.OFFICE


def _hours(workflow: Workflow, way: Transition) -> float:
    """How long it takes on average; desks are free."""
    return float(_quantiles(workflow, way).sum()) / _GRID


def _asked(workflow: Workflow) -> frozenset[str]:
    """Facts on which something depends, or that are carried on."""
    asked: set[str] = set()
    for _, way in _ways(workflow):
        asked |= way.guard.yes | way.guard.no
        asked |= way.check.altered | way.check.absent if way.check is not None else frozenset()
        asked |= frozenset[str]().union(*(spawn.carries for spawn in way.spawns))
    for loss in workflow.losses.values():
        asked |= loss.guard.yes | loss.guard.no
    for name, fact in reversed(list(workflow.facts.items())):
        if name in asked and fact.given is not None:
            asked.add(fact.given)
    return frozenset(asked - {PREMATURE, LATE})


def _ways(workflow: Workflow) -> Iterator[tuple[Way, Transition]]:
    for state in workflow.states.values():
        for number, way in enumerate(state.transitions):
            yield Way(state.name, number), way


def _begun(parent: Workflow, course_: Course, child: str) -> float:
    """How many cases of a workflow a case of another begins."""
    return sum(
        course_.fires.get(way, 0.0) * spawn.chance
        for way, transition in _ways(parent)
        for spawn in transition.spawns
        if spawn.workflow == child
    )


def _rates(known: Mapping[str, Workflow], courses: Mapping[str, Course]) -> dict[str, float]:
    """Cases a second: rates = starts + begun by others."""
    names = list(known)
    own = [0.0 if each.starts is None else each.starts.rate_per_s for each in known.values()]
    begun = [[_begun(known[parent], courses[parent], child) for parent in names] for child in names]
    rates = list(own)
    for _ in range(_MOST_ROUNDS):
        new = [own[c] + sum(begun[c][p] * rates[p] for p in range(len(names))) for c in range(len(names))]
        if all(abs(a - b) <= 1e-12 * max(a, 1e-9) for a, b in zip(new, rates, strict=True)):
            return dict(zip(names, new, strict=True))
        rates = new
    raise ValueError("cases beget cases without end")


def _carried(
    child: str, known: Mapping[str, Workflow], courses: Mapping[str, Course], rates: Mapping[str, float]
) -> dict[frozenset[str], float]:
    """What cases of a workflow bring with them, by how often; of those that begin by themselves, nothing."""
    starts = known[child].starts
    found: dict[frozenset[str], float] = defaultdict(float)
    found[frozenset()] = 0.0 if starts is None else starts.rate_per_s
    for parent, workflow in known.items():
        for way, transition in _ways(workflow):
            for spawn in transition.spawns:
                if spawn.workflow != child:
                    continue
                each = rates[parent] * spawn.chance
                if not spawn.carries:
                    found[frozenset()] += each * courses[parent].fires.get(way, 0.0)
                for seen, mass in courses[parent].facts.get(way, {}).items() if spawn.carries else ():
                    mine = frozenset(name for name in seen if name.lstrip("!") in spawn.carries)
                    found[mine] += each * mass
    total = sum(found.values())
    return {seen: rate / total for seen, rate in found.items() if rate > 0} if total > 0 else {frozenset(): 1.0}


def _with_signals(
    known: Mapping[str, Workflow], courses: Mapping[str, Course], rates: Mapping[str, float]
) -> dict[str, Course]:
    """Add how often ways fire that lead back to their own state when somebody tells something: a log's entries."""
    told = {name: _told(name, known, courses, rates) for name in known}
    changed = {}
    for name, workflow in known.items():
        fires = dict(courses[name].fires)
        for way, transition in _ways(workflow):
            back = transition.on is not None and not transition.expected and transition.target == way.state
            if back and rates[name] > 0 and transition.on is not None:
                fires[way] = told[name].get(transition.on, 0.0) / rates[name]
        old = courses[name]
        changed[name] = Course(old.visits, fires, old.facts, old.hours, old.losses)
    return changed


def _told(
    hearer: str, known: Mapping[str, Workflow], courses: Mapping[str, Course], rates: Mapping[str, float]
) -> dict[str, float]:
    """Signals a second to the cases of a workflow, from their parents and their children."""
    heard: dict[str, float] = defaultdict(float)
    for teller, workflow in known.items():
        to_children = _begun(workflow, courses[teller], hearer)
        to_parent = _begun(known[hearer], courses[hearer], teller)
        for way, transition in _ways(workflow):
            fired = rates[teller] * courses[teller].fires.get(way, 0.0)
            for tell in transition.tells:
                if tell.to == "children":
                    heard[tell.signal] += fired * to_children
                elif tell.to == "parent" and to_parent:
                    heard[tell.signal] += fired
    return heard
