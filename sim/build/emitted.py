"""What casework emits, as the chains take it: streams with given times, and who is waiting for each row of them.

A deposit goes to a node of the chain in its province (`sim.build.places`), a packet is sent through one, a check is
answered by one. Which node, what size where none is given, and which record a check means are drawn by the key of each,
so that they stay what they are when another pass emits more or less around them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.build.crossings import DATA_BYTES, crossings, records_of
from sim.build.places import Places, serving
from sim.crosschain.actors.sender import Traffic
from sim.crosschain.contracts.terms import PREIMAGE_BYTES
from sim.kernel.counters import Counters, uniforms
from sim.kernel.distributions import Lognormal
from sim.kernel.inversion import invert
from sim.scenario.recordlink import RECORD
from sim.workload.given import Given, GivenChecks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from sim.build.crossings import Crossing, Records
    from sim.build.windows import Windows
    from sim.casework.emissions import Asked, Deposited, Emissions, Measured, Sent
    from sim.kernel.draws import Draws
    from sim.scenario import Scenario

    Cells = NDArray[np.int64]
    Keys = NDArray[np.uint64]

TRAFFIC: Final = "casework"
"""The name of what casework sends over a link, among the link's streams."""
USUAL: Final = Lognormal(600, 2000)
"""Bytes of a record whose kind names no size: what scenarios/base/alliance.yaml says of case files [guess]."""
HISTORY: Final = 1000
"""Records of every kind that is asked about which stand on the chain before the run, so that those who ask about an
older case find one [guess]; a day of the smallest workflows deposits about as many."""
ACCOUNTS: Final = 1 << 30
"""On either chain, of which a packet with locks takes one by its key: so many that two seldom want the same [guess]."""

_RECORD, _CHECK, _PACKET, _PREIMAGE = range(4)
"""Purposes of words."""
_CHUNK = 1 << 18
"""Rows that are drawn for together: 8 MB of words."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Records for one chain in the order of time, with their keys.

    Attributes:
        given: as the chain takes them.
        key: of each; shape (records,).
    """

    given: Given
    key: Keys


@dataclass(frozen=True, slots=True)
class Requests:
    """Verification requests to one chain in the order in which they reach it.

    Attributes:
        given: as the chain takes them.
        key: of each; shape (requests,).
        time_ns: when each was made.
        back_ns: what the way back from the node's region takes.
    """

    given: GivenChecks
    key: Keys
    time_ns: Cells
    back_ns: Cells


@dataclass(frozen=True, slots=True)
class Packets:
    """Packets of a link that goes by contracts and relayers.

    Attributes:
        traffic: as the link takes them.
        key: of the message that each belongs to; shape (packets,).
        time_ns: when each was sent; it reaches its node later, at ``traffic.times_ns``.
    """

    traffic: Traffic
    key: Keys
    time_ns: Cells


@dataclass(frozen=True, slots=True)
class Outside:
    """What falls into no window of a long horizon; arrays have shape (things,).

    Attributes:
        key: of each.
        time_ns: when it is asked for.
        alike: what it must have in common with what stands for it: of checks, what is presented.
        chance: a uniform number of each.
        idle_ns: what each takes where nothing of its kind was measured; of packets, also until the sender knows.
    """

    key: Keys
    time_ns: Cells
    alike: Cells
    chance: NDArray[np.float64]
    idle_ns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Emitted:
    """What casework asks of the chains and links of an alliance.

    Attributes:
        records: by chain.
        requests: by chain.
        packets: by link, where it goes by contracts.
        crossings: by link, where packets are records; these are among the ``records``, too.
        windows: where chains run, if not through the whole horizon; what falls into none of them is not among the
            records, requests and packets, whose times are those of the run then.
        outside, unasked, unsent: the records, requests and packets that do.
    """

    records: dict[str, Rows] = field(default_factory=dict)
    requests: dict[str, Requests] = field(default_factory=dict)
    packets: dict[str, Packets] = field(default_factory=dict)
    crossings: dict[str, Crossing] = field(default_factory=dict)
    windows: Windows | None = None
    outside: dict[str, Outside] = field(default_factory=dict)
    unasked: dict[str, Outside] = field(default_factory=dict)
    unsent: dict[str, Outside] = field(default_factory=dict)


def emitted(
    scenario: Scenario,
    draws: Draws,
    emissions: Emissions,
    transfers: Mapping[str, Sequence[Traffic]],
    known: Measured | None = None,
) -> Emitted:
    """Emissions as the chains and links of a scenario take them.

    Args:
        scenario: says what chains and links there are.
        draws: chance.
        emissions: what casework asks for.
        transfers: what the scenario's own streams send over links whose packets are records.
        known: what chains did in the run before; it places the records of packets (`sim.build.crossings`).

    Raises:
        ValueError: something is to be sent where no link leads, or the emissions are not in the order of time.
    """
    counters = Counters(draws, "emissions")
    ways = {(link.source, link.destination): link_id for link_id, link in reversed(list(scenario.links.items()))}
    sent: dict[str, Sent] = {}
    for (source, destination), packets in emissions.packets.items():
        if (source, destination) not in ways:
            raise ValueError(f"casework sends from {source} to {destination}, where no link leads")
        sent[ways[source, destination]] = packets
    recorded = {link_id: packets for link_id, packets in sent.items() if scenario.links[link_id].fidelity == RECORD}
    found = Emitted(crossings=crossings(scenario, draws, recorded, transfers, known))
    for chain_id in scenario.chains:
        nodes = serving(scenario, chain_id)
        places = Places.of(scenario, chain_id, nodes)
        deposited, asked = emissions.deposits.get(chain_id), emissions.checks.get(chain_id)
        left = [
            records
            for crossing in found.crossings.values()
            for records in records_of(crossing, chain_id, nodes, scenario.horizon)
        ]
        if left or deposited is not None or asked is not None:
            found.records[chain_id] = _merged(_records(places, counters, deposited, asked), left)
        if asked is not None:
            found.requests[chain_id] = _requests(places, counters, asked)
    for link_id in sent.keys() - recorded.keys():
        # Users of a link may talk to any node; its contracts are on chains whose validators execute.
        source = scenario.links[link_id].source
        found.packets[link_id] = _packets(
            Places.of(scenario, source, serving(scenario, source)), counters, sent[link_id]
        )
    return found


