"""How sure a number is that was measured in a few independent replications: for a mean, and for a quantile.

Values here are one number per replication, and replications are independent. Records inside one run are not: a mean
over time within a run belongs to `sim.study.stats.steady`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.study.stats.checked import StatisticsError, inside_unit, one_series

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
"""What an interval promises unless another confidence is asked for."""


def relative(half_width: float, estimate: float) -> float:
    """``half_width`` as a fraction of ``estimate``: 0 if there is no width, infinite around an estimate of 0."""
    if half_width == 0:
        return 0.0
    return half_width / abs(estimate) if estimate else math.inf


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and how far from it the true mean may lie; all in the unit of the values.

    Attributes:
        mean: of the values.
        half_width: infinite where one value says nothing of how much they vary.
        low, high: ``mean`` less and plus ``half_width``.
        n: how many values.
        confidence: the share of such intervals that hold the true mean.
    """

    mean: float
    half_width: float
    low: float
    high: float
    n: int
    confidence: float

    @property
    def relative_half_width(self) -> float:
        """``half_width`` as a fraction of the mean; see `relative`."""
        return relative(self.half_width, self.mean)


@dataclass(frozen=True, slots=True)
class QuantileInterval:
    """A quantile and two of the values between which the true one lies; all in the unit of the values.

    Attributes:
        estimate: the smallest value that at least a share ``q`` of the values do not exceed.
        low, high: two of the values, or -inf, inf where there are too few values for that end.
        n: how many values.
        q: which quantile.
        confidence: what was asked for.
        reached: the share of such intervals that hold the true quantile if values are continuous; at least
            ``confidence``. With ties it is larger still.
    """

    estimate: float
    low: float
    high: float
    n: int
    q: float
    confidence: float
    reached: float

    @property
    def half_width(self) -> float:
        """The distance from the estimate to the farther end."""
        return max(self.high - self.estimate, self.estimate - self.low)

    @property
    def relative_half_width(self) -> float:
        """``half_width`` as a fraction of the estimate; see `relative`."""
        return relative(self.half_width, self.estimate)

    @property
    def closed(self) -> bool:
        """Both ends are values: there were enough of them."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def t_interval(values: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """Student's interval for the mean of independent values of shape (n,).

    It is exact for normal values and good for means over many records, which are nearly normal. Sums are exact
    (`math.fsum`), so that the order of the values does not move the last bit.

    Raises:
        StatisticsError: no value, one that is not finite, or ``confidence`` outside (0, 1).

    Source: Law, Simulation Modeling and Analysis, 5th ed. (2015), section 4.5.
    """
    array = one_series(values)
    inside_unit(confidence, "confidence")
    n = len(array)
    mean = math.fsum(array) / n
    half_width = t_quantile(n - 1, confidence) * math.sqrt(variance(array) / n) if n > 1 else math.inf
    return Interval(mean, half_width, mean - half_width, mean + half_width, n, confidence)


def variance(array: NDArray[np.float64]) -> float:
    """The unbiased estimate of the variance from at least two values of shape (n,); 0 if all are equal."""
    differences = array - array[0]
    mean = math.fsum(differences) / len(array)
    return math.fsum((differences - mean) ** 2) / (len(array) - 1)


def t_quantile(degrees: int, confidence: float) -> float:
    """The two-sided point of Student's t: a share ``confidence`` of it lies within plus and minus this."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))


def quantile_interval(values: ArrayLike, q: float, confidence: float = CONFIDENCE) -> QuantileInterval:
    """An interval for the quantile ``q`` of independent values of shape (n,), whatever their distribution.

    How many of n values lie below the true quantile is binomial (n, q). So the ends are values of known rank: each end
    misses with a probability of at most half of what ``confidence`` leaves. Where not even the smallest or the largest
    value is sure enough, that end is infinite; `least_values` says how many will do.

    Raises:
        StatisticsError: no value, one that is not finite, or ``q`` or ``confidence`` outside (0, 1).

    Source: David and Nagaraja, Order Statistics, 3rd ed. (2003), section 7.1.
    """
    from scipy.special import bdtr

    ordered = np.sort(one_series(values))
    inside_unit(q, "q")
    tail = (1 - inside_unit(confidence, "confidence")) / 2
    n = len(ordered)
    at_most = bdtr(np.arange(n, dtype=np.float64), n, q)  # [k]: at most k of n values lie below the quantile
    more_than = bdtr(n - 1.0 - np.arange(n), n, 1 - q)  # [k]: more than k do, as n - 1 - k or fewer lie above
    lower = int(np.count_nonzero(at_most <= tail))  # X(lower) is too high if fewer than `lower` lie below
    upper = int(np.count_nonzero(more_than > tail)) + 1  # X(upper) is too low if `upper` or more lie below
    missed = 0.0
    low, high = -math.inf, math.inf
    if lower >= 1:
        low = float(ordered[lower - 1])
        missed += float(at_most[lower - 1])
    if upper <= n:
        high = float(ordered[upper - 1])
        missed += float(more_than[upper - 1])
    return QuantileInterval(_order(ordered, q), low, high, n, q, confidence, 1 - missed)


def _order(ordered: NDArray[np.float64], q: float) -> float:
    """The smallest value that at least a share ``q`` of the values do not exceed."""
    return float(np.quantile(ordered, q, method="inverted_cdf"))


def least_values(q: float, confidence: float = CONFIDENCE) -> int:
    """The smallest number of values for which both ends of `quantile_interval` are values.

    The smallest value misses if none lies below the quantile, with probability (1 - q)^n, the largest with q^n.

    Raises:
        StatisticsError: ``q`` or ``confidence`` outside (0, 1), or so near 1 that no number of values would do.
    """
    tail = (1 - inside_unit(confidence, "confidence")) / 2
    rarer = max(inside_unit(q, "q"), 1 - q)
    if tail == 0 or rarer == 1:
        raise StatisticsError(f"no number of values is enough for q = {q} at a confidence of {confidence}")
    n = max(1, round(math.log(tail) / math.log(rarer)))
    return n if rarer**n <= tail else n + 1
