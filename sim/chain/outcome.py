"""What a chain leaves behind at the end of a run: its tables, and what became of every record offered to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.fabric import VALID
from sim.chain.ledger import NOT_YET, Body
from sim.chain.mempool import REJECTED
from sim.network.transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.node import Node
    from sim.metrics.recorder import Recorder

COMMITTED, REFUSED, UNFINISHED, INVALID = "committed", "rejected", "unfinished", "invalid"


def write_tables(chain: Chain, recorder: Recorder, end_ns: int) -> None:
    """Write down a chain's commits, transactions, nodes and messages as they stand at the end of the run."""
    chain.proposer.pool.admit(end_ns - 1)
    _write_commits(chain, recorder, end_ns)
    _write_transactions(chain, recorder, end_ns)
    _write_nodes(chain, recorder, end_ns)
    for kind, tally in chain.network.tallies.items():
        recorder.row("messages", chain.config.id, kind, tally.sent, tally.delivered, tally.lost, tally.sent_bytes)


def _write_commits(chain: Chain, recorder: Recorder, end_ns: int) -> None:
    first_ns = [block.first_executed_ns for block in chain.ledger.blocks[1:]]
    late = next((k for k, executed_ns in enumerate(first_ns) if executed_ns >= end_ns), len(first_ns))
    if late == 0:
        return
    blocks = chain.ledger.blocks[1 : late + 1]
    bodies = [block.value.body if block.value else None for block in blocks]
    made = [body if isinstance(body, Body) else None for body in bodies]

    def column(cells: Iterable[int]) -> NDArray[np.int64]:
        return np.fromiter(cells, dtype=np.int64, count=late)

    recorder.columns(
        "commits",
        {
            "chain": np.full(late, chain.config.id, dtype=object),
            "height": column(block.header.height for block in blocks),
            "view": column(body.view if body else NOT_YET for body in made),
            "leader": column(body.leader if body else NOT_YET for body in made),
            "transactions": column(len(block.transactions) for block in blocks),
            "size_bytes": column(block.value.size_bytes if block.value else 0 for block in blocks),
            "ready_ns": column(body.ready_ns if body else NOT_YET for body in made),
            "cut_ns": column(body.cut_ns if body else NOT_YET for body in made),
            "proposed_ns": column(body.proposed_ns if body else NOT_YET for body in made),
            "decided_ns": column(block.first_voted_ns for block in blocks),
            "executed_ns": np.array(first_ns[:late], dtype=np.int64),
            "log_size": column(block.header.log_size for block in blocks),
            "log_root": np.array([block.header.log_root.hex() for block in blocks], dtype=object),
            "header_digest": np.array([block.digest.hex() for block in blocks], dtype=object),
        },
    )


def _write_transactions(chain: Chain, recorder: Recorder, end_ns: int) -> None:
    offered = chain.offered
    count = len(offered)
    if count == 0:
        return
    height = np.full(count, NOT_YET, dtype=np.int32)
    cut_ns, proposed_ns, voted_ns, executed_ns = (np.full(count, NOT_YET, dtype=np.int64) for _ in range(4))
    moved = any(node.downtimes for node in chain.nodes)
    hosts = [_hosts(chain.nodes, node.index) for node in chain.nodes] if moved else []
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
        if moved:
            voted_ns[here] = np.array([_learned(host, block.voted_ns) for host in hosts])[node]
            executed_ns[here] = np.array([_learned(host, block.executed_ns) for host in hosts])[node]
        else:
            voted_ns[here], executed_ns[here] = block.voted_ns[node], block.executed_ns[node]
    # A node takes work in before it has done it, so times beyond the end are known too.
    for times_ns in (voted_ns, executed_ns):
        times_ns[times_ns >= end_ns] = NOT_YET
    queued_ns = chain.proposer.pool.queued_ns
    rejected = chain.proposer.pool.state == REJECTED
    outcomes = np.array([COMMITTED, REFUSED, UNFINISHED, INVALID], dtype=object)
    code = np.where(executed_ns != NOT_YET, 0, np.where(rejected, 1, 2))
    if chain.validation is not None:
        code[(code == 0) & (chain.validation.verdict != VALID)] = 3
    outcome = outcomes[code]
    names = np.array(offered.streams, dtype=object)
    recorder.columns(
        "transactions",
        {
            "chain": np.full(count, chain.config.id, dtype=object),
            "stream": names[offered.stream],
            "number": offered.number.astype(np.int32),
            "node": offered.node.astype(np.int32),
            "size_bytes": offered.size_bytes.astype(np.int32),
            "outcome": outcome,
            "height": height,
            "intended_ns": offered.intended_ns,
            "queued_ns": np.where(queued_ns < end_ns, queued_ns, NOT_YET),
            "cut_ns": cut_ns,
            "proposed_ns": proposed_ns,
            "voted_ns": voted_ns,
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
