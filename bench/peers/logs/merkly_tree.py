"""merkly: a tree that is built again for each root and proof; given RFC 9162's hashing as its hash function."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from merkly.mtree import MerkleTree

from bench.peers import trees

if TYPE_CHECKING:
    from merkly.node import Node


def _hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right if right else b"\x00" + left).digest()


class Log(trees.Log):
    """`merkly.mtree.MerkleTree`."""

    def __init__(self, records: list[str]) -> None:
        self._tree = MerkleTree(records, _hash)
        self.root = self._tree.root

    def prove(self, index: int) -> list[Node]:
        """A proof; the tree looks its leaf up by what is in it."""
        return self._tree.proof(trees.RECORDS[index])

    def verify(self, index: int, record: str, proof: list[Node]) -> bool:
        """Whether it holds; the tree hashes all records again to know its root."""
        assert index >= 0
        return self._tree.verify(proof, record)
