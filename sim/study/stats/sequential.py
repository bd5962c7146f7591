"""When there are replications enough: the interval of the mean is narrow beside the mean.

The rule looks at replications 0, 1, 2, ... as far as they are there without a gap, never at whichever came back first.
So the number of replications at which a study stops depends on their values alone, not on the workers.

Looking after every replication and stopping at the first narrow interval stops too early where the values happened to
lie close together. So the interval at which a study stops holds the true mean less often than it says (Law 2015,
section 9.4.1): of nominal 95 %, in 93 to 95 % of studies for normal and exponential values from 10 replications on, and
in 88 % if a study may stop after two (20 000 studies of `tests/statistical/test_coverage.py`). Only as the precision
asked for goes to 0 does the coverage reach the nominal one (Chow and Robbins, "On the asymptotic theory of fixed-width
sequential confidence intervals for the mean", Annals of Mathematical Statistics 36, 1965).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.study.stats.checked import StatisticsError, inside_unit, one_series
from sim.study.stats.intervals import CONFIDENCE, Interval, t_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

LEAST: Final = 10
"""No study stops with fewer replications (Law 2015, section 9.4.1)."""
RELATIVE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Precision:
    """How precise a mean is, and whether that is enough.

    Attributes:
        interval: Student's, of all values given.
        target: the relative half-width it may have: relative / (1 + relative).
        least: the number of values below which nothing is enough.
        met: there are at least ``least`` values and the interval is as narrow as ``target``.
    """

    interval: Interval
    target: float
    least: int
    met: bool


def contiguous(done: Mapping[int, float]) -> NDArray[np.float64]:
    """The values of replications 0, 1, 2, ... up to the first that is not done, shape (n,); n may be 0."""
    n = 0
    while n in done:
        n += 1
    return np.array([done[replication] for replication in range(n)], dtype=np.float64)


def target_of(relative: float) -> float:
    """The half-width as a fraction of the *estimated* mean that keeps the error below ``relative`` of the *true* mean.

    If the estimate is off by at most gamma' of itself, it is off by at most gamma' / (1 - gamma') of the truth; so
    gamma' = gamma / (1 + gamma).

    Raises:
        StatisticsError: ``relative`` is not in (0, 1).

    Source: Law (2015), section 9.4.1; Law and Kelton, "Confidence intervals for steady-state simulations",
    Management Science 28 (1982).
    """
    inside_unit(relative, "relative")
    return relative / (1 + relative)


def enough(
    values: ArrayLike, relative: float = RELATIVE, confidence: float = CONFIDENCE, least: int = LEAST
) -> Precision:
    """Whether the replications done, values of shape (n,) without a gap, give the mean as precisely as asked.

    A mean of 0 whose values vary is never precise enough; values that are all equal are, whatever they are.

    Raises:
        StatisticsError: no value, one that is not finite, ``relative`` or ``confidence`` outside (0, 1), or ``least``
            below 2.
    """
    array = one_series(values)
    met = _met(array, relative, confidence, least)
    return Precision(t_interval(array, confidence), target_of(relative), least, bool(met[-1]))


def stop_at(
    values: ArrayLike, relative: float = RELATIVE, confidence: float = CONFIDENCE, least: int = LEAST
) -> int | None:
    """The smallest n from ``least`` on at which `enough` is met by the first n values, or None.

    See the head of this module for what stopping so costs.

    Raises:
        StatisticsError: as `enough`.
    """
    met = _met(one_series(values), relative, confidence, least)
    return int(np.argmax(met)) + 1 if met.any() else None


def _met(values: NDArray[np.float64], relative: float, confidence: float, least: int) -> NDArray[np.bool_]:
    """Of each prefix whether it is enough. Running sums: what is said of a prefix does not depend on what follows."""
    from scipy.special import stdtrit

    if least < 2:  # noqa: PLR2004 - one value has no variance
        raise StatisticsError(f"least must be 2 or more, as one replication shows no variance, got {least}")
    inside_unit(confidence, "confidence")
    target = target_of(relative)
    n = np.arange(1.0, len(values) + 1)
    distances = values - values[0]
    sums = np.cumsum(distances)
    squares = np.maximum(np.cumsum(distances**2) - sums**2 / n, 0.0)  # rounding may leave a little less than none
    met = np.zeros(len(values), dtype=np.bool_)
    tail = slice(least - 1, None)
    half_widths = stdtrit(n[tail] - 1, (1 + confidence) / 2) * np.sqrt(squares[tail] / (n[tail] - 1) / n[tail])
    met[tail] = half_widths <= target * np.abs(values[0] + sums[tail] / n[tail])
    return met
