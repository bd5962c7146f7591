"""Chained HotStuff as a state machine without I/O: one vote per view, three certified blocks in a row decide.

Paper: M. Yin, D. Malkhi, M. K. Reiter, G. Golan Gueta and I. Abraham, "HotStuff: BFT Consensus in the Lens of
Blockchain", PODC 2019 (arXiv 1803.05069), Algorithms 3 to 5; blocks and their tree are in `chained`.

The rules:

1.  Views are led in turn. The leader of a view proposes one block on top of the block that its newest certificate
    (highQC) certifies.
2.  A replica votes once a view, for a block that is *safe*: it extends the block that the replica is locked on, or its
    certificate is newer than the lock (safeNode, Algorithm 1). The vote goes to the leader of the next view.
3.  A quorum of votes is a certificate: the next leader proposes on top of it. Views end as `chained` says.
4.  A certified block whose parent it certifies in turn makes a two-chain: replicas lock on the parent (Algorithm 5).
5.  Three certified blocks in consecutive views decide the first of them and everything under it (Algorithm 5). Views
    that bring no block break the row, which the paper says by dummy nodes.

The pacemaker, which the paper leaves open (section 4.4), is that of Jolteon, with one addition: a TIMEOUT repeats its
sender's last vote. Votes for a block go to one replica only, and with four replicas of which one is silent there are
never three views in a row whose votes all reach a live one. With the repeated votes the leader after the silent one
makes the missing certificate, and since among 3f+1 in a ring with f silent three live ones stand in a row, the chain
grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sim.consensus.chained import ChainedReplica
from sim.consensus.chained_messages import GENESIS

if TYPE_CHECKING:
    from sim.consensus.chained_messages import Certificate, Proposal, Vote
    from sim.consensus.parameters import Parameters


class HotStuffReplica(ChainedReplica):
    """One replica of chained HotStuff, `interface.Replica` for its host. It starts in view 1."""

    chain_length: ClassVar[int] = 3

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._locked: tuple[int, bytes] = (0, GENESIS.block)

    def _may_vote(self, proposal: Proposal) -> bool:
        block = proposal.block
        return block.justify.view > self._locked[0] or self._tree.extends(block.id, self._locked[1])

    def _certified(self, certificate: Certificate) -> None:
        block = self._tree.get(certificate.block)
        if block is not None and block.justify.view > self._locked[0]:
            self._locked = (block.justify.view, block.justify.block)

    def _vote_in_timeout(self) -> Vote | None:
        return self._last_vote
