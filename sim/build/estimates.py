"""What an idle alliance takes, by arithmetic: what casework believes of the chains before any of them has run.

A record on a chain with nothing else to do waits for its block's whole interval, and then for the protocol: as many
one-way delays as `sim.consensus.registry.Family.phases` says, each to the validator that completes a quorum, as in
`sim.study.bottleneck`; and at each step a quorum's signatures are checked, one after the other. A packet leaves records
on its way (`sim.crosschain.recorded`). What queues, crowds and fails comes to is for the chains themselves to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.build.networks import Links
from sim.build.places import Places, serving
from sim.consensus.registry import family
from sim.crosschain.recorded import COURSES, RecordLink, travel
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE
from sim.network.topology import Topology, deal
from sim.scenario.distributions import to_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.kernel.distributions import Distribution
    from sim.scenario import Scenario

    Floats = NDArray[np.float64]
    Cells = NDArray[np.int64]

_PHASES: Final = 64
"""Packets whose mean is a link's: sent at so many different moments of a poll."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What the one record of a block takes on an idle chain, on average; nanoseconds.

    Attributes:
        coming: from anywhere in the country to the node, and from there to the leader.
        filling: while the block waits for others.
        agreeing: from cutting the block to its execution at the node.
    """

    coming: float
    filling: int
    agreeing: float

    @property
    def record_ns(self) -> int:
        """From sending a record to its execution at its client's node."""
        return round(self.coming + self.filling + self.agreeing)

    @property
    def relayed_ns(self) -> int:
        """The same where a relayer sends it through a node beside it."""
        return round(self.filling + self.agreeing)


def record_ns(scenario: Scenario) -> dict[str, int]:
    """By chain: from sending a record to its execution at its client's node."""
    return {chain_id: idle(scenario, chain_id).record_ns for chain_id in scenario.chains}


def check_ns(scenario: Scenario) -> dict[str, int]:
    """By chain: from a verification request to its answer: to a node and back, and fetching one proof."""
    found = {}
    for chain_id in scenario.chains:
        places = Places.of(scenario, chain_id, serving(scenario, chain_id))
        found[chain_id] = 2 * (scenario.network.delays.within + int(places.way_ns.mean())) + scenario.costs.proof
    return found


def message_ns(scenario: Scenario) -> dict[tuple[str, str], int]:
    """By pair of chains with a link, of several the first: from sending a packet to when its effect stands."""
    found: dict[tuple[str, str], int] = {}
    for link_id, link in scenario.links.items():
        found.setdefault((link.source, link.destination), crossing_ns(scenario, link_id)[0])
    return found


def crossing_ns(scenario: Scenario, link_id: str) -> tuple[int, int]:
    """From sending a packet over a link to when its effect stands, and to when its sender knows.

    The second is that of the first where its sender never knows. Swaps take as long as packets here; they are their
    parties' business.
    """
    link = record_link(scenario, link_id)
    idle_ns = idle_stations_ns(scenario, link)
    # One by one, or they would share looks and wait for each other's items.
    time_ns = np.arange(_PHASES) * (link.poll_ns + link.poll_ns // _PHASES)
    means = np.array([0.0 if law is None else law.mean for law in gateways(scenario, link_id, link)])
    went = travel(
        link,
        time_ns,
        np.zeros(_PHASES, dtype=np.int64),
        np.arange(_PHASES) % link.relayers,
        np.broadcast_to(idle_ns[:, None], (len(idle_ns), _PHASES)),
        np.broadcast_to(means.astype(np.int64)[:, None], (len(means), _PHASES)),
    )
    course = link.course
    ends = (course.delivered, course.delivered if course.acknowledged is None else course.acknowledged)
    there, known = (round(float((went.done_ns[end] - time_ns).mean())) for end in ends)
    return there, known


def record_link(scenario: Scenario, link_id: str) -> RecordLink:
    """A link as the records that its packets leave, whatever its fidelity, with nothing going wrong and no crowd."""
    spec = scenario.links[link_id]
    course = COURSES.get((spec.atomicity, spec.via is not None), COURSES["packet", False])
    roles = {SOURCE: spec.source, RELAY: spec.via, DESTINATION: spec.destination}
    chains = {role: chain for role, chain in roles.items() if chain is not None}
    return RecordLink(
        id=link_id,
        chains=chains,
        course=course,
        relayers=spec.relayers,
        poll_ns=spec.poll,
        batch=_PHASES * len(course.stations),
        rpc_ns=spec.rpc,
        rpc_item_ns=spec.rpc_item,
        shown_ns={role: round(idle(scenario, chain).agreeing) for role, chain in chains.items()},
    )


def idle_stations_ns(scenario: Scenario, link: RecordLink) -> Cells:
    """What each station's record takes on its chain if that is idle, and the refund's; shape (stations + 1,)."""
    found = [idle(scenario, chain).relayed_ns for chain in link.places]
    found[0] = idle(scenario, link.places[0]).record_ns
    return np.array(found, dtype=np.int64)


def gateways(scenario: Scenario, link_id: str, link: RecordLink) -> list[Distribution | None]:
    """What a gateway takes in front of each station, where it stands between chains of different zones."""
    spec = scenario.links[link_id]
    found: list[Distribution | None] = []
    for station in link.course.stations:
        after = station.role if station.after < 0 else link.course.stations[station.after].role
        zones = tuple(scenario.chains[link.chains[role]].zone for role in (after, station.role))
        if zones[0] == zones[1]:
            found.append(None)
        elif spec.gateway is not None:
            found.append(to_kernel(spec.gateway))
        else:
            between = (gateway for gateway in scenario.network.gateways if set(gateway.between) == set(zones))
            found.append(next((to_kernel(gateway.delay) for gateway in between), None))
    return found


def idle(scenario: Scenario, chain_id: str) -> Idle:
    """What a record takes on an idle chain."""
    spec, costs = scenario.chains[chain_id], scenario.costs
    nodes, n = spec.validators + spec.observers, spec.validators
    topology = Topology(deal(nodes, spec.regions), Links(scenario.network, spec.zone))
    base = topology.matrix(lambda link: link.delay_ns + link.jitter.mean)
    np.fill_diagonal(base, 0.0)
    asked = serving(scenario, chain_id)
    chosen = family(spec.consensus.protocol)
    voters = min(n, spec.consensus.committee or n) if chosen.committee is not None else n
    quorum = min(chosen.quorum(voters), n)
    to_quorum = float(np.sort(base[:n, :n], axis=1)[:, quorum - 1].mean())
    checking_ns = costs.verify + costs.hash
    # Who leads the first view stays; where leaders take turns, anybody may be next.
    to_leader = base[asked.start :, :n] if chosen.rotates else base[asked.start :, :1]
    away_ns = Places.of(scenario, chain_id, asked).way_ns.mean()
    return Idle(
        coming=scenario.network.delays.within + float(away_ns) + float(to_leader.mean()),
        filling=spec.block.interval,
        agreeing=chosen.phases * to_quorum
        + (chosen.phases - 1) * quorum * checking_ns
        + checking_ns
        + costs.execute
        + _observing(base, n, asked),
    )


def _observing(base: Floats, validators: int, asked: range) -> float:
    """What observers wait for the block after validators have it, on average over those who are asked."""
    behind = [float(base[node % validators, node]) if node >= validators else 0.0 for node in asked]
    return sum(behind) / len(behind)
