"""Keys of what a case asks of the chains: of its uid, the step that asks, and which part of the step.

The finaliser of splitmix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA'14) over a
sum with odd multipliers: keys of different steps are as good as random, so that two of 10^9 are equal with a chance of
3 %, and of a day's 10^7 with one of 3e-6. Two records of one key would be told the worse of what became of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]

RECORD, MESSAGE, CHECK, COPY, CHILD = 0, 1 << 20, 2 << 20, 3 << 20, 4 << 20
"""First parts: of a step's records, packets and verification requests, of copies of a case, of a step's children."""
ACKNOWLEDGED = 1 << 63
"""The bit in which the key of what a sender learns of its message differs from that of the message."""
_MASK = (1 << 64) - 1
STEP, PART = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
SHIFTS = 30, 27, 31


PARTS = 20
"""Bits of a key that say where in its range an estimate lies."""


@overload
def estimated_ns(usual_ns: int, key: int) -> int: ...
@overload
def estimated_ns(usual_ns: NDArray[np.int64], key: Keys) -> NDArray[np.int64]: ...
def estimated_ns(usual_ns: int | NDArray[np.int64], key: int | Keys) -> int | NDArray[np.int64]:
    """What something takes of which nothing is known yet: half to one and a half times what is usual, by its key.

    Were it the same for all, whoever acts when a period ends, at midnight, would be heard of in the same second.
    """
    if isinstance(key, np.ndarray):
        parts = (key >> np.uint64(64 - PARTS)).astype(np.int64)
        spread: NDArray[np.int64] = usual_ns // 2 + ((usual_ns * parts) >> PARTS)
        return spread
    return usual_ns // 2 + ((usual_ns * (key >> (64 - PARTS))) >> PARTS)


@overload
def key_of(uid: int, step: int, part: int) -> int: ...
@overload
def key_of(uid: Keys, step: NDArray[np.int64], part: int | NDArray[np.int64]) -> Keys: ...
def key_of(uid: int | Keys, step: int | NDArray[np.int64], part: int | NDArray[np.int64]) -> int | Keys:
    """The key of one part of one step of one case, or of many."""
    if isinstance(uid, np.ndarray):
        return _keys_of(uid, np.asarray(step), np.asarray(part))
    z = (uid + (int(step) + 1) * STEP + int(part) * PART) & _MASK
    z = ((z ^ (z >> SHIFTS[0])) * FIRST) & _MASK
    z = ((z ^ (z >> SHIFTS[1])) * SECOND) & _MASK
    return z ^ (z >> SHIFTS[2])


def _keys_of(uid: Keys, step: NDArray[np.int64], part: NDArray[np.int64]) -> Keys:
    a, b, c = (np.uint64(shift) for shift in SHIFTS)
    with np.errstate(over="ignore"):
        z = uid + (step.astype(np.uint64) + np.uint64(1)) * np.uint64(STEP) + part.astype(np.uint64) * np.uint64(PART)
        z = (z ^ (z >> a)) * np.uint64(FIRST)
        z = (z ^ (z >> b)) * np.uint64(SECOND)
    keys: Keys = z ^ (z >> c)
    return keys