def _merged(rows: Rows, left: Sequence[Records]) -> Rows:
    """Records with those that packets leave, in the order of time."""
    if not left:
        return rows
    given, ids = rows.given, (*rows.given.ids, *(records.id for records in left))
    counts = [len(rows.key), *(len(records.key) for records in left)]
    codes = np.repeat(np.arange(len(left)) + len(given.ids), counts[1:])
    key = np.concatenate([rows.key, *(records.key for records in left)])
    time_ns = np.concatenate([given.time_ns, *(records.time_ns for records in left)])
    order = np.lexsort((key, time_ns))
    stream = np.concatenate([given.stream.astype(np.int64), codes])[order]
    merged = Given(
        ids=ids,
        history=(*given.history, *(0 for _ in left)),
        stream=stream.astype(np.min_scalar_type(-1 - len(ids))),
        time_ns=time_ns[order],
        way_ns=np.concatenate([given.way_ns, *(records.way_ns for records in left)])[order],
        size_bytes=np.concatenate([given.size_bytes, *(records.size_bytes for records in left)])[order],
        node=np.concatenate([given.node, *(records.node.astype(given.node.dtype) for records in left)])[order],
    )
    return Rows(merged, key[order])


def _records(places: Places, counters: Counters, deposited: Deposited | None, asked: Asked | None) -> Rows:
    """What is deposited; kinds that are asked about have a history, whether any of them is deposited or not."""
    old = () if asked is None else asked.kinds
    kinds = () if deposited is None else deposited.kinds
    ids = tuple(dict.fromkeys((*kinds, *old)))
    history = tuple(HISTORY if kind in old else 0 for kind in ids)
    if deposited is None:
        nothing = np.empty(0, dtype=np.int64)
        return Rows(Given(ids, history, *[nothing] * 5), nothing.astype(np.uint64))
    count = len(deposited.key)
    size_bytes, node = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int16)
    for here in _chunks(count):
        words = _words(counters, deposited.key[here], _RECORD)
        node[here] = places.node(deposited.province[here], words[:, 0])
        usual = np.maximum(np.rint(invert(USUAL.law, words[:, 1])), 1).astype(np.int64)
        size_bytes[here] = np.where(deposited.size_bytes[here] > 0, deposited.size_bytes[here], usual)
    kind = deposited.kind.astype(np.min_scalar_type(-1 - len(ids)))
    way_ns = places.way_ns[deposited.province]
    return Rows(Given(ids, history, kind, deposited.time_ns, way_ns, size_bytes, node), deposited.key)


def _requests(places: Places, counters: Counters, asked: Asked) -> Requests:
    way_ns = places.way_ns[asked.province]
    there_ns = asked.time_ns + way_ns
    order = np.argsort(there_ns, kind="stable")
    words = _words(counters, asked.key, _CHECK)
    given = GivenChecks(
        ids=asked.kinds,
        of=asked.of[order],
        time_ns=there_ns[order],
        kind=asked.presented[order],
        choice=uniforms(words[:, 1])[order],
        node=places.node(asked.province, words[:, 0])[order],
        looks=None if asked.looks is None else asked.looks.of(order),
    )
    return Requests(given, asked.key[order], asked.time_ns[order], way_ns[order])


def _packets(places: Places, counters: Counters, sent: Sent) -> Packets:
    there_ns = sent.time_ns + places.way_ns[sent.province]
    order = np.argsort(there_ns, kind="stable")
    key, count = sent.key[order], len(order)
    words = _words(counters, key, _PACKET, sent.part[order])
    preimages = _words(counters, key, _PREIMAGE, sent.part[order]).astype("<u8")
    most = np.uint64(ACCOUNTS)
    traffic = Traffic(
        id=TRAFFIC,
        times_ns=there_ns[order],
        size_bytes=np.full(count, DATA_BYTES, dtype=np.int64),
        node=places.node(sent.province[order], words[:, 0]),
        amount=1,
        payer=(words[:, 1] % most).astype(np.int64),
        payee=(words[:, 2] % most).astype(np.int64),
        preimages=[row.tobytes()[:PREIMAGE_BYTES] for row in preimages],
        irreversible=np.zeros(count, dtype=np.bool_),
        members=1,
    )
    return Packets(traffic, key, sent.time_ns[order])


def _words(counters: Counters, key: Keys, purpose: int, part: Cells | None = None) -> Keys:
    """Four words for each key, and for each part of what the key is of."""
    steps = np.zeros(len(key), dtype=np.int64) if part is None else part
    return counters.words(steps, key, purpose)


def _chunks(count: int) -> Iterator[slice]:
    return (slice(begin, begin + _CHUNK) for begin in range(0, count, _CHUNK))
