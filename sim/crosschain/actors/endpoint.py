"""One node of a chain as relayers see it: it tells what it has executed itself, with proofs, and takes calls in.

Answering takes the node's CPU time of fetching a proof for each item. What the way to the relayer takes is the
relayer's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.config import Sent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim.chain.chain import Chain
    from sim.chain.contracts import ContractState
    from sim.chain.signing import Signing
    from sim.crosschain.contracts.machine import Machine, Receipt
    from sim.proof import BlockHeader
    from sim.proof.evidence import Update
    from sim.proof.state_proof import StateProof

ENVELOPE_BYTES = 64 + 32
"""What a transaction adds to its call: an Ed25519 signature and the key (RFC 8032)."""


class Endpoint:
    """A node.

    Args:
        chain: its chain.
        machine: the chain's contracts.
        node: its number.
        stream: the stream of calls, by its position in `Offered.streams`.

    Attributes:
        chain, node: as given.
    """

    def __init__(self, chain: Chain, machine: Machine, node: int, stream: int) -> None:
        self.chain = chain
        self.node = node
        self._machine = machine
        self._stream = stream

    @property
    def is_up(self) -> bool:
        """Whether it answers; one that is too far behind the others has nothing that it could prove."""
        before = max(0, self.head() - 1)
        return not self.chain.nodes[self.node].down and self._state.keeps(before)

    def head(self) -> int:
        """The last block that it has executed."""
        return self.chain.head(self.node)

    def header(self, height: int) -> BlockHeader:
        """The header of a block."""
        return self.chain.ledger.blocks[height].header

    def digest(self, height: int) -> bytes:
        """The digest of a block's header."""
        return self.chain.ledger.blocks[height].digest

    def receipts(self, after: int, until: int) -> Iterator[Receipt]:
        """What became of the calls of these blocks."""
        for height in range(after + 1, until + 1):
            yield from self._machine.receipts[height]

    def get(self, key: bytes, height: int) -> bytes | None:
        """What the state at the end of a block has at a key."""
        # The contracts hold the last state as a plain table; the tree of all states is slower to read.
        return self.latest(key) if height == self._state.height else self._state.get(key, height)

    def latest(self, key: bytes) -> bytes | None:
        """What the chain has at a key after the last block that any node has executed: the truth, not what it tells."""
        return self._machine.store.entries.get(key)

    def had(self, key: bytes, value: bytes | None, height: int) -> bool:
        """Whether the chain had this at a key before a block, which must be there and not too old: the truth again."""
        before = height - 1
        there = 0 <= before <= self._state.height and self._state.keeps(before)
        return there and self._state.get(key, before) == value

    @property
    def _state(self) -> ContractState:
        if self.chain.state is None:
            raise ValueError(f"{self.chain.config.id} has no contracts")
        return self.chain.state

    @property
    def _signing(self) -> Signing:
        if self.chain.signing is None:
            raise ValueError(f"{self.chain.config.id} shows its blocks to nobody")
        return self.chain.signing

    def update(self, height: int) -> Update:
        """A final block, with a quorum's signatures."""
        return self._signing.show(self.chain.ledger.blocks[height])

    def entry(self, key: bytes, height: int) -> tuple[bytes | None, StateProof]:
        """What the state at the end of a block has at a key, with the proof."""
        return self._state.prove(key, height)

    def answer(self, items: int) -> int | None:
        """Look so many items up from now on; returns when that is done, or None if the node crashes over it."""
        return self.chain.nodes[self.node].work(self.chain.now_ns, items * self.chain.config.costs.proof_ns)

    def submit(self, client: int, calls: Sequence[bytes]) -> list[int]:
        """Send calls now, by the client of this number, -1 for one who does not wait; returns their rows."""
        count = len(calls)
        now_ns = np.full(count, self.chain.now_ns, dtype=np.int64)
        sizes = np.array([len(call) + ENVELOPE_BYTES for call in calls], dtype=np.int64)
        who, where = np.full(count, client, dtype=np.int64), np.full(count, self.node, dtype=np.int64)
        rows: list[int] = self.chain.submit(Sent(self._stream, who, now_ns, now_ns, sizes, where), calls).tolist()
        return rows
