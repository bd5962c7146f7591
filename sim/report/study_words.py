"""What a study says, in plain sentences: the answer of each metric, the clearest differences, and how sure that is."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sim.report import wording
from sim.report.study_numbers import MOST, decimals, estimate, number, unit_of
from sim.study.stats import enough

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim.report.study_axes import Axis
    from sim.report.study_numbers import Contrast, Estimate, Metric, Told, Unit
    from sim.report.words import Words

_COUNTS: Final = {"met": "count-met", "missed": "count-missed", "open": "count-open", "unknown": "count-unknown"}
"""What is said of points by how they stand to an objective."""
_IN_A_LINE: Final = 8
"""So many values of a parameter are told; of more, how many there are."""
_CLEAREST: Final = 3
"""So many differences of a metric are told as sentences; all stand in the table."""
_WORTH: Final = 1.5
"""From here on it is told in sentences what common random numbers were worth."""


def varied(told: Told) -> str:
    """What was varied, and how much was run."""
    say, points, runs = told.say, len(told.study.points), told.runs
    if points == 1:
        return say("study.varied.nothing", runs=runs)
    if not told.axes:
        return say("study.varied.points", points=points, runs=runs)
    parts = [say("study.varied.axis", name=axis.name, values=_values(axis, say)) for axis in told.axes]
    return say("study.varied.what", axes=say("semicolon").join(parts), points=points, runs=runs)


def _values(axis: Axis, say: Words) -> str:
    if len(axis.values) > _IN_A_LINE:
        return say("study.varied.values", number=len(axis.values))
    return say("comma").join(axis.values)


def answer(told: Told, metric: Metric) -> str:
    """What came out of a metric and how it stands to its objectives, in a sentence or three."""
    say, unclear = metric.say, ""
    if metric.rivals and not _trend(told, metric):
        everyone = len(metric.rivals) == len(metric.measured) - 1
        key = "study.answer.unclear-all" if everyone else "study.answer.unclear"
        unclear = say(key, number=len(metric.rivals), best=metric.best.label)
    found = f"{finding(told, metric)}{say('stop')}"
    return say("gap").join(part for part in (found, unclear, judged(metric)) if part)


def finding(told: Told, metric: Metric) -> str:
    """What came out of a metric, in one sentence without its stop."""
    known, name, say = metric.measured, metric.heading, metric.say
    if not known:
        return say("study.answer.none", name=name)
    if len(told.study.points) == 1:
        return say("study.answer.alone", name=name, estimate=estimate(metric.unit, known[0]), runs=known[0].n)
    if len({one.mean for one in known}) == 1:
        return say("study.answer.same", name=name, value=metric.unit.put(number(metric.unit, known[0].mean)))
    return _trend(told, metric) or _ends(metric)


def _at(one: Estimate, say: Words) -> str:
    return one.label if one.label == say("study.as-it-stands") else say("study.answer.at", label=one.label)


def _ends(metric: Metric) -> str:
    """The ends of what was found; where one is better, that one first."""
    say = metric.say
    low, high = (pick(metric.measured, key=lambda one: one.known) for pick in (min, max))
    told = [
        say(f"study.answer.{end}", at=_at(one, say), estimate=estimate(metric.unit, one))
        for end, one in (("highest", high), ("lowest", low))
    ]
    first, last = told if metric.better > 0 else reversed(told)
    return say("study.answer.ends", name=metric.heading, first=first, last=last)


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
    return way and metric.say(
        f"study.answer.{way}",
        name=metric.heading,
        first=estimate(metric.unit, first),
        before=first.label,
        last=estimate(metric.unit, last),
        after=last.label,
    )


def judged(metric: Metric) -> str:
    """How the points stand to the metric's objectives; empty where it has none."""
    if not metric.target:
        return ""
    say = metric.say
    found = [one.judged or "unknown" for one in metric.estimates]
    if len(found) == 1:
        return say(f"study.objective.{found[0]}", target=metric.target)
    counted: Counter[str] = Counter(found)
    counts = [
        say(f"study.objective.{key}", number=counted[judgement])
        for judgement, key in _COUNTS.items()
        if judgement == "met" or counted[judgement]
    ]
    return say("study.objective.points", target=metric.target, counts=say("comma").join(counts), points=len(found))


