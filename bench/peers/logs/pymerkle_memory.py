"""pymerkle in memory."""

from __future__ import annotations

import pymerkle
from pymerkle.hasher import MerkleHasher

from bench.peers import trees


class Log(trees.Log):
    """`pymerkle.InmemoryTree`."""

    def __init__(self, records: list[str]) -> None:
        self._tree = pymerkle.InmemoryTree(algorithm="sha256")
        for record in records:
            self._tree.append_entry(record.encode())
        self._hasher = MerkleHasher("sha256")
        self.root = self._tree.get_root()

    def prove(self, index: int) -> pymerkle.InclusionProof:
        """An inclusion proof."""
        return self._tree.prove_inclusion(index + 1)

    def verify(self, index: int, record: str, proof: pymerkle.InclusionProof) -> bool:
        """Raises if the proof is refused."""
        base = self._hasher.hash_buff(record.encode())
        pymerkle.verify_inclusion(base, self.root, proof, index=index + 1, size=trees.SIZE, algorithm="sha256")
        return True
