"""What a liar shows a contract: the best that can be made of bytes that anybody can read, and of keys that it has.

Each stands beside the prover that makes the same out of the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from sim.chain.signing import certify
from sim.crosschain.contracts.committee import Endorsement, signed_bytes
from sim.crosschain.contracts.headers import Membership
from sim.crosschain.contracts.messages import COMMIT_STATE, SYNC_HEADER, UPDATE_CLIENT, Claim
from sim.proof.bundle import StateFact
from sim.proof.evidence import Update
from sim.proof.finality import FinalBlock
from sim.proof.state import StateTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.told import Told
    from sim.proof import BlockHeader
    from sim.proof.signatures import Signer


_NOTHING = b"\0"
"""What stands in a state in which something is missing."""


class Lie(Protocol):
    """Makes what would make another chain believe a lie.

    Attributes:
        method: of the calls that bring headers; empty where none are brought.
    """

    method: str

    def tell(
        self, shown: Endpoint, told: Told, key: bytes, value: bytes | None, not_before_ns: int = 0
    ) -> tuple[Sequence[bytes], bytes]:
        """Headers to bring first, and the last part of a call: this node's chain has a value at a key, or none.

        ``not_before_ns``: the block that is told of is not made before; it is as old as it is if left out.
        """


class FalseClaims:
    """Beside `Claims`: a relayer's word, which is no truer than the relayer."""

    method = ""

    def tell(
        self,
        shown: Endpoint,
        told: Told,  # noqa: ARG002 - who claims needs neither headers nor keys
        key: bytes,  # noqa: ARG002
        value: bytes | None,
        not_before_ns: int = 0,
    ) -> tuple[Sequence[bytes], bytes]:
        """As `Lie.tell`; who claims needs no key."""
        header = shown.header(shown.head())
        return (), Claim(header.height, max(header.time_ns, not_before_ns), value).to_bytes()


class _FalseState:
    """A state of its own, and a header that has its root on top of what the other chain has accepted.

    Attributes:
        ahead: how many blocks above its head. Where the chain itself will soon be, its true header tells of the lie.
    """

    ahead = 1

    def invent(
        self, shown: Endpoint, told: Told, key: bytes, value: bytes | None, not_before_ns: int
    ) -> tuple[BlockHeader, bytes]:
        """The header, and the proof against it."""
        suite = shown.chain.ledger.suite
        tree = StateTree(suite)
        root = tree.apply({_NOTHING: _NOTHING} if value is None else {key: value})
        head = shown.head()
        above = self.above(shown, told)
        before = told.accepted(above, told.node.head())
        parent = shown.header(min(above, head)).digest(suite) if before is None else before.digest
        header = replace(shown.header(head), height=above + self.ahead, parent=parent, state_root=root)
        header = replace(header, time_ns=max(header.time_ns, not_before_ns))
        proof = Membership(header.height, StateFact(key, value, tree.prove(key))).to_bytes()
        return header, proof

    def above(self, shown: Endpoint, told: Told) -> int:
        """The height on which it builds: what was accepted last, or the chain's own head if that is higher."""
        return max(told.latest(told.node.head()), shown.head())


class FalseHeaders(_FalseState):
    """Beside `Headers`: a gateway's own header after all true ones, which needs no key.

    It brings the true ones that are missing itself. One in their place would have to be there before any other gateway
    has brought the truth, and the truth is there first most times.
    """

    method = SYNC_HEADER

    def above(self, shown: Endpoint, told: Told) -> int:
        """As `_FalseState.above`; but upon a lie only the next header is accepted."""
        here, head = told.node.head(), shown.head()
        latest = told.latest(here)
        held = told.accepted(latest, here)
        true = held is None or (latest <= head and held.digest == shown.digest(latest))
        return max(latest, head) if true else latest

    def tell(
        self, shown: Endpoint, told: Told, key: bytes, value: bytes | None, not_before_ns: int = 0
    ) -> tuple[Sequence[bytes], bytes]:
        """As `Lie.tell`."""
        header, proof = self.invent(shown, told, key, value, not_before_ns)
        missing = range(told.latest(told.node.head()) + 1, header.height)
        return [*(shown.header(height).to_bytes() for height in missing), header.to_bytes()], proof


@dataclass(frozen=True, slots=True)
class FalseFinality(_FalseState):
    """Beside `FinalBlocks`: a header that the stolen keys have signed; without any, a true one with a false proof.

    Attributes:
        stolen: keys of validators of the chain that is shown, by id.
        ahead: as `_FalseState`.
    """

    stolen: Sequence[tuple[str, Signer]]
    ahead: int = 1
    method = UPDATE_CLIENT

    def tell(
        self, shown: Endpoint, told: Told, key: bytes, value: bytes | None, not_before_ns: int = 0
    ) -> tuple[Sequence[bytes], bytes]:
        """As `Lie.tell`."""
        header, proof = self.invent(shown, told, key, value, not_before_ns)
        latest = shown.update(shown.head())
        if not self.stolen:
            fact = Membership.from_bytes(proof).fact
            return [latest.to_bytes()], Membership(latest.header.height, fact).to_bytes()
        view = latest.block.links[0].certificate.vote.view
        digest = header.digest(shown.chain.ledger.suite)
        link = certify(header, digest, shown.chain.config.protocol, view, self.stolen)
        return [Update(FinalBlock((link,)), latest.validators).to_bytes()], proof


@dataclass(frozen=True, slots=True)
class FalseEndorsements(_FalseState):
    """Beside `Endorsements`: a header that the notaries' stolen keys have signed.

    Attributes:
        stolen: keys of notaries, by id.
        ahead: as `_FalseState`.
    """

    stolen: Sequence[tuple[str, Signer]]
    ahead: int = 1
    method = COMMIT_STATE

    def tell(
        self, shown: Endpoint, told: Told, key: bytes, value: bytes | None, not_before_ns: int = 0
    ) -> tuple[Sequence[bytes], bytes]:
        """As `Lie.tell`."""
        header, proof = self.invent(shown, told, key, value, not_before_ns)
        message = signed_bytes(header)
        signed = sorted(((name, signer.sign(message)) for name, signer in self.stolen), key=lambda s: s[0].encode())
        return [Endorsement(header, tuple(signed)).to_bytes()], proof
