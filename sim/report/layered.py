"""A picture of a graph in layers, after Sugiyama, Tagawa & Toda (IEEE Trans. SMC 11, 1981): arrows go down.

Arrows that would close a cycle are turned for the while; every box gets the layer after the last box that leads to it,
with a layer between for the labels of arrows, which are laid out as boxes too, so that nothing covers anything. Layers
are ordered by the medians of their neighbours as long as that leaves fewer crossings (Gansner et al., IEEE Trans.
Softw. Eng. 19, 1993). Where a box stands in its layer is the least-squares answer to where its neighbours stand, under
the distances that boxes need: isotonic regression. Nothing is drawn at random. Units are the caller's; y grows upwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Point = tuple[float, float]

_SWEEPS: Final = 24
_SETTLINGS: Final = 120
_STRAIGHT: Final = 6.0
"""How much more a bend in a long arrow weighs than a box off its neighbours' middle."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a box to another, or itself, with a label."""

    source: str
    target: str
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is.

    Attributes:
        boxes: middle of each.
        labels: middle of each arrow's label, in their order.
        paths: points through which each arrow goes, from its source's edge to its target's.
        width: of all.
        height: of all; y runs from 0 to it.
    """

    boxes: Mapping[str, Point]
    labels: Sequence[Point]
    paths: Sequence[Sequence[Point]]
    width: float
    height: float


@dataclass(slots=True)
class _Node:
    """A box, a label, or the place where a long arrow passes a layer.

    Attributes:
        rank: its layer.
        width, height: of itself.
        bend: it belongs to an arrow.
        beside, deep: room on its right, and height, for the labels of arrows that come back to it.
        order: its place in its layer.
        x: of its middle.
        up, down: its neighbours above and below.
    """

    rank: int
    width: float
    height: float
    bend: bool
    beside: float = 0.0
    deep: float = 0.0
    order: float = 0.0
    x: float = 0.0
    up: list[int] = field(default_factory=list)
    down: list[int] = field(default_factory=list)


def spans(names: Sequence[str], arrows: Sequence[Arrow]) -> list[int]:
    """How many layers of boxes each arrow goes down, or up; 0 for one that comes back to its source."""
    ranks = _ranks(names, arrows, _turned(names, arrows))
    return [abs(ranks[arrow.target] - ranks[arrow.source]) // 2 for arrow in arrows]


def lay_out(sizes: Mapping[str, Point], arrows: Sequence[Arrow], gap: Point) -> Layout:
    """Place boxes and arrows.

    Args:
        sizes: width and height of each box; the first one is where everything starts.
        arrows: between them.
        gap: least distance between neighbours in a layer, and between layers.
    """
    plan = _Plan(sizes, arrows, gap)
    plan.order()
    plan.place()
    return plan.layout()


class _Plan:
    def __init__(self, sizes: Mapping[str, Point], arrows: Sequence[Arrow], gap: Point) -> None:
        self.sizes, self.arrows, self.gap = sizes, arrows, gap
        self.turned = _turned(list(sizes), arrows)
        ranks = _ranks(list(sizes), arrows, self.turned)
        self.nodes: list[_Node] = []
        self.box = {name: self._add(ranks[name], width, height) for name, (width, height) in sizes.items()}
        for arrow in arrows:
            if arrow.source == arrow.target:
                node = self.nodes[self.box[arrow.source]]
                node.beside = max(node.beside, self.gap[0] + arrow.width)
                node.deep += arrow.height
        self.chains = [self._chain(number, arrow) for number, arrow in enumerate(arrows)]
        self.layers: list[list[int]] = [[] for _ in range(1 + max(node.rank for node in self.nodes))]
        self._fill_layers()

    def _add(self, rank: int, width: float, height: float, *, bend: bool = False) -> int:
        self.nodes.append(_Node(rank, width, height, bend))
        return len(self.nodes) - 1

    def _chain(self, number: int, arrow: Arrow) -> list[int]:
        """The nodes that an arrow passes, downwards; the first one after its source is its label."""
        if arrow.source == arrow.target:
            return []
        upper, lower = (arrow.source, arrow.target)[:: -1 if self.turned[number] else 1]
        first, last = self.nodes[self.box[upper]].rank, self.nodes[self.box[lower]].rank
        label_at = last - 1 if self.turned[number] else first + 1
        chain = [self.box[upper]]
        for rank in range(first + 1, last):
            size = (arrow.width, arrow.height) if rank == label_at else (0.0, 0.0)
            chain.append(self._add(rank, *size, bend=True))
        chain.append(self.box[lower])
        for above, below in pairwise(chain):
            self.nodes[above].down.append(below)
            self.nodes[below].up.append(above)
        return chain

    def _fill_layers(self) -> None:
        """Put nodes into their layers in the order in which a walk from the first box meets them."""
        seen: set[int] = set()
        for start in self.box.values():
            stack = [start]
            while stack:
                node = stack.pop()
                if node in seen:
                    continue
                seen.add(node)
                self.layers[self.nodes[node].rank].append(node)
                stack.extend(reversed(self.nodes[node].down))

    def order(self) -> None:
        """Order the layers so that few arrows cross."""
        best = [layer[:] for layer in self.layers]
        fewest = self._crossings()
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            for layer in self.layers if down else reversed(self.layers):
                self._sort(layer, down=down)
            self._transpose()
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [layer[:] for layer in self.layers], crossings
        self.layers = best

    def _sort(self, layer: list[int], *, down: bool) -> None:
        for place, node in enumerate(layer):
            self.nodes[node].order = place
        keys = {}
        for place, node in enumerate(layer):
            near = self.nodes[node].up if down else self.nodes[node].down
            keys[node] = _median([self._place(other) for other in near]) if near else float(place)
        layer.sort(key=lambda node: keys[node])
        self._number(layer)

    def _place(self, node: int) -> float:
        return self.nodes[node].order

    def _number(self, layer: list[int]) -> None:
        for place, node in enumerate(layer):
            self.nodes[node].order = place

    def _transpose(self) -> None:
        for layer in self.layers:
            self._number(layer)
        for _ in range(4):
            better = False
            for layer in self.layers:
                for place in range(len(layer) - 1):
                    left, right = layer[place], layer[place + 1]
                    if self._between(right, left) < self._between(left, right):
                        layer[place], layer[place + 1] = right, left
                        self._number(layer)
                        better = True
            if not better:
                return

    def _between(self, left: int, right: int) -> int:
        """How many arrows of two neighbours cross if they stand in this order."""
        crossings = 0
        for side in ("up", "down"):
            mine, others = getattr(self.nodes[left], side), getattr(self.nodes[right], side)
            crossings += sum(self._place(a) > self._place(b) for a in mine for b in others)
        return crossings

    def _crossings(self) -> int:
        crossings = 0
        for layer in self.layers:
            self._number(layer)
        for layer in self.layers:
            ends = [place for node in layer for place in sorted(self._place(below) for below in self.nodes[node].down)]
            crossings += sum(a > b for index, a in enumerate(ends) for b in ends[index + 1 :])
        return crossings

    def place(self) -> None:
        """Find where each node stands in its layer."""
        for layer in self.layers:
            at = 0.0
            for node in layer:
                self.nodes[node].x = at + self.nodes[node].width / 2
                at += self.nodes[node].width + self.nodes[node].beside + self.gap[0]
        for settling in range(_SETTLINGS):
            down = settling % 2 == 0
            alone = settling < _SETTLINGS // 2
            for layer in self.layers if down else reversed(self.layers):
                self._settle(layer, up=down or not alone, down=not down or not alone)

    def _settle(self, layer: list[int], *, up: bool, down: bool) -> None:
        """Move a layer's nodes to where their neighbours want them, as far as they leave each other room."""
        offset, offsets, wishes, weights = 0.0, [], [], []
        for place, node in enumerate(layer):
            if place:
                left = self.nodes[layer[place - 1]]
                slim = 0.5 if left.bend and self.nodes[node].bend and not (left.width and self.nodes[node].width) else 1
                offset += (left.width + self.nodes[node].width) / 2 + left.beside + slim * self.gap[0]
            offsets.append(offset)
            wish, weight = self._wish(node, up=up, down=down)
            wishes.append(wish - offset)
            weights.append(weight)
        for node, x, shift in zip(layer, _isotonic(wishes, weights), offsets, strict=True):
            self.nodes[node].x = x + shift

    def _wish(self, node: int, *, up: bool, down: bool) -> tuple[float, float]:
        """Where a node's neighbours above, below or both are on average, and how much that weighs."""
        mine = self.nodes[node]
        total = weight = 0.0
        for near in (*(mine.up if up else ()), *(mine.down if down else ())):
            straight = _STRAIGHT if mine.bend and self.nodes[near].bend else 1.0
            total += straight * self.nodes[near].x
            weight += straight
        return (total / weight, weight) if weight else (mine.x, 0.1)

    def layout(self) -> Layout:
        """The plan, from 0 on."""
        low = min(node.x - node.width / 2 for node in self.nodes)
        high = max(node.x + node.width / 2 + node.beside for node in self.nodes)
        heights = [
            max((max(self.nodes[node].height, self.nodes[node].deep) for node in layer), default=0.0)
            for layer in self.layers
        ]
        top = sum(heights) + self.gap[1] * (len(heights) - 1)
        tops, at = [], top
        for height in heights:
            tops.append(at)
            at -= height + self.gap[1]
        # Boxes hang from the top of their layer; labels are in its middle, nearest to both ends of their arrows.
        points = [
            (node.x - low, tops[node.rank] - (heights[node.rank] if node.bend else node.height) / 2)
            for node in self.nodes
        ]
        boxes = {name: points[node] for name, node in self.box.items()}
        ports = self._ports(points)
        labels, paths = [], []
        spent = dict.fromkeys(self.sizes, 0.0)
        for number, (arrow, chain) in enumerate(zip(self.arrows, self.chains, strict=True)):
            if not chain:
                x, y = boxes[arrow.source]
                width, height = self.sizes[arrow.source]
                edge, upper = x + width / 2, y + height / 2 - spent[arrow.source]
                spent[arrow.source] += arrow.height
                labels.append((edge + self.gap[0] + arrow.width / 2, upper - arrow.height / 2))
                paths.append([(edge, y)])
                continue
            label = chain[-2] if self.turned[number] else chain[1]
            labels.append(points[label])
            path = [ports[number][0]]
            for node in chain[1:-1]:
                # Straight through each layer, so that no curve touches what stands beside it.
                x, rank = points[node][0], self.nodes[node].rank
                path += [(x, tops[rank]), (x, tops[rank] - heights[rank])]
            path.append(ports[number][1])
            paths.append(path[::-1] if self.turned[number] else path)
        return Layout(boxes, labels, paths, high - low, top)

    def _ports(self, points: Sequence[Point]) -> list[tuple[Point, Point]]:
        """Where each arrow leaves its upper box and reaches its lower one: side by side, in the order of where to."""
        found: list[list[Point]] = [[(0.0, 0.0), (0.0, 0.0)] for _ in self.arrows]
        for node in self.box.values():
            for end, inward in ((0, 1), (-1, -2)):
                mine = [number for number, chain in enumerate(self.chains) if chain and chain[end] == node]
                mine.sort(key=lambda number: points[self.chains[number][inward]][0])
                x, y = points[node]
                span = min(0.7 * self.nodes[node].width, 0.25 * self.nodes[node].width * max(len(mine) - 1, 0))
                half = self.nodes[node].height / 2
                for place, number in enumerate(mine):
                    shift = span * (place / (len(mine) - 1) - 0.5) if len(mine) > 1 else 0.0
                    found[number][end] = (x + shift, y + half if end else y - half)
        return [(first, last) for first, last in found]


