"""The contracts of a chain: what they keep, block by block, under the state root of the next header.

What the contracts do is another room's business; here is when they run, and what that costs. They run once, when the
first node executes a block, since every node computes the same; each node's CPU is charged for it. A header holds the
root of the state at the end of its parent (`sim.proof.header`), so what a block changed is proved by the one after it:
a leader that has nothing else to propose then proposes an empty *proof block*, as CometBFT does (`needProofBlock` in
its internal/consensus/state.go).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.proof.state import StateTree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.proof.state_proof import StateProof
    from sim.proof.suites import HashSuite

RETAINED = 1024
"""Blocks whose state can be proved; nodes that lag further behind have nothing to show [guess]."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What the calls of one block did: the entries that changed, `None` where deleted, and CPU time for each node."""

    changes: Mapping[bytes, bytes | None]
    work_ns: int


class Contracts(Protocol):
    """What runs on a chain."""

    def run(self, height: int, time_ns: int, calls: Sequence[tuple[int, bytes]]) -> Effect:
        """Execute a block's calls in order, as (row, bytes); the header of the block has this height and time."""

    def executed(self, height: int, at_ns: int) -> None:
        """The first node has executed the block, by then; called once for each, in order of height."""


class ContractState:
    """The state of a chain's contracts after each block.

    Args:
        suite: the hash of the chain.
        contracts: what runs.

    Attributes:
        calls: the bytes of each call, by the row of its transaction.
    """

    def __init__(self, suite: HashSuite, contracts: Contracts) -> None:
        self.calls: dict[int, bytes] = {}
        self._contracts = contracts
        self._tree = StateTree(suite, retained_versions=RETAINED)
        self._changed = [False]
        self._work_ns = [0]

    @property
    def height(self) -> int:
        """The block up to which the contracts have run."""
        return self._tree.version

    def run(self, height: int, time_ns: int, rows: Sequence[int]) -> None:
        """Run the contracts on the next block."""
        calls = [(row, self.calls[row]) for row in rows if row in self.calls]
        effect = self._contracts.run(height, time_ns, calls)
        self._tree.apply(effect.changes)
        self._changed.append(self._tree.root(height) != self._tree.root(height - 1))
        self._work_ns.append(effect.work_ns)

    def executed(self, height: int, at_ns: int) -> None:
        """Tell the contracts that a block is executed."""
        self._contracts.executed(height, at_ns)

    def work_ns(self, height: int) -> int:
        """What running the contracts on a block costs a node."""
        return self._work_ns[height]

    def changed(self, height: int) -> bool:
        """Whether a block changed the state, so that the next one proves something."""
        return self._changed[height]

    def root(self, height: int) -> bytes:
        """The root of the state at the end of a block."""
        return self._tree.root(height)

    def keeps(self, height: int) -> bool:
        """Whether the state at the end of a block can still be read and proved."""
        return height >= self._tree.oldest_version

    def get(self, key: bytes, height: int) -> bytes | None:
        """What the state at the end of a block has at a key.

        Raises:
            VersionOutOfRange: it is not kept any more.
        """
        return self._tree.get(key, height)

    def prove(self, key: bytes, height: int) -> tuple[bytes | None, StateProof]:
        """What the state at the end of a block has at a key, with the proof.

        Raises:
            VersionOutOfRange: it is not kept any more.
        """
        return self._tree.get(key, height), self._tree.prove(key, height)
