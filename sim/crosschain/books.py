"""What became of every packet of one link, as somebody sees it who watches both chains.

Only here is a packet known to be forged: what the destination executed is held against what the source has sent. No
contract, relayer or proof takes part in that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from sim.crosschain import invariants
from sim.crosschain.contracts import application, assets
from sim.crosschain.contracts.messages import OF_CLIENTS
from sim.crosschain.steps import DESTINATION, SOURCE, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.crosschain.config import LinkConfig
    from sim.crosschain.contracts.machine import Machine, Receipt
    from sim.crosschain.contracts.messages import Packet
    from sim.crosschain.groups import Groups

NOT_YET = -1
MARKS = INTENDED, POLLED, SUBMITTED, UPDATED = "intended", "polled", "submitted", "updated"
"""When a packet's sender wanted it to be sent; when the relayer whose call reached the destination first had looked for
packets, and when it sent that call; until when the header that the packet was proved against took the destination.

The last is when an earlier block with that header was executed; where header and packet stand in one block, it is the
time that checking the header takes there, counted from the call.
"""

REACHED = "reached"
"""When a packet's effect was reserved, or was there without that."""

HELD_UNTIL: Final = {
    "2pc": {
        SOURCE: {Step.SETTLED, Step.REFUNDED},
        DESTINATION: {Step.COMMITTED, Step.CANCELLED, Step.REVERSED, Step.REPAIR},
    },
    "htlc": {SOURCE: {Step.SETTLED, Step.REFUNDED}, DESTINATION: {Step.EXECUTED, Step.CANCELLED}},
}
"""Where something is locked by each packet: by atomicity and role, the steps that free it again."""

EFFECT: Final = {"2pc": Step.COMMITTED}
"""The step from which on a packet's effect stands, by atomicity; `Step.EXECUTED` otherwise."""


@dataclass(slots=True)
class Trip:
    """One packet's way.

    Attributes:
        row: of the call that sends it on the source; `NOT_YET` for a forged one.
        amount: that it transfers.
        packet: None until the source has sent it.
        refusal: why the source refused to send it.
        failed: the application of the destination could not take it.
        forged: the source had never sent it.
        times_ns: when each step of `sim.crosschain.steps`, and of `MARKS`, happened first; a step when the first node
            had executed it.
    """

    row: int
    amount: int
    packet: Packet | None = None
    refusal: str | None = None
    failed: bool = False
    forged: bool = False
    times_ns: dict[str, int] = field(default_factory=dict)

    def at(self, mark: str) -> int:
        """When something happened; `NOT_YET` if it has not."""
        if mark == REACHED and Step.PREPARED not in self.times_ns:
            return self.times_ns.get(Step.EXECUTED, NOT_YET)
        return self.times_ns.get(Step.PREPARED if mark == REACHED else mark, NOT_YET)

    def until(self, end_ns: int) -> Trip:
        """What had happened before a time: nodes take work in before they have done it."""
        times_ns = {mark: at_ns for mark, at_ns in self.times_ns.items() if at_ns < end_ns}
        if not times_ns.keys() & {Step.PREPARED, Step.EXECUTED}:
            for mark in (POLLED, SUBMITTED, UPDATED):
                times_ns.pop(mark, None)
        return self if times_ns == self.times_ns else replace(self, times_ns=times_ns)

    @property
    def torn(self) -> bool:
        """Whether one party has both: the effect and what was locked for it, or what was locked on either chain."""
        times_ns = self.times_ns
        if times_ns.keys() >= {Step.SETTLED, Step.CANCELLED}:
            return True
        executed = Step.EXECUTED in times_ns and not self.failed and Step.REVERSED not in times_ns
        return executed and Step.REFUNDED in times_ns and Step.REPAIR not in times_ns


