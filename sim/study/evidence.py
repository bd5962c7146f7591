"""Synthetic evidence records for the billions: each is a function of its index, so any can be made again alone.

`records` are 240 bytes of fixed layout, integers big endian:

| offset | bytes | field |
|---|---|---|
| 0 | 4 | the magic ``JAER`` (judicial alliance evidence record) |
| 4 | 4 | the version, 1 |
| 8 | 8 | the index |
| 16 | 8 | when it was deposited, in milliseconds from 1970: one record each 57 ms from 2018 on |
| 24 | 4 | the court |
| 28 | 4 | the kind of evidence |
| 32 | 32 | the digest of the evidence |
| 64 | 32 | who deposits it |
| 96 | 16 | the case |
| 112 | 64 | the depositor's signature |
| 176 | 64 | the platform's signature |

`digests` are 32 bytes alone. Everything but the first 24 bytes of a record is drawn: word w of record i is
mix(low ^ key(high, w)), where low and high are the halves of i and mix is the finaliser of MurmurHash3 (A. Appleby),
a bijection of 32-bit numbers. Two records below 2^32 therefore differ in every word drawn.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ParamSpec

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim.proof.lanes import Rows

P = ParamSpec("P")

RECORD_WORDS, DIGEST_WORDS = 60, 8
_MAGIC, _VERSION = 0x4A414552, 1
_EPOCH_MS, _STEP_MS = 1_514_736_000_000, 57
_FIXED_WORDS = 6
_GOLDEN = 0x9E3779B9
_MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Evidence:
    """The endless list of records of one mode.

    Args:
        mode: ``records`` or ``digests``.
    """

    mode: str

    @property
    def words(self) -> int:
        """The length of a record in 32-bit words."""
        return RECORD_WORDS if self.mode == "records" else DIGEST_WORDS

    @property
    def size_bytes(self) -> int:
        """The length of a record."""
        return 4 * self.words

    def record(self, index: int) -> bytes:
        """One record, made in plain Python."""
        high, low = index >> 32, index & _MASK
        drawn = [_mixed(low ^ key) for key in _keys(high, self.words)]
        if self.mode == "records":
            deposited = _EPOCH_MS + _STEP_MS * index
            drawn[:_FIXED_WORDS] = struct.unpack(">6I", struct.pack(">IIQQ", _MAGIC, _VERSION, index, deposited))
        return struct.pack(f">{self.words}I", *drawn)

    def fill(self, rows: Rows, first: int) -> None:
        """Put records ``first``, ``first`` + 1 ... into the rows of a (n, size_bytes) uint8 array, without the GIL."""
        high = first >> 32
        # A chunk that ends in the next 2^32 indices takes other keys from there on.
        split = min(len(rows), ((high + 1) << 32) - first)
        for part, start in ((rows[:split], first), (rows[split:], first + split)):
            if len(part):
                keys = np.array(_keys(start >> 32, self.words), np.uint32)
                _fill(part.view(np.uint32), np.uint32(start & _MASK), keys)
                if self.mode == "records":
                    _fill_fixed(part.view(np.uint32), start)

    def rows(self, first: int, count: int) -> Rows:
        """Records as a new array."""
        rows = np.empty((count, self.size_bytes), np.uint8)
        self.fill(rows, first)
        return rows


def _mixed(word: int) -> int:
    word = (word ^ word >> 16) * 0x85EBCA6B & _MASK
    word = (word ^ word >> 13) * 0xC2B2AE35 & _MASK
    return word ^ word >> 16


@cache
def _keys(high: int, words: int) -> tuple[int, ...]:
    """What sets the words of a record apart, and records from those 2^32 further on."""
    return tuple(_mixed((_GOLDEN * (word + 1) & _MASK) ^ _mixed(high)) for word in range(words))


def _compiled(function: Callable[P, None]) -> Callable[P, None]:
    """A loop over rows, compiled at its first call and kept on disk; other threads go on while it runs."""
    compiled: Callable[P, None] = numba.njit(nogil=True, cache=True)(function)
    return compiled


@_compiled
def _fill(rows: NDArray[np.uint32], first: np.uint32, keys: NDArray[np.uint32]) -> None:
    for row in range(rows.shape[0]):
        low = np.uint32(first + row)
        for word in range(keys.shape[0]):
            drawn = np.uint32(low ^ keys[word])
            drawn = np.uint32(np.uint32(drawn ^ (drawn >> np.uint32(16))) * np.uint32(0x85EBCA6B))
            drawn = np.uint32(np.uint32(drawn ^ (drawn >> np.uint32(13))) * np.uint32(0xC2B2AE35))
            drawn = np.uint32(drawn ^ (drawn >> np.uint32(16)))
            swapped = np.uint32(drawn << np.uint32(24)) | np.uint32((drawn & np.uint32(0xFF00)) << np.uint32(8))
            swapped |= np.uint32((drawn >> np.uint32(8)) & np.uint32(0xFF00)) | np.uint32(drawn >> np.uint32(24))
            rows[row, word] = swapped


@_compiled
def _fill_fixed(rows: NDArray[np.uint32], first: int) -> None:
    for row in range(rows.shape[0]):
        index = np.uint64(first + row)
        deposited = np.uint64(_EPOCH_MS) + np.uint64(_STEP_MS) * index
        _put(rows, row, 0, np.uint64(_MAGIC) << np.uint64(32) | np.uint64(_VERSION))
        _put(rows, row, 2, index)
        _put(rows, row, 4, deposited)


@_compiled
def _put(rows: NDArray[np.uint32], row: int, word: int, number: np.uint64) -> None:
    """A 64-bit number, big endian, into two words."""
    for half in range(2):
        part = number >> np.uint64(32 * (1 - half))
        swapped = np.uint64(0)
        for byte in range(4):
            swapped |= (part >> np.uint64(8 * byte) & np.uint64(0xFF)) << np.uint64(24 - 8 * byte)
        rows[row, word + half] = np.uint32(swapped)
