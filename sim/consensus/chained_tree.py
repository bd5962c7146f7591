"""The blocks that a replica of a chained protocol knows: a tree, of which one branch becomes final from below.

A block's parent is the one that its certificate certifies. The tree ends in a *root*, of which only identity and height
are known: the genesis, or where decided values were fetched or forgotten. Three heights grow on the final branch: up to
``executed`` the host has executed it, up to ``decided`` it is final here, up to ``announced`` others can know that too.
As in DiemBFT, whose pseudocode has a module of this name, the newest certificates belong to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.consensus.chained_messages import GENESIS, Block, Certificate

if TYPE_CHECKING:
    from sim.consensus.interface import Resumed

TAIL: Final = 64
"""Decided blocks that a replica keeps for those behind it."""


class BlockTree:
    """Blocks by identity; it begins with the genesis, which has height 0.

    Args:
        chain_length: certified blocks in consecutive views that make the first of them final.

    Attributes:
        executed, decided, announced: heights on the final branch, see above.
        high: the newest certificate; its block need not be known.
        deciding: the certificate that last made something final here.
    """

    def __init__(self, chain_length: int) -> None:
        self.high = GENESIS
        self.deciding = GENESIS
        self.executed = 0
        self.decided = 0
        self.announced = 0
        self._chain_length = chain_length
        self._blocks: dict[bytes, Block] = {}
        self._root = (GENESIS.block, 0)
        self._open: dict[bytes, int] = {}
        self._unexecuted: list[Block] = []

    # What is known.

    def get(self, block: bytes) -> Block | None:
        """The block of this identity; None for the root, and for what is not known."""
        return self._blocks.get(block)

    def __contains__(self, block: bytes) -> bool:
        return block in self._blocks or block == self._root[0]

    def _height_of(self, block: bytes) -> int:
        return self._root[1] if block == self._root[0] else self._blocks[block].height

    @property
    def next_height(self) -> int:
        """The height of a block on top of the newest certified one, which is known."""
        return self._height_of(self.high.block) + 1

    @property
    def has_open_values(self) -> bool:
        """Whether a block with transactions is known that is neither final nor given up."""
        return bool(self._open)

    @property
    def is_settled(self) -> bool:
        """Whether no value waits for blocks on top of it, and the newest certificate ends a full row of views."""
        if self._open or self.valued():
            return False
        return not self.high.view or self._final(self.high.block) is not None

    def valued(self) -> list[Block]:
        """The blocks with transactions from the newest certified one down to what is executed and announced."""
        valued = []
        floor = min(self.announced, self.executed)
        block = self._blocks.get(self.high.block)
        while block is not None and block.height > floor:
            if block.value.count:
                valued.append(block)
            block = self._blocks.get(block.justify.block)
        return valued

    def tail(self) -> list[Block]:
        """The newest certified blocks, as many as it takes to decide one, in ascending order."""
        tail: list[Block] = []
        block = self._blocks.get(self.high.block)
        while block is not None and len(tail) < self._chain_length:
            tail.insert(0, block)
            block = self._blocks.get(block.justify.block)
        return tail

    def above(self, height: int, *tips: bytes) -> tuple[Block, ...]:
        """The blocks above a height and under some others, each once, in ascending order."""
        found: dict[bytes, Block] = {}
        for tip in tips:
            block = self._blocks.get(tip)
            while block is not None and block.height > height and block.id not in found:
                found[block.id] = block
                block = self._blocks.get(block.justify.block)
        return tuple(sorted(found.values(), key=lambda block: (block.height, block.view)))

    def extends(self, tip: bytes, ancestor: bytes) -> bool:
        """Whether a known block is the other or stands on it."""
        block = self._blocks.get(tip)
        while block is not None and block.id != ancestor:
            if block.justify.block == ancestor:
                return True
            block = self._blocks.get(block.justify.block)
        return block is not None

    def _final(self, tip: bytes) -> Block | None:
        """The first of ``chain_length`` blocks in consecutive views that end with this certified one, if it does."""
        block = self._blocks.get(tip)
        for _ in range(self._chain_length - 1):
            parent = None if block is None else self._blocks.get(block.justify.block)
            if block is None or parent is None or parent.view != block.view - 1:
                return None
            block = parent
        return block

    # What comes to be known.

    def add(self, block: Block) -> None:
        """Add a block of this replica's own."""
        self._blocks[block.id] = block
        if block.value.count:
            self._open[block.id] = block.height

    def insert(self, block: Block) -> bool:
        """Put another's block whose parent is known into the tree; says whether it fits there.

        After decided values were fetched the block that they end with has no identity here: the parent of whatever
        comes next is taken for it.
        """
        parent = block.justify.block
        if parent not in self and block.height == self.executed + 1 == self.decided + 1:
            self._root = (parent, self.executed)
        if parent not in self or self._height_of(parent) + 1 != block.height:
            return False
        self._blocks[block.id] = block
        if block.value.count and block.height > self.decided:
            self._open[block.id] = block.height
        return True

    def learn(self, certificate: Certificate) -> None:
        """A certificate: it may be the newest."""
        if certificate.view > self.high.view:
            self.high = certificate

    def settle(self, certificate: Certificate, *, public: bool) -> list[Block]:
        """What this certificate makes final, in ascending order; ``public`` if others have it too."""
        final = self._final(certificate.block)
        if final is None:
            return []
        if public:
            self.announced = max(self.announced, final.height)
        if final.height <= self.decided:
            return []
        self.deciding = certificate
        return self.decide(final)

    def decide(self, final: Block) -> list[Block]:
        """Make a block and everything under it final; returns what was not before, in ascending order.

        That is nothing if it does not reach down to what was decided last.
        """
        chain = []
        block: Block | None = final
        while block is not None and block.height > self.decided:
            chain.append(block)
            block = self._blocks.get(block.justify.block)
        chain.reverse()
        if chain[0].height != self.decided + 1:
            return []
        self.decided = final.height
        self._unexecuted += chain
        self._close(final.height)
        return chain

    def _close(self, height: int) -> None:
        self._open = {id_: at for id_, at in self._open.items() if at > height}

    # What the host has done.

    @property
    def unexecuted(self) -> list[Block]:
        """The final blocks that the host has not executed, in ascending order."""
        return [block for block in self._unexecuted if block.height > self.executed]

    def execute(self, height: int) -> None:
        """The next final block is executed."""
        self.executed = height
        self._forget()

    def skip_to(self, height: int) -> None:
        """Everything up to a height above ``executed`` was fetched and executed."""
        self.executed = height
        self.announced = max(self.announced, height)
        if height > self.decided:
            self.decided = height
            self._stand_on(height)
        self._close(height)
        self._forget()

    def _stand_on(self, height: int) -> None:
        """Blocks above a fetched height stay if they are linked to one at it; otherwise the next ones set the root."""
        at = {id_ for id_, block in self._blocks.items() if block.height == height}
        if not at:
            self._blocks = {id_: block for id_, block in self._blocks.items() if block.height <= height}

    def plant(self, event: Resumed, signers: int, *, leads: bool) -> None:
        """Begin anew with ``event.values`` as the newest blocks, certified by these, the last in ``event.view``.

        The certificate of that view is known only to who ``leads`` the next one.
        """
        first, height = event.view - len(event.values) + 1, event.checkpoint - len(event.values)
        high = below = Certificate(first - 1, event.checkpoint_digest, signers) if first > 1 else GENESIS
        self._root, self._blocks = (high.block, height), {}
        for k, value in enumerate(event.values):
            block = Block.on(height + k, first + k, value, high)
            self._blocks[block.id] = block
            below, high = high, Certificate(block.view, block.id, signers)
        self.high = self.deciding = high if leads else below
        self.executed = self.decided = self.announced = event.sequence
        self._open, self._unexecuted = {}, []

    def _forget(self) -> None:
        """Keep a tail of decided blocks, and of the forks beside them nothing."""
        self._unexecuted = self.unexecuted
        floor = self.executed - TAIL
        if floor > 0 and self.executed % TAIL == 0:
            below = self._blocks.get(self.high.block)
            while below is not None and below.height > floor:
                below = self._blocks.get(below.justify.block)
            if below is not None and below.height == floor:
                self._root = (below.id, floor)
            self._blocks = {id_: block for id_, block in self._blocks.items() if block.height > floor}
