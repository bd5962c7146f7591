"""The contracts of a link over a relay chain by themselves: BitXHub's transitions, deadlines, groups, and undoing.

Every chain believes its relayer's word, so that each claim can be chosen; proofs have tests of their own.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from scenario_kit import NO_COSTS, RELAYER, registered

from sim.crosschain.contracts.assets import escrow_key, vouchers_key
from sim.crosschain.contracts.interchain import (
    TRANSITIONS,
    DestinationBroker,
    InterchainManager,
    SourceBroker,
    Status,
    Type,
    receipt,
)
from sim.crosschain.contracts.machine import Machine, Receipt
from sim.crosschain.contracts.messages import HANDLE, HEARTBEAT, INVOKE, RECEIPT, SEND, Call, Claim, Packet, transfer
from sim.crosschain.contracts.relayed import Transaction, transaction_key, waiting_key
from sim.crosschain.contracts.store import commitment_key, receipt_key
from sim.crosschain.contracts.terms import IRREVERSIBLE
from sim.crosschain.contracts.trust import Registered
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE, Step
from sim.proof import SHA256, SM3

SUITES = {SOURCE: SM3, RELAY: SHA256, DESTINATION: SM3}
KINDS = {SOURCE: SourceBroker, RELAY: partial(InterchainManager, origin="a"), DESTINATION: DestinationBroker}


class Ends:
    """Links from one source over one relay chain, each to a destination of its own."""

    def __init__(self, *links: str, ordered: bool = False) -> None:
        self.links = links or ("a-b",)
        self.source, self.relay = Machine("a", NO_COSTS), Machine("r", NO_COSTS)
        self.destinations = {link: Machine(link[-1], NO_COSTS) for link in self.links}
        for link in self.links:
            machines = {SOURCE: self.source, RELAY: self.relay, DESTINATION: self.destinations[link]}
            for role, machine in machines.items():
                trusts = {other: Registered(link) for other in SUITES if other != role}
                registered(machine, *self.links)
                machine.contracts[link] = KINDS[role](link, SUITES[role], SUITES, trusts, ordered)

    def call(self, machine: Machine, link: str, method: str, *parts: bytes, sender: str = RELAYER) -> Receipt:
        """Execute one call in the machine's next block."""
        height = len(machine.receipts)
        machine.run(height, height, [(0, Call(link, method, sender, parts).to_bytes())])
        return machine.receipts[-1][-1]

    def send(self, link: str = "a-b", height: int = 0, members: int = 0, terms: bytes = b"") -> Packet:
        parts = [height.to_bytes(8, "big"), bytes(8), transfer(5, 40, terms)]
        if members:
            parts.append(members.to_bytes(2, "big"))
        sent = self.call(self.source, link, SEND, *parts, sender="pay/0")
        assert sent.event is not None, sent.refusal
        return sent.event.packet

    def take(self, packet: Packet) -> str | None:
        """Tell the relay chain of a packet, and truly what the source holds."""
        held = self.source.store.get(commitment_key(packet.link, packet.sequence))
        parts = (bytes([Type.INTERCHAIN]), packet.to_bytes(), Claim(1, 1, held).to_bytes())
        return self.call(self.relay, packet.link, HANDLE, *parts).refusal

    def invoke(self, packet: Packet, under: Status | None = None) -> str | Step | None:
        """Tell the destination truly what the relay chain says; under that, unless something else is claimed."""
        held = self.relay.store.get(transaction_key(packet.link, packet.sequence))
        own = Status(Transaction.from_bytes(held).own) if held is not None and under is None else under
        parts = (bytes([own or 0]), packet.to_bytes(), Claim(1, 1, held).to_bytes())
        got = self.call(self.destinations[packet.link], packet.link, INVOKE, *parts)
        return got.refusal if got.event is None else got.event.step

    def report(self, packet: Packet, kind: Type | None = None) -> str | None:
        """Tell the relay chain truly what receipt the destination has; unless another is claimed."""
        held = self.destinations[packet.link].store.get(receipt_key(packet.link, packet.sequence))
        said = bytes([kind]) if kind is not None else (held or b"\0")[:1]
        parts = (said, packet.to_bytes(), Claim(1, 1, held).to_bytes())
        return self.call(self.relay, packet.link, HANDLE, *parts).refusal

    def finish(self, packet: Packet) -> str | Step | None:
        """Tell the source truly what the relay chain says."""
        held = self.relay.store.get(transaction_key(packet.link, packet.sequence))
        got = self.call(self.source, packet.link, RECEIPT, packet.to_bytes(), Claim(1, 1, held).to_bytes())
        return got.refusal if got.event is None else got.event.step

    def idle(self, blocks: int) -> None:
        """Let the relay chain make blocks."""
        for _ in range(blocks):
            self.call(self.relay, self.links[0], HEARTBEAT)

    def status(self, packet: Packet) -> tuple[Status, Status]:
        held = self.relay.store.get(transaction_key(packet.link, packet.sequence))
        assert held is not None
        found = Transaction.from_bytes(held)
        return Status(found.own), Status(found.whole)

    def held(self, link: str = "a-b") -> tuple[int, int]:
        """What is in escrow, and what was minted."""
        return self.source.store.number(escrow_key(link)), self.destinations[link].store.number(vouchers_key(link))


