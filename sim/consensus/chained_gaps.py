"""What a replica of a chained protocol was told of and does not have: proposals without parents, and what it asked for.

Blocks come from those who told of them; decided values below what replicas keep are fetched through the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.consensus.chained_messages import BlockRequest
from sim.consensus.interface import FetchState, Output, Send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.consensus.chained_messages import Blocks, Proposal
    from sim.consensus.chained_tree import BlockTree

MOST_KEPT: Final = 64
"""Proposals kept without their parents; then the oldest goes. A replica that is further behind fetches values."""


class Gaps:
    """The gaps of one replica; it asks for one block at a time."""

    def __init__(self, me: int, tree: BlockTree) -> None:
        self._me = me
        self._tree = tree
        self._pending: dict[bytes, Proposal] = {}
        self._asking = False
        self._fetching = 0

    def __bool__(self) -> bool:
        """Whether a proposal waits for its parent, or a block for an answer."""
        return bool(self._pending) or self._asking

    def keep(self, proposal: Proposal) -> None:
        """Keep a proposal whose parent is not known."""
        self._pending[proposal.block.id] = proposal
        if len(self._pending) > MOST_KEPT:
            del self._pending[next(iter(self._pending))]

    def filled(self) -> Iterator[Proposal]:
        """Put kept proposals into the tree as far as they fit by now; those that do, each before the next is tried."""
        found = True
        while found:
            found = False
            for proposal in sorted(self._pending.values(), key=lambda held: held.block.height):
                if self._tree.insert(proposal.block):
                    del self._pending[proposal.block.id]
                    found = True
                    yield proposal

    def ask(self, peer: int, block: bytes, view: int, outputs: list[Output]) -> None:
        """Ask a peer for a block and what is under it, unless something is asked for already."""
        if not self._asking:
            self._asking = True
            outputs.append(self.request(peer, block, view))

    def request(self, peer: int, block: bytes, view: int) -> Output:
        """The request, whatever is asked for already."""
        return Send(peer, BlockRequest(self._me, view, self._tree.executed, block))

    def answered(self, message: Blocks, outputs: list[Output]) -> None:
        """Blocks came: the next may be asked for. Let the host fetch what is missing below them, but only once."""
        self._asking = False
        if not message.blocks:
            return
        lowest = message.blocks[0]
        missing = lowest.height - 1
        if missing > self._tree.decided and lowest.justify.block not in self._tree and missing > self._fetching:
            self._fetching = missing
            outputs.append(FetchState(missing, b"", (message.sender,)))

    def fetched(self) -> None:
        """The host is done with what it was asked for."""
        self._fetching = 0

    def give_up(self) -> None:
        """What was asked for did not come in time: it may be asked for again."""
        self._asking = False
        self._fetching = 0

    def clear(self) -> None:
        """There are no gaps: nothing is missing, or it is not known yet."""
        self._pending.clear()
        self._asking = False
