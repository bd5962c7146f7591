"""What a link leaves behind at the end of a run: what became of its packets, and their table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.crosschain.books import NOT_YET

if TYPE_CHECKING:
    from collections.abc import Sequence

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

Stuck: neither received nor timed out at the end, although its timeout had passed, or although it was acknowledged: a
forged one has taken its place.
"""

NO_ROOM: Final = "no-room"
"""Why a packet is refused that found the source's pool full."""

STAGES: Final = {
    "source_finality": ("intended_ns", "sent_ns"),
    "relay_wait": ("sent_ns", "polled_ns"),
    "proof_build": ("polled_ns", "submitted_ns"),
    "destination_commit": ("submitted_ns", "received_ns"),
    "acknowledgement": ("received_ns", "acknowledged_ns"),
}
"""The stages of a packet's way; an update of the client travels in the call that receives the packet."""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one link by the end.

    Attributes:
        trips: its packets, with what happened before the end only.
        outcomes: of each of them.
        refused: calls that a contract had refused, by reason.
        messages: calls that relayers sent. size_bytes: of these.
    """

    trips: Sequence[Trip]
    outcomes: Sequence[str]
    refused: dict[str, int]
    messages: int
    size_bytes: int


def account(link: Link, end_ns: int) -> Account:
    """What had become of a link by the end of the run."""
    books = link.books
    last = link.destination_block(end_ns)
    trips = [trip.until(end_ns) for trip in books.trips if not trip.forged or trip.received_ns < end_ns]
    sent = [size for at_ns, size in books.submitted if at_ns < end_ns]
    refused = Counter(reason for at_ns, reason in books.refusals if at_ns < end_ns)
    lost = [trip.packet is None and not trip.forged and link.has_no_room(trip.row) for trip in trips]
    if any(lost):
        refused[NO_ROOM] = sum(lost)
    outcomes = [REFUSED if out else _outcome(trip, last) for trip, out in zip(trips, lost, strict=True)]
    return Account(trips, outcomes, dict(sorted(refused.items())), len(sent), sum(sent))


def _outcome(trip: Trip, last: tuple[int, int]) -> str:
    if trip.forged:
        return FORGED
    if trip.received_ns != NOT_YET:
        return DELIVERED
    if trip.timed_out_ns != NOT_YET:
        return TIMED_OUT
    if trip.refusal is not None:
        return REFUSED
    late = trip.packet is not None and trip.packet.is_late(*last)
    return STUCK if late or trip.acknowledged_ns != NOT_YET else UNFINISHED


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
            trip.intended_ns,
            trip.sent_ns,
            trip.polled_ns,
            trip.submitted_ns,
            trip.received_ns,
            trip.acknowledged_ns,
            trip.timed_out_ns,
        )
