"""What bounds a chain: its throughput, from how busy each resource was; its latency, from where the time went.

Throughput. A resource that is busy all the time bounds it. CPU and network interfaces report their utilisation. The
protocol is a resource too: while a block could have been cut and the leader was not allowed to propose it, the chain
was waiting for its own rounds. A pool that turns records away while nothing else is busy is too small. And a chain on
which nothing is busy at all carries what it is offered: the offered load bounds it.

Latency. The mean of the committed records is divided among causes along the critical path of a block. What is known
by arithmetic is taken first (the way to the leader, the delays that the protocol's phases cost on these links, the
time to push a block through the leader's interface, the interval), and what is left in a stage is the CPU's or, in
front of the leader, the backlog's. A backlog is no cause of its own: it is what comes of the resource that bounds the
throughput.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.kernel.engine import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sim.chain.config import ChainConfig
    from sim.network.topology import Topology

    Times = NDArray[np.int64]

LEADER_BANDWIDTH = "leader bandwidth"
RECEIVING_BANDWIDTH = "receiving bandwidth"
SIGNATURE_CPU = "signature CPU"
EXECUTION_CPU = "execution CPU"
BLOCK_CUTTING = "block cutting"
ROUND_TRIPS = "round trips"
MEMPOOL = "mempool"
OFFERED_LOAD = "offered load"

_BUSY = 0.7
"""A machine this busy over the whole horizon bounds throughput, even if the protocol waits for it all the time."""
_IDLE = 0.5
"""Nothing that is busy for less than half of the time explains why records were turned away."""
_NOTHING = 0.001
"""Where everything is busy for less than this, load could grow a thousandfold before the busiest of it is used up."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a chain at the end of a run; times in nanoseconds.

    Attributes:
        config: the chain's parameters.
        topology: where its nodes stand.
        phases: one-way delays from a proposal to the decision, fault-free.
        quorum: validators that make a decision.
        transmission_ns: how long an interface is busy with one average block; 0 for infinite bandwidth.
        horizon_ns: simulated.
        cpu, egress, ingress: the utilisation of each node.
        executed: transactions on the chain.
        rejected: transactions turned away, as a share of those offered.
        ready_ns, cut_ns: per block, when it could have been cut and when it was.
        stages_ns: mean of each stage over the committed records; 0 where there are none.
        filling_ns: of the stage `queue`, the mean of what is no longer than the interval.
    """

    config: ChainConfig
    topology: Topology
    phases: int
    quorum: int
    transmission_ns: int
    horizon_ns: int
    cpu: tuple[float, ...]
    egress: tuple[float, ...]
    ingress: tuple[float, ...]
    executed: int
    rejected: float
    ready_ns: Times
    cut_ns: Times
    stages_ns: Mapping[str, float]
    filling_ns: float


def bottleneck(evidence: Evidence) -> dict[str, Any]:
    """``{throughput: {resource, utilisation}, latency: {cause, share, causes_s}}`` of one chain."""
    resource, utilisation = throughput_bound(evidence)
    causes_s = latency_causes(evidence, resource)
    total_s = sum(causes_s.values())
    cause = max(causes_s, key=lambda name: causes_s[name])
    return {
        "throughput": {"resource": resource, "utilisation": float(utilisation)},
        "latency": {
            "cause": cause,
            "share": causes_s[cause] / total_s if total_s > 0 else 0.0,
            "causes_s": causes_s,
        },
    }


def throughput_bound(evidence: Evidence) -> tuple[str, float]:
    """The resource that is used up first as load grows, and how far it is used.

    `OFFERED_LOAD` where nothing is anywhere near its limit, with how far the busiest machine is used.
    """
    machines = {
        _cpu_kind(evidence): max(evidence.cpu),
        LEADER_BANDWIDTH: max(evidence.egress),
        RECEIVING_BANDWIDTH: max(evidence.ingress),
    }
    # Blocks are executed on one thread, however many cores there are.
    machines[EXECUTION_CPU] = max(machines.get(EXECUTION_CPU, 0.0), _executing(evidence))
    busiest = max(machines, key=lambda name: machines[name])
    waiting = _waiting_share(evidence)
    if machines[busiest] >= _BUSY or machines[busiest] >= waiting >= _IDLE:
        return busiest, machines[busiest]
    if evidence.rejected > 0 and max(machines[busiest], waiting) < _IDLE:
        return MEMPOOL, 1.0
    if waiting > machines[busiest]:
        return _round_kind(evidence), waiting
    return (busiest if machines[busiest] >= _NOTHING else OFFERED_LOAD), machines[busiest]


def _cpu_kind(evidence: Evidence) -> str:
    """What most of the CPU time went into: signatures, hashes and checks, or executing transactions."""
    return EXECUTION_CPU if _executing(evidence) > max(evidence.cpu) / 2 else SIGNATURE_CPU


def _executing(evidence: Evidence) -> float:
    """The share of the horizon in which an observer executes blocks, which is what validators do too, or more."""
    config = evidence.config
    block_ns = 0 if config.fabric is None else config.fabric.commit_block_ns
    return (evidence.executed * config.costs.execute_ns + len(evidence.cut_ns) * block_ns) / evidence.horizon_ns


def _waiting_share(evidence: Evidence) -> float:
    """The share of the horizon in which a block was ready and the protocol not."""
    return int(np.maximum(evidence.cut_ns - evidence.ready_ns, 0).sum()) / evidence.horizon_ns


def _round_kind(evidence: Evidence) -> str:
    """What a round consists of where neither CPU nor network is busy: delays, or a pause that the settings ask for."""
    return BLOCK_CUTTING if evidence.config.commit_wait_ns > _network_ns(evidence) else ROUND_TRIPS


def _network_ns(evidence: Evidence) -> int:
    """The one-way delays of a fault-free decision: in every phase the quorum-th validator is waited for."""
    n = evidence.config.validators
    base = evidence.topology.matrix(lambda link: link.delay_ns + link.jitter.mean)[:n, :n]
    np.fill_diagonal(base, 0)
    return round(evidence.phases * float(np.sort(base, axis=1)[:, min(evidence.quorum, n) - 1].mean()))


def latency_causes(evidence: Evidence, bound: str) -> Mapping[str, float]:
    """Seconds of the mean commit latency by cause; a backlog counts for ``bound``, which it stands in front of."""
    causes = dict.fromkeys(
        (ROUND_TRIPS, BLOCK_CUTTING, LEADER_BANDWIDTH, RECEIVING_BANDWIDTH, SIGNATURE_CPU, EXECUTION_CPU, MEMPOOL), 0.0
    )
    if not any(evidence.stages_ns.values()):
        return causes
    submit_ns, queue_ns, propose_ns, vote_ns, execute_ns = (
        evidence.stages_ns[stage] for stage in ("submit", "queue", "propose", "vote", "execute")
    )
    filling_ns = evidence.filling_ns
    delays_ns = min(vote_ns, float(_network_ns(evidence)))
    pushing_ns = min(vote_ns - delays_ns, float(evidence.quorum * evidence.transmission_ns))
    causes[ROUND_TRIPS] += submit_ns + delays_ns
    causes[BLOCK_CUTTING] += filling_ns
    causes[LEADER_BANDWIDTH] += pushing_ns
    causes[SIGNATURE_CPU] += propose_ns + vote_ns - delays_ns - pushing_ns
    causes[EXECUTION_CPU] += execute_ns
    causes[_round_kind(evidence) if bound == OFFERED_LOAD else bound] += queue_ns - filling_ns
    return {cause: ns / SECOND for cause, ns in causes.items()}
