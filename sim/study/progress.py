"""Whether a chain went on: after its faults have stopped, with work to do, somebody executes something within a bound.

The bound is `progress_bound_ns`. It says nothing of the time in which a fault that will stop still stands, so that time
is cut out of the run, and in each calm piece that is left no stretch longer than its bound may pass in which a
transaction waits and no node executes any. At the end every correct node must keep up too: one that is up and still
lacks a block that others executed longer ago than the bound, and has executed nothing since, is stuck. A fault of the
network that does not stop may leave a node behind for good, so nobody is asked to keep up then.

A piece shorter than its bound proves nothing. `Progress.judged_s` tells how long the run would have noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.chain.blocks import NOT_YET
from sim.chain.invariants import progress_bound_ns, spoiled_views
from sim.chain.mempool import REJECTED
from sim.kernel.engine import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from sim.chain.chain import Chain

    Times = NDArray[np.int64]

_NEVER = 2**62


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the run without a fault that will stop, and how long a chain may stand still in it, nanoseconds."""

    begin_ns: int
    end_ns: int
    bound_ns: int

    @property
    def judged_ns(self) -> int:
        """How much of it is longer than the bound."""
        return max(0, self.end_ns - self.begin_ns - self.bound_ns)


@dataclass(frozen=True, slots=True)
class Progress:
    """What was seen of a chain's progress.

    Attributes:
        bound_s: how long it may stand still after its last fault that stops.
        judged_s: simulated time at any moment of which a chain that stands still since the bound would be noticed.
        judged_last: whether any of that is after the last fault that stops.
        stuck: what is stuck, for a person; empty if nothing is.
    """

    bound_s: float
    judged_s: float
    judged_last: bool
    stuck: str

    def summary(self) -> dict[str, float | bool | str | None]:
        """As in `summary.json`."""
        return {
            "bound_s": self.bound_s,
            "judged_s": self.judged_s,
            "judged_after_last_fault": self.judged_last,
            "stuck": self.stuck or None,
        }


def progress(chain: Chain, end_ns: int) -> Progress:
    """Judge a chain's progress until ``end_ns``, where its run ended."""
    pieces = list(_calm(chain, end_ns))
    return Progress(
        bound_s=pieces[-1].bound_ns / SECOND,
        judged_s=sum(piece.judged_ns for piece in pieces) / SECOND,
        judged_last=pieces[-1].judged_ns > 0,
        stuck=_standstill(chain, pieces, end_ns) or _straggler(chain, pieces[-1]),
    )


def _calm(chain: Chain, end_ns: int) -> Iterator[Piece]:
    """The pieces between storms; the last one may be empty."""
    first_ns, begin_ns = None, 0
    for storm_begin_ns, storm_end_ns in [*chain.faulty.storms, (end_ns, _NEVER)]:
        until_ns = min(storm_begin_ns, end_ns)
        storm_ns = 0 if first_ns is None else begin_ns - first_ns
        if until_ns >= begin_ns:
            yield Piece(begin_ns, until_ns, _bound_ns(chain, storm_ns))
        first_ns = storm_begin_ns if first_ns is None else first_ns
        begin_ns = storm_end_ns
        if begin_ns >= end_ns:
            if until_ns < end_ns:
                yield Piece(end_ns, end_ns, _bound_ns(chain, end_ns - first_ns))
            return


def _bound_ns(chain: Chain, storm_ns: int) -> int:
    spoiled = spoiled_views(chain.faulty.lasting, rotates=chain.family.rotates)
    timeout_ns, doubling = chain.config.timeout_ns, chain.family.byzantine
    return progress_bound_ns(timeout_ns, storm_ns=storm_ns, spoiled=spoiled, doubling=doubling)


def _standstill(chain: Chain, pieces: list[Piece], end_ns: int) -> str:
    """A stretch in which something waited and nobody executed anything, if there is one longer than it may be."""
    done_ns, sent_ns, unfinished_ns = _work(chain)
    order = np.argsort(done_ns, kind="stable")
    # Of what is not done after each moment, what has been sent first.
    oldest_ns = np.minimum.accumulate(np.append(sent_ns[order], unfinished_ns)[::-1])[::-1]
    moments_ns = np.concatenate([[0], np.sort(done_ns[done_ns < end_ns])])
    until_ns = np.append(moments_ns[1:], end_ns)
    since_ns = np.maximum(moments_ns, oldest_ns[np.searchsorted(done_ns[order], moments_ns, side="right")])
    for piece in pieces:
        begin_ns = np.maximum(since_ns, piece.begin_ns)
        still_ns = np.minimum(until_ns, piece.end_ns) - begin_ns
        place = int(np.argmax(still_ns))
        if still_ns[place] > piece.bound_ns:
            from_s, for_s = int(begin_ns[place]) / SECOND, int(still_ns[place]) / SECOND
            return (
                f"had work from {from_s:.3f} s on and executed nothing for {for_s:.3f} s; "
                f"{piece.bound_ns / SECOND:g} s are the bound"
            )
    return ""


def _work(chain: Chain) -> tuple[Times, Times, int]:
    """For each block with transactions, when somebody had executed it, and when the first of them was sent.

    And when the first was sent of those that are in no block. What a pool turned away counts nowhere.
    """
    known = chain.proposer.pool.state != REJECTED
    done_ns, sent_ns = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for part in chain.ledger.blocks.columns(before_ns=_NEVER):
        rows, counts = part.bodies.transactions, part.bodies.counts
        full = counts > 0
        if full.any():
            known_ns = np.where(known[rows], chain.offered.submitted_ns[rows], _NEVER)
            sent_ns.append(np.minimum.reduceat(known_ns, (np.cumsum(counts) - counts)[full]))
            done_ns.append(part.first_executed_ns[full])
    left = known & (chain.ledger.leaf_index[chain.records.history :] == NOT_YET)
    unfinished_ns = int(chain.offered.submitted_ns[left].min(initial=_NEVER))
    return np.concatenate(done_ns), np.concatenate(sent_ns), unfinished_ns


def _straggler(chain: Chain, last: Piece) -> str:
    """A correct node that is left behind at the end, if there is one."""
    ledger = chain.ledger
    before_ns = last.end_ns - last.bound_ns
    if before_ns <= last.begin_ns or chain.faulty.severed:
        return ""
    for node in chain.nodes:
        if node.index in chain.faulty.nodes or node.is_down_at(last.end_ns) or node.is_down_at(before_ns):
            continue
        height = ledger.heights[node.index]
        if height + 1 >= len(ledger.blocks) or ledger.blocks[height + 1].first_executed_ns >= before_ns:
            continue
        if ledger.lacks_nothing(node.index):
            continue
        if int(ledger.blocks[height].executed_ns[node.index]) < before_ns:
            return f"node {node.index} stands at height {height}, others at {len(ledger.blocks) - 1}"
    return ""
