"""Which figures a report has, what they are called, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.report import alliance_map, case_figures, crossings, stages, style, timeline, year_figures

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
        draw: makes the figure; its title says the finding.
        caption: what is to be seen and how it was counted.
        shows: whether a run has anything that it could show.
    """

    name: str
    draw: Callable[[Run], Figure]
    caption: str
    shows: Callable[[Run], bool] = lambda _: True


PICTURES: Final = (
    Picture(
        "throughput-latency",
        timeline.throughput_latency,
        "Records per second and commit latency over simulated time. Offered and rejected records count when their "
        "client meant to send them, committed ones when the client's own node had executed them. Latency stands at the "
        "intended send time and runs until that execution; a record that was unfinished at the end counts as slower "
        "than any other. Vertical lines are crashes, restarts and the first node to enter a new view.",
        lambda run: run.scenario.year is None,
    ),
    Picture(
        "latency-cdf",
        stages.latency_cdf,
        "Where the time of the busiest chain's committed records goes. Above, the mean of each stage; these add up to "
        "the mean of the whole. Below, the share of records that took at most so long, in each stage and in all.",
        lambda run: run.scenario.year is None,
    ),
    Picture(
        "months",
        year_figures.months_figure,
        "Every chain in every month. Above, its records a day over those of its mean day; below, the 99th percentile "
        "of their commit latency, from tables of what chains take at which load and what was measured around faults.",
        lambda run: run.scenario.year is not None,
    ),
    Picture(
        "missed",
        year_figures.missed_figure,
        "Periods of law that ended late, by the month in which they ended, in the whole country; one case in many was "
        "followed.",
        lambda run: run.scenario.year is not None,
    ),
    Picture(
        "growth",
        year_figures.growth_figure,
        "Left, what stands on the disk of one node of each chain at the end of each year: records, headers and the "
        "tiles of the log. Right, what storing all nodes' copies and working on the year's records cost, by the "
        "scenario's prices.",
        lambda run: run.scenario.year is not None,
    ),
    Picture(
        "links",
        crossings.links_figure,
        "Each link's delivered packets, from when their sender meant to send them until the destination had executed "
        "them, divided by what they waited for: a block of the source, a relayer's look and what it fetches, a block "
        "of the destination. Behind it, in grey, the way of the acknowledgement.",
        lambda run: bool(run.summary["crosschain"]),
    ),
    Picture(
        "periods",
        case_figures.periods_figure,
        "Every kind of period of law of the cases' workflows that ended in the run, and the shares of those that ended "
        "in time and of those that ended late or were over at the end of the run. Those with most missed come first.",
        lambda run: any(
            number["met"] + number["missed"]
            for counts in run.summary["casework"].values()
            for number in counts["deadlines"].values()
        ),
    ),
    Picture(
        "desks",
        case_figures.desks_figure,
        "The people at desks in the share of the country that was simulated, the part of office time in which they "
        "worked on cases of this run, and how long work waited for somebody to take it up.",
        lambda run: bool(run.summary["casework"]) and bool(run.summary["docket"]["desks"]),
    ),
    Picture(
        "cases",
        case_figures.timeline_figure,
        "The way of a few cases: for each state the time from entering to leaving it, how long that was, and how many "
        "of the records that led there stand on which chains, each proved against the last block's root. The "
        "cases are those that were asked for, and those that did the most.",
        lambda run: any(story.events for story in run.stories),
    ),
    Picture(
        "alliance-map",
        alliance_map.alliance_map,
        "Every chain with its validators and observers, its offered load, the 99th percentile of its commit latency, "
        "and the resource that is nearest to saturation. The chain that most links touch, or without links "
        "the busiest, stands in the middle; colours are trust zones.",
    ),
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
