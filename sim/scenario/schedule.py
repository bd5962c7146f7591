"""Faults held against the chains that they happen to: what cannot be, and the schedule that the simulation takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from sim.consensus.registry import family, protocols
from sim.crosschain.points import points_of
from sim.crosschain.steps import SOURCE
from sim.scenario.fault import LIES, REST
from sim.scenario.fault import Fault as FaultEntry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sim.faults.links import LinkFault
    from sim.faults.schedule import Fault as Scheduled
    from sim.scenario.crosslink import CrossLink
    from sim.scenario.fault import Fault, Group
    from sim.scenario.model import Chain, Scenario
    from sim.scenario.stream import Stream

    Item = tuple[tuple[str | int, ...], str]

_DISGUISES: Final = frozenset({"censor", "equivocate", "conflicting-new-view", "twins"})
"""What takes the place of a node's replica, which only one thing can."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A fault on one chain, whose nodes stand in ``regions`` by number."""

    fault: Fault
    chain_id: str
    chain: Chain
    regions: Sequence[str]

    @staticmethod
    def of(fault: Fault, chain_id: str, chain: Chain) -> _Place:
        """The chain's nodes are dealt out to its regions in turn."""
        count = chain.validators + chain.observers
        return _Place(fault, chain_id, chain, [chain.regions[n % len(chain.regions)] for n in range(count)])

    @property
    def nodes(self) -> tuple[int, ...] | None:
        """The nodes that the fault names by number or region; None where it names none."""
        fault = self.fault
        if fault.nodes is None and fault.regions is None:
            return None
        return fault.nodes or tuple(n for n, region in enumerate(self.regions) if region in (fault.regions or ()))

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The nodes of each group, ``rest`` filled in; twins are no peers of their own, and peers are validators."""
        told = self.fault.groups or ()
        everybody = range(len(self.regions) if self.fault.action == "partition" else self.chain.validators)
        apart = set() if self.fault.action == "partition" else set(self.nodes or ())
        named = [{n for n in everybody if self._is_in(n, group)} - apart for group in told]
        rest = set(everybody) - apart - set().union(*named)
        return tuple(tuple(sorted(rest if group == REST else there)) for group, there in zip(told, named, strict=True))

    def _is_in(self, node: int, group: Group) -> bool:
        return group != REST and (node in group or self.regions[node] in group)


def impossible(scenario: Scenario) -> Iterator[Item]:
    """Yield what a scenario's faults ask of chains that these cannot do: the place below the scenario, and why."""
    disguised: dict[tuple[str, int], int] = {}
    for index, fault in enumerate(scenario.faults):
        for place in _places(fault, scenario.chains):
            problems = [*_nodes_there(place), *_groups_apart(place), *_failing_peers(place), *_successor(place)]
            if fault.action in LIES:
                problems += [*_liars(place), *_second_disguises(place, index, disguised)]
                problems += _foreign_streams(place, scenario.workload)
            for below, message in problems:
                yield ("faults", index, *below), message


def schedule(scenario: Scenario) -> list[Scheduled]:
    """The faults of a scenario as the simulation takes them: one for every chain that something happens to."""
    return [_scheduled(place) for fault in scenario.faults for place in _places(fault, scenario.chains)]


def link_schedule(scenario: Scenario) -> list[LinkFault]:
    """The faults of a scenario's links as the simulation takes them."""
    from sim.crosschain.trusting import Loot
    from sim.faults.links import LinkFault

    return [
        LinkFault(
            fault.link,
            fault.at,
            fault.duration,
            fault.action,
            _concerned(fault, scenario.links[fault.link]),
            fault.notaries is not None or fault.action == "notary-crash",
            Loot(fault.stolen_keys or 0, fault.stolen_from or SOURCE, fault.blocks_ahead or 1),
            None if fault.after is None else _point(fault.after, scenario.links[fault.link]),
            (fault.ahead or 0) - (fault.behind or 0),
            fault.streams or (),
            fault.amounts_from or 0,
        )
        for fault in scenario.faults
        if fault.link is not None
    ]


