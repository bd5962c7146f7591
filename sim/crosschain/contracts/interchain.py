"""Packets over a relay chain as in BitXHub, by its names of what is done and of what a transaction is then.

emitInterchainEvent, on the source (SENT):
    escrow, keep the commitment, count the index. Users call it as `SEND`.
handleIBTP of INTERCHAIN, on the relay chain: begin → BEGIN (RELAYED):
    the index is new (unordered) or the very next (ordered), and the source has the commitment.
invokeInterchain under BEGIN, on the destination (EXECUTED):
    the relay chain says BEGIN; let the application take it; keep RECEIPT_SUCCESS, or RECEIPT_FAILURE if it can't.
handleIBTP of a receipt, on the relay chain: BEGIN → SUCCESS, BEGIN or BEGIN_FAILURE → FAILURE:
    the destination has that receipt, and the transaction is one that it can end.
invokeReceipt, on the source:
    under SUCCESS the callback (SETTLED); under anything else but BEGIN the rollback, which refunds (REFUNDED).
timeout, on the relay chain: BEGIN → BEGIN_ROLLBACK:
    after all calls of block h + H, where block h has taken the packet and H is its timeout height.
invokeInterchain under BEGIN_ROLLBACK or BEGIN_FAILURE, on the destination:
    undo what was executed (REVERSED), or leave it to people if it can't be undone (REPAIR); a packet that was not
    executed never will be (CANCELLED); keep RECEIPT_ROLLBACK, or RECEIPT_FAILURE.
handleIBTP of RECEIPT_ROLLBACK, on the relay chain: BEGIN_ROLLBACK → ROLLBACK.

Sources: meshplus/bitxhub, internal/executor/contracts (interchain.go, transaction_manager.go);
meshplus/pier-client-ethereum, example/broker.sol; bitxhub-docs, design/interchain_transaction.md and
one2multi_transaction.md.

One to many: the group succeeds when all its packets have, and fails with the first. One that has failed puts the others
under BEGIN_FAILURE, a timeout puts all under BEGIN_ROLLBACK, whether they were executed or not. The time of a group
counts from its first packet.

The weakness: what the destination executes after the deadline, or so shortly before that its receipt comes too late, is
refused as RECEIPT_SUCCESS, and was given back at the source meanwhile; then the destination is asked to undo it.

A packet that nobody brings to the relay chain has no timeout at all. That the destination is registered is taken for
granted, so no transaction begins as BEGIN_FAILURE by itself. A block begins with what its parent has timed out, which
is when the next header could show it at the earliest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from sim.crosschain.contracts import application, assets, sending
from sim.crosschain.contracts.contract import Contract, Event, parts_of
from sim.crosschain.contracts.messages import HANDLE, INVOKE, RECEIPT, SEND
from sim.crosschain.contracts.refusal import Refused, malformed
from sim.crosschain.contracts.relayed import RelayContract, shown_transaction, transaction_key
from sim.crosschain.contracts.store import commitment_key, next_key, receipt_key
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE, Step

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Call, Packet
    from sim.crosschain.contracts.relayed import Transaction
    from sim.crosschain.contracts.store import Block, Store


class Status(IntEnum):
    """Of a transaction, with the numbers of bitxhub-model (pb.TransactionStatus)."""

    BEGIN = 0
    BEGIN_FAILURE = 1
    BEGIN_ROLLBACK = 2
    SUCCESS = 3
    FAILURE = 4
    ROLLBACK = 5


class Type(IntEnum):
    """Of an IBTP, with the numbers of bitxhub-model (ibtp.proto)."""

    INTERCHAIN = 0
    RECEIPT_SUCCESS = 1
    RECEIPT_FAILURE = 2
    RECEIPT_ROLLBACK = 4


TRANSITIONS: Final = {
    (Status.BEGIN, Type.RECEIPT_SUCCESS): Status.SUCCESS,
    (Status.BEGIN, Type.RECEIPT_FAILURE): Status.FAILURE,
    (Status.BEGIN_FAILURE, Type.RECEIPT_FAILURE): Status.FAILURE,
    (Status.BEGIN_ROLLBACK, Type.RECEIPT_ROLLBACK): Status.ROLLBACK,
}
"""What a receipt makes of a transaction (transaction_manager.go, setFSM); any other is refused."""

UNDOING: Final = {Status.BEGIN_FAILURE: Type.RECEIPT_FAILURE, Status.BEGIN_ROLLBACK: Type.RECEIPT_ROLLBACK}
"""Under what a destination is asked to undo a packet, and the receipt that it gives (broker.sol, invokeInterchain)."""


def receipt(kind: Type, commitment: bytes) -> bytes:
    """What the destination keeps of a packet: the type of its receipt, and the commitment under its own hash."""
    return bytes([kind]) + commitment


def _number(kind: type[IntEnum], part: bytes) -> int:
    number = int.from_bytes(part, "big")
    if len(part) != 1 or number not in list(kind):
        raise malformed(f"{part.hex()} is no {kind.__name__}")
    return number


@dataclass(frozen=True, slots=True)
class SourceBroker(Contract):
    """The source's broker.

    Attributes:
        ordered: whether callbacks and rollbacks come in the order of their indexes only.
    """

    ordered: bool

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method == SEND:
            packet = sending.packet_of(store, self.link, call)
            sending.keep(self, store, packet)
            return Event(Step.SENT, packet)
        if call.method == RECEIPT:
            return self._receipt(store, block, call)
        return Contract.call(self, store, block, call)

    def _receipt(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = parts_of(call, 2)
        packet = sending.kept(self, store, data)
        following = next_key(self.link, "Ack")
        if self.ordered and packet.sequence != store.number(following, 1):
            raise Refused("out-of-order", f"receipt {packet.sequence} on {self.link}")
        belief = self.believe(store, block, call, RELAY, transaction_key(self.link, packet.sequence))
        found = shown_transaction(belief.value, packet.commitment(self.suites[RELAY]))
        if found.whole == Status.BEGIN:
            raise Refused("not-decided", f"packet {packet.sequence} of {self.link} has not come to an end")
        if self.ordered:
            store.put_number(following, packet.sequence + 1)
        sending.forget(self, store, packet)
        if found.whole == Status.SUCCESS:
            return Event(Step.SETTLED, packet, assets.SUCCESS)
        application.give_back(store, self.link, packet.data)
        return Event(Step.REFUNDED, packet)


@dataclass(frozen=True, slots=True)
class InterchainManager(RelayContract):
    """The relay chain's interchain and transaction managers."""

    def open_status(self) -> int:
        """As `RelayContract.open_status`."""
        return Status.BEGIN

    def expire(self, store: Store, sequence: int) -> None:
        """As `RelayContract.expire`."""
        self.decide(store, sequence, whole=Status.BEGIN_ROLLBACK, own=Status.BEGIN_ROLLBACK)

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method != HANDLE:
            return Contract.call(self, store, block, call)
        kind, data, _ = parts_of(call, 3)
        packet = self.packet(data)
        if _number(Type, kind) == Type.INTERCHAIN:
            return self._begin(store, block, call, packet)
        self._report(store, block, call, packet, Type(_number(Type, kind)))
        return None

    def _begin(self, store: Store, block: Block, call: Call, packet: Packet) -> Event:
        self.check_index(store, packet.sequence)
        belief = self.believe(store, block, call, SOURCE, commitment_key(self.link, packet.sequence))
        if belief.value != packet.commitment(self.suites[SOURCE]):
            raise Refused("another-value", "the source has sent another packet, or none")
        self.take(store, block, packet)
        return Event(Step.RELAYED, packet)

    def _report(self, store: Store, block: Block, call: Call, packet: Packet, kind: Type) -> None:
        found = self.known(store, packet)
        status = TRANSITIONS.get((Status(found.own), kind))
        if status is None:
            raise Refused(
                "unexpected-receipt", f"{kind.name} of packet {packet.sequence} under {Status(found.own).name}"
            )
        belief = self.believe(store, block, call, DESTINATION, receipt_key(self.link, packet.sequence))
        if belief.value != receipt(kind, packet.commitment(self.suites[DESTINATION])):
            raise Refused("another-value", "the destination has another receipt, or none")
        self._change(store, packet.sequence, found, status)

    def _change(self, store: Store, sequence: int, found: Transaction, status: Status) -> None:
        """A packet has come to an end, and its group with the last that has, or the first that failed.

        BitXHub: changeMultiTxStatus.
        """
        if found.whole == Status.BEGIN and status == Status.FAILURE and self.group(store, sequence) is not None:
            self.decide(store, sequence, whole=Status.BEGIN_FAILURE, own=Status.BEGIN_FAILURE)
            self.put(store, replace(found, own=status, whole=Status.BEGIN_FAILURE), sequence)
            return
        self.put(store, replace(found, own=status), sequence)
        if self.all_at(store, sequence, status):
            self.decide(store, sequence, whole=status)


