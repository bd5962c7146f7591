"""Whether a chain is calm: all its nodes alike, and nothing about that could disturb them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.chain.chain import Chain

FEWEST = 4
"""Validators from which on heights are computed: with fewer a node's own votes may be a quorum, and there is little to
gain."""


def computable(chain: Chain) -> bool:
    """Whether heights of a chain could be computed as a whole at all: simple links, one core, enough validators."""
    config = chain.config
    return config.validators >= FEWEST and config.cores == 1 and chain.network.plain and config.fabric is None


def is_calm(chain: Chain, now_ns: int, faults: Sequence[tuple[int, int]], apart: int = 0) -> bool:
    """Whether no node lies, is down, slow or more than ``apart`` heights behind, and nothing disturbs a link.

    Nor may one of ``faults`` be now.
    """
    ledger, faulty = chain.ledger, chain.faulty
    if any(begin <= now_ns < end for begin, end in faults):
        return False
    height = len(ledger.blocks) - 1
    if faulty.nodes or faulty.clocks or min(ledger.heights) < height - apart:
        return False
    return chain.network.plain and not any(node.down or node.slow != 1 for node in chain.nodes)


def few_wait(chain: Chain) -> bool:
    """Whether no more transactions wait than fit a block, so that no backlog is left from worse times."""
    waiting, _, _ = chain.proposer.pool.outlook()
    return len(waiting) <= chain.config.max_transactions
