"""``committee``: headers that k of n notaries have signed.

A proof transformation component (PTC) of AntChain Bridge and IEEE 3205, as a committee: each member has a node of its
own of the chain, verifies the chain's consensus state, an abstraction of its header, and signs it
(``commitConsensusState``); whoever carries messages collects the signatures. There the committee also verifies and
signs each message against that state (``verifyCrossChainMessage``); here a message is shown by a proof against the
endorsed state root, which says the same for fewer signatures.

Broken by k stolen keys of notaries. Whether the endorsed header is the chain's own, nobody else checks; where two
headers of one height are endorsed, the first one stays.

The bytes of an endorsement: the magic ``JANE`` (judicial alliance notaries' endorsement), the version 1, the header
after its length (2 bytes), the number of signatures (2 bytes), and for each the DID URL of the notary's key and the
signature, after their lengths (1 byte). What is signed is the magic ``JANS`` and the header.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sim.crosschain.contracts import identity
from sim.crosschain.contracts.headers import Headers
from sim.crosschain.contracts.messages import COMMIT_STATE
from sim.crosschain.contracts.refusal import Refused, malformed
from sim.proof import BlockHeader, wire
from sim.proof.signatures import Ed25519
from sim.proof.validators import Validator

if TYPE_CHECKING:
    from sim.crosschain.contracts.store import Block, Store
    from sim.crosschain.sample import Sample
    from sim.proof.suites import HashSuite

_ENDORSEMENT, _SIGNED, _VERSION = b"JANE", b"JANS", 1
_LONGEST_HEADER_BYTES = 1024
_LONGEST_SIGNATURE_BYTES = 255
_MOST_SIGNATURES = 1024


def signed_bytes(header: BlockHeader) -> bytes:
    """What a notary signs."""
    return _SIGNED + header.to_bytes()


@dataclass(frozen=True, slots=True)
class Endorsement:
    """A header and the notaries' signatures, as (DID URL, signature), in ascending order of the URLs' bytes.

    Raises:
        Refused: a notary stands there twice, or not in order.
    """

    header: BlockHeader
    signatures: tuple[tuple[str, bytes], ...]

    def __post_init__(self) -> None:
        if any(left[0].encode() >= right[0].encode() for left, right in pairwise(self.signatures)):
            raise malformed("notaries must ascend strictly by the bytes of their ids")

    def to_bytes(self) -> bytes:
        """The only encoding, laid out at the top of this module."""
        start = (_ENDORSEMENT, wire.number(_VERSION, 1), wire.sized(self.header.to_bytes(), 2))
        signed = (wire.text(name) + wire.sized(signature, 1) for name, signature in self.signatures)
        return b"".join((*start, wire.number(len(self.signatures), 2), *signed))

    @classmethod
    def from_bytes(cls, data: bytes) -> Endorsement:
        """What these bytes, and no others, encode.

        Raises:
            ProofError: they encode none.
        """
        reader = wire.Reader(data, malformed)
        reader.start(_ENDORSEMENT, _VERSION)
        header = BlockHeader.from_bytes(reader.sized("header", 2, _LONGEST_HEADER_BYTES))
        count = reader.number("number of signatures", 2, 0, _MOST_SIGNATURES)
        signatures = tuple(
            (reader.text("notary"), reader.sized("signature", 1, _LONGEST_SIGNATURE_BYTES)) for _ in range(count)
        )
        reader.end()
        return cls(header, signatures)


class Endorsed(Headers):
    """Accepts headers that enough notaries have signed.

    Args:
        link, role, chain, suite, sample: as `Headers`.
        threshold: how many notaries of the link must have signed, as the identity registry of this chain knows them.
    """

    method = COMMIT_STATE

    def __init__(
        self,
        link: str,
        role: str,
        chain: str,
        suite: HashSuite,
        sample: Sample,
        threshold: int,
    ) -> None:
        super().__init__(link, role, chain, suite, sample)
        self._notary = identity.role_of(identity.NOTARY, link)
        self._threshold = threshold

    def check(self, store: Store, block: Block, sender: str, data: bytes) -> BlockHeader | None:  # noqa: ARG002
        """As `Headers.check`; anybody may bring an endorsement."""
        shown = Endorsement.from_bytes(data)
        header = shown.header
        if self.is_known(store, header):
            return None
        self.check_new(store, header)
        signers = {name.partition("#")[0] for name, _ in shown.signatures}
        if len(signers) < self._threshold:
            raise Refused("too-few-notaries", f"{len(signers)} have signed, {self._threshold} must")
        keys = [identity.check(store, name, self._notary) for name, _ in shown.signatures]
        charged = self._sample.may_charge(data, header)
        self.count(store, len(shown.signatures), real=not charged)
        if not charged:
            message = signed_bytes(header)
            for key, (name, signature) in zip(keys, shown.signatures, strict=True):
                Validator(name, Ed25519.name, key).verify(message, signature)
        return header
