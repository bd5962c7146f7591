"""A study's metrics for people: what each is called, in which unit, which way is better, and how it came out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sim.report import wording
from sim.report.study_axes import axes
from sim.report.study_names import AS_IT_STANDS, called, capital, labelled
from sim.study.stats import StatisticsError
from sim.study.sweeps.capacity import judge
from sim.study.sweeps.plan import seeds, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sim.report.study_axes import Axis
    from sim.report.words import Words
    from sim.scenario.slo import Slo
    from sim.study.sweeps.capacity import Judgement
    from sim.study.sweeps.study import Study

FEWEST, MOST = 2, 40
"""So many points are compared with the first; of more than that each decision would need a larger difference."""
_Scale: TypeAlias = "tuple[tuple[float, float, str], ...]"
"""From which size on numbers are divided by what, and what they are then."""
_SECONDS: Final[_Scale] = (
    *((172_800.0, 86_400.0, "d"), (7_200.0, 3_600.0, "h"), (600.0, 60.0, "min")),
    *((1.0, 1.0, "s"), (1e-3, 1e-3, "ms"), (1e-6, 1e-6, "µs"), (0.0, 1e-9, "ns")),
)
_BYTES: Final[_Scale] = (
    *((size, size, unit) for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))),
    (0.0, 1.0, "B"),
)
_PLAIN: Final[_Scale] = ((0.0, 1.0, ""),)
_PER_SECOND: Final[_Scale] = ((0.0, 1.0, "/s"),)
_MOST_DIGITS: Final = 7
_MORE_IS_BETTER: Final = frozenset(
    ("throughput_tps", "goodput_tps", "records", "delivered", "acknowledged", "completed", "met", "passed", "answered")
)
_LESS_IS_BETTER: Final = frozenset(
    (
        *("unfinished", "rejected", "missed", "stuck", "timed_out", "torn", "accepted_forged", "accepted_stale"),
        *("executed_twice", "late_success", "repairs", "view_changes", "storage_bytes", "mempool_peak", "unanswered"),
        *("refused", "signals_lost", "messages", "bytes", "losses"),
    )
)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a metric's numbers are divided by, and what they are then said in."""

    factor: float
    name: str

    def put(self, number: str) -> str:
        """A number with its unit."""
        return f"{number}{self.name}" if self.name.startswith("/") else f"{number} {self.name}".rstrip()


def unit_of(path: str, values: Iterable[float]) -> Unit:
    """The unit that suits the largest of some values of a metric."""
    words = path.split(".")
    if any(word.endswith("_s") for word in words):
        scale = _SECONDS
    elif any(word == "bytes" or word.endswith("_bytes") for word in words):
        scale = _BYTES
    else:
        scale = _PER_SECOND if any(word.endswith("_tps") for word in words) else _PLAIN
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if not largest:
        return Unit(1.0, "s") if scale is _SECONDS else Unit(*scale[-1][1:])
    return next(Unit(factor, name) for least, factor, name in scale if largest >= least)


