"""What a study says, in plain sentences: the answer of each metric, the clearest differences, and how sure that is."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sim.report import wording
from sim.report.study_numbers import AS_IT_STANDS, MOST, capital, decimals, estimate, number, unit_of
from sim.study.stats import enough

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim.report.study_numbers import Contrast, Estimate, Metric, Told, Unit
    from sim.study.sweeps.capacity import Judgement

_CLEAREST: Final = 3
"""So many differences of a metric are told as sentences; all stand in the table."""
_WORTH: Final = 1.5
"""From here on it is told in sentences what common random numbers were worth."""
INTERVALS: Final = (
    "A point was run several times, each time with another seed, and the mean of those runs is an estimate. If the "
    "whole study were done again with new seeds, an interval of 95 % would hold the true mean in 95 of 100 studies. It "
    "says how much chance is left in the number, and nothing of whether the scenario describes the world: that is for "
    "the assumptions below. All points had the same seeds, so arrivals, sizes and storms of faults were the same at "
    "each, and differences between points can be surer than the points themselves. Something is called different "
    "wrongly in at most 5 % of studies, over all points of a metric together; what is not called different may differ "
    "all the same, by less than so few runs can show."
)


def varied(told: Told) -> str:
    """What was varied, and how much was run."""
    points = wording.counted(len(told.study.points), "point")
    runs = wording.counted(told.runs, "run")
    if len(told.study.points) == 1:
        return f"Nothing was varied: {runs} of one point, with different seeds."
    if not told.axes:
        return f"{capital(points)}, {runs}."
    parts = [
        f"{axis.name} ({', '.join(axis.values) if len(axis.values) <= 8 else f'{len(axis.values)} values'})"  # noqa: PLR2004 - as many as fit a line
        for axis in told.axes
    ]
    return f"Varied: {'; '.join(parts)}. {points}, {runs}."


def answer(told: Told, metric: Metric) -> str:
    """What came out of a metric and how it stands to its objectives, in a sentence or three."""
    unclear = ""
    if metric.rivals and not _trend(told, metric):
        rivals, others = len(metric.rivals), len(metric.measured) - 1
        points = "No point is" if rivals == others else f"{wording.counted(rivals, 'point is', 'points are')} not"
        unclear = f"{points} told apart from {metric.best.label}."
    return " ".join(part for part in (f"{finding(told, metric)}.", unclear, judged(metric)) if part)


def finding(told: Told, metric: Metric) -> str:
    """What came out of a metric, in one sentence without its stop."""
    known, name = metric.measured, capital(metric.name)
    if not known:
        return f"{name}: no run has a result"
    if len(told.study.points) == 1:
        return f"{name} is {estimate(metric.unit, known[0])} in the mean of {wording.counted(known[0].n, 'run')}"
    if len({one.mean for one in known}) == 1:
        return f"{name} is {metric.unit.put(number(metric.unit, known[0].mean))} at every point"
    return _trend(told, metric) or _ends(metric)


def _at(one: Estimate) -> str:
    return one.label if one.label == AS_IT_STANDS else f"at {one.label}"


def _ends(metric: Metric) -> str:
    """The ends of what was found; where one is better, that one first."""
    low, high = (pick(metric.measured, key=lambda one: one.known) for pick in (min, max))
    first, last = ("highest", high), ("lowest", low)
    if metric.better <= 0:
        first, last = last, first
    told = [f"{word} {_at(one)} ({estimate(metric.unit, one)})" for word, one in (first, last)]
    return f"{capital(metric.name)} is {' and '.join(told)}"


def _trend(told: Told, metric: Metric) -> str:
    """Along the only axis, if means only rise or only fall there and its ends are decided to differ."""
    if len(told.axes) != 1 or told.axes[0].places is None or len(told.axes[0].of) < len(told.study.points):
        return ""
    axis = told.axes[0]
    by_value = {axis.of[one.point]: one for one in metric.measured}
    along = [by_value[value] for value in axis.ordered if value in by_value]
    steps = [after.known - before.known for before, after in pairwise(along)]
    first, last = along[0], along[-1]
    decided = {one.point for one in metric.contrasts if one.differs}
    if 0 not in {first.point, last.point} or not decided & {first.point, last.point}:
        return ""
    way = "rises" if all(step >= 0 for step in steps) else "falls" if all(step <= 0 for step in steps) else ""
    return way and (
        f"{capital(metric.name)} {way} from {estimate(metric.unit, first)} at {first.label} "
        f"to {estimate(metric.unit, last)} at {last.label}"
    )


def judged(metric: Metric) -> str:
    """How the points stand to the metric's objectives; empty where it has none."""
    if not metric.target:
        return ""
    found = [one.judged for one in metric.estimates]
    if len(found) == 1:
        alone = {"met": "is met", "missed": "is missed", "open": "is not shown to be met", None: "can't be judged"}
        return f"The objective, {metric.target}, {alone[found[0]]}."
    words: dict[Judgement | None, str]
    words = {"met": "met", "missed": "missed", "open": "not settled", None: "without a result"}
    counted = Counter(found)
    counts = [f"{word} at {counted[key]}" for key, word in words.items() if key == "met" or counted[key]]
    return f"The objective, {metric.target}, is {', '.join(counts)} of {len(found)} points."


