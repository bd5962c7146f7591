"""What an idle alliance takes, by arithmetic: what casework believes of the chains before any of them has run.

A record on a chain with nothing else to do waits for its block's whole interval, and then for the protocol: as many
one-way delays as `sim.consensus.registry.Family.phases` says, each to the validator that completes a quorum, as in
`sim.study.bottleneck`; and at each step a quorum's signatures are checked, one after the other. What queues, crowds and
fails comes to is for the chains themselves to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.build.emitted import serving
from sim.build.networks import Links
from sim.build.places import Places
from sim.consensus.registry import family
from sim.network.topology import Topology, deal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sim.scenario import Scenario

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimates:
    """Mean latencies of an idle alliance, in nanoseconds.

    Attributes:
        records: by chain: from sending a record to its execution at the sender's node.
        checks: by chain: from a verification request to its answer.
    """

    records: Mapping[str, int]
    checks: Mapping[str, int]


def estimates(scenario: Scenario) -> Estimates:
    """What each chain of a scenario takes when nothing else happens there and nothing is wrong."""
    return Estimates(
        records={chain_id: commit_ns(scenario, chain_id) for chain_id in scenario.chains},
        checks={chain_id: check_ns(scenario, chain_id) for chain_id in scenario.chains},
    )


def check_ns(scenario: Scenario, chain_id: str) -> int:
    """From a verification request to its answer: to the node and back, and fetching one proof."""
    places = Places.of(scenario, chain_id, serving(scenario, chain_id))
    return 2 * (scenario.network.delays.within + int(places.way_ns.mean())) + scenario.costs.proof


def commit_ns(scenario: Scenario, chain_id: str) -> int:
    """From sending a record, from anywhere in the country, to its execution at the node that it was sent through."""
    spec, costs = scenario.chains[chain_id], scenario.costs
    nodes, n = spec.validators + spec.observers, spec.validators
    topology = Topology(deal(nodes, spec.regions), Links(scenario.network, spec.zone))
    base = topology.matrix(lambda link: link.delay_ns + link.jitter.mean)
    np.fill_diagonal(base, 0.0)
    asked = list(serving(scenario, chain_id))
    places = Places.of(scenario, chain_id, range(asked[0], nodes))
    chosen = family(spec.consensus.protocol)
    voters = min(n, spec.consensus.committee or n) if chosen.committee is not None else n
    quorum = min(chosen.quorum(voters), n)
    among = base[:n, :n]
    to_quorum = float(np.sort(among, axis=1)[:, quorum - 1].mean())
    checking_ns = costs.verify + costs.hash
    # Who leads the first view stays; where leaders take turns, anybody may be next.
    to_leader = base[asked][:, :n] if chosen.rotates else base[asked][:, :1]
    return round(
        scenario.network.delays.within
        + float(places.way_ns.mean())
        + float(to_leader.mean())
        + spec.block.interval
        + chosen.phases * to_quorum
        + (chosen.phases - 1) * quorum * checking_ns
        + checking_ns
        + costs.execute
        + _observing(base, n, asked)
    )


def _observing(base: Floats, validators: int, asked: list[int]) -> float:
    """What observers wait for the block after validators have it, on average over those who are asked."""
    behind = [float(base[node % validators, node]) if node >= validators else 0.0 for node in asked]
    return sum(behind) / len(behind)
