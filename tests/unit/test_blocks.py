"""Blocks that were computed together are the same blocks as those that nodes execute one by one."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenario_kit import config

from sim.chain.blocks import NOT_YET, Block, Bodies, Body, Columns
from sim.chain.config import Offered
from sim.chain.ledger import Ledger
from sim.chain.records import Records
from sim.consensus.interface import Value
from sim.kernel.draws import Draws

if TYPE_CHECKING:
    from collections.abc import Sequence

NODES = 3
RECORDS = 60


def offered() -> Offered:
    rows = np.arange(RECORDS)
    return Offered.beforehand(
        ("files", "logs"),
        (2, 1),
        {
            "stream": rows % 2,
            "number": rows // 2 + np.where(rows % 2 == 0, 2, 1),
            "intended_ns": 10 * rows,
            "size_bytes": 100 + rows,
            "node": rows % NODES,
        },
    )


def ledger(hash_name: str) -> Ledger:
    return Ledger(config(NODES, hash=hash_name), Records(Draws(1), "a", hash_name, offered()), offered())


def made(counts: Sequence[int], first: int, height: int) -> list[Body]:
    """Bodies of so many transactions each, from one on; some cut before those ahead of them, or by a wrong clock."""
    ends = np.cumsum([first, *counts])
    return [
        Body(
            np.arange(begin, end),
            [],
            (height + k) % NODES,
            k,
            1000 + 50 * ((height + k) % 5),
            1200 + k,
            900 + k,
            60 * ((height + k) % 3 - 1),
        )
        for k, (begin, end) in enumerate(itertools.pairwise(ends.tolist()))
    ]


def times(count: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    voted = 10_000 + 100 * (height + np.arange(count))[:, None] + np.array([[5, 0, 9]])
    return voted, voted + 3


def one_by_one(book: Ledger, bodies: list[Body]) -> None:
    for body in bodies:
        height = len(book.blocks)
        copy, digest = book.prepare(body.transactions, body.leader, body.view, body.cut_ns)
        copy.proposed_ns, copy.ready_ns, copy.clock_error_ns = body.proposed_ns, body.ready_ns, body.clock_error_ns
        value = Value(digest, int((100 + body.transactions).sum()), len(body.transactions), copy)
        voted, executed = times(1, height)
        for node in (1, 0, 2):
            book.execute(node, height, value, int(voted[0, node]), int(executed[0, node]))


def together(book: Ledger, bodies: list[Body]) -> None:
    book.execute_run(Bodies.of(bodies), *times(len(bodies), len(book.blocks)))


def assert_equal(one: Block, other: Block) -> None:
    assert (one.header, one.digest, one.value) == (other.header, other.digest, other.value)
    assert one.transactions_before == other.transactions_before
    for name in ("transactions", "voted_ns", "executed_ns"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    said = ("leader", "view", "cut_ns", "proposed_ns", "ready_ns", "clock_error_ns")
    if one.value is not None and other.value is not None:
        assert [getattr(one.value.body, name) for name in said] == [getattr(other.value.body, name) for name in said]


@given(
    runs=st.lists(
        st.tuples(st.booleans(), st.lists(st.integers(0, 6), min_size=1, max_size=4)), min_size=1, max_size=4
    ),
    hash_name=st.sampled_from(["sm3", "sha256"]),
)
def test_blocks_made_together_are_those_made_one_by_one(runs: list[tuple[bool, list[int]]], hash_name: str) -> None:
    slow, mixed = ledger(hash_name), ledger(hash_name)
    first = 0
    for at_once, sizes in runs:
        counts = [min(size, RECORDS - first) for size in sizes] if first < RECORDS else [0]
        counts = counts if first + sum(counts) <= RECORDS else [0]
        bodies = made(counts, first, len(slow.blocks))
        one_by_one(slow, bodies)
        (together if at_once else one_by_one)(mixed, bodies)
        first += sum(counts)
    assert len(slow.blocks) == len(mixed.blocks)
    assert slow.heights == mixed.heights
    assert slow.leaf_index.tolist() == mixed.leaf_index.tolist()
    assert slow.log.root() == mixed.log.root()
    for height, (one, other) in enumerate(zip(slow.blocks, mixed.blocks, strict=True)):
        assert_equal(one, other)
        assert_equal(mixed.blocks[height], other)
        assert_equal(mixed.blocks[height - len(mixed.blocks)], other)
    assert [block.digest for block in mixed.blocks[1:3]] == [block.digest for block in slow.blocks[1:3]]
    for node, at_ns in itertools.product(range(NODES), range(9_990, 10_000 + 100 * len(slow.blocks) + 20, 37)):
        known = [block.header for block in slow.blocks if block.executed_ns[node] <= at_ns][-1]
        assert mixed.log_at(node, at_ns) == slow.log_at(node, at_ns) == (known.log_size, known.log_root)
    assert mixed.blocks.log_sizes.tolist() == [block.header.log_size for block in slow.blocks]
    for before_ns in (0, 10_150, 10_203, 10**6):
        assert_columns(
            list(mixed.blocks.columns(before_ns)), [b for b in slow.blocks[1:] if b.first_executed_ns < before_ns]
        )


def assert_columns(parts: list[Columns], blocks: list[Block]) -> None:
    """The columns hold these blocks, in order."""
    found: dict[str, list[object]] = {}
    for part in parts:
        cells = {name: getattr(part, name) for name in ("height", "size_bytes", "log_size", "first_voted_ns")}
        bodies = {name: getattr(part.bodies, name) for name in ("counts", "leader", "view", "cut_ns", "transactions")}
        for name, column in {**cells, **bodies}.items():
            found.setdefault(name, []).extend(column.tolist())
        found.setdefault("digest", []).extend(row.tobytes() for row in part.digest)
        found.setdefault("log_root", []).extend(row.tobytes() for row in part.log_root)
    bodies_of = [block.value.body for block in blocks if block.value is not None]
    wanted = {
        "height": [block.header.height for block in blocks],
        "size_bytes": [block.value.size_bytes for block in blocks if block.value is not None],
        "log_size": [block.header.log_size for block in blocks],
        "first_voted_ns": [int(block.voted_ns.min()) for block in blocks],
        "counts": [len(block.transactions) for block in blocks],
        "transactions": [int(row) for block in blocks for row in block.transactions],
        "digest": [block.digest for block in blocks],
        "log_root": [block.header.log_root for block in blocks],
        **{name: [getattr(body, name) for body in bodies_of] for name in ("leader", "view", "cut_ns")},
    }
    assert found == (wanted if blocks else {})


def test_columns_say_what_a_block_without_a_body_lacks() -> None:
    book = ledger("sha256")
    one_by_one(book, made([2], 0, 1))
    book.execute(0, 2, Value(digest=bytes(32), size_bytes=0, count=0), 10_500, 10_600)
    (part,) = book.blocks.columns(10**6)
    assert part.height.tolist() == [1, 2]
    assert part.bodies.counts.tolist() == [2, 0]
    assert part.bodies.leader[1] == part.bodies.cut_ns[1] == NOT_YET
    assert part.first_executed_ns.tolist() == [10_103, 10_600]
    assert part.executed_ns[1].tolist() == [10_600, NOT_YET, NOT_YET]


def test_a_time_that_is_written_into_a_computed_block_stays() -> None:
    book = ledger("sha256")
    together(book, made([1, 1], 0, 1))
    book.blocks[2].executed_ns[1] = 77
    assert book.blocks[2].executed_ns[1] == 77


@pytest.mark.parametrize("height", [3, -4, 10])
def test_there_is_no_block_beyond_the_last(height: int) -> None:
    book = ledger("sha256")
    together(book, made([1, 1], 0, 1))
    with pytest.raises(IndexError, match="no block at height"):
        book.blocks[height]
