"""The figure `alliance-map`: every chain with its nodes, its load and its limit, coloured by trust zone.

The chain that most links touch, or without links the busiest, stands in the middle. Lines run between chains that have
links, behind the cards.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.report import style, wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import networkx as nx
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.scenario.model import Chain
    from sim.study.run import Run

_COLUMNS: Final = 4
_GAP_IN: Final = 0.1
_LINKED_GAP_IN: Final = 0.34
"""Between cards, where lines of links must be seen."""
_CARD_IN: Final = 2.0
_MIDDLE_IN: Final = 2.4
"""Heights of cards, and of the middle one."""
_TITLE_IN: Final = 0.45
_FOOT_IN: Final = 0.45
_PADDING_IN: Final = 0.1
_HEAD_IN: Final = 0.66
"""Zone, chain and member, at the top of a card."""
_BASE_IN: Final = 0.36
"""The most used resource and its bar, at the bottom."""
_LETTER_IN: Final = 0.0093
"""A letter of DejaVu Sans is about as wide, for each point of its size."""
_DOTS: Final = 60
"""A ring shows as many dots at most; the text beside it has the true number."""
_SIDES: Final = 2
"""Chains that stand in the same row as the middle one."""
_HIGH: Final = 0.8
"""From this utilisation on, the bar is red: queues grow steeply there."""
_SMALL, _MEDIUM, _LARGE = 8, 11, 13
"""Type sizes, in points."""


@dataclass(frozen=True, slots=True)
class _Card:
    """Where a chain stands on the map: lower left corner and size, in inches."""

    chain: str
    x: float
    y: float
    width: float
    height: float

    @property
    def angle(self) -> float:
        """Clockwise around the map's middle row, from its left end."""
        return (math.pi - math.atan2(self.y + self.height / 2, self.x + self.width / 2 - style.WIDTH_IN / 2)) % math.tau

    def is_crossed_by(self, start: tuple[float, float], end: tuple[float, float]) -> bool:
        """Whether a straight line goes through it."""
        along = np.linspace(0, 1, 200)
        x, y = (a + (b - a) * along for a, b in zip(start, end, strict=True))
        inside = (x >= self.x) & (x <= self.x + self.width) & (y >= self.y) & (y <= self.y + self.height)
        return bool(inside.any())


def alliance_map(run: Run) -> Figure:
    """All chains as cards around the busiest one, coloured by trust zone."""
    with style.house_style():
        return _draw(run)


def _draw(run: Run) -> Figure:
    middle = _middle(run)
    cards = _lay_out(_by_zone(run, middle), middle, _LINKED_GAP_IN if run.summary["crosschain"] else _GAP_IN)
    low = min(card.y for card in cards)
    high = max(card.y + card.height for card in cards)
    height_in = high - low + _TITLE_IN + _FOOT_IN
    figure = style.new_figure(height_in)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, style.WIDTH_IN), ylim=(low - _FOOT_IN, high + _TITLE_IN))
    axes.set_axis_off()
    style.set_title(figure, _title(run.summary), height=1 - 0.08 / height_in)
    axes.text(0.1, low - 0.1, _legend(run), fontsize=7.5, color=style.MUTED, va="top", linespacing=1.4)
    zones = list(run.scenario.zones)
    crashed = _crashed(run)
    _draw_links(axes, run, {card.chain: card for card in cards})
    for card in cards:
        zone = zones.index(run.scenario.chains[card.chain].zone)
        _draw_card(axes, run, card, style.SERIES[zone % len(style.SERIES)], crashed)
    return figure


def _title(summary: dict[str, Any]) -> str:
    chains = summary["chains"]
    fullest = max(chains, key=lambda name: chains[name]["bottleneck"]["throughput"]["utilisation"])
    used = wording.used_most(chains[fullest])
    name = wording.shorten(fullest, 32)
    if len(chains) == 1:
        return f"{name}: used most is {used}"
    return f"{len(chains)} chains; nearest to its limit is {name}: {used}"


def _legend(run: Run) -> str:
    dots = ["filled dots: validators", "hollow dots: observers", "lines: who sends to whom inside a chain"]
    if any(max(chain.validators, chain.observers) > _DOTS for chain in run.scenario.chains.values()):
        dots.append(f"at most {_DOTS} dots a ring")
    if _crashed(run):
        dots.append("red dots: crashed during the run")
    lines = ["  ·  ".join(dots)]
    if len(run.summary["chains"]) > 1:
        between = ["lines between chains: links, thicker if busier, dashed over cards; red: forgeries accepted"]
        lines.append("  ·  ".join(["colour: trust zone", *(between if run.summary["crosschain"] else ())]))
    return "\n".join(lines)


def _crashed(run: Run) -> set[tuple[str, int]]:
    return {(chain, node) for chain, _, node, event in run.table("faults").iter_rows() if event == "crash"}


