"""Compiled: the four words of a Philox-4x64 counter of which three words say what is drawn for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.kernel.compiled.instructions import high, jit, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Word = np.uint64

# As in `sim.kernel.compiled.loops`: Salmon et al., SC'11, section 3.3.
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_ROUNDS = 10
_ZERO, _ONE = np.uint64(0), np.uint64(1)


@part
def words_at(key0: Word, key1: Word, step: Word, entity: Word, purpose: Word) -> tuple[Word, Word, Word, Word]:
    """The four words at this address."""
    c0, c1, c2, c3 = step + _ONE, entity, purpose, _ZERO
    for _ in range(_ROUNDS):
        high0, high1 = high(_M0, c0), high(_M1, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ key0, _M1 * c2, high0 ^ c3 ^ key1, _M0 * c0
        key0, key1 = key0 + _W0, key1 + _W1
    return c0, c1, c2, c3


@jit
def fill(
    key: NDArray[np.uint64],
    steps: NDArray[np.int64],
    entities: NDArray[np.uint64],
    purpose: int,
    cells: NDArray[np.uint64],
) -> None:
    """Write the words at these addresses into ``cells``, shape (addresses, 4)."""
    for i in range(len(steps)):
        cells[i, 0], cells[i, 1], cells[i, 2], cells[i, 3] = words_at(
            key[0], key[1], np.uint64(steps[i]), entities[i], np.uint64(purpose)
        )
