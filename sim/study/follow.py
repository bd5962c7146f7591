"""The story of one case: what it did and when, where its records stand on the chains, and a proof of each, checked.

A case is named by its uid, as the table `steps` has it, or by its workflow's name: then it is that one of its cases
which did the most. Proofs are made from the log as it is at the end of the run, against the root of the last header,
and checked by the verifier that a court would use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from sim.build.measured import given_rows
from sim.casework.columns import RUNNING, STOPPED, SUSPENDED
from sim.casework.definition import Answer, Wait
from sim.casework.emitting import RECORDS_OF_A_KIND
from sim.casework.keys import CHECK, RECORD, key_of
from sim.proof import ProofError, merkle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sim.build import Alliance
    from sim.casework.definition import Transition
    from sim.scenario import Scenario
    from sim.study.docket import Settled

    Cells = NDArray[np.int64]

_US = 1000
"""Nanoseconds of a microsecond."""


class NoSuchCase(Exception):
    """There is no such case in a run."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a case, and where it stands.

    Attributes:
        chain: which.
        kind: what it is.
        height: of its block; -1 if it is on the chain at no height by the end of the run.
        leaf: its number in the chain's log, or -1.
        size: of the log that it was proved in.
        hashes: of the proof.
        root: of that log, as hexadecimal digits.
        proved: the proof was checked and is right.
    """

    chain: str
    kind: str
    height: int = -1
    leaf: int = -1
    size: int = 0
    hashes: int = 0
    root: str = ""
    proved: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One way out that a case took.

    Attributes:
        at: when it fired, in China's time.
        time_ns: the same since the start of the run.
        entered: when the next state began; later than `at` if chains had to answer.
        entered_ns: the same since the start of the run.
        source: state that it left.
        target: state that it entered.
        title: of that, in English.
        zh: in Chinese.
        by: who did it.
        why: what made it happen: a signal, a period's end, somebody at a desk.
        law: rule that it follows.
        told: what it did beyond records: a message, a call, a check with its answer.
        records: that it deposited.
        off: it fired on a day off.
    """

    at: datetime
    time_ns: int
    entered: datetime
    entered_ns: int
    source: str
    target: str
    title: str
    zh: str
    by: str
    why: str
    law: str
    told: tuple[str, ...]
    records: tuple[Record, ...]
    off: bool


@dataclass(frozen=True, slots=True)
class Period:
    """A deadline of a case.

    Attributes:
        name: of it.
        law: its source.
        until: its end by law; None if it has not begun or is suspended.
        status: met, missed, running, suspended, or not begun.
    """

    name: str
    law: str
    until: datetime | None
    status: str


@dataclass(frozen=True, slots=True)
class Story:
    """A case from its beginning, or the beginning of the run, to its end.

    Attributes:
        case: its uid, as the table `steps` has it.
        workflow: name.
        code: "W12".
        title: of the workflow, in English.
        zh: in Chinese.
        articles: of the Opinions, which it runs.
        province: where.
        amount_cny: at stake; 0 if nothing is.
        began: when; before the run, if it was in flight.
        old: it was in flight when the run began.
        ended: it came to an end.
        facts: what held of it in the end and could be seen.
        truths: what was true of the world, and nobody could see.
        parent: workflow and uid of the case that began it, or None.
        children: of those that it began.
        events: in the order of time.
        periods: its deadlines.
    """

    case: int
    workflow: str
    code: str
    title: str
    zh: str
    articles: tuple[int, ...]
    province: str
    amount_cny: float
    began: datetime
    old: bool
    ended: bool
    facts: tuple[str, ...]
    truths: tuple[str, ...]
    parent: tuple[str, int] | None
    children: tuple[tuple[str, int], ...]
    events: tuple[Event, ...]
    periods: tuple[Period, ...]


