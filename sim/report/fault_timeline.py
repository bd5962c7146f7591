"""The figure `fault-timeline`: what went wrong when, above the throughput of the chains that it happened to.

Faults of nodes and of the network between them are read from the table `faults`, in which each end is told; those of
links (relayers, notaries, clients, documents) from the scenario, because nobody on a chain notices them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.report import series, style, timeline, wording

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from sim.study.run import Run

_ROW_IN: Final = 0.26
_MOST: Final = 20
"""So many rows are drawn, the earliest; how many more there are is said."""
_LETTERS: Final = 34
_NS_PER_S: Final = 1e9
_ENDS: Final = {"restart": "crash", "restart without disk": "crash"}
"""Events that end another, by what they end; all others are called ``… ends``."""
_SHADE: Final = 0.10
_THIN: Final = 1 / 250
"""A bar is at least this share of the axis long, or a moment would not be seen."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Something that was wrong for a while.

    Attributes:
        chain: where, or the link.
        kind: what, as the table `faults` or the scenario has it; ``view change`` for one.
        begin_s: since the start of the run.
        end_s: the end of the run if it did not end.
        count: nodes that it happened to; 0 where it is the network's or a link's.
    """

    chain: str
    kind: str
    begin_s: float
    end_s: float
    count: int

    @property
    def label(self) -> str:
        """What its row is called."""
        nodes = f" ({wording.counted(self.count, 'node')})" if self.count else ""
        return wording.shorten(f"{self.chain}: {self.kind}{nodes}", _LETTERS)


def has_faults(run: Run) -> bool:
    """Whether anything went wrong, or was meant to; of a year by tables nothing can be drawn day by day."""
    wrong = bool(run.scenario.faults) or run.table("views")["view"].max() not in {None, 0}
    return wrong and run.scenario.year is None


def fault_timeline(run: Run) -> Figure:
    """A bar for each fault above what the chains were offered and committed at that time."""
    with style.house_style():
        return _draw(run)


def spells(run: Run) -> list[Spell]:
    """Everything that was wrong for a while, the earliest first; views are marks of no length."""
    found = [*_of_nodes(run), *_of_links(run)]
    return sorted(found, key=lambda spell: (spell.begin_s, spell.chain, spell.kind))


def _of_nodes(run: Run) -> Iterator[Spell]:
    """What was noted of nodes and networks; a beginning is matched with the first end of the same nodes after it."""
    moments, simulated_s = series.moments(run), run.summary["simulated_s"]
    used: set[int] = set()
    for place, moment in enumerate(moments):
        if moment.kind == "view":
            yield Spell(moment.chain, "view change", moment.time_s, moment.time_s, 0)
        elif not (moment.kind in _ENDS or moment.kind.endswith(" ends")):
            end_s = simulated_s
            for later in range(place + 1, len(moments)):
                other = moments[later]
                what = _ENDS.get(other.kind, other.kind.removesuffix(" ends"))
                same = (other.chain, what) == (moment.chain, moment.kind) and other.kind != moment.kind
                if same and later not in used and set(other.nodes) & set(moment.nodes):
                    used.add(later)
                    end_s = other.time_s
                    break
            count = 0 if moment.nodes == (series.NETWORK,) else len(moment.nodes)
            yield Spell(moment.chain, moment.kind, moment.time_s, end_s, count)


def _of_links(run: Run) -> Iterator[Spell]:
    simulated_s = run.summary["simulated_s"]
    for fault in run.scenario.faults:
        begin_s = fault.at / _NS_PER_S
        if fault.link is not None and begin_s <= simulated_s:
            end_s = simulated_s if fault.duration is None else begin_s + fault.duration / _NS_PER_S
            yield Spell(fault.link, fault.action, begin_s, min(end_s, simulated_s), 0)


def _rows(found: Sequence[Spell]) -> dict[str, list[Spell]]:
    """Spells by row: one for each chain and kind, so that a storm of the same is one row."""
    rows: dict[str, list[Spell]] = {}
    for spell in found:
        rows.setdefault(spell.label, []).append(spell)
    return rows


def _draw(run: Run) -> Figure:
    found = spells(run)
    rows = _rows(found)
    shown = dict(list(rows.items())[:_MOST])
    simulated_s = run.summary["simulated_s"]
    _, unit_s, unit = next(entry for entry in timeline.TIME_UNITS if simulated_s >= entry[0])
    bars_in = 0.5 + _ROW_IN * max(len(shown), 1)
    figure = style.new_figure(height_in=bars_in + 2.9)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(bars_in, 2.2))
    _draw_bars(above, shown, simulated_s, unit_s)
    chains = _hit(run, found)
    _draw_rates(below, run, chains, unit_s)
    for spell in found:
        if spell.end_s > spell.begin_s:
            below.axvspan(spell.begin_s / unit_s, spell.end_s / unit_s, color=style.ALARM, alpha=_SHADE, linewidth=0)
    below.set_xlim(0, simulated_s / unit_s)
    below.set_xlabel(f"simulated {unit} after {wording.started(run.scenario)}")
    more = f" ({len(shown)} of {len(rows)} rows are shown)" if len(rows) > len(shown) else ""
    style.set_title(figure, _title(found, chains) + more)
    return figure


def _title(found: Sequence[Spell], chains: Sequence[str]) -> str:
    faults = [spell for spell in found if spell.kind != "view change"]
    views = len(found) - len(faults)
    if not found:
        return "Nothing that was planned came to pass before the run ended"
    parts = [wording.counted(len(faults), "fault")] if faults else []
    if views:
        parts.append(wording.counted(views, "view change"))
    where = wording.shorten(chains[0], 24) if len(chains) == 1 else f"{len(chains)} chains"
    return f"{' and '.join(parts)}, and what {where} committed meanwhile"


def _hit(run: Run, found: Sequence[Spell]) -> list[str]:
    """The chains that something happened to; of a link, both ends; all, where none is named."""
    hit = dict.fromkeys(
        chain
        for spell in found
        for chain in (run.scenario.links[spell.chain].chains if spell.chain in run.scenario.links else (spell.chain,))
    )
    return [chain for chain in run.summary["chains"] if chain in hit] or list(run.summary["chains"])


def _draw_bars(axes: Axes, rows: dict[str, list[Spell]], simulated_s: float, unit_s: int) -> None:
    for row, spells_of_row in enumerate(rows.values()):
        for spell in spells_of_row:
            if spell.kind == "view change":
                axes.plot(spell.begin_s / unit_s, row, marker="|", markersize=9, color=style.PURPLE, clip_on=False)
                continue
            length_s = max(spell.end_s - spell.begin_s, simulated_s * _THIN)
            axes.barh(row, length_s / unit_s, left=spell.begin_s / unit_s, height=0.6, color=style.ALARM)
    axes.set_yticks(range(len(rows)), list(rows), color=style.INK)
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    axes.tick_params(axis="x", labelbottom=False)
    axes.grid(visible=False, axis="y")
    if not rows:
        style.say_in_the_middle(axes, "nothing went wrong before the run ended")


def _draw_rates(axes: Axes, run: Run, chains: Sequence[str], unit_s: int) -> None:
    blocks = max(run.summary["chains"][chain]["blocks"] for chain in chains)
    edges_s = series.window_edges(run.summary["simulated_s"], blocks)
    records = series.records(run, list(chains))
    x: NDArray[np.float64] = edges_s / unit_s
    offered = series.rate_by_window(records.intended_s, edges_s)
    committed = series.rate_by_window(records.committed_s, edges_s)
    axes.stairs(offered, x, fill=True, color=style.BLUE, alpha=0.22, linewidth=0, label="offered")
    axes.stairs(committed, x, baseline=None, color=style.BLUE, linewidth=1.6, label="committed")
    axes.set_ylim(0, 1.1 * float(np.max([offered.max(), committed.max(), 1e-9])))
    axes.set_ylabel("records per second")
    axes.yaxis.set_major_formatter(lambda value, _: wording.exact(value))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2, handlelength=1.6)
