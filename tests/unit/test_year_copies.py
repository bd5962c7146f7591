"""A sample as the whole country: copies stay in their hour, keep together what belongs together, and are told apart."""

from __future__ import annotations

import numpy as np

from sim.build.copies import between, multiplied, of_midnight, together
from sim.casework.emissions import Asked, Deposited, Emissions, Sent
from sim.kernel.civil import DAY_NS, HOUR_NS

CHANCE = np.random.Generator(np.random.Philox(3))
SECOND = 10**9


def deposited(time_ns: list[int] | np.ndarray, kind: list[int] | None = None) -> Deposited:
    times_ns = np.array(time_ns, dtype=np.int64)
    count = len(times_ns)
    same = np.zeros(count, dtype=np.int64)
    keys = CHANCE.integers(1, 1 << 62, count, dtype=np.uint64)
    kinds = same if kind is None else np.array(kind, dtype=np.int64)
    return Deposited(keys, times_ns, same, same, kinds, ("w/late", "w/other"))


def test_every_thing_is_there_so_many_times_within_its_hour_and_once_as_it_was() -> None:
    sent = deposited(np.sort(CHANCE.integers(0, 5 * HOUR_NS, 500)))
    found = multiplied(Emissions({"a": sent}), 20, frozenset(), 0, 5 * HOUR_NS).deposits["a"]
    assert len(found.key) == 20 * 500 == len(np.unique(found.key))
    assert (np.diff(found.time_ns) >= 0).all()
    hours = [np.bincount(things.time_ns // HOUR_NS, minlength=5) for things in (sent, found)]
    assert (hours[1] == 20 * hours[0]).all()
    own = np.isin(found.key, sent.key)
    assert (found.key[own][np.argsort(found.time_ns[own], kind="stable")] == sent.key).all()
    assert (found.time_ns[own] == sent.time_ns).all()


def test_copies_are_spread_over_the_hour() -> None:
    sent = deposited([HOUR_NS + 77])
    found = multiplied(Emissions({"a": sent}), 4000, frozenset(), 0, 3 * HOUR_NS).deposits["a"]
    parts = np.bincount((found.time_ns - HOUR_NS) * 10 // HOUR_NS, minlength=10)
    # Chi-squared with 9 degrees of freedom is above 40 once in 100,000 runs.
    assert ((parts - 400) ** 2 / 400).sum() < 40


def test_what_happens_at_one_moment_stays_together_in_every_copy() -> None:
    moment = 2 * HOUR_NS + 1234
    deposits, packets = deposited([moment] * 3), deposited([moment])
    sent = Sent(packets.key, packets.kind, packets.time_ns, packets.province, packets.kind, ("w/message",))
    found = multiplied(Emissions({"a": deposits}, {("a", "b"): sent}), 50, frozenset(), 0, 5 * HOUR_NS)
    times, counts = np.unique(found.deposits["a"].time_ns, return_counts=True)
    assert counts.tolist() == [3] * 50
    assert set(found.packets["a", "b"].time_ns.tolist()) == set(times.tolist())


def test_at_midnight_a_kind_that_comes_then_stands_there_whole_and_others_are_spread() -> None:
    sent = deposited([DAY_NS, DAY_NS, DAY_NS + HOUR_NS], [0, 1, 0])
    found = multiplied(Emissions({"a": sent}), 30, frozenset({"w/late"}), DAY_NS, 2 * DAY_NS).deposits["a"]
    assert np.count_nonzero((found.time_ns == 0) & (found.kind == 0)) == 30
    assert np.count_nonzero((found.time_ns == 0) & (found.kind == 1)) == 1
    assert np.count_nonzero(found.time_ns == HOUR_NS) == 1


def test_a_kind_comes_at_midnight_if_most_of_it_that_stands_on_a_full_minute_does() -> None:
    midnights = [DAY_NS] * 5 + [DAY_NS + HOUR_NS]
    edges = [DAY_NS + hour * HOUR_NS for hour in range(24)]
    sent = deposited([*midnights, *edges], [0] * 6 + [1] * 24)
    assert of_midnight([Emissions({"a": sent})], 2) == {"w/late"}
    # One midnight of ten is none that it would be known by.
    assert of_midnight([Emissions({"a": sent})], 10) == frozenset()


def test_only_what_is_thrown_into_a_window_is_in_it_and_times_count_from_its_beginning() -> None:
    sent = deposited(np.sort(CHANCE.integers(0, 2 * HOUR_NS, 1000)))
    begin_ns, end_ns = HOUR_NS + 600 * SECOND, HOUR_NS + 1200 * SECOND
    found = multiplied(Emissions({"a": sent}), 60, frozenset(), begin_ns, end_ns).deposits["a"]
    assert found.time_ns.min() >= 0
    assert found.time_ns.max() < end_ns - begin_ns
    # A sixth of an hour's records, 500 of the sample, 60 times: 5000, give or take five standard deviations.
    assert abs(len(found.key) - 5000) < 5 * 5000**0.5 + 5 * 500**0.5 * 60 / 6


def test_months_put_together_are_the_whole_whatever_their_kinds_are_called() -> None:
    sent = deposited(np.sort(CHANCE.integers(0, 10 * HOUR_NS, 300)), [k % 2 for k in range(300)])
    asked = Asked(sent.key, sent.time_ns, sent.kind, sent.kind, sent.kind > 0, sent.kind, sent.kinds)
    whole = Emissions({"a": sent}, {}, {"a": asked})
    parts = [between(whole, 0, 4 * HOUR_NS), between(whole, 4 * HOUR_NS, 10 * HOUR_NS)]
    joined = together(parts)
    for name in ("key", "time_ns", "province", "kind"):
        assert (getattr(joined.deposits["a"], name) == getattr(sent, name)).all()
    assert (joined.checks["a"].of == asked.of).all()
    assert joined.deposits["a"].kinds == sent.kinds
