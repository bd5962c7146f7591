"""What a relay chain keeps of packets: a transaction for each, which both ends are shown, deadlines, and groups.

A transaction stands at ``transactions/{link}/{sequence}``, integers big endian:

| bytes | field |
|---|---|
| 1 | `own`: what became of this packet, as a number of the way's own |
| 1 | `whole`: what became of all packets of its group; of the packet, if it is by itself |
| 8 | `deadline`: the last height of the relay chain at which it may end well, 0 for none |
| 32 | the packet's commitment under the relay chain's hash |

A group stands at ``groups/{chain where it was sent}/{name}``: 2 bytes for how many it has in all, 8 for its deadline,
which is that of the packet that came first, then the packets that have come: link and sequence (8 bytes) of each. What
is due at a height stands at ``deadlines/{link}/{height}``: sequences of 8 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sim.crosschain.contracts.contract import Contract
from sim.crosschain.contracts.refusal import Refused, malformed
from sim.crosschain.contracts.store import next_key
from sim.proof import wire
from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from sim.crosschain.contracts.messages import Packet
    from sim.crosschain.contracts.store import Block, Store

_NUMBER = 8
_MEMBERS = 2


def transaction_key(link: str, sequence: int) -> bytes:
    """Where the relay chain keeps what became of a packet."""
    return f"transactions/{link}/{sequence}".encode()


def waiting_key(link: str) -> bytes:
    """Where the relay chain keeps how many packets of a link have a deadline that they have not come to yet."""
    return f"waiting/{link}".encode()


def _deadlines_key(link: str, height: int) -> bytes:
    return f"deadlines/{link}/{height}".encode()


@dataclass(frozen=True, slots=True)
class Transaction:
    """What the relay chain says of a packet, laid out at the top of this module."""

    own: int
    whole: int
    deadline: int
    commitment: bytes

    def to_bytes(self) -> bytes:
        """The transaction's only encoding."""
        head = wire.number(self.own, 1) + wire.number(self.whole, 1)
        return head + wire.number(self.deadline, _NUMBER) + self.commitment

    @classmethod
    def from_bytes(cls, data: bytes) -> Transaction:
        """The transaction that these bytes encode.

        Raises:
            Refused: they encode none.
        """
        reader = wire.Reader(data, malformed)
        own, whole = (reader.number(name, 1) for name in ("own", "whole"))
        found = cls(own, whole, reader.number("deadline", _NUMBER), reader.take("commitment", DIGEST_SIZE))
        reader.end()
        return found


def shown_transaction(value: bytes | None, commitment: bytes) -> Transaction:
    """What the relay chain says of the packet with this commitment, by the value that it was proved to have.

    Raises:
        Refused: it says nothing, or has taken another packet.
    """
    found = None if value is None else Transaction.from_bytes(value)
    if found is None or found.commitment != commitment:
        raise Refused("another-value", "the relay chain has taken another packet, or none")
    return found


@dataclass(frozen=True, slots=True)
class Group:
    """The packets of a group that have come so far.

    Attributes:
        key: where it stands.
        members: how many it has in all.
        deadline: as of its transactions.
        come: link and sequence of each.
    """

    key: bytes
    members: int
    deadline: int
    come: tuple[tuple[str, int], ...]

    @property
    def complete(self) -> bool:
        """Whether all have come."""
        return len(self.come) == self.members

    def keep(self, store: Store) -> None:
        """Write it down."""
        children = [wire.text(link) + wire.number(sequence, _NUMBER) for link, sequence in self.come]
        head = wire.number(self.members, _MEMBERS) + wire.number(self.deadline, _NUMBER)
        store.put(self.key, head + b"".join(children))

    @classmethod
    def at(cls, store: Store, key: bytes) -> Group | None:
        """The group that stands at a key."""
        data = store.get(key)
        if data is None:
            return None
        reader = wire.Reader(data, malformed)
        members, deadline = reader.number("members", _MEMBERS), reader.number("deadline", _NUMBER)
        left = len(data) - _MEMBERS - _NUMBER
        come: list[tuple[str, int]] = []
        while left > 0:
            come.append((reader.text("link"), reader.number("sequence", _NUMBER)))
            left -= 1 + len(come[-1][0].encode()) + _NUMBER
        return cls(key, members, deadline, tuple(come))


