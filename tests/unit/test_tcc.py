"""The contracts of Try, Confirm and Cancel by themselves: states, reservations, groups, and what can't be undone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from scenario_kit import NO_COSTS, RELAYER, registered

from sim.crosschain.contracts.assets import escrow_key, reserved_key, vouchers_key
from sim.crosschain.contracts.machine import Machine, Receipt
from sim.crosschain.contracts.messages import HEARTBEAT, SEND, Call, Claim, Packet, transfer
from sim.crosschain.contracts.relayed import Transaction, transaction_key
from sim.crosschain.contracts.store import commitment_key, receipt_key
from sim.crosschain.contracts.tcc import (
    CANCEL,
    CONFIRM,
    SAVE,
    TRY,
    UPDATE_CONFIRM,
    UPDATE_TRY,
    CrossChainManager,
    DestinationGateway,
    Done,
    SourceGateway,
    State,
    record,
)
from sim.crosschain.contracts.terms import IRREVERSIBLE
from sim.crosschain.contracts.trust import Registered
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE, Step
from sim.proof import SHA256, SM3

SUITES = {SOURCE: SM3, RELAY: SHA256, DESTINATION: SM3}
MANAGER = partial(CrossChainManager, ordered=False, origin="a")
KINDS = {SOURCE: SourceGateway, RELAY: MANAGER, DESTINATION: DestinationGateway}


class Ends:
    """Links from one source over one relay chain, each to a destination of its own; everybody believes the gateway."""

    def __init__(self, *links: str) -> None:
        self.links = links or ("a-b",)
        self.source, self.relay = Machine("a", NO_COSTS), Machine("r", NO_COSTS)
        self.destinations = {link: Machine(link[-1], NO_COSTS) for link in self.links}
        for link in self.links:
            machines = {SOURCE: self.source, RELAY: self.relay, DESTINATION: self.destinations[link]}
            for role, machine in machines.items():
                trusts = {other: Registered(link) for other in SUITES if other != role}
                registered(machine, *self.links)
                machine.contracts[link] = KINDS[role](link, SUITES[role], SUITES, trusts)

    def call(self, machine: Machine, link: str, method: str, *parts: bytes, sender: str = RELAYER) -> Receipt:
        """Execute one call in the machine's next block."""
        height = len(machine.receipts)
        machine.run(height, height, [(0, Call(link, method, sender, parts).to_bytes())])
        return machine.receipts[-1][-1]

    def send(self, link: str = "a-b", height: int = 0, members: int = 0, terms: bytes = b"") -> Packet:
        """Send a packet, and have the relay chain take it."""
        parts = [height.to_bytes(8, "big"), bytes(8), transfer(5, 40, terms)]
        if members:
            parts.append(members.to_bytes(2, "big"))
        sent = self.call(self.source, link, SEND, *parts, sender="pay/0")
        assert sent.event is not None, sent.refusal
        packet = sent.event.packet
        held = self.source.store.get(commitment_key(packet.link, packet.sequence))
        got = self.call(self.relay, link, SAVE, packet.to_bytes(), Claim(1, 1, held).to_bytes())
        assert got.event is not None, got.refusal
        assert got.event.step == Step.RELAYED
        return packet

    def tell(self, packet: Packet, method: str, said: bytes | None = None) -> str | Step | None:
        """Call the destination with what the relay chain says, unless something else is claimed."""
        return self._shown(self.destinations[packet.link], packet, method, said)

    def end(self, packet: Packet, method: str) -> str | Step | None:
        """Call the source with what the relay chain says."""
        return self._shown(self.source, packet, method, None)

    def _shown(self, machine: Machine, packet: Packet, method: str, said: bytes | None) -> str | Step | None:
        held = said or self.relay.store.get(transaction_key(packet.link, packet.sequence))
        got = self.call(machine, packet.link, method, packet.to_bytes(), Claim(1, 1, held).to_bytes())
        return got.refusal if got.event is None else got.event.step

    def update(self, packet: Packet, method: str, done: Done | None = None) -> str | None:
        """Tell the relay chain what the destination has done; it may be claimed to have done something else."""
        held = self.destinations[packet.link].store.get(receipt_key(packet.link, packet.sequence))
        if done is not None:
            held = record(done, packet.commitment(SM3))
        parts = ((held or b"\1")[:1], packet.to_bytes(), Claim(1, 1, held).to_bytes())
        return self.call(self.relay, packet.link, method, *parts).refusal

    def idle(self, blocks: int) -> None:
        """Let the relay chain make blocks."""
        for _ in range(blocks):
            self.call(self.relay, self.links[0], HEARTBEAT)

    def state(self, packet: Packet) -> tuple[State, State]:
        held = self.relay.store.get(transaction_key(packet.link, packet.sequence))
        assert held is not None
        found = Transaction.from_bytes(held)
        return State(found.own), State(found.whole)

    def held(self, link: str = "a-b") -> tuple[int, int, int]:
        """What is in escrow, what is reserved, and what was minted."""
        there = self.destinations[link].store
        return self.source.store.number(escrow_key(link)), *(
            there.number(key(link)) for key in (reserved_key, vouchers_key)
        )


