"""The statistics of studies against scipy's, and against their definitions written out, on many samples.

scipy's answers come by other ways: its intervals of a mean from its tests, its area between two samples from the
difference of quantile functions. Where scipy has nothing (Holm, MSER-5, the stopping rule) the definition is worked out
value by value.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim.study.stats import (
    area_between,
    area_between_bins,
    batch_means,
    enough,
    holm,
    mser5,
    paired_difference,
    quantile_interval,
    stop_at,
    t_interval,
    target_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCES = [0.51, 0.9, 0.95, 0.999]
"""None of which a tail of a binomial distribution meets exactly: there scipy takes the next rank without need."""
HORIZON = 60
LATENCIES = st.lists(st.integers(0, 80), max_size=12)
LOST = st.integers(0, 5)


def samples(count: int, n: int, seed: int) -> NDArray[np.float64]:
    """Skewed, so that signs and tails are both seen."""
    return np.random.default_rng(seed).gamma(2.0, 3.0, (count, n)) - 4.0


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("n", [2, 3, 10, 500])
def test_intervals_of_means_are_scipys(n: int, confidence: float) -> None:
    for values in samples(20, n, seed=n):
        oracle = stats.ttest_1samp(values, 0.0).confidence_interval(confidence)
        found = t_interval(values, confidence)
        assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("n", [2, 5, 10, 200])
def test_paired_differences_are_scipys(n: int, confidence: float) -> None:
    for a, b in itertools.pairwise(samples(20, n, seed=n + 1)):
        oracle = stats.ttest_rel(a, b)
        ends = oracle.confidence_interval(confidence)
        found = paired_difference(a, b, confidence)
        assert (found.interval.low, found.interval.high) == pytest.approx((ends.low, ends.high), rel=1e-9, abs=1e-12)
        assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
        assert found.variance_ratio == pytest.approx((a.var(ddof=1) + b.var(ddof=1)) / (a - b).var(ddof=1), rel=1e-9)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("q", [0.01, 0.25, 0.5, 0.9, 0.99])
def test_intervals_of_quantiles_are_scipys(q: float, confidence: float) -> None:
    for n in [1, 2, 5, 9, 30, 100, 1003]:
        (values,) = samples(1, n, seed=n)
        oracle = stats.quantile_test(values, q=0.0, p=q).confidence_interval(confidence)
        found = quantile_interval(values, q, confidence)
        low = -math.inf if math.isnan(oracle.low) else oracle.low
        high = math.inf if math.isnan(oracle.high) else oracle.high
        assert (found.low, found.high) == (low, high)
        assert found.reached >= confidence
        assert found.reached == pytest.approx(reached(values, found.low, found.high, q))


def reached(values: NDArray[np.float64], low: float, high: float, q: float) -> float:
    """How surely the quantile lies between two of the values, which all differ."""
    from_rank = int(np.count_nonzero(values <= low))
    to_rank = len(values) + 1 if high == math.inf else int(np.count_nonzero(values <= high))
    return float(sum(stats.binom.pmf(below, len(values), q) for below in range(from_rank, to_rank)))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_holms_decisions_are_those_of_the_definition(p_values: list[float], alpha: float) -> None:
    rejected = set()
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] * (len(p_values) - step) > alpha:
            break
        rejected.add(place)
    assert set(np.flatnonzero(holm(p_values) <= alpha).tolist()) == rejected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_bonferroni_on_every_subset_that_holds_the_hypothesis(p_values: list[float]) -> None:
    """Closed testing (Marcus, Peritz and Gabriel, Biometrika 63, 1976)."""
    places = range(len(p_values))
    subsets = [each for size in range(1, len(p_values) + 1) for each in itertools.combinations(places, size)]
    closed = [
        max(min(1.0, len(each) * min(p_values[i] for i in each)) for each in subsets if place in each)
        for place in places
    ]
    assert holm(p_values).tolist() == pytest.approx(closed)


@settings(max_examples=300, deadline=None)
@given(LATENCIES, LOST, LATENCIES, LOST)
def test_the_area_is_wassersteins_distance_with_the_lost_at_the_horizon(
    baseline: list[int], baseline_lost: int, faulty: list[int], faulty_lost: int
) -> None:
    if not (baseline or baseline_lost) or not (faulty or faulty_lost):
        return
    a = np.minimum([*baseline, *[HORIZON] * baseline_lost], HORIZON)
    b = np.minimum([*faulty, *[HORIZON] * faulty_lost], HORIZON)
    found = area_between(baseline, baseline_lost, faulty, faulty_lost, HORIZON)
    assert found.absolute == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-9)
    assert found.signed == pytest.approx(b.mean() - a.mean(), abs=1e-9)
    assert min(found.slower, found.faster) >= 0
    back = area_between(faulty, faulty_lost, baseline, baseline_lost, HORIZON)
    assert (back.slower, back.faster) == (found.faster, found.slower)


def test_the_area_of_bins_is_wassersteins_distance_of_weighted_values() -> None:
    draws = np.random.default_rng(11)
    for _ in range(50):
        a, b = draws.uniform(0, HORIZON, 40), draws.uniform(0, HORIZON, 30)
        counts, other_counts = draws.integers(0, 1000, 40), draws.integers(0, 10**9, 30)
        found = area_between_bins((a, counts), 70, (b, other_counts), 10**8, HORIZON)
        oracle = stats.wasserstein_distance(
            [*a, HORIZON], [*b, HORIZON], [*counts.tolist(), 70], [*other_counts.tolist(), 10**8]
        )
        assert found.absolute == pytest.approx(oracle, rel=1e-9)


def test_bins_a_relative_error_away_move_the_area_by_no_more_than_that() -> None:
    draws = np.random.default_rng(12)
    for _ in range(50):
        a, b = draws.exponential(20, 100), draws.exponential(30, 80)
        moved_a, moved_b = (each * (1 + draws.uniform(-0.01, 0.01, len(each))) for each in (a, b))
        exact, moved = (area_between(x, 3, y, 9, HORIZON) for x, y in ((a, b), (moved_a, moved_b)))
        means = np.minimum(a, HORIZON).mean() + np.minimum(b, HORIZON).mean()
        assert abs(exact.slower - moved.slower) <= 0.01 * means
        assert abs(exact.faster - moved.faster) <= 0.01 * means


def test_the_cut_of_mser_5_is_that_of_its_definition() -> None:
    draws = np.random.default_rng(13)
    for n in [50, 51, 54, 100, 203, 400]:
        for bias in [0.0, 1.0, 10.0, 1e6]:
            series = draws.normal(size=n).cumsum() * 0.1 + draws.normal(size=n) + bias * 0.9 ** np.arange(n)
            means = [float(np.mean(series[i : i + 5])) for i in range(0, n - n % 5, 5)]
            left = max(5, len(means) // 10)
            errors = [np.std(means[d:]) / math.sqrt(len(means) - d) for d in range(len(means) - left + 1)]
            found = mser5(series)
            assert found.cut == 5 * int(np.argmin(errors))
            assert found.standard_error == pytest.approx(min(errors), rel=1e-6)
            assert found.settled == (found.cut // 5 <= len(means) / 2)


@pytest.mark.parametrize("batches", [10, 20, 30])
def test_batch_means_are_scipys_interval_of_the_means(batches: int) -> None:
    for values in samples(10, 1003, seed=batches):
        means = [float(part.mean()) for part in np.split(values[1003 % batches :], batches)]
        oracle = stats.ttest_1samp(means, 0.0).confidence_interval(0.9)
        found = batch_means(values, batches, 0.9)
        assert (found.interval.low, found.interval.high) == pytest.approx((oracle.low, oracle.high), rel=1e-9)
        ratio = np.mean(np.diff(means) ** 2) / np.var(means, ddof=1)  # von Neumann's
        assert found.lag1 == pytest.approx(1 - ratio / 2)
        # of independent values: mean 2, variance 4 (k - 2) / (k^2 - 1)
        mean, deviation = 2.0, 2 * math.sqrt((batches - 2) / (batches**2 - 1))
        assert found.p_value == pytest.approx(stats.norm.cdf(ratio, mean, deviation))


@pytest.mark.parametrize("relative", [0.02, 0.05, 0.2])
def test_a_study_stops_where_scipys_interval_is_first_narrow_enough(relative: float) -> None:
    stopped = []
    for values in np.random.default_rng(17).gamma(9.0, 1.0, (20, 300)):
        narrow = (n for n in range(10, 301) if relative_half_width(values[:n]) <= target_of(relative))
        found = stop_at(values, relative)
        assert found == next(narrow, None)
        assert found is None or enough(values[:found], relative).met
        stopped.append(found)
    assert len(set(stopped)) > 1 or relative == 0.02


def relative_half_width(values: NDArray[np.float64]) -> float:
    ends = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    return float((ends[1] - ends[0]) / 2 / abs(values.mean()))
