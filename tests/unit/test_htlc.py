"""The two locks of a swap by themselves: who can open which, and when by the chain's own clock."""

from __future__ import annotations

from scenario_kit import NO_COSTS, RELAYER, registered

from sim.crosschain.contracts.assets import escrow_key, locks_key, vouchers_key
from sim.crosschain.contracts.htlc import CLAIM, LOCK, REFUND, InitiatorsLock, ParticipantsLock, preimage_key
from sim.crosschain.contracts.machine import Machine, Receipt
from sim.crosschain.contracts.messages import Call, Packet, transfer
from sim.crosschain.contracts.terms import Hashlock, hash_of
from sim.crosschain.steps import DESTINATION, SOURCE
from sim.proof import SHA256, SM3

LINK, ANYBODY = "a-b", "anybody"
PREIMAGE = bytes(range(32))
DID = RELAYER.partition("#")[0]
AT_SOURCE, AT_DESTINATION = 60, 30
"""The two timelocks."""


class Locks:
    """Both ends of a link of swaps."""

    def __init__(self) -> None:
        suites = {SOURCE: SM3, DESTINATION: SHA256}
        self.source, self.destination = Machine("a", NO_COSTS), Machine("b", NO_COSTS)
        self.source.contracts[LINK] = InitiatorsLock(LINK, SM3, suites, {})
        self.destination.contracts[LINK] = ParticipantsLock(LINK, SHA256, suites, {}, DID)
        registered(self.destination, LINK)

    def call(self, machine: Machine, method: str, *parts: bytes, sender: str = ANYBODY, at: int = 1) -> Receipt:
        before = dict(machine.store.entries)
        machine.run(1, at, [(0, Call(LINK, method, sender, parts).to_bytes())])
        (receipt,) = machine.receipts[-1]
        assert receipt.refusal is None or machine.store.entries == before
        return receipt

    def lock(self, at: int = 1, source: int = AT_SOURCE, destination: int = AT_DESTINATION) -> Receipt:
        data = transfer(5, 80, Hashlock(hash_of(PREIMAGE), source).to_bytes())
        return self.call(self.source, LOCK, bytes(8), destination.to_bytes(8, "big"), data, at=at)

    def locked(self) -> Packet:
        """Both have locked."""
        receipt = self.lock()
        assert receipt.event is not None, receipt.refusal
        packet = receipt.event.packet
        assert self.do(self.destination, LOCK, packet, sender=RELAYER) is None
        return packet

    def do(
        self, machine: Machine, method: str, packet: Packet, *parts: bytes, sender: str = ANYBODY, at: int = 1
    ) -> str | None:
        return self.call(machine, method, packet.to_bytes(), *parts, sender=sender, at=at).refusal

    @property
    def held(self) -> tuple[int, int, int, int]:
        """Escrow and locks of the source, vouchers and locks of the destination."""
        here, there = self.source.store, self.destination.store
        locks = locks_key(LINK)
        return (
            here.number(escrow_key(LINK)),
            here.number(locks),
            there.number(vouchers_key(LINK)),
            there.number(locks),
        )


def test_a_claim_shows_the_preimage_that_opens_the_other_lock() -> None:
    locks = Locks()
    packet = locks.locked()
    assert locks.held == (5, 1, 0, 1)
    assert locks.do(locks.destination, CLAIM, packet, PREIMAGE) is None
    assert locks.held == (5, 1, 5, 0)
    shown = locks.destination.store.get(preimage_key(LINK, packet.sequence))
    assert shown == PREIMAGE
    assert locks.do(locks.source, CLAIM, packet, shown) is None
    assert locks.held == (5, 0, 5, 0)


def test_without_the_preimage_nothing_opens() -> None:
    locks = Locks()
    packet = locks.locked()
    for machine in (locks.source, locks.destination):
        assert locks.do(machine, CLAIM, packet, bytes(32)) == "wrong-preimage"
        assert locks.do(machine, CLAIM, packet, PREIMAGE[:-1]) == "wrong-preimage"