class Follower:
    """Tells the stories of a run's cases.

    Args:
        scenario: that was run.
        settled: cases and chains, whose logs are still there.
    """

    def __init__(self, scenario: Scenario, settled: Settled) -> None:
        self._scenario, self._settled = scenario, settled
        country, self._passed = settled.docket.country, settled.passed
        self._program, self._names, self._civil = country.program, country.names, country.civil
        self._proofs = _Proofs(settled.alliance)

    def story(self, case: str) -> Story:
        """The story of a case, by its uid or by its workflow's name.

        Raises:
            NoSuchCase: nothing of that name did anything in the run.
        """
        workflows = [workflow.name for workflow in self._names.workflows]
        if case in workflows:
            row = self._busiest(workflows.index(case))
            if row is None:
                raise NoSuchCase(f"no case of {case} did anything in this run")
            return self._told(row)
        try:
            uid = np.array([int(case)], dtype=np.int64).view(np.uint64)[0]
        except (ValueError, OverflowError):
            uid = None
        rows = [] if uid is None else np.flatnonzero(self._passed.cases.uid[: self._passed.count] == uid).tolist()
        if not rows:
            known = ", ".join(workflows)
            raise NoSuchCase(f"no case '{case}' in this run; needs a number of the table steps, or one of {known}")
        return self._told(int(rows[0]))

    def few(self, count: int) -> list[Story]:
        """Of so many workflows whose cases did the most, the case that did."""
        fired = np.bincount(self._passed.fired.case, minlength=1)
        workflow = self._passed.cases.workflow[: len(fired)]
        most = [int(fired[workflow == number].max(initial=0)) for number in range(len(self._names.workflows))]
        chosen = sorted(range(len(most)), key=lambda number: (-most[number], number))[:count]
        rows = [self._busiest(number) for number in chosen]
        return [self._told(row) for row in rows if row is not None]

    def _busiest(self, workflow: int) -> int | None:
        """The row of a workflow's case that took the most ways out; of equals that with the least uid."""
        fired, cases = self._passed.fired, self._passed.cases
        mine = fired.case[cases.workflow[fired.case] == workflow]
        if not len(mine):
            return None
        counts = np.bincount(mine)
        rows = np.flatnonzero(counts == counts.max())
        return int(rows[np.argmin(cases.uid[rows])])

    def _told(self, row: int) -> Story:
        cases, names = self._passed.cases, self._names
        number = int(cases.workflow[row])
        definition = names.workflows[number]
        facts = int(cases.facts[row])
        seen = names.fact_names(number, facts, truths=False)
        every = names.fact_names(number, facts, truths=True)
        events = tuple(self._event(int(step)) for step in np.flatnonzero(self._passed.fired.case == row))
        began_ns = int(cases.born[row])
        return Story(
            case=_signed(cases.uid[row]),
            workflow=definition.name,
            code=definition.code,
            title=definition.title,
            zh=definition.zh,
            articles=definition.articles,
            province=tuple(self._scenario.network.delays.regions)[int(cases.province[row])],
            amount_cny=float(cases.amount[row]),
            began=self._at(began_ns),
            old=bool(cases.old[row]),
            ended=int(self._program.ways[cases.state[row]]) == 0,
            facts=tuple(sorted(seen)),
            truths=tuple(sorted(every - seen)),
            parent=self._relative(int(cases.parent[row])),
            children=tuple(self._children(row)),
            events=events,
            periods=tuple(self._periods(row, number, events)),
        )

    def _relative(self, row: int) -> tuple[str, int] | None:
        if row < 0:
            return None
        cases = self._passed.cases
        return self._names.workflows[int(cases.workflow[row])].name, _signed(cases.uid[row])

    def _children(self, row: int) -> Iterator[tuple[str, int]]:
        child = int(self._passed.cases.child[row])
        while child >= 0:
            relative = self._relative(child)
            if relative is not None:
                yield relative
            child = int(self._passed.cases.sibling[child])

    def _event(self, place: int) -> Event:
        fired = self._passed.fired
        way, time_ns = int(fired.way[place]), int(fired.time_ns[place])
        source, transition = self._names.transitions[way]
        workflow, state = self._names.states[source]
        definition = next(item for item in self._names.workflows if item.name == workflow)
        target = definition.states[transition.target]
        reached_ns = int(self._passed.fired.entered_ns[place])
        uid, step = int(fired.uid[place]), int(fired.step[place])
        return Event(
            at=self._at(time_ns),
            time_ns=time_ns,
            entered=self._at(reached_ns),
            entered_ns=reached_ns,
            source=state,
            target=target.name,
            title=target.title,
            zh=target.zh,
            by=transition.by,
            why=_why(transition),
            law=transition.law,
            told=tuple(self._did(transition, uid, step)),
            records=tuple(self._records(transition, uid, step)),
            off=not self._works(time_ns),
        )

    def _did(self, transition: Transition, uid: int, step: int) -> Iterator[str]:
        if transition.call is not None:
            yield f"calls contract {transition.call.contract}.{transition.call.method}"
        if transition.message is not None:
            message = transition.message
            to = f"{message.source} to {message.destination}"
            many = f" to {message.count} institutions" if message.count > 1 else ""
            yield f"message {message.name}, {to}{many}"
        if transition.check is not None:
            answer = "" if transition.waits != Wait.ANSWERED else f": {self._answer(key_of(uid, step, CHECK))}"
            where = "on the Internet platform" if transition.check.public else "from the courts' network"
            yield f"verification of {transition.check.of} on {transition.check.chain}, {where}{answer}"

    def _answer(self, key: int) -> str:
        known = self._passed.known
        place = int(np.searchsorted(known.key, np.uint64(key)))
        if place == len(known.key) or int(known.key[place]) != key:
            return "answer not known"
        return Answer(int(known.answer[place])).name.lower().replace("_", " ")

    def _records(self, transition: Transition, uid: int, step: int) -> Iterator[Record]:
        for number, records in enumerate(transition.records):
            most = int(records.count) + (records.count > int(records.count))
            for part in range(most):
                key = key_of(uid, step, RECORD + number * RECORDS_OF_A_KIND + part)
                record = self._proofs.of(records.chain, records.kind, key)
                # A fractional part of a count is a chance of one more.
                if record is not None or part < int(records.count):
                    yield record or Record(records.chain, records.kind)

    def _periods(self, row: int, workflow: int, events: Sequence[Event]) -> Iterator[Period]:
        cases = self._passed.cases
        for slot, name in enumerate(self._names.deadlines[workflow]):
            deadline = self._names.workflows[workflow].deadlines[name]
            status, limit_ns = int(cases.status[row, slot]), int(cases.limit[row, slot])
            ended_ns = [event.entered_ns for event in events if event.target in deadline.ends]
            until = self._at(limit_ns) if status in {RUNNING, STOPPED} else None
            if status == STOPPED:
                said = "met" if not ended_ns or ended_ns[-1] <= limit_ns else "missed"
            elif status == RUNNING:
                said = "running" if limit_ns >= self._scenario.horizon else "missed"
            else:
                said = "suspended" if status == SUSPENDED else "not begun"
            yield Period(name, deadline.law, until, said)

    def _at(self, time_ns: int) -> datetime:
        return self._scenario.start + timedelta(microseconds=time_ns // _US)

    def _works(self, time_ns: int) -> bool:
        """Whether a time is on a working day."""
        day = (time_ns - self._civil.midnight_ns) // (24 * 3600 * 1_000_000_000)
        return bool(self._civil.working[day])


class _Proofs:
    """Finds records by their keys, and proves them."""

    def __init__(self, alliance: Alliance) -> None:
        self._alliance = alliance
        self._sorted = {
            chain: (np.argsort(rows.key), rows) for chain, rows in alliance.emitted.records.items() if len(rows.key)
        }
        self._offered = {chain: given_rows(alliance.chains[chain], rows) for chain, (_, rows) in self._sorted.items()}

    def of(self, chain_id: str, kind: str, key: int) -> Record | None:
        """The record with a key, or None if the chain was never asked to take it."""
        if chain_id not in self._sorted:
            return None
        order, rows = self._sorted[chain_id]
        place = int(np.searchsorted(rows.key, np.uint64(key), sorter=order))
        if place == len(order) or int(rows.key[order[place]]) != key:
            return None
        chain = self._alliance.chains[chain_id]
        ledger = chain.ledger
        row = chain.records.history + int(self._offered[chain_id][order[place]])
        leaf = int(ledger.leaf_index[row])
        sizes = ledger.blocks.log_sizes
        if leaf < 0 or leaf >= int(sizes[-1]):
            return Record(chain_id, kind)
        last = len(sizes) - 1
        header = ledger.blocks[last].header
        proof = ledger.log.inclusion_proof(leaf, header.log_size)
        proved = True
        try:
            merkle.verify_inclusion(
                ledger.suite,
                leaf_hash=ledger.suite.leaf(chain.records.content(row)),
                index=leaf,
                size=header.log_size,
                proof=proof,
                root=header.log_root,
            )
        except ProofError:
            proved = False
        return Record(
            chain=chain_id,
            kind=kind,
            height=int(np.searchsorted(sizes, leaf, side="right")),
            leaf=leaf,
            size=header.log_size,
            hashes=len(proof),
            root=header.log_root.hex(),
            proved=proved,
        )


def _why(transition: Transition) -> str:
    """What made a way out fire."""
    if transition.on is not None:
        return f"told {transition.on}"
    if transition.due is not None:
        return f"end of the period {transition.due}"
    if transition.desk is not None:
        return f"done at a desk ({transition.desk.role})"
    return ""


def _signed(uid: np.uint64) -> int:
    return int(uid.view(np.int64))


def stories(scenario: Scenario, settled: Settled, asked: Sequence[str], few: int) -> tuple[Story, ...]:
    """The stories of the cases that were asked for and, behind them, of a few others.

    Raises:
        NoSuchCase: one that was asked for did nothing in the run.
    """
    follower = Follower(scenario, settled)
    told = [follower.story(case) for case in asked]
    cases = {story.case for story in told}
    return (*told, *(story for story in follower.few(few) if story.case not in cases))
