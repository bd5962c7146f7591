"""The chains that the cases of refusals_lightclient.json start from, and how a step of a case is made."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeAlias

from foreign_chain import SECOND, ForeignChain, grown

from sim.proof.evidence import ForkEvidence, Update
from sim.proof.finality import CertifiedHeader, FinalBlock

if TYPE_CHECKING:
    from sim.proof.bundle import Bundle

Step: TypeAlias = tuple[str, bytes, int, str | None]
"""What its bytes are, its bytes, when it comes, and the kind of refusal; None if it must be accepted."""
Case: TypeAlias = tuple[str, str, list[Step]]
"""Name, trust and steps."""
NOW = 5 * SECOND

PBFT = grown(6)
ROTATING = ForeignChain()
for _names in ("abcd", "abef", "efgh", "efgh", "efgh"):
    ROTATING.grow(_names)
CHAINS = {
    "pbft": PBFT,
    "rotating": ROTATING,
    **{protocol: grown(6, protocol=protocol) for protocol in ("hotstuff", "jolteon", "tendermint", "qbft", "raft")},
}


def step(what: Update | ForkEvidence | Bundle, error: str | None = None, now_ns: int = NOW) -> Step:
    kind = {Update: "update", ForkEvidence: "evidence"}.get(type(what), "bundle")
    return kind, what.to_bytes(), now_ns, error


def raw(data: bytes, error: str, kind: str = "update") -> Step:
    return kind, data, NOW, error


def with_header(chain: ForeignChain, height: int, **changes: object) -> Update:
    """An honest update but for its header, which the validators have signed as it is."""
    header = dataclasses.replace(chain.headers[height], **changes)
    return Update(FinalBlock((chain.certify(header),)), chain.sets[height])


def with_certificate(update: Update, **changes: object) -> Update:
    """The update with its first certificate changed after it was signed."""
    link = update.block.links[0]
    changed = CertifiedHeader(link.header, dataclasses.replace(link.certificate, **changes))
    return Update(FinalBlock((changed, *update.block.links[1:])), update.validators)


def with_vote(update: Update, **changes: object) -> Update:
    """The update with its first vote changed after it was signed."""
    return with_certificate(update, vote=dataclasses.replace(update.block.links[0].certificate.vote, **changes))
