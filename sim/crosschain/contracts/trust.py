"""What one chain of a link believes of another one, and why.

``none``: what a registered relayer says. Broken by any bytes of such a relayer.

``spv``, ``committee``, ``light_client``: what is proved against a header that it has accepted
(`sim.crosschain.contracts.headers`), because of its parent, of notaries, or of a quorum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.crosschain.contracts import identity
from sim.crosschain.contracts.messages import Claim
from sim.crosschain.contracts.refusal import Refused

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Call
    from sim.crosschain.contracts.store import Block, Store


@dataclass(frozen=True, slots=True)
class Belief:
    """What an end believes: at a header of the other chain, a key has a value, or none."""

    height: int
    time_ns: int
    value: bytes | None


class Trust(Protocol):
    """What an end requires of a proof."""

    def believe(self, store: Store, block: Block, sender: str, key: bytes, proof: bytes) -> Belief:
        """What a proof says of a key of the other chain.

        Raises:
            ProofError: it is not believed.
        """

    def update(self, store: Store, block: Block, call: Call) -> None:
        """Execute a call that tells of the other chain itself and not of a packet.

        Raises:
            ProofError: there is no such call, or it is refused.
        """

    def latest(self) -> tuple[int, int] | None:
        """Height and time of the latest header of the other chain that it knows of; None if it follows none."""

    def is_active(self, now_ns: int) -> bool:
        """Whether it still believes anything at this time, by the chain's clock (ICS-02, a client's status Active)."""


class Registered:
    """``none``: whatever a relayer of the link says, if this chain's identity registry knows it as one."""

    def __init__(self, link: str) -> None:
        self._role = identity.role_of(identity.RELAYER, link)

    def believe(self, store: Store, block: Block, sender: str, key: bytes, proof: bytes) -> Belief:  # noqa: ARG002
        """As `Trust.believe`."""
        identity.check(store, sender, self._role)
        claim = Claim.from_bytes(proof)
        return Belief(claim.height, claim.time_ns, claim.value)

    def update(self, store: Store, block: Block, call: Call) -> None:  # noqa: ARG002
        """As `Trust.update`: there is nothing to tell who believes anything."""
        raise Refused("no-such-method", f"{call.method} where relayers are believed")

    def latest(self) -> tuple[int, int] | None:
        """As `Trust.latest`."""
        return None

    def is_active(self, now_ns: int) -> bool:  # noqa: ARG002 - a word does not age
        """As `Trust.is_active`."""
        return True
