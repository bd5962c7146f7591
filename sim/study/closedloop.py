"""Closed loops at the end of a run, and Little's law: N = X (R + Z).

A client thinks, or has one record under way. So over the time in which clients are there, the areas under the number of
records under way and under the number of clients that think add up to the clients times that time, to the nanosecond.
The first area is taken from the table of transactions, that is from the chain's ledger, and the second from the think
times that were drawn; a record lost, told twice or told at another time than it was committed would show. Divided by
the time, the first area is X R and the second X Z, up to the cycles that either end of the run cuts short (J. Little,
"A proof for the queuing formula L = λW", Operations Research 9(3), 1961; P. Denning and J. Buzen, "The operational
analysis of queueing network models", ACM Computing Surveys 10(3), 1978).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.blocks import NOT_YET
from sim.kernel.engine import SECOND
from sim.study.latencies import latency

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.workload.clients import Clients

    Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Loop:
    """What became of one closed loop.

    Attributes:
        summary: for people and `summary.json`.
        balanced: whether its areas add up.
    """

    summary: dict[str, Any]
    balanced: bool


def loop_of(chain: Chain, clients: Clients, committed_ns: Times, ended_ns: int) -> Loop:
    """Judge one closed loop.

    Args:
        chain: where it deposits.
        clients: its clients.
        committed_ns: when each transaction of the chain was committed at its client's node, `NOT_YET` where never.
        ended_ns: how far the run came.
    """
    loop, offered = clients.loop, chain.offered
    begin_ns, end_ns = min(loop.begin_ns, ended_ns), min(loop.end_ns, ended_ns)
    duration_s = (end_ns - begin_ns) / SECOND
    rows = _last_tries(chain, clients)
    sent_ns, done_ns = offered.intended_ns[rows], committed_ns[rows]
    answered_ns = np.where(done_ns == NOT_YET, ended_ns, done_ns + chain.access_ns[offered.node[rows]])
    waiting_ns = int((np.clip(answered_ns, begin_ns, end_ns) - np.clip(sent_ns, begin_ns, end_ns)).sum())
    thinking_ns = clients.thinking_ns(begin_ns, end_ns)
    area_ns = loop.clients * (end_ns - begin_ns)
    inside = (done_ns != NOT_YET) & (answered_ns <= end_ns)
    response = latency(answered_ns[inside] - sent_ns[inside])
    think_s = latency(clients.thought_by(end_ns))["mean"]
    throughput = int(np.count_nonzero(inside)) / duration_s if duration_s else 0.0
    summary = {
        "clients": loop.clients,
        "answered": int(np.count_nonzero(inside)),
        "retries": clients.retries,
        "waiting": waiting_ns / SECOND / duration_s if duration_s else 0.0,
        "thinking": thinking_ns / SECOND / duration_s if duration_s else 0.0,
        "throughput_tps": throughput,
        "response_s": response,
        "think_s": think_s,
        "little": throughput * (response["mean"] + think_s),
    }
    return Loop(summary, balanced=waiting_ns + thinking_ns == area_ns)


def _last_tries(chain: Chain, clients: Clients) -> NDArray[np.int64]:
    """Of each record the last try, which is the one that its client waits for."""
    offered = chain.offered
    rows = np.flatnonzero(offered.stream == clients.stream)[::-1]
    _, last = np.unique(np.stack([offered.client[rows], offered.intended_ns[rows]]), axis=1, return_index=True)
    return np.sort(rows[last])
