"""A year by tables, from a scenario to what is known of it.

Cases are stepped through the year by what idle chains take, once: that says how busy every chain is when. Chains are
run through the time around every fault, and as busy as in some hours; that makes tables. Cases are stepped through the
year once more, and every record, packet and check takes what was measured, or what tables say. Whatever is finished
stands in a work directory, so that a run that was killed goes on, and comes to the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sim.build.copies import between, of_midnight, together
from sim.build.docket import docket
from sim.build.emitted import emitted
from sim.build.estimates import check_ns, crossing_ns, record_ns
from sim.casework.emissions import Measured
from sim.casework.emitting import waited_for
from sim.casework.known import Known, nothing_known
from sim.casework.log import Fired
from sim.kernel.civil import DAY_NS, HOUR_NS
from sim.kernel.draws import Draws
from sim.kernel.engine import SECOND
from sim.scenario.casework import Casework
from sim.scenario.year import Year
from sim.study.docket import compare, steps_of
from sim.study.manifest import code_digest, run_id
from sim.study.year import chains, choice
from sim.study.year.answers import Answering
from sim.study.year.answers import joined as joined_answers
from sim.study.year.cases import Walk, months
from sim.study.year.load import Load, Windows
from sim.study.year.streams import counted
from sim.study.year.table import Tables
from sim.study.year.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from sim.build.emitted import Emitted
    from sim.casework.docket import Docket
    from sim.casework.emissions import Emissions
    from sim.casework.running import Pass
    from sim.scenario import Scenario
    from sim.study.docket import Moved
    from sim.study.year.answers import Answers
    from sim.study.year.cases import Lived as LivedMonth
    from sim.study.year.cases import Month
    from sim.study.year.chains import Ran, Span

    Cells = NDArray[np.int64]

_COMPARED = np.uint64(16)
"""Of so many steps one is compared between passes."""
_LONGER = 3
"""So many times as long is what is added to a window around a fault in which something still waits, and so many runs
are made of it at most."""
_PARTS = {"first": 0.35, "windows": 0.2, "second": 0.45}
"""Shares of a year's work, for progress."""


@dataclass(frozen=True, slots=True)
class OfMonth:
    """What is kept of one month of the last pass.

    Attributes:
        month: which.
        met, missed: (workflows, deadlines) of the sample, that ended in it.
        answers: what became of what it asked for, but for the answers themselves.
        groups: (GROUPS, ways) how often each way out fired.
    """

    month: Month
    met: Cells
    missed: Cells
    answers: Answers
    groups: Cells


@dataclass(frozen=True, slots=True)
class Lived:
    """A year that has been lived through.

    Attributes:
        docket: of the sample.
        passed: its last pass, with everything that fired.
        months: each month of that.
        load: of that, what falls around faults left out.
        around: those windows.
        tables: of what chains take.
        ran: all windows that chains were run through.
        moved: how far the last pass is from the one whose load chains ran at.
        midnight: kinds of records that come at midnight.
        violation: of an invariant of chains, as in `summary.json`, or of cases.
    """

    docket: Docket
    passed: Pass
    months: list[OfMonth]
    load: Load
    around: Windows
    tables: Tables
    ran: list[Ran]
    moved: Moved
    midnight: frozenset[str]
    violation: dict[str, Any] | None
    chain_runs: ClassVar[int] = 1
    platform: ClassVar[Mapping[str, Any]] = {}


def live(scenario: Scenario, seed: int, progress: Callable[[float], None], directory: Path | None = None) -> Lived:
    """Live through a year.

    Args:
        scenario: with `year`.
        seed: of the replication.
        progress: called with the share of the work that is done.
        directory: where finished pieces are kept, and taken from if there are some; a temporary one if left out.
    """
    if directory is None:
        with TemporaryDirectory(prefix="alliance-year-") as made:
            return _Living(scenario, seed, progress, Work(Path(made), "")).live()
    key = f"{run_id(scenario, seed)} {code_digest()}"
    return _Living(scenario, seed, progress, Work(directory, key)).live()


