"""The docket: all cases of the country, stepped through a bucketed calendar.

A *pass* goes from the start of a run to its horizon. In each bucket, cases do by themselves what is due
(`sim.casework.compiled.stepping`). Whatever leaves a case is settled at the bucket's end, in the order of its exact
time, ties by uid, and takes effect a bucket's width after it was said: contracts answer, cases are told something,
cases begin; desks hand out work at the bucket's end. So nothing that happens to several cases depends on the order in
which a loop comes to them, and nothing comes in bursts at the end of buckets.

What the chains take is known beforehand (`Known`): nothing in the first pass, which goes by what an idle chain takes;
what they did with the very same records in the next one. `sim.study.casework` goes to and fro between the two.

Cases that began before the run are stepped through a calm past first: no desk is busy, every signal that is
`expected` comes when it usually does, and nothing is deposited.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from sim.casework.columns import NEVER, RUNNING, SOJOURN, SUSPENDED, Agenda, Cases, joined
from sim.casework.compiled.stepping import (
    Known,
    Log,
    Terms,
    advance,
    deliver,
    draw_again,
    due_in,
    entries_in,
    schedule,
)
from sim.casework.contracts.interface import Called
from sim.casework.invariants import CaseViolation
from sim.casework.keys import CHILD, COPY, RECORD, estimated_ns, key_of
from sim.casework.program import CALLS, SPAWNS, TELLS, Names, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from sim.casework.contracts.interface import Answered, Contract
    from sim.casework.newborn import Beginning, Nursery
    from sim.casework.program import Civil
    from sim.kernel.counters import Counters

    Cells = NDArray[np.int64]
    Rows = NDArray[np.int32]

_LEAST_ROOM = 1 << 16
_SPAWN_PURPOSE = 8
_SPAWNED = np.uint64(1 << 63)
_LOGGED = 1 << 18
_GENERATION = 1 << 19
"""Cases whose past is lived through together: with their children some 500 MB."""
_BUCKETS_A_NOTE = 64


def nothing_known() -> Known:
    """What is known of the chains before anything was asked of them."""
    return Known(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int8))


class Desks(Protocol):
    """People who do work, one thing at a time."""

    def arrive(
        self,
        province: Cells,
        role: Cells,
        job: Cells,
        uid: NDArray[np.uint64],
        priority: Cells,
        work_ns: Cells,
        time_ns: Cells,
    ) -> None:
        """Work comes in: to which desk, its number, whose it is, how urgent, how long it takes, when."""

    def hand_out(self, from_ns: int, until_ns: int) -> tuple[Cells, Cells]:
        """Give out what is waiting to whoever is free before ``until_ns``; returns jobs, and when each will be done."""

    def summary(self, office_ns: int) -> Mapping[str, Mapping[str, Any]]:
        """What each role did in so much office time."""


class Watching(Protocol):
    """Who watches over contracts without trusting them."""

    def saw(self, contract: str, called: Called, answers: Sequence[Answered]) -> None:
        """A contract was called, and answered so; raises `sim.casework.invariants.CaseViolation`."""

    def finish(self) -> None:
        """Nothing more will happen; raises likewise."""


class Fired(NamedTuple):
    """Ways out that fired, in the order of time, ties by uid and step; shape (fired,).

    Attributes:
        case: row of the case.
        uid: of the case.
        way: which.
        time_ns: when.
        step: which of the case's.
        facts: that held after it.
    """

    case: Rows
    uid: NDArray[np.uint64]
    way: NDArray[np.int32]
    time_ns: Cells
    step: NDArray[np.int32]
    facts: NDArray[np.uint64]


class Lost(NamedTuple):
    """Losses as they came; shape (losses,)."""

    case: Rows
    loss: NDArray[np.int32]
    time_ns: Cells


@dataclass(frozen=True, slots=True)
class Pass:
    """What came out of a pass.

    Attributes:
        cases: as they stand at the horizon; rows beyond `count` are empty.
        count: how many there are.
        fired: what they did.
        lost: losses.
        met, missed: (workflows, deadlines) that ended in the run.
        past: in which the cases stood at the start.
        contracts: by name, with what they know at the end.
        desks: with what they did.
        signals_lost: signals that nobody waited for.
        calls: how many were executed.
        known: what the pass knew of the chains.
        violation: what happened that must never happen; the pass ends with the bucket in which it did.
    """

    cases: Cases
    count: int
    fired: Fired
    lost: Lost
    met: Cells
    missed: Cells
    past: Past
    contracts: Mapping[str, Contract]
    desks: Desks
    signals_lost: int
    calls: int
    known: Known
    violation: CaseViolation | None


@dataclass(slots=True)
class _Mail:
    """Signals for cases, collected within a bucket."""

    rows: list[int] = field(default_factory=list)
    signals: list[int] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    uids: list[int] = field(default_factory=list)

    def add(self, row: int, signal: int, time_ns: int, uid: int) -> None:
        self.rows.append(row)
        self.signals.append(signal)
        self.times_ns.append(time_ns)
        self.uids.append(uid)


@dataclass(frozen=True, slots=True)
class Past:
    """Cases in flight when the run begins.

    Attributes:
        cases: those of which something may be heard before the horizon.
        count: how many these are.
        resting: (W,) how many others are open: nothing of their families is due before the horizon, and nobody tells
            them anything.
        resting_deadlines: (W, D) of theirs that run.
    """

    cases: Cases
    count: int
    resting: Cells
    resting_deadlines: Cells


@dataclass(frozen=True, slots=True)
class Country:
    """What a docket is about.

    Attributes:
        program: the workflows.
        names: of what the program numbers.
        civil: the calendar.
        terms: with ``calm`` false.
        counters: draws of the cases.
        nursery: begins cases.
        births: cases that begin by themselves, those of the past among them.
        contracts: makes all contracts anew.
        desks: makes all desks anew.
        witness: makes who watches over the contracts anew.
        copies: of every case of the past: `births` has one in so many of those before the run.
    """

    program: Program
    names: Names
    civil: Civil
    terms: Terms
    counters: Counters
    nursery: Nursery
    births: Beginning
    contracts: Callable[[], Mapping[str, Contract]]
    desks: Callable[[], Desks]
    witness: Callable[[], Watching]
    copies: int = 1


class Docket:
    """All cases of a run."""

    def __init__(self, country: Country) -> None:
        self.country = country
        self._past: Past | None = None

    @property
    def past(self) -> Past:
        """Cases that are open when the run begins."""
        if self._past is None:
            self._past = self._live_through_the_past()
        return self._past

    def go(self, known: Known, progress: Callable[[float], None] | None = None) -> Pass:
        """One pass.

        Args:
            known: what the chains did with what was asked of them before.
            progress: called with the share of buckets done.
        """
        past = self.past
        running = _Running(self.country, known, past)
        buckets = _buckets(self.country.terms)
        try:
            for bucket in range(buckets):
                running.step(bucket)
                if progress is not None and bucket % _BUCKETS_A_NOTE == 0:
                    progress(bucket / buckets)
            running.check()
        except CaseViolation as violation:
            return running.finish(violation)
        return running.finish(None)

    def _live_through_the_past(self) -> Past:
        """Step everybody born before the run through a calm past, some at a time, and keep who is open."""
        program = self.country.program
        born = self.country.births.between(-int(NEVER), 0)
        resting = np.zeros(len(program.deadlines), dtype=np.int64)
        resting_deadlines = np.zeros((len(program.deadlines), program.ops.shape[1]), dtype=np.int64)
        kept = [self._room(0)]
        for first in range(0, len(born.uid), _GENERATION):
            some = born.rows(first, first + _GENERATION)
            lived = self._lived(some)
            for copy in range(self.country.copies):
                cases = lived if copy == 0 else self._copied(lived, copy)
                awake = self._awake(cases)
                asleep = np.flatnonzero(~awake)
                resting += np.bincount(cases.workflow[asleep], minlength=len(resting))
                for slot in range(program.ops.shape[1]):
                    status = cases.status[asleep, slot]
                    runs = asleep[(status == RUNNING) | (status == SUSPENDED)]
                    resting_deadlines[:, slot] += np.bincount(cases.workflow[runs], minlength=len(resting))
                kept.append(cases.kept(np.flatnonzero(awake)))
        cases = joined(kept)
        return Past(cases, len(cases.uid), resting, resting_deadlines)

    def _room(self, count: int) -> Cases:
        return Cases.room(count, self.country.program.ops.shape[1], own_rules=self.country.terms.own_rules)

    def _lived(self, born: Beginning) -> Cases:
        """These cases and all that they began, as they stand at the start of the run, without those that have ended."""
        country = self.country
        pool = _Pool(self._room(max(_LEAST_ROOM, 3 * len(born.uid))), 0)
        new = pool.begin(country.nursery, born)
        calm = country.terms._replace(calm=True)
        log = _log(country.program, _LOGGED)
        idle = Agenda.make(1, 1)
        while len(new):
            spawned: list[Fired] = []
            begin = 0
            while begin < len(new):
                log.used[:] = 0
                begin = advance(
                    country.program,
                    country.civil,
                    calm,
                    nothing_known(),
                    pool.cases,
                    idle,
                    log,
                    new,
                    begin,
                    len(new),
                    0,
                )
                spawned.append(_fired(log, pool.cases))
            new = pool.spawn(country, _sorted(_joined(spawned)), 0)
        state = pool.cases.state[: pool.count]
        is_open = (pool.cases.due[: pool.count] < NEVER) | (country.program.ways[state] > 0)
        return pool.cases.kept(np.flatnonzero(is_open))

    def _copied(self, cases: Cases, number: int) -> Cases:
        """Other families of whom the same is known; what happens to them next is drawn anew."""
        country, copies = self.country, cases.copied()
        step = np.full(len(cases.uid), number, dtype=np.int64)
        spawned = cases.uid & _SPAWNED
        copies.uid[:] = (key_of(cases.uid, step, COPY) & ~_SPAWNED) | spawned
        copies.root[:] = key_of(cases.root, step, COPY) & ~_SPAWNED
        calm = country.terms._replace(calm=True)
        draw_again(country.program, country.civil, calm, copies, _log(country.program, 1), len(copies.uid))
        return copies

    def _awake(self, cases: Cases) -> NDArray[np.bool_]:
        """Which cases something may happen to before the horizon: to their family, or to whom they are about."""
        heard = (cases.due < self.country.terms.horizon_ns) | np.isin(cases.subject, self._spoken_of(cases))
        awake: NDArray[np.bool_] = np.isin(cases.root, np.unique(cases.root[heard]))
        return awake

    def _spoken_of(self, cases: Cases) -> Cells:
        """Persons and companies about whom something may be said to everybody: those of cases that say such things."""
        names = self.country.names
        speaks = {
            names.states[state][0]
            for state, way in names.transitions
            if any(tell.to == "subject" for tell in way.tells)
        }
        numbers = [number for number, workflow in enumerate(names.workflows) if workflow.name in speaks]
        speaking = np.isin(cases.workflow, numbers)
        born = self.country.births.between(0, self.country.terms.horizon_ns)
        coming = np.isin(born.workflow, numbers)
        subjects = self.country.nursery.subjects(born.workflow[coming], born.uid[coming])
        return np.unique(np.concatenate([cases.subject[speaking], subjects]))


class _Pool:
    """Rows of cases that grow."""

    def __init__(self, cases: Cases, count: int) -> None:
        self.cases, self.count = cases, count

    def rows(self, count: int) -> Rows:
        """Room for so many more."""
        end = self.count + count
        if end > len(self.cases.uid):
            self.cases = self.cases.grown(max(end, len(self.cases.uid) * 3 // 2))
        rows = np.arange(self.count, end, dtype=np.int32)
        self.count = end
        return rows

    def begin(self, nursery: Nursery, born: Beginning) -> Rows:
        """Begin these cases."""
        rows = self.rows(len(born.uid))
        for workflow in np.unique(born.workflow).tolist():
            mine = born.workflow == workflow
            nursery.begin(self.cases, rows[mine], born.uid[mine], workflow, born.time_ns[mine])
        return rows

    def spawn(self, country: Country, fired: Fired, after_ns: int) -> Rows:
        """Begin the cases that these ways out begin, so long after them."""
        program, names = country.program, country.names
        wanted = np.flatnonzero((program.does[fired.way] & SPAWNS) != 0)
        numbers = {workflow.name: number for number, workflow in enumerate(names.workflows)}
        new = []
        for way in np.unique(fired.way[wanted]).tolist():
            mine = wanted[fired.way[wanted] == way]
            step, uid = fired.step[mine].astype(np.int64), fired.uid[mine]
            for number, spawn in enumerate(names.transitions[way][1].spawns):
                u = country.counters.uniforms(step, uid, _SPAWN_PURPOSE + number)[:, 0]
                begun = u < spawn.chance
                if not begun.any() or spawn.workflow not in numbers:
                    continue
                child = key_of(uid[begun], step[begun], CHILD + number) | _SPAWNED
                rows = self.rows(len(child))
                time_ns = fired.time_ns[mine][begun] + after_ns
                workflow = numbers[spawn.workflow]
                country.nursery.spawn(
                    self.cases, rows, child, workflow, time_ns, fired.case[mine][begun], spawn.carries
                )
                new.append(rows)
        return np.concatenate(new) if new else np.zeros(0, dtype=np.int32)


class _Running:
    """A pass under way."""

    def __init__(self, country: Country, known: Known, past: Past) -> None:
        self._country, self._known, self._past = country, known, past
        self._program, self._terms = country.program, country.terms
        self._pool = _Pool(past.cases.copied(), past.count)
        self._agenda = Agenda.make(_buckets(country.terms), max(_LEAST_ROOM, 2 * past.count))
        self._log = _log(country.program, _LOGGED)
        self._fired: list[Fired] = []
        self._lost: list[Lost] = []
        self._contracts = country.contracts()
        self._desks = country.desks()
        self._witness = country.witness()
        self._call_of = [way.call for _, way in country.names.transitions]
        self._row_of: dict[int, int] = {}
        self._calls: dict[int, list[Fired]] = {}
        self._mail = _Mail()
        self._signals = {signal: number for number, signal in enumerate(country.names.signals)}
        self._fact_sets: dict[tuple[int, int], frozenset[str]] = {}
        self._jobs: list[tuple[int, int, int]] = []
        self._signals_lost = self._called = 0
        self._enter(np.arange(past.count, dtype=np.int32))

    def step(self, bucket: int) -> None:
        """One bucket."""
        begin_ns = bucket * self._terms.width_ns
        until_ns = begin_ns + self._terms.width_ns
        self._enter(self._pool.begin(self._country.nursery, self._country.births.between(begin_ns, until_ns)))
        fired = self._advance(bucket, until_ns)
        self._keep_calls(fired)
        self._execute_calls(bucket)
        self._tell(fired)
        self._deliver(until_ns)
        self._hand_out(until_ns)
        self._enter(self._pool.spawn(self._country, fired, self._terms.width_ns))
        self._fired.append(fired)

    def check(self) -> None:
        """When all buckets are done, let contracts and witness look at their books; raises `CaseViolation`."""
        for contract in self._contracts.values():
            contract.check()
        self._witness.finish()

    def finish(self, violation: CaseViolation | None) -> Pass:
        """The pass, as far as it came."""
        fired = _joined(self._fired)
        lost = [np.concatenate(column) for column in zip(*self._lost, strict=True)] if self._lost else None
        return Pass(
            cases=self._pool.cases,
            count=self._pool.count,
            fired=fired,
            lost=_no_losses() if lost is None else Lost._make(lost),
            met=self._log.met,
            missed=self._log.missed,
            past=self._past,
            contracts=self._contracts,
            desks=self._desks,
            signals_lost=self._signals_lost,
            calls=self._called,
            known=self._known,
            violation=violation,
        )

    def _enter(self, rows: Rows) -> None:
        """Put cases into the agenda."""
        self._make_room(len(rows))
        schedule(self._agenda, self._terms, self._pool.cases, rows, len(rows))

    def _make_room(self, count: int) -> None:
        wanted = int(self._agenda.used[0]) + count
        if wanted > len(self._agenda.case):
            self._agenda = self._agenda.grown(max(wanted, len(self._agenda.case) * 3 // 2))

    def _advance(self, bucket: int, until_ns: int) -> Fired:
        """Let everybody do what is due; returns it in the order of time."""
        fired: list[Fired] = []
        rows = np.empty(entries_in(self._agenda, bucket), dtype=np.int32)
        count = due_in(self._agenda, self._pool.cases, bucket, until_ns, rows)
        begin = 0
        while True:
            self._make_room(1024)
            begin = advance(
                self._program,
                self._country.civil,
                self._terms,
                self._known,
                self._pool.cases,
                self._agenda,
                self._log,
                rows,
                begin,
                count,
                until_ns,
            )
            fired.append(_fired(self._log, self._pool.cases))
            self._keep_jobs_and_losses()
            self._log.used[:] = 0
            if begin >= count:
                return _sorted(_joined(fired))

    def _keep_jobs_and_losses(self) -> None:
        log, cases = self._log, self._pool.cases
        jobs, losses = int(log.used[1]), int(log.used[2])
        if losses:
            self._lost.append(
                Lost(log.loss_case[:losses].copy(), log.loss[:losses].copy(), log.loss_time[:losses].copy())
            )
        if not jobs:
            return
        rows, ways = log.job_case[:jobs], log.job_way[:jobs]
        numbers = np.arange(len(self._jobs), len(self._jobs) + jobs)
        self._jobs += zip(rows.tolist(), ways.tolist(), cases.steps[rows].tolist(), strict=True)
        self._desks.arrive(
            cases.province[rows].astype(np.int64),
            self._program.pool[ways],
            numbers,
            cases.uid[rows],
            self._program.priority[ways],
            log.job_work[:jobs].copy(),
            log.job_time[:jobs].copy(),
        )

    def _hand_out(self, until_ns: int) -> None:
        """Desks give their work to whoever is free."""
        jobs, finish_ns = self._desks.hand_out(until_ns, until_ns + self._terms.width_ns)
        cases, done = self._pool.cases, []
        for job, finished_ns in zip(jobs.tolist(), finish_ns.tolist(), strict=True):
            row, way, step = self._jobs[job]
            # Whoever was told something meanwhile has gone another way: the work was in vain.
            if cases.steps[row] == step and cases.phase[row] == SOJOURN and cases.planned[row] < 0:
                cases.planned[row], cases.due[row] = way, finished_ns
                done.append(row)
        self._enter(np.array(done, dtype=np.int32))

    def _keep_calls(self, fired: Fired) -> None:
        """Write down when the chains have committed the calls that were made."""
        calling = np.flatnonzero((self._program.does[fired.way] & CALLS) != 0)
        if not len(calling):
            return
        calls = Fired._make(column[calling] for column in fired)
        delay_ns = self._delays(calls)
        committed = calls._replace(time_ns=calls.time_ns + delay_ns)
        buckets = committed.time_ns // self._terms.width_ns
        for bucket in np.unique(buckets[committed.time_ns < self._terms.horizon_ns]).tolist():
            mine = buckets == bucket
            self._calls.setdefault(bucket, []).append(Fired._make(column[mine] for column in committed))

    def _delays(self, calls: Fired) -> Cells:
        """From making each call to its commitment."""
        keys = key_of(calls.uid, calls.step.astype(np.int64), RECORD)
        place = np.searchsorted(self._known.key, keys)
        inside = place < len(self._known.key)
        found = np.zeros(len(keys), dtype=np.bool_)
        found[inside] = self._known.key[place[inside]] == keys[inside]
        delay_ns = estimated_ns(self._program.record_ns[calls.way], keys)
        delay_ns[found] = self._known.delay_ns[place[found]]
        return delay_ns

    def _execute_calls(self, bucket: int) -> None:
        """Let contracts answer what was committed in this bucket."""
        parts = self._calls.pop(bucket, None)
        if parts is None:
            return
        calls, cases = _sorted(_joined(parts)), self._pool.cases
        columns = (calls.case, calls.uid, calls.way, calls.time_ns, calls.facts)
        for row, uid, way, time_ns, facts in zip(*(column.tolist() for column in columns), strict=True):
            call = self._call_of[way]
            if call is None:
                raise ValueError(f"way {way} calls no contract")
            self._row_of[uid] = row
            parent, parent_uid = int(cases.parent[row]), uid
            if parent >= 0:
                # It may be told what became of what it called before the run.
                parent_uid = int(cases.uid[parent])
                self._row_of[parent_uid] = parent
            called = Called(
                call.method,
                time_ns,
                uid,
                parent_uid,
                int(cases.subject[row]),
                int(cases.root[row]),
                float(cases.amount[row]),
                self._facts_of(int(cases.workflow[row]), facts),
                bool(cases.old[row]),
            )
            answers = self._contracts[call.contract].apply(called)
            self._witness.saw(call.contract, called, answers)
            self._called += 1
            for answer in answers:
                told = self._row_of.get(answer.case)
                signal = self._signals.get(answer.signal)
                if told is not None and signal is not None:
                    self._mail.add(told, signal, time_ns, answer.case)

    def _facts_of(self, workflow: int, facts: int) -> frozenset[str]:
        known = self._fact_sets.get((workflow, facts))
        if known is None:
            known = self._country.names.fact_names(workflow, facts, truths=False)
            self._fact_sets[workflow, facts] = known
        return known

    def _tell(self, fired: Fired) -> None:
        """What cases say to each other."""
        cases, names = self._pool.cases, self._country.names
        telling = np.flatnonzero((self._program.does[fired.way] & TELLS) != 0)
        for at in telling.tolist():
            row, way, time_ns = int(fired.case[at]), int(fired.way[at]), int(fired.time_ns[at])
            for tell in names.transitions[way][1].tells:
                for other in self._told(tell.to, row):
                    self._mail.add(other, self._signals[tell.signal], time_ns, int(cases.uid[other]))

    def _told(self, to: str, row: int) -> list[int]:
        cases = self._pool.cases
        if to == "parent":
            parent = int(cases.parent[row])
            return [] if parent < 0 else [parent]
        if to == "children":
            children = []
            child = int(cases.child[row])
            while child >= 0:
                children.append(child)
                child = int(cases.sibling[child])
            return children
        same = np.flatnonzero(cases.subject[: self._pool.count] == cases.subject[row])
        others: list[int] = same[same != row].tolist()
        return others

    def _deliver(self, until_ns: int) -> None:
        """Give cases their signals, in the order in which these were sent."""
        mail, self._mail = self._mail, _Mail()
        if not mail.rows:
            return
        times_ns, uids = np.array(mail.times_ns), np.array(mail.uids, dtype=np.uint64)
        order = np.lexsort((np.arange(len(uids)), uids, times_ns))
        rows, signals = np.array(mail.rows, dtype=np.int32)[order], np.array(mail.signals, dtype=np.int32)[order]
        at_ns = np.maximum(times_ns[order] + self._terms.width_ns, until_ns)
        kept = np.zeros(len(rows), dtype=np.bool_)
        self._make_room(len(rows))
        self._signals_lost += deliver(
            self._program, self._terms, self._pool.cases, self._agenda, rows, signals, at_ns, kept
        )
        for at in np.flatnonzero(kept).tolist():
            self._mail.add(int(rows[at]), int(signals[at]), int(times_ns[order[at]]), int(uids[order[at]]))


def _buckets(terms: Terms) -> int:
    return -(-terms.horizon_ns // terms.width_ns)


def _log(program: Program, room: int) -> Log:
    deadlines = (len(program.deadlines), program.ops.shape[1])

    def rows() -> Rows:
        return np.empty(room, dtype=np.int32)

    def cells() -> Cells:
        return np.empty(room, dtype=np.int64)

    return Log(
        used=np.zeros(3, dtype=np.int64),
        case=rows(),
        way=rows(),
        time=cells(),
        step=rows(),
        facts=np.empty(room, dtype=np.uint64),
        job_case=rows(),
        job_way=rows(),
        job_time=cells(),
        job_work=cells(),
        loss_case=rows(),
        loss=rows(),
        loss_time=cells(),
        met=np.zeros(deadlines, dtype=np.int64),
        missed=np.zeros(deadlines, dtype=np.int64),
    )


def _fired(log: Log, cases: Cases) -> Fired:
    """A copy of what the log has."""
    used = int(log.used[0])
    rows = log.case[:used].copy()
    return Fired(
        rows,
        cases.uid[rows],
        log.way[:used].copy(),
        log.time[:used].copy(),
        log.step[:used].copy(),
        log.facts[:used].copy(),
    )


def _joined(parts: Sequence[Fired]) -> Fired:
    if len(parts) == 1:
        return parts[0]
    return Fired._make(np.concatenate(column) for column in zip(*parts, strict=True))


def _sorted(fired: Fired) -> Fired:
    order = np.lexsort((fired.step, fired.uid, fired.time_ns))
    return Fired._make(column[order] for column in fired)


def _no_losses() -> Lost:
    return Lost(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64))
