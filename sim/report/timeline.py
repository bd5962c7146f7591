"""The figure `throughput-latency`: what was offered and committed over time, and how long records took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.report import series, style, wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from sim.study.run import Run

TIME_UNITS: Final = ((3 * 86_400, 86_400, "days"), (3 * 3600, 3600, "hours"), (180, 60, "minutes"), (0, 1, "seconds"))
"""From which simulated duration on (s), seconds in the unit, its name."""
_LABELLED: Final = 8
"""With more moments than this, marks stand without labels, which would cover each other."""
_FEW: Final = 0.01
"""Of a chain's records: more of them unfinished at the end are worth a place in the title."""
_NAME_LETTERS: Final = 24
"""A longer chain id is cut short where a line has no room for it."""
_HALO: Final = {"facecolor": style.PAPER, "alpha": 0.75, "linewidth": 0, "pad": 0.5}
"""Behind a label, so that lines do not strike it through."""


_MARKS: Final = {"crash": style.ALARM, "restart": style.GREEN, "view": style.PURPLE}


def throughput_latency(run: Run) -> Figure:
    """Records per second and commit latency over simulated time, for the busiest chain and all others together."""
    with style.house_style():
        return _draw(run)


def _draw(run: Run) -> Figure:
    summary = run.summary
    simulated_s = summary["simulated_s"]
    busiest = wording.busiest_chain(summary)
    others = [chain for chain in summary["chains"] if chain != busiest]
    edges_s = series.window_edges(simulated_s, summary["chains"][busiest]["blocks"])
    _, unit_s, unit = next(entry for entry in TIME_UNITS if simulated_s >= entry[0])

    figure = style.new_figure(height_in=6.0)
    rates, latencies = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1))
    mine = series.records(run, [busiest])
    rest = series.records(run, others)
    _draw_rates(rates, mine, rest, len(others), edges_s / unit_s, edges_s)
    _draw_latencies(latencies, mine, rest, len(others), edges_s / unit_s, edges_s)
    _mark(rates, latencies, run, unit_s)
    latencies.set_xlim(0, simulated_s / unit_s)
    width = wording.given_duration(float(f"{edges_s[1]:.3g}"))
    latencies.set_xlabel(f"simulated {unit} after {wording.started(run.scenario)} (windows of {width})")
    style.set_title(figure, _title(summary, busiest))
    return figure


def _title(summary: dict[str, Any], busiest: str) -> str:
    chain = summary["chains"][busiest]
    if chain["offered"] == 0:
        return "No records were offered in this run"
    name = wording.shorten(busiest, _NAME_LETTERS)
    which = f"{name}, the busiest chain" if len(summary["chains"]) > 1 else name
    parts = [f"{wording.three_digits(chain['offered'] / summary['simulated_s'])} records/s offered"]
    if chain["rejected"]:
        parts.append(f"{wording.share(chain['rejected'] / chain['offered'])} rejected")
    if chain["unfinished"] > _FEW * chain["offered"]:
        parts.append(f"{wording.share(chain['unfinished'] / chain['offered'])} unfinished")
    if chain["records"]:
        latency = chain["commit_latency_s"]
        parts.append(f"p99 {wording.duration(latency['p99'])}, worst {wording.duration(latency['max'])}")
    else:
        parts.append("nothing committed")
    return f"{which}: {', '.join(parts)}"


def _draw_rates(
    axes: Axes,
    mine: series.Records,
    rest: series.Records,
    others: int,
    x: NDArray[np.float64],
    edges_s: NDArray[np.float64],
) -> None:
    offered = series.rate_by_window(mine.intended_s, edges_s)
    axes.stairs(offered, x, fill=True, color=style.BLUE, alpha=0.22, linewidth=0, label="offered")
    committed = series.rate_by_window(mine.committed_s, edges_s)
    axes.stairs(committed, x, baseline=None, color=style.BLUE, linewidth=1.6, label="committed")
    top = max(offered.max(), committed.max())
    if mine.rejected.any():
        rejected = series.rate_by_window(mine.intended_s[mine.rejected], edges_s)
        axes.stairs(rejected, x, baseline=None, color=style.ALARM, linewidth=1.4, label="rejected")
    if len(rest.intended_s):
        label = f"committed by {wording.counted(others, 'other chain')}"
        committed = series.rate_by_window(rest.committed_s, edges_s)
        axes.stairs(committed, x, baseline=None, color=style.SLATE, linewidth=0.9, label=label)
        top = max(top, committed.max())
    axes.set_ylim(0, top * 1.3 if top else 1)  # room for the marks' labels
    axes.set_ylabel("records per second")
    axes.yaxis.set_major_formatter(lambda value, _: wording.exact(value))
    if len(mine.intended_s):
        _legend(axes)
    else:
        style.say_in_the_middle(axes, "no records were offered")


