"""A pass under way: one bucket after the other, and what leaves the cases settled at each one's end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.casework.columns import SOJOURN, Agenda, Cases
from sim.casework.compiled.stepping import advance, deliver, due_in, entries_in, schedule
from sim.casework.contracts.interface import Called
from sim.casework.keys import RECORD, key_of
from sim.casework.log import Fired, Lost, fired_of, in_order, joined, new_log, no_losses, nothing_fired
from sim.casework.pool import Pool
from sim.casework.program import CALLS, TELLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sim.casework.contracts.interface import Contract
    from sim.casework.country import Country, Desks
    from sim.casework.invariants import CaseViolation
    from sim.casework.known import Known
    from sim.casework.past import Past

    Cells = NDArray[np.int64]
    Rows = NDArray[np.int32]

_LEAST_ROOM = 1 << 16
_LOGGED = 1 << 18
_KEPT = (
    *("_lost", "_contracts", "_desks", "_witness", "_row_of", "_calls", "_mail", "_fact_sets", "_jobs"),
    *("_signals_lost", "_called"),
)
"""What changes in a pass and is neither cases, agenda, nor log."""
_CHILDREN = 2
"""Room for so many cases for each that begins by itself: about one more is begun by others."""


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


class Running:
    """A pass under way."""

    def __init__(self, country: Country, known: Known, past: Past) -> None:
        self._country, self._known, self._past = country, known, past
        self._program, self._terms = country.program, country.terms
        born = country.births.between(0, country.terms.horizon_ns)
        self._pool = Pool(past.cases.grown(past.count + _CHILDREN * len(born.uid) + _LEAST_ROOM), past.count)
        self._agenda = Agenda.make(country.terms.buckets, max(_LEAST_ROOM, 2 * past.count))
        self._log = new_log(country.program, _LOGGED)
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

    def taken(self) -> Fired:
        """What fired since this was asked last; it is let go here."""
        fired, self._fired = (joined(self._fired) if self._fired else None), []
        return nothing_fired() if fired is None else fired

    @property
    def provinces(self) -> NDArray[np.int16]:
        """Of every case so far, by its row."""
        return self._pool.cases.province[: self._pool.count]

    @property
    def roots(self) -> NDArray[np.uint64]:
        """The first of every case's family, by its row."""
        return self._pool.cases.root[: self._pool.count]

    @property
    def ended(self) -> tuple[Cells, Cells]:
        """(workflows, deadlines) met and missed so far."""
        return self._log.met.copy(), self._log.missed.copy()

    def kept(self) -> dict[str, Any]:
        """All that a pass has come to between two buckets, to be pickled; what fired is `taken` before."""
        return {name: getattr(self, name) for name in _KEPT} | {
            "cases": Cases._make(column[: self._pool.count] for column in self._pool.cases),
            "room": len(self._pool.cases.uid),
            "entries": self._agenda._replace(
                case=self._agenda.case[: self._agenda.used[0]], before=self._agenda.before[: self._agenda.used[0]]
            ),
            "ended": self.ended,
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on from what another pass of the same country had `kept`."""
        for name in _KEPT:
            setattr(self, name, kept[name])
        self._pool = Pool(kept["cases"].grown(kept["room"]), len(kept["cases"].uid))
        self._agenda = kept["entries"].grown(max(_LEAST_ROOM, 2 * len(kept["entries"].case)))
        met, missed = kept["ended"]
        self._log.met[:], self._log.missed[:] = met, missed

    def check(self) -> None:
        """When all buckets are done, let contracts and witness look at their books; raises `CaseViolation`."""
        for contract in self._contracts.values():
            contract.check()
        self._witness.finish()

    def finish(self, violation: CaseViolation | None, fired: Fired | None = None) -> Pass:
        """The pass, as far as it came.

        Args:
            violation: that ended it.
            fired: all that fired, where it was `taken` piece by piece.
        """
        if fired is None:
            fired = joined(self._fired)
        lost = [np.concatenate(column) for column in zip(*self._lost, strict=True)] if self._lost else None
        return Pass(
            cases=self._pool.cases,
            count=self._pool.count,
            fired=fired,
            lost=no_losses() if lost is None else Lost._make(lost),
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
            fired.append(fired_of(self._log, self._pool.cases))
            self._keep_jobs_and_losses()
            self._log.used[:] = 0
            if begin >= count:
                return in_order(joined(fired))

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
        return self._known.delays_ns(keys, self._program.record_ns[calls.way])

    def _execute_calls(self, bucket: int) -> None:
        """Let contracts answer what was committed in this bucket."""
        parts = self._calls.pop(bucket, None)
        if parts is None:
            return
        calls, cases = in_order(joined(parts)), self._pool.cases
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
