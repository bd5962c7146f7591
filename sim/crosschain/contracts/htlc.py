"""The two ends of a swap under hash time locks (WeCross, HTLC.sol; initiator and participant are its words).

| here | WeCross | source | destination | step |
|---|---|---|---|---|
| lock | lock | the initiator's amount, until its timelock | | SENT |
| lock | lock | | the participant's amount, until its timelock | PREPARED |
| claim | unlock | | the initiator takes it, and shows the preimage | EXECUTED |
| claim | unlock | the participant takes it, with that preimage | | SETTLED |
| refund | rollback | | back to the participant | CANCELLED |
| refund | rollback | back to the initiator | | REFUNDED |

A claim needs a block before the timelock, and a refund one at or after it, by the time in that block's header: what the
chain's own clock says. No proof crosses, since each party watches both chains itself. Nothing connects the two locks
but the preimage: if the destination's is claimed late, and the source's timelock passes before the participant can
claim there, the initiator has both amounts. WeCross takes no timelocks that are less than 200 seconds apart
(`rightTimelock`); here both chains refuse those of which the source's is not the later one, and the participant locks
only where they are as far apart as the scenario says, since what is enough is the question.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.crosschain.contracts import assets, identity
from sim.crosschain.contracts.contract import Contract, Event, parts_of
from sim.crosschain.contracts.messages import Packet
from sim.crosschain.contracts.refusal import Refused
from sim.crosschain.contracts.store import next_key
from sim.crosschain.contracts.terms import Hashlock
from sim.crosschain.steps import Step

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Call
    from sim.crosschain.contracts.store import Block, Store
    from sim.proof.suites import HashSuite

LOCK: Final = "lock"
CLAIM: Final = "claim"
REFUND: Final = "refund"
LOCKED, CLAIMED, REFUNDED = b"\x01", b"\x02", b"\x03"
"""What has become of a lock."""


def lock_key(link: str, sequence: int) -> bytes:
    """Where either chain keeps what has become of a swap's lock: one byte, and the packet's commitment."""
    return f"locks/{link}/{sequence}".encode()


def preimage_key(link: str, sequence: int) -> bytes:
    """Where the destination shows the preimage with which a lock was claimed."""
    return f"preimages/{link}/{sequence}".encode()


def record(status: bytes, packet: Packet, suite: HashSuite) -> bytes:
    """What a chain of this hash keeps of a lock."""
    return status + packet.commitment(suite)


class _End(Contract):
    """What both ends have."""

    __slots__ = ()

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method == LOCK:
            return self._lock(store, block, call)
        if call.method == CLAIM:
            return self._claim(store, block, call)
        if call.method == REFUND:
            return self._refund(store, block, call)
        return Contract.call(self, store, block, call)

    @abstractmethod
    def _lock(self, store: Store, block: Block, call: Call) -> Event:
        """Lock an amount under a hash and until a time."""

    @abstractmethod
    def _claim(self, store: Store, block: Block, call: Call) -> Event:
        """Take it, with what has this hash."""

    @abstractmethod
    def _refund(self, store: Store, block: Block, call: Call) -> Event:
        """Take it back, after the time."""

    def _put(self, store: Store, packet: Packet, status: bytes) -> None:
        store.meter.hashes += 2
        store.meter.hashed_bytes += len(packet.data)
        store.put(lock_key(self.link, packet.sequence), record(status, packet, self.suite))

    def _locked(self, store: Store, data: bytes) -> Packet:
        """The packet that a call is about, if it is locked here."""
        packet = self.packet(data)
        store.meter.hashes += 2
        store.meter.hashed_bytes += len(packet.data)
        if store.get(lock_key(self.link, packet.sequence)) != record(LOCKED, packet, self.suite):
            raise Refused("not-locked", f"swap {packet.sequence} is not locked on {self.link}")
        return packet

    @staticmethod
    def _check_claim(store: Store, block: Block, packet: Packet, preimage: bytes, timelock_ns: int) -> None:
        store.meter.hashes += 1
        if not Hashlock.of(packet.data).opens(preimage):
            raise Refused("wrong-preimage", f"swap {packet.sequence} hangs on another hash")
        _check_before(block, packet, timelock_ns)


def _check_timelocks(packet: Packet) -> None:
    """The source's lock outlasts the destination's: otherwise the initiator can claim there after its refund here."""
    if Hashlock.of(packet.data).timelock_ns <= packet.timeout_ns:
        raise Refused("illegal-timelocks", f"swap {packet.sequence}: the source's is not the later one")


def _check_before(block: Block, packet: Packet, timelock_ns: int) -> None:
    if block.time_ns >= timelock_ns:
        raise Refused("timelock-passed", f"swap {packet.sequence} was locked until {timelock_ns}")


def _check_after(block: Block, packet: Packet, timelock_ns: int) -> None:
    if block.time_ns < timelock_ns:
        raise Refused("timelock-not-passed", f"swap {packet.sequence} is locked until {timelock_ns}")


class InitiatorsLock(_End):
    """The source: what the initiator gives."""

    __slots__ = ()

    def _lock(self, store: Store, block: Block, call: Call) -> Event:
        _, time_ns, data = parts_of(call, 3)
        following = next_key(self.link, "Send")
        packet = Packet(self.link, store.number(following, 1), 0, int.from_bytes(time_ns, "big"), data)
        _check_timelocks(packet)
        _check_before(block, packet, Hashlock.of(data).timelock_ns)
        assets.escrow(store, self.link, data)
        assets.count_lock(store, self.link, 1)
        self._put(store, packet, LOCKED)
        store.put_number(following, packet.sequence + 1)
        return Event(Step.SENT, packet)

    def _claim(self, store: Store, block: Block, call: Call) -> Event:
        data, preimage = parts_of(call, 2)
        packet = self._locked(store, data)
        self._check_claim(store, block, packet, preimage, Hashlock.of(packet.data).timelock_ns)
        store.delete(lock_key(self.link, packet.sequence))
        assets.count_lock(store, self.link, -1)
        return Event(Step.SETTLED, packet, assets.SUCCESS)

    def _refund(self, store: Store, block: Block, call: Call) -> Event:
        (data,) = parts_of(call, 1)
        packet = self._locked(store, data)
        _check_after(block, packet, Hashlock.of(packet.data).timelock_ns)
        store.delete(lock_key(self.link, packet.sequence))
        assets.count_lock(store, self.link, -1)
        assets.refund(store, self.link, packet.data)
        return Event(Step.REFUNDED, packet)


@dataclass(frozen=True, slots=True)
class ParticipantsLock(_End):
    """The destination: what the participant gives for it. What became of a lock stays written down.

    Attributes:
        participant: who alone can lock here, by its identifier: it is this party's amount. Its key must be known.
    """

    participant: str

    def _lock(self, store: Store, block: Block, call: Call) -> Event:
        (data,) = parts_of(call, 1)
        packet = self.packet(data)
        if call.sender.partition("#")[0] != self.participant:
            raise Refused("not-the-owner", f"{call.sender} locks what belongs to {self.participant}")
        identity.check(store, call.sender, identity.role_of(identity.RELAYER, self.link))
        if store.get(lock_key(self.link, packet.sequence)) is not None:
            raise Refused("already-locked", f"swap {packet.sequence} on {self.link}")
        _check_timelocks(packet)
        _check_before(block, packet, packet.timeout_ns)
        assets.count_lock(store, self.link, 1)
        self._put(store, packet, LOCKED)
        return Event(Step.PREPARED, packet)

    def _claim(self, store: Store, block: Block, call: Call) -> Event:
        data, preimage = parts_of(call, 2)
        packet = self._locked(store, data)
        self._check_claim(store, block, packet, preimage, packet.timeout_ns)
        self._put(store, packet, CLAIMED)
        store.put(preimage_key(self.link, packet.sequence), preimage)
        assets.count_lock(store, self.link, -1)
        acknowledgement = assets.mint(store, self.link, packet.data)
        return Event(Step.EXECUTED, packet, acknowledgement)

    def _refund(self, store: Store, block: Block, call: Call) -> Event:
        (data,) = parts_of(call, 1)
        packet = self._locked(store, data)
        _check_after(block, packet, packet.timeout_ns)
        self._put(store, packet, REFUNDED)
        assets.count_lock(store, self.link, -1)
        return Event(Step.CANCELLED, packet)
