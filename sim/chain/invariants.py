"""What must hold on a chain, checked at every commit of every correct node. The run stops where one is broken.

What faulty nodes execute is not judged (`sim.chain.faulty`). A run that stops at a broken invariant has executed the
shortest prefix of its events that shows it, since every commit is checked when it happens.

That all nodes have one log follows from four checks together: equal values at equal heights (agreement), executed in
the order of heights (order), whose digest is made from the very leaves that enter the log (payload), on top of what the
header before it had committed to (log). The last two hold the bytes against what was voted on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.proof import BlockHeader
    from sim.proof.merkle import Log

AGREEMENT = "agreement"
INTEGRITY = "integrity"
VALIDITY = "validity"
ORDER = "order"
ONE_LOG = "one-log"

_LEAST_TIMEOUTS = 10
"""However calm it was, a chain may take this many timeouts: a few lost messages, an election, a transfer of state."""


class InvariantViolation(Exception):
    """A chain did what it must never do.

    Attributes:
        invariant: `agreement` (two nodes have different blocks at one height), `integrity` (a transaction executed
            twice), `validity` (a transaction in a block that no client had sent), `order` (a node skipped a height),
            `one-log` (a block's records are not those voted on, or the log is not the one that the last header names).
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


def check_payload(chain: str, height: int, voted: bytes, found: bytes) -> None:
    """A block holds the records that were voted on; ``found`` is made from these records as ``voted`` should be."""
    if voted != found:
        detail = f"voted on {voted.hex()[:16]}, but its records make {found.hex()[:16]}"
        raise InvariantViolation(ONE_LOG, chain, height, detail)


def check_log(chain: str, last: BlockHeader, log: Log) -> None:
    """The log still is what the last header committed to, so that the next block extends the same log."""
    if log.size != last.log_size or log.root() != last.log_root:
        detail = f"the header names {last.log_size} records, root {last.log_root.hex()[:16]}; the log has {log.size}"
        raise InvariantViolation(ONE_LOG, chain, last.height, detail)


def check_block(
    chain: str,
    height: int,
    leaf_index: NDArray[np.int64],
    rows: NDArray[np.int64],
    sent_ns: NDArray[np.int64],
    now_ns: int | NDArray[np.int64],
) -> None:
    """A block, or a run of blocks with a time for each record, holds only what was sent, each for the first time."""
    ordered = np.sort(rows)
    if (leaf_index[rows] >= 0).any() or (ordered[1:] == ordered[:-1]).any():
        raise InvariantViolation(INTEGRITY, chain, height, "a transaction is executed a second time")
    if (sent_ns > now_ns).any():
        raise InvariantViolation(VALIDITY, chain, height, "a transaction is in a block before its client sent it")


def progress_bound_ns(timeout_ns: int, *, storm_ns: int = 0, spoiled: int = 0, doubling: bool = True) -> int:
    """How long after its faults have stopped a chain with work may go without executing anything.

    A replica's patience doubles with every fruitless view. The patience of the views that passed during a storm adds up
    to its length at most, so the patience at its end is at most ``timeout + storm``. The running view may need all of
    that, and each of ``spoiled`` views in a row twice as much as the one before:
    ``(timeout + storm) * (1 + 2 + … + 2^spoiled) < (timeout + storm) * 2^(spoiled + 1)``. Where patience does not grow,
    as in Raft, only the floor counts: ten timeouts, or forty where chance decides an election, each round of which
    succeeds at least every other time.

    Args:
        timeout_ns: the chain's.
        storm_ns: from the beginning of the first fault that stops to the end of the last.
        spoiled: views that those who stay faulty can spoil in a row, see `spoiled_views`.
        doubling: whether patience grows; all protocols but Raft.
    """
    if not doubling:
        return 4 * _LEAST_TIMEOUTS * timeout_ns
    return max(_LEAST_TIMEOUTS * timeout_ns, (timeout_ns + storm_ns) << (spoiled + 1))


def spoiled_views(faulty: int, *, rotates: bool) -> int:
    """Views that so many faulty leaders can spoil in a row: each its own, and the one before where votes go to it."""
    return faulty * (2 if rotates else 1)
