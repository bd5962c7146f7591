"""What a chain leaves behind at the end of a run: its tables, and what became of every record offered to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.ledger import NOT_YET, Body
from sim.chain.mempool import REJECTED
from sim.network.transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.node import Node
    from sim.metrics.recorder import Recorder

COMMITTED, REFUSED, UNFINISHED = "committed", "rejected", "unfinished"


def write_tables(chain: Chain, recorder: Recorder, end_ns: int) -> None:
    """Write down a chain's commits, transactions, nodes and messages as they stand at the end of the run."""
    chain.proposer.pool.admit(end_ns - 1)
    _write_commits(chain, recorder, end_ns)
    _write_transactions(chain, recorder, end_ns)
    _write_nodes(chain, recorder, end_ns)
    for kind, tally in chain.network.tallies.items():
        recorder.row("messages", chain.config.id, kind, tally.sent, tally.delivered, tally.lost, tally.sent_bytes)


def _by(end_ns: int, times_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The times before the end; a node takes work in before it has done it, so later ones are known too."""
    return np.where(times_ns < end_ns, times_ns, NOT_YET)


def _write_commits(chain: Chain, recorder: Recorder, end_ns: int) -> None:
    for block in chain.ledger.blocks[1:]:
        body = block.value.body if block.value else None
        made = body if isinstance(body, Body) else None
        if block.first_executed_ns >= end_ns:
            break
        recorder.row(
            "commits",
            chain.config.id,
            block.header.height,
            made.view if made else NOT_YET,
            made.leader if made else NOT_YET,
            len(block.transactions),
            block.value.size_bytes if block.value else 0,
            made.ready_ns if made else NOT_YET,
            made.cut_ns if made else NOT_YET,
            made.proposed_ns if made else NOT_YET,
            block.first_voted_ns,
            block.first_executed_ns,
            block.header.log_size,
            block.header.log_root.hex(),
            block.digest.hex(),
        )


def _write_transactions(chain: Chain, recorder: Recorder, end_ns: int) -> None:
    offered = chain.offered
    count = len(offered)
    if count == 0:
        return
    height, cut_ns, proposed_ns, voted_ns, executed_ns = (np.full(count, NOT_YET, dtype=np.int64) for _ in range(5))
    hosts = [_hosts(chain.nodes, node.index) for node in chain.nodes]
    for block in chain.ledger.blocks[1:]:
        body = block.value.body if block.value else None
        if block.first_executed_ns >= end_ns:
            break
        if not isinstance(body, Body):
            continue
        here = block.transactions
        node = offered.node[here]
        height[here] = block.header.height
        cut_ns[here] = body.cut_ns
        proposed_ns[here] = body.proposed_ns
        voted_ns[here] = np.array([_learned(host, block.voted_ns) for host in hosts])[node]
        executed_ns[here] = np.array([_learned(host, block.executed_ns) for host in hosts])[node]
    executed_ns = _by(end_ns, executed_ns)
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
            "queued_ns": _by(end_ns, chain.proposer.pool.queued_ns),
            "cut_ns": cut_ns,
            "proposed_ns": proposed_ns,
            "voted_ns": _by(end_ns, voted_ns),
            "executed_ns": executed_ns,
        },
    )


def _hosts(nodes: Sequence[Node], home: int) -> list[tuple[int, int, int]]:
    """Whom the clients of a node talk to, as (node, from, until): to it, or to the next that is up while it is down."""
    ring = [nodes[(home + k) % len(nodes)] for k in range(len(nodes))]
    changes = sorted({time_ns for node in nodes for downtime in node.downtimes for time_ns in downtime} - {NEVER})
    hosts: list[tuple[int, int, int]] = []
    for from_ns, until_ns in zip([0, *changes], [*changes, NEVER], strict=True):
        host = next((node.index for node in ring if not node.is_down_at(from_ns)), None)
        if host is not None:
            hosts.append((host, from_ns, until_ns))
    return hosts


def _learned(hosts: Sequence[tuple[int, int, int]], times_ns: NDArray[np.int64]) -> int:
    """When somebody who talks to these hosts learns what each of them knows from a time of its own on."""
    moments = [
        max(int(times_ns[host]), from_ns)
        for host, from_ns, until_ns in hosts
        if times_ns[host] != NOT_YET and times_ns[host] < until_ns
    ]
    return min(moments, default=NOT_YET)


def _write_nodes(chain: Chain, recorder: Recorder, end_ns: int) -> None:
    for node in chain.nodes:
        egress, ingress = chain.network.utilisation(node.index, end_ns)
        recorder.row(
            "nodes",
            chain.config.id,
            node.index,
            "validator" if node.replica is not None else "observer",
            node.region,
            node.utilisation(end_ns),
            egress,
            ingress,
            chain.ledger.heights[node.index],
            node.replica.view if node.replica is not None else -1,
        )
