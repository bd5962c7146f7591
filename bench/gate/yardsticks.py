"""What a probe's time is divided by: work of others, that is there on every machine and that no change here touches."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import simpy

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Chunk = Callable[[], object]

STREAM_BYTES = 1 << 14
BLOCK_BYTES = 64
"""Of SHA-256 and of SM3: what one compression takes in."""


def stream(hash_name: str, blocks: int) -> Chunk:
    """So many compressions of OpenSSL's hash, in messages of 16 KiB."""
    message, new = bytes(STREAM_BYTES), hashlib.new
    messages = range(max(1, blocks * BLOCK_BYTES // STREAM_BYTES))

    def chunk() -> None:
        for _ in messages:
            new(hash_name, message, usedforsecurity=False).digest()

    return chunk


def nodes(hash_name: str, count: int) -> Chunk:
    """So many node hashes of a Merkle tree, one after the other, as one would write them with hashlib."""
    state, pair = hashlib.new(hash_name, b"\x01", usedforsecurity=False), bytes(64)

    def chunk() -> None:
        for _ in range(count):
            node = state.copy()
            node.update(pair)
            node.digest()

    return chunk


def timeouts(count: int) -> Chunk:
    """So many events of a bare SimPy: a process that sleeps, and wakes."""

    def sleeper(environment: simpy.Environment) -> Generator[simpy.Event, None, None]:
        for _ in range(count):
            yield environment.timeout(1)

    def chunk() -> None:
        environment = simpy.Environment()
        environment.process(sleeper(environment))
        environment.run()

    return chunk


def order(cells: int) -> Chunk:
    """A NumPy pass: the stable order of so many integers, and their running sum in it."""
    numbers = np.random.default_rng(1).integers(0, 1 << 40, cells)

    def chunk() -> None:
        np.cumsum(numbers[np.argsort(numbers, kind="stable")])

    return chunk