def _middle(run: Run) -> str:
    """The chain that most links touch; the busiest of all, or of several such."""
    touched = Counter(chain for link in run.scenario.links.values() for chain in link.chains)
    most = max(touched.values(), default=0)
    hubs = {name: chain for name, chain in run.summary["chains"].items() if touched[name] == most}
    return wording.busiest_chain({"chains": hubs})


def _by_zone(run: Run, busiest: str) -> list[str]:
    """All chains but the busiest, those of one zone side by side, the busiest one's zone first."""
    zones = list(run.scenario.zones)
    home = zones.index(run.scenario.chains[busiest].zone)
    others = [chain for chain in run.scenario.chains if chain != busiest]
    return sorted(others, key=lambda chain: (zones.index(run.scenario.chains[chain].zone) - home) % len(zones))


def _draw_links(axes: Axes, run: Run, cards: dict[str, _Card]) -> None:
    """A line for each pair of chains that a link joins; where other cards stand between, a bow over them."""
    from matplotlib.patches import FancyArrowPatch

    joined: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    told, idle = wording.links(run.summary), {"offered": 0, "accepted_forged": 0}
    for link_id, link in run.scenario.links.items():
        for pair in pairwise(link.chains):
            joined.setdefault((min(pair), max(pair)), []).append(told.get(link_id, idle))
    most = max((sum(link["offered"] for link in links) for links in joined.values()), default=1) or 1
    for (one, other), links in joined.items():
        ends = [(card.x + card.width / 2, card.y + card.height / 2) for card in (cards[one], cards[other])]
        between = [card for chain, card in cards.items() if chain not in {one, other} and card.is_crossed_by(*ends)]
        busy = sum(link["offered"] for link in links) / most
        ink = style.ALARM if any(link["accepted_forged"] for link in links) else style.MUTED
        if not between:
            axes.plot(*zip(*ends, strict=True), color=ink, linewidth=1 + 4 * busy, zorder=0)
            continue
        bow = FancyArrowPatch(*ends, arrowstyle="-", connectionstyle="arc3,rad=0.3", color=ink, alpha=0.6)
        bow.set(linewidth=1 + busy, linestyle="--", zorder=1.5)
        axes.add_patch(bow)


def _lay_out(others: Sequence[str], busiest: str, gap_in: float) -> list[_Card]:
    """Cards around the middle one, dealt out clockwise, so that neighbours in the list are neighbours on the map."""
    card_in = (style.WIDTH_IN / _COLUMNS - gap_in, _CARD_IN)
    middle_in = (2 * style.WIDTH_IN / _COLUMNS - gap_in, _MIDDLE_IN)
    width, height = middle_in
    middle = _Card(busiest, (style.WIDTH_IN - width) / 2, -height / 2, width, height)
    sides = min(len(others), _SIDES)
    places = [
        _Card("", x, -card_in[1] / 2, *card_in) for x in (gap_in / 2, style.WIDTH_IN - gap_in / 2 - card_in[0])[:sides]
    ]
    rest = len(others) - sides
    rows = math.ceil(rest / _COLUMNS)
    for row in range(rows):
        count = rest // rows + (row < rest % rows)
        above = row % 2 == 0
        level = row // 2
        distance = middle_in[1] / 2 + gap_in + level * (card_in[1] + gap_in)
        y = distance if above else -distance - card_in[1]
        pitch = card_in[0] + gap_in
        left = (style.WIDTH_IN - count * pitch + gap_in) / 2
        places += [_Card("", left + column * pitch, y, *card_in) for column in range(count)]
    places.sort(key=lambda place: place.angle)
    dealt = [
        _Card(chain, place.x, place.y, place.width, place.height) for chain, place in zip(others, places, strict=True)
    ]
    return [middle, *dealt]


def _draw_card(axes: Axes, run: Run, card: _Card, colour: str, crashed: set[tuple[str, int]]) -> None:
    from matplotlib.patches import FancyBboxPatch

    chain, result = run.scenario.chains[card.chain], run.summary["chains"][card.chain]
    corner, size = (card.x, card.y), (card.width, card.height)
    rounded = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=rounded, facecolor=style.PAPER, linewidth=0))
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=rounded, facecolor=colour, alpha=0.1, linewidth=0))
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=rounded, facecolor="none", edgecolor=colour))
    body = card.height - _HEAD_IN - _BASE_IN
    centre = card.x + _PADDING_IN + body / 2, card.y + _BASE_IN + body / 2
    _write_head(axes, run, card, colour)
    _draw_nodes(axes, card.chain, chain, centre, body / 2 - 0.09, colour, crashed)
    numbers = _numbers(chain, result, run.summary["simulated_s"])
    middle = card.height > _CARD_IN
    if middle:
        numbers += _more_numbers(chain, result)
    left = card.x + body + 2.5 * _PADDING_IN
    axes.text(
        left, centre[1], "\n".join(numbers), fontsize=_MEDIUM if middle else _SMALL, va="center", linespacing=1.35
    )
    _draw_base(axes, card, result, colour)


