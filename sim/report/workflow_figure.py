"""The figure of a workflow: its states as boxes, its ways out as arrows, its periods of law where they begin and end.

Arrows have the colour of who makes them happen; dashed ones wait for a signal. Labels say when, under which condition,
and what leaves the case: records, messages, calls, other cases. A way to a state far away ends at that state's name, so
that no line crosses half the page. Chinese stands where this machine has a font for it.
"""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sim.report import style
from sim.report import workflow_words as words
from sim.report.layered import Arrow, lay_out, spans
from sim.scenario.workflow.check import BY_TRUTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch

    from sim.casework.definition import State, Transition, Workflow
    from sim.report.layered import Layout

_GAP_IN: Final = (0.22, 0.16)
"""Between neighbours, and between layers."""
_MARGIN_IN: Final = 0.35
_LETTER_IN: Final = 0.0086
"""A letter of DejaVu Sans is about as wide, for each point of its size; a Chinese one 0.0139."""
_IDEOGRAPH_IN: Final = 0.0139
_NAME_PT, _TEXT_PT, _LABEL_PT = 8.5, 7.0, 6.5
_LINE: Final = 1.32 / 72
"""Height of a line, inches for each point."""
_PAD_IN: Final = 0.07
_FOOT_STEP_IN: Final = _TEXT_PT * _LINE * 1.15
_LABEL_LETTERS: Final = 30
_TITLE_LETTERS: Final = 24
_LEAST_IN: Final = 7.5
_MOST_LINES: Final = 9
_FAR: Final = 2
"""Over more layers than that, an arrow ends at its target's name instead, if another arrow is nearer."""
_BEFORE_UNIT: Final = re.compile(r"(?<=[0-9]) (?=(?:d|wd|h|min|s|ms)\b)")
_LINE_PT: Final = 1.1
_SIGNS: Final = (
    "dashed: waits for a signal",
    "bold: cannot be undone",
    "+ records",
    "⇒ message to a chain",
    "ƒ contract",
    "? check",
    "★ begins a case",
    "▶ ■ a period of law begins, ends",
    "✖ loss",
)
_FAMILIES: Final = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Noto Sans CJK TC",
    "Noto Sans CJK JP",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "SimHei",
    "SimSun",
    "Droid Sans Fallback",
)
"""Fonts with simplified Chinese, in the order in which they are looked for."""

_COURT: Final = frozenset(
    {
        "assistant",
        "bailiff",
        "clerk",
        "court",
        "enforcement-officer",
        "judge",
        "mediator",
        "officer",
        "panel",
        "president",
    }
)
_RULE: Final = frozenset({"contract", "chain", "platform", "rule", "system", "law"})
_KINDS: Final = {
    "court": ("the court", style.BLUE),
    "party": ("parties and the world", style.OCHRE),
    "rule": ("contracts and systems", style.PURPLE),
    "other": ("other institutions", style.GREEN),
    "time": ("time, signals and law", style.SLATE),
}
_FIRST_FILL, _END_FILL, _STEP_FILL = "#e3eef7", "#eef0f3", "#f7f4ec"


@dataclass(frozen=True, slots=True)
class _Text:
    """A line in a box."""

    text: str
    size_pt: float
    colour: str
    bold: bool = False

    @property
    def width_in(self) -> float:
        wide = sum(letter > "\u2e80" for letter in self.text)
        letters = len(self.text) - wide
        return self.size_pt * (wide * _IDEOGRAPH_IN + letters * _LETTER_IN * (1.12 if self.bold else 1.0))

    @property
    def height_in(self) -> float:
        return self.size_pt * _LINE


@dataclass(frozen=True, slots=True)
class _Bundle:
    """Ways out that lead from one state to another, drawn as one arrow.

    Attributes:
        source, target: boxes; the target may be the name of a state that is elsewhere.
        state: where they really lead.
        ways: themselves.
        lines: of the label.
    """

    source: str
    target: str
    state: str
    ways: tuple[Transition, ...]
    lines: tuple[_Text, ...]

    @property
    def colour(self) -> str:
        return _KINDS[kind_of(self.ways[0])][1]

    @property
    def dashed(self) -> bool:
        return all(way.on is not None for way in self.ways)


def kind_of(way: Transition) -> str:
    """Who makes a way out happen: "court", "party", "rule", "other" or "time"."""
    who = way.by or (way.desk.role if way.desk is not None else "")
    if not who:
        return "rule" if way.call is not None else "time"
    if who in BY_TRUTH:
        return "party"
    if who in _COURT or who.startswith("court"):
        return "court"
    return "rule" if who in _RULE else "other"


