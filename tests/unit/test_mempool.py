"""The pool against a slow one that takes transactions one at a time, and its rules one by one."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_kit import bare_chain, config, sent

from sim.chain.mempool import AHEAD, EXECUTED, IN_FLIGHT, REJECTED, WAITING, Mempool
from sim.kernel.engine import MILLISECOND, SECOND

INTERVAL_NS = 20


@dataclass(frozen=True)
class Case:
    """Transactions, limits, and how far each is from either of two leaders."""

    intended_ns: list[int]
    sizes: list[int]
    reach_ns: list[list[int]]
    max_transactions: int
    max_bytes: int
    capacity: int

    def pool(self) -> Mempool:
        parameters = config(
            max_transactions=self.max_transactions,
            max_bytes=self.max_bytes,
            pool_capacity=self.capacity,
            interval_ns=INTERVAL_NS,
        )
        way_ns = [np.array(row, dtype=np.int64) for row in self.reach_ns]
        nodes = range(len(self.sizes))
        return Mempool(parameters, sent(self.intended_ns, self.sizes, nodes), lambda leader: way_ns[leader])


@dataclass
class SlowPool:
    """The pool's rules, applied to one transaction after the other."""

    case: Case
    leader: int = 0
    base_ns: int = 0
    occupied: int = 0
    queued_ns: dict[int, int] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    in_flight: list[int] = field(default_factory=list)
    executed: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rejected = [i for i, size in enumerate(self.case.sizes) if size > self.case.max_bytes]

    def arrival_ns(self, transaction: int) -> int:
        return self.case.intended_ns[transaction] + self.case.reach_ns[self.leader][transaction]

    def ahead(self) -> list[int]:
        known = {*self.queued_ns, *self.rejected}
        return sorted((i for i in range(len(self.case.sizes)) if i not in known), key=self.arrival_ns)

    def admit(self, now_ns: int) -> None:
        for transaction in self.ahead():
            if self.arrival_ns(transaction) > now_ns:
                break
            if self.occupied == self.case.capacity:
                self.rejected.append(transaction)
            else:
                self.queued_ns[transaction] = self.arrival_ns(transaction)
                self.waiting.append(transaction)
                self.occupied += 1

    def cut(self, now_ns: int) -> list[int]:
        self.admit(now_ns)
        block: list[int] = []
        for transaction in self.waiting:
            size = sum(self.case.sizes[i] for i in [*block, transaction])
            if len(block) == self.case.max_transactions or size > self.case.max_bytes:
                break
            block.append(transaction)
        full = len(block) == self.case.max_transactions or len(block) < len(self.waiting)
        full = full or sum(self.case.sizes[i] for i in block) == self.case.max_bytes
        if not block or not (full or now_ns >= max(self.queued_ns[block[0]], self.base_ns) + INTERVAL_NS):
            return []
        del self.waiting[: len(block)]
        self.in_flight += block
        self.base_ns = now_ns
        return block

    def next_cut_ns(self, now_ns: int) -> int | None:
        self.admit(now_ns)
        starts = [self.base_ns, *self.queued_ns.values(), *map(self.arrival_ns, self.ahead())]
        times = sorted({now_ns, *starts, *(start + INTERVAL_NS for start in starts)})
        return next((t for t in times if t >= now_ns and copy.deepcopy(self).cut(t)), None)

    def release(self, block: list[int], now_ns: int) -> None:
        self.admit(now_ns)
        self.leave(block)

    def leave(self, block: list[int]) -> None:
        self.occupied -= len(block)
        self.in_flight = [i for i in self.in_flight if i not in block]
        self.waiting = [i for i in self.waiting if i not in block]
        self.executed += block

    def lead(self, leader: int, executed: list[int], in_flight: list[int], now_ns: int) -> None:  # noqa: ARG002 - as `Mempool.lead`
        self.leave([i for i in executed if i not in self.executed])
        again = [i for i in self.in_flight if i not in in_flight]
        self.in_flight = [i for i in self.in_flight if i in in_flight]
        self.waiting = sorted(sorted([*self.waiting, *again]), key=self.queued_ns.__getitem__)
        self.leader = leader


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(0, 25))
    times = draw(st.lists(st.integers(0, 150), min_size=count, max_size=count))
    sizes = st.lists(st.integers(1, 12), min_size=count, max_size=count)
    reach = st.lists(st.integers(0, 15), min_size=count, max_size=count)
    return Case(
        intended_ns=sorted(times),
        sizes=draw(sizes),
        reach_ns=[draw(reach), draw(reach)],
        max_transactions=draw(st.integers(1, 5)),
        max_bytes=draw(st.integers(6, 30)),
        capacity=draw(st.integers(1, 9)),
    )


