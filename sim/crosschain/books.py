"""What became of every packet of one link, as somebody sees it who watches both chains.

Only here is a packet known to be forged: what the destination executed is held against what the source has sent. No
contract, relayer or proof takes part in that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sim.crosschain import invariants
from sim.crosschain.contracts import assets
from sim.crosschain.contracts.messages import SEND, amount_of
from sim.crosschain.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.crosschain.contracts.machine import Machine, Receipt
    from sim.crosschain.contracts.messages import Packet

NOT_YET = -1


@dataclass(slots=True)
class Trip:
    """One packet's way; times are `NOT_YET` where it has not happened, and of the first node that executed it.

    Attributes:
        row: of the call that sends it on the source; `NOT_YET` for a forged one.
        intended_ns: when the sender wanted it to be sent; `NOT_YET` for a forged one.
        amount: that it transfers.
        packet: None until the source has sent it.
        refusal: why the source refused to send it.
        sent_ns, received_ns, acknowledged_ns, timed_out_ns: the calls of these names were executed.
        polled_ns, submitted_ns: the relayer whose call was executed had looked for packets, and sent the call.
        forged: the source had never sent it.
    """

    row: int
    intended_ns: int
    amount: int
    packet: Packet | None = None
    refusal: str | None = None
    sent_ns: int = NOT_YET
    polled_ns: int = NOT_YET
    submitted_ns: int = NOT_YET
    received_ns: int = NOT_YET
    acknowledged_ns: int = NOT_YET
    timed_out_ns: int = NOT_YET
    forged: bool = False

    def until(self, end_ns: int) -> Trip:
        """What had happened before a time: nodes take work in before they have done it."""
        if max(self.sent_ns, self.received_ns, self.acknowledged_ns, self.timed_out_ns) < end_ns:
            return self
        early = replace(self)
        for name in ("sent_ns", "received_ns", "acknowledged_ns", "timed_out_ns"):
            if getattr(self, name) >= end_ns:
                setattr(early, name, NOT_YET)
        if early.received_ns == NOT_YET:
            early.polled_ns = early.submitted_ns = NOT_YET
        return early


class Books:
    """What became of the packets of one link.

    Args:
        link: its id.
        source, destination: ids of its chains.
        ordered: whether it is an ordered channel.
        machines: the contracts of both chains.

    Attributes:
        trips: one for each packet that somebody wanted to send, in that order, then forged ones as they were accepted.
        refusals: refused calls that were executed at these times, with the reason.
        submitted: relayers' calls: when they were sent, and their bytes.
        twice: how many executions were of a packet that had been executed before; the first one stops the run.
    """

    def __init__(
        self, link: str, source: str, destination: str, machines: Mapping[str, Machine], *, ordered: bool
    ) -> None:
        self.trips: list[Trip] = []
        self.refusals: list[tuple[int, str]] = []
        self.submitted: list[tuple[int, int]] = []
        self.twice = 0
        self._link = link
        self._source, self._destination = source, destination
        self._ordered = ordered
        self._machines = machines
        self._by_row: dict[int, Trip] = {}
        self._by_sequence: dict[int, Trip] = {}
        self._received: set[int] = set()
        self._last = 0
        self._sums: Counter[str] = Counter()
        self._carried: dict[tuple[str, int], tuple[int, int]] = {}

    def offer(self, row: int, at_ns: int, amount: int) -> None:
        """Somebody sends a packet; the source has given the call this row."""
        self._by_row[row] = trip = Trip(row, at_ns, amount)
        self.trips.append(trip)

    def carry(self, chain: str, row: int, polled_ns: int, at_ns: int, size_bytes: int) -> None:
        """A relayer has sent a call to a chain, after it had looked for packets."""
        self._carried[chain, row] = (polled_ns, at_ns)
        self.submitted.append((at_ns, size_bytes))

    def watch(self, chain: str, height: int, at_ns: int, receipts: Sequence[Receipt]) -> None:
        """As `sim.crosschain.contracts.machine.Watcher.watch`.

        Raises:
            InvariantViolation: what was executed must never be.
        """
        for receipt in receipts:
            if receipt.refusal is not None:
                self._refused(receipt, at_ns)
            elif receipt.event is not None:
                self._happened(chain, height, at_ns, receipt)
        self._check_balances(chain, height)

    def _refused(self, receipt: Receipt, at_ns: int) -> None:
        self.refusals.append((at_ns, str(receipt.refusal)))
        if receipt.row in self._by_row and receipt.call is not None and receipt.call.method == SEND:
            self._by_row[receipt.row].refusal = receipt.refusal

    def _happened(self, chain: str, height: int, at_ns: int, receipt: Receipt) -> None:
        event = receipt.event
        if event is None:
            return
        packet = event.packet
        if event.step == Step.SENT:
            trip = self._by_sequence[packet.sequence] = self._by_row[receipt.row]
            trip.packet, trip.sent_ns = packet, at_ns
            self._sums["escrow"] += trip.amount
        elif event.step == Step.EXECUTED:
            trip = self._receive(chain, height, packet)
            trip.received_ns = at_ns
            trip.polled_ns, trip.submitted_ns = self._carried[chain, receipt.row]
            self._sums["vouchers"] += amount_of(packet.data) if event.acknowledgement == assets.SUCCESS else 0
        else:
            trip = self._by_sequence[packet.sequence]
            if event.acknowledgement:
                trip.acknowledged_ns = at_ns
            if event.step == Step.REFUNDED:
                self._sums["escrow"] -= trip.amount
                trip.timed_out_ns = NOT_YET if event.acknowledgement else at_ns
        invariants.check_not_both(
            chain,
            height,
            packet.sequence,
            received=trip.received_ns != NOT_YET,
            timed_out=trip.timed_out_ns != NOT_YET,
        )

    def _receive(self, chain: str, height: int, packet: Packet) -> Trip:
        self.twice += packet.sequence in self._received
        invariants.check_once(chain, height, packet.sequence, self._received)
        if self._ordered:
            invariants.check_order(chain, height, packet.sequence, self._last)
        self._received.add(packet.sequence)
        self._last = packet.sequence
        trip = self._by_sequence.get(packet.sequence)
        if trip is None or trip.packet != packet:
            trip = Trip(NOT_YET, NOT_YET, amount_of(packet.data), packet, forged=True)
            self.trips.append(trip)
        return trip

    def _check_balances(self, chain: str, height: int) -> None:
        if chain == self._source:
            held = self._machines[chain].store.number(assets.escrow_key(self._link))
            invariants.check_balance(chain, height, "escrow", held, self._sums["escrow"])
        if chain == self._destination:
            held = self._machines[chain].store.number(assets.vouchers_key(self._link))
            invariants.check_balance(chain, height, "vouchers", held, self._sums["vouchers"])
