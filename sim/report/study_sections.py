"""What a page says of a study that was more than a sweep: a screening, a search for capacity, a comparison."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.report import findings
from sim.report.findings import judgement
from sim.report.study_names import called, capital
from sim.report.study_numbers import number, unit_of
from sim.report.wording import ENGLISH
from sim.study.sweeps.screening import Screening
from sim.study.sweeps.versus import Versus, areas

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim.report.words import Words
    from sim.study.sweeps.study import Study

_PAIR = 2
"""Points of a comparison."""
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Section:
    """Something more that a page is to say, after the answer.

    Attributes:
        title: of the section.
        sentences: said first, a paragraph each.
        headings: of the table's columns; one that begins with ``#`` is a column of numbers.
        rows: of the table, as texts; the first of each names its row.
    """

    title: str
    sentences: Sequence[str] = ()
    headings: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def of(study: Study, say: Words = ENGLISH) -> Iterator[Section]:
    """The sections that the head of a study asks for; none for a sweep."""
    if "screening" in study.head:
        yield from _screening(Screening.of(study), say)
    if "capacity" in study.head:
        yield from _capacity(study, say)
    if len(study.head.get("others", ())) == _PAIR == len(study.points) and not study.broken:
        yield Section(say("study.versus.title"), findings.of_versus(Versus(study, areas(study)), say))


def own(text: str, say: Words) -> str:
    """A text that a scenario brings along; on a Chinese page, where it is not Chinese, it is marked as English."""
    from markupsafe import Markup

    if say.lang == "en" or not text or _CHINESE.search(text):
        return text
    return Markup('<span lang="en">{}</span>').format(text)


def _screening(found: Screening, say: Words) -> Iterator[Section]:
    yield Section(say("study.screening.title"), list(findings.of_screening(found, say)))
    headings = (
        say("study.screening.input"),
        f"#{say('study.points.from')}",
        f"#{say('study.points.to')}",
        f"#{say('study.screening.correlation')}",
        f"#{say('study.contrasts.p')}",
        say("study.screening.moves"),
        f"#{say('study.screening.low-third')}",
        f"#{say('study.screening.high-third')}",
        say("study.screening.source"),
    )
    for metric in found.study.metrics:
        effects = found.effects(metric)
        unit = unit_of(metric, [*effects["at_low"], *effects["at_high"]])
        rows = [
            (
                row["input"],
                row["low"],
                row["high"],
                f"{row['correlation']:+.2f}",
                f"{row['p']:.2g}",
                say("study.yes" if row["moves"] else "study.not-shown"),
                unit.put(number(unit, row["at_low"])),
                unit.put(number(unit, row["at_high"])),
                own(row["source"], say),
            )
            for row in effects.iter_rows(named=True)
        ]
        title = say("study.screening.metric", name=called(metric, say))
        yield Section(title, (say("study.screening.told"),), headings, rows)


def _capacity(study: Study, say: Words) -> Iterator[Section]:
    head = study.head["capacity"]
    if not head:
        return
    holds, breaks = (head[name] and f"{head[name]:.4g}" for name in ("holds", "breaks"))
    key = "holds-none" if not holds else "holds-breaks" if breaks else "holds"
    said = say(f"study.capacity.{key}", holds=say("study.capacity.times", load=holds), breaks=breaks)
    rows = [(f"{one['load']:.4g}", str(one["point"]), judgement(one["judgement"], say)) for one in head["probes"]]
    rows.sort(key=lambda row: float(row[0]))
    headings = (say("study.capacity.load"), f"#{say('study.point')}", say("study.capacity.objectives"))
    yield Section(say("study.capacity.title"), (said,), headings, rows)
    if head["reliefs"]:
        doubled = [
            (capital(say.name("resource", one["resource"]), say), one["chain"], judgement(one["judgement"], say))
            for one in head["reliefs"]
        ]
        told = say("study.capacity.binds-told", breaks=breaks)
        names = (say("study.capacity.doubled"), say("study.capacity.chain"), say("study.capacity.then"))
        yield Section(say("study.capacity.binds-title"), (told,), names, doubled)
