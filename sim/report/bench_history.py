"""The history of the benchmarks as one figure: a small panel for each, its rate over commits.

Rates are divided by their median on the same machine, so that machines of different speed share a panel and 1 means as
usual there. All panels have one scale, on which twice as fast lies as far above 1 as half as fast below.
"""

from __future__ import annotations

import math
import statistics
import textwrap
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from sim.report import style, wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.study.history import Entry, Machine, Rate

    Points = Mapping[Machine, Sequence[tuple[Entry, float]]]
    Panels = Mapping[str, Points]

_COLUMNS: Final = 5
_LEFT_IN: Final = 0.45
_RIGHT_IN: Final = 0.1
_BETWEEN_IN: Final = 0.12
_PANEL_IN: Final = 0.62
_ROW_IN: Final = _PANEL_IN + 0.56
"""A panel with the three lines above it that say what it is."""
_HEAD_IN: Final = 0.95
"""Title and legend, at the top."""
_MACHINE_IN: Final = 0.17
"""A line of the legend for each machine."""
_GROUP_IN: Final = 0.15
"""What a heading takes beside the room above the first row."""
_FOOT_IN: Final = 0.6
"""The commits' names, below each group."""
_NAME_LETTERS: Final = 34
_TICKS: Final = 6
"""More commits than this are not all named."""
_LEAST: Final = 1.25
"""The scale goes from the inverse of this to this at least, so that noise of a percent does not look like an event."""
_MARKS: Final = "osD^v"
_OVERFLOW: Final = 1.04
"""Points keep so far from a panel's edge, as a factor."""


def bench_history(entries: Sequence[Entry]) -> Figure:
    """Every benchmark's rate over commits, relative to its median on the same machine; its last rate in figures.

    Args:
        entries: the history, at least one, in the order of `sim.study.history.read`.
    """
    with style.house_style():
        return _draw(entries)


def _draw(entries: Sequence[Entry]) -> Figure:
    panels = _relative(entries)
    groups: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        for rate in entry.rates:
            if rate.name not in groups[rate.group]:
                groups[rate.group].append(rate.name)
    machines = list(dict.fromkeys(entry.machine for entry in entries))
    commits = list(dict.fromkeys(entry.code.commit for entry in entries))
    rows = sum(math.ceil(len(names) / _COLUMNS) for names in groups.values())
    head_in = _HEAD_IN + _MACHINE_IN * len(machines)
    height_in = head_in + len(groups) * (_GROUP_IN + _FOOT_IN) + rows * _ROW_IN
    figure = style.new_figure(height_in)
    figure.set_layout_engine("none")
    style.set_title(figure, _title(panels, commits, entries[-1]), height=1 - 0.1 / height_in)
    _legend(figure, machines, height_in)
    bound = max(_LEAST, *(max(value, 1 / value) for panel in panels.values() for p in panel.values() for _, value in p))
    top_in = height_in - head_in
    for group, names in sorted(groups.items()):
        figure.text(_LEFT_IN / style.WIDTH_IN, (top_in - 0.18) / height_in, group, fontsize=10, fontweight="bold")
        top_in -= _GROUP_IN
        for position, name in enumerate(names):
            row, column = divmod(position, _COLUMNS)
            lowest = position + _COLUMNS >= len(names)
            axes = _panel(figure, top_in - (row + 1) * _ROW_IN, column, height_in)
            _draw_panel(axes, panels[name], commits, machines, bound * _OVERFLOW)
            _name(axes, name, _last(entries, name))
            axes.tick_params(labelleft=column == 0, labelbottom=lowest)
        top_in -= math.ceil(len(names) / _COLUMNS) * _ROW_IN + _FOOT_IN
    return figure


