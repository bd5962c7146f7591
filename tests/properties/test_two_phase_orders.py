"""Two-phase commit by its contracts alone: whatever true state of the other chain anybody shows, at any time.

A coordinator may send any call in any order, and prove it against any state that the other chain has ever had. Both
chains have each transfer in the end, or neither can have it, and no account stays locked where both are decided.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_kit import NO_COSTS, RELAYER, registered

from sim.crosschain.contracts.assets import escrow_key, locks_key, vouchers_key
from sim.crosschain.contracts.machine import Machine
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
    transaction_key,
)
from sim.crosschain.steps import DESTINATION, SOURCE, Step
from sim.proof import SHA256, SM3

LINK, AMOUNT = "a-b", 5
ROLES = (SOURCE, DESTINATION)
MOVES = st.tuples(
    st.sampled_from(ROLES),
    st.sampled_from((START, EXECUTE, EXECUTE, COMMIT, COMMIT, ROLL_BACK)),
    st.integers(0, 2),  # of which transaction
    st.sampled_from((0.0, 0.5, 1.0, 1.0)),  # which of the other chain's states, from the first to the last
)
STARTS = st.tuples(st.integers(1, 2), st.integers(1, 2), st.booleans())


class Chains:
    """Both chains, with every state that either has had of each transaction."""

    def __init__(self) -> None:
        trusts, suites = Registered(LINK), {SOURCE: SM3, DESTINATION: SHA256}
        self.machines = {role: Machine(role, NO_COSTS) for role in ROLES}
        for machine in self.machines.values():
            registered(machine, LINK)
        self.machines[SOURCE].contracts[LINK] = PayingEnd(LINK, SM3, suites, {DESTINATION: trusts})
        self.machines[DESTINATION].contracts[LINK] = PaidEnd(LINK, SHA256, suites, {SOURCE: trusts})
        self.packets: list[Packet] = []
        self.steps: dict[int, list[Step]] = {}
        self.past: dict[tuple[str, int], list[bytes | None]] = {}

    def call(self, role: str, method: str, sender: str, *parts: bytes) -> str | None:
        machine = self.machines[role]
        machine.run(1, 1, [(0, Call(LINK, method, sender, parts).to_bytes())])
        (receipt,) = machine.receipts[-1]
        if receipt.event is not None:
            packet = receipt.event.packet
            if receipt.event.step == Step.SENT:
                self.packets.append(packet)
            self.steps.setdefault(packet.sequence, []).append(receipt.event.step)
        for packet in self.packets:
            states = self.past.setdefault((role, packet.sequence), [None] if role == DESTINATION else [])
            now = machine.store.get(transaction_key(LINK, packet.sequence))
            if not states or states[-1] != now:
                states.append(now)
        return receipt.refusal

    def start(self, payer: int, payee: int, irreversible: bool) -> None:
        data = transfer(AMOUNT, 40, Accounts(payer, payee, irreversible).to_bytes())
        self.call(SOURCE, START, "user", bytes(8), bytes(8), data)

    def move(self, role: str, method: str, which: int, when: float) -> None:
        if which >= len(self.packets):
            return
        packet, other = self.packets[which], DESTINATION if role == SOURCE else SOURCE
        states = self.past.get((other, packet.sequence), [None])
        claim = Claim(1, 1, states[round(when * (len(states) - 1))]).to_bytes()
        self.call(role, method, RELAYER, packet.to_bytes(), claim)

    def check(self) -> None:
        escrow, vouchers, locks = 0, 0, {SOURCE: 0, DESTINATION: 0}
        for steps in self.steps.values():
            assert len(steps) == len(set(steps))
            done = set(steps)
            assert not done >= {Step.COMMITTED, Step.REFUNDED}
            assert not (Step.SETTLED in done and Step.COMMITTED not in done)
            paid = Step.EXECUTED in done and Step.REVERSED not in done
            assert not (paid and Step.REFUNDED in done) or Step.REPAIR in done
            escrow += AMOUNT * (Step.REFUNDED not in done)
            vouchers += AMOUNT * paid
            locks[SOURCE] += not done & {Step.SETTLED, Step.REFUNDED}
            ended = {Step.COMMITTED, Step.CANCELLED, Step.REVERSED, Step.REPAIR}
            locks[DESTINATION] += Step.PREPARED in done and not done & ended
        stores = {role: machine.store for role, machine in self.machines.items()}
        assert stores[SOURCE].number(escrow_key(LINK)) == escrow
        assert stores[DESTINATION].number(vouchers_key(LINK)) == vouchers
        for role, held in locks.items():
            assert stores[role].number(locks_key(LINK)) == held
            assert sum(key.startswith(b"accounts/") for key in stores[role].entries) == held


@settings(max_examples=300)
@given(st.lists(STARTS, min_size=1, max_size=3), st.lists(MOVES, max_size=90))
def test_no_order_of_true_calls_tears_a_transaction(
    starts: list[tuple[int, int, bool]], moves: list[tuple[str, str, int, float]]
) -> None:
    chains = Chains()
    for start in starts:
        chains.start(*start)
    for move in moves:
        chains.move(*move)
        chains.check()


@given(st.integers(0, 5), st.booleans())
def test_every_transaction_can_be_brought_to_an_end(done: int, back: bool) -> None:
    chains = Chains()
    chains.start(1, 1, irreversible=False)
    forward = ((DESTINATION, START), (SOURCE, EXECUTE), (DESTINATION, EXECUTE), (DESTINATION, COMMIT), (SOURCE, COMMIT))
    for role, method in forward[:done]:
        chains.move(role, method, 0, 1.0)
    rest = ((DESTINATION, ROLL_BACK), (SOURCE, ROLL_BACK)) if back else forward[done:]
    for role, method in (*rest, (SOURCE, COMMIT)):
        chains.move(role, method, 0, 1.0)
    chains.check()
    assert {Step.SETTLED, Step.REFUNDED} & set(chains.steps[1])