STEPS = st.lists(
    st.tuples(st.sampled_from(["cut", "cut when due", "release", "release", "lead", "look"]), st.integers(0, 12)),
    max_size=40,
)


def in_state(pool: Mempool, state: int) -> list[int]:
    return np.flatnonzero(pool.state == state).tolist()


def compare(pool: Mempool, slow: SlowPool) -> None:
    assert in_state(pool, WAITING) == sorted(slow.waiting)
    assert in_state(pool, IN_FLIGHT) == sorted(slow.in_flight)
    assert in_state(pool, EXECUTED) == sorted(slow.executed)
    assert in_state(pool, REJECTED) == sorted(slow.rejected)
    assert in_state(pool, AHEAD) == sorted(slow.ahead())
    assert {i: t for i, t in enumerate(pool.queued_ns.tolist()) if t >= 0} == slow.queued_ns
    assert len(slow.waiting) + len(slow.in_flight) <= slow.case.capacity
    assert pool.peak <= slow.case.capacity
    assert pool.admitted == len(slow.queued_ns)


def follow(case: Case, steps: list[tuple[str, int]]) -> None:
    pool, slow = case.pool(), SlowPool(case)
    blocks: list[list[int]] = []
    now_ns = 0
    for step, wait_ns in steps:
        now_ns += wait_ns
        if step == "cut when due":
            due_ns = pool.next_cut_ns(now_ns)
            assert due_ns == slow.next_cut_ns(now_ns)
            if due_ns is None:
                continue
            assert due_ns == now_ns or copy.deepcopy(pool).cut(due_ns - 1).size == 0
            now_ns = due_ns
        if step.startswith("cut"):
            block = pool.cut(now_ns).tolist()
            assert block == slow.cut(now_ns)
            assert block or step == "cut"
            blocks += [block] if block else []
        elif step == "release" and blocks:
            block = blocks.pop(0)
            pool.release(np.array(block), now_ns)
            slow.release(block, now_ns)
        elif step == "lead":
            executed = [*slow.executed, *(blocks.pop(0) if blocks else [])]
            carried, blocks = blocks[: wait_ns % 2], blocks[: wait_ns % 2]
            in_flight = [i for block in carried for i in block]
            pool.lead(wait_ns % 2, np.array(executed, dtype=np.int64), np.array(in_flight, dtype=np.int64), now_ns)
            slow.lead(wait_ns % 2, executed, in_flight, now_ns)
        else:
            pool.admit(now_ns)
            slow.admit(now_ns)
        compare(pool, slow)


@settings(max_examples=200)
@given(case=cases(), steps=STEPS)
def test_blocks_rejections_and_cut_times_are_those_of_one_transaction_at_a_time(
    case: Case, steps: list[tuple[str, int]]
) -> None:
    follow(case, steps)


@pytest.mark.full
@settings(max_examples=3000)
@given(case=cases(), steps=STEPS)
def test_blocks_rejections_and_cut_times_are_those_of_one_transaction_at_a_time_many_times(
    case: Case, steps: list[tuple[str, int]]
) -> None:
    follow(case, steps)


def pool_of(intended_ns: list[int], sizes: list[int] | None = None, **limits: int) -> Mempool:
    parameters = config(**{"interval_ns": INTERVAL_NS, **limits})
    return Mempool(parameters, sent(intended_ns, sizes), lambda _: np.zeros(len(intended_ns), dtype=np.int64))


def test_a_transaction_as_large_as_a_block_is_taken_and_a_larger_one_is_rejected() -> None:
    pool = pool_of([0, 0], [50, 51], max_bytes=50)
    assert pool.cut(0).tolist() == [0]
    assert pool.state.tolist() == [IN_FLIGHT, REJECTED]


def test_nobody_waits_for_a_transaction_that_fits_no_block() -> None:
    pool = pool_of([5, 9], [51, 50], max_bytes=50)
    assert pool.next_arrival_ns(0) == 9
    assert pool.arrived_by(8) == 0


def test_a_block_is_cut_an_interval_after_its_first_transaction_came() -> None:
    pool = pool_of([7, 9])
    assert pool.next_cut_ns(0) == 7 + INTERVAL_NS
    assert pool.cut(6 + INTERVAL_NS).tolist() == []
    assert pool.cut(7 + INTERVAL_NS).tolist() == [0, 1]


