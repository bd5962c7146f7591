"""The hash kernels alone, the limit of whatever hashes: chunks that stay in the cache, all threads at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from measure import Against

from sim.proof import lanes

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

_CHUNKS = 16
_LEAF_COMPRESSIONS, _NODE_COMPRESSIONS = 1, 2
"""Of SHA-256 and SM3, for 33 and 65 bytes (RFC 9162, section 2.1.1, with 64-byte blocks and their padding)."""


def kernel(suite: HashSuite, compressions: float, threads: int = 1, goal: float | None = None) -> Against:
    """Trees of 32-byte leaves, for a benchmark whose items cost so many compressions each."""
    chunk = np.random.default_rng(1).integers(0, 256, (1 << lanes.CHUNK_HEIGHT, 32), dtype=np.uint8)
    pool = ThreadPoolExecutor(threads)

    def fold(_: int) -> None:
        for _ in range(_CHUNKS):
            lanes.roots(suite, chunk, lanes.CHUNK_HEIGHT, leaf=True)

    fold(0)  # compiles, or loads what was compiled
    done = threads * _CHUNKS * len(chunk) * (_LEAF_COMPRESSIONS + _NODE_COMPRESSIONS)
    name = f"bare kernel, {threads} thread{'s' * (threads > 1)}"
    return Against(name, lambda: list(pool.map(fold, range(threads))), done / compressions, goal)