def _relative(entries: Sequence[Entry]) -> dict[str, dict[Machine, list[tuple[Entry, float]]]]:
    """By benchmark and machine, each run with its rate relative to the median of them."""
    rates: dict[str, dict[Machine, list[tuple[Entry, float]]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        for rate in entry.rates:
            rates[rate.name][entry.machine].append((entry, rate.rate_per_s))
    return {
        name: {machine: _by_their_median(runs) for machine, runs in by_machine.items()}
        for name, by_machine in rates.items()
    }


def _by_their_median(runs: list[tuple[Entry, float]]) -> list[tuple[Entry, float]]:
    usual = statistics.median(rate for _, rate in runs)
    return [(entry, rate / usual) for entry, rate in runs]


def _last(entries: Sequence[Entry], name: str) -> Rate:
    return next(rate for entry in reversed(entries) for rate in entry.rates if rate.name == name)


def _title(panels: Panels, commits: Sequence[str], last: Entry) -> str:
    """How much is seen, and which benchmark of the last run is furthest below what is usual on its machine."""
    what = f"{wording.counted(len(panels), 'benchmark')} over {wording.counted(len(commits), 'commit')}"
    now = {rate.name: value for rate in last.rates for entry, value in panels[rate.name][last.machine] if entry is last}
    lowest = min(now, key=lambda name: now[name])
    if now[lowest] >= 1:
        return f"{what}: at {last.code.short} none is below its median"
    return f"{what}: at {last.code.short} lowest is {lowest}, {now[lowest]:.2f} times its median"


def _legend(figure: Figure, machines: Sequence[Machine], height_in: float) -> None:
    """A line for each machine, and one for what a hollow mark means."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=_colour(n), marker=_mark(n), markersize=4, lw=1) for n in range(len(machines))]
    handles.append(Line2D([], [], color=style.MUTED, marker="o", markersize=4, lw=0, markerfacecolor=style.PAPER))
    figure.legend(
        handles,
        [*map(str, machines), "with uncommitted changes"],
        loc="upper left",
        bbox_to_anchor=(_LEFT_IN / style.WIDTH_IN, 1 - 0.6 / height_in),
        fontsize=8,
        borderaxespad=0,
        labelspacing=0.3,
    )
    figure.text(
        1 - _RIGHT_IN / style.WIDTH_IN,
        1 - 0.6 / height_in,
        "up: rate, as multiples of its median on the same machine\nbelow a name: the last rate",
        fontsize=8,
        color=style.MUTED,
        ha="right",
        va="top",
    )


def _panel(figure: Figure, bottom_in: float, column: int, height_in: float) -> Axes:
    room_in = style.WIDTH_IN - _LEFT_IN - _RIGHT_IN
    pitch_in = (room_in + _BETWEEN_IN) / _COLUMNS
    left_in = _LEFT_IN + column * pitch_in
    return figure.add_axes(
        (
            left_in / style.WIDTH_IN,
            bottom_in / height_in,
            (pitch_in - _BETWEEN_IN) / style.WIDTH_IN,
            _PANEL_IN / height_in,
        )
    )


def _draw_panel(axes: Axes, points: Points, commits: Sequence[str], machines: Sequence[Machine], bound: float) -> None:
    axes.axhline(1, color=style.MUTED, linewidth=0.6)
    for machine, runs in points.items():
        number = machines.index(machine)
        by_commit: dict[int, list[float]] = defaultdict(list)
        for entry, value in runs:
            place = commits.index(entry.code.commit)
            by_commit[place].append(value)
            face = style.PAPER if entry.code.dirty else _colour(number)
            axes.plot(place, value, _mark(number), markersize=3.2, color=_colour(number), markerfacecolor=face, mew=0.8)
        middles = [statistics.median(values) for values in by_commit.values()]
        axes.plot(list(by_commit), middles, linewidth=0.9, color=_colour(number), zorder=1)
    axes.set_yscale("log")
    axes.set_ylim(1 / bound, bound)
    axes.set_xlim(-0.5, len(commits) - 0.5)
    _ticks(axes, commits, bound)


def _ticks(axes: Axes, commits: Sequence[str], bound: float) -> None:
    """Few and round ones: commits below, multiples at the side."""
    step = next(step for step in (1.1, 1.2, 1.5, 2.0, 5.0, 10.0, math.inf) if step**2 >= bound)
    step = math.sqrt(bound) if math.isinf(step) else step
    axes.set_yticks([1 / step, 1, step], [f"{1 / step:.2g}×", "1×", f"{step:.2g}×"], fontsize=7)
    axes.yaxis.minorticks_off()
    stride = math.ceil(len(commits) / _TICKS)
    shown = range((len(commits) - 1) % stride, len(commits), stride)
    axes.set_xticks(list(shown), [commits[place][:7] for place in shown], rotation=90, fontsize=6, family="monospace")
    axes.tick_params(length=2, pad=2)


def _name(axes: Axes, name: str, last: Rate) -> None:
    lines = textwrap.wrap(name, _NAME_LETTERS, max_lines=2, placeholder=" …")
    rate = f"{wording.scaled_rate(last.rate_per_s)} {last.unit}/s"
    axes.text(0, 1.28, "\n".join(lines), transform=axes.transAxes, fontsize=6.8, linespacing=1.1, va="bottom")
    axes.text(0, 1.07, rate, transform=axes.transAxes, fontsize=6.5, color=style.MUTED)


def _colour(number: int) -> str:
    return style.SERIES[number % len(style.SERIES)]


def _mark(number: int) -> str:
    return _MARKS[number % len(_MARKS)]
