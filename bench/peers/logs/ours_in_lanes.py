"""This project's kernels, which hash many records and verify many proofs at once, on one thread."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from bench.peers import trees
from bench.peers.logs import ours
from sim.proof import SHA256, lanes, merkle


class Log(trees.Log):
    """`sim.proof.merkle.build` and `verify_inclusion_batch`."""

    def __init__(self, records: list[str]) -> None:
        self._records = records
        self.root = merkle.build(SHA256, _rows(records), threads=1).root

    def prove(self, index: int) -> list[bytes]:
        """From a log in memory that holds the same records: there is no other way to make one proof."""
        return self._log.prove(index)

    @cached_property
    def _log(self) -> ours.Log:
        return ours.Log(self._records)

    def verify_all(self, records: list[str], indices: list[int], proofs: list[list[bytes]]) -> bool:
        """All proofs at once."""
        depth = len(self._records).bit_length() - 1
        return bool(
            merkle.verify_inclusion_batch(
                SHA256,
                leaf_hashes=lanes.leaves(SHA256, _rows(records)),
                indices=np.array(indices),
                size=len(self._records),
                proofs=np.frombuffer(b"".join(b"".join(proof) for proof in proofs), np.uint8).reshape(-1, depth, 32),
                lengths=np.full(len(proofs), depth),
                root=self.root,
                threads=1,
            ).all()
        )


def _rows(records: list[str]) -> np.ndarray:
    return np.frombuffer("".join(records).encode(), np.uint8).reshape(len(records), -1)
