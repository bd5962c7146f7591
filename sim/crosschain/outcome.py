"""What a link leaves behind at the end of a run: what became of its packets, their table, and that of its relayers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.crosschain.books import EFFECT, HELD_UNTIL, INTENDED, NOT_YET, POLLED, REACHED, SUBMITTED, UPDATED
from sim.crosschain.steps import DESTINATION, SOURCE, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.crosschain.books import Trip
    from sim.crosschain.link import Link
    from sim.metrics.recorder import Recorder

OUTCOMES = DELIVERED, TIMED_OUT, REFUSED, STUCK, UNFINISHED, FORGED = (
    "delivered",
    "timed-out",
    "refused",
    "stuck",
    "unfinished",
    "forged",
)
"""What became of a packet.

Timed out: what was locked was given back, after a timeout, a rollback, or a timelock.

Stuck: neither received nor timed out at the end, although its timeout had passed, or although it was acknowledged: a
forged one has taken its place.
"""

NO_ROOM: Final = "no-room"
"""Why a packet is refused that found the source's pool full."""

STAGES: Final = {
    "source_finality": (INTENDED, Step.SENT),
    "relay_chain": (Step.SENT, Step.RELAYED),
    "relay_wait": (Step.RELAYED, POLLED),
    "proof_build": (POLLED, SUBMITTED),
    "client_update": (SUBMITTED, UPDATED),
    "destination_commit": (UPDATED, REACHED),
    "decision": (REACHED, Step.EXECUTED),
    "acknowledgement": (Step.EXECUTED, Step.SETTLED),
}
"""The stages of a packet's way, which add up to all of it; without a chain between, `RELAYED` is `SENT`. Only what is
reserved first waits for a decision."""

RESERVING: Final = frozenset({"2pc", "tcc", "htlc"})
"""Atomicities that reserve an effect before it is there."""

COLUMNS: Final = (
    INTENDED,
    Step.SENT,
    Step.RELAYED,
    POLLED,
    SUBMITTED,
    UPDATED,
    Step.PREPARED,
    Step.EXECUTED,
    Step.COMMITTED,
    Step.SETTLED,
    Step.REFUNDED,
    Step.CANCELLED,
    Step.REVERSED,
    Step.REPAIR,
)
"""The times in the table of packets, in order of its columns."""

_FREEING: Final = {SOURCE: {Step.SETTLED, Step.REFUNDED}, DESTINATION: {Step.EXECUTED, Step.CANCELLED}}
"""As `HELD_UNTIL`, where no account is locked but what a packet carries is."""


def stages(link: Link) -> dict[str, tuple[str, str]]:
    """Where each stage of a link's packets begins and ends, one behind the other."""
    effect = EFFECT.get(link.config.atomicity, Step.EXECUTED)
    found = {
        stage: (effect if begin == Step.EXECUTED else begin, effect if end == Step.EXECUTED else end)
        for stage, (begin, end) in STAGES.items()
    }
    if link.config.via is None:
        del found["relay_chain"]
        found["relay_wait"] = (Step.SENT, POLLED)
    if link.config.atomicity not in RESERVING:
        del found["decision"]
    return found


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one link by the end.

    Attributes:
        trips: its packets, with what happened before the end only.
        outcomes: of each of them.
        late: packets that were executed and given back, at whatever time either happened.
        torn: packets of which one party has both sides at the end.
        repairs: those that people must see to.
        locked: how many packets still hold something locked at the end: on the source, and prepared on the destination.
        refused: calls that a contract had refused, by reason.
        messages: calls that relayers sent. size_bytes: of these.
    """

    trips: Sequence[Trip]
    outcomes: Sequence[str]
    late: int
    torn: int
    repairs: int
    locked: tuple[int, int]
    refused: dict[str, int]
    messages: int
    size_bytes: int


def account(link: Link, end_ns: int) -> Account:
    """What had become of a link by the end of the run."""
    books = link.books
    overdue = link.overdue(end_ns)
    trips = [trip.until(end_ns) for trip in books.trips if not trip.forged or min(trip.times_ns.values()) < end_ns]
    sent = [size for at_ns, size in books.submitted if at_ns < end_ns]
    refused = Counter(reason for at_ns, reason, _ in books.refusals if at_ns < end_ns)
    lost = [trip.packet is None and not trip.forged and link.has_no_room(trip.row) for trip in trips]
    if any(lost):
        refused[NO_ROOM] = sum(lost)
    effect = EFFECT.get(link.config.atomicity, Step.EXECUTED)
    outcomes = [REFUSED if out else _outcome(trip, effect, overdue) for trip, out in zip(trips, lost, strict=True)]
    times = [trip.times_ns for trip in trips]
    late = sum(effect in t and Step.REFUNDED in t and not trip.failed for t, trip in zip(times, trips, strict=True))
    freeing = HELD_UNTIL.get(link.config.atomicity, _FREEING)
    # Where nothing comes back, what is executed is settled: its amount is to stay in escrow.
    done = freeing[SOURCE] | ({Step.EXECUTED} if link.config.atomicity == "none" else set())
    locked = (
        sum(Step.SENT in t and not t.keys() & done for t in times),
        sum(Step.PREPARED in t and not t.keys() & freeing[DESTINATION] for t in times),
    )
    return Account(
        trips,
        outcomes,
        late,
        sum(trip.torn for trip in trips),
        sum(Step.REPAIR in t for t in times),
        locked,
        dict(sorted(refused.items())),
        len(sent),
        sum(sent),
    )


def _outcome(trip: Trip, effect: Step, overdue: Callable[[Trip], bool]) -> str:
    times_ns = trip.times_ns
    if trip.forged:
        return FORGED
    if effect in times_ns and not times_ns.keys() & {Step.REVERSED, Step.REPAIR}:
        return DELIVERED
    if Step.REFUNDED in times_ns:
        return TIMED_OUT
    if trip.refusal is not None:
        return REFUSED
    return STUCK if overdue(trip) or Step.SETTLED in times_ns else UNFINISHED


def write_table(link: Link, found: Account, recorder: Recorder) -> None:
    """Write down a link's packets."""
    for trip, outcome in zip(found.trips, found.outcomes, strict=True):
        recorder.row(
            "packets",
            link.config.source,
            link.config.id,
            NOT_YET if trip.packet is None else trip.packet.sequence,
            trip.amount,
            outcome,
            *(trip.at(mark) for mark in COLUMNS),
        )


def write_relayers(link: Link, recorder: Recorder, end_ns: int) -> None:
    """Write down what a link's relayers did."""
    refused = Counter(sender.partition("#")[0] for at_ns, _, sender in link.books.refusals if at_ns < end_ns)
    for relayer in link.relayers:
        diary = relayer.diary
        recorder.row(
            "relayers",
            link.config.source,
            link.config.id,
            relayer.config.number,
            diary.polls,
            diary.calls,
            diary.updates,
            refused[relayer.config.did],
            diary.size_bytes,
            diary.peak,
            diary.busy_ns,
            diary.crashes,
        )
