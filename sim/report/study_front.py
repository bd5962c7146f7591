"""What is best in two metrics at once: a study's Pareto front."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sim.report import style
from sim.report.study_panels import halves, lettered, means, measured, panels, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.report.study_numbers import Estimate, Metric, Told

_NAMED: Final = 8
"""So many points of a front are named."""
_HALF, _NEAR, _LINE = 0.5, 0.3, 0.05
"""Of a panel's width and height: where names change sides, and how near two names are in each other's way."""


def pairs(told: Told) -> list[tuple[Metric, Metric]]:
    """The first metric that has a better side, with each of the next three that have one; those that vary."""
    sided = [metric for metric in measured(told) if metric.better and metric.varies]
    return [(sided[0], other) for other in sided[1:4]] if sided else []


def front(told: Told) -> Figure:
    """What is best in two metrics at once: points that no other beats in both are joined and named."""
    with style.house_style():
        found = pairs(told)
        figure, places = panels(len(found), 4.0)
        for axes, (first, second) in zip(places, found, strict=True):
            _draw_front(axes, first, second)
        say(figure, told, _front_title(*found[0]))
        return figure


def on_front(first: Metric, second: Metric) -> list[tuple[Estimate, Estimate]]:
    """The points that no other beats in one of two metrics without losing in the other, the best in the first first.

    Means are compared as they are, without their intervals.
    """
    there = {one.point: one for one in second.measured}
    both = [(one, there[one.point]) for one in first.measured if one.point in there]
    ranked = sorted(both, key=lambda pair: (-first.better * pair[0].known, -second.better * pair[1].known))
    kept: list[tuple[Estimate, Estimate]] = []
    for pair in ranked:
        gained = not kept or second.better * pair[1].known > second.better * kept[-1][1].known
        if gained or (pair[0].known, pair[1].known) == (kept[-1][0].known, kept[-1][1].known):
            kept.append(pair)
    return kept


def _front_title(first: Metric, second: Metric) -> str:
    kept = on_front(first, second)
    names = f"{first.name} and {second.name}"
    if len(kept) == 1:
        return f"{kept[0][0].label} is best in both {names}"
    return (
        f"{len(kept)} of {len(first.measured)} points trade {names}: "
        f"from {kept[0][0].label} to {kept[-1][0].label}, nothing is better in both"
    )


def _draw_front(axes: Axes, first: Metric, second: Metric) -> None:
    there = {one.point: one for one in second.measured}
    both = [(one, there[one.point]) for one in first.measured if one.point in there]
    kept = on_front(first, second)
    best = {pair[0].point for pair in kept}
    for group, colour, marker in (
        ([pair for pair in both if pair[0].point not in best], style.SLATE, "o"),
        (kept, style.GREEN, "D"),
    ):
        x, y = [pair[0] for pair in group], [pair[1] for pair in group]
        axes.errorbar(
            means(first, x),
            means(second, y),
            xerr=halves(first, x),
            yerr=halves(second, y),
            color=colour,
            marker=marker,
            markersize=6,
            linestyle="none",
            elinewidth=1,
            zorder=3,
        )
    corners = list(_corners(first, second, kept))
    axes.plot([x for x, _ in corners], [y for _, y in corners], color=style.GREEN, linewidth=1.2, zorder=2)
    _name_front(axes, first, second, kept)
    axes.margins(0.14)
    axes.set_xlabel(lettered(f"{first.title}: {_better(first)}", first.path))
    axes.set_ylabel(lettered(f"{second.title}: {_better(second)}", second.path))


def _name_front(axes: Axes, first: Metric, second: Metric, kept: Sequence[tuple[Estimate, Estimate]]) -> None:
    """Names stand to the outside of the front, where no point can lie; those of near points below each other."""
    (left_end, right_end), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    named: list[tuple[float, float]] = []
    for pair in kept[:_NAMED]:
        x, y = pair[0].known / first.unit.factor, pair[1].known / second.unit.factor
        at = (x - left_end) / (right_end - left_end), (y - bottom) / (top - bottom)
        beside = sum(abs(at[0] - other[0]) < _NEAR and abs(at[1] - other[1]) < _LINE for other in named)
        named.append(at)
        left, down = at[0] > _HALF, second.better < 0
        axes.annotate(
            lettered(pair[0].label, f"point {pair[0].point}", 44),
            (x, y),
            xytext=(-7 if left else 7, (-6 - 11 * beside) if down else (5 + 11 * beside)),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top" if down else "bottom",
            fontsize=8,
            color=style.INK,
        )


def _corners(first: Metric, second: Metric, kept: Sequence[tuple[Estimate, Estimate]]) -> Iterator[tuple[float, float]]:
    """The stairs through the points of a front."""
    at = [(x / first.unit.factor, y / second.unit.factor) for x, y in ((a.known, b.known) for a, b in kept)]
    for (_, y), (next_x, _) in pairwise(at):
        yield from ((_x(at, y), y), (next_x, y))
    yield from at[-1:]


def _x(at: Sequence[tuple[float, float]], y: float) -> float:
    return next(x for x, height in at if height == y)


def _better(metric: Metric) -> str:
    return "less is better" if metric.better < 0 else "more is better"
