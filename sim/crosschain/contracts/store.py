"""The state that contracts see while they run: what a call writes is kept if it succeeds, and dropped if not.

Keys are those of ICS-24 in words of this project: one link has one channel, so its id stands for port and channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.chain.config import Costs

_NUMBER = 8


def commitment_key(link: str, sequence: int) -> bytes:
    """Where the sending chain keeps a packet's commitment."""
    return f"commitments/{link}/{sequence}".encode()


def receipt_key(link: str, sequence: int) -> bytes:
    """Where the receiving chain of an unordered channel notes that it has received a packet."""
    return f"receipts/{link}/{sequence}".encode()


def ack_key(link: str, sequence: int) -> bytes:
    """Where the receiving chain keeps the hash of a packet's acknowledgement."""
    return f"acks/{link}/{sequence}".encode()


def next_key(link: str, what: str) -> bytes:
    """Where a chain keeps the next sequence to ``Send``, ``Recv`` or ``Ack``; absent as long as it is 1."""
    return f"nextSequence{what}/{link}".encode()


def number_of(value: bytes | None, absent: int = 0) -> int:
    """A number as it stands in the state."""
    return absent if value is None else int.from_bytes(value, "big")


@dataclass(frozen=True, slots=True)
class Block:
    """The block in which a call is executed: what its header says of height and time."""

    height: int
    time_ns: int


@dataclass(slots=True)
class Meter:
    """What contracts compute, to be charged to every node."""

    signatures: int = 0
    hashes: int = 0
    hashed_bytes: int = 0

    def cost_ns(self, costs: Costs) -> int:
        """CPU time of it."""
        hashing_ns = self.hashes * costs.hash_ns + costs.hash_per_kilobyte_ns * self.hashed_bytes // 1000
        return self.signatures * costs.verify_ns + hashing_ns


@dataclass(slots=True)
class Store:
    """The state of one chain's contracts.

    Attributes:
        entries: what earlier calls have written.
        changes: since the block began; None where deleted.
        meter: what was computed since then.
    """

    entries: dict[bytes, bytes] = field(default_factory=dict)
    changes: dict[bytes, bytes | None] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)
    _written: dict[bytes, bytes | None] = field(default_factory=dict)

    def begin_block(self) -> None:
        """Nothing is changed or computed yet."""
        self.changes, self.meter = {}, Meter()

    def get(self, key: bytes) -> bytes | None:
        """The value at a key."""
        return self._written[key] if key in self._written else self.entries.get(key)

    def number(self, key: bytes, absent: int = 0) -> int:
        """The number at a key."""
        return number_of(self.get(key), absent)

    def put(self, key: bytes, value: bytes) -> None:
        """Write a value."""
        self._written[key] = value

    def put_number(self, key: bytes, value: int) -> None:
        """Write a number."""
        self.put(key, value.to_bytes(_NUMBER, "big"))

    def delete(self, key: bytes) -> None:
        """Take a key out."""
        self._written[key] = None

    def keep(self) -> None:
        """What was written so far stays, whatever becomes of the rest of the call."""
        for key, value in self._written.items():
            if value is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = value
        self.changes.update(self._written)
        self._written.clear()

    def drop(self) -> None:
        """The call is refused: what it wrote is forgotten."""
        self._written.clear()