def workflow_figure(workflow: Workflow) -> Figure:
    """The state machine of a workflow, as large as it needs."""
    with style.house_style():
        import matplotlib as mpl

        chinese = chinese_font()
        if chinese is not None:
            mpl.rcParams["font.family"] = [*mpl.rcParams["font.family"], chinese]
        return _draw(workflow, chinese=chinese is not None)


def chinese_font() -> str | None:
    """The first font on this machine that has simplified Chinese, None if there is none."""
    from matplotlib import font_manager

    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((family for family in _FAMILIES if family in known), None)


def _draw(workflow: Workflow, *, chinese: bool) -> Figure:
    from matplotlib.figure import Figure

    boxes = {name: list(_box(workflow, state, chinese=chinese)) for name, state in workflow.states.items()}
    bundles = _with_signposts(workflow, list(_bundles(workflow)))
    for bundle in bundles:
        if bundle.target not in boxes:
            boxes[bundle.target] = [_Text(f"→ {_shown(bundle.state)}", _TEXT_PT, style.INK)]
    sizes = {name: _size(lines) for name, lines in boxes.items()}
    arrows = [Arrow(bundle.source, bundle.target, *_size(bundle.lines)) for bundle in bundles]
    layout = lay_out(sizes, arrows, _GAP_IN)
    drawn_in = layout.width
    wide_in = max(drawn_in, _LEAST_IN)
    head, foot = list(_head(workflow, wide_in, chinese=chinese)), list(_foot(workflow, bundles, wide_in))
    width_in = wide_in + 2 * _MARGIN_IN
    head_in = sum(line.height_in for line in head) + 0.18
    foot_in = len(foot) * _FOOT_STEP_IN + 0.2
    height_in = layout.height + head_in + foot_in + 2 * _MARGIN_IN
    figure = Figure(figsize=(width_in, height_in))
    axes = figure.add_axes((0, 0, 1, 1))
    left = (width_in - drawn_in) / 2
    axes.set(xlim=(-left, width_in - left), ylim=(-foot_in - _MARGIN_IN, layout.height + head_in + _MARGIN_IN))
    axes.set_axis_off()
    at = layout.height + head_in
    for line in head:
        _write(axes, line, _MARGIN_IN - left, at - line.height_in / 2, ha="left")
        at -= line.height_in
    for bundle, path, label in zip(bundles, layout.paths, layout.labels, strict=True):
        _draw_arrow(axes, bundle, path, label)
    for bundle, label, arrow in zip(bundles, layout.labels, arrows, strict=True):
        _clear(axes, label, (arrow.width, arrow.height))
        _write_lines(axes, bundle.lines, label)
    for name, lines in boxes.items():
        _draw_box(axes, workflow, name, sizes[name], layout, lines)
    _draw_foot(axes, foot, _MARGIN_IN - left, -0.2)
    return figure


def _size(lines: Sequence[_Text]) -> tuple[float, float]:
    width = max((line.width_in for line in lines), default=0.0)
    return width + 2 * _PAD_IN, sum(line.height_in for line in lines) + 1.2 * _PAD_IN


def _head(workflow: Workflow, width_in: float, *, chinese: bool) -> Iterator[_Text]:
    title = f"{workflow.code}  {workflow.title}"
    letters = int(width_in / (12 * _LETTER_IN * 1.12))
    for line in textwrap.wrap(title, letters):
        yield _Text(line, 12, style.INK, bold=True)
    if chinese:
        yield _Text(workflow.zh, 10, style.MUTED)
    articles = ", ".join(map(str, workflow.articles))
    told = [f"article{'s' if len(workflow.articles) > 1 else ''} {articles} of the Opinions", f"chain {workflow.chain}"]
    if workflow.starts is not None:
        told.append(f"{workflow.starts.rate_per_s * 365 * 86_400:,.0f} cases a year")
    else:
        told.append("begun by other workflows")
    yield _Text("  ·  ".join(told), _NAME_PT, style.MUTED)


def _box(workflow: Workflow, state: State, *, chinese: bool) -> Iterator[_Text]:
    for line in textwrap.wrap(_shown(state.name), _TITLE_LETTERS):
        yield _Text(line, _NAME_PT, style.INK, bold=True)
    if chinese and state.zh:
        yield _Text(state.zh, _NAME_PT, style.INK)
    if state.title.replace("-", " ") != state.name.rpartition(".")[2].replace("-", " "):
        for line in textwrap.wrap(state.title, _TITLE_LETTERS + 6):
            yield _Text(line, _TEXT_PT, style.MUTED)
    for text in _periods(workflow, state.name):
        yield _Text(text, _LABEL_PT, style.PURPLE)
    for loss in workflow.losses.values():
        if loss.state == state.name:
            holds = words.condition(loss.guard)
            for line in textwrap.wrap(f"✖ {loss.name}{f' if {holds}' if holds else ''}", _LABEL_LETTERS):
                yield _Text(line, _LABEL_PT, style.ALARM)


