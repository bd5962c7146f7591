"""The figure `links`: how long packets are under way on each link, stage by stage, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.report import style, wording

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.study.run import Run

_BACK: Final = "acknowledgement"
"""The stage after a packet is delivered; it stands apart, behind the end of the way there."""
_COLOURS: Final = (style.BLUE, style.SLATE, style.OCHRE, style.PURPLE, style.GREEN, "#5a4fa2", "#2a7f8e")
_ENDS: Final = {
    "timed_out": "timed out",
    "stuck": "stuck",
    "unfinished": "unfinished",
    "late_success": "late",
    "repairs": "to repair",
}
"""What else can become of packets, by the summary's keys. Late ones are among the others."""
_BAR_IN: Final = 0.62
_MOST: Final = 24
"""So many links are drawn, those with most packets; how many more there are is said."""
_NARROW: Final = 0.05
"""A stage with less of the longest bar than this has no room for its time."""


def links_figure(run: Run) -> Figure:
    """One bar a link: the mean of each stage of its delivered packets, end to end."""
    with style.house_style():
        return _draw(run.summary)


def _draw(summary: Mapping[str, Any]) -> Figure:
    links = wording.links(summary)
    shown = sorted(links, key=lambda link_id: -links[link_id]["offered"])[:_MOST]
    shown = [link_id for link_id in links if link_id in shown]
    figure = style.new_figure(height_in=1.6 + _BAR_IN * len(shown))
    axes = figure.subplots()
    longest_s = max((sum(_means(links[link_id]).values()) for link_id in shown), default=0.0) or 1.0
    for row, link_id in enumerate(shown):
        _draw_link(axes, row, links, link_id, longest_s)
    axes.set_yticks(range(len(shown)), [_name(link_id, links[link_id]) for link_id in shown], color=style.INK)
    axes.set(xlim=(0, longest_s * 1.02), ylim=(len(shown) - 0.4, -0.6))
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(lambda value, _: wording.given_duration(value))
    axes.set_xlabel(f"mean of each stage of delivered packets; {_BACK} comes after delivery")
    _legend(axes, links)
    style.set_title(figure, _title(links, len(shown)))
    return figure


def _stages(links: Mapping[str, Any]) -> list[str]:
    names: list[str] = []
    for link in links.values():
        names += [stage for stage in link["stages_s"] if stage not in names and stage != _BACK]
    return [*names, _BACK]


def _means(link: Mapping[str, Any]) -> dict[str, float]:
    if not link["delivered"]:
        return {}
    return {stage: spent["mean"] or 0.0 for stage, spent in link["stages_s"].items()}


def _colour(links: Mapping[str, Any], stage: str) -> str:
    if stage == _BACK:
        return style.GRID
    return _COLOURS[_stages(links).index(stage) % len(_COLOURS)]


def _draw_link(axes: Axes, row: int, links: Mapping[str, Any], link_id: str, longest_s: float) -> None:
    left_s, link = 0.0, links[link_id]
    for stage, mean_s in _means(link).items():
        colour = _colour(links, stage)
        axes.barh(row, mean_s, left=left_s, height=0.5, color=colour, edgecolor=style.PAPER, linewidth=1)
        if mean_s > _NARROW * longest_s:
            ink = style.INK if stage == _BACK else style.PAPER
            axes.text(
                left_s + mean_s / 2, row, wording.duration(mean_s), ha="center", va="center", color=ink, fontsize=8
            )
        left_s += mean_s
    axes.text(0, row + 0.28, _counts(link), fontsize=8, va="top", color=_ink(link))


def _counts(link: Mapping[str, Any]) -> str:
    parts = [f"{link['delivered']:,} of {wording.counted(link['offered'], 'packet')} delivered"]
    for name, words in _ENDS.items():
        if link[name]:
            parts.append(f"{link[name]:,} {words}")
    if link["accepted_forged"]:
        parts.append(f"{link['accepted_forged']:,} FORGED ACCEPTED")
    if link["torn"]:
        parts.append(f"{link['torn']:,} TORN")
    return ", ".join(parts)


def _ink(link: Mapping[str, Any]) -> str:
    return style.ALARM if link["accepted_forged"] or link["stuck"] or link["torn"] else style.MUTED


def _name(link_id: str, link: Mapping[str, Any]) -> str:
    way = f"{link['protocol']}, {link['verify']}, {link['atomicity']}".replace("_", " ")
    return f"{wording.shorten(link_id, 24)}\n{way}"


def _legend(axes: Axes, links: Mapping[str, Any]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=_colour(links, stage), label=stage.replace("_", " ")) for stage in _stages(links)]
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(handles), fontsize=8)


def _title(links: Mapping[str, Any], shown: int) -> str:
    forged = sum(link["accepted_forged"] for link in links.values())
    delivered = {link_id: link for link_id, link in links.items() if link["delivered"]}
    if not delivered:
        return "No packet was delivered on any link"
    means = [wording.duration(s) for s in sorted({min(_ways_s(delivered)), max(_ways_s(delivered))})]
    text = f"Packets are under way for {' to '.join(means)} on average"
    if forged:
        text += f"; {wording.counted(forged, 'forged packet was', 'forged packets were')} accepted"
    if shown < len(links):
        text += f"; the {shown} busiest of {len(links)} links"
    return text


def _ways_s(links: Mapping[str, Any]) -> list[float]:
    return [link["latency_s"]["mean"] for link in links.values()]
