"""Windows of a long horizon: where chains run when months of cases go by, and how times are mapped there and back.

Chains run through all windows one after the other, as one run, with gaps between in which nothing is sent and what is
under way comes to its end. Each begins with empty pools, so a chain that is overloaded for longer than a window looks
better here than it is; faults have windows of their own, whole and with a margin on both sides.

The windows are spread over load: slots of the horizon are put in order of how busy all chains are there together, and
taken at equal distances in that order, the busiest always among them, and of each chain its own busiest while half of
the windows are left for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.build.estimates import crossing_ns
from sim.faults.apply import merged
from sim.kernel.engine import SECOND
from sim.scenario.casework import TWO_DAYS_NS
from sim.scenario.recordlink import RECORD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sim.scenario import Scenario
    from sim.scenario.fault import Fault

    Cells = NDArray[np.int64]
    Mask = NDArray[np.bool_]

COUNT: Final = 48
"""Windows of a long horizon whose scenario does not say how many [guess]: two of each hour of the day."""
LENGTH_NS: Final = 120 * SECOND
"""Of each; sixty blocks of 2 s."""
DRAIN_NS: Final = 30 * SECOND
"""Least gap: ten view timeouts of 3 s."""
_CROSSINGS: Final = 5
"""Gaps are so many idle crossings long where links have contracts, whose packets come to an end in the gap."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Where chains run; arrays have shape (windows,).

    Attributes:
        begin_ns, end_ns: of each, ascending and apart.
        calm: whether no fault that stops stands in it.
        gap_ns: between two of them in the run.
        slot_ns: how long windows are that no fault makes longer.
        horizon_ns: of the scenario.
        regimes_ns: when faults that never stop begin, ascending: what was measured before does not hold after.
    """

    begin_ns: Cells
    end_ns: Cells
    calm: Mask
    gap_ns: int
    slot_ns: int
    horizon_ns: int
    regimes_ns: Cells

    def __len__(self) -> int:
        return len(self.begin_ns)

    @property
    def total_ns(self) -> int:
        """How long they are together."""
        return int((self.end_ns - self.begin_ns).sum())

    @property
    def share_of_time(self) -> float:
        """Of the horizon."""
        return self.total_ns / self.horizon_ns

    @property
    def starts_ns(self) -> Cells:
        """Where each begins in the run."""
        lengths_ns = self.end_ns - self.begin_ns + self.gap_ns
        starts: Cells = np.cumsum(lengths_ns) - lengths_ns
        return starts

    @property
    def run_ns(self) -> int:
        """How long the run is, the last gap included."""
        return self.total_ns + self.gap_ns * len(self)

    def of(self, time_ns: Cells) -> Cells:
        """In which window each of these times is; -1 for none."""
        place = np.searchsorted(self.begin_ns, time_ns, side="right") - 1
        inside = (place >= 0) & (time_ns < self.end_ns[np.maximum(place, 0)])
        return np.where(inside, place, -1)

    def to_run(self, time_ns: Cells) -> Cells:
        """Where times of the horizon, all of them in windows, are in the run."""
        place = self.of(time_ns)
        moved: Cells = time_ns - self.begin_ns[place] + self.starts_ns[place]
        return moved

    def from_run(self, run_ns: Cells) -> Cells:
        """Where times of the run are in the horizon; what falls into a gap counts on from the window before it."""
        place = np.maximum(np.searchsorted(self.starts_ns, run_ns, side="right") - 1, 0)
        moved: Cells = run_ns - self.starts_ns[place] + self.begin_ns[place]
        return moved

    def regime(self, time_ns: Cells) -> Cells:
        """How many faults that never stop have begun by each of these times."""
        return np.searchsorted(self.regimes_ns, time_ns, side="right").astype(np.int64)

    def pieces(self, pieces: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        """A stream's pieces (until when in seconds, with which multiple of its rate) as they are in the run."""
        ends_s = np.array([end for end, _ in pieces])
        found: list[tuple[float, float]] = []
        for begin_ns, end_ns, start_ns in zip(self.begin_ns, self.end_ns, self.starts_ns, strict=True):
            at_s, until_s, start_s = begin_ns / SECOND, end_ns / SECOND, start_ns / SECOND
            for end_s, multiplier in pieces[int(np.searchsorted(ends_s, at_s, side="right")) :]:
                reached_s = min(end_s, until_s)
                found.append((start_s + reached_s - at_s, multiplier))
                if end_s >= until_s:
                    break
            found.append((start_s + until_s - at_s + self.gap_ns / SECOND, 0.0))
        return tuple(found)

    def narrowed(self, scenario: Scenario) -> Scenario:
        """The scenario as the run has it: its horizon is the run's, and faults happen where their windows are."""
        shifted = tuple(self._shifted(fault) for fault in scenario.faults)
        return scenario.model_copy(update={"horizon": self.run_ns, "faults": shifted})

    def _shifted(self, fault: Fault) -> Fault:
        at_ns = int(self.to_run(np.array([fault.at]))[0])
        return fault.model_copy(update={"at": at_ns})


def choose(scenario: Scenario, sent_ns: Mapping[str, Cells]) -> Windows | None:
    """The windows of a scenario, or None where its chains run through the whole horizon.

    Args:
        scenario: says how many and how long, or has a horizon of more than two days.
        sent_ns: by chain, when each record is sent.
    """
    spec = None if scenario.casework is None else scenario.casework.windows
    if not scenario.workflows or (spec is None and scenario.horizon <= TWO_DAYS_NS):
        return None
    count, slot_ns = (COUNT, LENGTH_NS) if spec is None else (spec.count, spec.length)
    gap_ns = _gap_ns(scenario)
    stormy, regimes_ns = _storms(scenario, max(slot_ns, gap_ns))
    slots = [
        (int(slot) * slot_ns, min((int(slot) + 1) * slot_ns, scenario.horizon))
        for slot in _slots(scenario, sent_ns, count, slot_ns)
    ]
    union = merged([*slots, *stormy])
    if sum(end - begin + gap_ns for begin, end in union) >= scenario.horizon:
        return None
    begin_ns, end_ns = np.array(union, dtype=np.int64).T
    calm = np.array([not any(begin < e and b < end for b, e in stormy) for begin, end in union])
    return Windows(begin_ns, end_ns, calm, gap_ns, slot_ns, scenario.horizon, regimes_ns)


