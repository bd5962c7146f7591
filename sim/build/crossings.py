"""Packets of links whose packets are records: the records that they leave on the chains, and how they came through.

When a packet's second record is sent depends on when its first is committed, which only the run will say. So a run
places the records by what is known before it: what the chains did with them in the run before, where cases and chains
go to and fro, else what idle chains take. What became of a packet is then told by what this run's chains did with its
records, each of which took what it took, one behind the other (`follow`); where the two differ much, another run places
them better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.build.estimates import gateways, idle_stations_ns, record_link
from sim.build.places import Places, serving
from sim.casework.definition import Answer
from sim.casework.keys import key_of
from sim.crosschain.recorded import NEVER, Interruption, travel
from sim.faults.apply import merged
from sim.kernel.counters import Counters
from sim.network.transport import NEVER as TO_THE_END

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from sim.casework.emissions import Measured, Sent
    from sim.crosschain.actors.sender import Traffic
    from sim.crosschain.recorded import RecordLink, Travels
    from sim.kernel.distributions import Distribution
    from sim.kernel.draws import Draws
    from sim.scenario import Scenario
    from sim.scenario.fault import Fault

    Cells = NDArray[np.int64]
    Keys = NDArray[np.uint64]

LEG: Final = 5 << 20
"""Part of the keys of a packet's records, behind those of `sim.casework.keys`; the station's number is added."""
DATA_BYTES: Final = 400
"""Of a packet of casework, as in scenarios/base/crossing.yaml [guess]."""
CALL_BYTES: Final = 170
"""What a call adds to a packet's data: 569 bytes a call of 400 and fewer in scenarios/base/crossing.yaml with
verify: none, less the data, measured in this project."""
PROOF_BYTES: Final = 260
"""What a proof adds: 831 bytes a call there with light clients, headers included, less 569."""
_PIECES: Final = 4096
"""Values drawn of a gateway's delay, of which every packet takes one by its key."""
_PLACE, _GATEWAY, _TRANSFER = range(3)
"""Purposes of words."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """The packets of one link; arrays have shape (packets,) unless said otherwise.

    Attributes:
        link: what it is.
        streams: names of what is sent.
        stream: number of each packet's.
        key: of the message that each belongs to.
        part: of the message.
        time_ns: when each is sent, ascending.
        way_ns: to the node that it is sent through, beyond the way within a region.
        node: that node.
        size_bytes: of its records.
        relayer: whose nodes its further records go through.
        gateway_ns: what gateways take in front of each station, shape (stations, packets).
        commit_ns: what each record takes, as far as was known before the run; shape (stations + 1, packets).
        from_cases: whether somebody in casework waits for it.
    """

    link: RecordLink
    streams: tuple[str, ...]
    stream: Cells
    key: Keys
    part: Cells
    time_ns: Cells
    way_ns: Cells
    node: Cells
    size_bytes: Cells
    relayer: Cells
    gateway_ns: Cells
    commit_ns: Cells
    from_cases: NDArray[np.bool_]

    def leg(self, station: int) -> Keys:
        """The keys of the records that packets leave at a station."""
        return key_of(self.key, self.part, np.full(len(self.key), LEG + station))

    @property
    def placed(self) -> Travels:
        """Where this run places the records."""
        return travel(self.link, self.time_ns, self.stream, self.relayer, self.commit_ns, self.gateway_ns)

    def follow(self, measured: Measured) -> Travels:
        """What became of the packets by what the chains did with their records."""
        return replace(self, commit_ns=commits_ns(self, measured)).placed


def crossings(
    scenario: Scenario,
    draws: Draws,
    sent: Mapping[str, Sent],
    transfers: Mapping[str, Sequence[Traffic]],
    known: Measured | None,
) -> dict[str, Crossing]:
    """The packets of every link whose packets are records, by the link's id.

    Args:
        scenario: says which links these are.
        draws: chance.
        sent: what casework sends, by link.
        transfers: what the scenario's own streams send, by link.
        known: what the chains did with the records in the run before, if there was one.
    """
    found = {}
    for link_id in sent.keys() | transfers.keys():
        crossing = _crossing(scenario, draws, link_id, sent.get(link_id), transfers.get(link_id, ()))
        found[link_id] = crossing if known is None else replace(crossing, commit_ns=commits_ns(crossing, known))
    return {link_id: found[link_id] for link_id in scenario.links if link_id in found}


def commits_ns(crossing: Crossing, measured: Measured) -> Cells:
    """What each record of the packets took on its chain, `crossing.commit_ns` where that is not known.

    A record for which a pool had no room is sent again with the relayers' next look, and takes once more what it is
    believed to take; that of the sender is not, and its packet never sets out.
    """
    found = crossing.commit_ns.copy()
    for station in range(len(found)):
        keys = crossing.leg(station)
        place = np.minimum(np.searchsorted(measured.key, keys), max(0, len(measured.key) - 1))
        there = (measured.key[place] == keys) if len(measured.key) else np.zeros(len(keys), dtype=np.bool_)
        delay_ns, answer = measured.delay_ns[place[there]], measured.answer[place[there]]
        again_ns = NEVER if station == 0 else crossing.link.poll_ns + found[station, there]
        delay_ns = np.where(answer == Answer.REFUSED, np.minimum(delay_ns + again_ns, NEVER), delay_ns)
        found[station, there] = np.where(answer == Answer.NO_ANSWER, NEVER, delay_ns)
    return found


def _crossing(
    scenario: Scenario, draws: Draws, link_id: str, sent: Sent | None, transfers: Sequence[Traffic]
) -> Crossing:
    link, spec = record_link(scenario, link_id), scenario.links[link_id]
    places = Places.of(scenario, spec.source, serving(scenario, spec.source))
    counters = Counters(draws, f"crossings of {link_id}")
    ids = (*(traffic.id for traffic in transfers), *(() if sent is None else sent.kinds))
    parts = [_of_stream(counters, number, traffic) for number, traffic in enumerate(transfers)]
    if sent is not None:
        parts.append(_of_cases(counters, places, len(transfers), sent))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((columns[1], columns[0], columns[2]))
    key, part, time_ns, stream, way_ns, node, size_bytes, from_cases = (column[order] for column in columns)
    streams = {name: number for number, name in enumerate(ids)}
    link = replace(
        link,
        batch=spec.batch,
        timeout_ns=0 if spec.timeout is None else spec.timeout.value,
        interruptions=_interruptions(scenario, link_id, streams),
    )
    words = counters.words(part, key, _GATEWAY)
    idle_ns = idle_stations_ns(scenario, link)
    proof = 0 if spec.verify == "none" else PROOF_BYTES
    return Crossing(
        link=link,
        streams=ids,
        stream=stream,
        key=key,
        part=part,
        time_ns=time_ns,
        way_ns=way_ns,
        node=node,
        size_bytes=size_bytes + CALL_BYTES + proof,
        relayer=(words[:, 3] % np.uint64(spec.relayers)).astype(np.int64),
        gateway_ns=_gateways_ns(scenario, draws, link, words),
        commit_ns=np.repeat(idle_ns[:, None], len(key), axis=1),
        from_cases=from_cases.astype(np.bool_),
    )


def _of_stream(counters: Counters, number: int, traffic: Traffic) -> list[NDArray[np.generic]]:
    """Packets of one of the scenario's own streams, whose keys are drawn by their numbers."""
    count = len(traffic.times_ns)
    same = np.zeros(count, dtype=np.int64)
    keys = counters.words(np.arange(count), np.full(count, number, dtype=np.uint64), _TRANSFER)[:, 0]
    return [keys, same, traffic.times_ns, same + number, same, traffic.node, traffic.size_bytes, same]


