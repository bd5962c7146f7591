"""A packet as the records that it leaves: a link without contracts, relayers and proofs, for loads too great for these.

A packet of such a link is a record on the source, one on the destination and, where its sender learns what became of
it, one more on the source; with a chain between, or in two phases, there are more of them (`COURSES`). What lies
between two records is arithmetic: the relayers' next look at the chain, the way to a node and back, an item for each
packet in the look and for its proof, and a gateway where networks are kept apart. What each record takes to be
committed is not known here but given: the chains say it.

Relayers look at the same moments as those of `sim.crosschain.actors.relayer`: every `poll_ns`, in turn; a restarted one
begins at once. They know nothing of each other, so that in a crowd all of them carry the same packets, and no more than
`batch` calls get through in each `poll_ns`. All calls about a packet share that number, so each of its stations has its
part of it: what a crowded link carries is right, and how its packets share the looks is roughly so. Nothing can be
forged, and nothing is proved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from sim.crosschain.steps import DESTINATION, RELAY, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Cells = NDArray[np.int64]
    Mask = NDArray[np.bool_]

NEVER: Final = 1 << 61
"""Later than any run, with room to add to it."""
LOOKED_AT: Final = 2
"""Items of a packet in a look: the packet, and its proof."""
HEADERS: Final = 2
"""Items of a look besides: the heads of both chains, or a header."""


class Station(NamedTuple):
    """A record that a packet leaves.

    Attributes:
        word: what it says.
        role: of the chain that it is on.
        after: the number of the station whose record makes it due; -1 for the first.
    """

    word: str
    role: str
    after: int


class Course(NamedTuple):
    """All records that a packet leaves if nothing goes wrong.

    Attributes:
        stations: in an order in which each stands behind what makes it due.
        delivered: at which station the effect stands.
        acknowledged: at which the sender knows; None if it never does.
        sole: whether one relayer sees to all of a packet, as coordinators do; else any does.
    """

    stations: tuple[Station, ...]
    delivered: int
    acknowledged: int | None
    sole: bool = False


_SENT: Final = Station("sent", SOURCE, -1)
COURSES: Final[Mapping[tuple[str, bool], Course]] = {
    ("none", False): Course((_SENT, Station("received", DESTINATION, 0)), 1, None),
    ("packet", False): Course((_SENT, Station("received", DESTINATION, 0), Station("acknowledged", SOURCE, 1)), 1, 2),
    ("2pc", False): Course(
        (
            _SENT,
            Station("started", DESTINATION, 0),
            Station("executed-at-source", SOURCE, 1),
            Station("executed", DESTINATION, 2),
            Station("committed", DESTINATION, 3),
            Station("committed-at-source", SOURCE, 4),
        ),
        4,
        5,
        sole=True,
    ),
    ("packet", True): Course(
        (
            _SENT,
            Station("relayed", RELAY, 0),
            Station("received", DESTINATION, 1),
            Station("answered", RELAY, 2),
            Station("acknowledged", SOURCE, 3),
        ),
        2,
        4,
    ),
    ("tcc", True): Course(
        (
            _SENT,
            Station("relayed", RELAY, 0),
            Station("tried", DESTINATION, 1),
            Station("decided", RELAY, 2),
            Station("confirmed", DESTINATION, 3),
            Station("reported", RELAY, 4),
            Station("acknowledged", SOURCE, 5),
        ),
        4,
        6,
    ),
}
"""By atomicity, and whether a chain lies between."""
REFUNDED: Final = "refunded"
"""The word of the record by which the source gives back what has timed out; it is a station of its own behind all."""


class Interruption(NamedTuple):
    """A relayer carries nothing for a while.

    Attributes:
        relayer: its number.
        begin_ns, end_ns: from when to when; `NEVER` if to the end.
        crash: it begins anew at the end, with a look at once; else it looks on and leaves out what it is told to.
        streams: numbers of the streams that it leaves out; empty for all.
    """

    relayer: int
    begin_ns: int
    end_ns: int
    crash: bool
    streams: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class RecordLink:
    """A link whose packets are records.

    Attributes:
        id: its name.
        chains: ids by role.
        course: which records a packet leaves.
        relayers: how many.
        poll_ns, batch, rpc_ns, rpc_item_ns: as in `sim.crosschain.actors.memory.RelayerConfig`.
        shown_ns: by role: until a record is shown by a header, which is that of the next block.
        timeout_ns: after sending a packet, when it is not received any more; 0 for never.
        interruptions: of its relayers, in the order of their beginning.
    """

    id: str
    chains: Mapping[str, str]
    course: Course
    relayers: int
    poll_ns: int
    batch: int
    rpc_ns: int
    rpc_item_ns: int
    shown_ns: Mapping[str, int]
    timeout_ns: int = 0
    interruptions: tuple[Interruption, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What its records say, station by station; `REFUNDED` behind all."""
        return (*(station.word for station in self.course.stations), REFUNDED)

    @property
    def places(self) -> tuple[str, ...]:
        """The chain that each station's records are on."""
        return tuple(self.chains[role] for role in (*(station.role for station in self.course.stations), SOURCE))

    def looks_ns(self, ready_ns: Cells, stream: Cells, relayer: Cells) -> Cells:
        """When the first relayer that would carry it looks at what is ready at these times; `NEVER` if none does.

        ``relayer``: the one that each belongs to, where it does.
        """
        first_ns = np.full(len(ready_ns), NEVER)
        for number in range(self.relayers):
            look_ns = self._look_ns(number, ready_ns, stream)
            if self.course.sole:
                look_ns[relayer != number] = NEVER
            np.minimum(first_ns, look_ns, out=first_ns)
        return first_ns

    def _look_ns(self, relayer: int, ready_ns: Cells, stream: Cells) -> Cells:
        anchor_ns = np.full(len(ready_ns), relayer * self.poll_ns // self.relayers)
        look_ns = self._on_grid(anchor_ns, ready_ns)
        for gap in self.interruptions:
            if gap.relayer != relayer:
                continue
            if gap.crash:
                hit = look_ns >= gap.begin_ns
                anchor_ns[hit] = gap.end_ns
                look_ns[hit] = self._on_grid(anchor_ns[hit], ready_ns[hit])
            else:
                hit = (look_ns >= gap.begin_ns) & (look_ns < gap.end_ns)
                if gap.streams:
                    hit &= np.isin(stream, sorted(gap.streams))
                look_ns[hit] = self._on_grid(anchor_ns[hit], np.maximum(ready_ns[hit], gap.end_ns))
        return look_ns

    def _on_grid(self, anchor_ns: Cells, after_ns: Cells) -> Cells:
        """The first look at or after a time, of those that follow each other from an anchor on."""
        behind_ns = np.maximum(after_ns - anchor_ns, 0)
        grid_ns = anchor_ns + (behind_ns + self.poll_ns - 1) // self.poll_ns * self.poll_ns
        bounded_ns: Cells = np.minimum(grid_ns, NEVER)
        return bounded_ns


@dataclass(frozen=True, slots=True)
class Travels:
    """What becomes of packets; rows are stations of the link and, behind them, the refund.

    Attributes:
        sent_ns: when each station's record is sent, `NEVER` if it is not; shape (stations + 1, packets).
        done_ns: when it is committed; likewise.
        timed_out: whether each packet came too late; shape (packets,).
    """

    sent_ns: Cells
    done_ns: Cells
    timed_out: Mask


def travel(
    link: RecordLink, time_ns: Cells, stream: Cells, relayer: Cells, commit_ns: Cells, gateway_ns: Cells
) -> Travels:
    """Follow packets over a link.

    Args:
        link: what it is.
        time_ns: when each is sent, shape (packets,).
        stream: the number of the stream that each belongs to.
        relayer: who sees to each, where one sees to all of it.
        commit_ns: what each station's record takes on its chain, and the refund's; shape (stations + 1, packets).
        gateway_ns: what gateways take in front of each station; shape (stations, packets).
    """
    course, count = link.course, len(time_ns)
    sent_ns, done_ns = (np.full((len(course.stations) + 1, count), NEVER) for _ in range(2))
    for number, station in enumerate(course.stations):
        if station.after < 0:
            sent_ns[number] = time_ns
        else:
            shown_ns = done_ns[station.after] + link.shown_ns[course.stations[station.after].role]
            sent_ns[number] = np.minimum(_carried_ns(link, shown_ns, stream, relayer) + gateway_ns[number], NEVER)
        done_ns[number] = np.minimum(sent_ns[number] + commit_ns[number], NEVER)
    timed_out = np.zeros(count, dtype=np.bool_)
    if link.timeout_ns:
        limit_ns = time_ns + link.timeout_ns
        timed_out = done_ns[course.delivered] > limit_ns
        late = np.flatnonzero(timed_out)
        back_ns = _carried_ns(link, limit_ns[late] + link.shown_ns[DESTINATION], stream[late], relayer[late])
        _drop(course, limit_ns, timed_out, sent_ns, done_ns)
        sent_ns[-1, late] = back_ns
        done_ns[-1, late] = np.minimum(back_ns + commit_ns[-1, late], NEVER)
    return Travels(sent_ns, done_ns, timed_out)


def _drop(course: Course, limit_ns: Cells, timed_out: Mask, sent_ns: Cells, done_ns: Cells) -> None:
    """Take out what nobody sends of a packet any more that has timed out."""
    for number, station in enumerate(course.stations):
        if station.after >= 0:
            gone = timed_out & ((sent_ns[number] > limit_ns) | (number > course.delivered))
            sent_ns[number, gone] = done_ns[number, gone] = NEVER


def _carried_ns(link: RecordLink, ready_ns: Cells, stream: Cells, relayer: Cells) -> Cells:
    """When a relayer sends the calls for what can be shown from these times on."""
    look_ns = link.looks_ns(ready_ns, stream, relayer)
    order = np.lexsort((ready_ns, look_ns))
    part = max(1, link.batch // (len(link.course.stations) - 1))
    look_ns[order] = _in_turn(look_ns[order], part, link.poll_ns)
    _, which, together = np.unique(look_ns, return_inverse=True, return_counts=True)
    items = HEADERS + LOOKED_AT * np.minimum(together[which], link.batch)
    carried_ns: Cells = np.minimum(look_ns + 2 * link.rpc_ns + items * link.rpc_item_ns, NEVER)
    return carried_ns


def _in_turn(look_ns: Cells, batch: int, poll_ns: int) -> Cells:
    """Looks, ascending, of which no more than a batch fits into one: what is left over waits for the next.

    Each is at least one `poll_ns` behind the one a batch before it, which is a running maximum over every batch-th.
    """
    count = len(look_ns)
    if count <= batch:
        return look_ns
    rounds = -(-count // batch)
    padded = np.full(rounds * batch, NEVER)
    padded[:count] = look_ns
    steps_ns = np.arange(rounds)[:, None] * poll_ns
    turns_ns = np.maximum.accumulate(padded.reshape(rounds, batch) - steps_ns, axis=0) + steps_ns
    return np.minimum(turns_ns.reshape(-1)[:count], NEVER)
