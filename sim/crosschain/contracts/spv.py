"""``spv``: headers that a registered gateway has brought one after the other, from a pinned one on.

As ChainMaker's TCIP does (``SyncBlockHeader``): each header's parent is the one before it, and nobody's votes are
checked. So it is broken by one registered gateway that makes up a header. Where two headers claim one height the first
one stays, and whoever brings the other is refused, the honest gateway as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.contracts import identity
from sim.crosschain.contracts.headers import Headers
from sim.crosschain.contracts.messages import SYNC_HEADER
from sim.crosschain.contracts.refusal import Refused
from sim.proof import BlockHeader

if TYPE_CHECKING:
    from sim.crosschain.contracts.store import Block, Store
    from sim.crosschain.sample import Sample
    from sim.proof.suites import HashSuite


class Synchronised(Headers):
    """Accepts the next header of a chain from a relayer of the link, if the identity registry here knows it as one.

    Args:
        link, role, chain, suite, sample: as `Headers`.
    """

    method = SYNC_HEADER

    def __init__(self, link: str, role: str, chain: str, suite: HashSuite, sample: Sample) -> None:
        super().__init__(link, role, chain, suite, sample)
        self._gateway = identity.role_of(identity.RELAYER, link)

    def check(self, store: Store, block: Block, sender: str, data: bytes) -> BlockHeader | None:  # noqa: ARG002
        """As `Headers.check`; a header is its own bytes."""
        identity.check(store, sender, self._gateway)
        header = BlockHeader.from_bytes(data)
        if self.is_known(store, header):
            return None
        self.check_new(store, header)
        before = self.accepted(store, header.height - 1)
        if before is None or before.digest != header.parent:
            raise Refused("another-parent", f"header {header.height} does not follow one that was accepted")
        self.count(store, 0, real=True)
        return header
