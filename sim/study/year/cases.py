"""The docket's pass month by month: what fired is handed over at each month's end, and the pass put down now and then.

A pass that was interrupted goes on from the end of the last quarter, and months that were finished are not asked again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.casework.emitting import asked_by
from sim.casework.invariants import CaseViolation
from sim.casework.keys import STEP
from sim.casework.running import Running
from sim.kernel.civil import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from sim.casework.docket import Docket
    from sim.casework.emissions import Emissions
    from sim.casework.known import Known
    from sim.casework.log import Fired
    from sim.casework.running import Pass
    from sim.scenario import Scenario
    from sim.study.year.work import Work

    Cells = NDArray[np.int64]

GROUPS = 32
"""Families of cases are dealt out into so many groups, from whose differences the error of sampling is read
(random groups: Wolter, Introduction to Variance Estimation, chapter 2)."""
_DECEMBER = 12
_BUCKETS_A_NOTE = 24
_KEPT_EVERY = 3
"""Months after which a pass is put down: by the end of a year it is most of a gigabyte."""


@dataclass(frozen=True, slots=True)
class Month:
    """A month, or what of it lies in the horizon.

    Attributes:
        name: year and month, "2022-03".
        begin_ns, end_ns: since the start.
    """

    name: str
    begin_ns: int
    end_ns: int


def months(scenario: Scenario) -> list[Month]:
    """The months of a horizon."""
    found: list[Month] = []
    begin, horizon_ns = scenario.start, scenario.horizon
    end = begin + timedelta(microseconds=horizon_ns // 1000)
    while begin < end:
        following = min(_next(begin), end)
        first, last = (round((at - scenario.start) / timedelta(days=1)) * DAY_NS for at in (begin, following))
        found.append(Month(f"{begin:%Y-%m}", first, last))
        begin = following
    return found


def _next(day: datetime) -> datetime:
    later = day.replace(day=1, year=day.year + day.month // _DECEMBER, month=day.month % _DECEMBER + 1)
    return later.replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Lived:
    """What a sample's cases did in one month.

    Attributes:
        fired: what they did.
        emissions: what they asked of the chains.
        met, missed: (workflows, deadlines) periods of law that ended in this month.
        groups: (GROUPS, ways) how often each way out fired, by groups of families.
        violation: of an invariant, which ended the pass, as in `summary.json`.
    """

    fired: Fired
    emissions: Emissions
    met: Cells
    missed: Cells
    groups: Cells
    violation: dict[str, Any] | None


class Walk:
    """One pass over all months.

    Args:
        docket: of the sample.
        known: what the chains are known to have done.
        spans: the months.
        work: where months are kept.
        name: of the pass among the pieces there.
    """

    def __init__(self, docket: Docket, known: Known, spans: Sequence[Month], work: Work, name: str) -> None:
        self._docket, self._known, self._spans = docket, known, spans
        self._work, self._name = work, name
        self._running: Running | None = None
        self._last: tuple[int, Lived] | None = None

    def go(self, progress: Callable[[float], None]) -> Iterator[Lived]:
        """Each month's cases, in turn; those finished before are read back.

        Args:
            progress: called with the share of the pass that is done.
        """
        for number, month in enumerate(self._spans):
            lived: Lived | None = self._work.read(self._piece(number))
            if lived is None:
                lived = self._live(self._before(number), month, progress)
                if (number + 1) % _KEPT_EVERY == 0 and number + 1 < len(self._spans):
                    # What goes on from here is written first: a month before it would be of no use without.
                    self._work.keep(self._piece(number, "after"), self._before(number).kept())
                    self._work.drop(self._piece(number - _KEPT_EVERY, "after"))
                self._work.keep(self._piece(number), lived)
            progress((number + 1) / len(self._spans))
            yield lived
            if lived.violation is not None:
                return

    def lived(self, number: int) -> Lived:
        """A month of a pass that is done; the last one asked for is remembered."""
        if self._last is None or self._last[0] != number:
            lived: Lived = self._work.read(self._piece(number))
            self._last = (number, lived)
        return self._last[1]

    def finish(self, fired: Fired) -> Pass:
        """The pass when `go` has come to its end, with all that fired in it; it is over then."""
        passed = self._before(len(self._spans)).finish(None, fired)
        self.release()
        return passed

    def release(self) -> None:
        """Let go what only a pass that goes on needs: cases, contracts and desks of a whole country."""
        self._running = None

    def _piece(self, number: int, what: str = "month") -> str:
        return f"{self._name}-{what}-{number + 1:02d}"

    def _before(self, number: int) -> Running:
        """The pass as it stands at the beginning of a month, if no month after that was lived yet."""
        if self._running is None:
            self._running = Running(self._docket.country, self._known, self._docket.past)
            first = number
            while first and not self._work.has(self._piece(first - 1, "after")):
                first -= 1
            kept = self._work.read(self._piece(first - 1, "after")) if first else None
            if kept is not None:
                self._running.restore(kept)
            # Since then it lives again through what it lived through before, a violation at its end included.
            begin_ns = self._spans[first - 1].end_ns if kept is not None else 0
            with suppress(CaseViolation):
                for bucket in self._buckets(begin_ns, self._spans[number - 1].end_ns if number else 0):
                    self._running.step(bucket)
            self._running.taken()
        return self._running

    def _buckets(self, begin_ns: int, end_ns: int) -> range:
        width_ns = self._docket.country.terms.width_ns
        return range(begin_ns // width_ns, -(-end_ns // width_ns))

    def _live(self, running: Running, month: Month, progress: Callable[[float], None]) -> Lived:
        country = self._docket.country
        horizon_ns = country.terms.horizon_ns
        met, missed = running.ended
        violation: dict[str, Any] | None = None
        try:
            for bucket in self._buckets(month.begin_ns, month.end_ns):
                running.step(bucket)
                if bucket % _BUCKETS_A_NOTE == 0:
                    progress(bucket * country.terms.width_ns / horizon_ns)
            if month.end_ns == horizon_ns:
                running.check()
        except CaseViolation as broken:
            violation = told_of(broken)
        fired = running.taken()
        emissions = asked_by(country.program, country.names, country.counters, fired, running.provinces)
        met_now, missed_now = running.ended
        groups = _groups(running, fired, len(country.names.transitions))
        return Lived(fired, emissions, met_now - met, missed_now - missed, groups, violation)


def told_of(violation: CaseViolation) -> dict[str, Any]:
    """A violation of an invariant of cases as `violation` of `summary.json`."""
    return {
        "invariant": violation.invariant,
        "chain": violation.chain,
        "height": violation.height,
        "detail": violation.detail,
    }


def _groups(running: Running, fired: Fired, ways: int) -> Cells:
    """How often each way out fired in each group of families."""
    with np.errstate(over="ignore"):
        group = (running.roots[fired.case] * np.uint64(STEP)) >> np.uint64(64 - GROUPS.bit_length() + 1)
    counts = np.bincount(group.astype(np.int64) * ways + fired.way, minlength=GROUPS * ways)
    found: Cells = counts.reshape(GROUPS, ways)
    return found
