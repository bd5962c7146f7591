"""Try, Confirm and Cancel over a relay chain as in ChainMaker's TCIP, by its names of calls and states.

BeginCrossChain, on the source (SENT):
    the Try of the source: escrow, keep the commitment. Users call it as `SEND`.
SaveCrossChainInfo, on the relay chain: WAIT_EXECUTE (RELAYED):
    the source has the commitment, and the packet was not taken before.
CrossChainTry, on the destination:
    the relay chain says WAIT_EXECUTE; reserve the effect (PREPARED). What can't be undone can't be reserved either:
    it happens at once (EXECUTED). An application that can't take it makes the Try fail.
UpdateCrossChainTry, on the relay chain: WAIT_EXECUTE → WAIT_CONFIRM:
    the result is true when the Try of every packet of the group has succeeded, false with the first that has failed,
    or when the deadline has passed (TX_TIMEOUT).
CrossChainConfirm, on the destination, if the result is true: what was reserved is there (EXECUTED).
CrossChainCancel, on the destination, if it is false:
    drop what was reserved, and never take the packet again (CANCELLED); what happened already is left to people
    (REPAIR).
UpdateCrossChainConfirm, on the relay chain: WAIT_CONFIRM → CONFIRM_END or CANCEL_END:
    all destinations have confirmed, or cancelled.
CrossChainConfirm, on the source, at CONFIRM_END (SETTLED); CrossChainCancel, as soon as the result is false (REFUNDED).

Sources: chainmaker.org, tcip-relayer (module/cross_chain_tx_manager: crossChainTry, crossChainResult,
crosschainConfirm) and the relay chain's system contract (RelayCrossRuntime). There a gateway's own clock says when a
Try has timed out, and the source may accept that only some have succeeded (IsCrossChainSuccess). Here deadlines count
blocks of the relay chain, so that they need nobody's word, and a group is all or none. That the source has confirmed is
not brought to the relay chain (UpdateSrcGatewayConfirm).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from sim.crosschain.contracts import application, assets, sending
from sim.crosschain.contracts.contract import Contract, Event, parts_of
from sim.crosschain.contracts.messages import SEND
from sim.crosschain.contracts.refusal import Refused, malformed
from sim.crosschain.contracts.relayed import RelayContract, shown_transaction, transaction_key
from sim.crosschain.contracts.store import commitment_key, receipt_key
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE, Step

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Call, Packet
    from sim.crosschain.contracts.relayed import Transaction
    from sim.crosschain.contracts.store import Block, Store

SAVE: Final = "SaveCrossChainInfo"
TRY: Final = "CrossChainTry"
UPDATE_TRY: Final = "UpdateCrossChainTry"
CONFIRM: Final = "CrossChainConfirm"
CANCEL: Final = "CrossChainCancel"
UPDATE_CONFIRM: Final = "UpdateCrossChainConfirm"


class State(IntEnum):
    """Of a transaction on the relay chain; TCIP has the two middle ones as WAIT_CONFIRM with a result."""

    WAIT_EXECUTE = 0
    WAIT_CONFIRM = 1
    WAIT_CANCEL = 2
    CONFIRM_END = 3
    CANCEL_END = 4


class Done(IntEnum):
    """What the destination has done with a packet."""

    TRIED = 1
    TRY_FAILED = 2
    CONFIRMED = 3
    CANCELLED = 4


def record(done: Done, commitment: bytes) -> bytes:
    """What the destination keeps of a packet: what it has done, and the commitment under its own hash."""
    return bytes([done]) + commitment


@dataclass(frozen=True, slots=True)
class SourceGateway(Contract):
    """The source."""

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method == SEND:
            packet = sending.packet_of(store, self.link, call)
            sending.keep(self, store, packet)
            return Event(Step.SENT, packet)
        if call.method in {CONFIRM, CANCEL}:
            return self._end(store, block, call)
        return Contract.call(self, store, block, call)

    def _end(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = parts_of(call, 2)
        packet = sending.kept(self, store, data)
        belief = self.believe(store, block, call, RELAY, transaction_key(self.link, packet.sequence))
        found = shown_transaction(belief.value, packet.commitment(self.suites[RELAY]))
        under = {State.CONFIRM_END} if call.method == CONFIRM else {State.WAIT_CANCEL, State.CANCEL_END}
        if found.whole not in under:
            raise Refused("not-decided", f"packet {packet.sequence} of {self.link} is at {State(found.whole).name}")
        sending.forget(self, store, packet)
        if call.method == CONFIRM:
            return Event(Step.SETTLED, packet, assets.SUCCESS)
        application.give_back(store, self.link, packet.data)
        return Event(Step.REFUNDED, packet)


@dataclass(frozen=True, slots=True)
class CrossChainManager(RelayContract):
    """The relay chain."""

    def open_status(self) -> int:
        """As `RelayContract.open_status`."""
        return State.WAIT_EXECUTE

    def expire(self, store: Store, sequence: int) -> None:
        """As `RelayContract.expire`."""
        self.decide(store, sequence, whole=State.WAIT_CANCEL, own=State.WAIT_CANCEL)

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method == SAVE:
            return self._save(store, block, call)
        if call.method in {UPDATE_TRY, UPDATE_CONFIRM}:
            self._update(store, block, call)
            return None
        return Contract.call(self, store, block, call)

    def _save(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = parts_of(call, 2)
        packet = self.packet(data)
        self.check_index(store, packet.sequence)
        belief = self.believe(store, block, call, SOURCE, commitment_key(self.link, packet.sequence))
        if belief.value != packet.commitment(self.suites[SOURCE]):
            raise Refused("another-value", "the source has sent another packet, or none")
        self.take(store, block, packet)
        return Event(Step.RELAYED, packet)

    def _update(self, store: Store, block: Block, call: Call) -> None:
        said, data, _ = parts_of(call, 3)
        packet, done = self.packet(data), _done(said)
        found = self.known(store, packet)
        following = _FOLLOWING.get((State(found.own), done))
        if following is None or (call.method == UPDATE_TRY) != (found.own == State.WAIT_EXECUTE):
            raise Refused("unexpected-result", f"{done.name} of packet {packet.sequence} at {State(found.own).name}")
        belief = self.believe(store, block, call, DESTINATION, receipt_key(self.link, packet.sequence))
        if belief.value != record(done, packet.commitment(self.suites[DESTINATION])):
            raise Refused("another-value", "the destination has done something else, or nothing")
        self._change(store, packet.sequence, found, following)

    def _change(self, store: Store, sequence: int, found: Transaction, following: State) -> None:
        """A destination is further, and so is the group with the last that is, or the first whose Try has failed."""
        if following == State.WAIT_CANCEL:
            self.decide(store, sequence, whole=following, own=following)
            return
        self.put(store, replace(found, own=following), sequence)
        if self.all_at(store, sequence, following):
            self.decide(store, sequence, whole=following)


_FOLLOWING: Final = {
    (State.WAIT_EXECUTE, Done.TRIED): State.WAIT_CONFIRM,
    (State.WAIT_EXECUTE, Done.TRY_FAILED): State.WAIT_CANCEL,
    (State.WAIT_CONFIRM, Done.CONFIRMED): State.CONFIRM_END,
    (State.WAIT_CANCEL, Done.CANCELLED): State.CANCEL_END,
}
"""What the relay chain makes of what a destination has done; anything else is refused."""


def _done(part: bytes) -> Done:
    if len(part) != 1 or part[0] not in list(Done):
        raise malformed(f"{part.hex()} is nothing that a destination does")
    return Done(part[0])


@dataclass(frozen=True, slots=True)
class DestinationGateway(Contract):
    """The destination."""

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method not in _UNDER:
            return Contract.call(self, store, block, call)
        data, _ = parts_of(call, 2)
        packet = self.packet(data)
        held = store.get(receipt_key(self.link, packet.sequence))
        self._check_next(call.method, packet, held)
        belief = self.believe(store, block, call, RELAY, transaction_key(self.link, packet.sequence))
        found = shown_transaction(belief.value, packet.commitment(self.suites[RELAY]))
        if found.whole != _UNDER[call.method]:
            raise Refused("another-status", f"packet {packet.sequence} is at {State(found.whole).name}")
        done, event = self._do(store, call.method, packet, held)
        store.meter.hashes += 3
        store.meter.hashed_bytes += len(packet.data)
        store.put(receipt_key(self.link, packet.sequence), record(done, packet.commitment(self.suite)))
        return event

    def _check_next(self, method: str, packet: Packet, held: bytes | None) -> None:
        """Try comes first, Confirm after it, Cancel after it or without it, and each once."""
        done = None if held is None else held[0]
        if done not in _AFTER[method]:
            reason = "not-tried" if done is None else "already-received"
            raise Refused(reason, f"{method} of packet {packet.sequence} on {self.link}")

    def _do(self, store: Store, method: str, packet: Packet, held: bytes | None) -> tuple[Done, Event | None]:
        link, data = self.link, packet.data
        if method == TRY:
            return self._try(store, packet)
        happened = held is not None and held[0] == Done.TRIED and application.is_irreversible(data)
        if method == CONFIRM:
            if happened:
                return Done.CONFIRMED, None
            application.release(store, link, data)
            return Done.CONFIRMED, Event(Step.EXECUTED, packet, application.receive(store, link, data))
        if held is not None and held[0] == Done.TRIED and not happened:
            application.release(store, link, data)
        return Done.CANCELLED, Event(Step.REPAIR if happened else Step.CANCELLED, packet)

    def _try(self, store: Store, packet: Packet) -> tuple[Done, Event | None]:
        try:
            at_once = application.is_irreversible(packet.data)
        except Refused:
            return Done.TRY_FAILED, None
        if at_once:
            return Done.TRIED, Event(Step.EXECUTED, packet, application.receive(store, self.link, packet.data))
        application.reserve(store, self.link, packet.data)
        return Done.TRIED, Event(Step.PREPARED, packet)


_UNDER: Final = {TRY: State.WAIT_EXECUTE, CONFIRM: State.WAIT_CONFIRM, CANCEL: State.WAIT_CANCEL}
"""At which state of its group the destination takes which call."""

_AFTER: Final[dict[str, tuple[int | None, ...]]] = {
    TRY: (None,),
    CONFIRM: (Done.TRIED,),
    CANCEL: (None, Done.TRIED, Done.TRY_FAILED),
}
"""And after what it has done itself."""