def test_claims_come_before_the_timelock_and_refunds_at_or_after_it() -> None:
    for end, timelock in (("source", AT_SOURCE), ("destination", AT_DESTINATION)):
        for method, parts, refusal, good in (
            (CLAIM, (PREIMAGE,), "timelock-passed", timelock - 1),
            (REFUND, (), "timelock-not-passed", timelock),
        ):
            locks = Locks()
            packet = locks.locked()
            machine = getattr(locks, end)
            bad = timelock if method == CLAIM else timelock - 1
            assert locks.do(machine, method, packet, *parts, at=bad) == refusal
            assert locks.do(machine, method, packet, *parts, at=good) is None
            # What is open is open.
            assert locks.do(machine, CLAIM, packet, PREIMAGE) == "not-locked"
            assert locks.do(machine, REFUND, packet, at=100) == "not-locked"


def test_what_is_refunded_is_as_before() -> None:
    locks = Locks()
    packet = locks.locked()
    assert locks.do(locks.destination, REFUND, packet, at=AT_DESTINATION) is None
    assert locks.do(locks.source, REFUND, packet, at=AT_SOURCE) is None
    assert locks.held == (0, 0, 0, 0)


def test_who_claims_late_there_leaves_no_time_to_claim_here() -> None:
    locks = Locks()
    packet = locks.locked()
    assert locks.do(locks.destination, CLAIM, packet, PREIMAGE, at=AT_DESTINATION - 1) is None
    # The source's clock is ahead by more than the timelocks are apart.
    assert locks.do(locks.source, CLAIM, packet, PREIMAGE, at=AT_SOURCE) == "timelock-passed"
    assert locks.do(locks.source, REFUND, packet, at=AT_SOURCE) is None
    assert locks.held == (0, 0, 5, 0)


def test_only_the_participant_locks_what_is_its_own_and_once() -> None:
    locks = Locks()
    receipt = locks.lock()
    assert receipt.event is not None
    packet = receipt.event.packet
    assert locks.do(locks.destination, LOCK, packet) == "not-the-owner"
    assert locks.do(locks.destination, LOCK, packet, sender=f"{DID}#key-2") == "another-key"
    assert locks.do(locks.destination, LOCK, packet, sender=RELAYER, at=AT_DESTINATION) == "timelock-passed"
    assert locks.do(locks.destination, LOCK, packet, sender=RELAYER) is None
    assert locks.do(locks.destination, LOCK, packet, sender=RELAYER) == "already-locked"
    assert locks.do(locks.destination, CLAIM, packet, PREIMAGE) is None
    assert locks.do(locks.destination, LOCK, packet, sender=RELAYER) == "already-locked"


def test_neither_end_locks_where_the_initiators_lock_does_not_outlast_the_participants() -> None:
    for source in (10, AT_DESTINATION - 1, AT_DESTINATION):
        locks = Locks()
        assert locks.lock(source=source).refusal == "illegal-timelocks"
        data = transfer(5, 80, Hashlock(hash_of(PREIMAGE), source).to_bytes())
        packet = Packet(LINK, 1, 0, AT_DESTINATION, data)
        assert locks.do(locks.destination, LOCK, packet, sender=RELAYER) == "illegal-timelocks"
        assert locks.held == (0, 0, 0, 0)
    assert Locks().lock(source=AT_DESTINATION + 1).refusal is None


def test_swaps_without_form_or_time_are_refused() -> None:
    locks = Locks()
    assert locks.lock(at=AT_SOURCE).refusal == "timelock-passed"
    assert locks.call(locks.source, LOCK, bytes(8), bytes(8), transfer(5, 20)).refusal == "malformed"
    assert locks.call(locks.source, LOCK).refusal == "malformed"
    assert locks.call(locks.destination, "sendPacket").refusal == "no-such-method"