def _point(name: str, link: CrossLink) -> tuple[str, str]:
    return points_of(link.protocol, link.atomicity)[name]


def _concerned(fault: Fault, link: CrossLink) -> tuple[int, ...]:
    """The relayers that it happens to, or the notaries."""
    if fault.notaries is not None or fault.action == "notary-crash":
        return fault.notaries or tuple(range(0 if link.notaries is None else link.notaries.count))
    return fault.relayers or tuple(range(link.relayers))


def _places(fault: Fault, chains: Mapping[str, Chain]) -> Iterator[_Place]:
    """The chains that a fault concerns: its own, or all that have nodes where it says."""
    if fault.link is not None:
        return
    if fault.chain is not None:
        yield _Place.of(fault, fault.chain, chains[fault.chain])
        return
    for chain_id, chain in chains.items():
        place = _Place.of(fault, chain_id, chain)
        if place.nodes != () and (fault.groups is None or sum(map(bool, place.groups)) > 1):
            yield place


def _nodes_there(place: _Place) -> Iterator[Item]:
    for index, region in enumerate(place.fault.regions or ()):
        if region not in place.regions:
            yield ("regions", index), f"{place.chain_id} has no nodes in {region}"


def _groups_apart(place: _Place) -> Iterator[Item]:
    """Groups name nodes that there are, and a partition each of them once."""
    seen: set[int] = set()
    for index, (told, there) in enumerate(zip(place.fault.groups or (), place.groups, strict=True)):
        for position, member in enumerate(told if told != REST else ()):
            if isinstance(member, int) and member >= len(place.regions):
                last = len(place.regions) - 1
                yield ("groups", index, position), f"{place.chain_id} has no node {member}; its nodes are 0 to {last}"
        if place.fault.action == "partition" and seen & set(there):
            yield ("groups", index), f"holds node {min(seen & set(there))}, which another group holds already"
        if not there:
            yield ("groups", index), f"has no node of {place.chain_id}"
        seen |= set(there)


def _failing_peers(place: _Place) -> Iterator[Item]:
    """Peers that execute before ordering always answer: what a client does when one does not is not modelled."""
    if place.chain.fabric is None or place.fault.action not in {"crash", "slow"}:
        return
    peers = [node for node in place.nodes or () if node >= place.chain.validators]
    if peers:
        last = place.chain.validators - 1
        yield ("action",), f"node {peers[0]} of {place.chain_id} is a peer; needs orderers, which are 0 to {last}"


def _successor(place: _Place) -> Iterator[Item]:
    to, protocol, last = place.fault.to, place.chain.consensus.protocol, place.chain.validators - 1
    if to is None:
        return
    if not family(protocol).hands_over:
        able = ", ".join(name for name in protocols() if family(name).hands_over)
        yield ("action",), f"{place.chain_id} runs {protocol}, whose leaders do not hand over; needs a chain on {able}"
    if to > last:
        yield ("to",), f"{place.chain_id} has no validator {to}; its validators are 0 to {last}"


def _liars(place: _Place) -> Iterator[Item]:
    protocol, last = place.chain.consensus.protocol, place.chain.validators - 1
    if not family(protocol).byzantine:
        yield (
            ("action",),
            f"{place.chain_id} runs {protocol}, which stands crashes only; needs another fault or protocol",
        )
    if place.fault.regions is not None and place.nodes and min(place.nodes) > last:
        yield ("regions",), f"{place.chain_id} has no validators there"
    for key in ("nodes", "peers"):
        for index, node in enumerate(getattr(place.fault, key) or ()):
            if node > last:
                yield (key, index), f"node {node} of {place.chain_id} is an observer; validators are 0 to {last}"


def _second_disguises(place: _Place, number: int, disguised: dict[tuple[str, int], int]) -> Iterator[Item]:
    if place.fault.action in _DISGUISES:
        for node in place.nodes or ():
            other = disguised.setdefault((place.chain_id, node), number)
            if other != number:
                yield (
                    ("action",),
                    f"contradicts faults.{other}, which has changed node {node} of {place.chain_id} already",
                )