def differences(metric: Metric) -> Iterator[str]:
    """The clearest of the differences from the first point that are decided; or that there are none."""
    if not metric.contrasts:
        return
    say, others = metric.say, len(metric.contrasts)
    decided = sorted((one for one in metric.contrasts if one.differs), key=lambda one: -abs(one.difference))
    if not decided:
        yield say(f"study.difference.{'none-one' if others == 1 else 'none'}", name=metric.heading, others=others)
    for one in _clearest(decided):
        yield say("study.line", name=metric.heading, told=difference(metric, one))


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
    way = ("longer" if more else "shorter") if takes else ("more" if more else "less")
    size, low, high = size_and_interval(metric, one, flipped=not more)
    worth = _worth(one.ratio, metric.say)
    told = {"label": one.label, "base": one.base, "size": size, "low": low, "high": high, "worth": worth}
    return metric.say(f"study.difference.{way}", **told)


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


def _worth(ratio: float | None, say: Words) -> str:
    """Nothing of a ratio that as few pairs as these would often show by chance."""
    if ratio is None or ratio < _WORTH:
        return ""
    if math.isinf(ratio):
        return say("study.difference.worth-all")
    return say("study.difference.worth", times=times(ratio))


def times(ratio: float | None) -> str:
    """A ratio of variances: 5.7, 1,235, ∞ or a dash."""
    if ratio is None:
        return wording.NO_VALUE
    return "∞" if math.isinf(ratio) else wording.three_digits(ratio) if ratio >= 100 else f"{ratio:.2g}"  # noqa: PLR2004


def sureness(told: Told) -> Iterator[str]:
    """How sure it is: replications, the rule that ended them, warm-up, verdicts, and what has no result."""
    head, estimates, say = told.study.head, told.metrics[0].estimates, told.say
    counts = sorted({one.n + one.failed for one in estimates})
    runs = str(counts[0]) if len(counts) == 1 else say("study.range", low=counts[0], high=counts[-1])
    repeated = say(f"study.sure.{'one' if counts == [1] else 'many'}", runs=runs)
    yield say("gap").join((repeated, say(f"study.sure.{'student' if counts[-1] > 1 else 'alone'}")))
    if head["until"] is not None:
        yield _rule(told, head["until"])
    if told.study.warmup is not None:
        cut = wording.given_duration(round(told.study.warmup.cut_s, 6))
        yield say("study.sure.steady", cut=cut, whole=wording.given_duration(told.study.scenario.horizon / 1e9))
    verdicts = [f"{say(f'verdict.{verdict}')} {count:,}" for verdict, count in sorted(told.verdicts.items())]
    yield say("study.sure.verdicts", verdicts=say("comma").join(verdicts) or say("none"))
    if told.failures:
        yield say("study.sure.failed", failed=len(told.failures), runs=told.runs)
    if len(told.study.points) > MOST and "screening" not in told.study.head:
        yield say("study.sure.uncompared", most=MOST)


def _rule(told: Told, until: float) -> str:
    say, most = told.say, told.study.head["replications"]
    wanting = sum(
        not all(_enough(told, metric, one, until) for metric, one in zip(told.metrics, row, strict=True))
        for row in zip(*(metric.estimates for metric in told.metrics), strict=True)
    )
    rule = say("study.sure.rule", share=wording.share(until))
    return say("study.sure.rule-wanting" if wanting else "study.sure.rule-met", rule=rule, most=most, points=wanting)


def _enough(told: Told, metric: Metric, one: Estimate, until: float) -> bool:
    return one.n > 1 and enough(told.study.values(metric.path, one.point), until).met