def _draw_latencies(
    axes: Axes,
    mine: series.Records,
    rest: series.Records,
    others: int,
    x: NDArray[np.float64],
    edges_s: NDArray[np.float64],
) -> None:
    p50, p99 = series.quantiles_by_window(mine.admitted_s, mine.latency_s, edges_s, (0.5, 0.99))
    (rest_p99,) = series.quantiles_by_window(rest.admitted_s, rest.latency_s, edges_s, (0.99,))
    lines = (
        (p99, "p99", style.BLUE, 1.6, "-"),
        (p50, "p50", style.BLUE, 1.2, (0, (4, 2))),
        (rest_p99, f"p99 of {wording.counted(others, 'other chain')}", style.SLATE, 0.9, "-"),
    )
    top = 0.0
    for values, label, colour, width, dashes in lines:
        known = np.where(np.isfinite(values), values, np.nan)
        if np.isfinite(known).any():
            axes.stairs(known, x, baseline=None, color=colour, linewidth=width, linestyle=dashes, label=label)
            top = max(top, float(np.nanmax(known)))
    _shade_unfinished(axes, p99, x)
    axes.set_ylim(0, top * 1.15 if top else 1)
    axes.set_ylabel("commit latency, s\n(by intended send time)")
    _legend(axes)
    if not top:
        style.say_in_the_middle(axes, "nothing was committed")


def _shade_unfinished(axes: Axes, p99: NDArray[np.float64], x: NDArray[np.float64]) -> None:
    """Where more than 1 % of a window's records were unfinished at the end, p99 is not known, and the line stops."""
    unknown = np.flatnonzero(np.isinf(p99))
    label = "p99 unknown: over 1 % unfinished at the end"
    for window in unknown:
        axes.axvspan(x[window], x[window + 1], color=style.MUTED, alpha=0.15, linewidth=0, label=label)
        label = ""  # one entry in the legend is enough


def _legend(axes: Axes) -> None:
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.2, handlelength=1.6)


def _mark(rates: Axes, latencies: Axes, run: Run, unit_s: int) -> None:
    happened = series.moments(run)
    many = len(happened) > _LABELLED
    for moment in happened:
        for axes in (rates, latencies):
            axes.axvline(moment.time_s / unit_s, color=_colour(moment), linewidth=0.5 if many else 1, alpha=0.8)
    if many:
        text = f"{len(happened)} faults (red), their ends (green) and view changes (purple): see the report's list"
        rates.text(0.01, 0.97, text, transform=rates.transAxes, va="top", fontsize=8, color=style.MUTED, bbox=_HALO)
        return
    for row, moment in enumerate(happened):
        late = moment.time_s > 0.75 * run.summary["simulated_s"]
        label = rates.annotate(
            describe(moment, wording.shorten(moment.chain, _NAME_LETTERS)),
            (moment.time_s / unit_s, 1.0 - 0.08 * (row % 3)),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if late else 4, -2),
            textcoords="offset points",
            ha="right" if late else "left",
            va="top",
            fontsize=8,
            color=_colour(moment),
            bbox=_HALO,
        )
        label.set_in_layout(False)


def _colour(moment: series.Moment) -> str:
    """Of a fault that is not drawn in a colour of its own: as a crash when it begins, as a restart when it ends."""
    over = moment.kind.endswith(("ends", "restart without disk"))
    return _MARKS.get(moment.kind, style.GREEN if over else style.ALARM)


def describe(moment: series.Moment, chain: str) -> str:
    """A moment in a few words, with the chain by the name given: ``jc: node 0 crashes``."""
    if moment.kind == "view":
        return f"{chain}: view {moment.view}, led by node {moment.leader}"
    if moment.nodes == (series.NETWORK,):
        return f"{chain}: {moment.kind}"
    verb = {"crash": "crashes", "restart": "restarts"}.get(moment.kind)
    if len(moment.nodes) == 1:
        return f"{chain}: node {moment.nodes[0]}{f' {verb}' if verb else f', {moment.kind}'}"
    return f"{chain}: {len(moment.nodes)} nodes{'' if verb else ','} {moment.kind}"
