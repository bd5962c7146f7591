"""proofbundle: RFC 6962 over a list of records, with a budget for each hostile input; a proof hashes the whole list."""

from __future__ import annotations

from proofbundle import merkle

from bench.peers import trees


class Log(trees.Log):
    """The functions of `proofbundle.merkle`."""

    def __init__(self, records: list[str]) -> None:
        self._records = [record.encode() for record in records]
        self.root = merkle.merkle_tree_hash(self._records)

    def prove(self, index: int) -> list[bytes]:
        """An inclusion proof."""
        return merkle.inclusion_proof(self._records, index)

    def verify(self, index: int, record: str, proof: list[bytes]) -> bool:
        """Whether it holds."""
        return merkle.verify_inclusion(record.encode(), index, len(self._records), proof, self.root)
