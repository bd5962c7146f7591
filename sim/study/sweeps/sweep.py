"""Running a study: what is missing of it, until it is precise enough.

Replications go round all points before the next one begins, so that a study that is stopped early says something of
every point. With a rule (``until``) a point gets no more replications once the first k of them, without a gap, are
enough; what workers ran beyond that is dropped. So the number of workers changes nothing that is kept.
"""

from __future__ import annotations

import math
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, cast

from sim.scenario import metric as known_metric
from sim.study.executors import Lost, check, opened
from sim.study.stats import TooShort, contiguous, enough, stop_at
from sim.study.sweeps.journal import SCENARIO, SCHEMA, Journal, other_file
from sim.study.sweeps.plan import Point, kept, points, seeds, shown
from sim.study.sweeps.steady import Warmup
from sim.study.sweeps.study import Study, value_of
from sim.study.sweeps.task import Outcome, Task, perform

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim.scenario import Scenario
    from sim.study.executors import Executor
    from sim.study.sweeps.plan import Over

REPLICATIONS: Final = 10
_LEAST: Final = 10
"""Replications before a rule may end a point, and from which the warm-up of a steady study is told."""


class Progress(Protocol):
    """Is told how a study goes on."""

    def __call__(self, done: int, total: int, failed: int) -> None:
        """So many runs are done of at most so many; so many of them failed."""
        ...


def _silent(done: int, total: int, failed: int) -> None:
    """Tell nobody."""


