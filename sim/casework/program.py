"""Workflows as flat arrays, which a compiled loop can go through: states, ways out and deadlines by number.

What is decided here once is not decided again for every case: which bit a fact has, where a state's ways out begin, how
a duration is drawn, on which day a period of law that began on some day ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.casework.definition import Answer, Wait
from sim.kernel.distributions import Constant
from sim.kernel.inversion import WORD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sim.casework.definition import Deadline, Guard, State, Transition, Workflow
    from sim.kernel.civil import Calendar
    from sim.kernel.distributions import Distribution

    Cells = NDArray[np.int64]

AFTER, DUE, DESK, ON = range(4)
"""When a transition fires: its `when`."""
STARTS, ENDS, RESTARTS, SUSPENDS = 1, 2, 4, 8
"""What entering a state does to a deadline: bits of `Program.ops`."""
CALLS, SPAWNS, TELLS, RECORDS, SENDS, CHECKS = 1, 2, 4, 8, 16, 32
"""What a transition does when it fires: bits of `Program.does`."""
PREMATURE, LATE = "premature", "late"
"""Truths that hold of any case by what it did: it acted on a period before its end by law; it missed a deadline."""
_PREMATURE_BIT, _LATE_BIT = 62, 63
_MOST_FACTS = 62
CONSTANT = WORD
"""The form of a duration that takes no draw."""


class Program(NamedTuple):
    """Arrays of all workflows of a run: S states, T ways out, D deadlines a workflow at most, L losses.

    Attributes:
        first: (S,) a state's first way out.
        ways: (S,) how many it has.
        workflow: (S,) whose it is.
        deadlines: (W,) how many a workflow has.
        ops: (S, D) `STARTS` … of each deadline.
        target: (T,) state.
        when: (T,) `AFTER` …
        office: (T,) whether the duration counts office hours.
        form, scale, shape: (T,) of the duration, or of the desk's work; `CONSTANT` is the scale.
        slot: (T,) deadline at whose end it fires, or -1.
        chance: (T,) -1 for a share of the rest.
        yes, no: (T,) facts that must and must not hold.
        answer: (T,) how the last wait must have ended.
        sets, clears: (T,) facts.
        waits: (T,) a `Wait`.
        part: (T,) which part of the step it waits for (`sim.casework.keys`).
        idle_ns, idle_answer: (T,) what a wait takes, and how it ends, where nothing is known of it.
        record_ns: (T,) what its first record takes, where nothing is known of it.
        altered, absent: (T,) facts that make a check's answer a mismatch, or not found.
        expected: (T,) the signal that comes in a calm country.
        usual_form, usual_scale, usual_shape: (T,) of how long that takes.
        pool: (T,) role of the desk, or -1.
        priority: (T,) class.
        does: (T,) `CALLS` …
        signal: (T,) for which it waits, or -1.
        hours_ns: (W, D) length of a period in hours, or 0.
        period: (W, D) row of `last_day` of a period in days and longer.
        last_day: (P, days) last day of a period that begins on a day, by law.
        rule_day: (P, days) the same as the contracts' table of holidays has it.
        loss_first, losses: (S,) losses that entering a state may count.
        loss_yes, loss_no: (L,) facts.
        premature, late: bits.
    """

    first: Cells
    ways: Cells
    workflow: Cells
    deadlines: Cells
    ops: NDArray[np.uint8]
    target: Cells
    when: Cells
    office: NDArray[np.bool_]
    form: Cells
    scale: NDArray[np.float64]
    shape: NDArray[np.float64]
    slot: Cells
    chance: NDArray[np.float64]
    yes: NDArray[np.uint64]
    no: NDArray[np.uint64]
    answer: Cells
    sets: NDArray[np.uint64]
    clears: NDArray[np.uint64]
    waits: Cells
    part: Cells
    idle_ns: Cells
    idle_answer: Cells
    record_ns: Cells
    altered: NDArray[np.uint64]
    absent: NDArray[np.uint64]
    expected: NDArray[np.bool_]
    usual_form: Cells
    usual_scale: NDArray[np.float64]
    usual_shape: NDArray[np.float64]
    pool: Cells
    priority: Cells
    does: Cells
    signal: Cells
    hours_ns: Cells
    period: Cells
    last_day: NDArray[np.int32]
    rule_day: NDArray[np.int32]
    loss_first: Cells
    losses: Cells
    loss_yes: NDArray[np.uint64]
    loss_no: NDArray[np.uint64]
    premature: np.uint64
    late: np.uint64


class Civil(NamedTuple):
    """The calendar as a compiled loop needs it; see `sim.kernel.civil`.

    Attributes:
        midnight_ns: of the first day.
        open_ns, close_ns: of an office day, from midnight.
        working: (days,) whether it is one.
        office_before_ns: (days + 1,) office time before each day.
    """

    midnight_ns: int
    open_ns: int
    close_ns: int
    working: NDArray[np.bool_]
    office_before_ns: Cells


@dataclass(frozen=True, slots=True)
class Names:
    """What the numbers of a program mean.

    Attributes:
        workflows: in order.
        states: (workflow, state).
        transitions: the definitions themselves, with the state that each leads out of.
        facts: bit of each fact, by workflow.
        deadlines: (workflow, deadline) by workflow and slot.
        losses: (workflow, loss name).
        signals: all.
        roles: of desks.
        initial: state in which a workflow's cases begin, by workflow.
    """

    workflows: tuple[Workflow, ...]
    states: tuple[tuple[str, str], ...]
    transitions: tuple[tuple[int, Transition], ...]
    facts: tuple[Mapping[str, int], ...]
    deadlines: tuple[tuple[str, ...], ...]
    losses: tuple[tuple[str, str], ...]
    signals: tuple[str, ...]
    roles: tuple[str, ...]
    initial: tuple[int, ...]

    def fact_names(self, workflow: int, facts: int, *, truths: bool) -> frozenset[str]:
        """The facts that hold, with or without those that nobody can see."""
        declared = self.workflows[workflow].facts
        bits = self.facts[workflow]
        return frozenset(
            name for name, fact in declared.items() if facts >> bits[name] & 1 and (truths or not fact.truth)
        )


def law_of(distribution: Distribution) -> tuple[int, float, float]:
    """Form, scale and shape of a duration.

    Raises:
        ValueError: it takes more than one word to draw, or one that depends on others.
    """
    if isinstance(distribution, Constant):
        return CONSTANT, distribution.value, 0.0
    law = getattr(distribution, "law", None)
    if law is None:
        raise ValueError(f"a duration of a workflow can't be {type(distribution).__name__.lower()}: it takes one draw")
    return int(law.form), float(law.scale), float(law.shape)


def assemble(
    workflows: Sequence[Workflow],
    calendar: Calendar,
    rules: Calendar,
    record_ns: Mapping[str, int],
    message_ns: Mapping[tuple[str, str], int],
) -> tuple[Program, Names]:
    """Arrays of these workflows.

    Args:
        workflows: all that run, with all that they spawn.
        calendar: by law.
        rules: as contracts have it.
        record_ns: what a record takes on an idle chain.
        message_ns: what a packet takes between two chains, there and back, in calm.
    """
    names = _name(workflows)
    states = {name: number for number, name in enumerate(names.states)}
    ways = [transition for _, transition in names.transitions]
    owner = [names.states[state][0] for state, _ in names.transitions]
    numbers = {workflow.name: number for number, workflow in enumerate(workflows)}
    masks = _Masks(names, [numbers[name] for name in owner])
    counted = [len(workflow.states[state].transitions) for workflow in workflows for state in workflow.states]
    laws = [law_of(_timing(way)) for way in ways]
    usual = [law_of(way.usually or Constant(0)) for way in ways]
    widest = max((len(workflow.deadlines) for workflow in workflows), default=0)
    hours, period, periods = _periods(workflows, widest)
    hits = [_losses_of(workflow, state) for workflow in workflows for state in workflow.states]
    counts = [len(found) for found in hits]
    guards = [(numbers[name], workflow_loss) for found in hits for name, workflow_loss in found]
    program = Program(
        first=_running(counted),
        ways=_ints(counted),
        workflow=_ints([numbers[name] for name, _ in names.states]),
        deadlines=_ints([len(workflow.deadlines) for workflow in workflows]),
        ops=_ops(workflows, widest),
        target=_ints([states[name, way.target] for name, way in zip(owner, ways, strict=True)]),
        when=_ints([_when(way) for way in ways]),
        office=np.array([bool(way.clock) for way in ways], dtype=np.bool_),
        form=_ints([law[0] for law in laws]),
        scale=np.array([law[1] for law in laws]),
        shape=np.array([law[2] for law in laws]),
        slot=_ints(
            [
                -1 if way.due is None else names.deadlines[numbers[name]].index(way.due)
                for name, way in zip(owner, ways, strict=True)
            ]
        ),
        chance=np.array([-1.0 if way.chance is None else way.chance for way in ways]),
        yes=masks.of([way.guard.yes for way in ways]),
        no=masks.of([way.guard.no for way in ways]),
        answer=_ints([way.guard.answer for way in ways]),
        sets=masks.of([way.sets for way in ways]),
        clears=masks.of([way.clears for way in ways]),
        waits=_ints([way.waits for way in ways]),
        part=_ints([_part(way) for way in ways]),
        idle_ns=_ints([_idle(way, record_ns, message_ns) for way in ways]),
        idle_answer=_ints([Answer.PASS if way.waits == Wait.ANSWERED else Answer.DONE for way in ways]),
        record_ns=_ints([record_ns[way.records[0].chain] if way.records else 0 for way in ways]),
        altered=masks.of([frozenset() if way.check is None else way.check.altered for way in ways]),
        absent=masks.of([frozenset() if way.check is None else way.check.absent for way in ways]),
        expected=np.array([way.expected for way in ways], dtype=np.bool_),
        usual_form=_ints([law[0] for law in usual]),
        usual_scale=np.array([law[1] for law in usual]),
        usual_shape=np.array([law[2] for law in usual]),
        pool=_ints([-1 if way.desk is None else names.roles.index(way.desk.role) for way in ways]),
        priority=_ints([way.priority for way in ways]),
        does=_ints([_does(way) for way in ways]),
        signal=_ints([-1 if way.on is None else names.signals.index(way.on) for way in ways]),
        hours_ns=hours,
        period=period,
        last_day=_last_days(calendar, periods),
        rule_day=_last_days(rules, periods),
        loss_first=_running(counts),
        losses=_ints(counts),
        loss_yes=_Masks(names, [number for number, _ in guards]).of([guard.yes for _, guard in guards]),
        loss_no=_Masks(names, [number for number, _ in guards]).of([guard.no for _, guard in guards]),
        premature=np.uint64(1 << _PREMATURE_BIT),
        late=np.uint64(1 << _LATE_BIT),
    )
    return program, names


def civil_arrays(calendar: Calendar) -> Civil:
    """The calendar's arrays, in a form that compiled code takes."""
    arrays = calendar.arrays
    return Civil(
        int(arrays.midnight_ns),
        int(arrays.open_ns),
        int(arrays.close_ns),
        np.ascontiguousarray(arrays.working, dtype=np.bool_),
        np.ascontiguousarray(arrays.office_before_ns, dtype=np.int64),
    )


