"""Statistics of studies: answers that are known, from textbooks or by hand, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.study.stats import (
    StatisticsError,
    TooShort,
    area_between,
    area_between_bins,
    batch_means,
    compare_all,
    contiguous,
    enough,
    holm,
    least_values,
    mser5,
    one_cut,
    paired_difference,
    quantile_interval,
    steady_mean,
    stop_at,
    t_interval,
    target_of,
)

TEN = [1.20, 1.50, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.50, 1.09]
"""Law, Simulation Modeling and Analysis, section 4.5, the example of ten normal values."""
SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
"""Student, "The probable error of a mean", Biometrika 6 (1908): extra hours of sleep under two drugs."""
ALTERNATING = np.tile([1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0], 20)


def test_laws_ten_values_have_the_interval_of_the_book() -> None:
    found = t_interval(TEN, 0.90)
    assert found.n == 10
    assert found.mean == pytest.approx(1.34, abs=0.005)
    assert found.half_width == pytest.approx(0.24, abs=0.005)
    assert (found.low, found.high) == (found.mean - found.half_width, found.mean + found.half_width)
    assert found.relative_half_width == found.half_width / found.mean


def test_the_order_of_replications_does_not_move_a_bit() -> None:
    values = np.random.default_rng(3).lognormal(0, 3, 101)
    assert t_interval(values).mean == t_interval(values[::-1]).mean


def test_one_replication_says_nothing_of_its_error() -> None:
    found = t_interval([7.0])
    assert (found.mean, found.half_width, found.low, found.high) == (7.0, math.inf, -math.inf, math.inf)
    assert found.relative_half_width == math.inf


def test_equal_values_have_no_width_and_zero_is_never_relatively_sure() -> None:
    assert t_interval([0.1] * 7).half_width == 0
    assert t_interval([0.0] * 7).relative_half_width == 0
    assert t_interval([-1.0, 1.0]).relative_half_width == math.inf


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "at least 1 needed, got 0"),
        ([1.0, math.nan, 2.0], r"values\[1\] is nan"),
        ([1.0, 2.0, math.inf], r"values\[2\] is inf"),
        ([[1.0, 2.0]], r"one dimension, got shape \(1, 2\)"),
    ],
)
def test_what_is_no_series_of_numbers_is_refused(values: list[float], message: str) -> None:
    for statistic in (t_interval, enough, stop_at):
        with pytest.raises(StatisticsError, match=message):
            statistic(values)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, -0.1, math.nan])
def test_a_confidence_is_a_probability(confidence: float) -> None:
    with pytest.raises(StatisticsError, match=r"confidence must lie between 0 and 1, such as 0\.95"):
        t_interval(TEN, confidence)
    with pytest.raises(StatisticsError, match=r"confidence must lie between 0 and 1, such as 0\.95"):
        quantile_interval(TEN, 0.5, confidence)


def test_the_median_of_ten_lies_between_the_second_and_the_ninth() -> None:
    found = quantile_interval([3, 1, 2, 10, 9, 8, 4, 5, 7, 6], 0.5)
    assert (found.low, found.high, found.estimate) == (2, 9, 5)
    assert found.reached == pytest.approx(1 - 22 / 1024)  # (1 + 10) of 2^10 at each end
    assert found.closed
    assert found.half_width == 4
    assert found.relative_half_width == 0.8


def test_an_end_that_no_value_is_sure_enough_for_is_infinite() -> None:
    found = quantile_interval(np.arange(1, 41), 0.95)
    assert found.high == math.inf  # 0.95^40 = 0.13
    assert not found.closed
    assert found.low == 35  # at most 34 of 40 below: 0.014, at most 35: 0.048
    assert found.relative_half_width == math.inf
    assert quantile_interval(np.arange(5), 0.5).low == -math.inf


def test_as_many_values_as_said_close_an_interval() -> None:
    assert least_values(0.5) == 6
    assert least_values(0.95) == least_values(0.05) == 72
    assert least_values(0.99) == 368
    assert least_values(0.5, 1 - 2**-5) == 6
    for q in (0.01, 0.3, 0.5, 0.9, 0.97):
        for confidence in (0.5, 0.8, 0.95, 0.999):
            n = least_values(q, confidence)
            assert quantile_interval(np.arange(n), q, confidence).closed
            assert n == 1 or not quantile_interval(np.arange(n - 1), q, confidence).closed


def test_a_quantile_that_no_number_of_values_shows_is_refused() -> None:
    with pytest.raises(StatisticsError, match="no number of values is enough"):
        least_values(1e-17)


def test_students_sleep_data_have_the_known_difference() -> None:
    found = paired_difference(SLEEP_2, SLEEP_1)
    assert found.interval.mean == pytest.approx(1.58)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.7001142, 2.4598858), abs=1e-7)
    assert found.p_value == pytest.approx(0.002833, abs=1e-6)
    assert found.variance_ratio == pytest.approx((3.200556 + 4.009) / 1.512889, rel=1e-5)


def test_pairs_need_the_same_seeds() -> None:
    with pytest.raises(StatisticsError, match="a has 3 replications and b has 2: pairs need the same seeds in both"):
        paired_difference([1, 2, 3], [1, 2])
    with pytest.raises(StatisticsError, match="raft has 2 replications and baseline has 3"):
        compare_all([1, 2, 3], {"raft": [1, 2]})


def test_differences_that_do_not_vary() -> None:
    shifted = paired_difference([2.0, 3.0, 5.0], [1.0, 2.0, 4.0])
    assert (shifted.p_value, shifted.variance_ratio, shifted.interval.half_width) == (0.0, math.inf, 0.0)
    same = paired_difference([2.0, 3.0, 5.0], [2.0, 3.0, 5.0])
    assert (same.p_value, same.variance_ratio) == (1.0, math.inf)
    assert paired_difference([2.0, 2.0], [2.0, 2.0]).variance_ratio is None
    one = paired_difference([2.0], [1.0])
    assert (one.p_value, one.variance_ratio, one.interval.half_width) == (1.0, None, math.inf)


def test_holms_values_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []
    with pytest.raises(StatisticsError, match="p-values lie in"):
        holm([0.5, 1.5])


def test_several_systems_against_a_baseline() -> None:
    found = compare_all(SLEEP_1, {"drug 2": SLEEP_2, "same": SLEEP_1, "shifted": np.add(SLEEP_1, 1.0)})
    assert found.differing == ("drug 2", "shifted")
    assert [round(each.adjusted_p_value, 6) for each in found.systems.values()] == [0.005666, 1.0, 0.0]
    assert found.systems["drug 2"].difference.interval.confidence == pytest.approx(1 - 0.05 / 3)
    assert found.systems["drug 2"].difference.interval.mean == pytest.approx(1.58)
    with pytest.raises(StatisticsError, match="nothing to compare"):
        compare_all(SLEEP_1, {})


def test_holm_decides_where_a_bonferroni_interval_still_holds_0() -> None:
    noise = np.random.default_rng(1).normal(size=20)
    noise -= noise.mean()
    weak = noise / noise.std(ddof=1) + 2.2 / math.sqrt(20)  # t = 2.2, p = 0.040
    found = compare_all(np.zeros(20), {"weak": weak, "strong": noise + 9.0})
    assert found.differing == ("weak", "strong")
    interval = found.systems["weak"].difference.interval
    assert interval.low < 0 < interval.high


def test_a_beginning_that_is_off_is_cut_off_to_the_batch() -> None:
    found = mser5(np.concatenate([np.full(20, 10.0), ALTERNATING]))
    assert (found.cut, found.n, found.settled) == (20, 220, True)
    assert found.standard_error == pytest.approx(0.5 / math.sqrt(40))


def test_nothing_is_cut_from_what_is_steady() -> None:
    assert mser5(np.full(50, 0.1)).cut == 0
    assert mser5(np.full(50, 0.1)).standard_error == 0
    assert mser5(ALTERNATING).cut == 0


def test_a_huge_beginning_does_not_round_the_rest() -> None:
    assert mser5(np.concatenate([np.full(25, 1e15), ALTERNATING])).cut == 25


def test_a_few_values_that_agree_at_the_end_are_no_warm_up_of_all_before() -> None:
    noise = np.random.default_rng(2).normal(size=975)
    found = mser5(np.concatenate([noise, np.full(25, 0.1)]))
    assert found.settled
    assert found.cut < 500


def test_a_run_that_never_settles_is_too_short() -> None:
    ramp = np.arange(200.0)
    assert not mser5(ramp).settled
    with pytest.raises(TooShort, match=r"leave out \d+ of 200 observations; a steady mean needs a cut in the first"):
        steady_mean(ramp)
    with pytest.raises(StatisticsError, match="at least 50 needed, got 49"):
        mser5(ramp[:49])


def test_a_study_has_one_cut_the_largest_of_its_points() -> None:
    early = np.stack([np.concatenate([np.full(10, 9.0 + i), ALTERNATING]) for i in range(3)])
    late = np.stack([np.concatenate([np.full(10, 30.0), np.full(25, 20.0), ALTERNATING[25:]]) for _ in range(2)])
    found = one_cut({"early": early, "late": late})
    assert {name: point.cut for name, point in found.points.items()} == {"early": 10, "late": 35}
    assert (found.cut, found.n, found.unsettled) == (35, 210, ())
    assert one_cut({"ramp": np.arange(200.0)[None, :]}).unsettled == ("ramp",)


def test_noise_that_hides_the_warm_up_of_one_replication_averages_out() -> None:
    transient = np.concatenate([np.full(20, 3.0), np.zeros(380)])
    noisy = transient + np.random.default_rng(5).normal(0, 3, (400, 400))
    assert one_cut({"noisy": noisy}).cut == 20


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({}, "at least one point"),
        ({"a": np.ones(60)}, r"a: series have shape \(replications, observations\), got \(60,\)"),
        ({"a": np.ones((0, 60))}, r"got \(0, 60\)"),
        ({"a": np.ones((2, 60)), "b": np.ones((2, 65))}, "all points need equally many"),
        ({"a": np.where(np.eye(60) > 0, np.nan, 1.0)}, r"a\[\(0, 0\)\] is nan"),
    ],
)
def test_series_that_cannot_share_a_cut_are_refused(points: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(StatisticsError, match=message):
        one_cut(points)


def test_batch_means_by_hand() -> None:
    series = np.concatenate([[99.0, 99.0], np.repeat([1.0, 2.0, 2.0, 1.0] * 5, 3)])
    found = batch_means(series)
    assert (found.interval.mean, found.interval.n, found.batch_size, found.left_out) == (1.5, 20, 3, 2)
    assert found.interval.half_width == pytest.approx(2.093024 * math.sqrt(5 / 19 / 20))
    assert found.lag1 == pytest.approx(1 - 10 / (2 * 5))  # ten neighbours of twenty differ, by 1
    assert found.p_value == pytest.approx(0.5)
    assert not found.correlated


def test_batches_on_a_slope_are_correlated() -> None:
    assert batch_means(np.arange(100.0)).correlated
    assert batch_means(np.arange(100.0)).lag1 == pytest.approx(1 - 19 / (2 * 665))
    assert not batch_means(np.full(100, 0.3)).correlated


@pytest.mark.parametrize("batches", [9, 31])
def test_the_number_of_batches_has_limits(batches: int) -> None:
    with pytest.raises(StatisticsError, match="batches must be 10 to 30"):
        batch_means(np.ones(100), batches)


def test_a_batch_has_two_observations_at_least() -> None:
    with pytest.raises(StatisticsError, match="at least 40 needed, got 39"):
        batch_means(np.ones(39))


def test_replications_count_up_to_the_first_that_is_not_back() -> None:
    assert contiguous({3: 3.0, 0: 0.5, 1: 1.5}).tolist() == [0.5, 1.5]
    assert contiguous({1: 1.0}).tolist() == []


def test_the_target_keeps_the_error_below_a_share_of_the_true_mean() -> None:
    assert target_of(0.05) == pytest.approx(0.047619, abs=1e-6)
    with pytest.raises(StatisticsError, match="relative must lie between 0 and 1"):
        target_of(5)


def test_a_study_stops_at_ten_where_that_is_enough() -> None:
    values = np.tile([99.0, 101.0], 10)
    assert stop_at(values) == 10
    assert stop_at(values[:9]) is None
    assert not enough(values[:9]).met
    assert enough(values[:10]).met
    assert enough(values[:10]).interval == t_interval(values[:10])
    assert stop_at(values, least=4) == 4  # t(3) x 1.155 / 2 = 1.84
    assert stop_at(values, relative=0.001) is None


def test_a_mean_of_zero_is_never_precise_enough_unless_all_is_zero() -> None:
    assert stop_at(np.tile([-1.0, 1.0], 50)) is None
    assert stop_at(np.zeros(12)) == 10
    with pytest.raises(StatisticsError, match="least must be 2 or more"):
        stop_at([1.0, 2.0], least=1)


def test_the_area_by_hand() -> None:
    found = area_between([2, 1], 0, [1, 3], 0, 10)
    assert (found.slower, found.faster, found.signed, found.sensitivity) == (0.5, 0.0, 0.5, 0.5)
    crossing = area_between([2, 2], 0, [1, 3], 0, 10)
    assert (crossing.slower, crossing.faster, crossing.absolute, crossing.signed) == (0.5, 0.5, 1.0, 0.0)


def test_a_lost_record_counts_up_to_the_horizon() -> None:
    found = area_between([1.0], 0, [1.0], 1, 10)
    assert (found.slower, found.faster) == (4.5, 0.0)
    assert area_between([1.0], 1, [1.0], 0, 10).faster == 4.5
    assert area_between([], 3, [1.0], 0, 10).faster == 9.0
    assert area_between([1.0, 11.0], 0, [1.0], 1, 10).absolute == 0.0


def test_bins_say_what_their_samples_say() -> None:
    sampled = area_between([1, 1, 2, 5], 1, [2, 2, 2, 3, 4], 2, 10)
    binned = area_between_bins(([5, 1, 2, 9], [1, 2, 1, 0]), 1, ([2, 3, 2, 4], [2, 1, 1, 1]), 2, 10)
    assert binned == sampled
    huge = area_between_bins(([5, 1, 2], [10**15, 2 * 10**15, 10**15]), 10**15, ([2, 3, 4], [3, 1, 1]), 2, 10)
    assert huge.absolute == pytest.approx(sampled.absolute)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], 0, [1], 0, 0), "horizon must be positive and finite, got 0"),
        (([1], 0, [1], 0, math.inf), "horizon must be positive and finite, got inf"),
        (([], 0, [1], 0, 1), "baseline: no record, finished or lost"),
        (([1], 0, [-1], 0, 1), "faulty: latencies, counts and records lost must not be negative"),
        (([1], 0, [1], -1, 1), "faulty: latencies, counts and records lost must not be negative"),
    ],
)
def test_what_has_no_distribution_of_latency_is_refused(
    arguments: tuple[list[float], int, list[float], int, float], message: str
) -> None:
    with pytest.raises(StatisticsError, match=message):
        area_between(*arguments)


def test_bins_need_whole_counts_one_for_each_value() -> None:
    with pytest.raises(StatisticsError, match="baseline: counts must be whole numbers, got float64"):
        area_between_bins(([1.0], [0.5]), 0, ([1.0], [1]), 0, 10)
    with pytest.raises(StatisticsError, match=r"faulty: 1 values but counts of shape \(2,\)"):
        area_between_bins(([1.0], [1]), 0, ([1.0], [1, 2]), 0, 10)
