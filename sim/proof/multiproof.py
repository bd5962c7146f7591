"""The generator of multi-proofs: one proof for many leaves of one log, without the hashes that they share.

RFC 9162 has no such proof; this one follows its tree. Take the largest subtrees without a proven leaf: those whose
parent has one below it. Their hashes, from left to right, are the proof. With the proven leaves they make up the
whole tree, no hash of it can be computed from others, and none could be left out.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Protocol

from sim.proof.errors import IndexOutOfRange, MalformedIndices, MalformedNumber, SizeOutOfRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class ProvingLog(Protocol):
    """Whatever answers with inclusion proofs: `sim.proof.log.Log`, or a store on disk."""

    @property
    def size(self) -> int:
        """The number of leaves."""

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """The proof by RFC 9162 section 2.1.3.1."""


def multi_proof(log: ProvingLog, indices: Sequence[int], size: int | None = None) -> list[bytes]:
    """The proof that all these leaves are among the first ``size`` leaves, by default among all.

    For k neighbours it has at most 2 · log2(size) hashes, for one leaf as many as its inclusion proof has.

    Args:
        log: what holds the tree.
        indices: the leaves, strictly rising, at least one.
        size: the number of leaves of the tree.

    Returns:
        The hashes of the largest subtrees without any of these leaves, from left to right.

    Raises:
        MalformedIndices: not a list or tuple, or empty, or not strictly rising.
        IndexOutOfRange: there is no such leaf among them.
        SizeOutOfRange: ``size`` is beyond the log's, or no leaf.
        MalformedNumber: one of the numbers is not an `int`.
    """
    size = log.size if size is None else size
    if type(size) is not int:
        raise MalformedNumber("size", type(size).__name__)
    if not 1 <= size <= log.size:
        raise SizeOutOfRange("size", size, 1, log.size)
    _check(indices, size)
    # The hash asked for is in the inclusion proof of any proven leaf next to it; neighbours in the walk ask the same
    # leaf, whose proof is therefore kept until another is asked.
    asked, proof = -1, [b""]
    hashes = []
    for index, depth in _missing(indices, size):
        if index != asked:
            asked, proof = index, log.inclusion_proof(index, size)
        hashes.append(proof[-1 - depth])
    return hashes


def _missing(indices: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    """For each hash of the proof, in order, a leaf in whose inclusion proof it stands, and how far below the root."""
    # What is still to be walked, the leftmost on top: leaves [start, end), the proven ones indices[first:stop].
    walk = [(0, size, 0, len(indices), 0, -1)]
    while walk:
        start, end, first, stop, depth, neighbour = walk.pop()
        if first == stop:
            yield neighbour, depth - 1
        elif end - start > 1:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            cut = bisect_left(indices, middle, first, stop)
            # Either child asks a leaf of the other, where it has none of its own.
            walk.append((middle, end, cut, stop, depth + 1, indices[first]))
            walk.append((start, middle, first, cut, depth + 1, indices[first]))


def _check(indices: Sequence[int], size: int) -> None:
    if not isinstance(indices, list | tuple):
        raise MalformedIndices(f"they come as a list or tuple, not as {type(indices).__name__}")
    if not indices:
        raise MalformedIndices("there is none")
    previous = -1
    for index in indices:
        if type(index) is not int:
            raise MalformedNumber("index", type(index).__name__)
        if not 0 <= index < size:
            raise IndexOutOfRange(index, size)
        if index <= previous:
            raise MalformedIndices(f"{index} follows {previous}")
        previous = index
