"""One point, one replication, one code version: from a scenario to a `Run`."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim.build import build
from sim.build.docket import docket
from sim.build.platform import platform
from sim.casework.outcome import steps_table
from sim.chain.invariants import InvariantViolation
from sim.display import Shown
from sim.metrics.tables import TABLES
from sim.scenario.casework import Casework
from sim.study import frames
from sim.study import manifest as manifests
from sim.study.docket import Ran, settle
from sim.study.follow import NoSuchCase, stories
from sim.study.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import polars as pl

    from sim.casework.emissions import Emissions, Measured
    from sim.chain.watched import Watch
    from sim.metrics.recorder import Recorder
    from sim.scenario import Scenario
    from sim.study.docket import Settled
    from sim.study.follow import Story
    from sim.study.frames import Saved

_STORIES = 3
"""So many cases are told of in every run with workflows."""
_MANY = 100_000
"""A run of fewer events and records leaves little behind, and looking for it takes longer than the run."""
SLICES = 200
"""Progress is reported this many times in a run."""


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """What came out of a run.

    Attributes:
        scenario: what was run.
        summary: the deterministic result, schema 1 (see ARCHITECTURE.md); the same bytes for the same scenario, seed,
            code and lock file.
        trace_hash: over every event and fact of the run.
        manifest: software, environment and wall time; differs from run to run.
        stories: of the cases that were asked for, and of a few others.
    """

    scenario: Scenario
    summary: dict[str, Any]
    trace_hash: str
    manifest: dict[str, Any]
    _recorder: Recorder | Saved = field(repr=False)
    stories: tuple[Story, ...] = ()

    def __repr__(self) -> str:
        said = f"{self.summary['verdict']}, {self.summary['simulated_s']:g} s simulated, seed {self.summary['seed']}"
        return f"<Run {self.summary['scenario']}: {said}, trace {self.trace_hash[:12]}>"

    def __dir__(self) -> list[str]:
        """What a notebook completes: the public names."""
        return [name for name in super().__dir__() if not name.startswith("_") or name.startswith("__")]

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables, for `table` and `scan`."""
        return tuple(TABLES)

    def table(self, name: str) -> pl.DataFrame:
        """One of the run's tables as a polars frame; `sim.metrics.tables` lists names, columns and units.

        Raises:
            KeyError: there is no such table.
        """
        return self.scan(name).collect()

    def scan(self, name: str, chain: str | None = None) -> pl.LazyFrame:
        """`table`, of one chain if given, to be collected in parts: a day's transactions take half a gigabyte.

        Raises:
            KeyError: there is no such table.
        """
        return frames.scan(self._recorder, name, chain)

    @staticmethod
    def read(directory: str | Path) -> Run:
        """The run that a run directory holds, whose tables are read where they are looked at.

        Raises:
            NotARun: the directory does not hold one, or one that another version wrote.
            ScenarioError: its ``scenario.yaml`` cannot be read.
        """
        from sim.study.saved import read_run

        return read_run(directory)

    def save(self, directory: str | Path, *, force: bool = False) -> Path:
        """Write the run directory: scenario, manifest, summary, tables and, where cases were followed, their stories.

        Raises:
            FileExistsError: the directory exists and ``force`` is false, or it exists and is not a run directory.
            OSError: it cannot be written; nothing is left half-written.
        """
        from sim.study.store import save_run

        return save_run(self, directory, force=force)


