"""The two ends of two-phase commit, as between WeCross' proxy contracts (WeCrossProxy.sol, v1.0.0-rc4).

| WeCross | source | destination | step |
|---|---|---|---|
| startTransaction | lock the account and the amount in it | | SENT |
| startTransaction | | lock the account | PREPARED |
| execTransaction | take the amount out of the account | | |
| execTransaction | | pay it in | EXECUTED |
| commitTransaction | | keep it, unlock the account | COMMITTED |
| commitTransaction | keep it, unlock the account | | SETTLED |
| rollbackTransaction | | nothing was paid in: unlock the account | CANCELLED |
| rollbackTransaction | | take it out again, unlock the account | REVERSED |
| rollbackTransaction | | it can't be taken out again: leave it to people, unlock the account | REPAIR |
| rollbackTransaction | put back what was taken out, unlock the account | | REFUNDED |

A step is executed in WeCross by its proxy's `sendTransaction` with the transaction's number; domain.md calls it
execTransaction. An account that a transaction holds is refused to every other until commitTransaction or
rollbackTransaction; there is no timeout. What was executed counts at once; rollbackTransaction calls the inverse of
each step in reverse order, so the destination rolls back before the source. Where a step has no inverse, because the
money has left or a title is registered, WeCross' rollback fails and the account stays locked; here people must see to
it.

The coordinator's calls bring what the other chain has, since a router may have a verifier. Two rules of this project
make that worth something: the source commits or rolls back only what the destination has, and a destination can roll
back what it has never started (and refuses to start it then). So the destination's commitTransaction decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.crosschain.contracts import assets
from sim.crosschain.contracts.contract import Contract, Event, parts_of
from sim.crosschain.contracts.messages import Packet
from sim.crosschain.contracts.refusal import Refused
from sim.crosschain.contracts.store import next_key
from sim.crosschain.contracts.terms import Accounts
from sim.crosschain.steps import DESTINATION, SOURCE, Step

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Call
    from sim.crosschain.contracts.store import Block, Store
    from sim.proof.suites import HashSuite

START: Final = "startTransaction"
EXECUTE: Final = "execTransaction"
COMMIT: Final = "commitTransaction"
ROLL_BACK: Final = "rollbackTransaction"
STARTED, EXECUTED, COMMITTED, ROLLED_BACK = b"\x01", b"\x02", b"\x03", b"\x04"
"""How far a transaction is on one chain."""


def transaction_key(link: str, sequence: int) -> bytes:
    """Where either chain keeps how far a transaction is: one byte, and the packet's commitment."""
    return f"transactions/{link}/{sequence}".encode()


def account_key(link: str, account: int) -> bytes:
    """Where either chain keeps which transaction holds an account; absent while none does."""
    return f"accounts/{link}/{account}".encode()


def record(status: bytes, packet: Packet, suite: HashSuite) -> bytes:
    """What a chain of this hash keeps of a transaction."""
    return status + packet.commitment(suite)


class _End(Contract):
    """What both ends have."""

    __slots__ = ()

    def _status(self, store: Store, packet: Packet) -> bytes | None:
        """How far this chain is with exactly this transaction; None if it is not in it."""
        store.meter.hashes += 2
        store.meter.hashed_bytes += len(packet.data)
        found = store.get(transaction_key(self.link, packet.sequence))
        if found is None:
            return None
        if found[1:] != packet.commitment(self.suite):
            raise Refused("another-transaction", f"{packet.sequence} on {self.link} is another one")
        return found[:1]

    def _set(self, store: Store, packet: Packet, status: bytes) -> None:
        store.put(transaction_key(self.link, packet.sequence), record(status, packet, self.suite))

    def _require(self, store: Store, packet: Packet, *allowed: bytes) -> bytes:
        """How far this chain is, which must be one of these.

        Raises:
            Refused: it is not.
        """
        status = self._status(store, packet)
        if status not in allowed:
            raise Refused("not-in-this-state", f"transaction {packet.sequence} on {self.link}")
        return status

    def _require_far(self, store: Store, block: Block, call: Call, role: str, packet: Packet, *allowed: bytes) -> None:
        """The other chain is as far as one of these, as the call proves.

        Raises:
            ProofError: it is not, or that is not believed.
        """
        belief = self.believe(store, block, call, role, transaction_key(self.link, packet.sequence))
        store.meter.hashes += 2
        store.meter.hashed_bytes += len(packet.data)
        if belief.value not in {record(status, packet, self.suites[role]) for status in allowed}:
            raise Refused("another-value", f"the other chain is not so far with transaction {packet.sequence}")

    def _lock(self, store: Store, account: int, sequence: int) -> None:
        key = account_key(self.link, account)
        if store.get(key) is not None:
            raise Refused("resource-locked", f"account {account} is held by transaction {store.number(key)}")
        store.put_number(key, sequence)
        assets.count_lock(store, self.link, 1)

    def _unlock(self, store: Store, account: int) -> None:
        store.delete(account_key(self.link, account))
        assets.count_lock(store, self.link, -1)