def differences(metric: Metric) -> Iterator[str]:
    """The clearest of the differences from the first point that are decided; or that there are none."""
    if not metric.contrasts:
        return
    decided = sorted((one for one in metric.contrasts if one.differs), key=lambda one: -abs(one.difference))
    if not decided:
        others = len(metric.contrasts)
        shown = "The other point is not" if others == 1 else f"None of the {others} other points is"
        yield f"{capital(metric.name)}: {shown[0].lower()}{shown[1:]} shown to differ from the first."
    for one in _clearest(decided):
        yield f"{capital(metric.name)}: {difference(metric, one)}."


def _clearest(decided: Sequence[Contrast]) -> list[Contrast]:
    """The largest difference that each parameter makes alone; where none does, the largest of all."""
    alone: dict[tuple[str, ...], Contrast] = {}
    for one in decided:
        changed = tuple(part.partition("=")[0] for part in one.label.split(", "))
        if len(changed) == 1:
            alone.setdefault(changed, one)
    return list(alone.values())[:_CLEAREST] or list(decided[:1])


def difference(metric: Metric, one: Contrast) -> str:
    """A difference in plain words, with its interval and what common random numbers were worth."""
    more = one.difference > 0
    takes = any(word.endswith("_s") for word in metric.path.split("."))
    verb, word = ("takes", "longer" if more else "less") if takes else ("has", "more" if more else "less")
    size, low, high = size_and_interval(metric, one, flipped=not more)
    worth = _worth(one.ratio)
    return f"{one.label} {verb} {size} {word} (95 %: {low} to {high}) than {one.base}{worth and f'; {worth}'}"


def size_and_interval(
    metric: Metric, one: Contrast, unit: Unit | None = None, *, flipped: bool = False
) -> tuple[str, str, str]:
    """A difference and the ends of its interval, as first point less point if ``flipped``.

    In a unit that is given, or in its own, which is then said with it.
    """
    own = unit or unit_of(metric.path, [one.difference, *(end for end in (one.low, one.high) if not one.difference)])
    low, high = (-one.high, -one.low) if flipped else (one.low, one.high)
    size, half = -one.difference if flipped else one.difference, (one.high - one.low) / 2
    digits = decimals(size / own.factor, half / own.factor if math.isfinite(half) else None)
    said = [f"{v / own.factor:,.{digits}f}" if math.isfinite(v) else wording.NO_VALUE for v in (size, low, high)]
    return own.put(said[0]) if unit is None else said[0], said[1], said[2]


def unit_of_differences(metric: Metric) -> Unit:
    """One unit for all differences of a metric."""
    return unit_of(metric.path, [one.difference for one in metric.contrasts])


def _worth(ratio: float | None) -> str:
    """Nothing of a ratio that as few pairs as these would often show by chance."""
    if ratio is None or ratio < _WORTH:
        return ""
    if math.isinf(ratio):
        return "with common random numbers the difference is the same in every pair of runs"
    return f"common random numbers were worth {times(ratio)} times the replications"


def times(ratio: float | None) -> str:
    """A ratio of variances: 5.7, 1,235, ∞ or a dash."""
    if ratio is None:
        return wording.NO_VALUE
    return "∞" if math.isinf(ratio) else wording.three_digits(ratio) if ratio >= 100 else f"{ratio:.2g}"  # noqa: PLR2004


def sureness(told: Told) -> Iterator[str]:
    """How sure it is: replications, the rule that ended them, warm-up, verdicts, and what has no result."""
    head, estimates = told.study.head, told.metrics[0].estimates
    counts = sorted({one.n + one.failed for one in estimates})
    runs = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    yield (
        f"{runs} {'replication' if counts == [1] else 'replications'} of each point; point by point the same seeds. "
        + ("Intervals are Student's of 95 %." if counts[-1] > 1 else "One run says nothing of how much results vary.")
    )
    if head["until"] is not None:
        yield _rule(told, head["until"])
    if told.study.warmup is not None:
        cut = wording.given_duration(round(told.study.warmup.cut_s, 6))
        whole = wording.given_duration(told.study.scenario.horizon / 1e9)
        yield (
            f"A steady study: of commit latencies the first {cut} of {whole} are left out of every run as warm-up "
            "(MSER-5, the longest of any chain at any point)."
        )
    verdicts = [f"{verdict} {count:,}" for verdict, count in sorted(told.verdicts.items())]
    yield f"Verdicts: {', '.join(verdicts) or 'none'}."
    if told.failures:
        failed = wording.counted(len(told.failures), "run has", "runs have")
        yield f"{failed} no result, of {told.runs:,}; no mean counts what has none."
    if len(told.study.points) > MOST and "screening" not in told.study.head:
        yield f"Points are not compared one by one, being more than {MOST}."


def _rule(told: Told, until: float) -> str:
    wanting = sum(
        not all(_enough(told, metric, one, until) for metric, one in zip(told.metrics, row, strict=True))
        for row in zip(*(metric.estimates for metric in told.metrics), strict=True)
    )
    rule = f"Replications of a point end when every metric's interval is within {wording.share(until)} of its mean"
    most = told.study.head["replications"]
    if wanting:
        less = wording.counted(wanting, "point is", "points are")
        return f"{rule}, and at {most} at the latest: {less} less sure than that."
    return f"{rule}; all points are as sure as that."


def _enough(told: Told, metric: Metric, one: Estimate, until: float) -> bool:
    return one.n > 1 and enough(told.study.values(metric.path, one.point), until).met
