"""The verifier for many inclusion proofs at once: arrays in, an array of verdicts out.

It gives the verdict of `sim.proof.verify.verify_inclusion` for each row, hashing the proofs of 32 rows in the lanes
of a vector, and imports nothing of the code that makes trees and proofs. Rows come from outside: whatever stands in
one makes it `False` and does not touch the others. Arguments that hold for all rows are the caller's, and are refused
by a `ProofError` where they are wrong.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.proof import lanes
from sim.proof.errors import MalformedArray, MalformedHash, MalformedNumber, ProofError, SizeOutOfRange
from sim.proof.suites import DIGEST_SIZE
from sim.proof.verify import LARGEST_SIZE, verify_inclusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.proof.lanes import Rows
    from sim.proof.lanes_kernels import Kernels
    from sim.proof.suites import HashSuite

    Integers = NDArray[np.integer]
    Counts = NDArray[np.uint64]
    Verdicts = NDArray[np.bool_]

_TASK_ROWS = 1 << 13
"""What a thread takes at a time: some milliseconds of work."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """The arguments of one call, checked."""

    suite: HashSuite
    leaf_hashes: Rows
    indices: Integers
    size: int
    proofs: Rows
    lengths: Integers
    root: bytes


def verify_inclusion_batch(
    suite: HashSuite,
    *,
    leaf_hashes: Rows,
    indices: Integers,
    size: int,
    proofs: Rows,
    lengths: Integers,
    root: bytes,
    threads: int | None = None,
) -> Verdicts:
    """Say for each row whether its leaf stands at its index in the tree of ``size`` leaves with this root.

    Args:
        suite: the hash of the tree.
        leaf_hashes: (m, 32) uint8, `HashSuite.leaf` of each content.
        indices: (m,) integers, the position of each leaf.
        size: the number of leaves of the tree.
        proofs: (m, d, 32) uint8, in each row sibling hashes from the leaf upwards and then anything.
        lengths: (m,) integers, how many hashes each proof has; at most d.
        root: the trusted root of the tree, 32 bytes.
        threads: how many work at it, by default one for each processor that this process may use.

    Returns:
        (m,) bool: `True` where `verify_inclusion` would accept, `False` where it would raise.

    Raises:
        MalformedArray: an array has another shape or type of elements.
        MalformedNumber: ``size`` is not an `int`.
        SizeOutOfRange: ``size`` is below 1 or from 2^63 on.
        MalformedHash: ``root`` is not 32 bytes of `bytes`.
    """
    leaf_hashes = lanes.checked_rows("leaf_hashes", leaf_hashes, DIGEST_SIZE)
    rows = len(leaf_hashes)
    _check_proofs(proofs, rows)
    for name, numbers in (("indices", indices), ("lengths", lengths)):
        _check_integers(name, numbers, rows)
    if type(size) is not int:
        raise MalformedNumber("size", type(size).__name__)
    if not 1 <= size <= LARGEST_SIZE:
        raise SizeOutOfRange("size", size, 1, LARGEST_SIZE)
    if type(root) is not bytes or len(root) != DIGEST_SIZE:
        raise MalformedHash("root", len(root) if type(root) is bytes else type(root).__name__)

    batch = _Batch(suite, leaf_hashes, indices, size, np.ascontiguousarray(proofs), lengths, root)
    verdicts = np.zeros(rows, np.bool_)
    compiled = lanes.kernels(suite)
    if compiled is None:
        for row in range(rows):
            verdicts[row] = _verdict(batch, row)
        return verdicts

    def work(start: int) -> None:
        _verify_rows(compiled, batch, slice(start, start + _TASK_ROWS), verdicts[start : start + _TASK_ROWS])

    starts = range(0, rows, _TASK_ROWS)
    threads = min(len(starts), lanes.usable_threads() if threads is None else threads)
    if threads <= 1:
        for start in starts:
            work(start)
        return verdicts
    with ThreadPoolExecutor(threads) as pool:
        # A list, so that whatever a thread raises is raised here.
        list(pool.map(work, starts))
    return verdicts


def _check_proofs(proofs: Rows, rows: int) -> None:
    wanted = f"({rows}, d, {DIGEST_SIZE}) uint8"
    if not isinstance(proofs, np.ndarray):
        raise MalformedArray("proofs", wanted, type(proofs).__name__)
    shape = (rows, *proofs.shape[1:2], DIGEST_SIZE)
    if proofs.ndim != len(shape) or proofs.shape != shape or proofs.dtype != np.uint8:
        raise MalformedArray("proofs", wanted, f"{proofs.shape} {proofs.dtype}")


def _check_integers(name: str, numbers: Integers, rows: int) -> None:
    wanted = f"({rows},) of integers"
    if not isinstance(numbers, np.ndarray):
        raise MalformedArray(name, wanted, type(numbers).__name__)
    if numbers.shape != (rows,) or numbers.dtype.kind not in "iu":
        raise MalformedArray(name, wanted, f"{numbers.shape} {numbers.dtype}")


def _verdict(batch: _Batch, row: int) -> bool:
    """The verdict on one row, without lanes."""
    length = int(batch.lengths[row])
    if not 0 <= length <= batch.proofs.shape[1]:
        return False
    try:
        verify_inclusion(
            batch.suite,
            leaf_hash=batch.leaf_hashes[row].tobytes(),
            index=int(batch.indices[row]),
            size=batch.size,
            proof=[sibling.tobytes() for sibling in batch.proofs[row, :length]],
            root=batch.root,
        )
    except ProofError:
        return False
    return True


def _verify_rows(compiled: Kernels, batch: _Batch, part: slice, verdicts: Verdicts) -> None:
    """Put the verdicts on a part of the rows into their place."""
    indices, lengths = batch.indices[part], batch.lengths[part]
    inside = (indices >= 0) & (indices < batch.size)
    # Of an index outside the tree nothing more is asked, so any other will do for the arithmetic.
    expected, lefts = _ways_up(np.where(inside, indices, 0).astype(np.uint64), batch.size - 1)
    sound = np.flatnonzero(inside & (lengths >= 0) & (lengths == expected) & (lengths <= batch.proofs.shape[1]))
    if not len(sound):
        return
    # Rows of one length together, so that the lanes of a vector end at the same step.
    sound = sound[np.argsort(expected[sound], kind="stable")]
    # The last vector is filled up with its last row.
    chosen = np.concatenate((sound, np.full(-len(sound) % lanes.LANES, sound[-1])))
    sides = lefts[chosen]
    ways = np.concatenate((sides & np.uint64(0xFFFFFFFF), sides >> np.uint64(32))).astype(np.uint32)
    places = (chosen + part.start).astype(np.int64)
    out = np.empty((len(chosen), DIGEST_SIZE), np.uint8)
    compiled.climb(
        (batch.leaf_hashes, places * DIGEST_SIZE),
        (batch.proofs, places * (batch.proofs.shape[1] * DIGEST_SIZE)),
        (ways, expected[chosen].astype(np.uint32)),
        np.empty(compiled.climb_state_words, np.uint32),
        0,
        out,
    )
    same = out[: len(sound)] == np.frombuffer(batch.root, np.uint8)
    verdicts[sound] = same.all(axis=1)


def _ways_up(indices: Counts, last: int) -> tuple[Counts, Counts]:
    """For each leaf index, how many siblings it meets on its way to the root of a tree whose last leaf is ``last``.

    Returns:
        (m,) their number; and (m,) a number whose bit r is set where the r-th of them stands to the left.
    """
    one = np.uint64(1)
    # Below the point where its way meets that of the last leaf every level has a sibling, on the side that the bit of
    # the index tells; above it the way is the tree's right edge, with left siblings only.
    below = _bit_lengths(indices ^ np.uint64(last))
    above = np.bitwise_count(indices >> below).astype(np.uint64)
    return below + above, indices & ((one << below) - one) | ((one << above) - one) << below


def _bit_lengths(numbers: Counts) -> Counts:
    """`int.bit_length` of each number below 2^63."""
    # A float holds 32 bits exactly, and its exponent is what is asked for.
    high = np.frexp((numbers >> np.uint64(32)).astype(np.float64))[1]
    low = np.frexp((numbers & np.uint64(0xFFFFFFFF)).astype(np.float64))[1]
    return np.where(high > 0, high + 32, low).astype(np.uint64)