def _write_head(axes: Axes, run: Run, card: _Card, colour: str) -> None:
    chain = run.scenario.chains[card.chain]
    x, top, room = card.x + _PADDING_IN, card.y + card.height, card.width - 2 * _PADDING_IN
    zone = style.printable(run.scenario.zones[chain.zone].name, chain.zone)
    member = style.printable(run.scenario.members[chain.member].name, chain.member)
    name_pt = _MEDIUM if card.height == _CARD_IN else _LARGE
    axes.text(x, top - 0.13, _fit(zone, room, _SMALL), color=colour, fontsize=_SMALL, va="center")
    axes.text(x, top - 0.31, _fit(card.chain, room, name_pt), fontsize=name_pt, fontweight="bold", va="center")
    lines = textwrap.wrap(member, int(room / _LETTER_IN / _SMALL), max_lines=2, placeholder=" …")
    axes.text(x, top - 0.42, "\n".join(lines), fontsize=_SMALL, va="top", linespacing=1.1)


def _fit(text: str, room_in: float, size_pt: int) -> str:
    return wording.shorten(text, int(room_in / _LETTER_IN / size_pt))


def _numbers(chain: Chain, result: dict[str, Any], simulated_s: float) -> list[str]:
    lines = [wording.counted(chain.validators, "validator")]
    if chain.observers:
        lines.append(f"+ {wording.counted(chain.observers, 'observer')}")
    lines.append(f"{wording.three_digits(result['offered'] / simulated_s)} records/s")
    lines.append(f"p99 {wording.duration(result['commit_latency_s']['p99'])}" if result["records"] else "no records")
    return lines


def _more_numbers(chain: Chain, result: dict[str, Any]) -> list[str]:
    """What the middle card has room for."""
    latency = result["commit_latency_s"]
    spread = [f"p50 {wording.duration(latency['p50'])}, worst {wording.duration(latency['max'])}"]
    return [*(spread if result["records"] else []), f"{chain.consensus.protocol.upper()}, {chain.hash.upper()}"]


def _draw_base(axes: Axes, card: _Card, result: dict[str, Any], colour: str) -> None:
    """The most used resource, by name and as a bar."""
    from matplotlib.patches import Rectangle

    part = min(1.0, result["bottleneck"]["throughput"]["utilisation"])
    ink = style.ALARM if part >= _HIGH else colour
    corner, width = (card.x + _PADDING_IN, card.y + 0.09), card.width - 2 * _PADDING_IN
    axes.text(corner[0], corner[1] + 0.09, f"used most: {wording.used_most(result)}", fontsize=_SMALL, va="bottom")
    axes.add_patch(Rectangle(corner, width, 0.05, facecolor=ink, alpha=0.25, linewidth=0))
    axes.add_patch(Rectangle(corner, width * part, 0.05, facecolor=ink, linewidth=0))


def _draw_nodes(
    axes: Axes,
    chain_id: str,
    chain: Chain,
    centre: tuple[float, float],
    radius: float,
    colour: str,
    crashed: set[tuple[str, int]],
) -> None:
    """The chain as a graph: validators on a ring, everybody with everybody, and each observer by its validator."""
    import networkx as nx
    from matplotlib.collections import LineCollection

    validators, observers = min(chain.validators, _DOTS), min(chain.observers, _DOTS)
    graph: nx.Graph[int] = nx.complete_graph(validators)
    graph.add_edges_from((k % validators, validators + k) for k in range(observers))
    places = {
        node: (centre[0] + radius * x, centre[1] + radius * y) for node, (x, y) in _rings(graph, validators).items()
    }
    lines = [(places[a], places[b]) for a, b in graph.edges]
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=0.5, alpha=min(0.5, 5 / validators)))
    size = max(2.2, min(6.0, 60 * radius / max(validators, observers)))
    for node, place in places.items():
        number = node if node < validators else chain.validators + node - validators
        ink = style.ALARM if (chain_id, number) in crashed else colour
        face = ink if node < validators else style.PAPER
        axes.plot(*place, marker="o", markersize=size, color=ink, markerfacecolor=face)


def _rings(graph: nx.Graph[int], validators: int) -> dict[int, tuple[float, float]]:
    """Places within a circle of radius one: validators on an inner ring if there are observers, these beside theirs."""
    import networkx as nx

    watched = graph.number_of_nodes() > validators
    few = 0.55 + 0.45 * min(1.0, validators / 12)  # a ring of few dots is drawn smaller than one of many
    reach = 0.5 if watched else few
    inner = graph.subgraph(range(validators))
    places = {node: (float(x), float(y)) for node, (x, y) in nx.circular_layout(inner, scale=reach).items()}
    if validators == 1 and watched:
        places[0] = (0.0, 0.0)
    step = math.tau / validators
    for host in range(validators):
        guests = [node for node in graph[host] if node >= validators]
        for position, guest in enumerate(guests):
            angle = step * (host + (position - (len(guests) - 1) / 2) / len(guests))
            places[guest] = (math.cos(angle), math.sin(angle))
    return places
