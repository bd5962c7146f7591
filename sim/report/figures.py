"""Which figures a report has, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.report import alliance_map, case_figures, crossings, fault_timeline, pictures, stages, timeline, year_figures
from sim.report.pictures import Picture

if TYPE_CHECKING:
    from sim.report.pictures import Drawn
    from sim.study.run import Run


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


def draw(run: Run) -> list[Drawn]:
    """All figures of a run, in the order of the report."""
    return pictures.draw(PICTURES, run)