def _of_cases(counters: Counters, places: Places, first: int, sent: Sent) -> list[NDArray[np.generic]]:
    node = places.node(sent.province, counters.words(sent.part, sent.key, _PLACE)[:, 0])
    same = np.ones(len(sent.key), dtype=np.int64)
    way_ns = places.way_ns[sent.province]
    return [sent.key, sent.part, sent.time_ns, sent.kind + first, way_ns, node, same * DATA_BYTES, same]


def _gateways_ns(scenario: Scenario, draws: Draws, link: RecordLink, words: Keys) -> Cells:
    """What gateways take in front of each station, shape (stations, packets)."""
    laws = gateways(scenario, link.id, link)
    found = np.zeros((len(laws), len(words)), dtype=np.int64)
    for station, law in enumerate(laws):
        if law is not None:
            drawn_ns = _pieces(draws, link.id, station, law)
            # One word has room for five stations' pieces.
            turn = (words[:, station % 3] >> np.uint64(12 * (station // 3))) % np.uint64(_PIECES)
            found[station] = drawn_ns[turn.astype(np.int64)]
    return found


def _pieces(draws: Draws, link_id: str, station: int, law: Distribution) -> Cells:
    return np.rint(law.sample(draws.block(link_id, "gateway", station), _PIECES)).astype(np.int64)


def _interruptions(scenario: Scenario, link_id: str, streams: Mapping[str, int]) -> tuple[Interruption, ...]:
    """When relayers of a link stop, or leave something out; crashes of one relayer that overlap are one."""
    faults = [fault for fault in scenario.faults if fault.link == link_id]
    found = [
        Interruption(relayer, begin_ns, min(end_ns, NEVER), crash=True)
        for relayer in range(scenario.links[link_id].relayers)
        for begin_ns, end_ns in merged(
            _interval(fault) for fault in faults if fault.action == "relayer-crash" and _has(fault, relayer)
        )
    ]
    for fault in faults:
        if fault.action == "censor-packets":
            begin_ns, end_ns = _interval(fault)
            left_out = frozenset(streams[name] for name in fault.streams or ())
            found += [
                Interruption(relayer, begin_ns, min(end_ns, NEVER), crash=False, streams=left_out)
                for relayer in range(scenario.links[link_id].relayers)
                if _has(fault, relayer)
            ]
    return tuple(sorted(found, key=lambda gap: (gap.begin_ns, gap.relayer)))


def _has(fault: Fault, relayer: int) -> bool:
    return fault.relayers is None or relayer in fault.relayers


def _interval(fault: Fault) -> tuple[int, int]:
    return fault.at, TO_THE_END if fault.duration is None else fault.at + fault.duration


def records_of(crossing: Crossing, chain_id: str, nodes: range, horizon_ns: int) -> Iterator[Records]:
    """The records that packets leave on a chain before the horizon, station by station."""
    placed, link = crossing.placed, crossing.link
    for station, (word, place) in enumerate(zip(link.words, link.places, strict=True)):
        if place != chain_id:
            continue
        here = np.flatnonzero(placed.sent_ns[station] < horizon_ns)
        yield Records(
            id=f"{link.id}/{word}",
            key=crossing.leg(station)[here],
            time_ns=placed.sent_ns[station, here],
            way_ns=crossing.way_ns[here] if station == 0 else np.zeros(len(here), dtype=np.int64),
            node=crossing.node[here] if station == 0 else nodes.start + crossing.relayer[here] % len(nodes),
            size_bytes=crossing.size_bytes[here],
        )


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one stream, in any order; arrays have shape (records,).

    Attributes:
        id: the stream's name.
        key, time_ns, way_ns, node, size_bytes: as in `sim.workload.given.Given` and `sim.build.emitted.Rows`.
    """

    id: str
    key: Keys
    time_ns: Cells
    way_ns: Cells
    node: Cells
    size_bytes: Cells
