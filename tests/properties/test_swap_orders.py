"""The two locks of swaps by their contracts alone: whatever anybody calls, at whatever times the chains' clocks show.

Each lock opens once: to who has the preimage, before its timelock, or to its owner, at or after it. Without the
preimage nobody gets what another has locked; with it, only the clocks can give one party both amounts.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_kit import NO_COSTS, RELAYER, registered

from sim.crosschain.contracts.assets import escrow_key, locks_key, vouchers_key
from sim.crosschain.contracts.htlc import CLAIM, LOCK, REFUND, InitiatorsLock, ParticipantsLock
from sim.crosschain.contracts.machine import Machine
from sim.crosschain.contracts.messages import Call, Packet, transfer
from sim.crosschain.contracts.terms import Hashlock, hash_of
from sim.crosschain.steps import DESTINATION, SOURCE, Step
from sim.proof import SHA256, SM3

LINK, AMOUNT = "a-b", 5
PREIMAGE, OTHER = bytes(32), bytes([1] * 32)
TIMELOCKS = {SOURCE: 60, DESTINATION: 30}
MOVES = st.tuples(
    st.sampled_from((SOURCE, DESTINATION)),
    st.sampled_from((LOCK, CLAIM, CLAIM, REFUND)),
    st.sampled_from((PREIMAGE, PREIMAGE, OTHER)),
    st.integers(0, 12),  # by how much that chain's clock has moved
)


@settings(max_examples=300)
@given(st.lists(MOVES, max_size=25))
def test_each_lock_opens_once_and_only_as_its_clock_and_the_preimage_allow(
    moves: list[tuple[str, str, bytes, int]],
) -> None:
    suites = {SOURCE: SM3, DESTINATION: SHA256}
    machines = {role: Machine(role, NO_COSTS) for role in suites}
    machines[SOURCE].contracts[LINK] = InitiatorsLock(LINK, SM3, suites, {})
    machines[DESTINATION].contracts[LINK] = ParticipantsLock(LINK, SHA256, suites, {}, RELAYER.partition("#")[0])
    registered(machines[DESTINATION], LINK)
    data = transfer(AMOUNT, 60, Hashlock(hash_of(PREIMAGE), TIMELOCKS[SOURCE]).to_bytes())
    packet, clocks = Packet(LINK, 1, 0, TIMELOCKS[DESTINATION], data), dict.fromkeys(suites, 0)
    terms = (bytes(8), TIMELOCKS[DESTINATION].to_bytes(8, "big"), data)
    when: dict[Step, int] = {}
    for role, method, preimage, moved in [(SOURCE, LOCK, PREIMAGE, 0), *moves]:
        clocks[role] += moved
        parts: tuple[bytes, ...] = (packet.to_bytes(), *((preimage,) if method == CLAIM else ()))
        if (role, method) == (SOURCE, LOCK):
            # Each such call is a swap of its own; one is enough.
            if when:
                continue
            parts = terms
        machines[role].run(1, clocks[role], [(0, Call(LINK, method, RELAYER, parts).to_bytes())])
        (receipt,) = machines[role].receipts[-1]
        if receipt.event is not None:
            assert receipt.event.step not in when
            assert method != CLAIM or preimage == PREIMAGE
            when[receipt.event.step] = clocks[role]
    for claimed, refunded, role in (
        (Step.SETTLED, Step.REFUNDED, SOURCE),
        (Step.EXECUTED, Step.CANCELLED, DESTINATION),
    ):
        assert not when.keys() >= {claimed, refunded}
        assert when.get(claimed, 0) < TIMELOCKS[role] <= when.get(refunded, TIMELOCKS[role])
    here, there = machines[SOURCE].store, machines[DESTINATION].store
    assert here.number(escrow_key(LINK)) == AMOUNT * (Step.REFUNDED not in when)
    assert there.number(vouchers_key(LINK)) == AMOUNT * (Step.EXECUTED in when)
    assert here.number(locks_key(LINK)) == (not when.keys() & {Step.SETTLED, Step.REFUNDED})
    held = Step.PREPARED in when and not when.keys() & {Step.EXECUTED, Step.CANCELLED}
    assert there.number(locks_key(LINK)) == held