class _Living:
    def __init__(self, scenario: Scenario, seed: int, progress: Callable[[float], None], work: Work) -> None:
        self._scenario, self._seed, self._progress, self._work = scenario, seed, progress, work
        self._year = scenario.year or Year()
        self._spans = months(scenario)
        self._draws = Draws(seed)
        self._docket = docket(sample(scenario), seed)
        self._ids = tuple(scenario.chains)
        self._check_ns = check_ns(scenario)

    def live(self) -> Lived:
        """All of it, in the order of the module's first lines."""
        first = self._walk("first", nothing_known())
        steps = [_steps(lived.fired) for lived in first.go(self._told("first"))]
        first.release()
        midnights = self._scenario.horizon // DAY_NS
        midnight = of_midnight((lived.emissions for lived in self._again(first)), midnights)
        ran, around = self._run_chains(first, midnight)
        tables = self._tables(ran)
        load = self._load(first, midnight, around)
        answering = self._answering(tables, load, around, midnight, ran)
        known = joined_answers([self._known(answering, lived) for lived in self._again(first)])
        second = self._walk("second", Known(known.key, known.delay_ns, known.answer))
        fired, after, violation = [], [], None
        for lived in second.go(self._told("second")):
            fired.append(lived.fired)
            after.append(_steps(lived.fired))
            violation = lived.violation
        moved = compare(_all_steps(steps), _all_steps(after))
        del steps, after
        load = self._load(second, midnight, around)
        answering = self._answering(tables, load, around, midnight, ran)
        of_months = [
            OfMonth(month, lived.met, lived.missed, self._kept(answering, lived.emissions), lived.groups)
            for month, lived in zip(self._spans, self._again(second), strict=False)
        ]
        broken = next((each.violation for each in ran if each.violation is not None), None)
        return Lived(
            docket=self._docket,
            passed=second.finish(_joined(fired)),
            months=of_months,
            load=load,
            around=around,
            tables=tables,
            ran=ran,
            moved=moved,
            midnight=midnight,
            violation=violation or broken,
        )

    def _walk(self, name: str, known: Known) -> Walk:
        return Walk(self._docket, known, self._spans, self._work, name)

    def _again(self, walk: Walk) -> Iterator[LivedMonth]:
        """The months of a pass that is done, one at a time."""
        return walk.go(lambda _: None)

    def _told(self, part: str) -> Callable[[float], None]:
        """Progress of a part of the work, as progress of all of it."""
        before = sum(share for name, share in _PARTS.items() if [*_PARTS].index(name) < [*_PARTS].index(part))
        return lambda share: self._progress(before + _PARTS[part] * share)

    def _taken(self, emissions: Emissions) -> Emitted:
        """Emissions of the sample as the chains take them, with the records that packets leave."""
        return emitted(self._scenario, self._draws, emissions, {})

    def _known(self, answering: Answering, lived: LivedMonth) -> Measured:
        """What became of those of a month's things that somebody waits for."""
        measured = answering.month(self._taken(lived.emissions), self._check_ns).measured
        wanted = np.isin(measured.key, waited_for(self._docket.country.program, lived.fired))
        return Measured(measured.key[wanted], measured.delay_ns[wanted], measured.answer[wanted])

    def _kept(self, answering: Answering, emissions: Emissions) -> Answers:
        """What became of a month, without each thing's own answer."""
        answers = answering.month(self._taken(emissions), self._check_ns)
        return replace(answers, measured=joined_answers(()))

    def _load(self, walk: Walk, midnight: frozenset[str], without: Windows) -> Load:
        streams = counted(self._scenario, self._draws, without)
        load = Load.none(self._ids, self._scenario.horizon).beside(*streams)
        for lived in self._again(walk):
            load.add(self._taken(lived.emissions), midnight, without)
        return load

    def _run_chains(self, first: Walk, midnight: frozenset[str]) -> tuple[list[Ran], Windows]:
        """All windows, and those around faults as long as they became."""
        told = self._told("windows")
        found = []
        storms = choice.storms(self._scenario, self._year)
        for number, span in enumerate(storms):
            until_ns = storms[number + 1].begin_ns if number + 1 < len(storms) else self._scenario.horizon
            found.append(self._drained(first, midnight, span, until_ns))
            told((number + 1) / len(storms) / 2)
        around = Windows.of([(each.span.begin_ns, each.span.end_ns) for each in found])
        load = self._work.once("load", lambda: self._load(first, midnight, around))
        calm = [*choice.levels(load, self._year, around), *choice.bursts(load, self._year, around)]
        for number, span in enumerate(calm):
            found.append(self._window(first, midnight, span))
            told(0.5 + (number + 1) / len(calm) / 2)
        return found, around

    def _drained(self, first: Walk, midnight: frozenset[str], span: Span, until_ns: int) -> Ran:
        """A window around a fault, longer until nothing waits at its end, or the next one begins."""
        longer_ns = self._year.margin
        for _ in range(_LONGER):
            ran = self._window(first, midnight, span)
            waiting = any(chain.unfinished for chain in ran.chains.values())
            if not waiting or span.end_ns + longer_ns > until_ns or ran.violation is not None:
                break
            span = replace(span, end_ns=span.end_ns + longer_ns)
            longer_ns *= _LONGER
        return ran

    def _window(self, first: Walk, midnight: frozenset[str], span: Span) -> Ran:
        name = f"window-{span.kind}-{span.begin_ns // SECOND}-{span.end_ns // SECOND}-{span.copies}"

        def run() -> Ran:
            emissions = self._emissions(first, span.from_ns, span.end_ns)
            return chains.run(self._scenario, self._seed, emissions, midnight, span)

        return self._work.once(name, run)

    def _emissions(self, first: Walk, begin_ns: int, end_ns: int) -> Emissions:
        """What the sample asks for in the hours that a window touches."""
        first_ns, last_ns = begin_ns // HOUR_NS * HOUR_NS, -(-end_ns // HOUR_NS) * HOUR_NS
        numbers = [
            number for number, month in enumerate(self._spans) if month.begin_ns < last_ns and month.end_ns > first_ns
        ]
        return together([between(first.lived(number).emissions, first_ns, last_ns) for number in numbers])

    def _tables(self, ran: Sequence[Ran]) -> Tables:
        links = self._scenario.links
        return Tables.of(
            ran,
            record_ns(self._scenario),
            {link_id: link.source for link_id, link in links.items()},
            {link_id: crossing_ns(self._scenario, link_id) for link_id in links},
        )

    def _answering(
        self, tables: Tables, load: Load, around: Windows, midnight: frozenset[str], ran: Sequence[Ran]
    ) -> Answering:
        exact = [each.own for each in ran if each.own is not None]
        one_in = self._year.one_in
        return Answering(
            tables,
            load.rates(around, one_in),
            (load.bursts * one_in).astype(np.float64),
            load,
            midnight,
            exact,
            self._draws,
        )


def sample(scenario: Scenario) -> Scenario:
    """The scenario of the cases that are followed."""
    year, casework = scenario.year or Year(), scenario.casework or Casework()
    return scenario.model_copy(update={"casework": casework.model_copy(update={"share": casework.share / year.one_in})})


def _steps(fired: Fired) -> tuple[NDArray[np.uint64], Cells]:
    """What one in so many steps is called, and when it fired."""
    some = np.flatnonzero(fired.uid % _COMPARED == 0)
    return steps_of(Fired._make(column[some] for column in fired))


def _all_steps(parts: Sequence[tuple[NDArray[np.uint64], Cells]]) -> tuple[NDArray[np.uint64], Cells]:
    keys, times_ns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return keys, times_ns


def _joined(parts: list[Fired]) -> Fired:
    """All of these, column by column, each of which is let go when it is done: a year's is half a gigabyte."""
    columns = [list(part) for part in parts]
    parts.clear()
    return Fired._make(np.concatenate([part.pop(0) for part in columns]) for _ in Fired._fields)
