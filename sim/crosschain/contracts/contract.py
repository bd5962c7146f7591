"""What every contract of a link has: it executes calls, and refuses what is not for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.contracts.messages import HEARTBEAT, OF_CLIENTS, Packet
from sim.crosschain.contracts.refusal import Refused, malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.crosschain.contracts.messages import Call
    from sim.crosschain.contracts.store import Block, Store
    from sim.crosschain.contracts.trust import Belief, Trust
    from sim.crosschain.steps import Step
    from sim.proof.suites import HashSuite


@dataclass(frozen=True, slots=True)
class Event:
    """What a call did to a packet, and what was acknowledged."""

    step: Step
    packet: Packet
    acknowledgement: bytes = b""


@dataclass(frozen=True, slots=True)
class Contract:
    """One chain's part of a link.

    Attributes:
        link: the link.
        suite: the hash of this chain.
        suites: the hashes of the link's chains, by role.
        trusts: what this chain believes of the others, by their roles.
    """

    link: str
    suite: HashSuite
    suites: Mapping[str, HashSuite]
    trusts: Mapping[str, Trust]

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """Execute a call; here those that tell of another chain, and heartbeats.

        Returns:
            What it did to a packet.

        Raises:
            ProofError: it is refused; what it wrote must be dropped.
        """
        if call.method == HEARTBEAT:
            return None
        if call.method in OF_CLIENTS:
            self._trust_in(parts_of(call, 2)[0]).update(store, block, call)
            return None
        raise Refused("no-such-method", f"{call.method} at this end of {self.link}")

    def _trust_in(self, role: bytes) -> Trust:
        for name, trust in self.trusts.items():
            if name.encode() == role:
                return trust
        raise Refused("no-such-client", f"{role!r:.64} at this end of {self.link}")

    def begin(self, store: Store, block: Block) -> None:
        """A block begins: what is due by its height and time happens, before any call of it."""

    def packet(self, data: bytes) -> Packet:
        """The packet that these bytes encode.

        Raises:
            Refused: they encode none, or one of another link.
        """
        packet = Packet.from_bytes(data)
        if packet.link != self.link:
            raise Refused("another-link", f"a packet of {packet.link}")
        return packet

    def believe(self, store: Store, block: Block, call: Call, role: str, key: bytes) -> Belief:
        """What the call's last part proves of a key of another chain of the link.

        Raises:
            ProofError: it is not believed.
        """
        return self.trusts[role].believe(store, block, call.sender, key, call.parts[-1])


def parts_of(call: Call, count: int) -> tuple[bytes, ...]:
    """The parts of a call, if there are so many.

    Raises:
        Refused: there are more, or fewer.
    """
    if len(call.parts) != count:
        raise malformed(f"{call.method} takes {count} parts, not {len(call.parts)}")
    return call.parts