def test_begin_leads_to_success_and_the_source_is_called_back() -> None:
    ends = Ends()
    packet = ends.send(height=5)
    assert ends.finish(packet) == "another-value"
    assert (ends.take(packet), ends.status(packet)) == (None, (Status.BEGIN, Status.BEGIN))
    assert ends.finish(packet) == "not-decided"
    assert ends.invoke(packet) == Step.EXECUTED
    assert (ends.report(packet), ends.status(packet)) == (None, (Status.SUCCESS, Status.SUCCESS))
    assert ends.relay.store.number(waiting_key("a-b")) == 0
    assert ends.finish(packet) == Step.SETTLED
    assert ends.finish(packet) == "no-commitment"
    ends.idle(10)
    assert ends.status(packet) == (Status.SUCCESS, Status.SUCCESS)
    assert ends.held() == (5, 5)


def test_a_deadline_is_the_last_block_in_which_a_receipt_ends_a_transaction_well() -> None:
    for late in (False, True):
        ends = Ends()
        packet = ends.send(height=3)
        ends.take(packet)
        assert ends.invoke(packet) == Step.EXECUTED
        # Taken at h; the receipt comes in block h + 3, or in the one after it.
        ends.idle(3 if late else 2)
        assert ends.report(packet) == ("unexpected-receipt" if late else None)
        assert ends.status(packet)[0] == (Status.BEGIN_ROLLBACK if late else Status.SUCCESS)


def test_what_was_executed_too_late_is_given_back_and_undone() -> None:
    ends = Ends()
    packet = ends.send(height=1)
    ends.take(packet)
    before = ends.relay.store.get(transaction_key("a-b", 1))
    ends.idle(2)
    assert ends.status(packet)[0] == Status.BEGIN_ROLLBACK
    assert ends.finish(packet) == Step.REFUNDED
    # The destination is shown what the relay chain said before the deadline, which was true then.
    parts = (bytes([Status.BEGIN]), packet.to_bytes(), Claim(1, 1, before).to_bytes())
    assert ends.call(ends.destinations["a-b"], "a-b", INVOKE, *parts).refusal is None
    assert ends.held() == (0, 5)
    assert ends.report(packet) == "unexpected-receipt"
    assert ends.invoke(packet) == Step.REVERSED
    assert ends.invoke(packet) == "already-received"
    assert ends.held() == (0, 0)
    assert (ends.report(packet), ends.status(packet)[0]) == (None, Status.ROLLBACK)
    assert ends.call(ends.destinations["a-b"], "a-b", INVOKE, *parts).refusal == "already-received"


