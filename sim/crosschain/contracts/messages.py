"""The bytes that cross: calls of contracts, packets, and what a relayer merely says of the other chain.

Integers are big endian, a variable field follows its length (`sim.proof.wire`). A call:

| bytes | field |
|---|---|
| 4 | the magic ``JACC`` (judicial alliance contract call) |
| 1 | the version, 1 |
| 1 + l, 1 + m, 1 + s | `link`, `method` and `sender`, UTF-8 after their lengths |
| 4 + p | `payload`: its parts, each after its length of 4 bytes |

These bytes are what the chain's log holds. Every version begins with the magic, the version and the link. A packet is
``JACP``, version 1, the link, the sequence, the timeout height and time (8 bytes each, 0 for none), and the data after
its length of 4 bytes; one of a group has version 2, and behind the data the group's name and how many it has (2 bytes).
A transfer, the data of a packet, is the amount (8 bytes) and a memo, which begins with the terms of the transfer
(`sim.crosschain.contracts.terms`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.contracts.refusal import Refused, malformed
from sim.proof import wire

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

LONGEST_PART_BYTES = 8 * 1024 * 1024
VERSION = 1
"""Of calls, and of packets without a group."""
_CALL, _PACKET, _GROUPED = b"JACC", b"JACP", 2
_NUMBER, _MEMBERS = 8, 2

_check = wire.Checks(malformed)

SEND, RECEIVE, ACKNOWLEDGE, TIME_OUT = "sendPacket", "recvPacket", "acknowledgePacket", "timeoutPacket"
HEARTBEAT = "heartbeat"
"""Methods of a link's contract: ICS-04's, and a call that changes nothing, for a chain to make a block. Users send
packets by the same method whatever the way."""

HANDLE, INVOKE, RECEIPT = "handleIBTP", "invokeInterchain", "invokeReceipt"
"""BitXHub's, on the relay chain, the destination and the source."""

UPDATE_CLIENT, SYNC_HEADER, COMMIT_STATE = "updateClient", "syncBlockHeader", "commitConsensusState"
"""Calls that bring a header of another chain: ICS-02's, TCIP's, and that of AntChain's PTC."""

RECOVER = "recoverClient"
"""A call by which members set a header to go on from (ibc-go, ADR-026)."""

OF_CLIENTS = frozenset({UPDATE_CLIENT, SYNC_HEADER, COMMIT_STATE, RECOVER})
"""Calls that tell of another chain and not of a packet: the role of that chain, and what is told."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a link's contract; the chain has checked that the sender signed it, as for every transaction."""

    link: str
    method: str
    sender: str
    parts: tuple[bytes, ...]

    def to_bytes(self, version: int = VERSION) -> bytes:
        """The call's only encoding, laid out at the top of this module; in another version nobody here reads it."""
        head = [_CALL, wire.number(version, 1), wire.text(self.link), wire.text(self.method), wire.text(self.sender)]
        return b"".join((*head, *(wire.sized(part, 4) for part in self.parts)))

    @classmethod
    def from_bytes(cls, data: bytes) -> Call:
        """The call that these bytes, and no others, encode.

        Raises:
            Refused: they encode none.
        """
        if data.startswith(_CALL) and data[len(_CALL) :][:1] != bytes([VERSION]):
            raise Refused("another-version", f"contracts here take calls of version {VERSION}")
        reader = wire.Reader(data, malformed)
        reader.start(_CALL, VERSION)
        link, method, sender = reader.text("link"), reader.text("method"), reader.text("sender")
        left = len(data) - len(_CALL) - 1 - sum(1 + len(word.encode()) for word in (link, method, sender))
        parts: list[bytes] = []
        while left > 0:
            parts.append(reader.sized("part", 4, LONGEST_PART_BYTES))
            left -= 4 + len(parts[-1])
        return cls(link, method, sender, tuple(parts))


def link_of(data: bytes) -> str:
    """The link of a call, whatever its version.

    Raises:
        Refused: there is none.
    """
    reader = wire.Reader(data, malformed)
    reader.take("magic and version", len(_CALL) + 1)
    return reader.text("link")


