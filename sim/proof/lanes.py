"""Many messages hashed at once: what `HashSuite` does for one, for rows of an array.

A compiled kernel (`sim.proof.lanes_kernels`) hashes 32 messages in the lanes of a vector, many times faster than one
after the other. Without numba, on a big-endian machine, or with the environment variable ``ALLIANCE_LANES=off``, the
same functions go through the suite one message at a time and return the same.

Messages are rows of a uint8 array; digests come back as rows of 32. No function here starts a thread; each may be
called from several, and they run side by side, since the kernels do not hold the GIL.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sim.proof.errors import MalformedArray
from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.proof.lanes_kernels import Kernels
    from sim.proof.suites import HashSuite

    Rows = NDArray[np.uint8]

SWITCH = "ALLIANCE_LANES"
"""The environment variable that turns the kernels off when it says ``off``; read when a suite is first used."""

LANES = 32
"""Messages hashed together: rows come fastest in multiples of it."""

CHUNK_HEIGHT = 13
"""Trees of 2^13 leaves are folded in one go: contents and hashes together fill half of a 1 MiB cache."""

_LANE_BITS = 5
_BLOCK_SIZE = 64
_LENGTH_SIZE = 8  # the message's length in bits, the last bytes of its last block, in both hash functions
_SUITES = frozenset({"sha256", "sm3"})
_BATCH_ROWS = 4096

_local = threading.local()


def kernels(suite: HashSuite) -> Kernels | None:
    """The compiled loops of a suite, or `None` where hashing goes one message at a time."""
    return _kernels(suite.name)


@cache
def _kernels(name: str) -> Kernels | None:
    if name not in _SUITES or sys.byteorder != "little" or os.environ.get(SWITCH, "").lower() == "off":
        return None
    try:
        from sim.proof.lanes_kernels import Kernels
    except ImportError:
        return None
    return Kernels(name)


def hashes(suite: HashSuite, messages: Rows, prefix: bytes = b"") -> Rows:
    """The hash of each message, all of one length.

    Args:
        suite: the hash function.
        messages: (n, b) uint8, a message of b ≥ 0 bytes in each row.
        prefix: at most one byte that comes before every message.

    Returns:
        (n, 32) uint8.

    Raises:
        MalformedArray: ``messages`` is no such array.
        ValueError: the prefix is longer.
    """
    if len(prefix) > 1:
        raise ValueError(f"a prefix has at most one byte, not {len(prefix)}")
    messages = checked_rows("messages", messages)
    compiled = kernels(suite)
    if compiled is None:
        rows = (suite.digest(prefix + row.tobytes()) for row in messages)
        return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, DIGEST_SIZE).copy()
    count, size = messages.shape
    masks = _masks(prefix, size)
    state = np.empty(8 * LANES, np.uint32)
    out = np.empty((count, DIGEST_SIZE), np.uint8)
    start, stop = _readable_in_place(count, size, len(prefix), _BLOCK_SIZE * len(masks))
    if start < stop:
        flat = messages.reshape(-1)
        compiled.messages(flat, start * size - len(prefix), size, masks, state, out[start:stop])
    # The others are hashed from a copy with room on both sides.
    outside = np.concatenate((np.arange(start), np.arange(stop, count)))
    for first in range(0, len(outside), _BATCH_ROWS):
        chosen = outside[first : first + _BATCH_ROWS]
        padded = np.zeros((-(-len(chosen) // LANES) * LANES, _BLOCK_SIZE * len(masks)), np.uint8)
        padded[: len(chosen), len(prefix) : len(prefix) + size] = messages[chosen]
        hashed = np.empty((len(padded), DIGEST_SIZE), np.uint8)
        compiled.messages(padded.reshape(-1), 0, padded.shape[1], masks, state, hashed)
        out[chosen] = hashed[: len(chosen)]
    return out


def leaves(suite: HashSuite, contents: Rows) -> Rows:
    """`HashSuite.leaf` of each row of (n, b) uint8, as (n, 32).

    Raises:
        MalformedArray: ``contents`` is no such array.
    """
    return hashes(suite, contents, b"\x00")


def parents(suite: HashSuite, children: Rows) -> Rows:
    """`HashSuite.node` of each pair of neighbouring rows.

    Args:
        suite: the hash function.
        children: (2n, 32) uint8.

    Returns:
        (n, 32) uint8.

    Raises:
        MalformedArray: ``children`` is no such array.
    """
    children = checked_rows("children", children, DIGEST_SIZE, multiple=2)
    return hashes(suite, children.reshape(-1, 2 * DIGEST_SIZE), b"\x01")


def roots(suite: HashSuite, rows: Rows, height: int, *, leaf: bool) -> Rows:
    """The roots of perfect trees over 2^height rows each.

    Args:
        suite: the hash function.
        rows: (n · 2^height, 32) uint8.
        height: of every tree, from 0.
        leaf: the rows are contents of leaves, to be hashed first; if not, they are hashes.

    Returns:
        (n, 32) uint8.

    Raises:
        MalformedArray: ``rows`` is no such array.
    """
    rows = checked_rows("rows", rows, DIGEST_SIZE, multiple=1 << height)
    compiled = kernels(suite)
    while compiled is not None and height >= _LANE_BITS and len(rows):
        folded = min(height, CHUNK_HEIGHT)
        out = np.empty((len(rows) >> folded, DIGEST_SIZE), np.uint8)
        stride, work = _work()
        compiled.roots(rows, folded, leaf, work, stride, out)
        rows, height, leaf = out, height - folded, False
    if leaf:
        rows = leaves(suite, rows)
    for _ in range(height):
        rows = parents(suite, rows)
    return rows


def usable_threads() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def checked_rows(name: str, rows: Rows, size: int | None = None, multiple: int = 1) -> Rows:
    """The rows, next to each other in memory; copied only where they were not.

    Raises:
        MalformedArray: not a uint8 array of two dimensions, rows of ``size`` bytes if given, ``multiple`` of them.
    """
    wanted = f"(n, {'b' if size is None else size}) uint8"
    if multiple > 1:
        wanted += f" with n a multiple of {multiple}"
    if not isinstance(rows, np.ndarray):
        raise MalformedArray(name, wanted, type(rows).__name__)
    if rows.ndim != 2 or rows.dtype != np.uint8 or size not in {None, rows.shape[1]} or len(rows) % multiple:  # noqa: PLR2004 - rows and bytes
        raise MalformedArray(name, wanted, f"{rows.shape} {rows.dtype}")
    return np.ascontiguousarray(rows)


def _work() -> tuple[int, NDArray[np.uint32]]:
    """This thread's room for one chunk's hashes, word-sliced: the length of a row, and the rows."""
    if not hasattr(_local, "work"):
        # A power of two as the distance of rows would put all of them into the same few cache lines.
        _local.stride = (1 << CHUNK_HEIGHT) + LANES + 16
        _local.work = np.zeros(9 * _local.stride, np.uint32)
    return _local.stride, _local.work


@lru_cache(maxsize=64)
def _masks(prefix: bytes, size: int) -> NDArray[np.uint32]:
    """For each block of a padded message, 16 words of ones where its bytes are the message's and 16 words to set.

    What is set is the prefix before the message and the padding behind it: one bit, zeros, the length in bits (FIPS
    180-4 section 5.1.1; GB/T 32905-2016 section 5.2).
    """
    total = len(prefix) + size
    blocks = -(-(total + 1 + _LENGTH_SIZE) // _BLOCK_SIZE)
    kept, added = np.zeros((2, blocks * _BLOCK_SIZE), np.uint8)
    kept[len(prefix) : total] = 0xFF
    added[: len(prefix)] = list(prefix)
    added[total] = 0x80
    added[-_LENGTH_SIZE:] = list((8 * total).to_bytes(_LENGTH_SIZE, "big"))
    words = (part.view(">u4").astype(np.uint32).reshape(blocks, 16) for part in (kept, added))
    return np.concatenate(tuple(words), axis=1)


def _readable_in_place(count: int, size: int, before: int, reach: int) -> tuple[int, int]:
    """The rows that a kernel may read in whole blocks where they lie, without leaving the array on either side.

    Args:
        count: the number of rows.
        size: their length in bytes.
        before: how many bytes before a row its first block begins.
        reach: how many bytes its blocks span.

    Returns:
        The first such row and the one after the last, a multiple of `LANES` apart; equal if there is none.
    """
    start = LANES if before else 0
    inside = (count * size + before - reach) // size + 1 if size else 0
    return (start, start + (inside - start) // LANES * LANES) if inside - start >= LANES else (0, 0)
