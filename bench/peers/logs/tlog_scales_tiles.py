"""tlog-scales: C2SP tiles in a directory, without fsync; a reader that keeps 32 tiles."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.tiles import leaf_hash
from tlog_scales.writer import TilesWriter

from bench.peers import trees

if TYPE_CHECKING:
    from tlog_scales.tlog import InclusionProof


class Log(trees.Log):
    """`TilesWriter` and `TilesReader`, on a temporary directory."""

    def __init__(self, records: list[str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        directory = Path(self._folder.name) / "log"
        writer = TilesWriter.create(directory, "peers")
        for record in records:
            writer.add_leaf(record.encode())
        writer.commit([])
        self._reader = TilesReader(LocalBackend(directory))
        self._reader.set_size(len(records))
        self._size = len(records)
        self.root = self._reader.calculate_root_hash()

    def prove(self, index: int) -> InclusionProof:
        """An inclusion proof."""
        return self._reader.get_inclusion_proof(index, self._size)

    def verify(self, index: int, record: str, proof: InclusionProof) -> bool:
        """Raises if the proof is refused."""
        assert proof.leaf_index == index
        proof.check(leaf_hash(record.encode()), self.root)
        return True