def _slots(scenario: Scenario, sent_ns: Mapping[str, Cells], count: int, slot_ns: int) -> list[int]:
    """The slots that become windows."""
    slots = -(-scenario.horizon // slot_ns)
    loads = np.array([np.bincount(times_ns // slot_ns, minlength=slots)[:slots] for times_ns in sent_ns.values()])
    busy = loads.sum(axis=1) > 0 if len(loads) else np.zeros(0, dtype=np.bool_)
    if not busy.any():
        return [int(k) * slots // count for k in range(min(count, slots))]
    loads = loads[busy]
    together = (loads / loads.mean(axis=1, keepdims=True)).sum(axis=0)
    order = np.argsort(together, kind="stable")
    chosen = [int(order[-1])]
    for own in loads.argmax(axis=1).tolist():
        if own not in chosen and len(chosen) < max(1, count // 2):
            chosen.append(own)
    spread = order[np.linspace(0, slots - 1, max(2, count)).astype(np.int64)].tolist()
    for slot in spread[::-1]:
        if slot not in chosen and len(chosen) < count:
            chosen.append(slot)
    return sorted(chosen)


def _gap_ns(scenario: Scenario) -> int:
    contracts = [link_id for link_id, link in scenario.links.items() if link.fidelity != RECORD]
    return max([DRAIN_NS, *(_CROSSINGS * crossing_ns(scenario, link_id)[1] for link_id in contracts)])


def _storms(scenario: Scenario, margin_ns: int) -> tuple[list[tuple[int, int]], Cells]:
    """Around every fault that stops, and around the beginning of every other; and when these begin."""
    found, lasting = [], []
    for fault in scenario.faults:
        end_ns = fault.at if fault.duration is None else fault.at + fault.duration
        found.append((max(0, fault.at - margin_ns), min(end_ns + margin_ns, scenario.horizon)))
        if fault.duration is None:
            lasting.append(fault.at)
    return merged(found), np.array(sorted(lasting), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Pools:
    """What was measured in windows, for what happens outside of them.

    Attributes:
        windows: where it was measured.
        load: records a second of each window that has any, ascending; by regime.
        first: where the window's values begin; by regime.
        count: how many they are; by regime.
        row: which measured row each value is, in the order of delay within its window.
    """

    windows: Windows
    load: Sequence[NDArray[np.float64]]
    first: Sequence[Cells]
    count: Sequence[Cells]
    row: Cells

    @classmethod
    def of(cls, windows: Windows, time_ns: Cells, delay_ns: Cells, usable: Mask) -> Pools:
        """Those of one chain.

        Args:
            windows: where chains ran.
            time_ns: when each measured thing was asked for, all of them in windows.
            delay_ns: how long it took.
            usable: whether it came to its end.
        """
        place = windows.of(time_ns)
        lengths_s = (windows.end_ns - windows.begin_ns) / SECOND
        load = np.bincount(place, minlength=len(windows)) / lengths_s
        kept = np.flatnonzero(usable)
        row = kept[np.lexsort((delay_ns[kept], place[kept]))]
        counts = np.bincount(place[row], minlength=len(windows))
        firsts = np.cumsum(counts) - counts
        regimes = windows.regime(windows.begin_ns)
        pools: list[tuple[NDArray[np.float64], Cells, Cells]] = []
        for regime in range(len(windows.regimes_ns) + 1):
            mine = _best([windows.calm & (regimes == regime), regimes == regime, windows.calm], counts)
            order = mine[np.argsort(load[mine], kind="stable")]
            pools.append((load[order], firsts[order], counts[order]))
        loads, begins, sizes = zip(*pools, strict=True)
        return cls(windows, loads, begins, sizes, row)

    def drawn(self, time_ns: Cells, load: NDArray[np.float64], chance: NDArray[np.float64]) -> Cells:
        """For each thing outside the windows a measured row, of the window of the most similar load.

        Rows are drawn by the rank of their delays, so that one more or less in a window moves little.

        Args:
            time_ns: when it is asked for.
            load: records a second then on its chain.
            chance: a uniform number of each.

        Returns:
            Rows; -1 where nothing was measured at all.
        """
        found = np.full(len(time_ns), -1, dtype=np.int64)
        regime = self.windows.regime(time_ns)
        for number, (loads, first, count) in enumerate(zip(self.load, self.first, self.count, strict=True)):
            here = np.flatnonzero(regime == number)
            if len(loads) and len(here):
                which = _nearest(loads, load[here])
                found[here] = self.row[first[which] + (chance[here] * count[which]).astype(np.int64)]
        return found


def _best(choices: Sequence[Mask], counts: Cells) -> Cells:
    """The windows of the first choice that has any with something measured in them."""
    for choice in choices:
        there = np.flatnonzero(choice & (counts > 0))
        if len(there):
            return there
    return np.flatnonzero(counts > 0)


def _nearest(ascending: NDArray[np.float64], values: NDArray[np.float64]) -> Cells:
    """The place of the nearest of these for each value; of two equally near, the lower."""
    above = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    below = np.maximum(above - 1, 0)
    closer = values - ascending[below] <= ascending[above] - values
    return np.where(closer, below, above)