def test_what_was_rolled_back_before_it_came_is_never_executed() -> None:
    ends = Ends()
    packet = ends.send(height=1)
    ends.take(packet)
    before = ends.relay.store.get(transaction_key("a-b", 1))
    ends.idle(2)
    assert ends.invoke(packet) == Step.CANCELLED
    parts = (bytes([Status.BEGIN]), packet.to_bytes(), Claim(1, 1, before).to_bytes())
    assert ends.call(ends.destinations["a-b"], "a-b", INVOKE, *parts).refusal == "already-received"
    assert ends.held() == (5, 0)


def test_what_cannot_be_undone_is_left_to_people() -> None:
    ends = Ends()
    packet = ends.send(height=2, terms=IRREVERSIBLE)
    ends.take(packet)
    assert ends.invoke(packet) == Step.EXECUTED
    ends.idle(3)
    assert ends.finish(packet) == Step.REFUNDED
    assert ends.invoke(packet) == Step.REPAIR
    assert ends.report(packet) is None
    assert ends.held() == (0, 5)


@pytest.mark.parametrize("kind", [Type.RECEIPT_SUCCESS, Type.RECEIPT_FAILURE, Type.RECEIPT_ROLLBACK])
@pytest.mark.parametrize("status", list(Status))
def test_the_only_transitions_are_those_of_the_transaction_manager(status: Status, kind: Type) -> None:
    ends = Ends()
    packet = ends.send()
    ends.take(packet)
    key = transaction_key("a-b", 1)
    found = Transaction.from_bytes(ends.relay.store.entries[key])
    ends.relay.store.entries[key] = replace(found, own=status, whole=status).to_bytes()
    claim = Claim(1, 1, receipt(kind, packet.commitment(SM3))).to_bytes()
    got = ends.call(ends.relay, "a-b", HANDLE, bytes([kind]), packet.to_bytes(), claim)
    expected = TRANSITIONS.get((status, kind))
    assert got.refusal == ("unexpected-receipt" if expected is None else None)
    assert ends.status(packet)[0] == (status if expected is None else expected)


def test_a_group_succeeds_when_all_have() -> None:
    ends = Ends("a-b", "a-c")
    first, second = (ends.send(link, height=9, members=2) for link in ends.links)
    assert first.group == second.group == "pay/0"
    assert [ends.take(first), ends.invoke(first), ends.report(first)] == [None, Step.EXECUTED, None]
    # Nothing is known of the second yet, so the first can't be called back.
    assert ends.status(first) == (Status.SUCCESS, Status.BEGIN)
    assert ends.finish(first) == "not-decided"
    assert [ends.take(second), ends.invoke(second), ends.report(second)] == [None, Step.EXECUTED, None]
    assert ends.status(first) == ends.status(second) == (Status.SUCCESS, Status.SUCCESS)
    assert [ends.finish(first), ends.finish(second)] == [Step.SETTLED, Step.SETTLED]
    assert ends.relay.store.number(waiting_key("a-b")) == 0


def test_a_group_fails_with_the_first_that_fails_and_the_others_are_undone() -> None:
    ends = Ends("a-b", "a-c")
    first, second = (ends.send(link, members=2) for link in ends.links)
    for packet in (first, second):
        ends.take(packet)
    assert [ends.invoke(first), ends.report(first)] == [Step.EXECUTED, None]
    claim = Claim(1, 1, receipt(Type.RECEIPT_FAILURE, second.commitment(SM3))).to_bytes()
    got = ends.call(ends.relay, "a-c", HANDLE, bytes([Type.RECEIPT_FAILURE]), second.to_bytes(), claim)
    assert got.refusal is None
    assert ends.status(first) == (Status.BEGIN_FAILURE, Status.BEGIN_FAILURE)
    assert ends.status(second) == (Status.FAILURE, Status.BEGIN_FAILURE)
    assert [ends.finish(first), ends.finish(second)] == [Step.REFUNDED, Step.REFUNDED]
    assert [ends.invoke(first), ends.report(first)] == [Step.REVERSED, None]
    assert ends.status(first) == ends.status(second) == (Status.FAILURE, Status.FAILURE)
    assert ends.held("a-b") == ends.held("a-c") == (0, 0)