def run(
    scenario: Scenario,
    seed: int | None = None,
    progress: Callable[[float], None] | None = None,
    follow: Sequence[str] = (),
    watch: Watch | None = None,
    work: Path | None = None,
) -> Run:
    """Run one replication of a scenario.

    Args:
        scenario: from `sim.load`.
        seed: overrides the scenario's own.
        progress: called with the share of simulated time that has passed, in [0, 1].
        follow: cases whose stories are wanted, by their uids or workflows (`sim.study.follow`).
        watch: sees messages and what CPUs do in a window (`sim.study.retrace`); the run is the same.
        work: directory in which a run by tables (`year`) keeps what is finished, and from which it goes on.

    Raises:
        NoSuchCase: one of them did nothing in the run, or none is told of in a run by tables.
        FileExistsError: the work directory holds something else.

    An invariant that breaks ends the run there, with the verdict `diverged` or `violated`.
    """
    chosen = scenario.seed if seed is None else seed
    if scenario.year is not None:
        return _run_year(scenario, chosen, progress, follow, work)
    told: tuple[Story, ...]
    started_s = time.perf_counter()
    with _rare_collections():
        if scenario.workflows:
            cases, ran, told = _run_with_cases(scenario, chosen, progress, follow, watch)
        else:
            told = ()
            cases, ran = None, _run_chains(scenario, chosen, progress, watch=watch)
    alliance = ran.alliance
    simulated_s = time.perf_counter() - started_s
    summary = summarise(scenario, chosen, alliance, ran.violation, cases)
    recorder = alliance.recorder
    del alliance, ran, cases
    if summary["events"] + summary["proofs"]["deposited"] > _MANY:
        gc.collect()  # a day's chains are a gigabyte, and whoever writes the run needs room
    return Run(
        scenario=scenario,
        summary=summary,
        trace_hash=summary["trace_hash"],
        manifest=manifests.describe(scenario, chosen, summary, simulated_s),
        _recorder=recorder,
        stories=told,
    )


def _run_year(
    scenario: Scenario,
    seed: int,
    progress: Callable[[float], None] | None,
    follow: Sequence[str],
    work: Path | None,
) -> Run:
    """Run months by tables."""
    from sim.study.year.run import live
    from sim.study.year.summary import summarise as summarise_year
    from sim.study.year.tables import recorded

    if follow:
        raise NoSuchCase(f"'{follow[0]}': a run by tables tells of no case")
    started_s = time.perf_counter()
    with _rare_collections():
        lived = live(scenario, seed, progress or (lambda _: None), work)
        summary = summarise_year(scenario, seed, lived)
    return Run(
        scenario=scenario,
        summary=summary,
        trace_hash=summary["trace_hash"],
        manifest=manifests.describe(scenario, seed, summary, time.perf_counter() - started_s),
        _recorder=recorded(scenario, lived),
    )


def _run_chains(
    scenario: Scenario,
    seed: int,
    progress: Callable[[float], None] | None,
    emissions: Emissions | None = None,
    known: Measured | None = None,
    watch: Watch | None = None,
) -> Ran:
    """Run the chains to the horizon, or to where an invariant breaks."""
    alliance = build(scenario, seed, emissions=emissions, known=known, watch=watch)
    violation: InvariantViolation | None = None
    try:
        for piece in range(1, SLICES + 1):
            alliance.engine.run(until=alliance.horizon_ns * piece // SLICES)
            if progress is not None:
                progress(piece / SLICES)
    except InvariantViolation as broken:
        violation = broken
    if emissions is None:
        alliance.retire()  # nobody will ask for a proof
    alliance.finish()
    return Ran(alliance, violation)


def _run_with_cases(
    scenario: Scenario,
    seed: int,
    progress: Callable[[float], None] | None,
    follow: Sequence[str],
    watch: Watch | None,
) -> tuple[Settled, Ran, tuple[Story, ...]]:
    """Run cases and chains to and fro until they agree."""
    casework = scenario.casework or Casework()

    def chains(emissions: Emissions, known: Measured | None) -> Ran:
        return _run_chains(scenario, seed, progress, emissions, known, watch)

    settled = settle(
        docket(scenario, seed),
        chains,
        casework.tolerance_ns(scenario.horizon),
        casework.passes,
        platform(scenario, seed),
    )
    country = settled.docket.country
    settled.alliance.recorder.columns("steps", steps_table(country.program, country.names, settled.passed))
    told = stories(scenario, settled, follow, _STORIES)
    settled.alliance.retire()
    return settled, Ran(settled.alliance, settled.violation), told


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector look for cycles a hundred times less often; by default it takes a seventh of a run.

    Messages and timers come and go by the million, but in no cycles, so there is next to nothing to find.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(thresholds[0] * 100, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