def _shown(state: str) -> str:
    """A state's name; of one that came from a shared step, with the state that used it before it."""
    return state.replace(".", " › ")


def _periods(workflow: Workflow, state: str) -> Iterator[str]:
    """What entering a state does to periods of law."""
    for deadline in workflow.deadlines.values():
        if state in deadline.ends:
            yield f"■ {deadline.name}"
        if state in deadline.starts | deadline.restarts:
            yield f"{'▶' if state in deadline.starts else '↻'} {deadline.name}: {words.period(deadline)}"
        if state in deadline.suspends:
            yield f"‖ {deadline.name}"


def _bundles(workflow: Workflow) -> Iterator[_Bundle]:
    for state in workflow.states.values():
        found: dict[tuple[str, bool], list[Transition]] = defaultdict(list)
        for way in state.transitions:
            found[way.target, way.on is not None].append(way)
        for (target, _), ways in found.items():
            lines = [line for way in ways for line in _label(workflow, way)]
            if len(lines) > _MOST_LINES:
                lines = [*lines[: _MOST_LINES - 1], _Text("…", _LABEL_PT, style.MUTED)]
            yield _Bundle(state.name, target, target, tuple(ways), tuple(lines))


def _with_signposts(workflow: Workflow, bundles: list[_Bundle]) -> list[_Bundle]:
    """The same, but those that lead far end at signposts; every state keeps the nearest arrow that leads to it."""
    arrows = [Arrow(bundle.source, bundle.target, 0, 0) for bundle in bundles]
    far = spans(list(workflow.states), arrows)
    nearest: dict[str, int] = {}
    for number, bundle in enumerate(bundles):
        if bundle.source != bundle.target:
            before = nearest.setdefault(bundle.target, number)
            nearest[bundle.target] = number if far[number] < far[before] else before
    return [
        replace(bundle, target=f"{bundle.target}@{number}")
        if far[number] > _FAR and nearest[bundle.target] != number
        else bundle
        for number, bundle in enumerate(bundles)
    ]


def _label(workflow: Workflow, way: Transition) -> Iterator[_Text]:
    """When, under which condition, and what leaves the case."""
    colour = _KINDS[kind_of(way)][1]
    who = f"{way.by}: " if way.by and way.desk is None else ""
    chance = f"\xa0·\xa0{words.share(way.chance)}" if way.chance is not None else ""
    timing = _BEFORE_UNIT.sub("\xa0", words.when(way))
    for line in textwrap.wrap(f"{who}{timing}{chance}", _LABEL_LETTERS):
        yield _Text(line, _LABEL_PT, colour, bold=way.irreversible)
    holds = words.condition(way.guard)
    for line in textwrap.wrap(f"if {holds}", _LABEL_LETTERS) if holds else ():
        yield _Text(line, _LABEL_PT, style.MUTED)
    for deed in _deeds(workflow, way):
        for line in textwrap.wrap(deed, _LABEL_LETTERS):
            yield _Text(line, _LABEL_PT, style.INK)


def _deeds(workflow: Workflow, way: Transition) -> Iterator[str]:
    deposits = [
        each.kind
        + (f" × {each.count:g}" if each.count != 1 else "")
        + (f" ({each.chain})" if each.chain != home else "")
        for home in (workflow.chain,)
        for each in way.records
    ]
    if deposits:
        yield f"+ {', '.join(deposits)}"
    if way.message is not None:
        count = f" × {way.message.count}" if way.message.count > 1 else ""
        yield f"⇒ {way.message.destination}: {way.message.name}{count}"
    if way.call is not None:
        yield f"ƒ {way.call.contract}.{way.call.method}"
    if way.check is not None:
        yield f"? {way.check.of}"
    for spawn in way.spawns:
        yield f"★ {spawn.workflow}" + (f" {words.share(spawn.chance)}" if spawn.chance < 1 else "")


def _draw_box(
    axes: Axes, workflow: Workflow, name: str, size: tuple[float, float], layout: Layout, lines: Sequence[_Text]
) -> None:
    from matplotlib.patches import FancyBboxPatch

    (x, y), (width, height) = layout.boxes[name], size
    if name not in workflow.states:
        corner, box = (x - width / 2, y - height / 2), f"round,pad=0,rounding_size={0.45 * height}"
        axes.add_patch(
            FancyBboxPatch(corner, width, height, box, facecolor=style.PAPER, edgecolor=style.GRID, zorder=4)
        )
        _write_lines(axes, lines, (x, y))
        return
    end = not workflow.states[name].transitions
    fill = (
        _FIRST_FILL
        if name == workflow.initial
        else _END_FILL
        if end
        else _STEP_FILL
        if _is_step(workflow, name)
        else ""
    )
    corner = (x - width / 2, y - height / 2)
    box = f"round,pad=0,rounding_size={min(0.16, 0.45 * height) if end else 0.05}"
    edge = style.INK if name == workflow.initial or end else style.MUTED
    axes.add_patch(
        FancyBboxPatch(
            corner, width, height, box, facecolor=fill or style.PAPER, edgecolor=edge, lw=1.6 if end else 1.0, zorder=4
        )
    )
    _write_lines(axes, lines, (x, y))


