"""What differs between systems that were run with the same seeds: paired differences, and many of them at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.study.stats.checked import StatisticsError, inside_unit, one_series
from sim.study.stats.intervals import CONFIDENCE, Interval, t_interval, variance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much more one system has than another, over replications of the same seeds.

    Attributes:
        interval: of the mean of a - b, in the unit of the values.
        p_value: how often the difference would be as large or larger in size if the true one were 0; 1 with one pair.
        variance_ratio: (Var a + Var b) / Var(a - b), what the common random numbers bought: independent runs would
            need as many times the replications. 1 is nothing, below 1 they did harm, infinite is a difference that is
            the same in every pair. None where nothing varies, and with one pair.
    """

    interval: Interval
    p_value: float
    variance_ratio: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One system against the baseline, as one of several.

    Attributes:
        difference: system less baseline, with an interval that holds together with those of all others.
        adjusted_p_value: Holm's, for all comparisons together.
        differs: Holm's decision that the true difference is not 0.
    """

    difference: PairedDifference
    adjusted_p_value: float
    differs: bool


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Several systems against one baseline.

    Attributes:
        confidence: that all intervals hold together, and that no decision is wrong.
        systems: what was found of each, in the order given.
    """

    confidence: float
    systems: Mapping[str, Comparison]

    @property
    def differing(self) -> tuple[str, ...]:
        """The systems that are decided to differ."""
        return tuple(name for name, comparison in self.systems.items() if comparison.differs)


def paired_difference(a: ArrayLike, b: ArrayLike, confidence: float = CONFIDENCE) -> PairedDifference:
    """The difference a - b of two systems; element i of each, of shape (n,), is the replication with seed i.

    Raises:
        StatisticsError: different numbers of replications, none, one that is not finite, or ``confidence`` outside
            (0, 1).

    Source: Law (2015), section 10.2.1 (paired t) and 11.2 (common random numbers).
    """
    return _difference(one_series(a, "a"), one_series(b, "b"), confidence, ("a", "b"))


def _difference(
    a: NDArray[np.float64], b: NDArray[np.float64], confidence: float, names: tuple[str, str]
) -> PairedDifference:
    if len(a) != len(b):
        raise StatisticsError(
            f"{names[0]} has {len(a)} replications and {names[1]} has {len(b)}: pairs need the same seeds in both"
        )
    differences = a - b
    interval = t_interval(differences, confidence)
    if len(a) == 1:
        return PairedDifference(interval, 1.0, None)
    apart, together = variance(a) + variance(b), variance(differences)
    return PairedDifference(interval, _p_value(interval.mean, together, len(a)), _ratio(apart, together))


def _p_value(mean: float, spread: float, n: int) -> float:
    from scipy.special import stdtr

    if spread == 0:
        return 0.0 if mean else 1.0
    return 2 * float(stdtr(n - 1, -abs(mean) / math.sqrt(spread / n)))


def _ratio(apart: float, together: float) -> float | None:
    if together == 0:
        return math.inf if apart else None
    return apart / together


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's adjusted p-values of m tests, shape (m,), in the order given.

    Rejecting where an adjusted p-value is at most alpha rejects any true hypothesis with a probability of at most
    alpha, whatever the tests have to do with each other: the smallest counts m times, the next m - 1 times, and none
    less than one before it.

    Raises:
        StatisticsError: a p-value outside [0, 1] or not a number.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979).
    """
    array = one_series(p_values, "p_values", least=0)
    if ((array < 0) | (array > 1)).any():
        raise StatisticsError(f"p-values lie in [0, 1], got {array.min()} to {array.max()}")
    order = np.argsort(array, kind="stable")
    stepped = np.minimum(array[order] * np.arange(len(array), 0, -1), 1.0)
    adjusted = np.empty_like(array)
    adjusted[order] = np.maximum.accumulate(stepped)
    return adjusted


def compare_all(baseline: ArrayLike, others: Mapping[str, ArrayLike], confidence: float = CONFIDENCE) -> Comparisons:
    """Each of ``others`` against ``baseline``, arrays of shape (n,), so that all that is said holds at once.

    Differences are system less baseline. Decisions are Holm's at 1 - ``confidence``. Intervals are Bonferroni's: each
    of m at 1 - (1 - ``confidence``) / m, since Holm's decisions have no two-sided intervals as simple. Holm decides
    more: a system may be decided to differ although its interval holds 0, never the other way round.

    Raises:
        StatisticsError: nothing to compare, different numbers of replications, a value that is not finite, or
            ``confidence`` outside (0, 1).

    Source: Law (2015), section 10.3.1 (comparisons with a standard, Bonferroni); `holm`.
    """
    if not others:
        raise StatisticsError("nothing to compare the baseline with")
    base = one_series(baseline, "baseline")
    left = (1 - inside_unit(confidence, "confidence")) / len(others)
    differences = {
        name: _difference(one_series(values, name), base, 1 - left, (name, "baseline"))
        for name, values in others.items()
    }
    adjusted = holm([difference.p_value for difference in differences.values()]).tolist()
    return Comparisons(
        confidence,
        {
            name: Comparison(difference, p_value, p_value <= 1 - confidence)
            for (name, difference), p_value in zip(differences.items(), adjusted, strict=True)
        },
    )
