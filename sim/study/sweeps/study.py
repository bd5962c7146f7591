"""A study that was run: its tables, what it says of a metric at each point, and how points compare."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.display import Shown
from sim.scenario import load_text
from sim.study.slo import look_up
from sim.study.stats import compare_all, t_interval
from sim.study.store import as_json, finite
from sim.study.sweeps import journal
from sim.study.sweeps.plan import column, explicit, other, said, short_names
from sim.study.sweeps.steady import STATISTICS, Warmup, latency_s
from sim.study.sweeps.task import SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from sim.scenario import Scenario
    from sim.study.sweeps.plan import Point
    from sim.study.sweeps.task import Outcome

_CHAIN_PATH: Final = 4
"""Words of ``chains.ID.commit_latency_s.STATISTIC``."""


def value_of(outcome: Outcome, metric: str, warmup: Warmup | None) -> float:
    """A metric of a run that is done; commit latencies of a steady study without its warm-up.

    Not a number where nothing stands behind it.

    Raises:
        ValueError: the run has no such number.
    """
    if outcome.summary is None:
        raise ValueError(f"run {outcome.run_id} has no summary: {outcome.error}")
    words = metric.split(".")
    if warmup is not None and words[0] == "chains" and len(words) == _CHAIN_PATH and words[2] == "commit_latency_s":
        value = latency_s(outcome, words[1], words[3], warmup.slots) if words[3] in {"mean", *STATISTICS} else None
        return math.nan if value is None else value
    return look_up(outcome.summary, metric)


@dataclass(frozen=True, repr=False)
class Study(Shown):
    """What came out of a study.

    Attributes:
        scenario: what the points are changes of.
        points: the combinations of parameters, in order.
        head: what `study.json` says: question, metrics, replications, rule, warm-up.
        wall_s: how long it took, what was there before not counted; 0 for one that was read.
    """

    scenario: Scenario
    points: tuple[Point, ...]
    head: dict[str, Any]
    wall_s: float
    _rows: tuple[dict[str, Any], ...]
    _outcomes: tuple[Outcome, ...]

    def __repr__(self) -> str:
        """One line."""
        failed = f", {self.broken} without a result" if self.broken else ""
        return f"<Study {self.scenario.name}: {len(self.points)} points, {len(self._rows)} runs{failed}>"

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        plan: Sequence[Point],
        head: dict[str, Any],
        rows: Sequence[dict[str, Any]],
        outcomes: Sequence[Outcome],
        wall_s: float,
    ) -> Study:
        """A study from its parts; ``rows`` and ``outcomes`` belong to each other."""
        return cls(scenario, tuple(plan), head, wall_s, tuple(rows), tuple(outcomes))

    @classmethod
    def read(cls, directory: str | Path) -> Study:
        """A study from its directory, as far as it has come.

        Raises:
            ForeignStudy: it is not one, or has not come to its end.
        """
        import polars as pl

        place = Path(directory)
        head = journal.read_head(place)
        if not (place / journal.RUNS).is_file():
            raise journal.ForeignStudy(f"{place} has not come to its end; the same command goes on with it")
        scenario = load_text((place / journal.SCENARIO).read_text(encoding="utf-8"))
        changes = {n: settings for n, settings in enumerate(head["points"]) if n not in head["others"]}
        made = dict(zip(changes, explicit(scenario, list(changes.values())), strict=True))
        plan = [
            replace(made[n], number=n)
            if n in made
            else other(n, settings, load_text((place / journal.other_file(n)).read_text(encoding="utf-8")))
            for n, settings in enumerate(head["points"])
        ]
        paths = list(dict.fromkeys(path for point in head["points"] for path in point))
        frame = pl.read_parquet(place / journal.RUNS)
        told = frame.select(
            "point", "replication", "seed", "run_id", *(path for path in paths if path in frame.columns)
        )
        rows = [{key: value for key, value in row.items() if value is not None} for row in told.iter_rows(named=True)]
        done = journal.outcomes(place)
        return cls.of(scenario, plan, head, rows, [done[row["run_id"]] for row in rows], 0.0)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Paths into the summary that the study is about."""
        return tuple(self.head["metrics"])

    @property
    def broken(self) -> int:
        """How many runs have no result: their code broke down, or their worker was killed."""
        return sum(outcome.status != "done" for outcome in self._outcomes)

    @property
    def warmup(self) -> Warmup | None:
        """What is left out of steady runs."""
        cut_s = self.head.get("warmup_s")
        if cut_s is None:
            return None
        return Warmup(round(cut_s * 1e9 / -(-self.scenario.horizon // SLOTS)), cut_s)

    @property
    def parameters(self) -> dict[str, str]:
        """The paths that change from point to point, and a short name for each."""
        return short_names(list(dict.fromkeys(path for point in self.points for path in point.settings)))

    @property
    def runs(self) -> pl.DataFrame:
        """A row per run: point, replication, seed, parameters, status, verdict, and every number of its summary."""
        return journal.runs_frame(self._rows, self._outcomes)

    def label(self, number: int) -> str:
        """A point in words, as short as its parameters' names allow."""
        names = self.parameters
        return said({names[path]: value for path, value in self.points[number].settings.items()})

    def outcomes(self, number: int) -> list[Outcome]:
        """The runs of a point, in the order of their replications."""
        return self._by_point.get(number, [])

    @cached_property
    def _by_point(self) -> dict[int, list[Outcome]]:
        found: dict[int, list[Outcome]] = {}
        for row, outcome in zip(self._rows, self._outcomes, strict=True):
            found.setdefault(row["point"], []).append(outcome)
        return found

    def values(self, metric: str, number: int) -> NDArray[np.float64]:
        """A metric of the runs of a point that are done and have it, shape (replications,)."""
        return np.array(list(self._done(metric, number).values()))

    def table(self, metric: str | None = None, confidence: float = 0.95) -> pl.DataFrame:
        """A metric at each point: parameters, replications, mean and interval, verdicts.

        Columns: ``point``, a column for each parameter by its short name, ``n``, ``failed`` (runs without a result),
        ``mean``, ``low``, ``high`` (Student's interval), ``passed`` (share of runs with the verdict `pass`).
        """
        import polars as pl

        metric = self.metrics[0] if metric is None else metric
        rows = []
        for point in self.points:
            values, outcomes = self.values(metric, point.number), self.outcomes(point.number)
            interval = t_interval(values, confidence) if len(values) else None
            verdicts = [outcome.summary["verdict"] for outcome in outcomes if outcome.summary]
            rows.append(
                {
                    "n": len(values),
                    "failed": len(outcomes) - len(values),
                    "mean": interval.mean if interval else None,
                    "low": interval.low if interval else None,
                    "high": interval.high if interval else None,
                    "passed": verdicts.count("pass") / len(verdicts) if verdicts else None,
                }
            )
        parameters = {
            name: column([point.settings.get(path, "") for point in self.points])
            for path, name in self.parameters.items()
        }
        numbers = pl.DataFrame({"point": [point.number for point in self.points], **parameters})
        return numbers.hstack(pl.DataFrame(rows, schema_overrides={"mean": pl.Float64}).get_columns())

    def compare(self, metric: str | None = None, baseline: int = 0, confidence: float = 0.95) -> pl.DataFrame:
        """Every point against one, in replications of the same seeds.

        Columns: ``point``, ``label``, ``n`` pairs, ``difference`` (point less baseline), ``low``, ``high`` (all hold
        together), ``p`` (Holm's), ``differs`` (Holm's decision), ``variance_ratio`` (what common random numbers bought:
        independent runs would need as many times the replications).

        Raises:
            StatisticsError: there is nothing to compare with, or a point has no run that is done in both.
        """
        import polars as pl

        metric = self.metrics[0] if metric is None else metric
        others = [point.number for point in self.points if point.number != baseline]
        first, *rest = self.paired(metric, [baseline, *others])
        found = compare_all(first, dict(zip(map(str, others), rest, strict=True)), confidence)
        return pl.DataFrame(
            [
                {
                    "point": int(number),
                    "label": self.label(int(number)),
                    "n": one.difference.interval.n,
                    "difference": one.difference.interval.mean,
                    "low": one.difference.interval.low,
                    "high": one.difference.interval.high,
                    "p": one.adjusted_p_value,
                    "differs": one.differs,
                    "variance_ratio": one.difference.variance_ratio,
                }
                for number, one in found.systems.items()
            ],
            schema_overrides={"variance_ratio": pl.Float64},
        )

    def paired(self, metric: str, numbers: Sequence[int]) -> list[NDArray[np.float64]]:
        """A metric at these points in the replications that are done at all of them, each of shape (pairs,).

        Points may have different numbers of replications, and some may have failed.
        """
        done = [self._done(metric, number) for number in numbers]
        shared = sorted(set.intersection(*(set(values) for values in done)))
        return [np.array([values[replication] for replication in shared]) for values in done]

    def _done(self, metric: str, number: int) -> dict[int, float]:
        values = {
            replication: value_of(outcome, metric, self.warmup)
            for replication, outcome in enumerate(self.outcomes(number))
            if outcome.status == "done"
        }
        return {replication: value for replication, value in values.items() if not math.isnan(value)}

    def to_json(self) -> str:
        """What scripts read: the head, and of each metric a row per point."""
        tables = {metric: self.table(metric).to_dicts() for metric in self.metrics}
        return as_json(finite({**self.head, "results": tables}))
