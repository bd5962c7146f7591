"""Steady studies: one warm-up for all points, and latencies of what was sent after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.kernel.engine import SECOND
from sim.study.stats import TooShort, one_cut
from sim.study.sweeps.task import SLOTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sim.scenario import Scenario
    from sim.study.sweeps.task import Outcome

STATISTICS: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Warmup:
    """What is left out of every run of a study.

    Attributes:
        slots: how many of a run's slots.
        cut_s: how much simulated time that is.
    """

    slots: int
    cut_s: float

    @classmethod
    def of(cls, scenario: Scenario, pilot: Mapping[int, Sequence[Outcome]]) -> Warmup:
        """The longest warm-up that MSER-5 finds in any chain's mean latencies at any point.

        Args:
            scenario: a steady one.
            pilot: the first replications of each point.

        Raises:
            TooShort: at some point it does not end in the first half.
            ValueError: no run of a point is done.
        """
        series: dict[str, NDArray[np.float64]] = {}
        for number, outcomes in pilot.items():
            done = [outcome for outcome in outcomes if outcome.status == "done"]
            if not done:
                raise ValueError(f"point {number}: no replication ran to its end ({outcomes[0].error})")
            for chain_id in {row["chain"] for outcome in done for row in outcome.latencies}:
                means = np.array([_means(outcome, chain_id) for outcome in done])
                series[f"{chain_id} at point {number}"] = means
        found = one_cut(dict(sorted(series.items())))
        if found.unsettled:
            horizon_s = scenario.horizon / SECOND
            raise TooShort(
                f"the warm-up of {found.unsettled[0]} has not ended in the first half of {horizon_s:g} s; "
                "a steady study needs a longer horizon, or a load that the chain can carry"
            )
        return cls(found.cut, found.cut * -(-scenario.horizon // SLOTS) / SECOND)


def _means(outcome: Outcome, chain_id: str) -> NDArray[np.float64]:
    """The mean latency of each slot, in seconds; a slot in which nothing was sent has that of the one before."""
    means = np.full(SLOTS, np.nan)
    for row in outcome.latencies:
        count = sum(row["counts"])
        if row["chain"] == chain_id and count:
            means[row["slot"]] = row["total_ns"] / count / SECOND
    known = np.flatnonzero(~np.isnan(means))
    if not len(known):
        return np.zeros(SLOTS)
    return means[known[np.maximum(np.searchsorted(known, np.arange(SLOTS), side="right") - 1, 0)]]


def latency_s(outcome: Outcome, chain_id: str, statistic: str, after: int = 0) -> float | None:
    """A statistic of the commit latencies of what was sent from a slot on; None where nothing was committed.

    The mean is exact, a quantile within the histogram's error (`sim.metrics.histogram.RELATIVE_ERROR`).
    """
    values_ns, counts, total_ns, _ = pooled(outcome, chain_id, after)
    if not counts.sum():
        return None
    if statistic == "mean":
        return float(total_ns / counts.sum() / SECOND)
    rank = max(1, int(np.ceil(STATISTICS[statistic] * counts.sum())))
    return float(values_ns[np.searchsorted(np.cumsum(counts), rank)] / SECOND)


def pooled(outcome: Outcome, chain_id: str, after: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64], int, int]:
    """A chain's latencies from a slot on: values in ns, ascending, their counts, the sum, and the lost."""
    rows = [row for row in outcome.latencies if row["chain"] == chain_id and row["slot"] >= after]
    values = np.concatenate([np.array(row["values_ns"], dtype=np.float64) for row in rows] or [np.zeros(0)])
    counts = np.concatenate([np.array(row["counts"], dtype=np.int64) for row in rows] or [np.zeros(0, np.int64)])
    unique, where = np.unique(values, return_inverse=True)
    summed = np.bincount(where, weights=counts, minlength=len(unique)).astype(np.int64)
    return unique, summed, sum(row["total_ns"] for row in rows), sum(row["lost"] for row in rows)
