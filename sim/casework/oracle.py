"""The plain interpreter: one case at a time, one step at a time, straight from the definitions.

It is what `sim.casework.docket` must agree with, to the nanosecond and for every case, on the same draws. Nothing is
shared with the compiled loop but the definitions, the contracts, the desks and the rule that whatever leaves a case is
settled at the end of its bucket. It is a hundred times slower.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sim.casework.contracts.interface import Called
from sim.casework.definition import Answer, Clock, Wait
from sim.casework.keys import ACKNOWLEDGED, CHECK, CHILD, MESSAGE, RECORD, estimated_ns, key_of
from sim.casework.newborn import FACTS, PERSON
from sim.casework.program import LATE, PREMATURE
from sim.kernel.civil import Unit
from sim.kernel.distributions import Constant
from sim.kernel.inversion import Law, invert

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sim.casework.contracts.interface import Contract
    from sim.casework.country import Desks
    from sim.casework.definition import Guard, State, Transition, Workflow
    from sim.casework.newborn import Beginning
    from sim.kernel.civil import Calendar
    from sim.kernel.counters import Counters
    from sim.kernel.distributions import Distribution

_NEVER = 1 << 62
_SPAWN_PURPOSE = 8
_SPAWNED = 1 << 63


@dataclass(slots=True)
class _Period:
    limit_ns: int = 0
    rule_ns: int = 0
    status: str = "not begun"


@dataclass(slots=True, eq=False)
class _Case:
    uid: int
    workflow: Workflow
    state: State
    due_ns: int
    facts: set[str]
    province: int
    subject: int
    amount: float
    root: int
    old: bool
    parent: _Case | None = None
    children: list[_Case] = field(default_factory=list)
    periods: dict[str, _Period] = field(default_factory=dict)
    planned: Transition | None = None
    transit: bool = True
    steps: int = 0
    answer: Answer = Answer.ANY
    entered_ns: int = 0


@dataclass(frozen=True, slots=True)
class Happened:
    """A way out that fired."""

    time_ns: int
    uid: int
    step: int
    workflow: str
    state: str
    target: str


@dataclass(frozen=True, slots=True)
class World:
    """What the interpreter is told.

    Attributes:
        workflows: all, in the order of the program.
        calendar: by law.
        rules: as contracts have it.
        counters: of the cases.
        provinces: weight of each.
        skew_ns: how far a province's clock is ahead.
        record_ns, message_ns: what idle chains and links take.
        known: (delay, answer) by key.
        width_ns: of a bucket.
        horizon_ns: end.
    """

    workflows: Sequence[Workflow]
    calendar: Calendar
    rules: Calendar
    counters: Counters
    provinces: Sequence[float]
    skew_ns: Sequence[int]
    record_ns: Mapping[str, int]
    message_ns: Mapping[tuple[str, str], int]
    known: Mapping[int, tuple[int, Answer]]
    width_ns: int
    horizon_ns: int


class Oracle:
    """Interprets all cases of a run."""

    def __init__(self, world: World, contracts: Mapping[str, Contract], desks: Desks) -> None:
        self.world, self.contracts, self.desks = world, contracts, desks
        self.happened: list[Happened] = []
        self.lost: list[tuple[int, str, str, int]] = []
        self.met: dict[tuple[str, str], int] = {}
        self.missed: dict[tuple[str, str], int] = {}
        self.cases: list[_Case] = []
        self._by_name = {workflow.name: workflow for workflow in world.workflows}
        self._roles = sorted(
            {
                way.desk.role
                for workflow in world.workflows
                for state in workflow.states.values()
                for way in state.transitions
                if way.desk is not None
            }
        )
        self._calm = False
        self._agenda: list[tuple[int, int, int]] = []
        self._fired: list[tuple[int, int, int, _Case, Transition, frozenset[str]]] = []
        self._calls: dict[int, list[tuple[int, int, int, _Case, Transition, frozenset[str]]]] = {}
        self._waiting: list[tuple[_Case, str, int]] = []
        self._jobs: list[tuple[_Case, Transition, int]] = []
        self._caller: dict[int, _Case] = {}

    def run(self, births: Beginning) -> None:
        """From the past to the horizon."""
        self._live_through_the_past(births)
        coming = [self._born(*birth) for birth in _births(births) if birth[2] >= 0]
        for case in self.cases:
            self._put(case)
        for bucket in range(-(-self.world.horizon_ns // self.world.width_ns)):
            until_ns = (bucket + 1) * self.world.width_ns
            while coming and coming[0].due_ns < until_ns:
                self._join(coming.pop(0))
            self._fired = []
            while self._agenda and self._agenda[0][0] < until_ns:
                due_ns, _, place = heapq.heappop(self._agenda)
                case = self.cases[place]
                if case.due_ns == due_ns:
                    self._go_on(case, until_ns)
                    self._put(case)
            self._settle(bucket, until_ns)

    def _live_through_the_past(self, births: Beginning) -> None:
        self._calm = True
        generation = [self._born(*birth) for birth in _births(births) if birth[2] < 0]
        everybody: list[_Case] = []
        while generation:
            self._fired = []
            for case in generation:
                self._go_on(case, 0)
            everybody += generation
            generation = []
            for time_ns, uid, step, case, way, _ in sorted(self._fired, key=lambda item: item[:3]):
                generation += self._spawned(case, uid, step, way, time_ns)
        self._calm = False
        for case in everybody:
            if case.due_ns < _NEVER or case.state.transitions:
                self.cases.append(case)
        for case in self.cases:
            # Who has ended is forgotten, as a parent too.
            if case.parent is not None and case.parent.due_ns >= _NEVER and not case.parent.state.transitions:
                case.parent = None
        self._fired = []

    def _join(self, case: _Case) -> None:
        self.cases.append(case)
        self._put(case)

    def _put(self, case: _Case) -> None:
        if case.due_ns < self.world.horizon_ns:
            heapq.heappush(self._agenda, (case.due_ns, case.uid, self.cases.index(case)))

    def _go_on(self, case: _Case, until_ns: int) -> None:
        while case.due_ns < until_ns:
            if case.transit:
                state = case.state if case.planned is None else case.workflow.states[case.planned.target]
                self._enter(case, state, case.due_ns)
            else:
                self._fire(case)

    def _fire(self, case: _Case) -> None:
        way, time_ns, step = case.planned, case.due_ns, case.steps
        if way is None:
            raise ValueError("nothing is planned")
        if way.due is not None:
            period = case.periods[way.due]
            if period.status == "running" and time_ns < period.limit_ns:
                case.facts.add(PREMATURE)
        case.facts = (case.facts | way.sets) - way.clears
        case.steps += 1
        facts = frozenset(case.facts)
        self._fired.append((time_ns, case.uid, step, case, way, facts))
        if not self._calm:
            self.happened.append(Happened(time_ns, case.uid, step, case.workflow.name, case.state.name, way.target))
        if way.waits == Wait.NOTHING:
            case.answer = Answer.DONE
            self._enter(case, case.workflow.states[way.target], time_ns)
            return
        delay_ns, case.answer = self._wait(case, way, step)
        case.transit, case.due_ns = True, time_ns + delay_ns

    def _wait(self, case: _Case, way: Transition, step: int) -> tuple[int, Answer]:
        part = {Wait.COMMITTED: RECORD, Wait.ANSWERED: CHECK}.get(way.waits, MESSAGE)
        key = key_of(case.uid, step, part) ^ (ACKNOWLEDGED if way.waits == Wait.ACKNOWLEDGED else 0)
        if key in self.world.known and not self._calm:
            return self.world.known[key]
        if way.waits == Wait.COMMITTED:
            return estimated_ns(self.world.record_ns[way.records[0].chain] if way.records else 0, key), Answer.DONE
        if way.check is not None and way.waits == Wait.ANSWERED:
            answer = Answer.PASS
            if case.facts & way.check.absent:
                answer = Answer.NOT_FOUND
            elif case.facts & way.check.altered:
                answer = Answer.MISMATCH
            return estimated_ns(self.world.record_ns[way.check.chain], key), answer
        if way.message is None:
            return 0, Answer.DONE
        there_ns = self.world.message_ns[way.message.source, way.message.destination]
        return estimated_ns(there_ns if way.waits == Wait.DELIVERED else 2 * there_ns, key), Answer.DONE

    def _enter(self, case: _Case, state: State, time_ns: int) -> None:
        case.state, case.entered_ns, case.transit = state, time_ns, False
        for name, deadline in case.workflow.deadlines.items():
            period = case.periods.setdefault(name, _Period())
            if period.status == "suspended" and state.name not in deadline.suspends:
                period.limit_ns, period.rule_ns = period.limit_ns + time_ns, period.rule_ns + time_ns
                period.status = "running"
            if state.name in deadline.ends and period.status == "running":
                self._end(case, name, period, time_ns)
            begins = state.name in deadline.starts and period.status != "running"
            if begins or state.name in deadline.restarts:
                period.limit_ns = self.world.calendar.due_ns(time_ns, deadline.count, Unit(deadline.unit))
                period.rule_ns = self.world.rules.due_ns(time_ns, deadline.count, Unit(deadline.unit))
                period.status = "running"
            if state.name in deadline.suspends and period.status == "running":
                period.limit_ns, period.rule_ns = period.limit_ns - time_ns, period.rule_ns - time_ns
                period.status = "suspended"
        if not self._calm:
            for loss in case.workflow.losses.values():
                if loss.state == state.name and _holds(loss.guard, case):
                    self.lost.append((case.uid, case.workflow.name, loss.name, time_ns))
        self._plan(case, time_ns)

    def _end(self, case: _Case, name: str, period: _Period, time_ns: int) -> None:
        period.status = "ended"
        late = time_ns > period.limit_ns
        if late:
            case.facts.add(LATE)
        if not self._calm:
            counts = self.missed if late else self.met
            counts[case.workflow.name, name] = counts.get((case.workflow.name, name), 0) + 1

    def _plan(self, case: _Case, time_ns: int) -> None:
        words = self._words(case.steps, case.uid, 0)
        case.planned, case.due_ns = None, _NEVER
        ways = case.state.transitions
        way = _chosen([way for way in ways if way.on is None and _holds(way.guard, case)], words[0])
        if way is not None:
            self._plan_way(case, way, time_ns, words[1])
        if self._calm:
            expected = _chosen([way for way in ways if way.expected and _holds(way.guard, case)], words[2])
            if expected is not None:
                due_ns = time_ns + _drawn(expected.usually, words[3])
                if due_ns < case.due_ns:
                    case.planned, case.due_ns = expected, due_ns

    def _plan_way(self, case: _Case, way: Transition, time_ns: int, word: int) -> None:
        if way.desk is not None:
            work_ns = _drawn(way.desk.work, word)
            if self._calm:
                case.planned, case.due_ns = way, self.world.calendar.after_office(time_ns, work_ns)
                return
            number = len(self._jobs)
            self._jobs.append((case, way, case.steps))
            self.desks.arrive(
                np.array([case.province]),
                np.array([self._roles.index(way.desk.role)]),
                np.array([number]),
                np.array([case.uid], dtype=np.uint64),
                np.array([int(way.priority)]),
                np.array([work_ns]),
                np.array([time_ns]),
            )
            return
        begun_ns = time_ns
        if way.due is not None:
            begun_ns = max(case.periods[way.due].rule_ns - self.world.skew_ns[case.province], time_ns)
        length_ns = _drawn(way.after, word)
        office = way.clock == Clock.OFFICE
        case.planned = way
        case.due_ns = self.world.calendar.after_office(begun_ns, length_ns) if office else begun_ns + length_ns

    def _settle(self, bucket: int, until_ns: int) -> None:
        fired = sorted(self._fired, key=lambda item: item[:3])
        for time_ns, uid, step, case, way, facts in fired:
            if way.call is not None:
                idle_ns = self.world.record_ns[way.records[0].chain] if way.records else 0
                key = key_of(uid, step, RECORD)
                delay_ns = self.world.known.get(key, (estimated_ns(idle_ns, key), Answer.DONE))[0]
                at_ns = time_ns + delay_ns
                if at_ns < self.world.horizon_ns:
                    self._calls.setdefault(at_ns // self.world.width_ns, []).append(
                        (at_ns, uid, step, case, way, facts)
                    )
        mail = [(time_ns, case.uid, case, signal) for case, signal, time_ns in self._waiting]
        for time_ns, uid, _, case, way, facts in sorted(self._calls.pop(bucket, []), key=lambda item: item[:3]):
            mail += self._called(time_ns, uid, case, way, facts)
        for time_ns, _, _, case, way, _ in fired:
            for tell in way.tells:
                mail += [(time_ns, other.uid, other, tell.signal) for other in self._told(tell.to, case)]
        self._deliver(mail, until_ns)
        self._hand_out(until_ns)
        for time_ns, uid, step, case, way, _ in fired:
            for child in self._spawned(case, uid, step, way, time_ns + self.world.width_ns):
                self._join(child)

    def _called(
        self, time_ns: int, uid: int, case: _Case, way: Transition, facts: frozenset[str]
    ) -> list[tuple[int, int, _Case, str]]:
        if way.call is None:
            raise ValueError("no contract is called")
        self._caller[uid] = case
        visible = frozenset(name for name, fact in case.workflow.facts.items() if name in facts and not fact.truth)
        parent = case.uid if case.parent is None else case.parent.uid
        if case.parent is not None:
            self._caller[parent] = case.parent
        called = Called(way.call.method, time_ns, uid, parent, case.subject, case.root, case.amount, visible, case.old)
        answers = self.contracts[way.call.contract].apply(called)
        known = {signal for workflow in self.world.workflows for signal in _signals(workflow)}
        return [
            (time_ns, answer.case, self._caller[answer.case], answer.signal)
            for answer in answers
            if answer.case in self._caller and answer.signal in known
        ]

    def _told(self, to: str, case: _Case) -> Iterable[_Case]:
        if to == "parent":
            return [] if case.parent is None else [case.parent]
        if to == "children":
            return list(reversed(case.children))
        return [other for other in self.cases if other.subject == case.subject and other is not case]

    def _deliver(self, mail: list[tuple[int, int, _Case, str]], until_ns: int) -> None:
        self._waiting = []
        width_ns = self.world.width_ns
        for time_ns, _, case, signal in sorted(mail, key=lambda item: item[:2]):
            taken = case.planned is not None and case.planned.on is not None and case.due_ns < until_ns + width_ns
            if case.transit or taken:
                self._waiting.append((case, signal, time_ns))
                continue
            way = next((way for way in case.state.transitions if way.on == signal and _holds(way.guard, case)), None)
            if way is not None:
                case.planned, case.due_ns = way, max(time_ns + width_ns, until_ns)
                self._put(case)

    def _hand_out(self, until_ns: int) -> None:
        jobs, finish_ns = self.desks.hand_out(until_ns, until_ns + self.world.width_ns)
        for job, finished_ns in zip(jobs.tolist(), finish_ns.tolist(), strict=True):
            case, way, step = self._jobs[job]
            if case.steps == step and not case.transit and case.planned is None:
                case.planned, case.due_ns = way, finished_ns
                self._put(case)

    def _spawned(self, case: _Case, uid: int, step: int, way: Transition, time_ns: int) -> list[_Case]:
        children = []
        for number, spawn in enumerate(way.spawns):
            if spawn.workflow not in self._by_name:
                continue
            if _uniform(self._words(step, uid, _SPAWN_PURPOSE + number)[0]) >= spawn.chance:
                continue
            child_uid = key_of(uid, step, CHILD + number) | _SPAWNED
            workflow = self._by_name[spawn.workflow]
            child = self._newborn(workflow, child_uid, time_ns)
            child.province, child.subject, child.root = case.province, case.subject, case.root
            amount = case.amount
            if workflow.amount is not None and amount == 0:
                amount = _real(workflow.amount, self._words(0, child_uid, PERSON)[0])
            child.amount, child.parent = amount, case
            shared = spawn.carries & child.workflow.facts.keys() & case.workflow.facts.keys()
            child.facts = (child.facts - shared) | (case.facts & shared)
            case.children.append(child)
            children.append(child)
        return children

    def _born(self, workflow: int, uid: int, time_ns: int) -> _Case:
        case = self._newborn(self.world.workflows[workflow], uid, time_ns)
        words = self._words(0, uid, PERSON)
        definition = case.workflow
        if definition.amount is not None:
            case.amount = _real(definition.amount, words[0])
        weights = np.cumsum(np.array(self.world.provinces, dtype=np.float64))
        case.province = int(np.searchsorted(weights / weights[-1], _uniform(words[1]), side="right"))
        own = (uid & ((1 << 61) - 1)) | (1 << 61)
        case.subject = int(_uniform(words[2]) * definition.subjects) if definition.subjects else own
        return case

    def _newborn(self, workflow: Workflow, uid: int, time_ns: int) -> _Case:
        facts: set[str] = set()
        for number, (name, fact) in enumerate(workflow.facts.items()):
            block, place = divmod(number, 4)
            holds = _uniform(self._words(block, uid, FACTS)[place]) < fact.chance
            if holds and (fact.given is None or fact.given in facts):
                facts.add(name)
        return _Case(uid, workflow, workflow.states[workflow.initial], time_ns, facts, 0, 0, 0.0, uid, time_ns < 0)

    def _words(self, step: int, uid: int, purpose: int) -> list[int]:
        counter = np.array([step, uid, purpose, 0], dtype=np.uint64)
        words: list[int] = np.random.Philox(key=self.world.counters.key, counter=counter).random_raw(4).tolist()
        return words


def _births(births: Beginning) -> list[tuple[int, int, int]]:
    return list(zip(births.workflow.tolist(), births.uid.tolist(), births.time_ns.tolist(), strict=True))


def _signals(workflow: Workflow) -> set[str]:
    ways = [way for state in workflow.states.values() for way in state.transitions]
    return {way.on for way in ways if way.on is not None} | {tell.signal for way in ways for tell in way.tells}


def _holds(guard: Guard, case: _Case) -> bool:
    answered = guard.answer in {Answer.ANY, case.answer}
    return guard.yes <= case.facts and not guard.no & case.facts and answered


def _chosen(ways: Sequence[Transition], word: int) -> Transition | None:
    """One of these by their chances; those without one share the rest."""
    given = 0.0
    for way in ways:
        given += way.chance or 0.0
    open_ = sum(way.chance is None for way in ways)
    each = max(1.0 - given, 0.0) / open_ if open_ else 0.0
    at = _uniform(word) * (given + each * open_)
    found = None
    for way in ways:
        mine = each if way.chance is None else way.chance
        if mine > 0:
            found = way
            if at < mine:
                return found
        at -= mine
    return found


def _uniform(word: int) -> float:
    return ((word >> 12) + 0.5) * 2.0**-52


def _real(distribution: Distribution, word: int) -> float:
    law = getattr(distribution, "law", None)
    if law is None:
        return distribution.mean
    return float(invert(Law(*law), np.array([word], dtype=np.uint64))[0])


def _drawn(distribution: Distribution | None, word: int) -> int:
    if distribution is None:
        return 0
    if isinstance(distribution, Constant):
        return int(distribution.value)
    return int(_real(distribution, word))
