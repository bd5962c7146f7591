"""The ends of a channel by themselves: what each datagram requires, and that a refused one changes nothing."""

from __future__ import annotations

from dataclasses import replace

from foreign_chain import DRIFT, PERIOD, SECOND, grown
from hypothesis import given
from hypothesis import strategies as st
from scenario_kit import NO_COSTS, RELAYER, registered

from sim.crosschain.contracts.assets import FAILURE, SUCCESS, escrow_key, vouchers_key
from sim.crosschain.contracts.channel import DestinationEnd, SourceEnd
from sim.crosschain.contracts.light_client import Followed
from sim.crosschain.contracts.machine import Machine, Receipt
from sim.crosschain.contracts.messages import (
    ACKNOWLEDGE,
    HEARTBEAT,
    RECEIVE,
    SEND,
    TIME_OUT,
    UPDATE_CLIENT,
    Call,
    Claim,
    Packet,
    amount_of,
    transfer,
)
from sim.crosschain.contracts.refusal import Refused
from sim.crosschain.contracts.store import ack_key, commitment_key
from sim.crosschain.contracts.trust import Registered
from sim.crosschain.sample import Sample
from sim.crosschain.steps import DESTINATION, SOURCE
from sim.proof import SHA256, SM3
from sim.proof.lightclient import TrustPolicy

LINK = "a-b"


class Ends:
    """Both ends of a link that trusts its relayer; the source hashes with SM3, the destination with SHA-256."""

    def __init__(self, *, ordered: bool = False, answers: bool = True) -> None:
        self.source, self.destination = Machine("a", NO_COSTS), Machine("b", NO_COSTS)
        suites, word = {SOURCE: SM3, DESTINATION: SHA256}, Registered(LINK)
        for machine in (self.source, self.destination):
            registered(machine, LINK)
        self.source.contracts[LINK] = SourceEnd(LINK, SM3, suites, {DESTINATION: word}, ordered, answers)
        self.destination.contracts[LINK] = DestinationEnd(LINK, SHA256, suites, {SOURCE: word}, ordered, answers)

    def call(self, machine: Machine, method: str, *parts: bytes, sender: str = RELAYER, at: tuple[int, int]) -> Receipt:
        """Execute one call in a block of this height and time."""
        before = dict(machine.store.entries)
        effect = machine.run(*at, [(0, Call(LINK, method, sender, parts).to_bytes())])
        (receipt,) = machine.receipts[-1]
        if receipt.refusal is not None:
            assert effect.changes == {}
            assert machine.store.entries == before
        return receipt

    def send(self, amount: int = 5, height: int = 0, time_ns: int = 0) -> Packet:
        limits = (number.to_bytes(8, "big") for number in (height, time_ns))
        receipt = self.call(self.source, SEND, *limits, transfer(amount, 40), sender="user", at=(1, 1))
        assert receipt.event is not None, receipt.refusal
        return receipt.event.packet

    def receive(self, packet: Packet, at: tuple[int, int] = (1, 1), sender: str = RELAYER) -> str | None:
        """The relayer tells the truth about what the source holds."""
        value = self.source.store.get(commitment_key(LINK, packet.sequence))
        claim = Claim(2, 2, value).to_bytes()
        return self.call(self.destination, RECEIVE, packet.to_bytes(), claim, sender=sender, at=at).refusal

    def acknowledge(self, packet: Packet, said: bytes = SUCCESS, held: bytes | None = SUCCESS) -> str | None:
        claim = Claim(2, 2, None if held is None else SHA256.digest(held)).to_bytes()
        return self.call(self.source, ACKNOWLEDGE, packet.to_bytes(), said, claim, at=(3, 3)).refusal

    def time_out(self, packet: Packet, height: int, time_ns: int, found: bytes | None = None) -> str | None:
        claim = Claim(height, time_ns, found).to_bytes()
        return self.call(self.source, TIME_OUT, packet.to_bytes(), claim, at=(3, 3)).refusal

    @property
    def held(self) -> tuple[int, int]:
        """What is in escrow, and what was minted."""
        return self.source.store.number(escrow_key(LINK)), self.destination.store.number(vouchers_key(LINK))


