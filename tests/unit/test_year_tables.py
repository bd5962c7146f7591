"""Tables of a year: rows in the order of load, mixtures between them, and what is drawn from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.casework.definition import Answer
from sim.kernel.civil import HOUR_NS
from sim.metrics.histogram import Histogram
from sim.study.year.chains import WHOLE, OfChain, thinned
from sim.study.year.load import Windows
from sim.study.year.overload import behind
from sim.study.year.table import LEAST, Table

CHANCE = np.random.Generator(np.random.Philox(11))


def of_chain(rate: float, delay_ns: int, count: int = 1000, rejected: int = 0) -> OfChain:
    """A run at a load in which records take about so long."""
    delays_ns = np.sort(CHANCE.integers(delay_ns, delay_ns + delay_ns // 10, count - rejected))
    whole = Histogram()
    whole.add(delays_ns)
    seconds = count / rate
    return OfChain(count, count - rejected, rejected, 0, seconds, {WHOLE: whole}, thinned(delays_ns), 0, rate / 10, {})


def test_rows_stand_in_the_order_of_load_and_neighbours_with_few_records_are_one() -> None:
    table = Table([of_chain(50, 3000), of_chain(10, 1000), of_chain(1, 500, count=40), of_chain(2, 500, count=60)], 7)
    assert [round(row.load, 2) for row in table.rows] == [pytest.approx(10, rel=0.95), 50.0]
    assert all(row.offered >= LEAST for row in table.rows)
    assert sum(row.offered for row in table.rows) == 2100


def test_where_nothing_was_measured_a_record_takes_what_it_takes_on_an_idle_chain() -> None:
    table = Table([], 12_345)
    delay_ns, answer = table.drawn(np.zeros(5), CHANCE.random((5, 3)))
    assert delay_ns.tolist() == [12_345] * 5
    assert answer.tolist() == [Answer.DONE] * 5
    assert table.times(np.array([3.0])).quantile(0.5) == pytest.approx(12_345, rel=0.01)


def test_weights_keep_all_records_and_their_mean_load() -> None:
    table = Table([of_chain(rate, 1000) for rate in (1, 10, 40)], 7)
    load = np.array([1.0, 5.5, 10.0, 32.5])
    weights = table.weights(load, np.full(4, 100.0))
    assert weights.sum() == pytest.approx(400)
    assert float((weights * np.array([1, 10, 40])).sum()) == pytest.approx(float(load.sum()) * 100)
    # Above the last row and below the first there is nothing to mix with.
    assert table.weights(np.array([0.0, 90.0]), np.array([1.0, 2.0])).tolist() == [1.0, 0.0, 2.0]


def test_between_two_rows_a_record_is_of_either_with_the_chance_that_keeps_the_mean() -> None:
    table = Table([of_chain(10, 1_000_000), of_chain(20, 3_000_000)], 7)
    count = 40_000
    delay_ns, _ = table.drawn(np.full(count, 17.5), CHANCE.random((count, 3)))
    busy = float((delay_ns >= 3_000_000).mean())
    # Five standard deviations: a false alarm in two million runs.
    assert abs(busy - 0.75) < 5 * (0.75 * 0.25 / count) ** 0.5
    mixed = table.times(table.weights(np.array([17.5]), np.array([1000.0])))
    assert mixed.count == pytest.approx(1000, abs=60)
    assert mixed.mean == pytest.approx(delay_ns.mean(), rel=0.02)


def test_a_rejected_share_is_drawn_as_often_as_it_was_measured_and_shows_the_limit() -> None:
    table = Table([of_chain(10, 1000), of_chain(100, 9000, rejected=250)], 7)
    assert table.capacity == pytest.approx(75)
    count = 40_000
    _, answer = table.drawn(np.full(count, 100.0), CHANCE.random((count, 3)))
    refused = float((answer == Answer.REFUSED).mean())
    assert abs(refused - 0.25) < 5 * (0.25 * 0.75 / count) ** 0.5
    assert table.lost(np.array([0.0, 1000.0])) == (250.0, 0.0)
    assert Table([of_chain(10, 1000)], 7).capacity is None


def test_a_chain_that_breaks_down_under_load_carries_what_it_did_and_some_more() -> None:
    table = Table([of_chain(40, 1000), of_chain(80, 1000), of_chain(120, 9000, rejected=990)], 7)
    assert table.capacity == pytest.approx(100)
    # A little more than what it carried is no share of a breakdown.
    assert table.weights(np.array([60.0, 90.0, 110.0, 200.0]), np.ones(4)).tolist() == [0.5, 1.5, 2.0]


def test_blocks_are_of_single_runs_and_at_low_load_nearly_as_many_as_records() -> None:
    table = Table([of_chain(10, 1000), of_chain(20, 1000)], 7)
    # One block a second at 10 records a second: a block waits 0.9 s after its first record.
    few = [5 / (1 + 5 * 0.9), 0.01 / (1 + 0.01 * 0.9), 0.0]
    assert table.blocks(np.array([10.0, 15.0, 5.0, 0.01, 0.0])).tolist() == pytest.approx([1.0, 1.5, *few])
    assert not Table([], 7).blocks(np.array([1.0])).any()
    # A run may have had blocks outside of what was measured, and a chain without records has none.
    odd = Table([replace(of_chain(10, 1000), blocks=40.0)], 7)
    assert odd.blocks(np.array([0.0, 5.0, 20.0])).tolist() == pytest.approx([0.0, 5.0, 20.0])


def test_a_chain_is_behind_for_as_long_as_its_pool_takes_to_drain() -> None:
    rates = np.array([50.0, 150.0, 90.0, 10.0, 10.0])
    # 15,000 are left over at most, and 10 a second more than come are done in the third hour.
    assert behind(rates, 100.0, 15_000).tolist() == [0.0, 0.0, 1500.0, 0.0, 0.0]
    assert behind(rates, 100.0, 100_000).tolist() == [0.0, 0.0, 3600.0, pytest.approx(64_000 / 90), 0.0]
    assert not behind(rates, None, 15_000).any()


def test_a_mixture_counts_values_in_proportion_and_keeps_mean_and_range() -> None:
    first, second = Histogram(), Histogram()
    first.add(np.full(100, 50, dtype=np.int64))
    second.add(np.full(10, 200, dtype=np.int64))
    mixed = Histogram.mixture([(first, 300.0), (second, 100.0), (Histogram(), 7.0)])
    assert (mixed.count, mixed.minimum, mixed.maximum) == (400, 50, 200)
    assert mixed.mean == pytest.approx(87.5)
    assert (mixed.quantile(0.75), mixed.quantile(0.76)) == (50, 200)
    assert Histogram.mixture([]).count == 0


def test_few_order_statistics_stand_for_many_values() -> None:
    values = np.sort(CHANCE.integers(0, 10**9, 100_000))
    few = thinned(values)
    assert len(few) < 2000
    for share in (0.1, 0.5, 0.99):
        assert np.quantile(few, share) == pytest.approx(np.quantile(values, share), rel=0.01)
    assert thinned(values[:10]).tolist() == values[:10].tolist()


def test_windows_hold_their_moments_and_leave_the_rest_of_an_hour() -> None:
    around = Windows.of([(HOUR_NS // 2, HOUR_NS), (3 * HOUR_NS, 5 * HOUR_NS + HOUR_NS // 4)])
    times_ns = np.array([0, HOUR_NS // 2, HOUR_NS - 1, HOUR_NS, 4 * HOUR_NS, 6 * HOUR_NS])
    assert around.hold(times_ns).tolist() == [False, True, True, False, True, False]
    assert around.seconds_of_hours(7).tolist() == [1800, 3600, 3600, 0, 0, 2700, 3600]
    assert not Windows.of([]).hold(times_ns).any()
