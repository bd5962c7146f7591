"""The keys of a chain's validators, and what they sign: final blocks, for whoever must be shown one.

While validators vote, signatures are charged and not made. A block that is shown to another chain is signed for real,
by a quorum, when it is shown. Keys are Ed25519 whatever the hash: signatures of SM2 are randomised
(`sim.proof.signatures`), and the same scenario would give other bytes each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.chain.blocks import NOT_YET, Body
from sim.proof.certificate import QuorumCertificate, Vote, VoteSignature
from sim.proof.evidence import Update
from sim.proof.finality import FINALITY, CertifiedHeader, FinalBlock
from sim.proof.signatures import Ed25519
from sim.proof.validators import Validator, ValidatorSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sim.chain.blocks import Block
    from sim.kernel.draws import Draws
    from sim.proof import BlockHeader
    from sim.proof.signatures import Signer

REMEMBERED = 256
"""Shown blocks whose signatures are kept, the latest ones; others are signed again if they are asked for."""
_KEY_WORDS = 4


def make_keys(draws: Draws, chain: str, validators: int) -> dict[str, Signer]:
    """The keys of a chain's validators by their ids, in order of their numbers."""
    words = draws.block(chain, "validator keys").words(_KEY_WORDS * validators).astype("<u8").reshape(validators, -1)
    return {f"{chain}/validators/{index}": Ed25519.signer(words[index].tobytes()) for index in range(validators)}


def certify(
    header: BlockHeader, digest: bytes, protocol: str, view: int, signers: Iterable[tuple[str, Signer]]
) -> CertifiedHeader:
    """A header with the signatures of these parties under the vote that makes it final.

    Raises:
        ValueError: the protocol is none in which one certificate does.
    """
    rule = FINALITY.get(protocol)
    if rule is None or rule.links != 1:
        raise ValueError(f"one certificate makes no block of {protocol} final")
    vote = Vote(header.chain, protocol, rule.phase, view, header.height, digest)
    message = vote.to_bytes()
    signed = [VoteSignature(name, signer.sign(message)) for name, signer in signers]
    return CertifiedHeader(header, QuorumCertificate(vote, tuple(sorted(signed, key=lambda s: s.validator.encode()))))


class Signing:
    """The validators of one chain as those who sign its blocks.

    Args:
        keys: by id, in order of the validators' numbers.
        protocol: of the chain.

    Attributes:
        keys: as given.
        validators: who votes, by their public keys.
    """

    def __init__(self, keys: Mapping[str, Signer], protocol: str) -> None:
        self.keys = dict(keys)
        members = [Validator(name, signer.scheme, signer.public_key) for name, signer in keys.items()]
        self.validators = ValidatorSet(tuple(sorted(members, key=lambda member: member.id.encode())))
        self._protocol = protocol
        self._shown: dict[int, Update] = {}

    def show(self, block: Block) -> Update:
        """A final block, signed by the quorum that has known of it longest, as far as is known when it is shown."""
        height = block.header.height
        if height not in self._shown:
            body = block.value.body if block.value is not None else None
            # The null value of a view change has no view of its own.
            view = body.view if isinstance(body, Body) else 0
            known = [
                (time_ns if time_ns != NOT_YET else 1 << 63, k) for k, time_ns in enumerate(block.voted_ns.tolist())
            ]
            names = list(self.keys)
            first = sorted(known[: len(names)])[: self.validators.quorum]
            signers = [(names[k], self.keys[names[k]]) for _, k in first]
            link = certify(block.header, block.digest, self._protocol, view, signers)
            self._shown[height] = Update(FinalBlock((link,)), self.validators)
            if len(self._shown) > REMEMBERED:
                del self._shown[next(iter(self._shown))]
        return self._shown[height]
