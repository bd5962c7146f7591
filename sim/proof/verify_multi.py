"""The verifier of multi-proofs: many leaves of one tree against one trusted root.

Like `sim.proof.verify` it imports nothing that makes proofs and goes in the same order: numbers, the exact count of
hashes that size and indices ask for, the form of every hash, and only then the hashing and the comparison.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from sim.proof.errors import (
    IndexOutOfRange,
    MalformedHash,
    MalformedIndices,
    MalformedNumber,
    MalformedProof,
    RootMismatch,
    SizeOutOfRange,
    WrongProofLength,
)
from sim.proof.verify import LARGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim.proof.suites import HashSuite

_LEAF, _SIBLING, _NODE = range(3)


def verify_multi(
    suite: HashSuite,
    *,
    leaf_hashes: Sequence[bytes],
    indices: Sequence[int],
    size: int,
    proof: Sequence[bytes],
    root: bytes,
) -> None:
    """Accept only if every leaf stands at its index in the tree of ``size`` leaves with this root.

    Args:
        suite: the hash of the tree.
        leaf_hashes: `HashSuite.leaf` of each content, 32 bytes each, in the order of the indices; a list or tuple.
        indices: the leaves' positions, strictly rising, at least one; a list or tuple.
        size: the number of leaves of the tree.
        proof: the hashes of the largest subtrees without any of these leaves, from left to right; a list or tuple.
        root: the trusted root of the tree, 32 bytes.

    Raises:
        MalformedNumber: ``size`` or an index is not an `int`.
        SizeOutOfRange: ``size`` is below 1 or from 2^63 on.
        MalformedIndices: there is none, they do not strictly rise, or there is not one leaf hash for each.
        IndexOutOfRange: an index is negative or not below ``size``.
        MalformedProof: ``proof`` is not a list or tuple.
        WrongProofLength: it has not the exact number of hashes.
        MalformedHash: a hash is not 32 bytes of `bytes`.
        RootMismatch: the proof leads to another root.
    """
    if type(size) is not int:
        raise MalformedNumber("size", type(size).__name__)
    if not 1 <= size <= LARGEST_SIZE:
        raise SizeOutOfRange("size", size, 1, LARGEST_SIZE)
    _check_indices(indices, leaf_hashes, size)
    if not isinstance(proof, list | tuple):
        raise MalformedProof(type(proof).__name__)
    plan = list(_plan(indices, size))
    expected = plan.count(_SIBLING)
    if len(proof) != expected:
        raise WrongProofLength(expected, len(proof))
    for name, values in (("leaf_hashes", leaf_hashes), ("proof", proof)):
        for position, value in enumerate(values):
            _check_hash(suite, f"{name}[{position}]", value)
    _check_hash(suite, "root", root)
    computed = _computed(suite, plan, iter(leaf_hashes), iter(proof))
    if computed != root:
        raise RootMismatch("root", computed, root)


def _check_indices(indices: Sequence[int], leaf_hashes: Sequence[bytes], size: int) -> None:
    for name, values in (("indices", indices), ("leaf hashes", leaf_hashes)):
        if not isinstance(values, list | tuple):
            raise MalformedIndices(f"{name} come as a list or tuple, not as {type(values).__name__}")
    if not indices:
        raise MalformedIndices("there is none")
    previous = -1
    for position, index in enumerate(indices):
        if type(index) is not int:
            raise MalformedNumber(f"indices[{position}]", type(index).__name__)
        if not 0 <= index < size:
            raise IndexOutOfRange(index, size)
        if index <= previous:
            raise MalformedIndices(f"{index} follows {previous}, they must strictly rise")
        previous = index
    if len(leaf_hashes) != len(indices):
        raise MalformedIndices(f"{len(indices)} of them have {len(leaf_hashes)} leaf hashes")


def _check_hash(suite: HashSuite, name: str, value: object) -> None:
    if type(value) is not bytes:
        raise MalformedHash(name, type(value).__name__)
    if len(value) != suite.digest_size:
        raise MalformedHash(name, len(value))


def _plan(indices: Sequence[int], size: int) -> Iterator[int]:
    """How the root comes about: leaves, siblings and the nodes above them, children before parents."""
    # Leaves [start, end) of which indices[first:stop] are proven; a start below 0 is a node whose children are done.
    walk = [(0, size, 0, len(indices))]
    while walk:
        start, end, first, stop = walk.pop()
        if start < 0:
            yield _NODE
        elif first == stop:
            yield _SIBLING
        elif end - start == 1:
            yield _LEAF
        else:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            cut = bisect_left(indices, middle, first, stop)
            walk += [(-1, 0, 0, 0), (middle, end, cut, stop), (start, middle, first, cut)]


def _computed(suite: HashSuite, plan: Sequence[int], leaves: Iterator[bytes], siblings: Iterator[bytes]) -> bytes:
    """The root that the plan leads to; the checks have made sure that both lists go out even."""
    done: list[bytes] = []
    for step in plan:
        if step == _NODE:
            right = done.pop()
            done[-1] = suite.node(done[-1], right)
        else:
            done.append(next(leaves if step == _LEAF else siblings))
    return done.pop()
