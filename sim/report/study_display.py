"""A study as a notebook shows it: the answer and one compact table, in HTML that takes on the notebook's colours."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from sim.report import wording
from sim.report.study_numbers import Told, estimate
from sim.report.study_words import answer, varied
from sim.study.sweeps.plan import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.study.sweeps.study import Study

_ROWS: Final = 30
"""So many points are shown; `Study.table` has all."""
_NUMBER: Final = "text-align:right;white-space:nowrap"
_MARKS: Final = {"missed": " (missed)", "open": " (open)"}


def html(study: Study) -> str:
    """The question, what was varied, a sentence and a column for each metric, a row for each point."""
    told = Told.of(study)
    sentences = "".join(f"<p>{escape(answer(told, metric))}</p>" for metric in told.metrics)
    return (
        f"<div><p><strong>{escape(study.scenario.question)}</strong><br>{escape(varied(told))}</p>{sentences}"
        f"<table>{''.join(_head(told))}<tbody>{''.join(_rows(told))}</tbody></table>{_more(told)}</div>"
    )


def _head(told: Told) -> Iterator[str]:
    yield "<thead><tr>"
    for name in told.study.parameters.values():
        yield f'<th scope="col" style="text-align:left">{escape(name)}</th>'
    for name in (*(metric.heading for metric in told.metrics), "runs", "pass"):
        yield f'<th scope="col" style="{_NUMBER}">{escape(name)}</th>'
    yield "</tr></thead>"


def _rows(told: Told) -> Iterator[str]:
    for point in told.study.points[:_ROWS]:
        cells = [
            f'<td style="text-align:left">{escape(shown(point.settings.get(path, "")))}</td>'
            for path in told.study.parameters
        ]
        found = [(metric, metric.estimates[point.number]) for metric in told.metrics]
        numbers = [f"{estimate(metric.unit, one)}{_MARKS.get(one.judged or '', '')}" for metric, one in found]
        first = found[0][1]
        runs = f"{first.n} of {first.n + first.failed}" if first.failed else str(first.n)
        passed = wording.NO_VALUE if first.passed is None else wording.share(first.passed)
        cells += [f'<td style="{_NUMBER}">{escape(number)}</td>' for number in (*numbers, runs, passed)]
        yield f"<tr>{''.join(cells)}</tr>"


def _more(told: Told) -> str:
    left = len(told.study.points) - _ROWS
    return f"<p>and {wording.counted(left, 'more point')}</p>" if left > 0 else ""
