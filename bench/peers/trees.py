"""What every log is given: some records to commit to, of which it then proves and verifies a few.

Records are 32 ASCII characters, so that logs which take text only can take them too. A log that keeps to RFC 9162 must
come to the root of section 2.1.1; one that hashes without prefixes, to the root of the same tree without them.
"""

from __future__ import annotations

import hashlib
import random
from abc import ABC, abstractmethod
from typing import Any, ClassVar

SIZE = 1 << 14
"""Leaves: a power of two, where trees of all kinds have one shape."""
ASKED = 1 << 12
"""How many proofs are made and verified at most; a log that is slow at it makes fewer."""

RECORDS = [f"{number:032x}" for number in range(SIZE)]
INDICES = random.Random(3).sample(range(SIZE), ASKED)  # noqa: S311 - a choice of samples


class Log(ABC):
    """A peer's log. Making one from records is building it, up to its root.

    Attributes:
        prefixed: whether leaves and nodes are hashed with the prefixes of RFC 9162, or without any.
        root: the root, 32 bytes.
    """

    prefixed: ClassVar[bool] = True
    root: bytes

    @abstractmethod
    def __init__(self, records: list[str]) -> None: ...

    def prove(self, index: int) -> Any:  # noqa: ANN401 - whatever the peer calls a proof
        """A proof that the record at ``index`` is in the log.

        Raises:
            NotImplementedError: the peer can't, or nobody could use it.
        """
        raise NotImplementedError  # a peer that only builds is left out of the contests of proofs

    def verify(self, index: int, record: str, proof: Any) -> bool:  # noqa: ANN401 - as above
        """Whether the proof shows this record to be there; a peer may also raise.

        Raises:
            NotImplementedError: the peer makes no proofs.
        """
        raise NotImplementedError  # only peers that prove are asked, and those have their own

    def verify_all(self, records: list[str], indices: list[int], proofs: list[Any]) -> bool:
        """Whether all proofs hold: one by one, where a peer knows no better."""
        return all(
            self.verify(index, record, proof) for index, record, proof in zip(indices, records, proofs, strict=True)
        )


def expected_root(*, prefixed: bool) -> bytes:
    """The root of all records by hashlib: MTH of RFC 9162 section 2.1.1, or the same without its prefixes."""
    leaf, node = (b"\x00", b"\x01") if prefixed else (b"", b"")
    level = [hashlib.sha256(leaf + record.encode()).digest() for record in RECORDS]
    while len(level) > 1:
        level = [hashlib.sha256(node + left + right).digest() for left, right in zip(*[iter(level)] * 2, strict=True)]
    return level[0]
