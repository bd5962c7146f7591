"""The figure of safety against delay: one mark for every way of crossing, out of what `sim.study.attacks` found.

python -m sim.report.ways                # or: make attacks
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.report import style
from sim.study.store import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

_TARGET: Final = Path("results/reference")
_COLOURS: Final = {
    "none": style.ALARM,
    "spv": style.OCHRE,
    "committee": style.PURPLE,
    "light_client": style.BLUE,
}
"""By what is checked."""


_Mark = tuple[str, int | None, float, Any, str]
"""A way: its name, the fewest keys that deceive, seconds there and there and back at the median, and what is said."""


def fewest(keys: Mapping[str, int | None]) -> int | None:
    """The smallest number of stolen keys that deceives, whosever they are; None if none does."""
    known = [count for count in keys.values() if count is not None]
    return min(known) if known else None


def _said(keys: Mapping[str, int | None]) -> str:
    """What stands beside a mark: how many keys deceive."""
    if not keys:
        return "no key opens a swap"
    count = fewest(keys)
    return "not with all keys" if count is None else "own key" if count == 0 else f"{count} stolen keys"


def draw(found: Mapping[str, Any]) -> bytes:
    """The figure as PNG.

    Args:
        found: attacks.json.
    """
    calm = next(iter(found["attacks"].values()))
    marks = [
        (way, fewest(keys), calm[way]["one_way_s"]["p50"], calm[way]["round_trip_s"], _said(keys))
        for way, keys in found["keys"].items()
        if calm[way].get("one_way_s") is not None
    ]
    top = max((keys for _, keys, *_ in marks if keys is not None), default=0) + 1
    with style.house_style():
        figure = style.new_figure(1.8 + 0.42 * len(marks))
        axes = figure.subplots()
        _levels(axes, marks, top)
        axes.set_xlim(left=0)
        axes.set_xlabel(
            "seconds until the destination has executed a transfer (mark), and until the source knows (line)"
        )
        style.set_title(figure, _finding(marks))
    return style.to_png(figure)


def _levels(axes: Axes, marks: Sequence[_Mark], top: int) -> None:
    """One line of the picture for each way, those that deceive most easily lowest."""
    ranked = sorted(marks, key=lambda mark: (top if mark[1] is None else mark[1], -mark[2]))
    for line, (way, _, one_way_s, round_trip, said) in enumerate(ranked):
        colour = _COLOURS[way.split("/")[1]]
        end_s = one_way_s if round_trip is None else round_trip["p50"]
        axes.plot([one_way_s, end_s], [line, line], color=colour, linewidth=1.5)
        axes.plot([one_way_s], [line], marker="o", markersize=8, color=colour)
        axes.annotate(
            said, (end_s, line), xytext=(8, 0), textcoords="offset points", va="center", fontsize=8, color=colour
        )
    axes.set_yticks(range(len(ranked)), [way for way, *_ in ranked])
    axes.set_ylim(-0.6, len(ranked) - 0.4)
    axes.margins(x=0.2)
    axes.grid(visible=False, axis="y")


def _finding(marks: Sequence[_Mark]) -> str:
    """What the picture shows, out of its own numbers."""
    weak = [mark for mark in marks if mark[1] == 0]
    strong = [mark for mark in marks if mark[1] != 0]
    if not weak or not strong:
        return "Safety against delay of every way of crossing"
    slow_s, fast_s = (min(mark[2] for mark in group) for group in (strong, weak))
    return (
        f"A relayer's own key deceives {len(weak)} of {len(marks)} ways; the fastest of the others takes "
        f"{slow_s:.2f} s, the fastest of these {fast_s:.2f} s"
    )


def main() -> None:
    """Draw ways.png beside attacks.json."""
    parser = argparse.ArgumentParser(prog="python -m sim.report.ways", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=_TARGET, help="where attacks.json is, and ways.png goes")
    options = parser.parse_args()
    source = options.out / "attacks.json"
    if not source.is_file():
        parser.error(f"{source} is missing; python -m sim.study.attacks writes it")
    write_bytes(options.out / "ways.png", draw(json.loads(source.read_text(encoding="utf-8"))))
    sys.stdout.write(f"wrote {options.out}/ways.png\n")


if __name__ == "__main__":
    main()
