"""What a page says of a study that was more than a sweep: a screening, a search for capacity, a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.report import findings
from sim.report.study_numbers import called, capital, number, unit_of
from sim.study.sweeps.screening import Screening
from sim.study.sweeps.versus import Versus, areas

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim.study.sweeps.study import Study

_PAIR = 2
"""Points of a comparison."""
_JUDGED = {"met": "met", "missed": "missed", "open": "not shown to be met"}


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


def of(study: Study) -> Iterator[Section]:
    """The sections that the head of a study asks for; none for a sweep."""
    if "screening" in study.head:
        yield from _screening(Screening.of(study))
    if "capacity" in study.head:
        yield from _capacity(study)
    if len(study.head.get("others", ())) == _PAIR == len(study.points) and not study.broken:
        yield Section("The two scenarios", findings.of_versus(Versus(study, areas(study))))


def _screening(found: Screening) -> Iterator[Section]:
    yield Section("What the uncertain inputs do", list(findings.of_screening(found)))
    headings = (
        "input",
        "#from",
        "#to",
        "#correlation",
        "#p (Holm)",
        "moves it",
        "#lowest third",
        "#highest third",
        "source",
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
                "yes" if row["moves"] else "not shown",
                unit.put(number(unit, row["at_low"])),
                unit.put(number(unit, row["at_high"])),
                row["source"],
            )
            for row in effects.iter_rows(named=True)
        ]
        told = (
            "Partial rank correlation: how much higher inputs go with higher results when the others are held still, "
            "from -1 to 1. Beside it the metric's mean in the lowest and the highest third of the input's range."
        )
        yield Section(f"Inputs and {called(metric)}", (told,), headings, rows)


def _capacity(study: Study) -> Iterator[Section]:
    head = study.head["capacity"]
    if not head:
        return
    holds, breaks = head["holds"], head["breaks"]
    said = (
        f"The objectives are met up to {holds:.4g} times the scenario's load"
        if holds
        else "The objectives are not shown to be met at any load that was tried"
    )
    more = f" and not shown to be met at {breaks:.4g} times." if holds and breaks else "."
    rows = [(f"{one['load']:.4g}", str(one["point"]), _JUDGED[one["judgement"]]) for one in head["probes"]]
    rows.sort(key=lambda row: float(row[0]))
    yield Section(
        "How much load it carries", (said + more,), ("load, times the scenario's", "#point", "objectives"), rows
    )
    if head["reliefs"]:
        doubled = [(capital(r["resource"]), r["chain"], _JUDGED[r["judgement"]]) for r in head["reliefs"]]
        told = f"At {breaks:.4g} times the load each of these was doubled; what makes it meet the objectives binds."
        yield Section("What binds", (told,), ("resource, doubled", "chain", "objectives then"), doubled)