def _name(workflows: Sequence[Workflow]) -> Names:
    states = [(workflow.name, state) for workflow in workflows for state in workflow.states]
    all_states: list[State] = [state for workflow in workflows for state in workflow.states.values()]
    transitions = [(number, way) for number, state in enumerate(all_states) for way in state.transitions]
    facts = []
    for workflow in workflows:
        if len(workflow.facts) > _MOST_FACTS:
            raise ValueError(f"{workflow.name} has {len(workflow.facts)} facts; at most {_MOST_FACTS} have room")
        bits = {name: bit for bit, name in enumerate(workflow.facts)}
        facts.append({**bits, PREMATURE: _PREMATURE_BIT, LATE: _LATE_BIT})
    signals = sorted(
        {way.on for _, way in transitions if way.on is not None}
        | {tell.signal for _, way in transitions for tell in way.tells}
    )
    return Names(
        workflows=tuple(workflows),
        states=tuple(states),
        transitions=tuple(transitions),
        facts=tuple(facts),
        deadlines=tuple(tuple(workflow.deadlines) for workflow in workflows),
        losses=tuple(
            (workflow.name, loss.name)
            for workflow in workflows
            for state in workflow.states
            for loss in workflow.losses.values()
            if loss.state == state
        ),
        signals=tuple(signals),
        roles=tuple(sorted({way.desk.role for _, way in transitions if way.desk is not None})),
        initial=tuple(states.index((workflow.name, workflow.initial)) for workflow in workflows),
    )


