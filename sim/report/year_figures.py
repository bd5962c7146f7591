"""Figures of a year by tables: load and latency by month and chain, periods missed by month, and growth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.report import style, wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from sim.study.run import Run

_ROW_IN: Final = 0.32
_DARK: Final = 0.6
"""From this shade on, writing on it is white."""
_TERABYTE: Final = 1e12
_MILLION: Final = 1e6


def months_figure(run: Run) -> Figure:
    """Two maps, month by chain: records a day over those of the mean day, and the 99th percentile of latency."""
    with style.house_style():
        months = run.summary["year"]["months"]
        chains = [chain for chain, result in run.summary["chains"].items() if result["records"]]
        figure = style.new_figure(height_in=1.6 + 2 * _ROW_IN * max(1, len(chains)))
        load, latency = figure.subplots(2, 1, sharex=True)
        days = np.array([month["days"] for month in months])
        records = _cells(months, chains, "records")
        rates = records / days / np.maximum(records.sum(axis=1, keepdims=True) / days.sum(), 1e-9)
        p99 = _cells(months, chains, "p99_s")
        _draw_map(load, rates, chains, months, "{:.2f}")
        _draw_map(latency, p99, chains, months, "{:.2f}")
        load.set_title("records a day over those of the mean day", loc="left", fontsize=9)
        latency.set_title("99th percentile of commit latency, seconds", loc="left", fontsize=9)
        busiest = wording.busiest_chain(run.summary)
        place = chains.index(busiest) if busiest in chains else 0
        peak = int(rates[place].argmax()) if chains else 0
        said = f"{busiest} has most to do in {months[peak]['month']}, {rates[place, peak]:.2f} of a mean day"
        style.set_title(figure, f"{said}; its p99 is {p99[place].min():.2f} to {p99[place].max():.2f} s")
        return figure


def _cells(months: Sequence[dict[str, Any]], chains: Sequence[str], key: str) -> NDArray[np.float64]:
    return np.array([[float(month[key][chain]) for month in months] for chain in chains]).reshape(len(chains), -1)


def _draw_map(
    axes: Axes, cells: NDArray[np.float64], chains: Sequence[str], months: Sequence[dict[str, Any]], form: str
) -> None:
    most = float(cells.max(initial=0.0)) or 1.0
    axes.imshow(cells / most, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    for row in range(cells.shape[0]):
        for column in range(cells.shape[1]):
            colour = style.PAPER if cells[row, column] / most > _DARK else style.INK
            text = form.format(cells[row, column])
            axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    axes.set_yticks(range(len(chains)), chains, color=style.INK)
    axes.set_xticks(range(len(months)), [month["month"] for month in months], fontsize=8)
    axes.grid(visible=False)


def missed_figure(run: Run) -> Figure:
    """One bar a month: periods of law that ended late."""
    with style.house_style():
        months = run.summary["year"]["months"]
        figure = style.new_figure(height_in=3.4)
        axes = figure.subplots()
        missed = [month["deadlines_missed"] for month in months]
        ended = [month["deadlines_missed"] + month["deadlines_met"] for month in months]
        axes.bar(range(len(months)), [count / _MILLION for count in missed], color=style.ALARM, width=0.7)
        for place, (late, count) in enumerate(zip(missed, ended, strict=True)):
            said = wording.share(late / count) if count else wording.NO_VALUE
            axes.text(place, late / _MILLION, said, ha="center", va="bottom", fontsize=8, color=style.MUTED)
        axes.set_xticks(range(len(months)), [month["month"] for month in months], fontsize=8)
        axes.set_ylabel("periods of law missed, millions")
        axes.set_xlabel("above: of those that ended in the month")
        worst = months[int(np.argmax(missed))]
        style.set_title(
            figure, f"{sum(missed):,} periods of law were missed, most of them in {worst['month']}: {max(missed):,}"
        )
        return figure


def growth_figure(run: Run) -> Figure:
    """What one node of each chain has stored by the end of each year, and what all nodes cost a year."""
    with style.house_style():
        years = run.summary["year"]["growth"]
        figure = style.new_figure(height_in=4.2)
        stored, cost = figure.subplots(1, 2, width_ratios=(3, 2))
        numbers = [row["year"] for row in years]
        last = years[-1]["stored_bytes"]
        order = sorted(last, key=lambda chain: -last[chain])
        shown = order[: len(style.SERIES) - 1]
        below = np.zeros(len(years))
        for colour, chain in zip(style.SERIES, shown, strict=False):
            cells = np.array([row["stored_bytes"][chain] for row in years]) / _TERABYTE
            stored.bar(numbers, cells, bottom=below, color=colour, label=chain, width=0.8)
            below += cells
        rest = np.array([sum(row["stored_bytes"][chain] for chain in order[len(shown) :]) for row in years])
        stored.bar(numbers, rest / _TERABYTE, bottom=below, color=style.GRID, label="others", width=0.8)
        stored.set(xlabel="year", ylabel="one node of each chain, TB")
        stored.legend(loc="upper left")
        money = [np.array([row[name] for row in years]) / _MILLION for name in ("storage_cny", "core_cny")]
        cost.bar(numbers, money[0], color=style.OCHRE, label="storage", width=0.8)
        cost.bar(numbers, money[1], bottom=money[0], color=style.SLATE, label="CPU", width=0.8)
        cost.set(xlabel="year", ylabel="all nodes, million CNY a year")
        cost.legend(loc="upper left")
        whole = sum(last.values()) / _TERABYTE
        everywhere = years[-1]["stored_on_all_nodes_bytes"] / _TERABYTE
        after, one, every = len(years), wording.three_digits(whole), wording.three_digits(everywhere)
        said = f"After {wording.counted(after, 'year')} {one} TB stand on one node of each chain"
        style.set_title(figure, f"{said}, {every} TB on all nodes")
        return figure