def test_what_was_tried_is_confirmed_and_then_the_source_is() -> None:
    ends = Ends()
    packet = ends.send()
    assert ends.held() == (5, 0, 0)
    assert [ends.tell(packet, CONFIRM), ends.tell(packet, TRY)] == ["not-tried", Step.PREPARED]
    assert ends.held() == (5, 5, 0)
    assert [ends.tell(packet, TRY), ends.end(packet, CONFIRM)] == ["already-received", "not-decided"]
    assert ends.tell(packet, CONFIRM) == "another-status"
    assert (ends.update(packet, UPDATE_TRY), ends.state(packet)) == (None, (State.WAIT_CONFIRM, State.WAIT_CONFIRM))
    assert ends.tell(packet, CANCEL) == "another-status"
    assert ends.tell(packet, CONFIRM) == Step.EXECUTED
    assert ends.held() == (5, 0, 5)
    assert ends.end(packet, CONFIRM) == "not-decided"
    assert (ends.update(packet, UPDATE_CONFIRM), ends.state(packet)[1]) == (None, State.CONFIRM_END)
    assert [ends.end(packet, CANCEL), ends.end(packet, CONFIRM)] == ["not-decided", Step.SETTLED]
    assert ends.end(packet, CONFIRM) == "no-commitment"


def test_what_was_not_tried_in_time_is_cancelled_everywhere() -> None:
    for tried in (False, True):
        ends = Ends()
        packet = ends.send(height=2)
        before = ends.relay.store.get(transaction_key("a-b", 1))
        if tried:
            assert ends.tell(packet, TRY) == Step.PREPARED
        ends.idle(3)
        assert ends.state(packet) == (State.WAIT_CANCEL, State.WAIT_CANCEL)
        assert ends.update(packet, UPDATE_TRY, Done.TRIED) == "unexpected-result"
        assert ends.end(packet, CANCEL) == Step.REFUNDED
        assert ends.tell(packet, CANCEL) == Step.CANCELLED
        # A Try that comes after its Cancel, with what was true before, must not reserve anything for ever.
        assert ends.tell(packet, TRY, before) == "already-received"
        assert ends.update(packet, UPDATE_CONFIRM) is None
        assert ends.state(packet) == (State.CANCEL_END, State.CANCEL_END)
        assert ends.held() == (0, 0, 0)


def test_what_happens_at_once_is_left_to_people_when_it_is_cancelled() -> None:
    ends = Ends()
    packet = ends.send(height=2, terms=IRREVERSIBLE)
    assert ends.tell(packet, TRY) == Step.EXECUTED
    ends.idle(3)
    assert [ends.end(packet, CANCEL), ends.tell(packet, CANCEL)] == [Step.REFUNDED, Step.REPAIR]
    assert ends.held() == (0, 0, 5)


