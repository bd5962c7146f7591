"""Jolteon as a state machine without I/O: HotStuff's pipeline with two certified blocks in a row, and timeouts to all.

Paper: R. Gelashvili, L. Kokoris-Kogias, A. Sonnino, A. Spiegelman and Z. Xiang, "Jolteon and Ditto: Network-Adaptive
Efficient Consensus with Asynchronous Fallback", FC 2022 (arXiv 2106.10362), section 3; its timeout certificates are
those of DiemBFT version 4. Blocks and their tree are in `chained`. The paper's rounds are called views here.

The rules:

1.  Views are led in turn. The leader of a view proposes one block on top of its newest certificate, and adds the
    timeout certificate of the view before if that brought no certificate.
2.  A replica votes once a view, in ascending views, for a block that is either certified up to the view before, or
    comes with a timeout certificate of the view before and stands on a certificate at least as new as the newest that
    any signer of that timeout certificate knew. The vote goes to the leader of the next view. There is no lock.
3.  A certificate, or a timeout certificate, of a view ends it.
4.  Two certified blocks in consecutive views decide the first of them and everything under it.
5.  When a view's time is over, TIMEOUTs go to everybody (the pacemaker of `chained`, which is this paper's).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sim.consensus.chained import ChainedReplica

if TYPE_CHECKING:
    from sim.consensus.chained_messages import Proposal


class JolteonReplica(ChainedReplica):
    """One Jolteon replica, `interface.Replica` for its host. It starts in view 1."""

    chain_length: ClassVar[int] = 2

    def _may_vote(self, proposal: Proposal) -> bool:
        block = proposal.block
        return block.justify.view == block.view - 1 or self._is_fresh(proposal)

    def _is_fresh(self, proposal: Proposal) -> bool:
        """Rule 2: nothing that may have been decided is left out by a block after a timeout."""
        reason = proposal.timeouts
        return reason is not None and proposal.block.justify.view >= reason.high_view