@dataclass(frozen=True, slots=True)
class RelayContract(Contract):
    """The relay chain's part of a link.

    Attributes:
        ordered: whether packets are taken in the order of their sequences only.
        origin: the chain where packets are sent; links from there may share groups.
    """

    ordered: bool
    origin: str

    def open_status(self) -> int:
        """The number of a transaction about which nothing is known yet."""
        raise NotImplementedError

    def expire(self, store: Store, sequence: int) -> None:
        """The deadline of a packet and its group has passed, and nothing was known of them."""
        raise NotImplementedError

    def begin(self, store: Store, block: Block) -> None:
        """As `Contract.begin`: what was to end by the block before, and did not, has timed out."""
        key = _deadlines_key(self.link, block.height - 1)
        due = store.get(key)
        if due is None:
            return
        store.delete(key)
        for at in range(0, len(due), _NUMBER):
            sequence = int.from_bytes(due[at : at + _NUMBER], "big")
            self._count_waiting(store, -1)
            found = self.transaction(store, sequence)
            if found is not None and found.whole == self.open_status():
                self.expire(store, sequence)

    def transaction(self, store: Store, sequence: int, link: str = "") -> Transaction | None:
        """What is known of a packet, of this link if no other is said."""
        value = store.get(transaction_key(link or self.link, sequence))
        return None if value is None else Transaction.from_bytes(value)

    def known(self, store: Store, packet: Packet) -> Transaction:
        """What is known of a packet that this chain has taken.

        Raises:
            Refused: it has not.
        """
        store.meter.hashes += 2
        store.meter.hashed_bytes += len(packet.data)
        value = store.get(transaction_key(self.link, packet.sequence))
        if value is None:
            raise Refused("no-transaction", f"packet {packet.sequence} of {self.link} has not come yet")
        return shown_transaction(value, packet.commitment(self.suite))

    def check_index(self, store: Store, sequence: int) -> None:
        """Every index is taken once, and the very next only where packets are in order.

        Raises:
            Refused: this one is not.
        """
        expected = store.number(next_key(self.link, "Recv"), 1)
        taken = sequence < expected if self.ordered else self.transaction(store, sequence) is not None
        if taken:
            raise Refused("index-exists", f"index {sequence} of {self.link} was taken before")
        if self.ordered and sequence > expected:
            raise Refused("wrong-index", f"index {sequence} of {self.link}, before {expected}")

    def take(self, store: Store, block: Block, packet: Packet) -> None:
        """Begin a packet's transaction; in a group it shares the deadline of the first, and what became of them."""
        deadline = block.height + packet.timeout_height if packet.timeout_height else 0
        status = self.open_status()
        group = self._group_of(store, packet, deadline)
        if group is not None:
            deadline = group.deadline
            others = [self.transaction(store, sequence, link) for link, sequence in group.come[:-1]]
            status = next((other.whole for other in others if other is not None), status)
            group.keep(store)
        if deadline and (group is None or len(group.come) == 1):
            self._expect(store, deadline, packet.sequence)
        if self.ordered:
            store.put_number(next_key(self.link, "Recv"), packet.sequence + 1)
        store.meter.hashes += 2
        store.meter.hashed_bytes += len(packet.data)
        self.put(store, Transaction(status, status, deadline, packet.commitment(self.suite)), packet.sequence)
        if group is not None:
            store.put(self._membership_key(packet.sequence), group.key)

    def decide(self, store: Store, sequence: int, *, whole: int, own: int | None = None) -> None:
        """Say what became of a packet's group, or of itself; of each by itself too, unless None."""
        children = self.children(store, sequence)
        for link, number in children:
            found = self.transaction(store, number, link)
            if found is not None:
                self.put(store, replace(found, whole=whole, own=found.own if own is None else own), number, link)
        self._forget_deadline(store, children[0])

    def put(self, store: Store, found: Transaction, sequence: int, link: str = "") -> None:
        """Write down what is known of a packet, of this link if no other is said."""
        store.put(transaction_key(link or self.link, sequence), found.to_bytes())

    def all_at(self, store: Store, sequence: int, status: int) -> bool:
        """Whether all packets of a packet's group have come, and each by itself is at this status."""
        group = self.group(store, sequence)
        if group is not None and not group.complete:
            return False
        each = [self.transaction(store, number, link) for link, number in self.children(store, sequence)]
        return all(found is not None and found.own == status for found in each)

    def children(self, store: Store, sequence: int) -> tuple[tuple[str, int], ...]:
        """Link and sequence of the packets of a packet's group that have come; of itself, if it has none."""
        group = self.group(store, sequence)
        return ((self.link, sequence),) if group is None else group.come

    def group(self, store: Store, sequence: int) -> Group | None:
        """The group of a packet."""
        key = store.get(self._membership_key(sequence))
        return None if key is None else Group.at(store, key)

    def _membership_key(self, sequence: int) -> bytes:
        return f"memberships/{self.link}/{sequence}".encode()

    def _group_of(self, store: Store, packet: Packet, deadline: int) -> Group | None:
        """The group of a packet that has come just now, the packet among it."""
        if not packet.group:
            return None
        key = f"groups/{self.origin}/{packet.group}".encode()
        group = Group.at(store, key) or Group(key, packet.members, deadline, ())
        if group.members != packet.members or any(link == self.link for link, _ in group.come) or group.complete:
            raise Refused("another-group", f"{packet.group} has no place for packet {packet.sequence} of {self.link}")
        return replace(group, come=(*group.come, (self.link, packet.sequence)))

    def _expect(self, store: Store, height: int, sequence: int) -> None:
        key = _deadlines_key(self.link, height)
        store.put(key, (store.get(key) or b"") + wire.number(sequence, _NUMBER))
        self._count_waiting(store, 1)

    def _forget_deadline(self, store: Store, first: tuple[str, int]) -> None:
        """A group, or a packet by itself, has come to its end before its deadline; it stands under who came first."""
        link, sequence = first
        found = self.transaction(store, sequence, link)
        if found is None:
            return
        key = _deadlines_key(link, found.deadline)
        due = store.get(key) or b""
        each = [due[at : at + _NUMBER] for at in range(0, len(due), _NUMBER)]
        left = [number for number in each if number != wire.number(sequence, _NUMBER)]
        if len(left) < len(each):
            self._count_waiting(store, -1, link)
            if left:
                store.put(key, b"".join(left))
            else:
                store.delete(key)

    def _count_waiting(self, store: Store, by: int, link: str = "") -> None:
        key = waiting_key(link or self.link)
        store.put_number(key, store.number(key) + by)
