"""The histogram for any values: quantiles within the stated error, and merging that forgets order and partition."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.metrics.histogram import RELATIVE_ERROR, Histogram

if TYPE_CHECKING:
    from random import Random

unhurried = settings(deadline=None)
# As many values of every magnitude as small ones: uniform draws would nearly all have 53 bits.
values_of_all_sizes = st.integers(0, 52).flatmap(lambda bits: st.integers(0, 2 ** (bits + 1) - 1))
samples = st.lists(values_of_all_sizes, max_size=60)
quantiles = st.one_of(st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]), st.floats(0, 1))


def _histogram(values: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.add(np.array(values, dtype=np.int64))
    return histogram


def _state(histogram: Histogram) -> tuple[list[int], int, int, int, int]:
    return histogram._counts.tolist(), histogram.count, histogram.total, histogram.minimum, histogram.maximum


@unhurried
@given(samples.filter(bool), quantiles)
def test_a_quantile_is_within_the_stated_error_of_the_sample_of_its_rank(values: list[int], q: float) -> None:
    exact = sorted(values)[max(1, math.ceil(q * len(values))) - 1]
    reported = _histogram(values).quantile(q)
    assert abs(reported - exact) <= RELATIVE_ERROR * exact
    if exact < 256:
        assert reported == exact


@unhurried
@given(samples.filter(bool), quantiles, quantiles)
def test_quantiles_rise_with_the_fraction_and_stay_between_minimum_and_maximum(
    values: list[int], p: float, q: float
) -> None:
    histogram = _histogram(values)
    low, high = histogram.quantile(min(p, q)), histogram.quantile(max(p, q))
    assert min(values) <= low <= high <= max(values)


@unhurried
@given(samples)
def test_count_sum_mean_and_extremes_are_exact(values: list[int]) -> None:
    histogram = _histogram(values)
    assert (histogram.count, histogram.total) == (len(values), sum(values))
    if values:
        assert (histogram.minimum, histogram.maximum) == (min(values), max(values))
        assert histogram.mean == sum(values) / len(values)


@unhurried
@given(st.lists(samples, max_size=6), st.randoms(use_true_random=False))
def test_merging_any_partition_in_any_order_and_grouping_equals_adding_all_at_once(
    parts: list[list[int]], random: Random
) -> None:
    whole = _state(_histogram([value for part in parts for value in part]))
    added = Histogram()
    for part in parts:
        added.add(np.array(part, dtype=np.int64))
    assert _state(added) == whole

    pool = [_histogram(part) for part in parts] or [Histogram()]
    while len(pool) > 1:
        random.shuffle(pool)
        last = pool.pop()
        pool[0].merge(last)
    assert _state(pool[0]) == whole


@unhurried
@given(samples, samples)
def test_merging_leaves_the_merged_one_as_it_was(values: list[int], others: list[int]) -> None:
    left, right = _histogram(values), _histogram(others)
    before = _state(right)
    left.merge(right)
    left.merge(right)
    assert _state(right) == before
    assert left.count == len(values) + 2 * len(others)
