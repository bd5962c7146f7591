"""Random draws by address: the same seed and key give the same block, whoever asks, whenever, in any process.

A block is a Philox-4x64 stream (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11) whose 128-bit
key is a hash of the seed and of the caller's key: an entity and a purpose, such as ``("jc", "prepare", 17)``. Adding
a draw somewhere therefore moves no draw elsewhere.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_CELL = 2.0**-52


class Block:
    """One addressed stream; consecutive calls continue it."""

    def __init__(self, key: bytes) -> None:
        self._philox = np.random.Philox(key=np.frombuffer(key, dtype="<u8").astype(np.uint64))

    def words(self, count: int) -> NDArray[np.uint64]:
        """``count`` raw 64-bit words."""
        raw: NDArray[np.uint64] = self._philox.random_raw(count)
        return raw

    def skip(self, fours: int) -> None:
        """Leave out so many times four words, or go back as many; as many times four must have been asked for."""
        # The generator makes four words for each step of its counter.
        self._philox.advance(fours)

    def uniforms(self, count: int) -> NDArray[np.float64]:
        """``count`` numbers in (0, 1): the centres of 2^52 equal cells, so that neither end is ever drawn."""
        return ((self.words(count) >> np.uint64(12)).astype(np.float64) + 0.5) * _CELL

    def integers(self, count: int, bound: int) -> NDArray[np.int64]:
        """``count`` integers in [0, bound), for bounds far below 2^52 (the bias is below bound / 2^52)."""
        # The largest uniform is 1 - 2^-53, and its product with a bound below 2^52 still rounds to less than the bound.
        return (self.uniforms(count) * bound).astype(np.int64)


class Blocks(Block):
    """Several addressed streams side by side: what is asked for is shared out among them equally, in their order.

    A distribution that needs as many numbers for every value gives each stream's values as if it had been asked alone.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks

    def words(self, count: int) -> NDArray[np.uint64]:
        """``count`` raw 64-bit words, a multiple of the number of streams."""
        each = count // len(self._blocks)
        return np.concatenate([block.words(each) for block in self._blocks])


class Draws:
    """All chance of one replication.

    Args:
        seed: any non-negative integer.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def block(self, *key: int | str) -> Block:
        """The stream at this address. Keys are told apart by type and by position."""
        address = repr((self.seed, *(part if isinstance(part, str) else int(part) for part in key))).encode()
        return Block(hashlib.blake2b(address, digest_size=16).digest())
