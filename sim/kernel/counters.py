"""Draws by entity: words that belong to one entity, one of its steps and one purpose, whoever asks for them and when.

`sim.kernel.draws` addresses blocks; a million cases that draw a word or two each need addresses without hashing. Here
the counter of Philox-4x64 (Salmon et al., SC'11) is the address: of its four words the first is the step plus one, the
second the entity, the third the purpose. NumPy's own Philox gives the same words, which a test uses as oracle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.kernel.draws import Draws

    Words = NDArray[np.uint64]

WORDS = 4
"""A counter gives so many."""
_CELL = 2.0**-52


class Counters:
    """The words of one family of entities.

    Args:
        draws: of the replication.
        name: of the family.
    """

    def __init__(self, draws: Draws, name: str) -> None:
        self.key: Words = draws.block(name, "counters").words(2)

    def words(self, steps: NDArray[np.int64], entities: Words, purpose: int) -> Words:
        """The words at these addresses, shape (addresses, 4)."""
        from sim.kernel.compiled import counters

        cells = np.empty((len(steps), WORDS), dtype=np.uint64)
        counters.fill(self.key, np.ascontiguousarray(steps), np.ascontiguousarray(entities), purpose, cells)
        return cells

    def uniforms(self, steps: NDArray[np.int64], entities: Words, purpose: int) -> NDArray[np.float64]:
        """Numbers in (0, 1), shape (addresses, 4)."""
        return uniforms(self.words(steps, entities, purpose))


def uniforms(words: Words) -> NDArray[np.float64]:
    """The centre of the cell that each word's 52 leading bits name, of 2^52 equal ones in (0, 1)."""
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * _CELL
