"""A study as one HTML page with figures: what was asked, what came out, how sure that is, how to do it again."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.report import pictures, study_figures, study_origin, study_sections, study_words, wording
from sim.report.page import environment_of
from sim.report.study_numbers import Told, estimate, number, plus_minus, unit_name
from sim.report.words import words
from sim.study.store import write_text
from sim.study.sweeps.plan import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from sim.report.pictures import Drawn
    from sim.report.study_numbers import Contrast, Estimate, Metric
    from sim.report.study_sections import Section
    from sim.report.words import Words
    from sim.study.sweeps.study import Study

_ROWS: Final = 500
"""So many points have a row on the page; `runs.parquet` has all."""
_FAILURES: Final = 40
_SEEDS: Final = 200


def write_page(study: Study, path: str | Path, sections: Sequence[Section] = (), lang: str = "en") -> Path:
    """Write a study's page as one HTML file that needs no other; returns its path.

    Directories on the way are made. The file appears whole or, if writing fails, not at all.

    Args:
        study: what it tells of.
        path: the file.
        sections: what else it is to say, after what its head says.
        lang: ``en`` or ``zh``.

    Raises:
        OSError: it cannot be written.
        NoSuchLanguage: there is no such language.
    """
    target, told = Path(path), Told.of(study)
    text = render(told, study_figures.draw(told), sections, lang)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, text)
    return target


def add_to(study: Study, directory: str | Path, sections: Sequence[Section] = (), lang: str = "en") -> None:
    """Add ``figures/*.svg``, ``figures/*.png`` and ``report.html`` to an existing directory.

    Figures that a former state of the study had and this one has not are taken away.

    Raises:
        OSError: something cannot be written.
        NoSuchLanguage: there is no such language.
    """
    told, folder = Told.of(study), Path(directory) / "figures"
    drawn = study_figures.draw(told)
    text = render(told, drawn, sections, lang)
    folder.mkdir(exist_ok=True)
    pictures.save(study_figures.PICTURES, drawn, folder)
    write_text(Path(directory) / "report.html", text)


def render(told: Told, figures: Sequence[Drawn], sections: Sequence[Section] = (), lang: str = "en") -> str:
    """The page's text; the same for the same study, whenever and wherever it is written.

    Args:
        told: what it tells of.
        figures: from `sim.report.study_figures.draw`.
        sections: what else it is to say, after what its head says.
        lang: ``en`` or ``zh``; what is drawn inside figures is English in both.

    Raises:
        NoSuchLanguage: it is neither.
    """
    say = words(lang)
    told = told.in_words_of(say)
    study, drawn = told.study, study_origin.seeds_of(told)
    scenario = study.scenario
    return _template(lang).render(
        lang=lang,
        tag=say.tag,
        study=study,
        scenario=scenario,
        question=_translated(say, "question", scenario.question),
        assumptions={name: _translated(say, "assumption", text) for name, text in scenario.assumptions.items()},
        costs=study_sections.own(say.echo(scenario.costs.source or ""), say) or say("costs.unknown"),
        verdicts=sorted(told.verdicts.items()),
        varied=study_words.varied(told),
        first=told.label(0),
        metrics=[_metric(told, metric) for metric in told.metrics],
        overview=[_overview(told, point.number) for point in study.points[:_ROWS]],
        more_points=max(0, len(study.points) - _ROWS),
        axes=told.axes,
        sureness=list(study_words.sureness(told)),
        paths=[path for axis in told.axes for path in axis.paths],
        failures=told.failures[:_FAILURES],
        more_failures=max(0, len(told.failures) - _FAILURES),
        sections=[*study_sections.of(study, say), *sections],
        figures=[pictures.on_page(one, say, "study.figure") for one in figures],
        command=study_origin.command(told),
        seeds=", ".join(map(str, drawn[:_SEEDS])),
        more_seeds=max(0, len(drawn) - _SEEDS),
        code=study_origin.code(told),
        simulated=wording.given_duration(study.scenario.horizon / 1e9),
        resolved=study.scenario.to_yaml(),
    )


@cache
def _template(lang: str) -> Template:
    """The page's template with a language's messages, compiled once."""
    say = words(lang)
    environment = environment_of(say)
    environment.filters["own"] = lambda text: study_sections.own(text, say)
    return environment.get_template("study.html.j2")


def _translated(say: Words, kind: str, text: str) -> str:
    """A scenario's text in the page's language where there is a translation, and as its own where there is none."""
    found = say.name(kind, text)
    return study_sections.own(found, say) if found == text else found


def _metric(told: Told, metric: Metric) -> dict[str, Any]:
    unit = study_words.unit_of_differences(metric)
    return {
        "path": metric.path,
        "title": metric.title,
        "name": metric.heading,
        "answer": study_words.answer(told, metric),
        "differences": list(study_words.differences(metric)),
        "target": metric.target,
        "rows": [_row(told, metric, one) for one in metric.estimates[:_ROWS]],
        "unit": unit_name(unit, metric.say),
        "contrasts": [_contrast(metric, one) for one in metric.contrasts],
    }


def _row(told: Told, metric: Metric, one: Estimate) -> dict[str, Any]:
    ends = [number(metric.unit, end, one.half) for end in _ends(one)]
    return {
        "point": one.point,
        "settings": _settings(told, one.point),
        "n": one.n,
        "failed": one.failed,
        "mean": number(metric.unit, one.mean, one.half),
        "half": plus_minus(metric.unit, one),
        "ends": ends,
        "passed": wording.NO_VALUE if one.passed is None else wording.share(one.passed),
        "judged": one.judged,
    }


def _ends(one: Estimate) -> tuple[float | None, float | None]:
    if one.mean is None or one.half is None:
        return None, None
    return one.mean - one.half, one.mean + one.half


def _contrast(metric: Metric, one: Contrast) -> dict[str, Any]:
    size, low, high = study_words.size_and_interval(metric, one, study_words.unit_of_differences(metric))
    return {
        "label": one.label,
        "n": one.n,
        "size": size,
        "low": low,
        "high": high,
        "p": f"{one.p:.2g}",
        "differs": one.differs,
        "worth": study_words.times(one.ratio),
    }


def _settings(told: Told, point: int) -> list[str]:
    """A point's values in the order of the study's parameters; empty where it has the scenario's own."""
    settings = told.study.points[point].settings
    return [shown(settings[path]) if path in settings else "" for path in told.study.parameters]


def _overview(told: Told, point: int) -> dict[str, Any]:
    """A point over all metrics."""
    cells = [(metric, metric.estimates[point]) for metric in told.metrics]
    first = cells[0][1]
    return {
        "point": point,
        "settings": _settings(told, point),
        "cells": [(estimate(metric.unit, one), one.judged) for metric, one in cells],
        "n": first.n,
        "failed": first.failed,
        "passed": wording.NO_VALUE if first.passed is None else wording.share(first.passed),
    }