def _is_step(workflow: Workflow, name: str) -> bool:
    """Whether a state came from a shared step."""
    return "." in name or any(other.startswith(f"{name}.") for other in workflow.states)


def _clear(axes: Axes, middle: tuple[float, float], size: tuple[float, float]) -> None:
    """Paper behind a label."""
    from matplotlib.patches import Rectangle

    (x, y), (width, height) = middle, size
    corner = (x - width / 2 + _PAD_IN / 2, y - height / 2)
    axes.add_patch(Rectangle(corner, width - _PAD_IN, height, facecolor=style.PAPER, edgecolor="none", zorder=3))


def _write_lines(axes: Axes, lines: Sequence[_Text], middle: tuple[float, float]) -> None:
    x, y = middle
    at = y + sum(line.height_in for line in lines) / 2
    for line in lines:
        _write(axes, line, x, at - line.height_in / 2, ha="center")
        at -= line.height_in


def _write(axes: Axes, line: _Text, x: float, y: float, *, ha: str) -> None:
    weight = "bold" if line.bold else "normal"
    axes.text(x, y, line.text, ha=ha, va="center", fontsize=line.size_pt, color=line.colour, weight=weight, zorder=5)


def _draw_arrow(axes: Axes, bundle: _Bundle, path: Sequence[tuple[float, float]], label: tuple[float, float]) -> None:
    from matplotlib.patches import FancyArrowPatch, PathPatch
    from matplotlib.path import Path

    line = "--" if bundle.dashed else "-"
    if len(path) == 1:
        (x, y), bend = path[0], -min(1.6, 4 * (label[0] - path[0][0]))
        ends = (x, y + 0.08), (x, y - 0.08)
        axes.add_patch(_arrow(FancyArrowPatch(*ends, connectionstyle=f"arc3,rad={bend}"), bundle.colour, line))
        return
    points, codes = [path[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(path):
        middle = (y0 + y1) / 2
        points += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [Path.CURVE4] * 3
    axes.add_patch(PathPatch(Path(points, codes), fill=False, ls=line, color=bundle.colour, lw=_LINE_PT, zorder=2))
    (_, before), (x, y) = path[-2], path[-1]
    back = 0.05 if before > y else -0.05
    axes.add_patch(_arrow(FancyArrowPatch((x, y + back), (x, y), shrinkA=0, shrinkB=0), bundle.colour, "-"))


def _arrow(patch: FancyArrowPatch, colour: str, line: str) -> FancyArrowPatch:
    patch.set(arrowstyle="-|>", mutation_scale=9, color=colour, linewidth=_LINE_PT, linestyle=line, zorder=2)
    return patch


def _foot(workflow: Workflow, bundles: Sequence[_Bundle], width_in: float) -> Iterator[tuple[str, str]]:
    """Lines of the legend: colour and text."""
    letters = int(width_in / (_TEXT_PT * _LETTER_IN))
    for line in _packed(_SIGNS, letters):
        yield style.MUTED, line
    actors: dict[str, set[str]] = defaultdict(set)
    for bundle in bundles:
        for way in bundle.ways:
            who = way.by or (way.desk.role if way.desk is not None else "")
            actors[kind_of(way)].update({who} - {""})
    for kind, (title, colour) in _KINDS.items():
        if kind in actors:
            who = ", ".join(sorted(actors[kind]))
            for line in textwrap.wrap(f"{title}{f': {who}' if who else ''}", letters):
                yield colour, line
    for deadline in workflow.deadlines.values():
        law = f", {deadline.law}" if deadline.law else ""
        yield style.PURPLE, f"{deadline.name}: {words.period(deadline)}{law}{', assumed' if deadline.assumed else ''}"


def _packed(parts: Sequence[str], letters: int) -> Iterator[str]:
    """Lines of as many of these as fit into each."""
    line = ""
    for part in parts:
        if line and len(line) + 3 + len(part) > letters:
            yield line
            line = ""
        line = f"{line}   {part}" if line else part
    yield line


def _draw_foot(axes: Axes, foot: Sequence[tuple[str, str]], x: float, y: float) -> None:
    for number, (colour, text) in enumerate(foot):
        axes.text(x, y - number * _FOOT_STEP_IN, text, fontsize=_TEXT_PT, color=colour, va="center")