def test_a_group_has_the_deadline_of_its_first_and_who_comes_later_is_given_up_with_it() -> None:
    ends = Ends("a-b", "a-c")
    first, second = (ends.send(link, height=2, members=2) for link in ends.links)
    assert [ends.take(first), ends.invoke(first), ends.report(first)] == [None, Step.EXECUTED, None]
    ends.idle(2)
    assert ends.status(first) == (Status.BEGIN_ROLLBACK, Status.BEGIN_ROLLBACK)
    assert ends.take(second) is None
    assert ends.status(second) == (Status.BEGIN_ROLLBACK, Status.BEGIN_ROLLBACK)
    assert [ends.invoke(first), ends.invoke(second)] == [Step.REVERSED, Step.CANCELLED]
    assert [ends.report(first), ends.report(second)] == [None, None]
    assert ends.status(first) == ends.status(second) == (Status.ROLLBACK, Status.ROLLBACK)


def test_nobody_gets_into_a_group_of_somebody_else() -> None:
    ends = Ends("a-b", "a-c")
    first = ends.send("a-b", members=2)
    ends.take(first)
    parts = (bytes(8), bytes(8), transfer(5, 40), (2).to_bytes(2, "big"))
    sent = ends.call(ends.source, "a-c", SEND, *parts, sender="somebody")
    assert sent.event is not None
    assert ends.take(sent.event.packet) is None
    assert ends.take(ends.send("a-b", members=2)) == "another-group"
    assert ends.take(ends.send("a-c", members=3)) == "another-group"
    assert ends.take(ends.send("a-c", members=2)) is None


@pytest.mark.parametrize("ordered", [False, True])
def test_each_index_is_taken_once_and_in_order_where_there_is_one(ordered: bool) -> None:
    ends = Ends(ordered=ordered)
    first, second = ends.send(), ends.send()
    assert ends.take(second) == ("wrong-index" if ordered else None)
    assert ends.take(first) is None
    assert [ends.take(first), ends.take(second)] == ["index-exists", None if ordered else "index-exists"]
    assert ends.invoke(second) == ("out-of-order" if ordered else Step.EXECUTED)
    assert ends.invoke(first) == Step.EXECUTED
    assert ends.invoke(first) == "already-received"
    assert ends.invoke(second) == (Step.EXECUTED if ordered else "already-received")
    for packet in (first, second):
        assert ends.report(packet) is None
    assert ends.finish(second) == ("out-of-order" if ordered else Step.SETTLED)
    assert ends.finish(first) == Step.SETTLED


def test_another_packet_than_the_one_before_is_refused_everywhere() -> None:
    ends = Ends()
    packet = ends.send()
    other = replace(packet, data=transfer(6, 40))
    assert ends.take(other) == "another-value"
    assert ends.report(packet, Type.RECEIPT_SUCCESS) == "no-transaction"
    ends.take(packet)
    assert ends.invoke(other) == "another-value"
    assert ends.invoke(packet, Status.BEGIN_ROLLBACK) == "another-status"
    assert ends.invoke(packet, Status.SUCCESS) == "nothing-to-do"
    assert ends.invoke(packet) == Step.EXECUTED
    assert ends.report(other) == "another-value"
    assert ends.report(packet, Type.RECEIPT_FAILURE) == "another-value"
    assert ends.report(packet) is None
    assert ends.finish(other) == "no-commitment"


def test_calls_of_no_form_are_refused() -> None:
    ends = Ends()
    packet = ends.send().to_bytes()
    assert ends.call(ends.relay, "a-b", HANDLE, b"\x09", packet, b"").refusal == "malformed"
    assert ends.call(ends.relay, "a-b", INVOKE).refusal == "no-such-method"
    assert ends.call(ends.source, "a-b", HANDLE).refusal == "no-such-method"
    assert ends.call(ends.source, "a-b", SEND, b"").refusal == "malformed"
    assert ends.call(ends.destinations["a-b"], "a-b", RECEIPT).refusal == "no-such-method"
    assert ends.call(ends.destinations["a-b"], "a-b", INVOKE, b"", packet, b"").refusal == "malformed"