def sweep(  # noqa: PLR0913 - every one is a word of the command line
    scenario: Scenario,
    over: Over | None = None,
    replications: int = REPLICATIONS,
    *,
    where: str | None = None,
    until: float | None = None,
    metrics: Sequence[str] = (),
    executor: str = "processes",
    workers: int | None = None,
    scheduler: str | None = None,
    out: str | Path | None = None,
    progress: Progress = _silent,
) -> Study:
    """Run every point of a study with the same independent seeds.

    Args:
        scenario: from `sim.load`.
        over: values by dotted path; a tuple of paths changes together (`sim.study.sweeps.plan.points`).
        replications: of each point; the most of them, with ``until``.
        where: a condition on the parameters that keeps a point.
        until: the relative half-width of the 95 % interval of every metric's mean that is enough, such as 0.05.
        metrics: paths into the summary that the study is about; by default those of the scenario's objectives.
        executor: ``processes``, ``serial`` or ``dask`` (`sim.study.executors`).
        workers: processes; by default one for each processor.
        scheduler: address of a Dask scheduler.
        out: directory in which results are kept run by run: an interrupted study goes on there, and one with more
            points or replications runs only what is missing. None keeps them in memory.
        progress: told after every run.

    Raises:
        ScenarioError: a value does not fit.
        ValueError: what is asked does not go together.
        ForeignStudy: ``out`` holds something else, or results of other code.
        TooShort: a steady scenario's warm-up has not ended in the first half of its horizon.
    """
    plan = points(scenario, over or {}, where)
    return run_points(
        scenario,
        plan,
        Wanted(replications, until, tuple(metrics) or default_metrics(scenario)),
        Place(executor, workers, scheduler, Path(out) if out is not None else None, progress),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is wanted of every point.

    Attributes:
        replications: of each, or the most of them.
        until: enough relative half-width of each metric, or None.
        metrics: paths into the summary.
        counts: replications of each point, where they are not alike; at most ``replications``.

    Raises:
        ValueError: not to be had.
    """

    replications: int
    until: float | None
    metrics: tuple[str, ...]
    counts: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be."""
        if self.replications < 1:
            raise ValueError(f"{self.replications} replications; needs 1 or more")
        if self.until is not None and not 0 < self.until < 1:
            raise ValueError(f"until {self.until:g}: needs a share between 0 and 1 such as 5%")
        if self.until is not None and self.replications < _LEAST:
            raise ValueError(
                f"until needs {_LEAST} replications or more to judge by, and {self.replications} are allowed"
            )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study runs, and where it is kept; an executor and a journal that are open are used as they are.

    Raises:
        ValueError: they do not go together (`sim.study.executors.check`).
    """

    executor: str | Executor = "processes"
    workers: int | None = None
    scheduler: str | None = None
    out: Path | None = None
    progress: Progress = field(default=_silent)
    journal: Journal | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be before anything is written."""
        if isinstance(self.executor, str):
            check(self.executor, self.workers, self.scheduler)

    @contextmanager
    def opened(self) -> Iterator[Place]:
        """The same with executor and journal that stay open, for a study that grows."""
        journal = self.journal or Journal(self.out)
        if isinstance(self.executor, str):
            with opened(self.executor, self.workers, self.scheduler) as executor:
                yield replace(self, executor=executor, journal=journal)
        else:
            yield replace(self, journal=journal)


def default_metrics(scenario: Scenario) -> tuple[str, ...]:
    """What the scenario's objectives are about, or else the mean commit latency of its first chain."""
    metrics = tuple(dict.fromkeys(objective.metric for objective in scenario.slo))
    return metrics or (f"chains.{next(iter(scenario.chains))}.commit_latency_s.mean",)


def run_points(
    scenario: Scenario,
    plan: Sequence[Point],
    wanted: Wanted,
    place: Place,
    note: dict[str, Any] | None = None,
    *,
    search: Literal["part", "end"] | None = None,
) -> Study:
    """Run the replications of these points that are missing; as `sweep`, for points chosen otherwise.

    Args:
        scenario: what the points are changes of.
        plan: the points.
        wanted: how much of each.
        place: where.
        note: what else `study.json` is to say.
        search: it belongs to a search, which finds out what it wants as it goes on; tables are written at its end.
    """
    for metric in wanted.metrics:
        known_metric(scenario, metric)
    drawn = seeds(scenario, wanted.replications)
    ids = {(point.number, r): point.run_id(seed) for point in plan for r, seed in enumerate(drawn)}
    journal = place.journal or Journal(place.out)
    head: dict[str, Any] = {
        "schema": SCHEMA,
        "code_sha256": journal.code,
        "scenario": scenario.name,
        "question": scenario.question,
        "kind": scenario.kind,
        "metrics": list(wanted.metrics),
        "points": [{path: kept(value) for path, value in point.settings.items()} for point in plan],
        "others": [point.number for point in plan if point.other],
        "replications": wanted.replications,
        "until": wanted.until,
        **(note or {}),
    }
    texts = {SCENARIO: scenario.to_yaml()} | {other_file(point.number): point.text for point in plan if point.other}
    journal.begin(head, texts, None if search else ids.values())
    going = _Going(scenario, plan, drawn, wanted, journal, ids)
    started_s = time.perf_counter()
    going.settle()
    with replace(place, journal=journal).opened() as opened_place:
        executor = cast("Executor", opened_place.executor)
        tasks = list[Task]()

        def issued() -> Iterator[Task]:
            for task in going.missing():
                tasks.append(task)
                yield task

        going.tell(place.progress)
        with closing(executor.results(perform, issued())) as results:
            for number, outcome in results:
                if isinstance(outcome, Lost):
                    journal.add(Outcome(tasks[number].run_id, "lost", error=outcome.reason))
                else:
                    journal.add(outcome)
                going.settle()
                going.tell(place.progress)
                if going.complete:
                    break  # nobody waits for runs beyond what was enough
    rows = list(going.rows())
    head["warmup_s"] = going.warmup.cut_s if going.warmup else None
    if search != "part":
        journal.end(head, rows, rest=search is not None)
    return Study.of(
        scenario, plan, head, rows, [journal.done[row["run_id"]] for row in rows], time.perf_counter() - started_s
    )


class _Going:
    """A study under way: which points are settled, what is missing, and in the end what is kept."""

    def __init__(
        self,
        scenario: Scenario,
        plan: Sequence[Point],
        drawn: Sequence[int],
        wanted: Wanted,
        journal: Journal,
        ids: dict[tuple[int, int], str],
    ) -> None:
        self.scenario, self.plan, self.drawn, self.wanted = scenario, plan, drawn, wanted
        self.done, self.ids = journal.done, ids
        counts = wanted.counts or (wanted.replications,) * len(plan)
        self.enough = {point.number: count for point, count in zip(plan, counts, strict=True)}
        self.warmup: Warmup | None = None
        self._open = {point.number for point in plan}

    @property
    def complete(self) -> bool:
        """Whether every point has what is enough for it."""
        return all(self.ids[n, r] in self.done for n, count in self.enough.items() for r in range(count))

    def missing(self) -> Iterator[Task]:
        """What is to be run, as long as it is asked for."""
        for replication, seed in enumerate(self.drawn):
            for point in self.plan:
                run_id = self.ids[point.number, replication]
                if replication < self.enough[point.number] and run_id not in self.done:
                    yield Task(run_id, point.text, seed)

    def settle(self) -> None:
        """See which points have enough, and in a steady study where its warm-up ends."""
        if self.scenario.kind == "steady" and self.warmup is None:
            pilot = min(_LEAST, self.wanted.replications)
            ids = {point.number: [self.ids[point.number, r] for r in range(pilot)] for point in self.plan}
            if any(run_id not in self.done for theirs in ids.values() for run_id in theirs):
                return
            self.warmup = Warmup.of(self.scenario, {n: [self.done[i] for i in theirs] for n, theirs in ids.items()})
        if self.wanted.until is None:
            return
        for number in sorted(self._open):
            count = self._stops_at(number, self.wanted.until)
            if count is not None:
                self.enough[number] = count
                self._open.remove(number)

    def _stops_at(self, number: int, until: float) -> int | None:
        """The fewest replications, from the first on, that are enough for every metric; None if there are none yet."""
        outcomes: dict[int, Outcome] = {}
        while (run_id := self.ids.get((number, len(outcomes)))) in self.done:
            outcomes[len(outcomes)] = self.done[str(run_id)]
        metrics = self.wanted.metrics
        told = [
            replication
            for replication, outcome in outcomes.items()
            if outcome.status == "done" and not any(math.isnan(value_of(outcome, one, self.warmup)) for one in metrics)
        ]
        counts: list[int] = []
        for metric in self.wanted.metrics:
            values = contiguous({k: value_of(outcomes[r], metric, self.warmup) for k, r in enumerate(told)})
            if len(values) < _LEAST:
                return None
            count = stop_at(values, until)
            if count is None:
                return None
            counts.append(count)
        # The first length at which all are enough at once: a metric that was may not be any more.
        for count in range(max(counts), len(told) + 1):
            if all(
                enough([value_of(outcomes[r], metric, self.warmup) for r in told[:count]], until).met
                for metric in self.wanted.metrics
            ):
                return told[count - 1] + 1
        return None

    def tell(self, progress: Progress) -> None:
        """Say how far it is."""
        mine = [self.ids[n, r] for n, count in self.enough.items() for r in range(count)]
        done = [self.done[run_id] for run_id in mine if run_id in self.done]
        progress(len(done), len(mine), sum(outcome.status != "done" for outcome in done))

    def rows(self) -> Iterator[dict[str, Any]]:
        """What is kept, in order: points, and their replications up to what is enough."""
        paths = list(dict.fromkeys(path for point in self.plan for path in point.settings))
        for point in self.plan:
            for replication in range(self.enough[point.number]):
                yield {
                    "point": point.number,
                    "replication": replication,
                    "seed": self.drawn[replication],
                    "run_id": self.ids[point.number, replication],
                    **{path: shown(point.settings[path]) for path in paths if path in point.settings},
                }


__all__ = ["Place", "TooShort", "Wanted", "default_metrics", "run_points", "sweep"]