class Books:
    """What became of the packets of one link.

    Args:
        config: what the link is.
        machines: the contracts of its chains.
        groups: of all links.

    Attributes:
        trips: one for each packet that somebody wanted to send, in that order, then forged ones as they were accepted.
        refusals: refused calls that were executed at these times, with the reason and the sender.
        submitted: relayers' calls: when they were sent, and their bytes.
        twice: how many executions were of a packet that had been executed before; the first one stops the run.
        lied: whether a relayer has ever lied. What is broken then is what a way of trusting costs, and is counted.
    """

    def __init__(self, config: LinkConfig, machines: Mapping[str, Machine], groups: Groups) -> None:
        self.trips: list[Trip] = []
        self.refusals: list[tuple[int, str, str]] = []
        self.submitted: list[tuple[int, int]] = []
        self.twice = 0
        self.lied = False
        self._link = config.id
        self._source, self._destination = config.source, config.destination
        self._ordered = config.ordered
        # A chain between may have given a packet up that came before.
        self._gaps = config.via is not None
        # Either is counted: what a deadline between chains costs, and clocks of two chains.
        self._late_success = (config.via is not None and config.atomicity == "packet") or config.atomicity == "htlc"
        self._reserves = config.atomicity == "tcc"
        self._held_until: Mapping[str, set[Step]] = HELD_UNTIL.get(config.atomicity, {})
        self._machines = machines
        self._groups = groups
        self._by_row: dict[int, Trip] = {}
        self._by_sequence: dict[int, Trip] = {}
        self._made_up: dict[int, Trip] = {}
        self._received: set[int] = set()
        self._last = 0
        self._sums: Counter[str] = Counter()
        self._carried: dict[tuple[str, int], tuple[int, int, Sequence[tuple[str, int]]]] = {}
        self._brought: dict[tuple[str, int], tuple[int, int, int]] = {}

    def offer(self, row: int, at_ns: int, amount: int) -> None:
        """Somebody sends a packet; the source has given the call this row."""
        self._by_row[row] = trip = Trip(row, amount, times_ns={INTENDED: at_ns})
        self.trips.append(trip)

    def carry(
        self,
        chain: str,
        row: int,
        polled_ns: int,
        at_ns: int,
        size_bytes: int,
        needs: Sequence[tuple[str, int]] = (),
    ) -> None:
        """A relayer has sent a call to a chain, after it had looked for packets.

        ``needs``: the calls, as chain and row, that bring the headers which it is proved against.
        """
        self._carried[chain, row] = (polled_ns, at_ns, needs)
        self.submitted.append((at_ns, size_bytes))

    def watch(self, chain: str, height: int, at_ns: int, receipts: Sequence[Receipt]) -> None:
        """As `sim.crosschain.contracts.machine.Watcher.watch`.

        Raises:
            InvariantViolation: what was executed must never be.
        """
        for receipt in receipts:
            if receipt.refusal is not None:
                self._refused(chain, receipt, at_ns)
            elif receipt.call is not None and receipt.call.method in OF_CLIENTS:
                self._brought[chain, receipt.row] = (height, at_ns, receipt.work_ns)
            elif receipt.event is not None:
                self._happened(chain, height, at_ns, receipt)
        self._check_balances(chain, height)

    def _refused(self, chain: str, receipt: Receipt, at_ns: int) -> None:
        sender = "" if receipt.call is None else receipt.call.sender
        self.refusals.append((at_ns, str(receipt.refusal), sender))
        if chain == self._source and receipt.row in self._by_row:
            self._by_row[receipt.row].refusal = receipt.refusal

    def _happened(self, chain: str, height: int, at_ns: int, receipt: Receipt) -> None:
        event = receipt.event
        if event is None:
            return
        packet, step = event.packet, event.step
        if step == Step.SENT:
            trip = self._by_sequence[packet.sequence] = self._by_row[receipt.row]
            trip.packet = packet
        else:
            trip = self._trip(packet)
        if step == Step.EXECUTED:
            self._execute(chain, height, packet)
            trip.failed = event.acknowledgement != assets.SUCCESS
        if step in {Step.PREPARED, Step.EXECUTED} and POLLED not in trip.times_ns:
            self._note_way(trip, chain, height, receipt.row, at_ns)
        self._count(trip, step)
        trip.times_ns.setdefault(step, at_ns)
        if self.lied:
            return
        # What can't be undone is not reserved but happens at once, and is left to people where it is given back.
        at_once = self._reserves and application.is_irreversible(packet.data)
        self._groups.end(chain, height, packet, step, reserved=self._reserves and not at_once)
        if not (self._late_success or at_once):
            invariants.check_not_both(chain, height, packet.sequence, torn=trip.torn)

    def _note_way(self, trip: Trip, chain: str, height: int, row: int, at_ns: int) -> None:
        """How the call came whose block at this height is executed now."""
        polled_ns, submitted_ns, needs = self._carried[chain, row]
        brought = [self._brought[need] for need in needs if need in self._brought]
        before_ns = [there_ns for block, there_ns, _ in brought if block < height]
        checking_ns = sum(work_ns for block, _, work_ns in brought if block == height)
        trip.times_ns[POLLED], trip.times_ns[SUBMITTED] = polled_ns, submitted_ns
        trip.times_ns[UPDATED] = min(at_ns, max([submitted_ns, *before_ns]) + checking_ns)

    def _count(self, trip: Trip, step: Step) -> None:
        """What an amount does in escrow, and reserved, and as vouchers, and what a packet holds."""
        for role, freeing in self._held_until.items():
            begins = Step.SENT if role == SOURCE else Step.PREPARED
            self._sums[role] += (step == begins) - (step in freeing)
        if step == Step.PREPARED:
            self._sums["reserved"] += trip.amount
        elif step in {Step.EXECUTED, Step.CANCELLED} and Step.PREPARED in trip.times_ns:
            self._sums["reserved"] -= trip.amount
        if step == Step.SENT:
            self._sums["escrow"] += trip.amount
        elif step == Step.REFUNDED:
            self._sums["escrow"] -= trip.amount
        elif step == Step.EXECUTED and not trip.failed:
            self._sums["vouchers"] += trip.amount
        elif step == Step.REVERSED:
            self._sums["vouchers"] -= trip.amount

    def _execute(self, chain: str, height: int, packet: Packet) -> None:
        self.twice += packet.sequence in self._received
        invariants.check_once(chain, height, packet.sequence, self._received)
        if self._ordered:
            invariants.check_order(chain, height, packet.sequence, self._last, gaps=self._gaps)
        self._received.add(packet.sequence)
        self._last = packet.sequence

    def _trip(self, packet: Packet) -> Trip:
        """The way of a packet; a new one for what nobody has sent."""
        trip = self._by_sequence.get(packet.sequence)
        if trip is not None and trip.packet == packet:
            return trip
        trip = self._made_up.get(packet.sequence)
        if trip is None or trip.packet != packet:
            trip = self._made_up[packet.sequence] = Trip(NOT_YET, application.amount(packet.data), packet, forged=True)
            self.trips.append(trip)
        return trip

    def _check_balances(self, chain: str, height: int) -> None:
        if chain not in {self._source, self._destination}:
            return
        store, role = self._machines[chain].store, SOURCE if chain == self._source else DESTINATION
        name, key = ("escrow", assets.escrow_key) if role == SOURCE else ("vouchers", assets.vouchers_key)
        invariants.check_balance(chain, height, name, store.number(key(self._link)), self._sums[name])
        if self._reserves and role == DESTINATION:
            held = store.number(assets.reserved_key(self._link))
            invariants.check_balance(chain, height, "reserved", held, self._sums["reserved"])
        if self._held_until:
            held = store.number(assets.locks_key(self._link))
            invariants.check_balance(chain, height, "locks", held, self._sums[role])