def test_what_happens_at_once_needs_nothing_more_when_it_is_confirmed() -> None:
    ends = Ends()
    packet = ends.send(terms=IRREVERSIBLE)
    assert ends.tell(packet, TRY) == Step.EXECUTED
    assert ends.update(packet, UPDATE_TRY) is None
    assert ends.tell(packet, CONFIRM) is None
    assert ends.update(packet, UPDATE_CONFIRM) is None
    assert ends.end(packet, CONFIRM) == Step.SETTLED
    assert ends.held() == (5, 0, 5)


def test_a_group_is_confirmed_when_all_were_tried_and_cancelled_with_the_first_that_was_not() -> None:
    for fails in (False, True):
        ends = Ends("a-b", "a-c")
        first, second = (ends.send(link, height=50, members=2) for link in ends.links)
        assert [ends.tell(first, TRY), ends.update(first, UPDATE_TRY)] == [Step.PREPARED, None]
        assert ends.state(first) == (State.WAIT_CONFIRM, State.WAIT_EXECUTE)
        assert ends.tell(first, CONFIRM) == "another-status"
        if fails:
            assert ends.update(second, UPDATE_TRY, Done.TRY_FAILED) is None
            assert ends.state(first) == ends.state(second) == (State.WAIT_CANCEL, State.WAIT_CANCEL)
            assert [ends.tell(each, CANCEL) for each in (first, second)] == [Step.CANCELLED, Step.CANCELLED]
        else:
            assert [ends.tell(second, TRY), ends.update(second, UPDATE_TRY)] == [Step.PREPARED, None]
            assert ends.state(first) == ends.state(second) == (State.WAIT_CONFIRM, State.WAIT_CONFIRM)
            assert [ends.tell(each, CONFIRM) for each in (first, second)] == [Step.EXECUTED, Step.EXECUTED]
            assert ends.update(first, UPDATE_CONFIRM) is None
            assert ends.end(first, CONFIRM) == "not-decided"
            assert ends.update(second, UPDATE_CONFIRM) is None
        kind = CANCEL if fails else CONFIRM
        assert [ends.end(each, kind) for each in (first, second)] == [Step.REFUNDED if fails else Step.SETTLED] * 2


@pytest.mark.parametrize("method", [UPDATE_TRY, UPDATE_CONFIRM])
@pytest.mark.parametrize("done", list(Done))
@pytest.mark.parametrize("state", list(State))
def test_the_relay_chain_takes_only_what_can_follow(state: State, done: Done, method: str) -> None:
    ends = Ends()
    packet = ends.send()
    key = transaction_key("a-b", 1)
    found = Transaction.from_bytes(ends.relay.store.entries[key])
    ends.relay.store.entries[key] = replace(found, own=state, whole=state).to_bytes()
    following = {
        (UPDATE_TRY, State.WAIT_EXECUTE, Done.TRIED): State.WAIT_CONFIRM,
        (UPDATE_TRY, State.WAIT_EXECUTE, Done.TRY_FAILED): State.WAIT_CANCEL,
        (UPDATE_CONFIRM, State.WAIT_CONFIRM, Done.CONFIRMED): State.CONFIRM_END,
        (UPDATE_CONFIRM, State.WAIT_CANCEL, Done.CANCELLED): State.CANCEL_END,
    }.get((method, state, done))
    assert ends.update(packet, method, done) == ("unexpected-result" if following is None else None)
    assert ends.state(packet)[0] == (state if following is None else following)


def test_another_packet_or_none_is_refused_everywhere() -> None:
    ends = Ends()
    packet = ends.send()
    other = replace(packet, data=transfer(6, 40))
    assert ends.tell(other, TRY) == ends.tell(other, CANCEL) == "another-value"
    assert ends.update(other, UPDATE_TRY, Done.TRIED) == "another-value"
    assert ends.end(other, CONFIRM) == "no-commitment"
    assert ends.call(ends.relay, "a-b", UPDATE_TRY, b"\x09", packet.to_bytes(), b"").refusal == "malformed"
    assert ends.call(ends.relay, "a-b", TRY).refusal == "no-such-method"
    assert ends.call(ends.destinations["a-b"], "a-b", SAVE).refusal == "no-such-method"
    assert ends.call(ends.source, "a-b", TRY).refusal == "no-such-method"
