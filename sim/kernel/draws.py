"""Random draws by address: the same seed and key give the same block, whoever asks, whenever, in any process.

A block is a Philox-4x64 stream (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11) whose 128-bit
key is a hash of the seed and of the caller's key: an entity and a purpose, such as ``("jc", "prepare", 17)``. Adding
a draw somewhere therefore moves no draw elsewhere.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from sim.kernel import compiled
from sim.kernel.inversion import UNIFORM, WORD, Law, invert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Key = Sequence[int | str]

_KEY_SIZE = 16
_NOTHING = np.empty(0, dtype=np.int64)
_WORDS, _UNIFORMS = Law(WORD), Law(UNIFORM)


class Block:
    """One addressed stream; consecutive calls continue it.

    Or several of them side by side: what is asked for is shared out among them equally, in their order, and each gives
    its part as if it had been asked alone.

    Args:
        keys: 16 bytes for each stream.
    """

    def __init__(self, keys: bytes) -> None:
        self._keys = np.frombuffer(keys, dtype="<u8").astype(np.uint64).reshape(-1, 2)
        self._drawn = 0

    def words(self, count: int) -> NDArray[np.uint64]:
        """``count`` raw 64-bit words."""
        cells = self._by_loops(_WORDS, count)
        return self._by_numpy(count) if cells is None else cells.reshape(-1).view(np.uint64)

    def skip(self, count: int) -> None:
        """Leave out so many words of each stream or, if it is negative, go back by as many."""
        if self._drawn + count < 0:
            raise ValueError(f"a stream that has given {self._drawn} words can't go back by {-count}")
        self._drawn += count

    def uniforms(self, count: int) -> NDArray[np.float64]:
        """``count`` numbers in (0, 1): the centres of 2^52 equal cells, so that neither end is ever drawn."""
        return self.sample(_UNIFORMS, count)

    def integers(self, count: int, bound: int) -> NDArray[np.int64]:
        """``count`` integers in [0, bound), for bounds far below 2^52 (the bias is below bound / 2^52)."""
        # The largest uniform is 1 - 2^-53, and its product with a bound below 2^52 still rounds to less than the bound.
        return (self.uniforms(count) * bound).astype(np.int64)

    def sample(self, law: Law, count: int) -> NDArray[np.float64]:
        """``count`` values of a law, which takes one uniform for each."""
        cells = self._by_loops(law, count)
        if cells is not None:
            return cells.reshape(-1).view(np.float64)
        return invert(law, self._by_numpy(count))

    def add_to(self, base: NDArray[np.int64], law: Law) -> NDArray[np.int64]:
        """``base``, of any shape, plus the whole parts of values of a law: shape (streams, *shape of base)."""
        shape = (len(self._keys), *base.shape)
        cells = self._by_loops(law, len(self._keys) * base.size, base.reshape(-1))
        if cells is not None:
            return cells.reshape(shape)
        return base + self.sample(law, len(self._keys) * base.size).reshape(shape).astype(np.int64)

    def _by_loops(self, law: Law, count: int, base: NDArray[np.int64] = _NOTHING) -> NDArray[np.int64] | None:
        """Cells of shape (streams, values of each), or None without compiled loops."""
        loops = compiled.available()
        if loops is None:
            return None
        cells = np.empty((len(self._keys), self._shared(count)), dtype=np.int64)
        # One loop for all laws: of whole parameters numba would make another.
        loops.draw(self._keys, self._drawn, law.form, float(law.scale), float(law.shape), base, cells)
        self._drawn += cells.shape[1]
        return cells

    def _by_numpy(self, count: int) -> NDArray[np.uint64]:
        each = self._shared(count)
        # It counts up before it draws four words.
        at, inside = divmod(self._drawn, 4)
        philox = [np.random.Philox(key=key, counter=at) for key in self._keys]
        self._drawn += each
        return np.concatenate([stream.random_raw(inside + each)[inside:] for stream in philox])

    def _shared(self, count: int) -> int:
        each, rest = divmod(count, len(self._keys))
        if rest:
            raise ValueError(f"{count} numbers can't be shared out equally among {len(self._keys)} streams")
        return each


class Draws:
    """All chance of one replication.

    Args:
        seed: any non-negative integer.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._begun: dict[tuple[int | str, ...], hashlib.blake2b] = {}

    def block(self, *key: int | str) -> Block:
        """The stream at this address. Keys are told apart by type and by position."""
        address = repr((self.seed, *(part if isinstance(part, str) else int(part) for part in key))).encode()
        return Block(hashlib.blake2b(address, digest_size=_KEY_SIZE).digest())

    def blocks(self, key: tuple[int | str, ...], ends: Sequence[tuple[int | str, ...]]) -> Block:
        """The streams at the addresses ``(*key, *end)``, side by side; every end has a part at least."""
        begun = self._begun.get(key)
        if begun is None:
            begun = self._begun[key] = hashlib.blake2b(digest_size=_KEY_SIZE)
            begun.update(("(" + _template((int, *map(type, key)))[:-1] % (self.seed, *key) + ", ").encode())
        digests = []
        for end in ends:
            digest = begun.copy()
            digest.update((_template(tuple(map(type, end))) % end).encode())
            digests.append(digest.digest())
        return Block(b"".join(digests))


@cache
def _template(types: tuple[type, ...]) -> str:
    """What writes the end of an address with parts of these types as `repr` does: strings as such, all else as int."""
    return ", ".join("%r" if issubclass(part, str) else "%d" for part in types) + ")"
