"""How often intervals hold the truth, and how often decisions are wrong, on processes whose truth is known.

Seeds are fixed. Were they not, each assertion on a share would fail by chance with a probability of at most
`FALSE_ALARM`, as a share of independent trials is binomial; there are fewer than 100, so the module's rate is below
1e-4 for any choice of seeds. Where a rule is exact its share is held to the exact one from both sides; where it is
approximate, to the least that its docstring may promise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom

from sim.study.stats import (
    TooShort,
    batch_means,
    compare_all,
    mser5,
    one_cut,
    paired_difference,
    quantile_interval,
    steady_mean,
    stop_at,
    t_interval,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]

FALSE_ALARM = 1e-6
AT_ONCE = 100
TRIALS = [pytest.param(1_000, id="short"), pytest.param(20_000, id="long", marks=pytest.mark.full)]


def assert_share(hits: int, trials: int, share: float) -> None:
    """``hits`` may be a binomial draw of ``trials`` with this very share."""
    assert binom.ppf(FALSE_ALARM / 2, trials, share) <= hits <= binom.isf(FALSE_ALARM / 2, trials, share)


def assert_at_least(hits: int, trials: int, share: float) -> None:
    """``hits`` may be a binomial draw of ``trials`` with this share or more."""
    assert hits >= binom.ppf(FALSE_ALARM, trials, share)


def assert_at_most(hits: int, trials: int, share: float) -> None:
    """``hits`` may be a binomial draw of ``trials`` with this share or less."""
    assert hits <= binom.isf(FALSE_ALARM, trials, share)


def normal(draws: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return draws.normal(1.0, 0.3, shape)


def even(draws: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return draws.normal(1.0, 0.1, shape)


def exponential(draws: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return draws.exponential(1.0, shape)


def waits(load: float) -> Draw:
    """Times in the queue of an M/M/1 queue that starts empty, service of mean 1: Lindley's recursion, unrolled."""

    def draw(draws: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        steps = draws.exponential(1.0, shape) - draws.exponential(1 / load, shape)
        walk = np.zeros(shape)
        np.cumsum(steps[:, :-1], axis=1, out=walk[:, 1:])
        waited: NDArray[np.float64] = walk - np.minimum.accumulate(walk, axis=1)
        return waited

    return draw


def autoregressive(phi: float, bias: float, mean: float = 5.0) -> Draw:
    """AR(1) around ``mean`` with unit noise, begun ``bias`` away from where it is steady."""

    def draw(draws: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        noise = draws.normal(size=shape)
        noise[:, 0] = noise[:, 0] / math.sqrt(1 - phi**2) + bias
        return mean + np.asarray(lfilter([1.0], [1.0, -phi], noise, axis=1))

    return draw


def series_of(draw: Draw, trials: int, n: int, seed: int) -> Iterator[NDArray[np.float64]]:
    draws = np.random.default_rng(seed)
    for _ in range(0, trials, AT_ONCE):
        yield from draw(draws, (AT_ONCE, n))


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize("n", [2, 5, 20])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_students_interval_is_exact_for_normal_values(n: int, confidence: float, trials: int) -> None:
    found = [t_interval(values, confidence) for values in series_of(normal, trials, n, seed=n)]
    assert_share(sum(each.low <= 1 <= each.high for each in found), trials, confidence)
    assert_share(sum(each.low > 1 for each in found), trials, (1 - confidence) / 2)


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize(("n", "least"), [(10, 0.88), (50, 0.92)])
def test_students_interval_is_a_little_narrow_for_exponential_values(n: int, least: float, trials: int) -> None:
    found = [t_interval(values) for values in series_of(exponential, trials, n, seed=n)]
    hits = sum(each.low <= 1 <= each.high for each in found)
    assert_at_least(hits, trials, least)
    assert_at_most(hits, trials, 0.95)


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize(("n", "q"), [(6, 0.5), (30, 0.5), (30, 0.9), (100, 0.95), (400, 0.99)])
def test_a_quantiles_interval_holds_it_as_often_as_it_says(n: int, q: float, trials: int) -> None:
    truth = -math.log1p(-q)
    found = [quantile_interval(values, q) for values in series_of(exponential, trials, n, seed=n)]
    (said,) = {each.reached for each in found}
    assert said >= 0.95
    assert_share(sum(each.low <= truth <= each.high for each in found), trials, said)


@pytest.mark.parametrize("trials", TRIALS)
def test_a_quantiles_interval_holds_it_more_often_where_values_tie(trials: int) -> None:
    def coins(draws: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        return draws.integers(0, 3, shape).astype(np.float64)

    found = [quantile_interval(values, 0.5) for values in series_of(coins, trials, 30, seed=1)]
    assert_at_least(sum(each.low <= 1 <= each.high for each in found), trials, found[0].reached)


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize(
    ("load", "n", "least"),
    [(0.5, 20_000, 0.92), (0.8, 20_000, 0.87)],
)
def test_the_mean_wait_of_m_m_1_lies_in_the_interval_after_the_cut(
    load: float, n: int, least: float, trials: int
) -> None:
    """The mean is rho / (1 - rho). Begun empty, and skewed: 20 000 waits at 0.8 are worth 240 independent ones."""
    hits = settled = 0
    for series in series_of(waits(load), trials, n, seed=round(10 * load)):
        try:
            found = steady_mean(series).interval
        except TooShort:
            continue
        settled += 1
        hits += found.low <= load / (1 - load) <= found.high
    assert_at_least(settled, trials, 0.97)
    assert_at_least(hits, settled, least)


@pytest.mark.full
def test_ten_times_as_many_waits_bring_the_interval_to_what_it_says() -> None:
    found = [steady_mean(series).interval for series in series_of(waits(0.8), 1_000, 200_000, seed=88)]
    assert_at_least(sum(each.low <= 4 <= each.high for each in found), 1_000, 0.93)


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize("bias", [0.0, 50.0, -200.0])
def test_the_mean_of_a_biased_ar_1_lies_in_the_interval_after_the_cut(bias: float, trials: int) -> None:
    hits = 0
    for series in series_of(autoregressive(0.9, bias), trials, 5_000, seed=9):
        found = steady_mean(series).interval
        hits += found.low <= 5 <= found.high
    assert_at_least(hits, trials, 0.92)


@pytest.mark.parametrize("trials", TRIALS)
def test_without_the_cut_a_biased_beginning_moves_the_mean(trials: int) -> None:
    """200 at the start of 5000 with a memory of 0.9 is 200 / 0.1 / 5000 = 0.4 in the mean; after the cut, nothing."""
    left, cut = [], []
    for series in series_of(autoregressive(0.9, 200.0), trials, 5_000, seed=10):
        left.append(series.mean())
        cut.append(series[mser5(series).cut :].mean())
    six = 6 * 10 / math.sqrt(5_000 * trials)  # standard errors of the mean of all means: sigma / (1 - phi) = 10
    assert np.mean(left) == pytest.approx(5.4, abs=six)
    assert np.mean(cut) == pytest.approx(5.0, abs=six + 0.02)


@pytest.mark.parametrize("trials", TRIALS)
def test_replications_behind_one_cut_hold_the_mean(trials: int) -> None:
    draws = np.random.default_rng(12)
    hits = 0
    for _ in range(trials // 5):
        series = autoregressive(0.9, 50.0)(draws, (10, 500))
        found = t_interval(series[:, one_cut({"ar": series}).cut :].mean(axis=1))
        hits += found.low <= 5 <= found.high
    assert_at_least(hits, trials // 5, 0.93)


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize("batches", [10, 20, 30])
def test_independent_batches_are_called_correlated_one_time_in_twenty(batches: int, trials: int) -> None:
    found = [batch_means(values, batches) for values in series_of(normal, trials, 4 * batches, seed=batches)]
    flagged = sum(each.correlated for each in found)
    assert_at_most(flagged, trials, 0.06)  # the normal approximation of von Neumann's ratio
    assert_at_least(flagged, trials, 0.04)


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize(("phi", "least", "most"), [(0.35, 0.4, 0.6), (0.7, 0.85, 1.0)])
def test_correlated_batches_are_found(phi: float, least: float, most: float, trials: int) -> None:
    """Each value twice, so that batches of two are the AR(1) itself."""
    series = series_of(autoregressive(phi, 0.0), trials, 20, seed=21)
    flagged = sum(batch_means(np.repeat(values, 2)).correlated for values in series)
    assert_at_least(flagged, trials, least)
    assert_at_most(flagged, trials, most)


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize(
    ("draw", "relative", "most"),
    [(even, 0.05, 100), (normal, 0.05, 600), (normal, 0.15, 200), (exponential, 0.15, 1_000)],
)
def test_stopping_when_precise_costs_a_little_coverage_and_keeps_the_error_asked_for(
    draw: Draw, relative: float, most: int, trials: int
) -> None:
    """The interval holds the mean in 92 % of studies or more; the estimate is as near as asked in 95 % or more."""
    covered = near = 0
    for values in series_of(draw, trials, most, seed=31):
        n = stop_at(values, relative)
        assert n is not None
        found = t_interval(values[:n])
        covered += found.low <= 1 <= found.high
        near += abs(found.mean - 1) <= relative
    assert_at_least(covered, trials, 0.92)
    assert_at_least(near, trials, 0.95)


@pytest.mark.parametrize("trials", TRIALS)
def test_stopping_as_early_as_two_replications_would_cost_much(trials: int) -> None:
    covered = 0
    for values in series_of(normal, trials, 600, seed=32):
        found = t_interval(values[: stop_at(values, 0.15, least=2)])
        covered += found.low <= 1 <= found.high
    assert_at_most(covered, trials, 0.92)


@pytest.mark.parametrize("trials", TRIALS)
def test_common_random_numbers_buy_the_variance_they_share(trials: int) -> None:
    """Three quarters of either variance are common: (4 + 4) / (1 + 1)."""
    draws = np.random.default_rng(41)
    hits, ratios = 0, []
    for _ in range(trials):
        common = draws.normal(0, math.sqrt(3), 20)
        found = paired_difference(common + draws.normal(0.5, 1, 20), common + draws.normal(0, 1, 20))
        hits += found.interval.low <= 0.5 <= found.interval.high
        ratios.append(found.variance_ratio)
    assert_share(hits, trials, 0.95)
    assert_share(sum(ratio > 4 for ratio in ratios if ratio is not None), trials, 0.5)


@pytest.mark.parametrize("trials", TRIALS)
@pytest.mark.parametrize("effects", [(0.0,) * 5, (2.0, 0.0, 0.0, 0.0, 0.0)])
def test_holm_is_wrong_of_any_system_in_one_family_of_twenty_at_most(effects: tuple[float, ...], trials: int) -> None:
    """All against one baseline, so that the five tests hang together; with one true difference, and with none."""
    draws = np.random.default_rng(51)
    wrong = held = found_real = 0
    for _ in range(trials):
        runs = draws.normal(0, 1, (len(effects) + 1, 10))
        systems = {str(place): runs[place + 1] + effect for place, effect in enumerate(effects)}
        found = compare_all(runs[0], systems)
        wrong += any(effects[int(name)] == 0 for name in found.differing)
        found_real += any(effects[int(name)] != 0 for name in found.differing)
        intervals = (found.systems[name].difference.interval for name in systems)
        held += all(each.low <= effect <= each.high for each, effect in zip(intervals, effects, strict=True))
    assert_at_most(wrong, trials, 0.05)
    assert_at_least(wrong, trials, 0.02)
    assert_at_least(held, trials, 0.95)
    if any(effects):
        assert_at_least(found_real, trials, 0.7)
