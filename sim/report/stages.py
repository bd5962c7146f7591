"""The figure `latency-cdf`: where a committed record's time goes, on average and in distribution, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from sim.report import series, style, wording
from sim.study.summary import STAGES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox
    from numpy.typing import NDArray

    from sim.study.run import Run

_COLOURS: Final = {
    "submit": style.SLATE,
    "queue": style.BLUE,
    "propose": style.OCHRE,
    "vote": style.PURPLE,
    "execute": style.GREEN,
    series.WHOLE: style.INK,
}
_LEVELS: Final = np.concatenate([np.linspace(0, 0.98, 295), np.linspace(0.98, 1, 106)[1:]])
"""Shares at which a distribution is drawn: as fine as a pixel, and finer in the tail."""
_FASTEST: Final = 0.01
"""The axis may cut off this share of a stage, so that a few very short times do not stretch it."""
_LOG_FROM_DECADES: Final = 1.5
_LABEL_LEVELS: Final = np.linspace(0.06, 0.94, 23)
"""Heights at which a curve's label is tried."""
_NARROW: Final = 0.07
"""A bar with less of the whole than this has no room for its label."""


def latency_cdf(run: Run) -> Figure:
    """The busiest chain's commit latency: mean by stage above, distribution of each stage and of the whole below."""
    with style.house_style():
        return _draw(run)


def _draw(run: Run) -> Figure:
    busiest = wording.busiest_chain(run.summary)
    spreads = {}
    if run.summary["chains"][busiest]["records"]:
        # One stage at a time: a day's samples take tens of megabytes each.
        for stage in (*STAGES, series.WHOLE):
            spreads[stage] = series.Spread.of(series.stage_sample(run, busiest, stage), _LEVELS)
    figure = style.new_figure(height_in=5.6)
    means, distribution = figure.subplots(2, 1, height_ratios=(1, 6))
    means.set_axis_off()
    if spreads:
        _draw_means(means, spreads)
        _draw_distribution(figure, distribution, spreads)
    else:
        style.say_in_the_middle(distribution, "nothing was committed")
        distribution.set_axis_off()
    style.set_title(figure, _title(busiest, spreads))
    return figure


def _title(chain: str, spreads: dict[str, series.Spread]) -> str:
    chain = wording.shorten(chain, 24)
    if not spreads:
        return f"{chain} committed no record"
    whole_s = spreads[series.WHOLE].mean
    longest = max(STAGES, key=lambda stage: spreads[stage].mean)
    part = wording.share(spreads[longest].mean / whole_s) if whole_s else "0 %"
    return f"{chain}: a record takes {wording.duration(whole_s)} on average, {part} of it in the stage '{longest}'"


def _draw_means(axes: Axes, spreads: dict[str, series.Spread]) -> None:
    """One bar: the mean of each stage, end to end; unlike quantiles, means add up."""
    whole_s = spreads[series.WHOLE].mean
    left_s = 0.0
    axes.set(xlim=(0, whole_s or 1), ylim=(-0.5, 0.8))
    axes.text(0, 0.75, "mean of each stage; they add up to the whole", va="top", color=style.MUTED)
    for stage in STAGES:
        mean_s = spreads[stage].mean
        axes.barh(0, mean_s, left=left_s, height=0.7, color=_COLOURS[stage], edgecolor=style.PAPER, linewidth=1)
        if mean_s > _NARROW * whole_s:
            label = f"{stage} {wording.duration(mean_s)}"
            axes.text(left_s + mean_s / 2, 0, label, ha="center", va="center", color=style.PAPER, fontweight="bold")
        left_s += mean_s


def _draw_distribution(figure: Figure, axes: Axes, spreads: dict[str, series.Spread]) -> None:
    curves = {stage: spread.quantiles for stage, spread in spreads.items()}
    least_s, most_s = _range(curves)
    logarithmic = np.log10(most_s / least_s) > _LOG_FROM_DECADES
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(least_s / 1.3, most_s * 1.3)
        curves = {stage: np.maximum(curve, least_s / 1.3) for stage, curve in curves.items()}
    else:
        axes.set_xlim(0, most_s * 1.05)
    for stage, curve in curves.items():
        width = 2.2 if stage == series.WHOLE else 1.5
        axes.plot(curve, _LEVELS, drawstyle="steps-post", color=_COLOURS[stage], linewidth=width)
        axes.plot(np.interp(0.5, _LEVELS, curve), 0.5, marker="o", markersize=5, color=_COLOURS[stage])
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}".replace("%", " %"))
    axes.xaxis.set_major_formatter(lambda value, _: wording.given_duration(value))
    axes.set_ylabel("share of committed records (dot: median)")
    axes.set_xlabel("time taken at most" + (" (logarithmic)" if logarithmic else ""))
    figure.draw_without_rendering()  # so that the layout, and with it the place of every pixel, is final
    _label(axes, curves, {stage: spread.median for stage, spread in spreads.items()})


def _range(curves: dict[str, NDArray[np.float64]]) -> tuple[float, float]:
    """Between which times the curves run, zeros and the fastest hundredth of a stage left out."""
    positive = [curve[(curve > 0) & (_LEVELS >= _FASTEST)] for curve in curves.values()]
    ends = [(float(curve.min()), float(curve.max())) for curve in positive if len(curve)]
    if not ends:
        return 1e-3, 1.0
    return min(least for least, _ in ends), max(most for _, most in ends)


def _label(axes: Axes, curves: dict[str, NDArray[np.float64]], medians_s: dict[str, float]) -> None:
    """Write each curve's name beside it, where it covers the least of the curves and of the names before it."""
    dense = np.linspace(0, 1, 2000)
    shares = np.concatenate([np.interp(dense, np.linspace(0, 1, len(_LEVELS)), _LEVELS)] * len(curves))
    times = np.concatenate([np.interp(dense, np.linspace(0, 1, len(_LEVELS)), curve) for curve in curves.values()])
    pixels = axes.transData.transform(np.column_stack([times, shares]))
    taken: list[Bbox] = []
    for stage, curve in sorted(curves.items(), key=lambda item: medians_s[item[0]], reverse=True):
        text = f"{stage} {wording.duration(medians_s[stage])}"
        taken.append(_place(axes, text, curve, _COLOURS[stage], pixels, taken))


def _place(
    axes: Axes,
    text: str,
    curve: NDArray[np.float64],
    colour: str,
    pixels: NDArray[np.float64],
    taken: list[Bbox],
) -> Bbox:
    """Put one label at the best of all heights and sides; returns the box that it covers."""
    label = axes.annotate(
        text, (0, 0), (0, 0), textcoords="offset points", va="center", color=colour, fontweight="bold"
    )

    def move(level: float, side: int) -> Bbox:
        label.xy = (float(np.interp(level, _LEVELS, curve)), level)
        label.set(x=6 * side, ha="left" if side > 0 else "right")
        return label.get_window_extent()

    def cost(place: tuple[float, int]) -> float:
        box = move(*place)
        inside = (pixels >= (box.x0, box.y0)).all(axis=1) & (pixels <= (box.x1, box.y1)).all(axis=1)
        covered = int(np.count_nonzero(inside))
        clashes = sum(bool(box.overlaps(other)) for other in taken)
        outside = bool(box.x0 < axes.bbox.x0 or box.x1 > axes.bbox.x1)
        far = abs(place[0] - 0.5)  # from the median, where it is looked for
        return covered + 20 * far + 1e4 * clashes + 1e6 * outside

    best = min(((float(level), side) for level in _LABEL_LEVELS for side in (1, -1)), key=cost)
    return move(*best)