def test_nothing_is_sent_over_a_client_that_has_expired_or_is_frozen() -> None:
    there, fork = grown(3), grown(3)
    fork.headers[1] = replace(there.headers[1], state_root=b"\x01" * 32)
    policy = TrustPolicy(there.chain, SHA256, there.protocol, PERIOD, DRIFT)
    client = Followed(LINK, DESTINATION, policy, Sample(1.0), "did:court:bank")
    client.start(there.headers[0], there.sets[0])
    ends = Ends()
    ends.source.contracts[LINK] = SourceEnd(
        LINK, SM3, {SOURCE: SM3, DESTINATION: SHA256}, {DESTINATION: client}, ordered=False
    )
    parts = (bytes(8), bytes(8), transfer(5, 40))
    started_ns = there.headers[0].time_ns
    for time_ns, refusal in ((started_ns + PERIOD - 1, None), (started_ns + PERIOD, "client-not-active")):
        assert ends.call(ends.source, SEND, *parts, sender="user", at=(1, time_ns)).refusal == refusal
    soon = (2, 2 * SECOND)
    for told, refusal in ((there, None), (fork, "fork-found")):
        assert ends.source.contracts[LINK].trusts[DESTINATION].is_active(soon[1])
        update = Call(LINK, UPDATE_CLIENT, RELAYER, (DESTINATION.encode(), told.update(1).to_bytes()))
        ends.source.run(*soon, [(0, update.to_bytes())])
        assert ends.source.receipts[-1][0].refusal == refusal
    assert ends.call(ends.source, SEND, *parts, sender="user", at=soon).refusal == "client-not-active"
    assert ends.held == (5, 0)


def test_a_packet_goes_there_and_its_acknowledgement_back() -> None:
    ends = Ends()
    packet = ends.send()
    assert ends.held == (5, 0)
    assert ends.receive(packet) is None
    assert ends.held == (5, 5)
    assert ends.acknowledge(packet) is None
    assert ends.source.store.get(commitment_key(LINK, 1)) is None
    assert ends.acknowledge(packet) == "no-commitment"


def test_a_packet_is_received_once() -> None:
    for ordered in (False, True):
        ends = Ends(ordered=ordered)
        packet = ends.send()
        assert [ends.receive(packet), ends.receive(packet)] == [None, "already-received"]
        assert ends.held == (5, 5)


def test_an_ordered_channel_receives_and_acknowledges_in_order() -> None:
    ends = Ends(ordered=True)
    first, second = ends.send(), ends.send()
    assert [ends.receive(second), ends.receive(first), ends.receive(second)] == ["out-of-order", None, None]
    assert [ends.acknowledge(second), ends.acknowledge(first)] == ["out-of-order", None]


def test_another_packet_than_the_one_sent_is_refused() -> None:
    ends = Ends()
    packet = ends.send()
    assert ends.receive(replace(packet, data=transfer(6, 40))) == "another-value"
    assert ends.receive(replace(packet, timeout_height=9)) == "another-value"
    assert ends.receive(replace(packet, sequence=2)) == "another-value"
    assert ends.receive(replace(packet, link="b-a")) == "another-link"
    assert ends.receive(packet, sender="stranger") == "not-registered"
    assert ends.held == (5, 0)


def test_a_packet_is_received_before_its_timeout_or_timed_out_after_it() -> None:
    ends = Ends()
    packet = ends.send(height=10, time_ns=100)
    assert ends.receive(packet, at=(10, 99)) == "timed-out"
    assert ends.receive(packet, at=(9, 100)) == "timed-out"
    assert ends.time_out(packet, 9, 99) == "not-timed-out"
    assert ends.time_out(packet, 10, 99, found=b"\x01") == "was-received"
    assert ends.held == (5, 0)
    assert ends.time_out(packet, 10, 99) is None
    assert ends.held == (0, 0)
    assert ends.time_out(packet, 10, 99) == "no-commitment"
    assert ends.acknowledge(packet) == "no-commitment"


