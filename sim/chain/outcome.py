"""What a chain leaves behind at the end of a run: its tables, and what became of every record offered to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.ledger import NOT_YET, Body
from sim.chain.mempool import REJECTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.ledger import Block
    from sim.metrics.recorder import Recorder

COMMITTED, REFUSED, UNFINISHED = "committed", "rejected", "unfinished"


def write_tables(chain: Chain, recorder: Recorder, horizon_ns: int) -> None:
    """Write down a chain's commits, transactions, nodes and messages as they stand at the horizon."""
    _write_commits(chain, recorder, horizon_ns)
    _write_transactions(chain, recorder, horizon_ns)
    _write_nodes(chain, recorder, horizon_ns)
    for kind, tally in chain.network.tallies.items():
        recorder.row("messages", chain.config.id, kind, tally.sent, tally.delivered, tally.lost, tally.sent_bytes)


def _first(times_ns: NDArray[np.int64]) -> int:
    reached = times_ns[times_ns != NOT_YET]
    return int(reached.min())


def _write_commits(chain: Chain, recorder: Recorder, horizon_ns: int) -> None:
    for block in chain.ledger.blocks[1:]:
        body = block.value.body if block.value else None
        made = body if isinstance(body, Body) else None
        executed_ns = _first(block.executed_ns)
        if executed_ns >= horizon_ns:
            break
        recorder.row(
            "commits",
            chain.config.id,
            block.header.height,
            made.view if made else NOT_YET,
            made.leader if made else NOT_YET,
            len(block.transactions),
            block.value.size_bytes if block.value else 0,
            made.cut_ns if made else NOT_YET,
            made.proposed_ns if made else NOT_YET,
            _first(block.voted_ns),
            executed_ns,
            block.header.log_size,
            block.header.log_root.hex(),
            block.digest.hex(),
        )


def _write_transactions(chain: Chain, recorder: Recorder, horizon_ns: int) -> None:
    offered = chain.offered
    count = len(offered)
    if count == 0:
        return
    height, cut_ns, proposed_ns, voted_ns, executed_ns = (np.full(count, NOT_YET, dtype=np.int64) for _ in range(5))
    for block in chain.ledger.blocks[1:]:
        body = block.value.body if block.value else None
        if not isinstance(body, Body):
            continue
        here = block.transactions
        node = offered.node[here]
        height[here] = block.header.height
        cut_ns[here] = body.cut_ns
        proposed_ns[here] = body.proposed_ns
        voted, executed = _seen_by_clients(chain, block)
        voted_ns[here] = voted[node]
        executed_ns[here] = executed[node]
    late = executed_ns >= horizon_ns
    executed_ns[late] = NOT_YET
    rejected = chain.proposer.pool.state == REJECTED
    outcome = np.where(executed_ns != NOT_YET, COMMITTED, np.where(rejected, REFUSED, UNFINISHED))
    names = np.array(offered.streams)
    recorder.columns(
        "transactions",
        {
            "chain": [chain.config.id] * count,
            "stream": names[offered.stream],
            "number": offered.number,
            "node": offered.node,
            "size_bytes": offered.size_bytes,
            "outcome": outcome,
            "height": height,
            "intended_ns": offered.intended_ns,
            "queued_ns": chain.proposer.pool.queued_ns,
            "cut_ns": cut_ns,
            "proposed_ns": proposed_ns,
            "voted_ns": voted_ns,
            "executed_ns": executed_ns,
        },
    )


def _seen_by_clients(chain: Chain, block: Block) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When the clients of each node learn that a block is final and executed.

    A client whose node is down turns to the next that is up, and learns there what it had not learned before.
    """
    voted_ns, executed_ns = block.voted_ns.copy(), block.executed_ns.copy()
    for node in chain.nodes:
        for crash_ns, restart_ns in node.downtimes:
            own_ns = executed_ns[node.index]
            if own_ns != NOT_YET and own_ns <= crash_ns:
                continue
            ring = [(node.index + k) % len(chain.nodes) for k in range(1, len(chain.nodes))]
            other = next((index for index in ring if not chain.nodes[index].is_down_at(crash_ns)), node.index)
            if block.executed_ns[other] == NOT_YET:
                continue
            learned_ns = max(int(block.executed_ns[other]), crash_ns)
            if learned_ns < restart_ns and (own_ns == NOT_YET or learned_ns < own_ns):
                executed_ns[node.index] = learned_ns
                voted_ns[node.index] = min(max(int(block.voted_ns[other]), crash_ns), learned_ns)
    return voted_ns, executed_ns


def _write_nodes(chain: Chain, recorder: Recorder, horizon_ns: int) -> None:
    for node in chain.nodes:
        egress, ingress = chain.network.utilisation(node.index, horizon_ns)
        recorder.row(
            "nodes",
            chain.config.id,
            node.index,
            "validator" if node.replica is not None else "observer",
            node.region,
            node.utilisation(horizon_ns),
            egress,
            ingress,
            chain.ledger.heights[node.index],
            node.replica.view if node.replica is not None else -1,
        )
