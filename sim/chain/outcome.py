"""What a chain leaves behind at the end of a run: its tables, and what became of every record offered to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.answers import hosts_of
from sim.chain.blocks import NOT_YET
from sim.chain.fabric import VALID
from sim.chain.mempool import REJECTED
from sim.metrics.recorder import Coded, Hexadecimal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from numpy.typing import NDArray

    from sim.chain.blocks import Columns
    from sim.chain.chain import Chain
    from sim.metrics.recorder import Recorder

    CellT = TypeVar("CellT", np.int64, np.uint8)

OUTCOMES = COMMITTED, REFUSED, UNFINISHED, INVALID = "committed", "rejected", "unfinished", "invalid"
"""What became of a record."""


def write_tables(chain: Chain, recorder: Recorder, end_ns: int) -> None:
    """Write down a chain's commits, transactions, nodes and messages as they stand at the end of the run."""
    chain.proposer.pool.admit(end_ns - 1)
    _write_commits(chain, recorder, end_ns)
    _write_transactions(chain, recorder, end_ns)
    _write_nodes(chain, recorder, end_ns)
    for kind, tally in chain.network.tallies.items():
        recorder.row("messages", chain.config.id, kind, tally.sent, tally.delivered, tally.lost, tally.sent_bytes)


def _write_commits(chain: Chain, recorder: Recorder, end_ns: int) -> None:
    parts = list(chain.ledger.blocks.columns(end_ns))
    if not parts:
        return

    def column(cells: Callable[[Columns], NDArray[CellT]]) -> NDArray[CellT]:
        return np.concatenate([cells(part) for part in parts])

    height = column(lambda part: part.height)
    recorder.columns(
        "commits",
        {
            "chain": _same(chain.config.id, len(height)),
            "height": height,
            "view": column(lambda part: part.bodies.view),
            "leader": column(lambda part: part.bodies.leader),
            "transactions": column(lambda part: part.bodies.counts),
            "size_bytes": column(lambda part: part.size_bytes),
            "ready_ns": column(lambda part: part.bodies.ready_ns),
            "cut_ns": column(lambda part: part.bodies.cut_ns),
            "proposed_ns": column(lambda part: part.bodies.proposed_ns),
            "decided_ns": column(lambda part: part.first_voted_ns),
            "executed_ns": column(lambda part: part.first_executed_ns),
            "log_size": column(lambda part: part.log_size),
            "log_root": Hexadecimal(column(lambda part: part.log_root)),
            "header_digest": Hexadecimal(column(lambda part: part.digest)),
        },
    )


def _write_transactions(chain: Chain, recorder: Recorder, end_ns: int) -> None:
    offered, pool = chain.offered, chain.proposer.pool
    count = len(offered)
    if count == 0:
        return
    height = np.full(count, NOT_YET, dtype=np.int32)
    cut_ns, proposed_ns, voted_ns, executed_ns = (np.full(count, NOT_YET, dtype=np.int64) for _ in range(4))
    moved = any(node.downtimes for node in chain.nodes)
    hosts = [hosts_of(chain.nodes, node.index) for node in chain.nodes] if moved else []
    for part in chain.ledger.blocks.columns(end_ns):
        here, bodies = part.bodies.transactions, part.bodies
        block = np.repeat(np.arange(len(part.height)), bodies.counts)
        node = offered.node[here]
        height[here], cut_ns[here], proposed_ns[here] = (
            part.height[block],
            bodies.cut_ns[block],
            bodies.proposed_ns[block],
        )
        for times_ns, known_ns in ((voted_ns, part.voted_ns), (executed_ns, part.executed_ns)):
            learned_ns = np.array([[_learned(host, row) for host in hosts] for row in known_ns]) if moved else known_ns
            times_ns[here] = learned_ns[block, node]
    # A node takes work in before it has done it, so times beyond the end are known too.
    queued_ns, voted_ns, executed_ns = (
        _before(end_ns, times_ns) for times_ns in (pool.queued_ns, voted_ns, executed_ns)
    )
    done = executed_ns != NOT_YET
    outcome = np.full(count, OUTCOMES.index(UNFINISHED), dtype=np.uint8)
    outcome[pool.state == REJECTED] = OUTCOMES.index(REFUSED)
    outcome[done] = OUTCOMES.index(COMMITTED)
    if chain.validation is not None:
        outcome[done & (chain.validation.verdict != VALID)] = OUTCOMES.index(INVALID)
    recorder.columns(
        "transactions",
        {
            "chain": _same(chain.config.id, count),
            "stream": Coded(offered.streams, offered.stream),
            "number": offered.number,
            "node": offered.node,
            "client": offered.client,
            "size_bytes": offered.size_bytes,
            "outcome": Coded(OUTCOMES, outcome),
            "height": height,
            "intended_ns": offered.intended_ns,
            "queued_ns": queued_ns,
            "cut_ns": cut_ns,
            "proposed_ns": proposed_ns,
            "voted_ns": voted_ns,
            "executed_ns": executed_ns,
        },
    )


def _before(end_ns: int, times_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    late = times_ns >= end_ns
    return np.where(late, NOT_YET, times_ns) if late.any() else times_ns


def _same(text: str, count: int) -> Coded:
    return Coded((text,), np.zeros(count, dtype=np.uint8))


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
