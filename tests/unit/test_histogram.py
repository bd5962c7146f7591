"""The histogram by examples: where it is exact, what it refuses, what it says of nothing."""

from __future__ import annotations

import numpy as np
import pytest

from sim.metrics.histogram import RELATIVE_ERROR, Histogram


def _histogram(*values: int) -> Histogram:
    histogram = Histogram()
    histogram.add(np.array(values, dtype=np.int64))
    return histogram


def test_an_empty_histogram_counts_nothing_and_reports_zeros() -> None:
    histogram = _histogram()
    assert (histogram.count, histogram.total, histogram.minimum, histogram.maximum) == (0, 0, 0, 0)
    assert (histogram.mean, histogram.quantile(0.5)) == (0.0, 0.0)


def test_merging_an_empty_histogram_changes_nothing_on_either_side() -> None:
    full, empty = _histogram(5, 9), Histogram()
    full.merge(empty)
    empty.merge(full)
    for histogram in (full, empty):
        assert (histogram.count, histogram.total, histogram.minimum, histogram.maximum) == (2, 14, 5, 9)
        assert (histogram.quantile(0.5), histogram.quantile(1)) == (5.0, 9.0)


def test_values_below_256_are_exact() -> None:
    histogram = _histogram(*range(256))
    assert [histogram.quantile((value + 1) / 256) for value in range(256)] == list(range(256))


def test_the_first_bucket_that_holds_two_values_reports_their_middle() -> None:
    assert _histogram(0, 256, 257, 10**6).quantile(0.5) == 256.5
    assert _histogram(0, 258, 259, 10**6).quantile(0.5) == 258.5


@pytest.mark.parametrize("value", [0, 1, 255, 256, 257, 511, 512, 10**9, 3 * 10**12, 2**53 - 1])
def test_a_single_value_is_its_own_every_quantile_and_mean(value: int) -> None:
    histogram = _histogram(value)
    assert [histogram.quantile(q) for q in (0, 0.5, 1)] == [value] * 3
    assert histogram.mean == value


@pytest.mark.parametrize("exponent", range(8, 53))
def test_a_bucket_never_reaches_over_a_power_of_two(exponent: int) -> None:
    power = 2**exponent
    histogram = _histogram(0, power - 1, power, 2**53 - 1)
    below, above = histogram.quantile(0.5), histogram.quantile(0.75)
    assert below < power <= above
    assert abs(below - (power - 1)) <= RELATIVE_ERROR * (power - 1)
    assert abs(above - power) <= RELATIVE_ERROR * power


def test_quantile_zero_is_the_minimum_and_quantile_one_the_maximum() -> None:
    histogram = _histogram(1_000_003, 5_000_007, 9_000_009)
    assert histogram.quantile(0) == pytest.approx(1_000_003, rel=RELATIVE_ERROR)
    assert histogram.quantile(1) == pytest.approx(9_000_009, rel=RELATIVE_ERROR)
    assert histogram.quantile(1) <= histogram.maximum == 9_000_009
    assert histogram.quantile(0) >= histogram.minimum == 1_000_003


def test_the_rank_of_a_quantile_is_rounded_up() -> None:
    histogram = _histogram(10, 20, 30)
    assert [histogram.quantile(q) for q in (0.0, 0.33, 0.34, 0.66, 0.67, 1.0)] == [10, 10, 20, 20, 30, 30]


@pytest.mark.parametrize("q", [-0.01, 1.01, 99, float("nan")])
def test_a_quantile_outside_zero_to_one_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match=r"a fraction in \[0, 1\]"):
        _histogram(1).quantile(q)


@pytest.mark.parametrize("value", [-1, -(2**53), 2**53, 2**62])
def test_values_outside_the_range_are_refused_and_leave_no_trace(value: int) -> None:
    histogram = _histogram(7)
    with pytest.raises(ValueError, match=r"histogram takes values in \[0, 2\^53\)"):
        histogram.add(np.array([3, value]))
    assert (histogram.count, histogram.total, histogram.minimum, histogram.quantile(1)) == (1, 7, 7, 7)


def test_the_sum_stays_exact_beyond_64_bits() -> None:
    histogram = Histogram()
    values = np.full(5000, 2**53 - 1, dtype=np.int64)
    values[::2] -= 12_345
    histogram.add(values)
    assert histogram.total == 5000 * (2**53 - 1) - 2500 * 12_345 > 2**64
    histogram.merge(histogram)
    assert histogram.total == 10_000 * (2**53 - 1) - 5000 * 12_345
