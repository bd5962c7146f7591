"""The contracts of a relay chain under any order of calls, with any state proved that a chain has had.

Rules are what relayers can do: they bring any call at any time, and prove whatever was true at some time. The relay
chain makes blocks. When the machine stops, all that is due is brought. No transfer may be doubled, and the same must
become of it on all its chains.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from scenario_kit import NO_COSTS

from sim.crosschain.contracts import interchain, tcc
from sim.crosschain.contracts.assets import escrow_key, reserved_key, vouchers_key
from sim.crosschain.contracts.machine import Machine
from sim.crosschain.contracts.messages import HANDLE, HEARTBEAT, INVOKE, RECEIPT, SEND, Call, Claim, Packet, transfer
from sim.crosschain.contracts.relayed import Transaction, transaction_key, waiting_key
from sim.crosschain.contracts.store import commitment_key, receipt_key
from sim.crosschain.contracts.terms import IRREVERSIBLE
from sim.crosschain.contracts.trust import Belief
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE, Step
from sim.proof import SHA256, SM3

if TYPE_CHECKING:
    from sim.crosschain.contracts.machine import Receipt
    from sim.crosschain.contracts.store import Block, Store

LINKS = ("a-b", "a-c")
SUITES = {SOURCE: SM3, RELAY: SHA256, DESTINATION: SM3}
PACKETS = st.integers(0, 3)
AGES = st.sampled_from((0, 0, 1, 2))
LATEST = 0


class Shown:
    """Believes a claim, whoever makes it: here claims are what a chain has, or had."""

    def believe(self, store: Store, block: Block, sender: str, key: bytes, proof: bytes) -> Belief:  # noqa: ARG002
        claim = Claim.from_bytes(proof)
        return Belief(claim.height, claim.time_ns, claim.value)

    def latest(self) -> None:
        return None

    def is_active(self, now_ns: int) -> bool:  # noqa: ARG002
        return True


class Relayed(RuleBasedStateMachine):
    """Groups of two packets each, one to either destination."""

    kinds: ClassVar[dict[str, object]]

    def __init__(self) -> None:
        super().__init__()
        self.machines = {name: Machine(name, NO_COSTS) for name in "abcr"}
        for link in LINKS:
            for role, chain in ((SOURCE, "a"), (RELAY, "r"), (DESTINATION, link[-1])):
                trusts = dict.fromkeys(SUITES, Shown())
                self.machines[chain].contracts[link] = self.kinds[role](link, SUITES[role], SUITES, trusts)
        self.packets: list[Packet] = []
        self.past: dict[tuple[str, bytes], list[bytes | None]] = {}
        self.steps: dict[tuple[str, int], list[Step]] = {}

    def call(self, chain: str, link: str, method: str, *parts: bytes, sender: str = "relayer") -> Receipt:
        """Execute a call in a block of its own, and remember what the chain has then."""
        machine = self.machines[chain]
        height = len(machine.receipts)
        machine.run(height, height, [(0, Call(link, method, sender, parts).to_bytes())])
        for receipt in machine.receipts[-1]:
            if receipt.event is not None:
                packet = receipt.event.packet
                self.steps.setdefault((packet.link, packet.sequence), []).append(receipt.event.step)
        for key in [key for name, key in self.past if name == chain]:
            self.past[chain, key].append(machine.store.entries.get(key))
        return machine.receipts[-1][-1]

    def claim(self, chain: str, key: bytes, age: int) -> bytes:
        """What a chain has at a key, or had so many different values ago."""
        history = self.past.setdefault((chain, key), [self.machines[chain].store.entries.get(key)])
        different = [value for n, value in enumerate(history) if n == 0 or value != history[n - 1]]
        return Claim(1, 1, different[max(0, len(different) - 1 - age)]).to_bytes()

    @initialize(
        deadlines=st.lists(st.sampled_from((0, 1, 4, 30)), min_size=1, max_size=2),
        final=st.lists(st.booleans(), min_size=2, max_size=2),
    )
    def send(self, deadlines: list[int], final: list[bool]) -> None:
        for number, deadline in enumerate(deadlines):
            data = transfer(5, 40, IRREVERSIBLE if final[number] else b"")
            parts = (deadline.to_bytes(8, "big"), bytes(8), data, (2).to_bytes(2, "big"))
            for link in LINKS:
                sent = self.call("a", link, SEND, *parts, sender=f"pay/{number}")
                assert sent.event is not None
                packet = sent.event.packet
                self.packets.append(packet)
                watched = (
                    ("a", commitment_key(link, packet.sequence)),
                    ("r", transaction_key(link, packet.sequence)),
                    (link[-1], receipt_key(link, packet.sequence)),
                )
                for chain, key in watched:
                    self.past[chain, key] = [self.machines[chain].store.entries.get(key)]

    def _packet(self, number: int) -> Packet:
        return self.packets[number % len(self.packets)]

    def _transaction(self, packet: Packet, age: int) -> bytes:
        return self.claim("r", transaction_key(packet.link, packet.sequence), age)

    def _commitment(self, packet: Packet, age: int) -> bytes:
        return self.claim("a", commitment_key(packet.link, packet.sequence), age)

    def _done(self, packet: Packet, age: int) -> bytes:
        return self.claim(packet.link[-1], receipt_key(packet.link, packet.sequence), age)

    @rule(blocks=st.integers(1, 3))
    def wait(self, blocks: int) -> None:
        for _ in range(blocks):
            self.call("r", "a-b", HEARTBEAT)

    @rule(number=PACKETS)
    def go_on(self, number: int) -> None:
        self.bring_what_is_due(self._packet(number))

    @invariant()
    def nothing_is_doubled(self) -> None:
        for steps in self.steps.values():
            for step in (Step.RELAYED, Step.PREPARED, Step.EXECUTED, Step.REVERSED, Step.CANCELLED, Step.REPAIR):
                assert steps.count(step) <= 1
            assert steps.count(Step.SETTLED) + steps.count(Step.REFUNDED) <= 1
            assert not {Step.SETTLED, Step.REVERSED} <= set(steps)
            assert not {Step.SETTLED, Step.CANCELLED} <= set(steps)

    @invariant()
    def groups_have_one_end(self) -> None:
        for first, second in zip(self.packets[::2], self.packets[1::2], strict=True):
            ends = {
                step
                for packet in (first, second)
                for step in self.steps[packet.link, packet.sequence]
                if step in {Step.SETTLED, Step.REFUNDED}
            }
            assert len(ends) <= 1

    def bring_what_is_due(self, packet: Packet) -> None:
        raise NotImplementedError

    def teardown(self) -> None:
        for _ in range(8):
            for packet in self.packets:
                self.bring_what_is_due(packet)
        self.wait(40)
        for _ in range(8):
            for packet in self.packets:
                self.bring_what_is_due(packet)
        for packet in self.packets:
            steps = set(self.steps[packet.link, packet.sequence])
            assert steps & {Step.SETTLED, Step.REFUNDED}
            if Step.REFUNDED in steps:
                assert Step.EXECUTED not in steps or steps & {Step.REVERSED, Step.REPAIR}
            else:
                assert Step.EXECUTED in steps
        self.check_amounts()

    def check_amounts(self) -> None:
        for link in LINKS:
            steps = [set(found) for (name, _), found in self.steps.items() if name == link]
            there = self.machines[link[-1]].store
            assert self.machines["a"].store.number(escrow_key(link)) == 5 * sum(Step.SETTLED in each for each in steps)
            kept = sum(Step.EXECUTED in each and Step.REVERSED not in each for each in steps)
            assert there.number(vouchers_key(link)) == 5 * kept
            assert there.number(reserved_key(link)) == 0
            assert self.machines["r"].store.number(waiting_key(link)) == 0


class Interchained(Relayed):
    """As in BitXHub."""

    kinds: ClassVar[dict[str, object]] = {
        SOURCE: partial(interchain.SourceBroker, ordered=False),
        RELAY: partial(interchain.InterchainManager, ordered=False, origin="a"),
        DESTINATION: partial(interchain.DestinationBroker, ordered=False),
    }

    @rule(number=PACKETS, age=AGES)
    def begin(self, number: int, age: int) -> None:
        packet = self._packet(number)
        kind = bytes([interchain.Type.INTERCHAIN])
        self.call("r", packet.link, HANDLE, kind, packet.to_bytes(), self._commitment(packet, age))

    @rule(number=PACKETS, age=AGES, status=st.sampled_from(interchain.Status))
    def invoke(self, number: int, age: int, status: interchain.Status) -> None:
        packet = self._packet(number)
        parts = (bytes([status]), packet.to_bytes(), self._transaction(packet, age))
        self.call(packet.link[-1], packet.link, INVOKE, *parts)

    @rule(number=PACKETS, age=st.integers(1, 3))
    def come_late(self, number: int, age: int) -> None:
        self.invoke(number, age, interchain.Status.BEGIN)

    @rule(number=PACKETS, age=AGES, kind=st.sampled_from(interchain.Type))
    def report(self, number: int, age: int, kind: interchain.Type) -> None:
        packet = self._packet(number)
        if kind != interchain.Type.INTERCHAIN:
            self.call("r", packet.link, HANDLE, bytes([kind]), packet.to_bytes(), self._done(packet, age))

    @rule(number=PACKETS, age=AGES)
    def finish(self, number: int, age: int) -> None:
        packet = self._packet(number)
        self.call("a", packet.link, RECEIPT, packet.to_bytes(), self._transaction(packet, age))

    def bring_what_is_due(self, packet: Packet) -> None:
        number = self.packets.index(packet)
        self.begin(number, LATEST)
        value = self.machines["r"].store.entries.get(transaction_key(packet.link, packet.sequence))
        assert value is not None
        self.invoke(number, LATEST, interchain.Status(Transaction.from_bytes(value).own))
        held = self.machines[packet.link[-1]].store.entries.get(receipt_key(packet.link, packet.sequence))
        if held is not None:
            self.report(number, LATEST, interchain.Type(held[0]))
        self.finish(number, LATEST)


class Tried(Relayed):
    """As in TCIP."""

    kinds: ClassVar[dict[str, object]] = {
        SOURCE: tcc.SourceGateway,
        RELAY: partial(tcc.CrossChainManager, ordered=False, origin="a"),
        DESTINATION: tcc.DestinationGateway,
    }

    @rule(number=PACKETS, age=AGES)
    def save(self, number: int, age: int) -> None:
        packet = self._packet(number)
        self.call("r", packet.link, tcc.SAVE, packet.to_bytes(), self._commitment(packet, age))

    @rule(number=PACKETS, age=AGES, method=st.sampled_from((tcc.TRY, tcc.CONFIRM, tcc.CANCEL)))
    def tell(self, number: int, age: int, method: str) -> None:
        packet = self._packet(number)
        self.call(packet.link[-1], packet.link, method, packet.to_bytes(), self._transaction(packet, age))

    @rule(
        number=PACKETS,
        age=AGES,
        method=st.sampled_from((tcc.UPDATE_TRY, tcc.UPDATE_CONFIRM)),
        done=st.sampled_from(tcc.Done),
    )
    def update(self, number: int, age: int, method: str, done: tcc.Done) -> None:
        packet = self._packet(number)
        self.call("r", packet.link, method, bytes([done]), packet.to_bytes(), self._done(packet, age))

    @rule(number=PACKETS, age=st.integers(1, 3))
    def come_late(self, number: int, age: int) -> None:
        self.tell(number, age, tcc.TRY)

    @rule(number=PACKETS, age=AGES, method=st.sampled_from((tcc.CONFIRM, tcc.CANCEL)))
    def end(self, number: int, age: int, method: str) -> None:
        packet = self._packet(number)
        self.call("a", packet.link, method, packet.to_bytes(), self._transaction(packet, age))

    def bring_what_is_due(self, packet: Packet) -> None:
        number = self.packets.index(packet)
        self.save(number, LATEST)
        for method in (tcc.TRY, tcc.CONFIRM, tcc.CANCEL):
            self.tell(number, LATEST, method)
        held = self.machines[packet.link[-1]].store.entries.get(receipt_key(packet.link, packet.sequence))
        if held is not None:
            for method in (tcc.UPDATE_TRY, tcc.UPDATE_CONFIRM):
                self.update(number, LATEST, method, tcc.Done(held[0]))
        for method in (tcc.CONFIRM, tcc.CANCEL):
            self.end(number, LATEST, method)


OFTEN = settings(max_examples=80, stateful_step_count=30, deadline=None)
TestInterchained = Interchained.TestCase
TestInterchained.settings = OFTEN
TestTried = Tried.TestCase
TestTried.settings = OFTEN
