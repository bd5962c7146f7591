"""The ends of two-phase commit by themselves: what each call requires, and what a transaction holds meanwhile."""

from __future__ import annotations

from scenario_kit import NO_COSTS, RELAYER, registered

from sim.crosschain.contracts.assets import escrow_key, locks_key, vouchers_key
from sim.crosschain.contracts.machine import Machine, Receipt
from sim.crosschain.contracts.messages import Call, Claim, Packet, transfer
from sim.crosschain.contracts.terms import Accounts
from sim.crosschain.contracts.trust import Registered
from sim.crosschain.contracts.two_phase import (
    COMMIT,
    EXECUTE,
    ROLL_BACK,
    START,
    PaidEnd,
    PayingEnd,
    account_key,
    transaction_key,
)
from sim.crosschain.steps import DESTINATION, SOURCE
from sim.proof import SHA256, SM3

LINK = "a-b"


class Ends:
    """Both ends of a link that trusts its coordinator; the source hashes with SM3, the destination with SHA-256."""

    def __init__(self) -> None:
        word, suites = Registered(LINK), {SOURCE: SM3, DESTINATION: SHA256}
        self.source, self.destination = Machine("a", NO_COSTS), Machine("b", NO_COSTS)
        for machine in (self.source, self.destination):
            registered(machine, LINK)
        self.source.contracts[LINK] = PayingEnd(LINK, SM3, suites, {DESTINATION: word})
        self.destination.contracts[LINK] = PaidEnd(LINK, SHA256, suites, {SOURCE: word})

    def call(self, machine: Machine, method: str, *parts: bytes, sender: str = RELAYER) -> Receipt:
        before = dict(machine.store.entries)
        machine.run(1, 1, [(0, Call(LINK, method, sender, parts).to_bytes())])
        (receipt,) = machine.receipts[-1]
        assert receipt.refusal is None or machine.store.entries == before
        return receipt

    def start(self, payer: int = 7, payee: int = 9, *, irreversible: bool = False) -> Receipt:
        """A user starts a transaction on the source."""
        data = transfer(5, 60, Accounts(payer, payee, irreversible).to_bytes())
        return self.call(self.source, START, bytes(8), bytes(8), data, sender="user")

    def started(self, payer: int = 7, payee: int = 9, *, irreversible: bool = False) -> Packet:
        receipt = self.start(payer, payee, irreversible=irreversible)
        assert receipt.event is not None, receipt.refusal
        return receipt.event.packet

    def do(self, role: str, method: str, packet: Packet, sender: str = RELAYER) -> str | None:
        """The coordinator tells the truth about the other chain; returns the refusal."""
        machine, other = (self.source, self.destination) if role == SOURCE else (self.destination, self.source)
        claim = Claim(2, 2, other.store.get(transaction_key(LINK, packet.sequence))).to_bytes()
        return self.call(machine, method, packet.to_bytes(), claim, sender=sender).refusal

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


FORWARD = ((DESTINATION, START), (SOURCE, EXECUTE), (DESTINATION, EXECUTE), (DESTINATION, COMMIT), (SOURCE, COMMIT))


def test_a_transaction_goes_through_its_steps_and_holds_both_accounts_until_it_commits() -> None:
    ends = Ends()
    packet = ends.started()
    seen = [ends.held]
    for role, method in FORWARD:
        assert ends.do(role, method, packet) is None
        seen.append(ends.held)
    assert seen == [(5, 1, 0, 0), (5, 1, 0, 1), (5, 1, 0, 1), (5, 1, 5, 1), (5, 1, 5, 0), (5, 0, 5, 0)]


def test_no_step_is_taken_before_the_one_before_it_or_twice() -> None:
    ends = Ends()
    packet = ends.started()
    for done in range(len(FORWARD) + 1):
        for role, method in (*FORWARD[:done], *FORWARD[done + 1 :]):
            assert ends.do(role, method, packet) in {"not-in-this-state", "another-value", "already-started"}
        if done < len(FORWARD):
            assert ends.do(*FORWARD[done], packet) is None


def test_an_account_that_a_transaction_holds_is_refused_to_every_other() -> None:
    ends = Ends()
    first = ends.started(payer=7, payee=9)
    assert ends.start(payer=7, payee=8).refusal == "resource-locked"
    second = ends.started(payer=8, payee=9)
    assert ends.do(DESTINATION, START, first) is None
    assert ends.do(DESTINATION, START, second) == "resource-locked"
    for role, method in FORWARD[1:]:
        assert ends.do(role, method, first) is None
    assert ends.start(payer=7, payee=8).refusal is None
    assert ends.do(DESTINATION, START, second) is None


def test_each_state_is_rolled_back_in_reverse_order_to_what_was_before() -> None:
    for done in range(4):
        ends = Ends()
        packet = ends.started()
        for role, method in FORWARD[:done]:
            assert ends.do(role, method, packet) is None
        assert ends.do(SOURCE, ROLL_BACK, packet) == "another-value"
        assert ends.do(DESTINATION, ROLL_BACK, packet) is None
        assert ends.do(DESTINATION, ROLL_BACK, packet) == "not-in-this-state"
        assert ends.do(SOURCE, ROLL_BACK, packet) is None
        assert ends.held == (0, 0, 0, 0)
        assert ends.destination.store.get(account_key(LINK, 9)) is None
        # What was rolled back does not start again.
        assert ends.do(DESTINATION, START, packet) == "already-started"


def test_what_has_no_inverse_stays_and_is_unlocked() -> None:
    for done, paid in ((1, 0), (3, 5)):
        ends = Ends()
        packet = ends.started(irreversible=True)
        for role, method in FORWARD[:done]:
            assert ends.do(role, method, packet) is None
        assert ends.do(DESTINATION, ROLL_BACK, packet) is None
        assert ends.do(SOURCE, ROLL_BACK, packet) is None
        assert ends.held == (0, 0, paid, 0)


def test_what_the_destination_has_committed_is_not_rolled_back() -> None:
    ends = Ends()
    packet = ends.started()
    for role, method in FORWARD[:4]:
        assert ends.do(role, method, packet) is None
    assert ends.do(DESTINATION, ROLL_BACK, packet) == "not-in-this-state"
    assert ends.do(SOURCE, ROLL_BACK, packet) == "another-value"
    assert ends.do(SOURCE, COMMIT, packet) is None


def test_only_the_coordinator_is_obeyed_and_only_about_true_transactions() -> None:
    ends = Ends()
    packet = ends.started()
    assert ends.do(DESTINATION, START, packet, sender="stranger") == "not-registered"
    other = Packet(LINK, packet.sequence, 0, 0, transfer(6, 60, Accounts(7, 9).to_bytes()))
    assert ends.do(DESTINATION, START, other) == "another-value"
    assert ends.do(SOURCE, EXECUTE, other) == "another-transaction"
    assert ends.call(ends.source, START, bytes(8), bytes(8), transfer(5, 20), sender="user").refusal == "malformed"
    assert ends.call(ends.source, START, sender="user").refusal == "malformed"
    assert ends.call(ends.destination, "sendPacket").refusal == "no-such-method"
    assert ends.held == (5, 1, 0, 0)
