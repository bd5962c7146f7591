"""However records arrive and whoever hashes them, there is one root; compact ranges join at any size below 2^63."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, ProofError, merkle
from sim.proof.build import range_of
from sim.proof.compact import subtree_heights
from sim.proof.errors import (
    MalformedArray,
    MalformedHash,
    MalformedNumber,
    MalformedRange,
    SizeOutOfRange,
    UnknownSuite,
)

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

LARGEST = 3000
CONTENTS = np.random.default_rng(2).integers(0, 256, (LARGEST, 32), dtype=np.uint8)
LEAVES = {suite.name: suite.leaves(row.tobytes() for row in CONTENTS) for suite in (SHA256, SM3)}

suites = st.sampled_from([SHA256, SM3])
sizes = st.integers(0, LARGEST)
huge_sizes = st.one_of(
    st.integers(1, 2**63 - 1),
    st.integers(-3, 3).map(lambda step: 2**31 + step),
    st.integers(-3, 3).map(lambda step: 2**32 + step),
    st.sampled_from([2_200_000_000, 2_600_000_000, 2_800_000_000, 2**63 - 1]),
)


# Trees whose leaves are all the same can be hashed at any size: a perfect subtree depends on its height alone.


@cache
def uniform_perfect(suite: HashSuite, height: int) -> bytes:
    if height == 0:
        return suite.leaf(b"the same")
    child = uniform_perfect(suite, height - 1)
    return suite.node(child, child)


@cache
def uniform_root(suite: HashSuite, size: int) -> bytes:
    """MTH of RFC 9162 section 2.1.1, by its recursion."""
    if size & size - 1 == 0:
        return uniform_perfect(suite, size.bit_length() - 1)
    split = 1 << size.bit_length() - 1
    return suite.node(uniform_perfect(suite, split.bit_length() - 1), uniform_root(suite, size - split))


def uniform_range(suite: HashSuite, start: int, end: int) -> merkle.CompactRange:
    made = merkle.CompactRange(suite, start)
    for height in subtree_heights(start, end):
        made.append_subtree(uniform_perfect(suite, height), height)
    return made


def one_by_one(suite: HashSuite, start: int, end: int) -> merkle.CompactRange:
    made = merkle.CompactRange(suite, start)
    for leaf_hash in LEAVES[suite.name][start:end]:
        made.append(leaf_hash)
    return made


# build


@given(suite=suites, cuts=st.lists(sizes, max_size=6), threads=st.integers(1, 3))
def test_the_root_is_the_same_however_the_records_are_cut_and_shared_out(
    suite: HashSuite, cuts: list[int], threads: int
) -> None:
    bounds = [0, *sorted(cuts)]
    built = merkle.build(suite, (CONTENTS[a:b] for a, b in pairwise(bounds)), threads=threads)
    assert built.root == merkle.root(suite, LEAVES[suite.name][: bounds[-1]])
    assert built.range == one_by_one(suite, 0, bounds[-1])


@pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)
def test_a_tree_of_many_tasks_is_the_one_of_the_definition(suite: HashSuite) -> None:
    contents = np.random.default_rng(3).integers(0, 256, (150_001, 32), dtype=np.uint8)
    wanted = merkle.root(suite, suite.leaves(row.tobytes() for row in contents))
    assert merkle.build(suite, contents).root == wanted
    assert merkle.build(suite, [contents[:70_000], contents[70_000:]], threads=2).root == wanted


@given(suite=suites, size_bytes=st.integers(0, 300), count=st.integers(0, 200), seed=st.integers(0, 99))
def test_records_of_any_one_length_are_leaves(suite: HashSuite, size_bytes: int, count: int, seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 256, (count, size_bytes), dtype=np.uint8)
    built = merkle.build(suite, rows, threads=1)
    assert built.root == merkle.root(suite, suite.leaves(row.tobytes() for row in rows))


@pytest.mark.parametrize("digests", [[b"x" * 32], [np.zeros(32, np.uint8)], np.zeros((2, 8), np.uint32), [None]])
@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_no_array_of_records_is_refused_in_any_thread(digests: object, threads: int) -> None:
    with pytest.raises(MalformedArray):
        merkle.build(SHA256, digests, threads=threads)


@given(suite=suites, start=huge_sizes, count=st.integers(0, 200))
def test_records_are_hashed_into_their_place_beyond_any_32_bit_index(suite: HashSuite, start: int, count: int) -> None:
    start = min(start, 2**63 - 1 - count)
    appended = merkle.CompactRange(suite, start)
    for leaf_hash in LEAVES[suite.name][:count]:
        appended.append(leaf_hash)
    assert range_of(suite, start, CONTENTS[:count]) == appended
    assert appended.end == start + count


# Compact ranges


@given(suite=suites, cuts=st.lists(sizes, min_size=2, max_size=8), order=st.randoms(use_true_random=False))
def test_neighbouring_ranges_join_in_any_order(suite: HashSuite, cuts: list[int], order: object) -> None:
    bounds = sorted(cuts)
    ranges = [one_by_one(suite, a, b) for a, b in pairwise(bounds)]
    while len(ranges) > 1:
        first = order.randrange(len(ranges) - 1)
        ranges[first].extend(ranges.pop(first + 1))
    assert ranges[0] == one_by_one(suite, bounds[0], bounds[-1])
    assert len(ranges[0].hashes) <= 2 * LARGEST.bit_length()


@given(suite=suites, size=huge_sizes, cuts=st.lists(st.integers(0, 2**63), max_size=4))
def test_a_range_of_any_size_has_the_root_of_the_definition(suite: HashSuite, size: int, cuts: list[int]) -> None:
    bounds = [0, *sorted(cut % (size + 1) for cut in cuts), size]
    whole = merkle.CompactRange(suite)
    for start, end in pairwise(bounds):
        part = uniform_range(suite, start, end)
        whole.extend(merkle.CompactRange.from_bytes(part.to_bytes()))
    assert whole.root() == uniform_root(suite, size)
    assert len(whole.hashes) == size.bit_count()


@given(suite=suites, start=sizes, count=st.integers(0, 300))
def test_a_range_survives_as_bytes_and_as_a_copy(suite: HashSuite, start: int, count: int) -> None:
    made = one_by_one(suite, start, start + count)
    loaded, copy = merkle.CompactRange.from_bytes(made.to_bytes()), made.copy()
    for other in (loaded, copy):
        assert (other, other.suite, other.start, other.end, other.hashes) == (
            made,
            suite,
            start,
            made.end,
            made.hashes,
        )
    copy.append(bytes(32))
    assert copy != made
    assert loaded == made


@given(data=st.data(), size=st.integers(1, 300))
def test_bytes_that_are_no_range_are_refused_and_raise_nothing_else(data: st.DataObject, size: int) -> None:
    honest = one_by_one(SM3, 0, size).to_bytes()
    where = data.draw(st.integers(0, len(honest) - 1), label="where")
    changed = bytearray(honest)
    changed[where] ^= data.draw(st.integers(1, 255), label="flip")
    for bad in (honest[:where], honest + b"\x00", data.draw(st.binary(max_size=90), label="noise")):
        with pytest.raises((MalformedRange, UnknownSuite)):
            merkle.CompactRange.from_bytes(bad)
    try:
        assert merkle.CompactRange.from_bytes(bytes(changed)).to_bytes() == changed
    except ProofError as refusal:
        assert str(refusal)  # noqa: PT017 - accepted with other hashes, or refused: never anything else


def test_a_range_refuses_what_does_not_follow_it() -> None:
    made = one_by_one(SHA256, 0, 5)
    with pytest.raises(MalformedRange, match="no subtree of 2\\^1 leaves begins at leaf 5"):
        made.append_subtree(bytes(32), 1)
    with pytest.raises(MalformedRange, match="leaf 5 cannot begin at leaf 6"):
        made.extend(one_by_one(SHA256, 6, 9))
    with pytest.raises(MalformedRange, match="sm3 range cannot follow a sha256"):
        made.extend(one_by_one(SM3, 5, 9))
    with pytest.raises(MalformedHash):
        made.append(bytes(31))
    with pytest.raises(MalformedHash):
        made.append(bytearray(32))
    assert made == one_by_one(SHA256, 0, 5)
    with pytest.raises(MalformedRange, match="begins at leaf 3"):
        one_by_one(SHA256, 3, 5).root()
    assert merkle.CompactRange(SHA256).root() == SHA256.empty


def test_no_range_ends_beyond_the_largest_size() -> None:
    almost = merkle.CompactRange(SHA256, 2**63 - 2)
    almost.append(bytes(32))
    with pytest.raises(SizeOutOfRange):
        almost.append(bytes(32))
    for start in (-1, 2**63):
        with pytest.raises(SizeOutOfRange):
            merkle.CompactRange(SHA256, start)


@pytest.mark.parametrize("number", [True, 1.0, None, "1"])
def test_what_is_no_number_is_no_place_and_no_height(number: object) -> None:
    with pytest.raises(MalformedNumber):
        merkle.CompactRange(SHA256, number)
    with pytest.raises(MalformedNumber):
        merkle.CompactRange(SHA256).append_subtree(bytes(32), number)


@pytest.mark.parametrize("height", [-1, 63, 10**9])
def test_a_height_that_no_tree_has_is_refused(height: int) -> None:
    with pytest.raises(SizeOutOfRange):
        merkle.CompactRange(SHA256).append_subtree(bytes(32), height)


@pytest.mark.parametrize("data", [None, "JACR", bytearray(40), 7])
def test_what_is_not_bytes_is_no_range(data: object) -> None:
    with pytest.raises(MalformedRange):
        merkle.CompactRange.from_bytes(data)