class _Masks:
    """Sets of facts as bits, for rows of which each belongs to a workflow."""

    def __init__(self, names: Names, workflows: Sequence[int]) -> None:
        self._bits = [names.facts[workflow] for workflow in workflows]

    def of(self, sets: Sequence[frozenset[str]]) -> NDArray[np.uint64]:
        """The bits of each row's facts."""
        masks = [sum(1 << bits[fact] for fact in sorted(facts)) for bits, facts in zip(self._bits, sets, strict=True)]
        return np.array(masks, dtype=np.uint64)


def _timing(way: Transition) -> Distribution:
    if way.desk is not None:
        return way.desk.work
    return way.after or Constant(0)


def _when(way: Transition) -> int:
    if way.on is not None:
        return ON
    if way.desk is not None:
        return DESK
    return AFTER if way.due is None else DUE


def _part(way: Transition) -> int:
    from sim.casework.keys import CHECK, MESSAGE, RECORD

    if way.waits in {Wait.DELIVERED, Wait.ACKNOWLEDGED}:
        return MESSAGE
    return CHECK if way.waits == Wait.ANSWERED else RECORD


def _idle(way: Transition, record_ns: Mapping[str, int], message_ns: Mapping[tuple[str, str], int]) -> int:
    if way.waits == Wait.COMMITTED and way.records:
        return record_ns[way.records[0].chain]
    if way.waits in {Wait.DELIVERED, Wait.ACKNOWLEDGED} and way.message is not None:
        there_ns = message_ns[way.message.source, way.message.destination]
        return there_ns if way.waits == Wait.DELIVERED else 2 * there_ns
    if way.waits == Wait.ANSWERED and way.check is not None:
        return record_ns[way.check.chain]
    return 0


