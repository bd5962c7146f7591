"""A study's result on a terminal, 80 columns wide or more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.report import wording
from sim.report.grids import grid
from sim.report.study_numbers import Told, number, plus_minus, unit_name
from sim.report.study_words import answer, differences, size_and_interval, sureness, times, unit_of_differences, varied
from sim.report.words import words
from sim.study.sweeps.plan import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from sim.report.study_numbers import Estimate, Metric
    from sim.report.words import Words
    from sim.study.sweeps.study import Study

_ROWS: Final = 40
"""So many points are printed; of more the report has all."""
_LETTERS: Final = 34
"""Parameters that fit into so many letters have a column each; otherwise the point is told in one."""
_FAILURES: Final = 5
_COLOURS: Final = {"met": "green", "missed": "bold red", "open": "yellow"}
"""Of objectives."""


def show(study: Study, console: Console | None = None, lang: str = "en") -> None:
    """Print `render`'s tables.

    Args:
        study: from `sim.sweep`, or read from its directory.
        console: where to; standard output if left out.
        lang: ``en`` or ``zh``.

    Raises:
        NoSuchLanguage: it is neither.
    """
    from rich.console import Console

    (console or Console()).print(render(study, lang))


def render(study: Study, lang: str = "en") -> RenderableType:
    """The question, what was varied, each metric's points and differences, how sure that is, and what failed."""
    from rich.console import Group
    from rich.text import Text

    say = words(lang)
    told = Told.of(study).in_words_of(say)
    head = [Text(say.name("question", study.scenario.question), "bold"), Text(varied(told))]
    parts = [part for metric in told.metrics for part in _metric(told, metric)]
    sure = [Text(line) for line in sureness(told)]
    return Group(*head, *parts, "", *sure, *_failures(told), *_took(study, say))


def _metric(told: Told, metric: Metric) -> Iterator[RenderableType]:
    from rich.text import Text

    yield ""
    yield _points(told, metric)
    left = len(metric.estimates) - _ROWS
    if left > 0:
        yield Text(told.say("study.points.more-printed", number=left), "dim")
    yield Text(answer(told, metric))
    if metric.contrasts:
        yield ""
        yield _contrasts(metric, told.label(0))
        for sentence in differences(metric):
            yield Text(sentence)


def _points(told: Told, metric: Metric) -> Table:
    from rich.text import Text

    say = told.say
    table = grid(f"{metric.title}  {metric.path}")
    names = told.study.parameters
    texts = [[shown(point.settings.get(path, "")) for path in names] for point in told.study.points[:_ROWS]]
    widths = [max(map(len, column)) + 2 for column in zip(names.values(), *texts, strict=True)]
    apart = bool(names) and sum(widths) <= _LETTERS
    for heading in names.values() if apart else (say("study.point"),):
        table.add_column(heading, overflow="fold")
    judged = any(one.judged for one in metric.estimates)
    for heading in ("runs", "mean", "half", "pass", "failed", *(["objective"] if judged else [])):
        table.add_column(say(f"study.points.{heading}"), justify="right", no_wrap=True)
    for one in metric.estimates[:_ROWS]:
        point = texts[one.point] if apart else [one.label]
        numbers = [str(one.n), number(metric.unit, one.mean, one.half), plus_minus(metric.unit, one)]
        table.add_row(*map(Text, point), *numbers, *_became(one), *([_verdict(one, say)] if judged else []))
    return table


def _became(one: Estimate) -> tuple[str, Text]:
    from rich.text import Text

    passed = wording.NO_VALUE if one.passed is None else wording.share(one.passed)
    return passed, Text(str(one.failed), "bold red" if one.failed else "")


def _verdict(one: Estimate, say: Words) -> Text:
    from rich.text import Text

    if one.judged is None:
        return Text(wording.NO_VALUE)
    return Text(say(f"study.judged.{one.judged}"), _COLOURS[one.judged])


def _contrasts(metric: Metric, first: str) -> Table:
    from rich.text import Text

    say, unit = metric.say, unit_of_differences(metric)
    measured = say("study.contrasts.printed-unit", unit=unit_name(unit, say)) if unit.name else ""
    table = grid(say("study.contrasts.printed", first=first, unit=measured))
    table.add_column(say("study.contrasts.what"), overflow="fold")
    for heading in ("difference", "interval", "p", "differs", "worth"):
        table.add_column(say(f"study.contrasts.{heading}"), justify="right", no_wrap=True)
    for one in metric.contrasts:
        size, low, high = size_and_interval(metric, one, unit)
        decision = Text(say("study.yes"), "bold") if one.differs else Text(say("study.not-shown"), "dim")
        interval = say("study.range", low=low, high=high)
        table.add_row(Text(one.label), size, interval, f"{one.p:.2g}", decision, f"x {times(one.ratio)}")
    return table


def _failures(told: Told) -> Iterator[Text]:
    from rich.text import Text

    for one in told.failures[:_FAILURES]:
        status = told.say(f"study.failures.{one.status}")
        where = told.say(
            "study.failures.where", status=status, point=one.label, replication=one.replication, seed=one.seed
        )
        yield Text.assemble((where, "bold red"), f"\n  {one.error}")
    if len(told.failures) > _FAILURES:
        yield Text(told.say("study.failures.more-reported", number=len(told.failures) - _FAILURES))


def _took(study: Study, say: Words) -> Iterator[Text]:
    from rich.text import Text

    if study.wall_s:
        yield Text(say("study.took", time=wording.duration(study.wall_s)), "dim")
