"""Figures of a study's metrics: over a parameter, over two as a map, point by point, as clouds, and run by run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.report import style, wording
from sim.report.study_numbers import estimate, number, plus_minus
from sim.report.study_panels import (
    MARKERS,
    along_x,
    apart,
    bounds,
    halves,
    lettered,
    means,
    measured,
    name_panel,
    panels,
    places_of,
    say,
    some_room,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.report.study_axes import Axis
    from sim.report.study_numbers import Estimate, Metric, Told

LINES: Final = len(style.SERIES)
"""So many lines stand in a panel at most."""
_FAINTEST, _STRONGEST = 0.04, 0.45
"""Ink of the lowest and the highest cell of a map: numbers stay legible on both, on light and dark pages."""


def by_parameter(told: Told) -> Figure:
    """One panel a metric: means with intervals over a parameter, a line for each value of the second one."""
    with style.house_style():
        metrics = measured(told)
        across, lines = _arranged(told)
        names = [""] if lines is None else [f"{lettered(lines.name, 'line')} = {value}" for value in values_of(lines)]
        figure, places = panels(len(metrics), 3.3)
        for axes, metric in zip(places, metrics, strict=True):
            for series, name in enumerate(names):
                chosen = [
                    one
                    for one in metric.measured
                    if one.point in across.of and (lines is None or lines.of[one.point] == series)
                ]
                _line(axes, metric, across, chosen, (series, len(names)), name)
            along_x(axes, across)
            some_room(axes)
            bounds(axes, metric)
            name_panel(axes, metric)
        if lines is not None:
            handles, labels = places[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside lower left", ncols=min(len(names), 4))
        say(figure, told)
        return figure


def _arranged(told: Told) -> tuple[Axis, Axis | None]:
    """What goes along the panels, and what has a line for each value: numbers rather lie along, and longer lists."""
    if len(told.axes) == 1:
        return told.axes[0], None
    first, second = sorted(told.axes, key=lambda axis: (axis.places is None, -len(axis.values)))
    return (first, second) if len(second.values) <= LINES else (second, first)


def _line(
    axes: Axes, metric: Metric, across: Axis, estimates: Sequence[Estimate], series: tuple[int, int], name: str
) -> None:
    places = apart(across, *series)
    chosen = sorted(estimates, key=lambda one: places[across.of[one.point]])
    axes.errorbar(
        [places[across.of[one.point]] for one in chosen],
        means(metric, chosen),
        yerr=halves(metric, chosen),
        label=name,
        color=style.SERIES[series[0]],
        marker=MARKERS[series[0]],
        markersize=5,
        linestyle="none" if across.places is None else "-",
        linewidth=1.4,
        elinewidth=1.1,
        capsize=2.5,
    )


def heat_map(told: Told) -> Figure:
    """One panel a metric: a cell for each pair of values, darker where the metric is higher."""
    with style.house_style():
        metrics = measured(told)
        down, across = told.axes
        wide = len(across.values) > 5  # noqa: PLR2004 - cells that fit half the figure
        figure, places = panels(len(metrics), 0.9 + 0.5 * len(down.values), columns=1 if wide else 2)
        for axes, metric in zip(places, metrics, strict=True):
            _cells(axes, metric, down, across)
            name_panel(axes, metric)
        say(figure, told, _map_title(told))
        return figure


def _map_title(told: Told) -> str:
    metric = measured(told)[0]
    if not metric.better or not metric.varies:
        return ""
    rivals = len(metric.rivals or ())
    unclear = f"; {wording.counted(rivals, 'point is', 'points are')} not told apart from it" if rivals else ""
    return f"{metric.heading} is best at {metric.best.label}, {estimate(metric.unit, metric.best)}{unclear}"


def _cells(axes: Axes, metric: Metric, down: Axis, across: Axis) -> None:
    from matplotlib.patches import Rectangle

    rows = {value: row for row, value in enumerate(down.ordered)}
    columns = {value: column for column, value in enumerate(across.ordered)}
    known = [one.known for one in metric.measured]
    low, span = min(known), (max(known) - min(known)) or 1.0
    best = metric.best.point if metric.better and metric.varies else None
    for one in metric.measured:
        x, y = columns[across.of[one.point]], rows[down.of[one.point]]
        ink = _FAINTEST + (_STRONGEST - _FAINTEST) * (one.known - low) / span
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=style.BLUE, alpha=ink, linewidth=0))
        if one.point == best:
            axes.add_patch(Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, edgecolor=style.INK, linewidth=1.8))
        elif best is not None and one.point in (metric.rivals or ()):
            frame = Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, edgecolor=style.INK, linewidth=0.8)
            frame.set_linestyle((0, (3, 3)))
            axes.add_patch(frame)
        told = number(metric.unit, one.mean, one.half)
        sure = "" if one.half is None else f"± {plus_minus(metric.unit, one)}"
        note = {"missed": "missed", "open": "open"}.get(one.judged or "", "")
        below = "  ".join(part for part in (sure, note) if part)
        axes.text(x, y - (0.13 if below else 0), told, ha="center", va="center", fontsize=9, fontweight="bold")
        axes.text(x, y + 0.23, below, ha="center", va="center", fontsize=7.5)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.set_xticks(range(len(columns)), [values_of(across)[value] for value in across.ordered])
    axes.set_yticks(range(len(rows)), [values_of(down)[value] for value in down.ordered])
    axes.set_xlabel(lettered(across.name, "second parameter"))
    axes.set_ylabel(lettered(down.name, "first parameter"))
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def rows_figure(told: Told) -> Figure:
    """One row a point, one panel a metric: mean and interval."""
    with style.house_style():
        metrics = measured(told)[:3]
        points = [one.point for one in metrics[0].estimates]
        figure = style.new_figure(height_in=1.3 + 0.27 * len(points))
        places = list(figure.subplots(1, len(metrics), squeeze=False, sharey=True).flat)
        for series, (axes, metric) in enumerate(zip(places, metrics, strict=True)):
            rows = [points.index(one.point) for one in metric.measured]
            axes.errorbar(
                means(metric, metric.measured),
                rows,
                xerr=halves(metric, metric.measured),
                color=style.SERIES[series],
                marker=MARKERS[series],
                markersize=5,
                linestyle="none",
                capsize=3,
            )
            bounds(axes, metric, upright=True)
            name_panel(axes, metric)
            axes.set(ylim=(len(points) - 0.4, -0.6))
        labels = [lettered(one.label, f"point {one.point}", 48) for one in metrics[0].estimates]
        places[0].set_yticks(range(len(points)), labels, color=style.INK)
        say(figure, told)
        return figure


def clouds(told: Told) -> Figure:
    """One panel for each metric and parameter: a mark for each point."""
    with style.house_style():
        pairs = [(metric, axis) for metric in measured(told)[:3] for axis in told.axes[:12]]
        figure, places = panels(len(pairs), 2.4, columns=min(4, len(told.axes)))
        for axes, (metric, axis) in zip(places, pairs, strict=True):
            chosen = [one for one in metric.measured if one.point in axis.of]
            marks = [places_of(axis)[axis.of[one.point]] for one in chosen]
            axes.plot(marks, means(metric, chosen), "o", color=style.BLUE, alpha=0.55, markersize=4, markeredgewidth=0)
            along_x(axes, axis)
            bounds(axes, metric)
            axes.set_title(lettered(metric.title, metric.path, 34), loc="left", fontsize=8, color=style.INK)
        say(figure, told, _moved(told))
        return figure


def _moved(told: Told) -> str:
    """Which inputs of a screening move its first metric; empty for other studies."""
    if "screening" not in told.study.head:
        return ""
    from sim.study.sweeps.screening import Screening

    metric = measured(told)[0]
    effects = Screening.of(told.study).effects(metric.path)
    moving = effects.filter(effects["moves"])["input"].to_list()
    return f"{metric.heading} is moved by {', '.join(moving) or 'none of the inputs for certain'}"


def replications(told: Told) -> Figure:
    """One panel a metric: the share of runs that came to at most so much, with the mean and its interval."""
    with style.house_style():
        metrics = measured(told)
        figure, places = panels(len(metrics), 2.8)
        for axes, metric in zip(places, metrics, strict=True):
            values = sorted(told.study.values(metric.path, 0) / metric.unit.factor)
            one = metric.measured[0]
            shares = [(rank + 1) / len(values) for rank in range(len(values))]
            axes.step([values[0], *values], [0, *shares], where="post", color=style.BLUE, linewidth=1.6)
            axes.plot(values, shares, "o", color=style.BLUE, markersize=4)
            mean, half = one.known / metric.unit.factor, (one.half or 0.0) / metric.unit.factor
            axes.axvspan(mean - half, mean + half, color=style.OCHRE, alpha=0.18, linewidth=0)
            axes.axvline(mean, color=style.OCHRE, linewidth=1.4)
            axes.set_ylim(0, 1.04)
            axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
            axes.ticklabel_format(axis="x", useOffset=False, style="plain")
            bounds(axes, metric, upright=True)
            name_panel(axes, metric)
        say(figure, told)
        return figure
