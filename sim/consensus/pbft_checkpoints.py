"""Who claims which state: checkpoint votes on their way to a stable checkpoint (section 4.3).

Only the newest claims of each replica are kept, so a Byzantine one can waste no memory but its own share, and a
replica that fell far behind still sees a quorum form on checkpoints beyond its high water mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.pbft_messages import CheckpointCertificate

if TYPE_CHECKING:
    from sim.consensus.pbft_config import Config


class Checkpoints:
    """The claims of all replicas; of each, as many as reach over two lengths of the log."""

    def __init__(self, config: Config) -> None:
        self._quorum = config.quorums.quorum
        self._interval = config.checkpoint_interval
        self._kept = 2 * config.log_size // config.checkpoint_interval
        self._claims: list[dict[int, bytes]] = [{} for _ in range(config.n)]

    def fault(self, sender: int, sequence: int, state_digest: bytes) -> str | None:
        """Why only a faulty ``sender`` would claim this, or None."""
        if not 0 <= sender < len(self._claims):
            return "checkpoint from no replica"
        if sequence < 1 or sequence % self._interval:
            return f"checkpoint at {sequence}, which is no multiple of the interval {self._interval}"
        if self._claims[sender].get(sequence, state_digest) != state_digest:
            return f"two different checkpoints at {sequence}"
        return None

    def claim(self, sender: int, sequence: int, state_digest: bytes) -> CheckpointCertificate | None:
        """Note the claim; returns the certificate if a quorum makes it now."""
        claims = self._claims[sender]
        if sequence in claims:
            return None
        claims[sequence] = state_digest
        if len(claims) > self._kept:
            del claims[min(claims)]
        held = [claimed.get(sequence) for claimed in self._claims]
        if held.count(state_digest) < self._quorum:
            return None
        signers = tuple(i for i, digest in enumerate(held) if digest == state_digest)
        return CheckpointCertificate(sequence, state_digest, signers)

    def claimed(self, replica: int, sequence: int) -> bytes | None:
        """What ``replica`` said its state was at ``sequence``, if that is still kept."""
        return self._claims[replica].get(sequence)

    def forget(self, sequence: int) -> None:
        """Drop claims below the stable checkpoint ``sequence``."""
        for claims in self._claims:
            for old in [s for s in claims if s < sequence]:
                del claims[old]

    def highest(self) -> list[int]:
        """The highest sequence number that each replica claims, 0 where none is kept."""
        return [max(claims, default=0) for claims in self._claims]

    def above(self, replica: int, sequence: int) -> tuple[tuple[int, bytes], ...]:
        """The claims of ``replica`` above ``sequence``, ascending."""
        return tuple(sorted(item for item in self._claims[replica].items() if item[0] > sequence))
