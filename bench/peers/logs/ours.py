"""This project's log in memory, a record and a proof at a time."""

from __future__ import annotations

from bench.peers import trees
from sim.proof import SHA256, merkle


class Log(trees.Log):
    """`sim.proof.merkle.Log`."""

    def __init__(self, records: list[str]) -> None:
        self._log = merkle.Log(SHA256)
        self._log.extend(SHA256.leaf(record.encode()) for record in records)
        self.root = self._log.root()

    def prove(self, index: int) -> list[bytes]:
        """An inclusion proof."""
        return self._log.inclusion_proof(index)

    def verify(self, index: int, record: str, proof: list[bytes]) -> bool:
        """Raises if the proof is refused."""
        merkle.verify_inclusion(
            SHA256,
            leaf_hash=SHA256.leaf(record.encode()),
            index=index,
            size=self._log.size,
            proof=proof,
            root=self.root,
        )
        return True
