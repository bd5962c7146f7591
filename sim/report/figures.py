"""Which figures a report has, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.report import alliance_map, case_figures, crossings, fault_timeline, stages, style, timeline, year_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from sim.study.run import Run


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure of a report.

    Attributes:
        name: file name without its ending.
        draw: makes the figure; its title says the finding. What is to be seen and how it was counted is a message,
            ``figure.NAME.caption`` of `sim.report.words`.
        shows: whether a run has anything that it could show.
    """

    name: str
    draw: Callable[[Run], Figure]
    shows: Callable[[Run], bool] = lambda _: True


def _is_year(run: Run) -> bool:
    return run.scenario.year is not None


def _is_ordinary(run: Run) -> bool:
    return run.scenario.year is None


PICTURES: Final = (
    Picture("throughput-latency", timeline.throughput_latency, _is_ordinary),
    Picture("fault-timeline", fault_timeline.fault_timeline, fault_timeline.has_faults),
    Picture("latency-cdf", stages.latency_cdf, _is_ordinary),
    Picture("months", year_figures.months_figure, _is_year),
    Picture("missed", year_figures.missed_figure, _is_year),
    Picture("growth", year_figures.growth_figure, _is_year),
    Picture("links", crossings.links_figure, lambda run: bool(run.summary["crosschain"])),
    Picture(
        "periods",
        case_figures.periods_figure,
        lambda run: any(
            number["met"] + number["missed"]
            for counts in run.summary["casework"].values()
            for number in counts["deadlines"].values()
        ),
    ),
    Picture(
        "desks",
        case_figures.desks_figure,
        lambda run: bool(run.summary["casework"]) and bool(run.summary["docket"]["desks"]),
    ),
    Picture("cases", case_figures.timeline_figure, lambda run: any(story.events for story in run.stories)),
    Picture("alliance-map", alliance_map.alliance_map),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure of one run: what was drawn, its title, and the SVG that both the page and the file take."""

    picture: Picture
    figure: Figure
    title: str
    svg: str


def draw(run: Run) -> list[Drawn]:
    """All figures of a run, in the order of the report."""
    figures = [(picture, picture.draw(run)) for picture in PICTURES if picture.shows(run)]
    return [Drawn(picture, figure, style.title(figure), style.to_svg(figure)) for picture, figure in figures]


def save(figures: Sequence[Drawn], directory: Path) -> None:
    """Write each figure into an existing directory, as ``.svg`` and as ``.png``.

    Raises:
        OSError: a file cannot be written.
    """
    for drawn in figures:
        (directory / f"{drawn.picture.name}.svg").write_text(drawn.svg, encoding="utf-8")
        (directory / f"{drawn.picture.name}.png").write_bytes(style.to_png(drawn.figure))
