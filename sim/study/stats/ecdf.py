"""How far apart two distributions of latency are, those records counted in that never finished.

The area between two distribution functions says what a fault did to latency in seconds per record, and needs no moment
or quantile chosen beforehand. A record that never finished has no latency, and leaving it out would make a chain that
loses what is slow look fast. Here it has one that is longer than the horizon: its function stays below 1, and the area
counts it up to the horizon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.study.stats.checked import StatisticsError, one_series

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Area:
    """The area between the distribution functions of a baseline and of a faulty run, in the unit of the latencies.

    Attributes:
        slower: where the faulty run has finished a smaller share by that latency.
        faster: where it has finished a larger share.
    """

    slower: float
    faster: float

    @property
    def absolute(self) -> float:
        """All of the area: 0 only for equal distributions."""
        return self.slower + self.faster

    @property
    def signed(self) -> float:
        """By how much the mean of latencies, each counted up to the horizon, is longer in the faulty run."""
        return self.slower - self.faster

    @property
    def sensitivity(self) -> float:
        """The score of Stabl: the size of the difference of the two areas; slower and faster parts cancel out."""
        return abs(self.signed)


def area_between(baseline: ArrayLike, baseline_lost: int, faulty: ArrayLike, faulty_lost: int, horizon: float) -> Area:
    """The area between the distribution functions of two samples of latencies, exactly.

    Each sample is an array of shape (n,) of latencies of finished records, and a number of records that never
    finished. The area is taken from 0 to ``horizon``, in the same unit; a latency beyond it counts as lost does.
    Where every record finished before the horizon, ``absolute`` is the Wasserstein distance of order 1, and ``signed``
    the difference of the mean latencies; otherwise ``signed`` is the difference of restricted means.

    Raises:
        StatisticsError: a latency that is negative or not finite, a negative count, a run without any record, or a
            horizon that is not positive and finite.

    Source: Gramoli, Guerraoui, Lebedev and Voron, "Stabl: The Sensitivity of Blockchains to Failures", Middleware
    2025, whose score is infinite where records are lost; counted up to a horizon as a restricted mean is (Royston and
    Parmar, BMC Medical Research Methodology 13, 2013).
    """
    values, faulty_values = one_series(baseline, "baseline", least=0), one_series(faulty, "faulty", least=0)
    ones, faulty_ones = np.ones(len(values), dtype=np.int64), np.ones(len(faulty_values), dtype=np.int64)
    return area_between_bins((values, ones), baseline_lost, (faulty_values, faulty_ones), faulty_lost, horizon)


def area_between_bins(
    baseline: tuple[ArrayLike, ArrayLike],
    baseline_lost: int,
    faulty: tuple[ArrayLike, ArrayLike],
    faulty_lost: int,
    horizon: float,
) -> Area:
    """As `area_between`, of histograms: pairs of values and of how often each occurs, both of shape (bins,).

    Values need no order and may repeat. Exact for records that have just these values; where bins stand for values
    within a relative error of them, ``slower`` and ``faster`` are off by at most that fraction of the two restricted
    means together.

    Raises:
        StatisticsError: as `area_between`; different numbers of values and counts, or counts that are not whole.
    """
    if not 0 < horizon < math.inf:
        raise StatisticsError(f"horizon must be positive and finite, got {horizon}")
    left, right = _Steps.of(baseline, baseline_lost, "baseline"), _Steps.of(faulty, faulty_lost, "faulty")
    edges = np.unique(np.concatenate([left.values, right.values, [0.0]]))
    edges = edges[edges < horizon]
    gaps = (left.shares(edges) - right.shares(edges)) * np.diff(edges, append=horizon)
    return Area(math.fsum(gaps[gaps > 0]), math.fsum(-gaps[gaps < 0]))


@dataclass(frozen=True, slots=True)
class _Steps:
    """A distribution function of steps: after values in order, so many of all have finished."""

    values: NDArray[np.float64]
    finished: NDArray[np.int64]
    total: int

    @classmethod
    def of(cls, bins: tuple[ArrayLike, ArrayLike], lost: int, what: str) -> _Steps:
        values, counts = one_series(bins[0], what, least=0), np.asarray(bins[1])
        if counts.shape != values.shape:
            raise StatisticsError(f"{what}: {len(values)} values but counts of shape {counts.shape}")
        if counts.size and counts.dtype.kind not in "iu":
            raise StatisticsError(f"{what}: counts must be whole numbers, got {counts.dtype}")
        if (values < 0).any() or (counts < 0).any() or lost < 0:
            raise StatisticsError(f"{what}: latencies, counts and records lost must not be negative")
        order = np.argsort(values, kind="stable")
        finished = np.concatenate([[0], np.cumsum(counts[order].astype(np.int64))])
        total = int(finished[-1]) + lost
        if total == 0:
            raise StatisticsError(f"{what}: no record, finished or lost")
        return cls(values[order], finished, total)

    def shares(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of all records that have finished by each of ``at``."""
        shares: NDArray[np.float64] = self.finished[np.searchsorted(self.values, at, side="right")] / self.total
        return shares
