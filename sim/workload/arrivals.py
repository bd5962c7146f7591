"""Arrival times of an open-loop stream: a Poisson process, or a regular beat, at a rate that follows the curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.kernel.distributions import Exponential
from sim.kernel.engine import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.kernel.draws import Block

_LEAST_CHUNK = 64


def arrival_times(
    block: Block, rate_per_s: float, pieces: Sequence[tuple[float, float]], *, poisson: bool
) -> NDArray[np.int64]:
    """Arrival times in nanoseconds, ascending, shape (arrivals,).

    Operational time runs at the rate of the moment, so arrivals are a unit-rate process there, brought back through the
    inverse of the cumulative rate, which is piecewise linear (Çınlar, "Introduction to Stochastic Processes", 1975,
    section 4.7).

    Args:
        block: the stream's own draws.
        rate_per_s: long-run mean rate.
        pieces: from `sim.workload.curve.segments`.
        poisson: a Poisson process if true; otherwise the k-th arrival comes when k + 1/2 are due.
    """
    ends_s = np.array([0.0] + [end for end, _ in pieces])
    due = np.concatenate([[0.0], np.cumsum(np.diff(ends_s) * np.array([m for _, m in pieces]) * rate_per_s)])
    total = float(due[-1])
    if total <= 0.0:
        return np.empty(0, dtype=np.int64)
    operational = _unit_rate(block, total) if poisson else np.arange(0.5, total, 1.0)
    # Where the rate is zero the cumulative rate is flat and has no inverse; nothing arrives there.
    rising = np.concatenate([[True], np.diff(due) > 0])
    times_s = (
        np.interp(operational, due[rising], ends_s[rising]) if rising.all() else _inverse(operational, due, ends_s)
    )
    return (times_s * SECOND).astype(np.int64)


def poisson_count(block: Block, mean: float) -> int:
    """A Poisson number: how many points of a unit-rate process there are up to its mean.

    It takes as many draws as it comes to, some nanoseconds each.
    """
    return len(_unit_rate(block, mean))


def _inverse(
    operational: NDArray[np.float64], due: NDArray[np.float64], ends_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    piece = np.searchsorted(due, operational, side="left")
    slope = (ends_s[piece] - ends_s[piece - 1]) / (due[piece] - due[piece - 1])
    times_s: NDArray[np.float64] = ends_s[piece - 1] + (operational - due[piece - 1]) * slope
    return times_s


def _unit_rate(block: Block, until: float) -> NDArray[np.float64]:
    """The points of a unit-rate Poisson process in (0, until)."""
    gaps = Exponential(mean=1.0)
    parts: list[NDArray[np.float64]] = []
    reached = 0.0
    while reached < until:
        remaining = until - reached
        chunk = gaps.sample(block, int(remaining + 4 * remaining**0.5) + _LEAST_CHUNK)
        points = reached + np.cumsum(chunk)
        parts.append(points)
        reached = float(points[-1])
    points = np.concatenate(parts)
    return points[points < until]
