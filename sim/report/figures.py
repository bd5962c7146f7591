"""Which figures a report has, what they are called, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.report import alliance_map, stages, style, timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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
    """

    name: str
    draw: Callable[[Run], Figure]
    caption: str


PICTURES: Final = (
    Picture(
        "throughput-latency",
        timeline.throughput_latency,
        "Records per second and commit latency over simulated time. Offered and rejected records count when their "
        "client meant to send them, committed ones when the client's own node had executed them. Latency stands at the "
        "intended send time and runs until that execution; a record that was unfinished at the end counts as slower "
        "than any other. Vertical lines are crashes, restarts and the first node to enter a new view.",
    ),
    Picture(
        "latency-cdf",
        stages.latency_cdf,
        "Where the time of the busiest chain's committed records goes. Above, the mean of each stage; these add up to "
        "the mean of the whole. Below, the share of records that took at most so long, in each stage and in all.",
    ),
    Picture(
        "alliance-map",
        alliance_map.alliance_map,
        "Every chain with its validators and observers, its offered load, the 99th percentile of its commit latency, "
        "and the resource that is nearest to saturation. The busiest chain stands in the middle; colours are trust "
        "zones.",
    ),
)


def draw(run: Run) -> dict[str, Figure]:
    """All figures of a run, by name."""
    return {picture.name: picture.draw(run) for picture in PICTURES}


def save(figures: Mapping[str, Figure], directory: Path) -> None:
    """Write each figure into an existing directory, as ``.svg`` and as ``.png``.

    Raises:
        OSError: a file cannot be written.
    """
    for name, figure in figures.items():
        (directory / f"{name}.svg").write_text(style.to_svg(figure), encoding="utf-8")
        (directory / f"{name}.png").write_bytes(style.to_png(figure))
