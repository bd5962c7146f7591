"""What must hold on a chain, checked at every commit of every node. The run stops where one is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

AGREEMENT = "agreement"
INTEGRITY = "integrity"
VALIDITY = "validity"
ORDER = "order"


class InvariantViolation(Exception):
    """A chain did what it must never do.

    Attributes:
        invariant: `agreement` (two nodes have different blocks at one height), `integrity` (a transaction executed
            twice), `validity` (a transaction in a block that no client had sent), `order` (a node skipped a height).
        chain: where.
        height: at which block.
        detail: what was seen, for a person.
    """

    def __init__(self, invariant: str, chain: str, height: int, detail: str) -> None:
        super().__init__(f"{invariant} violated on {chain} at height {height}: {detail}")
        self.invariant = invariant
        self.chain = chain
        self.height = height
        self.detail = detail


def check_order(chain: str, node: int, node_height: int, height: int) -> None:
    """A node executes every height once, in order."""
    if height != node_height + 1:
        raise InvariantViolation(ORDER, chain, height, f"node {node} stands at height {node_height}")


def check_agreement(chain: str, node: int, height: int, digest: bytes, agreed: bytes) -> None:
    """Every node has the same block at a height."""
    if digest != agreed:
        raise InvariantViolation(
            AGREEMENT, chain, height, f"node {node} has {digest.hex()[:16]}, another node {agreed.hex()[:16]}"
        )


def check_block(
    chain: str,
    height: int,
    leaf_index: NDArray[np.int64],
    rows: NDArray[np.int64],
    intended_ns: NDArray[np.int64],
    now_ns: int,
) -> None:
    """A new block holds only transactions that were sent, each for the first time."""
    if (leaf_index[rows] >= 0).any() or len(np.unique(rows)) != len(rows):
        raise InvariantViolation(INTEGRITY, chain, height, "a transaction is executed a second time")
    if (intended_ns > now_ns).any():
        raise InvariantViolation(VALIDITY, chain, height, "a transaction is in a block before its client sent it")
