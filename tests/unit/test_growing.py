"""Arrays that grow, and arrivals that become known late, against sorting everything again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_kit import sent

from sim.chain.arrivals import Arrivals
from sim.chain.config import Offered, Sent
from sim.chain.growing import Column, append

BATCHES = st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=6), max_size=12)


@given(parts=st.lists(st.lists(st.integers(-5, 5), max_size=9), max_size=12))
def test_a_column_holds_what_was_added_in_order(parts: list[list[int]]) -> None:
    column = Column(np.array([7]))
    for part in parts:
        rows = column.append(np.array(part, dtype=np.int64))
        assert rows is column.rows
    assert column.rows.tolist() == [7, *(value for part in parts for value in part)]


def test_a_narrow_column_widens_rather_than_wrap_around() -> None:
    column = Column(np.array([100, -1], dtype=np.int8))
    assert column.append(np.array([3], dtype=np.int8)).dtype == np.int8
    assert column.append(np.array([1000])).tolist() == [100, -1, 3, 1000]


def test_adding_to_a_column_leaves_what_it_was_made_of_alone() -> None:
    given_rows = np.arange(4)
    column = Column(given_rows[:2])
    column.append(np.array([9, 9]))
    assert given_rows.tolist() == [0, 1, 2, 3]


def test_attributes_grow_together_and_a_broadcast_one_gets_memory_of_its_own() -> None:
    @dataclass
    class Owner:
        a: np.ndarray
        b: np.ndarray

    owner, columns = Owner(np.array([1, 2]), np.broadcast_to(np.int32(-1), 2)), {}
    append(owner, columns, a=np.array([3]), b=np.array([0]))
    append(owner, columns, a=np.array([4]), b=np.array([1]))
    assert (owner.a.tolist(), owner.b.tolist()) == ([1, 2, 3, 4], [-1, -1, 0, 1])


def batch(times_ns: list[int]) -> Sent:
    count, times = len(times_ns), np.array(times_ns, dtype=np.int64)
    return Sent(0, np.arange(count), times, times, np.full(count, 100), np.zeros(count, dtype=np.int64))


def open_loop(times_ns: list[int]) -> Offered:
    return sent(sorted(times_ns))


@settings(max_examples=300)
@given(
    known=st.lists(st.integers(0, 40), max_size=15), batches=BATCHES, steps=st.lists(st.integers(0, 12), min_size=12)
)
def test_late_arrivals_come_in_order_each_once_and_nothing_that_was_looked_at_moves(
    known: list[int], batches: list[list[int]], steps: list[int]
) -> None:
    offered = open_loop(known)
    here = Arrivals.of(offered, np.array([5]), np.ones(len(known), dtype=bool))
    now_ns, seen = 0, []
    for times_ns, step in zip(batches, steps, strict=False):
        now_ns += step
        end = here.looked(now_ns)
        seen += here.rows[here.next : end].tolist()
        here.next = max(here.next, end)
        rows = np.array(offered.append(batch([now_ns + t for t in times_ns])), dtype=np.int64)
        here.insert(rows, offered, kept=here.next)
        coming = here.rows[here.next :]
        assert (np.diff(here.times_ns[here.used :]) >= 0).all()
        assert (here.times_ns[here.next :] == offered.submitted_ns[coming] + 5).all()
    everything = seen + here.rows[here.next :].tolist()
    arrival = (offered.submitted_ns + 5).tolist()
    assert everything == sorted(range(len(offered)), key=lambda row: (arrival[row], row))


@given(batches=BATCHES, ahead=st.integers(1, 30))
def test_what_comes_before_something_looked_at_counts_as_coming_with_it(batches: list[list[int]], ahead: int) -> None:
    offered = open_loop([0, 10, 20])
    here = Arrivals.of(offered, np.array([0]), np.ones(3, dtype=bool))
    seen: list[int] = []
    for times_ns in batches:
        end = here.looked(ahead)
        seen += here.rows[here.next : end].tolist()
        here.next = end
        rows = np.array(offered.append(batch(times_ns)), dtype=np.int64)
        last = int(here.times_ns[here.next - 1]) if here.next else 0
        here.insert(rows, offered, kept=here.next)
        assert (here.times_ns[here.next :] >= last).all()
    everything = seen + here.rows[here.next :].tolist()
    assert sorted(everything) == list(range(len(offered)))


@given(batches=BATCHES, kept=st.integers(0, 3))
def test_what_must_be_looked_at_again_stays_in_reach(batches: list[list[int]], kept: int) -> None:
    offered = open_loop([0, 1, 2, 30])
    here = Arrivals.of(offered, np.array([0]), np.ones(4, dtype=bool))
    here.next = 3
    again = here.rows[kept:3].tolist()
    for times_ns in batches:
        rows = np.array(offered.append(batch([3 + t for t in times_ns])), dtype=np.int64)
        here.insert(rows, offered, kept=here.next - len(again))
        assert here.rows[here.next - len(again) : here.next].tolist() == again
        assert here.looked(-1) == here.used <= here.next - len(again)
