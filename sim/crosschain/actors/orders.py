"""What a sender says when it wants something sent, for each way of crossing: the method, and the call's parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.crosschain.contracts import htlc, two_phase
from sim.crosschain.contracts.messages import SEND, transfer
from sim.crosschain.contracts.terms import IRREVERSIBLE, Accounts, Hashlock, hash_of

if TYPE_CHECKING:
    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.sender import Traffic


class Order(Protocol):
    """One way of asking for a transfer."""

    @property
    def method(self) -> str:
        """Of the source's contract."""

    def parts(self, traffic: Traffic, k: int, now_ns: int) -> tuple[bytes, ...]:
        """What is said of a stream's transfer of this number: timeout height, timeout, data."""


@dataclass(frozen=True, slots=True)
class PacketOrder:
    """A packet of a channel.

    Attributes:
        counted: a node of the other chain, whose height a timeout counts from; None where it counts from when the chain
            between has taken a packet.
        timeout_blocks, timeout_ns: after how many blocks, or how long, a packet times out; 0 for never.
    """

    counted: Endpoint | None
    timeout_blocks: int
    timeout_ns: int
    method: str = SEND

    def parts(self, traffic: Traffic, k: int, now_ns: int) -> tuple[bytes, ...]:
        """As `Order.parts`, and how many a group has."""
        head = 0 if self.counted is None else self.counted.head()
        height = head + self.timeout_blocks if self.timeout_blocks else 0
        time_ns = now_ns + self.timeout_ns if self.timeout_ns else 0
        terms = IRREVERSIBLE if traffic.irreversible[k] else b""
        data = transfer(traffic.amount, int(traffic.size_bytes[k]), terms)
        group = (traffic.members.to_bytes(2, "big"),) if traffic.members > 1 else ()
        return _number(height), _number(time_ns), data, *group


@dataclass(frozen=True, slots=True)
class TransactionOrder:
    """A transaction in two phases, between two accounts."""

    method: str = two_phase.START

    def parts(self, traffic: Traffic, k: int, now_ns: int) -> tuple[bytes, bytes, bytes]:  # noqa: ARG002
        """As `Order.parts`."""
        accounts = Accounts(int(traffic.payer[k]), int(traffic.payee[k]), bool(traffic.irreversible[k]))
        return _number(0), _number(0), transfer(traffic.amount, int(traffic.size_bytes[k]), accounts.to_bytes())


@dataclass(frozen=True, slots=True)
class SwapOrder:
    """A swap; the preimage is given to the initiator's router.

    Attributes:
        source_ns, destination_ns: how long either lock lasts at most, by the sender's clock.
        preimages: by their hashes; each is added here.
    """

    source_ns: int
    destination_ns: int
    preimages: dict[bytes, bytes]
    method: str = htlc.LOCK

    def parts(self, traffic: Traffic, k: int, now_ns: int) -> tuple[bytes, bytes, bytes]:
        """As `Order.parts`."""
        preimage = traffic.preimages[k]
        terms = Hashlock(hash_of(preimage), now_ns + self.source_ns)
        self.preimages[terms.hash] = preimage
        data = transfer(traffic.amount, int(traffic.size_bytes[k]), terms.to_bytes())
        return _number(0), _number(now_ns + self.destination_ns), data


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")
