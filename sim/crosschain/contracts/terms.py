"""The terms of a transfer, at the head of its memo: whose accounts it is about, or what a swap hangs on.

| way | bytes | field |
|---|---|---|
| 2pc | 8 | the account on the source. 8: the account on the destination. 1: whether the effect can't be undone |
| relay_chain | 1 | 1 if the effect can't be undone: money has left the account, a title is registered |
| htlc | 32 | the hash of the preimage, SHA-256 on both chains. 8: the source's timelock, a time of its blocks |

The destination's timelock of a swap is the packet's timeout: the time of a block from which on nothing is claimed
there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sim.crosschain.contracts.messages import memo_of
from sim.crosschain.contracts.refusal import malformed
from sim.proof import wire

_NUMBER = 8
_HASH = 32
PREIMAGE_BYTES = 32
IRREVERSIBLE = b"\x01"
"""Terms of a transfer whose effect can't be undone."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Whose accounts a transfer moves between, by numbers on each chain, and whether that can't be undone."""

    source: int
    destination: int
    irreversible: bool = False

    def to_bytes(self) -> bytes:
        """The two numbers, and a 1 or a 0."""
        numbers = wire.number(self.source, _NUMBER) + wire.number(self.destination, _NUMBER)
        return numbers + wire.number(self.irreversible, 1)

    @classmethod
    def of(cls, data: bytes) -> Accounts:
        """Those of a transfer.

        Raises:
            Refused: the data is no transfer between accounts.
        """
        head = _head(data, 2 * _NUMBER + 1)
        source, destination = head[:_NUMBER], head[_NUMBER : 2 * _NUMBER]
        return cls(int.from_bytes(source, "big"), int.from_bytes(destination, "big"), head[-1] == 1)


@dataclass(frozen=True, slots=True)
class Hashlock:
    """What a swap hangs on.

    Attributes:
        hash: of the preimage.
        timelock_ns: the time of a source's block from which on the lock there is given back, and not claimed any more.
    """

    hash: bytes
    timelock_ns: int

    def to_bytes(self) -> bytes:
        """The hash and the time."""
        return self.hash + wire.number(self.timelock_ns, _NUMBER)

    @classmethod
    def of(cls, data: bytes) -> Hashlock:
        """That of a swap.

        Raises:
            Refused: the data is no swap.
        """
        head = _head(data, _HASH + _NUMBER)
        return cls(head[:_HASH], int.from_bytes(head[_HASH:], "big"))

    def opens(self, preimage: bytes) -> bool:
        """Whether this is the preimage."""
        return hash_of(preimage) == self.hash


def is_irreversible(data: bytes) -> bool:
    """Whether the effect of a transfer can't be undone; raises `Refused` if the data is none."""
    return memo_of(data).startswith(IRREVERSIBLE)


def hash_of(preimage: bytes) -> bytes:
    """SHA-256, whatever the chains hash with, as in WeCross' HTLC.sol (`hashMatched`)."""
    return hashlib.sha256(preimage).digest()


def _head(data: bytes, length: int) -> bytes:
    memo = memo_of(data)
    if len(memo) < length:
        raise malformed(f"a transfer whose terms have {len(memo)} bytes, not {length}")
    return memo[:length]