def test_a_timeout_closes_an_ordered_channel_and_packets_under_way_can_time_out_still() -> None:
    ends = Ends(ordered=True)
    first, second = ends.send(height=10), ends.send(height=11)
    assert ends.time_out(first, 12, 12, found=(2).to_bytes(8, "big")) == "was-received"
    assert ends.time_out(first, 12, 12) is None
    receipt = ends.call(ends.source, SEND, bytes(8), bytes(8), transfer(5, 40), at=(4, 4))
    assert receipt.refusal == "channel-closed"
    assert ends.acknowledge(second) == "channel-closed"
    assert ends.time_out(second, 12, 12) is None
    assert ends.held == (0, 0)


def test_where_nothing_comes_back_nothing_is_acknowledged_or_times_out() -> None:
    ends = Ends(answers=False)
    packet = ends.send()
    limits = ((9).to_bytes(8, "big"), bytes(8))
    assert ends.call(ends.source, SEND, *limits, transfer(5, 40), at=(1, 1)).refusal == "never-times-out"
    assert [ends.receive(packet), ends.receive(packet)] == [None, "already-received"]
    assert ends.destination.store.get(ack_key(LINK, 1)) is None
    assert ends.acknowledge(packet) == "no-such-method"
    assert ends.time_out(packet, 99, 99) == "no-such-method"
    assert ends.held == (5, 5)


def test_what_the_application_cannot_take_is_refunded() -> None:
    ends = Ends()
    packet = ends.send()
    assert ends.acknowledge(packet, said=FAILURE) == "another-value"
    assert ends.acknowledge(packet, held=None) == "another-value"
    assert ends.acknowledge(packet, said=FAILURE, held=FAILURE) is None
    assert ends.held == (0, 0)


def test_a_transfer_of_nothing_and_of_no_form_is_refused() -> None:
    ends = Ends()
    for data, reason in ((transfer(0, 40), "no-amount"), (b"", "malformed"), (transfer(5, 40) + b"x", "malformed")):
        assert ends.call(ends.source, SEND, bytes(8), bytes(8), data, at=(1, 1)).refusal == reason


def test_calls_that_do_not_exist_are_refused_and_a_heartbeat_does_nothing() -> None:
    ends = Ends()
    assert ends.call(ends.source, RECEIVE, at=(1, 1)).refusal == "no-such-method"
    assert ends.call(ends.destination, SEND, at=(1, 1)).refusal == "no-such-method"
    assert ends.call(ends.destination, RECEIVE, b"", at=(1, 1)).refusal == "malformed"
    receipt = ends.call(ends.destination, HEARTBEAT, at=(1, 1))
    assert (receipt.refusal, receipt.event) == (None, None)
    machine = Machine("a", NO_COSTS)
    machine.run(1, 1, [(0, Call("nowhere", SEND, "user", ()).to_bytes())])
    assert machine.receipts[-1][0].refusal == "no-such-link"


NUMBERS = st.integers(0, 2**63 - 1)


@given(st.binary(max_size=60), NUMBERS, NUMBERS, NUMBERS, st.lists(st.binary(max_size=9), max_size=4))
def test_bytes_come_back_as_what_they_were(data: bytes, a: int, b: int, c: int, parts: list[bytes]) -> None:
    packet = Packet("a-b", a, b, c, data)
    assert Packet.from_bytes(packet.to_bytes()) == packet
    call = Call("a-b", SEND, "somebody", tuple(parts))
    assert Call.from_bytes(call.to_bytes()) == call
    for claim in (Claim(a, b, data), Claim(a, b, None)):
        assert Claim.from_bytes(claim.to_bytes()) == claim
    assert amount_of(transfer(a, len(data))) == a


@given(st.binary(max_size=60))
def test_other_bytes_are_refused_and_nothing_else_happens(data: bytes) -> None:
    for kind, start in ((Packet, b"JACP\x01"), (Call, b"JACC\x01"), (Claim, b"")):
        for told in (data, start + data):
            assert _read(kind, told) in {told, b"malformed", b"another-version"}


def _read(kind: type[Packet | Call | Claim], told: bytes) -> bytes:
    try:
        return kind.from_bytes(told).to_bytes()
    except Refused as refusal:
        return refusal.reason.encode()
