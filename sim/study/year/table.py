"""What anything takes at any load: tables made by runs of chains, interpolated between the loads of these runs.

Of each chain there is a row for each run, in the order of how many records a second it took there; neighbours with few
records are put together. At a load between two rows a record is taken for one of either, with the chance that makes the
mean load right, so distributions are mixed in linear proportion. Above the last row it counts as of that: levels reach
beyond the busiest hour. Bursts have a table of their own, by how many come at one moment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.casework.definition import Answer
from sim.metrics.histogram import Histogram
from sim.study.year.chains import WHOLE, thinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.study.year.chains import OfChain, OfLink, Ran

    Cells = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Codes = NDArray[np.int8]

LEAST: Final = 400
"""Records of a row at least, so that four of them lie above its 99th percentile."""
SATURATED: Final = 0.97
"""A row whose chain commits less than this share of what is offered shows what it can do at most."""


@dataclass(frozen=True, slots=True)
class Row:
    """Runs at similar load, put together.

    Attributes:
        load: records a second or, of bursts, at one moment.
        offered, rejected, unfinished: records.
        blocks: a second.
        goodput: committed records a second; of bursts 0.
        flows: whether they come one after the other, not at one moment.
        times: histograms of committed records, the whole and each stage, nanoseconds.
        delays_ns: order statistics of the whole, ascending.
    """

    load: float
    offered: int
    rejected: int
    unfinished: int
    blocks: float
    goodput: float
    flows: bool
    times: dict[str, Histogram]
    delays_ns: Cells


class Table:
    """What one chain takes.

    Args:
        found: the chain in each run.
        idle_ns: what a record takes where nothing was measured.
    """

    def __init__(self, found: Sequence[OfChain], idle_ns: int) -> None:
        busy = [each for each in found if each.offered]
        busy.sort(key=lambda each: each.offered / (each.seconds or 1.0))
        groups: list[list[OfChain]] = []
        for each in busy:
            if groups and sum(other.offered for other in groups[-1]) < LEAST:
                groups[-1].append(each)
            else:
                groups.append([each])
        if len(groups) > 1 and sum(each.offered for each in groups[-1]) < LEAST:
            last = groups.pop()
            groups[-1] += last
        loads = [each.offered / each.seconds if each.seconds else 0.0 for each in busy]
        self._runs = np.array([loads or [0.0], [each.blocks for each in busy] or [0.0]])
        self.rows = [_row(group) for group in groups] or [_idle(idle_ns)]
        self._load = np.array([row.load for row in self.rows])
        fell = [number for number, row in enumerate(self.rows) if row.goodput < SATURATED * row.load * row.flows]
        self._carried = fell[0] if fell else len(self.rows)
        counts = np.array([len(row.delays_ns) for row in self.rows])
        self._first, self._count = np.cumsum(counts) - counts, counts
        self._delays_ns = np.concatenate([row.delays_ns for row in self.rows])
        offered = np.array([max(1, row.offered) for row in self.rows])
        self._rejected = np.array([row.rejected for row in self.rows]) / offered
        self._unfinished = np.array([row.unfinished for row in self.rows]) / offered

    @property
    def capacity(self) -> float | None:
        """Records a second that the chain commits at most, if a run was beyond it.

        A chain that breaks down under load commits less than it could, or nothing: then its limit is somewhere above
        the last load that it carried, and taken to lie half way to that under which it broke down.
        """
        if self._carried == len(self.rows):
            return None
        last = self.rows[self._carried - 1].load if self._carried else 0.0
        beyond = self.rows[self._carried :]
        most = max(row.goodput for row in beyond)
        return most if most >= last else (last + beyond[0].load) / 2

    def places(self, load: Floats) -> tuple[Cells, Cells, Floats]:
        """The rows below and above each load, and the share of the second.

        Up to its limit a chain does as in the last row that it carried, and beyond it as in the next.
        """
        above = np.minimum(np.searchsorted(self._load, load), len(self._load) - 1)
        below = np.maximum(above - 1, 0)
        below = np.where(load >= self._load[above], above, below)
        width = self._load[above] - self._load[below]
        share = np.where(width > 0, (load - self._load[below]) / np.where(width > 0, width, 1.0), 0.0)
        limit = self.capacity
        if limit is not None:
            between = (above == self._carried) & (below < above)
            share = np.where(between, np.where(load > limit, 1.0, 0.0), share)
        return below, above, np.clip(share, 0.0, 1.0)

    def weights(self, load: Floats, records: Floats) -> Floats:
        """How many records each row stands for, where so many come at each load."""
        below, above, share = self.places(load)
        size = len(self.rows)
        low = np.bincount(below, weights=records * (1 - share), minlength=size)
        high = np.bincount(above, weights=records * share, minlength=size)
        return np.asarray(low + high)

    def blocks(self, load: Floats) -> Floats:
        """Blocks a second at each load, between those of single runs.

        Below the first of them as where blocks are cut an interval after their first record, which comes at random:
        ``load / (1 + load * wait)``, with the wait at which that is what was measured there.
        """
        least = float(self._runs[0, 0])
        rate = min(float(self._runs[1, 0]), least)
        found = np.interp(load, self._runs[0], self._runs[1])
        if rate > 0:
            wait = 1 / rate - 1 / least
            found = np.where(load < least, load / (1 + load * wait), found)
        # No block is empty.
        return np.asarray(np.minimum(found, load))

    def times(self, weights: Floats, name: str = WHOLE) -> Histogram:
        """How long committed records take of which each row stands for so many of all."""
        committed = weights * (1 - self._rejected - self._unfinished)
        return Histogram.mixture(
            [
                (row.times.get(name, Histogram()), value)
                for row, value in zip(self.rows, committed.tolist(), strict=True)
            ]
        )

    def lost(self, weights: Floats) -> tuple[float, float]:
        """How many of these are rejected, and unfinished."""
        rejected, unfinished = (weights * share for share in (self._rejected, self._unfinished))
        return math.fsum(rejected.tolist()), math.fsum(unfinished.tolist())

    def drawn(self, load: Floats, chance: Floats) -> tuple[Cells, Codes]:
        """What records take at these loads, and their answers.

        Args:
            load: of each.
            chance: three uniform numbers of each, shape (records, 3).
        """
        below, above, share = self.places(load)
        row = np.where(chance[:, 0] < share, above, below)
        rank = (chance[:, 1] * self._count[row]).astype(np.int64)
        delay_ns = self._delays_ns[np.minimum(self._first[row] + rank, len(self._delays_ns) - 1)]
        answer = np.full(len(row), Answer.DONE, dtype=np.int8)
        answer[chance[:, 2] < self._rejected[row] + self._unfinished[row]] = Answer.NO_ANSWER
        answer[chance[:, 2] < self._rejected[row]] = Answer.REFUSED
        return delay_ns, answer


def _row(group: Sequence[OfChain]) -> Row:
    offered, seconds = sum(each.offered for each in group), sum(each.seconds for each in group)
    times = {name: Histogram() for name in group[0].times}
    for each in group:
        for name, histogram in each.times.items():
            times[name].merge(histogram)
    delays = np.sort(np.concatenate([_repeated(each) for each in group]))
    committed = sum(each.committed for each in group)
    return Row(
        # Of a burst no time passes: its load is how many come at once.
        load=offered / seconds if seconds else offered / len(group),
        offered=offered,
        rejected=sum(each.rejected for each in group),
        unfinished=sum(each.unfinished for each in group),
        blocks=sum(each.blocks for each in group) / len(group),
        goodput=committed / seconds if seconds else 0.0,
        flows=seconds > 0,
        times=times,
        delays_ns=thinned(delays) if len(delays) else np.zeros(1, dtype=np.int64),
    )


def _repeated(each: OfChain) -> Cells:
    """Order statistics of a run, as often as they stand for others, to be put together with those of other runs."""
    count = max(1, len(each.delays_ns))
    return np.repeat(each.delays_ns, max(1, each.committed // count))


def _idle(idle_ns: int) -> Row:
    whole = Histogram()
    delays_ns = np.array([idle_ns], dtype=np.int64)
    whole.add(delays_ns)
    return Row(0.0, 0, 0, 0, 0.0, 0.0, flows=False, times={WHOLE: whole}, delays_ns=delays_ns)


class LinkTable:
    """What packets of one link take, all runs together by how busy the chain is where they begin.

    Args:
        found: the link in each run that it was used in, with the load of that chain.
        idle_ns: until the effect stands, and until the sender knows, where nothing was measured.
    """

    def __init__(self, found: Sequence[tuple[float, OfLink]], idle_ns: tuple[int, int]) -> None:
        groups: list[list[tuple[float, OfLink]]] = []
        for each in sorted(found, key=lambda pair: pair[0]):
            if groups and sum(len(other.there) for _, other in groups[-1]) < LEAST:
                groups[-1].append(each)
            else:
                groups.append([each])
        if len(groups) > 1 and sum(len(other.there) for _, other in groups[-1]) < LEAST:
            last = groups.pop()
            groups[-1] += last
        columns = [_ends(group) for group in groups]
        if not columns:
            done = np.array([Answer.DONE], dtype=np.int8)
            columns = [(np.array([idle_ns[0]]), done, np.array([idle_ns[1]]), done)]
        self._load = np.array([sum(load for load, _ in group) / len(group) for group in groups] or [0.0])
        counts = np.array([len(there_ns) for there_ns, *_ in columns])
        self._first, self._count = np.cumsum(counts) - counts, counts
        self._columns = tuple(np.concatenate(column) for column in zip(*columns, strict=True))

    def drawn(self, load: Floats, chance: Floats) -> tuple[Cells, Codes, Cells, Codes]:
        """Delays and answers of packets sent at these loads, at the destination and back at the sender.

        Args:
            load: of the chain where they begin.
            chance: two uniform numbers of each, shape (packets, 2).
        """
        above = np.minimum(np.searchsorted(self._load, load), len(self._load) - 1)
        below = np.maximum(above - 1, 0)
        width = self._load[above] - self._load[below]
        share = np.where(width > 0, (load - self._load[below]) / np.where(width > 0, width, 1.0), 1.0)
        row = np.where(chance[:, 0] < share, above, below)
        place = self._first[row] + (chance[:, 1] * self._count[row]).astype(np.int64)
        there_ns, there, known_ns, known = (column[place] for column in self._columns)
        return there_ns, there, known_ns, known


def _ends(group: Sequence[tuple[float, OfLink]]) -> tuple[Cells, Codes, Cells, Codes]:
    """The packets of some runs in the order in which they took longer; those without an answer are left out."""
    there_ns = np.concatenate([link.there_ns for _, link in group])
    there = np.concatenate([link.there for _, link in group])
    # Where a sender never knows, it is never asked.
    back = [link if len(link.known) else link.__class__(*(link.there_ns, link.there) * 2) for _, link in group]
    known_ns = np.concatenate([link.known_ns for link in back])
    known = np.concatenate([link.known for link in back])
    order = np.argsort(there_ns, kind="stable")
    order = order[(there[order] != Answer.NO_ANSWER) & (known[order] != Answer.NO_ANSWER)]
    kept = thinned(order)
    if not len(kept):
        kept = np.argsort(there_ns, kind="stable")[:1]
    return there_ns[kept], there[kept], known_ns[kept], known[kept]


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that is known of chains and links.

    Attributes:
        levels: by chain.
        bursts: by chain.
        links: by link.
        checks: by chain and by what was presented: delays ascending, and answers.
    """

    levels: dict[str, Table]
    bursts: dict[str, Table]
    links: dict[str, LinkTable]
    checks: dict[tuple[str, int], tuple[Cells, Codes]]

    @classmethod
    def of(
        cls,
        ran: Sequence[Ran],
        idle_ns: dict[str, int],
        sources: dict[str, str],
        crossing_ns: dict[str, tuple[int, int]],
    ) -> Tables:
        """Tables from runs.

        Args:
            ran: all runs at levels of load and of bursts.
            idle_ns: what a record takes on each chain where nothing was measured.
            sources: the chain where each link begins.
            crossing_ns: likewise of each link, there and back.
        """
        flows = [each for each in ran if each.span.kind == "level"]
        nights = [each for each in ran if each.span.kind == "burst"]
        links = {
            link_id: LinkTable(
                [
                    (_load(each.chains[source]), each.links[link_id])
                    for each in flows
                    if link_id in each.links and len(each.links[link_id].there)
                ],
                crossing_ns[link_id],
            )
            for link_id, source in sources.items()
        }
        checks: dict[tuple[str, int], tuple[Cells, Codes]] = {}
        for asked in sorted({asked for each in flows for asked in each.checks}):
            parts = [each.checks[asked] for each in flows if asked in each.checks]
            delay_ns, answer = (np.concatenate(column) for column in zip(*parts, strict=True))
            order = thinned(np.argsort(delay_ns, kind="stable"))
            if len(order):
                checks[asked] = (delay_ns[order], answer[order])
        return cls(
            levels={chain: Table([each.chains[chain] for each in flows], idle) for chain, idle in idle_ns.items()},
            bursts={chain: Table([each.chains[chain] for each in nights], idle) for chain, idle in idle_ns.items()},
            links=links,
            checks=checks,
        )


def _load(chain: OfChain) -> float:
    return chain.offered / (chain.seconds or 1.0)
