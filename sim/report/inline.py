"""A figure as part of a page: ids of its own, no reference to anywhere, colours that the page's style decides."""

from __future__ import annotations

import html
import re
from typing import Final

from sim.report import style

VARIABLES: Final = {
    style.INK: "ink",
    style.MUTED: "muted",
    style.GRID: "grid",
    style.PAPER: "paper",
    style.BLUE: "blue",
    style.OCHRE: "ochre",
    style.GREEN: "green",
    style.PURPLE: "purple",
    style.SLATE: "slate",
    style.ALARM: "alarm",
}
"""The page's CSS variable for each colour of the figures."""

_NOISE: Final = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|<style\b.*?</style>", re.DOTALL)
_ROOT: Final = re.compile(r"<svg\b[^>]*?\bviewBox=\"([^\"]*)\"[^>]*>")
_ID: Final = re.compile(r"(\bid=\"|url\(#|\bhref=\"#)")


def svg(text: str, name: str, description: str) -> str:
    """Make an SVG file of `style.to_svg` into an element of an HTML page.

    Args:
        text: the file.
        name: put before every id in it; differs from figure to figure on a page.
        description: what a reader hears who does not see it.
    """
    body = _NOISE.sub("", text[text.index("<svg") :])
    body = body.replace("xlink:href=", "href=")
    body = _ID.sub(rf"\g<1>{name}-", body)
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var(--{variable})")
    label = html.escape(description, quote=True)
    return _ROOT.sub(rf'<svg viewBox="\g<1>" role="img" aria-label="{_literal(label)}">', body, count=1).strip()


def _literal(text: str) -> str:
    """Text that a replacement pattern takes as it is."""
    return text.replace("\\", r"\\")