@dataclass(frozen=True, slots=True)
class Packet:
    """What crosses a link (ICS-04, "Packets").

    Attributes:
        link: the link.
        sequence: counts from 1 on each link.
        timeout_height: the destination's block from which on it is not received any more; 0 for none.
        timeout_ns: the time of a destination's block, likewise.
        data: for the application.
        group: that it belongs to, by the name of whoever sent it; empty for a packet by itself.
        members: how many the group has; 0 without.

    Raises:
        Refused: a field has the wrong type or range.
    """

    link: str
    sequence: int
    timeout_height: int
    timeout_ns: int
    data: bytes
    group: str = ""
    members: int = 0

    def __post_init__(self) -> None:
        _check.words("link", self.link)
        for name in ("sequence", "timeout_height", "timeout_ns"):
            _check.integer(name, getattr(self, name))
        _check.octets("data", self.data, 0, LONGEST_PART_BYTES)
        _check.integer("members", self.members)
        if (self.members > 0) != bool(self.group):
            raise malformed("a group has a name, and members")

    def commitment(self, suite: HashSuite) -> bytes:
        """What the sending chain keeps of it: H(timeouts ‖ H(data)), ICS-04 "Packet data commitment".

        Of one in a group H(timeouts ‖ H(data) ‖ group).
        """
        timeouts = wire.number(self.timeout_ns, _NUMBER) + wire.number(self.timeout_height, _NUMBER)
        return suite.digest(timeouts + suite.digest(self.data) + self._grouping())

    def _grouping(self) -> bytes:
        return wire.text(self.group) + wire.number(self.members, _MEMBERS) if self.group else b""

    def is_late(self, height: int, time_ns: int) -> bool:
        """Whether a destination's block of this height and time comes too late to receive it."""
        return 0 < self.timeout_height <= height or 0 < self.timeout_ns <= time_ns

    def to_bytes(self) -> bytes:
        """The packet's only encoding, laid out at the top of this module."""
        numbers = (self.sequence, self.timeout_height, self.timeout_ns)
        version = wire.number(_GROUPED if self.group else VERSION, 1)
        head = (_PACKET, version, wire.text(self.link), *(wire.number(n, _NUMBER) for n in numbers))
        return b"".join((*head, wire.sized(self.data, 4), self._grouping()))

    @classmethod
    def from_bytes(cls, data: bytes) -> Packet:
        """The packet that these bytes, and no others, encode.

        Raises:
            Refused: they encode none.
        """
        reader = wire.Reader(data, malformed)
        grouped = data[len(_PACKET) : len(_PACKET) + 1] == wire.number(_GROUPED, 1)
        reader.start(_PACKET, _GROUPED if grouped else VERSION)
        link = reader.text("link")
        sequence, height, time_ns = (reader.number(name, _NUMBER) for name in ("sequence", "height", "time"))
        content = reader.sized("data", 4, LONGEST_PART_BYTES)
        group = (reader.text("group"), reader.number("members", _MEMBERS, 1)) if grouped else ("", 0)
        reader.end()
        return cls(link, sequence, height, time_ns, content, *group)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a relayer says of the other chain, without proof: at a header, a key has a value, or none.

    Attributes:
        height, time_ns: of the header.
        value: None for absence.
    """

    height: int
    time_ns: int
    value: bytes | None

    def to_bytes(self) -> bytes:
        """Height and time, 8 bytes each, and the value after a 1, or a 0."""
        head = wire.number(self.height, _NUMBER) + wire.number(self.time_ns, _NUMBER)
        return head + (b"\0" if self.value is None else b"\1" + wire.sized(self.value, 4))

    @classmethod
    def from_bytes(cls, data: bytes) -> Claim:
        """The claim that these bytes, and no others, encode.

        Raises:
            Refused: they encode none.
        """
        reader = wire.Reader(data, malformed)
        height, time_ns = reader.number("height", _NUMBER), reader.number("time", _NUMBER)
        there = reader.number("presence", 1, 0, 1)
        value = reader.sized("value", 4, LONGEST_PART_BYTES) if there else None
        reader.end()
        return cls(height, time_ns, value)


def transfer(amount: int, size_bytes: int, terms: bytes = b"") -> bytes:
    """The data of a transfer on these terms, with a memo that makes it this long, or as short as it can be."""
    memo = terms.ljust(max(0, size_bytes - _NUMBER - 4), b"\0")
    return wire.number(amount, _NUMBER) + wire.sized(memo, 4)


def amount_of(data: bytes) -> int:
    """The amount of a transfer.

    Raises:
        Refused: the data is no transfer.
    """
    return _amount_and_memo(data)[0]


def memo_of(data: bytes) -> bytes:
    """The memo of a transfer.

    Raises:
        Refused: the data is no transfer.
    """
    return _amount_and_memo(data)[1]


def _amount_and_memo(data: bytes) -> tuple[int, bytes]:
    reader = wire.Reader(data, malformed)
    amount, memo = reader.number("amount", _NUMBER), reader.sized("memo", 4, LONGEST_PART_BYTES)
    reader.end()
    return amount, memo
