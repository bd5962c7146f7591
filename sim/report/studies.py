"""A study as one HTML page with figures: what was asked, what came out, how sure that is, how to do it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.report import inline, study_figures, study_origin, study_sections, study_words, style, wording
from sim.report.study_numbers import Told, capital, estimate, number, plus_minus
from sim.study.store import write_bytes, write_text
from sim.study.sweeps.plan import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.report.study_figures import Drawn
    from sim.report.study_numbers import Contrast, Estimate, Metric
    from sim.report.study_sections import Section
    from sim.study.sweeps.study import Study

_TEMPLATES: Final = Path(__file__).parent / "templates"
_ROWS: Final = 500
"""So many points have a row on the page; `runs.parquet` has all."""
_FAILURES: Final = 40
_SEEDS: Final = 200


def write_page(study: Study, path: str | Path, sections: Sequence[Section] = ()) -> Path:
    """Write a study's page as one HTML file that needs no other; returns its path.

    Directories on the way are made. The file appears whole or, if writing fails, not at all.

    Raises:
        OSError: it cannot be written.
    """
    target, told = Path(path), Told.of(study)
    text = render(told, study_figures.draw(told), sections)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, text)
    return target


def add_to(study: Study, directory: str | Path, sections: Sequence[Section] = ()) -> None:
    """Add ``figures/*.svg``, ``figures/*.png`` and ``report.html`` to an existing directory.

    Figures that a former state of the study had and this one has not are taken away.

    Raises:
        OSError: something cannot be written.
    """
    told, folder = Told.of(study), Path(directory) / "figures"
    drawn = study_figures.draw(told)
    folder.mkdir(exist_ok=True)
    for picture in study_figures.PICTURES:
        for ending in ("svg", "png"):
            (folder / f"{picture.name}.{ending}").unlink(missing_ok=True)
    for one in drawn:
        write_text(folder / f"{one.picture.name}.svg", one.svg)
        write_bytes(folder / f"{one.picture.name}.png", style.to_png(one.figure))
    write_text(Path(directory) / "report.html", render(told, drawn, sections))


def render(told: Told, figures: Sequence[Drawn], sections: Sequence[Section] = ()) -> str:
    """The page's text; the same for the same study, whenever and wherever it is written.

    Args:
        told: what it tells of.
        figures: from `sim.report.study_figures.draw`.
        sections: what else it is to say, after what its head says.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = wording.counted
    environment.filters["tied"] = _tied
    study, drawn = told.study, study_origin.seeds_of(told)
    return environment.get_template("study.html.j2").render(
        study=study,
        scenario=study.scenario,
        verdicts=sorted(told.verdicts.items()),
        varied=study_words.varied(told),
        first=study.label(0),
        metrics=[_metric(told, metric) for metric in told.metrics],
        overview=[_overview(told, point.number) for point in study.points[:_ROWS]],
        more_points=max(0, len(study.points) - _ROWS),
        axes=told.axes,
        sureness=list(study_words.sureness(told)),
        meaning=study_words.INTERVALS,
        failures=told.failures[:_FAILURES],
        more_failures=max(0, len(told.failures) - _FAILURES),
        sections=[*study_sections.of(study), *sections],
        figures=[_figure(one) for one in figures],
        command=study_origin.command(told),
        seeds=drawn[:_SEEDS],
        more_seeds=max(0, len(drawn) - _SEEDS),
        code=study_origin.code(told),
        simulated=wording.given_duration(study.scenario.horizon / 1e9),
        resolved=study.scenario.to_yaml(),
    )


def _tied(text: str) -> str:
    """The text with its numbers bound to what belongs to them, so that no line ends between."""
    return text.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")


def _figure(drawn: Drawn) -> dict[str, Any]:
    from markupsafe import Markup

    name, caption = drawn.picture.name, drawn.picture.caption
    # Whatever a scenario says is drawn as outlines in the figure, and escaped in the label.
    svg = Markup(inline.svg(drawn.svg, name, f"{drawn.title}. {caption}"))  # noqa: S704
    return {"name": name, "title": drawn.title, "caption": caption, "svg": svg}


def _metric(told: Told, metric: Metric) -> dict[str, Any]:
    unit = study_words.unit_of_differences(metric)
    return {
        "path": metric.path,
        "title": metric.title,
        "name": capital(metric.name),
        "answer": study_words.answer(told, metric),
        "differences": list(study_words.differences(metric)),
        "target": metric.target,
        "rows": [_row(told, metric, one) for one in metric.estimates[:_ROWS]],
        "unit": unit.name.replace("/", "per "),
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
