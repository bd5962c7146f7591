"""The result of all contests as one picture: a panel each, a bar for everybody, fastest on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.peers.contests import OURS
from sim.report import style

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

PANELS = {
    "build": "Log: build",
    "prove": "Log: prove inclusion",
    "verify": "Log: verify inclusion",
    "queue": "Engine: M/M/1 queue",
    "flood": "Engine: messages between nodes",
    "hash": "Hash 64 bytes, one thread",
}
_OTHERS = "#b8c1cc"
_ROOM = 0.4
"""The axis goes on for so much of the bars' range after the longest, for its number."""


def draw(result: dict[str, Any], path: Path) -> None:
    """Two rows of three panels; scales are logarithmic, and the shortest bar is a factor of three."""
    with style.house_style():
        from matplotlib.figure import Figure

        plot = Figure(figsize=(style.WIDTH_IN, 6.2), layout="constrained")
        for axes, (key, title) in zip(plot.subplots(2, 3).flat, PANELS.items(), strict=True):
            _panel(axes, result["contests"][key], title)
        plot.savefig(path, dpi=style.PNG_DPI, metadata={"Software": None})


def _panel(axes: Axes, contest: dict[str, Any], title: str) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    names = list(contest["rates_per_s"])[::-1]
    rates = [contest["rates_per_s"][name]["rate"] for name in names]
    colours = [style.BLUE if OURS in name else _OTHERS for name in names]
    low, high = min(rates) / 3, max(rates)
    axes.barh(range(len(names)), rates, color=colours, height=0.75)
    axes.set_xscale("log")
    axes.set_xlim(low, high * (high / low) ** _ROOM)
    for place, rate in enumerate(rates):
        axes.text(rate * (high / low) ** 0.015, place, _short(rate), va="center", fontsize=8, color=style.INK)
    axes.set_yticks(range(len(names)), names)
    for label in axes.get_yticklabels():
        label.set_color(style.BLUE if OURS in label.get_text() else style.INK)
        label.set_fontsize(8)
    axes.xaxis.set_major_locator(LogLocator(numticks=5))
    axes.xaxis.set_major_formatter(lambda rate, _: _short(rate))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(title, loc="left", fontsize=10, color=style.INK)
    axes.set_xlabel(f"{contest['unit']} per second")


def _short(rate: float) -> str:
    for size, suffix in ((1e6, " M"), (1e3, " k")):
        if rate >= size:
            return f"{rate / size:.3g}{suffix}"
    return f"{rate:.3g}"