@dataclass(frozen=True, slots=True)
class DestinationBroker(Contract):
    """The destination's broker.

    Attributes:
        ordered: whether packets are executed, or passed over, in the order of their indexes only.
    """

    ordered: bool

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method != INVOKE:
            return Contract.call(self, store, block, call)
        status, data, _ = parts_of(call, 3)
        packet = self.packet(data)
        under = Status(_number(Status, status))
        held = store.get(receipt_key(self.link, packet.sequence))
        self._check_new(packet, under, held)
        following = next_key(self.link, "Recv")
        expected = store.number(following, 1)
        if self.ordered and packet.sequence > expected:
            raise Refused("out-of-order", f"packet {packet.sequence} on {self.link}, before {expected}")
        belief = self.believe(store, block, call, RELAY, transaction_key(self.link, packet.sequence))
        found = shown_transaction(belief.value, packet.commitment(self.suites[RELAY]))
        if found.own != under:
            raise Refused("another-status", f"packet {packet.sequence} is under {Status(found.own).name}")
        if self.ordered:
            store.put_number(following, max(expected, packet.sequence + 1))
        event, kind = self._execute(store, packet) if under == Status.BEGIN else self._undo(store, packet, under, held)
        store.meter.hashes += 3
        store.meter.hashed_bytes += len(packet.data)
        store.put(receipt_key(self.link, packet.sequence), receipt(kind, packet.commitment(self.suite)))
        return event

    def _check_new(self, packet: Packet, under: Status, held: bytes | None) -> None:
        if under not in {Status.BEGIN, *UNDOING}:
            raise Refused("nothing-to-do", f"packet {packet.sequence} under {under.name}")
        if held is not None and (under == Status.BEGIN or held[0] == UNDOING[under]):
            raise Refused("already-received", f"packet {packet.sequence} on {self.link}")

    def _execute(self, store: Store, packet: Packet) -> tuple[Event, Type]:
        said = application.receive(store, self.link, packet.data)
        kind = Type.RECEIPT_SUCCESS if said == assets.SUCCESS else Type.RECEIPT_FAILURE
        return Event(Step.EXECUTED, packet, said), kind

    def _undo(self, store: Store, packet: Packet, under: Status, held: bytes | None) -> tuple[Event, Type]:
        step = Step.CANCELLED
        if held is not None and held[0] == Type.RECEIPT_SUCCESS:
            step = Step.REPAIR if application.is_irreversible(packet.data) else Step.REVERSED
        if step == Step.REVERSED:
            application.undo(store, self.link, packet.data)
        return Event(step, packet), UNDOING[under]