def direction(path: str, objectives: Iterable[Slo]) -> int:
    """-1 where less of a metric is better, 1 where more is, 0 where nobody says; objectives come first."""
    for objective in objectives:
        if objective.at_most is not None:
            return -1
        if objective.at_least is not None:
            return 1
    words = path.split(".")
    if any(word in _LESS_IS_BETTER or (word.endswith("_s") and word != "age_s") for word in words[1:]):
        return -1
    return int(any(word in _MORE_IS_BETTER for word in words[1:]))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric at a point.

    Attributes:
        point: its number.
        label: its parameters.
        n: runs behind it.
        failed: runs without a result.
        mean: None without a run.
        half: half-width of the 95 % interval (Student); None with fewer than two runs.
        passed: share of the runs with the verdict `pass`; None without a run.
        judged: whether the metric's objectives are met, where it has some (`sim.study.sweeps.capacity.judge`).
    """

    point: int
    label: str
    n: int
    failed: int
    mean: float | None
    half: float | None
    passed: float | None
    judged: Judgement | None

    @property
    def known(self) -> float:
        """The mean of a point that has one."""
        return 0.0 if self.mean is None else self.mean


@dataclass(frozen=True, slots=True)
class Contrast:
    """A metric at a point, less that at the first one.

    Attributes:
        point: its number.
        label: the parameters in which it differs from the first.
        base: what the first one has there.
        n: pairs of runs with the same seed.
        difference, low, high: in the metric's unit in the summary; the intervals of all points hold together.
        p: Holm's.
        differs: Holm's decision.
        ratio: what common random numbers were worth, in replications; None where nothing varies.
    """

    point: int
    label: str
    base: str
    n: int
    difference: float
    low: float
    high: float
    p: float
    differs: bool
    ratio: float | None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric over the whole study.

    Attributes:
        path: into the summary.
        name: in words.
        unit: of everything that is said of its size.
        better: -1 where less is better, 1 where more is, 0 where nobody says.
        target: the bounds of its objectives in words; empty without any.
        bounds: the same as numbers.
        estimates: by point, in their order.
        contrasts: all points but the first, against that; empty where none are to be had.
        rivals: points that are not shown to differ from the best one (Holm, 95 %); None where nobody says what is
            better, or points are not compared.
        say: the language of its name, its target and the points' labels.
    """

    path: str
    name: str
    unit: Unit
    better: int
    target: str
    bounds: tuple[float, ...]
    estimates: tuple[Estimate, ...]
    contrasts: tuple[Contrast, ...]
    rivals: frozenset[int] | None
    say: Words = wording.ENGLISH

    @property
    def best(self) -> Estimate:
        """The point with the best mean, or the lowest where nobody says what is better; the first of equal ones."""
        return max(self.measured, key=lambda one: (self.better or -1) * one.known)

    @property
    def varies(self) -> bool:
        """Whether any point is shown to differ from the first; where none are compared, whether any mean does."""
        return any(one.differs for one in self.contrasts) or (
            not self.contrasts and len({one.known for one in self.measured}) > 1
        )

    @property
    def measured(self) -> list[Estimate]:
        """The points that have a mean."""
        return [one for one in self.estimates if one.mean is not None]

    @property
    def title(self) -> str:
        """Its name with a capital and its unit: ``Commit latency of a (p99), ms``."""
        unit = unit_name(self.unit, self.say)
        return self.say("study.metric-title", name=self.heading, unit=unit) if unit else self.heading

    @property
    def heading(self) -> str:
        """Its name as a sentence or a column begins with it."""
        return capital(self.name, self.say)

    def in_words_of(self, say: Words, objectives: Iterable[Slo]) -> Metric:
        """The same numbers, told in another language."""
        return replace(
            self,
            name=called(self.path, say),
            target=_target(self.path, objectives, say),
            estimates=tuple(replace(one, label=labelled(one.label, say)) for one in self.estimates),
            contrasts=tuple(
                replace(one, label=labelled(one.label, say), base=labelled(one.base, say)) for one in self.contrasts
            ),
            say=say,
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """A run without a result: where, with which seed, and why."""

    label: str
    replication: int
    seed: int
    status: str
    error: str


@dataclass(frozen=True, slots=True)
class Told:
    """All that is said of a study, in numbers.

    Attributes:
        study: what it is said of.
        metrics: in its order.
        axes: what varies.
        verdicts: how many runs came to each.
        failures: the runs that came to none.
        say: the language in which it is told.
    """

    study: Study
    metrics: tuple[Metric, ...]
    axes: tuple[Axis, ...]
    verdicts: Mapping[str, int]
    failures: tuple[Failure, ...]
    say: Words = wording.ENGLISH

    @classmethod
    def of(cls, study: Study) -> Told:
        """Count it up."""
        verdicts: dict[str, int] = {}
        failures: list[Failure] = []
        drawn = seeds(study.scenario, study.head["replications"])
        for point in study.points:
            for replication, outcome in enumerate(study.outcomes(point.number)):
                if outcome.summary:
                    verdict = outcome.summary["verdict"]
                    verdicts[verdict] = verdicts.get(verdict, 0) + 1
                if outcome.status != "done":
                    where = study.label(point.number), replication, drawn[replication]
                    failures.append(Failure(*where, outcome.status, outcome.error))
        metrics = tuple(_metric(study, path) for path in study.metrics)
        return cls(study, metrics, axes(study), verdicts, tuple(failures))

    @property
    def runs(self) -> int:
        """How many runs there are, with a result or without."""
        return sum(one.n + one.failed for one in self.metrics[0].estimates)

    def in_words_of(self, say: Words) -> Told:
        """The same numbers, told in another language; figures are drawn of what is told in English."""
        slo = self.study.scenario.slo
        return replace(
            self,
            metrics=tuple(metric.in_words_of(say, _of(slo, metric.path)) for metric in self.metrics),
            failures=tuple(replace(one, label=labelled(one.label, say)) for one in self.failures),
            say=say,
        )

    def label(self, number: int) -> str:
        """A point in words."""
        return labelled(self.study.label(number), self.say)


def _metric(study: Study, path: str) -> Metric:
    objectives = _of(study.scenario.slo, path)
    estimates = tuple(_estimate(study, objectives, row) for row in study.table(path).iter_rows(named=True))
    better = direction(path, objectives)
    told = Metric(
        path,
        called(path),
        unit_of(path, (one.known for one in estimates)),
        better,
        _target(path, objectives, wording.ENGLISH),
        tuple(bound for objective in objectives for _, bound in _bounds(objective)),
        estimates,
        _contrasts(study, path),
        None,
    )
    return replace(told, rivals=_rivals(study, told)) if better and told.contrasts else told


def _rivals(study: Study, metric: Metric) -> frozenset[int]:
    """Since the best is chosen by its mean, this is a look at how clear the choice is, and no test of it."""
    rows = study.compare(metric.path, metric.best.point).iter_rows(named=True)
    return frozenset(row["point"] for row in rows if not row["differs"])


def _estimate(study: Study, objectives: Iterable[Slo], row: Mapping[str, Any]) -> Estimate:
    judgements = [judge(objective, study, row["point"])[0] for objective in objectives] if row["n"] else []
    judged = next((worst for worst in ("missed", "open", "met") if worst in judgements), None)
    mean, high = row["mean"], row["high"]
    half = high - mean if mean is not None and math.isfinite(high) else None
    label = study.label(row["point"])
    return Estimate(row["point"], label, row["n"], row["failed"], mean, half, row["passed"], judged)


def _bounds(objective: Slo) -> list[tuple[str, float]]:
    told = (("at-most", objective.at_most), ("at-least", objective.at_least), ("exactly", objective.equals))
    return [(which, float(bound)) for which, bound in told if bound is not None]


def _of(objectives: Iterable[Slo], path: str) -> list[Slo]:
    return [objective for objective in objectives if objective.metric == path]


def _target(path: str, objectives: Iterable[Slo], say: Words) -> str:
    bounds = (bound for objective in objectives for bound in _bounds(objective))
    return say("and").join(say(f"bound.{which}", value=exactly(path, bound)) for which, bound in bounds)


def _contrasts(study: Study, path: str) -> tuple[Contrast, ...]:
    if not FEWEST <= len(study.points) <= MOST or "screening" in study.head:
        return ()
    try:
        rows = study.compare(path).iter_rows(named=True)
    except StatisticsError:  # a point without a result: the tables say so
        return ()
    return tuple(
        Contrast(
            row["point"],
            *differing(study, row["point"], 0),
            *(row[name] for name in ("n", "difference", "low", "high", "p", "differs", "variance_ratio")),
        )
        for row in rows
    )


def differing(study: Study, number: int, base: int) -> tuple[str, str]:
    """Two points in words, without what they have in common."""
    names = study.parameters
    here, there = study.points[number].settings, study.points[base].settings
    paths = [path for path in names if here.get(path) != there.get(path)]
    first, second = (
        ", ".join(f"{names[path]}={shown(settings[path])}" for path in paths if path in settings) or AS_IT_STANDS
        for settings in (here, there)
    )
    return first, second


def exactly(path: str, value: float) -> str:
    """A round value of a metric, such as a bound, in the unit that suits it."""
    unit = unit_of(path, [value])
    return unit.put(wording.exact(value / unit.factor))


def decimals(value: float, half: float | None) -> int:
    """So many digits after the point show two digits of the half-width, or three of the value where there is none."""
    if half and math.isfinite(half):
        wanted = 1 - math.floor(math.log10(half))
        most = _MOST_DIGITS - 1 - math.floor(math.log10(max(abs(value), half)))
        return max(0, min(wanted, most))
    return max(0, 2 - math.floor(math.log10(abs(value)))) if value and not value.is_integer() else 0


def number(unit: Unit, value: float | None, half: float | None = None) -> str:
    """A value in a unit, as precise as its half-width says; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return wording.NO_VALUE
    scaled, width = value / unit.factor, None if half is None else half / unit.factor
    return f"{scaled:,.{decimals(scaled, width)}f}"


def plus_minus(unit: Unit, one: Estimate) -> str:
    """The half-width of an estimate; a dash where one run says nothing of it."""
    if one.half is None or one.mean is None:
        return wording.NO_VALUE
    digits = decimals(one.mean / unit.factor, one.half / unit.factor)
    return f"{one.half / unit.factor:,.{digits}f}" if one.half else "0"


def estimate(unit: Unit, one: Estimate) -> str:
    """A mean and how sure it is: ``41.2 ± 0.3 ms``."""
    told = number(unit, one.mean, one.half)
    return unit.put(told if one.half is None else f"{told} ± {plus_minus(unit, one)}")


def unit_name(unit: Unit, say: Words) -> str:
    """A unit where it stands alone; empty where there is none."""
    return say("study.per", unit=unit.name[1:]) if unit.name.startswith("/") else unit.name
