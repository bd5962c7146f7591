"""May this be believed? What a message of a chained protocol must carry, whoever sent it and whatever came before.

Each function that ends in ``fault`` says why no correct replica sends such a message, or None. Whether signatures hold
is for the host to say (`interface`); here it is whether there are enough of them, and whether views fit together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.chained_messages import GENESIS

if TYPE_CHECKING:
    from sim.consensus.chained_messages import Blocks, Certificate, Proposal, Timeout, TimeoutCertificate
    from sim.consensus.quorum import Quorums


def holds(certificate: Certificate | TimeoutCertificate, quorums: Quorums) -> bool:
    """Whether a quorum of replicas signed it; the genesis needs nobody's signature."""
    signers = certificate.signers
    return (signers.bit_count() >= quorums.quorum and signers < 1 << quorums.n) or certificate == GENESIS


def ends_view_before(reason: TimeoutCertificate | None, view: int, quorums: Quorums) -> bool:
    """Whether a quorum gave up on the view before this one."""
    return reason is not None and reason.view == view - 1 and holds(reason, quorums)


def proposal_fault(message: Proposal, leader: int, quorums: Quorums) -> str | None:
    """A proposal comes from the leader of its view, on a certificate below, with the reason if views are left out."""
    block = message.block
    if block.view < 1 or message.sender != leader:
        return f"proposal in view {block.view}, which is not its turn"
    if not holds(block.justify, quorums) or block.justify.view >= block.view:
        return "the certificate of its proposal does not hold"
    needs_reason = block.justify.view != block.view - 1
    if (needs_reason or message.timeouts is not None) and not ends_view_before(message.timeouts, block.view, quorums):
        return f"no quorum gave up on view {block.view - 1}"
    return None


def blocks_fault(message: Blocks, quorums: Quorums) -> str | None:
    """All certificates of an answer hold; which blocks it brings is up to its sender."""
    if not 0 <= message.sender < quorums.n or not all(holds(block.justify, quorums) for block in message.blocks):
        return "the certificates of its blocks do not hold"
    if not holds(message.high, quorums) or not holds(message.final, quorums):
        return "its newest certificate does not hold"
    return None


def timeout_fault(message: Timeout, quorums: Quorums) -> str | None:
    """Who gives up on a view knows no certificate of it, and repeats no vote but its own."""
    known = 0 <= message.sender < quorums.n
    if not known or not holds(message.high, quorums) or message.high.view >= message.view:
        return "a timeout whose certificate does not hold"
    if message.vote is not None and message.vote.sender != message.sender:
        return "a timeout with another's vote"
    return None
