"""The batch verifier gives each row the verdict of the verifier for one proof, whatever stands in the row."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, ProofError, lanes, merkle
from sim.proof.errors import MalformedArray, MalformedHash, MalformedNumber, SizeOutOfRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.proof.suites import HashSuite

LARGEST = 150
LOGS = {}
for _suite in (SHA256, SM3):
    LOGS[_suite.name] = merkle.Log(_suite)
    LOGS[_suite.name].extend(_suite.leaves(b"record %d" % i for i in range(LARGEST)))

suites = st.sampled_from([SHA256, SM3])
huge_sizes = st.one_of(
    st.integers(1, 2**63 - 1), st.sampled_from([2_200_000_000, 2**31, 2**31 + 1, 2**32 + 3, 2**62 + 1, 2**63 - 1])
)
both_suites = pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)


def padded(proofs: Sequence[Sequence[bytes]], depth: int, filler: int = 0xAA) -> np.ndarray:
    """Proofs as an array; behind each, bytes that must not matter."""
    rows = np.full((len(proofs), depth, 32), filler, np.uint8)
    for row, proof in zip(rows, proofs, strict=True):
        for place, sibling in zip(row, proof, strict=False):
            place[:] = np.frombuffer(sibling, np.uint8)
    return rows


def rows_of(hashes: Sequence[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)


def one_verdict(suite: HashSuite, **arguments: Any) -> bool:  # noqa: ANN401 - handed on
    try:
        merkle.verify_inclusion(suite, **arguments)
    except ProofError:
        return False
    return True


def expected(suite: HashSuite, batch: dict[str, Any]) -> list[bool]:
    """The verdict on each row by the verifier for one proof."""
    return [
        0 <= length <= batch["proofs"].shape[1]
        and one_verdict(
            suite,
            leaf_hash=leaf_hash.tobytes(),
            index=int(index),
            size=batch["size"],
            proof=[sibling.tobytes() for sibling in proof[:length]],
            root=batch["root"],
        )
        for leaf_hash, index, proof, length in zip(
            batch["leaf_hashes"], batch["indices"], batch["proofs"], batch["lengths"].tolist(), strict=True
        )
    ]


def honest(suite: HashSuite, size: int, depth: int = 9) -> dict[str, Any]:
    log = LOGS[suite.name]
    proofs = [log.inclusion_proof(index, size) for index in range(size)]
    return {
        "leaf_hashes": rows_of(suite.leaves(b"record %d" % i for i in range(size))),
        "indices": np.arange(size),
        "size": size,
        "proofs": padded(proofs, depth),
        "lengths": np.array([len(proof) for proof in proofs]),
        "root": log.root(size),
    }


# Trees of equal leaves have proofs at any size.


@cache
def uniform_perfect(suite: HashSuite, height: int) -> bytes:
    if height == 0:
        return suite.leaf(b"the same")
    child = uniform_perfect(suite, height - 1)
    return suite.node(child, child)


@cache
def uniform_root(suite: HashSuite, size: int) -> bytes:
    if size & size - 1 == 0:
        return uniform_perfect(suite, size.bit_length() - 1)
    split = 1 << size.bit_length() - 1
    return suite.node(uniform_perfect(suite, split.bit_length() - 1), uniform_root(suite, size - split))


def uniform_path(suite: HashSuite, index: int, size: int) -> list[bytes]:
    """PATH of RFC 9162 section 2.1.3.1, by its recursion."""
    if size == 1:
        return []
    split = 1 << (size - 1).bit_length() - 1
    if index < split:
        return [*uniform_path(suite, index, split), uniform_root(suite, size - split)]
    return [*uniform_path(suite, index - split, size - split), uniform_root(suite, split)]


@both_suites
@pytest.mark.parametrize("size", [*range(1, 35), 63, 64, 65, 100, 127, 128, 129, 150])
def test_every_leaf_of_every_small_tree_is_accepted_where_it_stands_only(suite: HashSuite, size: int) -> None:
    batch = honest(suite, size)
    assert merkle.verify_inclusion_batch(suite, **batch).tolist() == [True] * size
    for changed in (
        {"indices": batch["indices"] + 1},
        {"indices": batch["indices"] - 1},
        {"indices": np.roll(batch["indices"], 1)},
        {"lengths": batch["lengths"] + 1},
        {"lengths": batch["lengths"] - 1},
        {"size": size + 1},
        {"size": max(1, size - 1)},
        {"proofs": batch["proofs"] ^ np.uint8(1)},
        {"leaf_hashes": batch["leaf_hashes"] ^ np.uint8(0x80)},
        {"root": bytes(32)},
    ):
        assert merkle.verify_inclusion_batch(suite, **{**batch, **changed}).tolist() == expected(
            suite, {**batch, **changed}
        ), changed.keys()


@given(suite=suites, data=st.data())
def test_rows_of_anything_get_the_verdict_of_the_single_verifier(suite: HashSuite, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LARGEST), label="size")
    batch = honest(suite, size, depth=data.draw(st.integers(0, 10), label="depth"))
    rows = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=80), label="rows")
    for name in ("leaf_hashes", "indices", "proofs", "lengths"):
        batch[name] = batch[name][rows].copy()
    for _ in range(data.draw(st.integers(0, 6), label="changes")):
        row = data.draw(st.integers(0, len(rows) - 1), label="row")
        kind = data.draw(st.sampled_from(["leaf", "index", "length", "sibling"]), label="kind")
        if kind == "leaf":
            batch["leaf_hashes"][row, data.draw(st.integers(0, 31))] ^= 4
        elif kind == "index":
            batch["indices"][row] = data.draw(st.integers(-(2**63), 2**63 - 1) | st.integers(0, LARGEST))
        elif kind == "length":
            batch["lengths"][row] = data.draw(st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 11))
        elif batch["proofs"].shape[1]:
            batch["proofs"][row, data.draw(st.integers(0, batch["proofs"].shape[1] - 1)), 7] ^= 1
    verdicts = merkle.verify_inclusion_batch(suite, **batch, threads=data.draw(st.integers(1, 3)))
    assert verdicts.dtype == np.bool_
    assert verdicts.tolist() == expected(suite, batch)


@given(suite=suites, size=huge_sizes, positions=st.lists(st.integers(0, 2**63), min_size=1, max_size=40))
def test_proofs_of_trees_up_to_the_largest_size_are_checked(suite: HashSuite, size: int, positions: list[int]) -> None:
    indices = [0, size - 1, *(position % size for position in positions)]
    proofs = [uniform_path(suite, index, size) for index in indices]
    batch = {
        "leaf_hashes": rows_of([uniform_perfect(suite, 0)] * len(indices)),
        "indices": np.array(indices),
        "size": size,
        "proofs": padded(proofs, 63),
        "lengths": np.array([len(proof) for proof in proofs]),
        "root": uniform_root(suite, size),
    }
    assert merkle.verify_inclusion_batch(suite, **batch).all()
    batch["proofs"][0, 0, 0] ^= 1
    wanted = [size == 1, *[True] * (len(indices) - 1)]
    assert merkle.verify_inclusion_batch(suite, **batch).tolist() == wanted


@both_suites
def test_more_rows_than_one_task_keep_their_order(suite: HashSuite) -> None:
    batch = honest(suite, LARGEST)
    many = np.random.default_rng(5).integers(0, LARGEST, 20_000)
    for name in ("leaf_hashes", "indices", "proofs", "lengths"):
        batch[name] = batch[name][many]
    bad = np.array([0, 31, 32, 8191, 8192, 16_383, 16_384, 19_999])
    batch["leaf_hashes"][bad, 0] ^= 1
    for threads in (1, 2, None):
        verdicts = merkle.verify_inclusion_batch(suite, **batch, threads=threads)
        assert np.flatnonzero(~verdicts).tolist() == bad.tolist()


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_indices_and_lengths_may_be_integers_of_any_width(kind: str) -> None:
    batch = honest(SHA256, 100)
    batch["indices"], batch["lengths"] = batch["indices"].astype(kind), batch["lengths"].astype(kind)
    assert merkle.verify_inclusion_batch(SHA256, **batch).all()
    batch["indices"][3] = batch["lengths"][4] = np.iinfo(kind).max
    assert np.flatnonzero(~merkle.verify_inclusion_batch(SHA256, **batch)).tolist() == [3, 4]


def test_no_rows_have_no_verdicts() -> None:
    batch = honest(SM3, 5)
    empty = {name: batch[name][:0] for name in ("leaf_hashes", "indices", "proofs", "lengths")}
    assert merkle.verify_inclusion_batch(SM3, **{**batch, **empty}).shape == (0,)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("leaf_hashes", np.zeros((4, 32), np.uint8), MalformedArray),
        ("leaf_hashes", np.zeros((5, 31), np.uint8), MalformedArray),
        ("leaf_hashes", [bytes(32)] * 5, MalformedArray),
        ("indices", [0, 1, 2, 3, 4], MalformedArray),
        ("indices", np.arange(4), MalformedArray),
        ("indices", np.arange(5.0), MalformedArray),
        ("indices", np.zeros(5, np.bool_), MalformedArray),
        ("indices", np.zeros((5, 1), np.int64), MalformedArray),
        ("lengths", np.arange(6), MalformedArray),
        ("lengths", None, MalformedArray),
        ("proofs", np.zeros((5, 9, 31), np.uint8), MalformedArray),
        ("proofs", np.zeros((5, 9 * 32), np.uint8), MalformedArray),
        ("proofs", np.zeros((4, 9, 32), np.uint8), MalformedArray),
        ("proofs", np.zeros((5, 9, 32), np.int64), MalformedArray),
        ("proofs", np.zeros((5, 9, 32, 1), np.uint8), MalformedArray),
        ("proofs", b"", MalformedArray),
        ("size", 0, SizeOutOfRange),
        ("size", -1, SizeOutOfRange),
        ("size", 2**63, SizeOutOfRange),
        ("size", True, MalformedNumber),
        ("size", 5.0, MalformedNumber),
        ("root", bytes(31), MalformedHash),
        ("root", bytearray(32), MalformedHash),
    ],
)
def test_arguments_that_hold_for_all_rows_are_refused_when_they_are_wrong(
    name: str, value: object, error: type[ProofError]
) -> None:
    with pytest.raises(error):
        merkle.verify_inclusion_batch(SHA256, **{**honest(SHA256, 5), name: value})


def test_without_lanes_the_verdicts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = honest(SM3, 100, depth=6)
    batch["indices"][::7] += 1
    batch["lengths"][::11] += 1
    fast = merkle.verify_inclusion_batch(SM3, **batch).tolist()
    monkeypatch.setattr(lanes, "kernels", lambda _: None)
    assert merkle.verify_inclusion_batch(SM3, **batch).tolist() == fast == expected(SM3, batch)