def _does(way: Transition) -> int:
    parts = (
        (CALLS, way.call),
        (SPAWNS, way.spawns),
        (TELLS, way.tells),
        (RECORDS, way.records),
        (SENDS, way.message),
        (CHECKS, way.check),
    )
    return sum(bit for bit, given in parts if given)


def _ops(workflows: Sequence[Workflow], widest: int) -> NDArray[np.uint8]:
    rows = []
    for workflow in workflows:
        for state in workflow.states:
            row = [_op(deadline, state) for deadline in workflow.deadlines.values()]
            rows.append(row + [0] * (widest - len(row)))
    return np.array(rows, dtype=np.uint8).reshape(len(rows), widest)


def _op(deadline: Deadline, state: str) -> int:
    parts = (
        (STARTS, deadline.starts),
        (ENDS, deadline.ends),
        (RESTARTS, deadline.restarts),
        (SUSPENDS, deadline.suspends),
    )
    return sum(bit for bit, states in parts if state in states)


def _periods(workflows: Sequence[Workflow], widest: int) -> tuple[Cells, Cells, list[tuple[int, int]]]:
    from sim.kernel.civil import Unit

    hours = np.zeros((len(workflows), widest), dtype=np.int64)
    period = np.zeros((len(workflows), widest), dtype=np.int64)
    periods: list[tuple[int, int]] = []
    for number, workflow in enumerate(workflows):
        for slot, deadline in enumerate(workflow.deadlines.values()):
            if deadline.unit == Unit.HOURS:
                hours[number, slot] = deadline.count * 3_600_000_000_000
                continue
            length = (deadline.count, int(deadline.unit))
            if length not in periods:
                periods.append(length)
            period[number, slot] = periods.index(length)
    return hours, period, periods


def _last_days(calendar: Calendar, periods: Sequence[tuple[int, int]]) -> NDArray[np.int32]:
    from sim.kernel.civil import Unit

    rows = [calendar.last_day(count, Unit(unit)) for count, unit in periods]
    return np.array(rows, dtype=np.int32).reshape(len(periods), len(calendar.arrays.working))


def _losses_of(workflow: Workflow, state: str) -> list[tuple[str, Guard]]:
    return [(workflow.name, loss.guard) for loss in workflow.losses.values() if loss.state == state]


def _ints(values: Sequence[int]) -> Cells:
    return np.array([int(value) for value in values], dtype=np.int64)


def _running(counts: Sequence[int]) -> Cells:
    return np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64) if counts else np.zeros(0, dtype=np.int64)