def _turned(names: Sequence[str], arrows: Sequence[Arrow]) -> list[bool]:
    """Which arrows lead back to a box on the way to their source, in a depth-first walk in the order of the arrows."""
    out: dict[str, list[int]] = {name: [] for name in names}
    for number, arrow in enumerate(arrows):
        out[arrow.source].append(number)
    turned = [False] * len(arrows)
    done: set[str] = set()
    for start in names:
        if start in done:
            continue
        path, walk = {start}, [(start, iter(out[start]))]
        while walk:
            name, rest = walk[-1]
            number = next(rest, -1)
            if number < 0:
                walk.pop()
                path.discard(name)
                done.add(name)
            elif arrows[number].target in path:
                turned[number] = True
            elif arrows[number].target not in done:
                path.add(arrows[number].target)
                walk.append((arrows[number].target, iter(out[arrows[number].target])))
    return turned


def _ranks(names: Sequence[str], arrows: Sequence[Arrow], turned: Sequence[bool]) -> dict[str, int]:
    """The layer of each box: two after the last that leads to it."""
    above: dict[str, set[str]] = {name: set() for name in names}
    for arrow, back in zip(arrows, turned, strict=True):
        if arrow.source != arrow.target:
            upper, lower = (arrow.target, arrow.source) if back else (arrow.source, arrow.target)
            above[lower].add(upper)
    ranks: dict[str, int] = {}
    open_ = list(names)
    while open_:
        left = []
        for name in open_:
            if above[name] <= ranks.keys():
                ranks[name] = max((ranks[upper] + 2 for upper in sorted(above[name])), default=0)
            else:
                left.append(name)
        open_ = left
    return ranks


def _median(places: Sequence[float]) -> float:
    ordered = sorted(places)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _isotonic(wishes: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing values nearest to these, by weighted least squares: pool adjacent violators."""
    pools: list[tuple[float, float, int]] = []
    for wish, weight in zip(wishes, weights, strict=True):
        value, heavy, count = wish, weight, 1
        while pools and pools[-1][0] > value:
            before, mass, many = pools.pop()
            value = (before * mass + value * heavy) / (mass + heavy)
            heavy, count = heavy + mass, count + many
        pools.append((value, heavy, count))
    return [value for value, _, count in pools for _ in range(count)]
