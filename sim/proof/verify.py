"""The verifier: inclusion and consistency proofs checked against roots that the caller trusts.

It imports nothing of the log that makes proofs, so that one mistake cannot hide in both. Each check goes in the same
order: types, ranges, the exact number of hashes that the sizes ask for, the form of every hash, and only then the
hashing and the comparison. Whatever comes in, the answer is `None` or a `ProofError`; nothing else is raised.

A root does not commit to its size: with another size, another proof of the same root may pass. Sizes and roots
must therefore come together from one trusted place, such as a block header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.proof.errors import (
    IndexOutOfRange,
    MalformedHash,
    MalformedNumber,
    MalformedProof,
    RootMismatch,
    SizeOutOfRange,
    WrongProofLength,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.proof.suites import HashSuite

LARGEST_SIZE = 2**63 - 1
"""The largest tree that is considered, in leaves: sizes fit a signed 64-bit integer everywhere."""


def verify_inclusion(
    suite: HashSuite, *, leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Accept only if the leaf stands at ``index`` in the tree of ``size`` leaves with this root.

    It gives the verdicts of RFC 9162 section 2.1.3.2 for sizes below 2^63.

    Args:
        suite: the hash of the tree.
        leaf_hash: `HashSuite.leaf` of the content, 32 bytes.
        index: the leaf's position, from 0.
        size: the number of leaves of the tree.
        proof: sibling hashes of 32 bytes from the leaf upwards, a list or tuple.
        root: the trusted root of the tree, 32 bytes.

    Raises:
        MalformedNumber: ``index`` or ``size`` is not an `int`.
        SizeOutOfRange: ``size`` is below 1 or from 2^63 on.
        IndexOutOfRange: ``index`` is negative or not below ``size``.
        MalformedProof: ``proof`` is not a list or tuple.
        WrongProofLength: it has not the exact number of hashes.
        MalformedHash: a hash is not 32 bytes of `bytes`.
        RootMismatch: the proof leads to another root.
    """
    _check_size("size", size, LARGEST_SIZE)
    _check_int("index", index)
    if not 0 <= index < size:
        raise IndexOutOfRange(index, size)
    length, lefts = _way_up(index, size - 1)
    _check_length(proof, length)
    _check_hash(suite, "leaf_hash", leaf_hash)
    _check_hash(suite, "root", root)
    _check_hashes(suite, proof)
    computed = _climbed(suite, leaf_hash, lefts, proof)
    if computed != root:
        raise RootMismatch("root", computed, root)


def verify_consistency(
    suite: HashSuite, *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Accept only if the new tree keeps every leaf of the old one in place: nothing was changed, only appended.

    It gives the verdicts of RFC 9162 section 2.1.4.2 for sizes below 2^63 and recomputes both roots. Equal sizes are
    outside that RFC: there an empty proof with equal roots is accepted and anything else refused.

    Args:
        suite: the hash of both trees.
        old_size: the number of leaves of the old tree, at least 1.
        old_root: the trusted root of the old tree, 32 bytes.
        new_size: the number of leaves of the new tree.
        new_root: the root of the new tree, 32 bytes.
        proof: hashes of 32 bytes, deepest first, a list or tuple.

    Raises:
        MalformedNumber: a size is not an `int`.
        SizeOutOfRange: not 1 ≤ ``old_size`` ≤ ``new_size`` < 2^63.
        MalformedProof: ``proof`` is not a list or tuple.
        WrongProofLength: it has not the exact number of hashes.
        MalformedHash: a hash is not 32 bytes of `bytes`.
        RootMismatch: the proof leads to another root, old or new.
    """
    _check_size("new_size", new_size, LARGEST_SIZE)
    _check_size("old_size", old_size, new_size)
    # The climb starts at the largest perfect subtree that ends the old tree: at this height, and this many nodes
    # from the left.
    height = (old_size & -old_size).bit_length() - 1
    position, last = (old_size - 1) >> height, (new_size - 1) >> height
    length, lefts = _way_up(position, last)
    # If that subtree is the whole old tree, its hash is the old root and not part of the proof.
    given = 1 if position else 0
    _check_length(proof, given + length if old_size < new_size else 0)
    _check_hash(suite, "old_root", old_root)
    _check_hash(suite, "new_root", new_root)
    _check_hashes(suite, proof)
    if old_size == new_size:
        if old_root != new_root:
            raise RootMismatch("new_root", old_root, new_root)
        return

    seed = proof[0] if given else old_root
    siblings = proof[given:]
    # The seed ends the old tree, so all that this tree had besides are the siblings to the left.
    old_siblings = [sibling for rise, sibling in enumerate(siblings) if lefts >> rise & 1]
    old_computed = _climbed(suite, seed, (1 << len(old_siblings)) - 1, old_siblings)
    if old_computed != old_root:
        raise RootMismatch("old_root", old_computed, old_root)
    new_computed = _climbed(suite, seed, lefts, siblings)
    if new_computed != new_root:
        raise RootMismatch("new_root", new_computed, new_root)


def _way_up(position: int, last: int) -> tuple[int, int]:
    """The siblings that a node meets on its way to the root, on a level whose last node is ``last``.

    Returns:
        How many there are; and a number whose bit r is set where the r-th of them, from 0, stands to the left.
    """
    # Below the point where this way meets that of the last node, every level has a sibling, on the side that the
    # position's bit tells. From there on the way is the tree's right edge, where only left siblings exist.
    below = (position ^ last).bit_length()
    above = (position >> below).bit_count()
    return below + above, (position & (1 << below) - 1) | ((1 << above) - 1) << below


def _climbed(suite: HashSuite, digest: bytes, lefts: int, siblings: Sequence[bytes]) -> bytes:
    """The root above a node, given its siblings and a bit for each that stands to the left."""
    for sibling in siblings:
        digest = suite.node(sibling, digest) if lefts & 1 else suite.node(digest, sibling)
        lefts >>= 1
    return digest


def _check_int(name: str, value: object) -> None:
    # Not isinstance: True is an int by inheritance, and would pass for 1.
    if type(value) is not int:
        raise MalformedNumber(name, type(value).__name__)


def _check_size(name: str, size: int, largest: int) -> None:
    _check_int(name, size)
    if not 1 <= size <= largest:
        raise SizeOutOfRange(name, size, 1, largest)


def _check_length(proof: object, expected: int) -> None:
    if not isinstance(proof, list | tuple):
        raise MalformedProof(type(proof).__name__)
    if len(proof) != expected:
        raise WrongProofLength(expected, len(proof))


def _check_hash(suite: HashSuite, name: str, value: object) -> None:
    if type(value) is not bytes:
        raise MalformedHash(name, type(value).__name__)
    if len(value) != suite.digest_size:
        raise MalformedHash(name, len(value))


def _check_hashes(suite: HashSuite, proof: Sequence[object]) -> None:
    for position, value in enumerate(proof):
        # The name costs more than the check, so it is made for a bad hash only.
        if type(value) is not bytes or len(value) != suite.digest_size:
            _check_hash(suite, f"proof[{position}]", value)
