"""How every picture looks: one palette, one font, no state shared with pyplot, and the same bytes for the same run."""

from __future__ import annotations

import io
import logging
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN: Final = 10.0
"""Every figure is this wide, so that a point of type has one size on the page."""
PNG_DPI: Final = 150

INK: Final = "#1f2933"
MUTED: Final = "#616e7c"
GRID: Final = "#dde2e8"
PAPER: Final = "#ffffff"
BLUE: Final = "#0b66a8"
GREEN: Final = "#00795a"
PURPLE: Final = "#8e4585"
OCHRE: Final = "#946400"
SLATE: Final = "#52647a"

ALARM: Final = "#c14a09"
SERIES: Final = (BLUE, OCHRE, GREEN, PURPLE, SLATE)
"""Colours for things of one kind, in order. All are darkened from Okabe and Ito's palette, which colour-blind readers
can tell apart, until they are legible as text on white."""

_TITLE_LETTERS: Final = 92
_FONT: Final = "DejaVu Sans"
"""Comes with matplotlib, so that pictures are the same everywhere."""


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's defaults and the house's settings, whatever the user's matplotlibrc says; restored afterwards."""
    with _quiet():
        import matplotlib as mpl

        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(
                {
                    "font.family": _FONT,
                    "font.size": 9,
                    "text.color": INK,
                    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
                    "axes.edgecolor": MUTED,
                    "axes.labelcolor": MUTED,
                    "axes.labelsize": 9,
                    "axes.spines.top": False,
                    "axes.spines.right": False,
                    "axes.grid": True,
                    "axes.axisbelow": True,
                    "grid.color": GRID,
                    "xtick.color": MUTED,
                    "ytick.color": MUTED,
                    "xtick.labelsize": 9,
                    "ytick.labelsize": 9,
                    "legend.frameon": False,
                    "legend.fontsize": 9,
                    "figure.facecolor": PAPER,
                    "axes.facecolor": PAPER,
                    "svg.fonttype": "path",  # a reader's browser may not have the font
                    "svg.hashsalt": "judicial-alliance-testbed",  # otherwise element ids are drawn at random
                }
            )
            yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep matplotlib from telling stderr that it builds its font cache, as it does once on a new machine."""
    log = logging.getLogger("matplotlib")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def new_figure(height_in: float) -> Figure:
    """An empty figure that pyplot does not know of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_IN, height_in), layout="constrained")


def set_title(figure: Figure, text: str, height: float | None = None) -> None:
    """Say the figure's finding at its top left, at a share of its height where no layout finds the room."""
    place = {} if height is None else {"y": height}
    lines = textwrap.fill(text, _TITLE_LETTERS)
    figure.suptitle(lines, x=0.01, ha="left", fontsize=12, fontweight="bold", **place)


def title(figure: Figure) -> str:
    """What `set_title` has said, in one line."""
    return " ".join(figure.get_suptitle().split())


def to_svg(figure: Figure) -> str:
    """The figure as SVG, without date or creator."""
    buffer = io.StringIO()
    with house_style():
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return buffer.getvalue()


def to_png(figure: Figure) -> bytes:
    """The figure as PNG, 1500 pixels wide."""
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


def say_in_the_middle(axes: Axes, text: str) -> None:
    """What an empty panel says instead of data."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED)


def printable(text: str, otherwise: str) -> str:
    """The text if the figures' font has every letter of it, another text if not (no Chinese font is guaranteed)."""
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(_FONT))
    known = font.get_charmap()
    return text if all(ord(letter) in known for letter in text) else otherwise
