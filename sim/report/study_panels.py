"""Parts that figures of studies share: a grid of panels, values along an axis, bounds of objectives, names."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sim.report import study_words, style, wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.report.study_axes import Axis
    from sim.report.study_numbers import Estimate, Metric, Told

MARKERS: Final = ("o", "s", "^", "D", "v")
"""One for each of `style.SERIES`, for those who do not see colours."""
_TICKS: Final = 8
"""So many values are written along an axis each; of more, round numbers are."""
_BELOW: Final = 60
"""So many letters of a tick's size stand below a panel of half a figure."""
_LETTERS: Final = 30
_METRICS: Final = 8
_TITLE_LETTERS: Final = 270
_ROOM: Final = 0.08
_APART: Final = 0.008
"""Lines over one axis are drawn apart by this share of its length."""


def measured(told: Told) -> list[Metric]:
    """The metrics that have a mean somewhere, as many as a figure has room for."""
    return [metric for metric in told.metrics if metric.measured][:_METRICS]


def say(figure: Figure, told: Told, text: str = "") -> None:
    """Put a finding above a figure: what came out of the first metric, unless another is given."""
    said = text or study_words.finding(told, measured(told)[0])
    style.set_title(figure, lettered(said, "What was found", _TITLE_LETTERS))


def panels(count: int, height_in: float, columns: int = 2) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels, side by side as far as there is room; those that are left over are not there."""
    across = min(count, columns)
    down = -(-count // across)
    figure = style.new_figure(height_in=0.8 + height_in * down)
    found = list(figure.subplots(down, across, squeeze=False).flat)
    for spare in found[count:]:
        spare.remove()
    return figure, found[:count]


def name_panel(axes: Axes, metric: Metric) -> None:
    """Say above a panel which metric it is, in which unit."""
    axes.set_title(lettered(metric.title, metric.path), loc="left", fontsize=10, color=style.INK)


def lettered(text: str, otherwise: str, letters: int = _LETTERS * 2) -> str:
    """Text as figures can write it: shortened, and another one where the font lacks a letter."""
    return style.printable(wording.shorten(text, letters), otherwise)


def values_of(axis: Axis) -> list[str]:
    """An axis's values as figures can write them."""
    return [lettered(value, f"value {number}", _LETTERS) for number, value in enumerate(axis.values)]


def places_of(axis: Axis) -> list[float]:
    """Where its values lie: on their scale, or one after the other."""
    return list(axis.places) if axis.places is not None else [float(place) for place in range(len(axis.values))]


def along_x(axes: Axes, axis: Axis) -> None:
    """Write an axis's values below a panel, to scale if they have one."""
    from matplotlib.ticker import NullLocator

    places, values = places_of(axis), values_of(axis)
    written = axis.places is None or (len(values) <= _TICKS and not _crowded(axis))
    axes.set_xlabel(lettered(axis.name if written and not axis.logarithmic else axis.label, "parameter"))
    if axis.logarithmic:
        axes.set_xscale("log")
    if axis.places is None:
        axes.set_xlim(-0.6, len(values) - 0.4)
        axes.grid(visible=False, axis="x")
    if written:
        # Beside each other, long names would run into one another.
        turned = sum(len(value) for value in values) > _BELOW if axis.places is None else False
        axes.set_xticks(places, values, rotation=30 if turned else 0, ha="right" if turned else "center")
        axes.xaxis.set_minor_locator(NullLocator())


def _crowded(axis: Axis) -> bool:
    """Whether values that are written where they lie would run into one another."""
    places, values = places_of(axis), values_of(axis)
    scaled = [math.log(place) for place in places] if axis.logarithmic else places
    span = max(scaled) - min(scaled)
    for one, after in pairwise(axis.ordered):
        wanted = (len(values[one]) + len(values[after])) / 2 + 1
        if (scaled[after] - scaled[one]) * _BELOW < wanted * span:
            return True
    return False


def halves(metric: Metric, estimates: Sequence[Estimate]) -> list[float]:
    """Half-widths in the metric's unit; nothing where one run says nothing of it."""
    return [(one.half or 0.0) / metric.unit.factor for one in estimates]


def means(metric: Metric, estimates: Sequence[Estimate]) -> list[float]:
    """Means in the metric's unit."""
    return [one.known / metric.unit.factor for one in estimates]


def bounds(axes: Axes, metric: Metric, *, upright: bool = False) -> None:
    """Draw the bounds of a metric's objectives as far as they lie near what was measured."""
    low, high = axes.get_xlim() if upright else axes.get_ylim()
    span = high - low
    for bound in (bound / metric.unit.factor for bound in metric.bounds):
        if low - span <= bound <= high + span:
            line = axes.axvline if upright else axes.axhline
            line(bound, color=style.ALARM, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
            if not upright:
                axes.annotate(
                    metric.target,
                    (1, bound),
                    xycoords=("axes fraction", "data"),
                    xytext=(-2, 3),
                    textcoords="offset points",
                    ha="right",
                    va="bottom",
                    fontsize=8,
                    color=style.ALARM,
                    bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 1, "alpha": 0.8},
                    zorder=4,
                )


def apart(axis: Axis, series: int, count: int) -> list[float]:
    """Where an axis's values lie for one of several lines: beside each other by so little that all can be seen."""
    places, step = places_of(axis), series - (count - 1) / 2
    if axis.logarithmic:
        ratio = (max(places) / min(places)) ** (_APART * step)
        return [place * ratio for place in places]
    width = 0.16 if axis.places is None else _APART * (max(places) - min(places))
    return [place + step * width for place in places]


def some_room(axes: Axes) -> None:
    """Keep points off the upper and lower edges."""
    axes.margins(y=_ROOM)
