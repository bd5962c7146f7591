"""tamperlog in memory: the recursions of RFC 6962 as they stand there, so that a proof hashes the whole log."""

from __future__ import annotations

from tamperlog import AppendOnlyLog, Checkpoint
from tamperlog.log import verify_inclusion_against

from bench.peers import trees


class Log(trees.Log):
    """`tamperlog.AppendOnlyLog`."""

    def __init__(self, records: list[str]) -> None:
        self._log = AppendOnlyLog()
        for record in records:
            self._log.append(record.encode())
        self._checkpoint: Checkpoint = self._log.checkpoint()
        self.root = self._checkpoint.root

    def prove(self, index: int) -> list[bytes]:
        """An inclusion proof."""
        return self._log.prove_inclusion(index)

    def verify(self, index: int, record: str, proof: list[bytes]) -> bool:
        """Raises if the proof is refused."""
        verify_inclusion_against(self._checkpoint, index, record.encode(), proof)
        return True