def test_the_interval_counts_from_the_last_cut_for_those_who_waited_then() -> None:
    pool = pool_of([0, 0, 0], max_transactions=2)
    assert pool.cut(3).tolist() == [0, 1]
    assert pool.next_cut_ns(3) == 3 + INTERVAL_NS


@pytest.mark.parametrize(
    ("limits", "cut_ns", "block"),
    [
        ({"max_transactions": 2}, 4, [0, 1]),
        ({"max_bytes": 200}, 4, [0, 1]),
        ({"max_bytes": 299}, 6, [0, 1]),
        ({"max_bytes": 300}, 6, [0, 1, 2]),
        ({}, 1 + INTERVAL_NS, [0, 1, 2]),
    ],
)
def test_a_block_is_cut_when_a_limit_is_reached(limits: dict[str, int], cut_ns: int, block: list[int]) -> None:
    pool = pool_of([1, 4, 6], **limits)
    assert pool.next_cut_ns(0) == cut_ns
    assert pool.cut(cut_ns).tolist() == block


def test_a_full_pool_rejects_what_comes_until_the_leader_has_executed_a_block() -> None:
    pool = pool_of([0, 1, 2, 3, 4], pool_capacity=2, max_transactions=2)
    assert pool.cut(1).tolist() == [0, 1]
    pool.release(np.array([0, 1]), 3)
    pool.admit(10)
    assert pool.state.tolist() == [EXECUTED, EXECUTED, REJECTED, REJECTED, WAITING]
    assert pool.peak == 2


def test_no_cut_is_due_while_the_pool_is_full_of_what_is_in_flight() -> None:
    pool = pool_of([0, 1, 2], pool_capacity=2, max_transactions=2)
    pool.cut(1)
    assert pool.next_cut_ns(1) is None


def test_what_a_new_leader_does_not_know_to_be_in_flight_waits_again_oldest_first() -> None:
    pool = pool_of([0, 1, 2, 3, 4], max_transactions=2)
    for now_ns in (1, 3):
        pool.cut(now_ns)
    pool.admit(4)
    none = np.empty(0, dtype=np.int64)
    pool.lead(1, none, np.array([2, 3]), 10)
    assert pool.cut(10).tolist() == [0, 1]
    assert in_state(pool, WAITING) == [4]
    assert pool.next_cut_ns(10) == 10 + INTERVAL_NS


def test_a_new_leader_cuts_at_once_what_has_waited_for_an_interval() -> None:
    pool, none = pool_of([0, 1]), np.empty(0, dtype=np.int64)
    pool.admit(1)
    pool.lead(1, none, none, 3 * INTERVAL_NS)
    assert pool.next_cut_ns(3 * INTERVAL_NS) == 3 * INTERVAL_NS
    assert pool.cut(3 * INTERVAL_NS).tolist() == [0, 1]
    assert pool.ready_ns == 3 * INTERVAL_NS, "nobody could have cut it sooner"


def test_a_new_leader_takes_in_for_itself_what_the_old_one_had_before_its_time() -> None:
    pool = Mempool(
        config(interval_ns=INTERVAL_NS), sent([0, 5, 9]), lambda leader: np.array([0, 0, 0]) + (3 if leader else 0)
    )
    pool.admit(9)
    none = np.empty(0, dtype=np.int64)
    pool.lead(1, none, none, 6)
    assert (pool.queued_ns.tolist(), pool.admitted) == ([0, 5, -1], 2)
    pool.admit(12)
    assert (pool.queued_ns.tolist(), pool.admitted) == ([0, 5, 12], 3)


def test_the_leader_cuts_a_block_as_soon_as_one_that_it_executed_makes_room() -> None:
    every_ms = [i * MILLISECOND for i in range(60)]
    limits = {"pool_capacity": 15, "max_transactions": 10, "interval_ns": SECOND}
    engine, chain = bare_chain(config(4, **limits), sent(every_ms), delay_ns=10 * MILLISECOND)
    engine.run(until=90 * MILLISECOND)
    first, second = (block.value.body.cut_ns for block in chain.ledger.blocks[1:])
    assert first == (10 + 9) * MILLISECOND
    # Five wait when the first block is executed after three delays; those that come in the next 5 ms fill the second.
    assert second == first + 3 * 10 * MILLISECOND + 5 * MILLISECOND