class PayingEnd(_End):
    """The source: an account is debited."""

    __slots__ = ()

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method == START:
            return self._start(store, call)
        if call.method == EXECUTE:
            return self._execute(store, block, call)
        if call.method == COMMIT:
            return self._commit(store, block, call)
        if call.method == ROLL_BACK:
            return self._roll_back(store, block, call)
        return Contract.call(self, store, block, call)

    def _start(self, store: Store, call: Call) -> Event:
        _, _, data = parts_of(call, 3)
        following = next_key(self.link, "Send")
        packet = Packet(self.link, store.number(following, 1), 0, 0, data)
        self._lock(store, Accounts.of(data).source, packet.sequence)
        assets.escrow(store, self.link, data)
        store.meter.hashes += 2
        store.meter.hashed_bytes += len(data)
        self._set(store, packet, STARTED)
        store.put_number(following, packet.sequence + 1)
        return Event(Step.SENT, packet)

    def _execute(self, store: Store, block: Block, call: Call) -> Event | None:
        data, _ = parts_of(call, 2)
        packet = self.packet(data)
        self._require(store, packet, STARTED)
        self._require_far(store, block, call, DESTINATION, packet, STARTED)
        self._set(store, packet, EXECUTED)
        return None

    def _commit(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = parts_of(call, 2)
        packet = self.packet(data)
        self._require(store, packet, EXECUTED)
        self._require_far(store, block, call, DESTINATION, packet, COMMITTED)
        self._finish(store, packet)
        return Event(Step.SETTLED, packet, assets.SUCCESS)

    def _roll_back(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = parts_of(call, 2)
        packet = self.packet(data)
        self._require(store, packet, STARTED, EXECUTED)
        self._require_far(store, block, call, DESTINATION, packet, ROLLED_BACK)
        assets.refund(store, self.link, packet.data)
        self._finish(store, packet)
        return Event(Step.REFUNDED, packet)

    def _finish(self, store: Store, packet: Packet) -> None:
        self._unlock(store, Accounts.of(packet.data).source)
        store.delete(transaction_key(self.link, packet.sequence))


class PaidEnd(_End):
    """The destination: an account is credited. What was decided stays written down, so nothing starts twice."""

    __slots__ = ()

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`."""
        if call.method == START:
            return self._start(store, block, call)
        if call.method == EXECUTE:
            return self._execute(store, block, call)
        if call.method == COMMIT:
            return self._commit(store, block, call)
        if call.method == ROLL_BACK:
            return self._roll_back(store, block, call)
        return Contract.call(self, store, block, call)

    def _start(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = parts_of(call, 2)
        packet = self.packet(data)
        if self._status(store, packet) is not None:
            raise Refused("already-started", f"transaction {packet.sequence} on {self.link}")
        self._require_far(store, block, call, SOURCE, packet, STARTED)
        self._lock(store, Accounts.of(packet.data).destination, packet.sequence)
        self._set(store, packet, STARTED)
        return Event(Step.PREPARED, packet)

    def _execute(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = parts_of(call, 2)
        packet = self.packet(data)
        self._require(store, packet, STARTED)
        self._require_far(store, block, call, SOURCE, packet, EXECUTED)
        acknowledgement = assets.mint(store, self.link, packet.data)
        self._set(store, packet, EXECUTED)
        return Event(Step.EXECUTED, packet, acknowledgement)

    def _commit(self, store: Store, block: Block, call: Call) -> Event:
        data, _ = parts_of(call, 2)
        packet = self.packet(data)
        self._require(store, packet, EXECUTED)
        self._require_far(store, block, call, SOURCE, packet, EXECUTED)
        self._unlock(store, Accounts.of(packet.data).destination)
        self._set(store, packet, COMMITTED)
        return Event(Step.COMMITTED, packet)

    def _roll_back(self, store: Store, block: Block, call: Call) -> Event | None:
        data, _ = parts_of(call, 2)
        packet = self.packet(data)
        status = self._status(store, packet)
        if status in {COMMITTED, ROLLED_BACK}:
            raise Refused("not-in-this-state", f"transaction {packet.sequence} on {self.link} is decided")
        self._require_far(store, block, call, SOURCE, packet, STARTED, EXECUTED)
        self._set(store, packet, ROLLED_BACK)
        if status is None:
            return None
        self._unlock(store, Accounts.of(packet.data).destination)
        if status == STARTED:
            return Event(Step.CANCELLED, packet)
        if Accounts.of(packet.data).irreversible:
            return Event(Step.REPAIR, packet)
        assets.burn(store, self.link, packet.data)
        return Event(Step.REVERSED, packet)