def _foreign_streams(place: _Place, streams: Mapping[str, Stream]) -> Iterator[Item]:
    for index, stream in enumerate(place.fault.streams or ()):
        if streams[stream].chain != place.chain_id or streams[stream].action != "deposit":
            yield ("streams", index), f"'{stream}' deposits nothing on {place.chain_id}"


def _scheduled(place: _Place) -> Scheduled:
    from sim.faults.schedule import Byzantine, ClockSkew, Crash, Disturbance, Partition, Slow, Transfer

    fault, chain, nodes = place.fault, place.chain_id, place.nodes
    when = (chain, fault.at, fault.duration)
    validators = tuple(node for node in nodes or () if node < place.chain.validators)
    scheduled: Scheduled
    match fault.action:
        case "crash":
            scheduled = Crash(*when, nodes or (), disk_lost=fault.disk == "lost")
        case "partition":
            scheduled = Partition(*when, place.groups, one_way=fault.direction == "one-way")
        case "clock-skew":
            ahead_ns = (fault.ahead or 0) - (fault.behind or 0)
            scheduled = ClockSkew(*when, nodes or (), ahead_ns, fault.ppm or 0)
        case "slow":
            scheduled = Slow(*when, nodes or (), fault.times or 1)
        case "transfer":
            scheduled = Transfer(chain, fault.at, fault.to or 0)
        case "loss" | "duplicate" | "lag" | "clog":
            loss, duplicate = ((fault.share or 0.0) if fault.action == kind else 0.0 for kind in ("loss", "duplicate"))
            scheduled = Disturbance(*when, nodes, loss, duplicate, fault.extra or 0, hold=fault.action == "clog")
        case _:
            groups = None if fault.groups is None else (place.groups[0], place.groups[1])
            scheduled = Byzantine(
                *when, validators, fault.action, fault.peers, fault.extra or 0, fault.streams or (), groups
            )
    return scheduled


def as_entry(scheduled: Scheduled) -> str:
    """A fault of the simulation as a scenario's list `faults` has it, in one line of YAML."""
    from sim.faults.schedule import Byzantine, ClockSkew, Crash, Disturbance, Partition, Slow, Transfer

    keys: dict[str, Any] = {"at": scheduled.at_ns, "duration": scheduled.for_ns or None, "chain": scheduled.chain}
    match scheduled:
        case Crash(nodes=nodes, disk_lost=lost):
            keys |= {"action": "crash", "nodes": nodes, "disk": "lost" if lost else None}
        case Partition(groups=groups, one_way=one_way):
            keys |= {"action": "partition", "groups": groups, "direction": "one-way" if one_way else None}
        case Disturbance(nodes=nodes, extra_ns=extra_ns):
            share = scheduled.loss or scheduled.duplicate or None
            keys |= {"action": scheduled.kind, "nodes": nodes, "share": share, "extra": extra_ns or None}
        case ClockSkew(nodes=nodes, ahead_ns=ahead_ns, ppm=ppm):
            jump = {"ahead": ahead_ns} if ahead_ns > 0 else {"behind": -ahead_ns or None}
            keys |= {"action": "clock-skew", "nodes": nodes, **jump, "ppm": ppm or (None if ahead_ns else 0)}
        case Slow(nodes=nodes, times=times):
            keys |= {"action": "slow", "nodes": nodes, "times": times}
        case Transfer(to=to):
            keys |= {"action": "transfer", "to": to}
        case Byzantine(nodes=nodes, kind=kind, peers=peers, groups=groups):
            keys |= {"action": kind, "nodes": nodes, "peers": peers, "groups": groups}
            keys |= {"extra": scheduled.extra_ns or None, "streams": scheduled.streams or None}
    entry = FaultEntry.model_construct(**keys)
    written = {
        FaultEntry.model_fields[key].alias or key: value for key, value in entry.model_dump(exclude_none=True).items()
    }
    return yaml.safe_dump(written, sort_keys=False, default_flow_style=True, width=10_000).strip()
