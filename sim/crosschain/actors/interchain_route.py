"""Which calls are due for a packet over a relay chain as in BitXHub (`sim.crosschain.contracts.interchain`).

What is proved to a chain is what the head of another one shows, the state at the end of the block before; whether
there is anything to do is looked up in the latest state, or a call would be sent twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.actors.route import Task
from sim.crosschain.contracts.interchain import UNDOING, Status, Type
from sim.crosschain.contracts.messages import HANDLE, INVOKE, RECEIPT
from sim.crosschain.contracts.relayed import Transaction, transaction_key
from sim.crosschain.contracts.store import commitment_key, receipt_key
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.crosschain.actors.route import View
    from sim.crosschain.contracts.messages import Packet

_ENDS = frozenset({Status.SUCCESS, Status.FAILURE, Status.ROLLBACK})


@dataclass(frozen=True, slots=True)
class InterchainRoute:
    """Packets as in BitXHub; a relayer is a Pier that knows both ends."""

    link: str
    roles: Sequence[str] = (SOURCE, RELAY, DESTINATION)
    hears: bool = False

    def due(self, packet: Packet, view: View) -> Sequence[Task] | None:
        """As `sim.crosschain.actors.route.Route.due`.

        For each packet, of these all that are due:

        - handleIBTP of INTERCHAIN, if the relay chain does not know it;
        - invokeInterchain, if the relay chain says BEGIN and the destination has no receipt, or if it is to be undone
          and was not;
        - handleIBTP of the destination's receipt, if the relay chain waits for it;
        - invokeReceipt, if the packet's group has come to an end and the source does not know.
        """
        key = transaction_key(self.link, packet.sequence)
        kept, latest, shown = standing(packet, view, key)
        if latest is None:
            return self._begin(packet, view, key)
        if not kept and latest.own in _ENDS:
            return None
        if shown is None:
            return ()
        tasks = [*self._report(packet, view, latest), *self._invoke(packet, view, shown)]
        if kept and shown.whole != Status.BEGIN:
            tasks.append(Task(SOURCE, RECEIPT, packet.sequence, (packet.to_bytes(),), RELAY, key))
        return tasks

    def _begin(self, packet: Packet, view: View, key: bytes) -> Sequence[Task]:
        commitment = commitment_key(self.link, packet.sequence)
        if view.get(RELAY, key) is not None or view.shown(SOURCE, commitment) is None:
            return ()
        parts = (bytes([Type.INTERCHAIN]), packet.to_bytes())
        return (Task(RELAY, HANDLE, packet.sequence, parts, SOURCE, commitment),)

    def _invoke(self, packet: Packet, view: View, shown: Transaction) -> Sequence[Task]:
        """What the destination must be told of the transaction as the relay chain's head shows it."""
        held = view.get(DESTINATION, receipt_key(self.link, packet.sequence))
        if shown.own == Status.BEGIN:
            waits = held is None
        elif shown.own in UNDOING:
            waits = held is None or held[0] != UNDOING[Status(shown.own)]
        else:
            waits = False
        if not waits:
            return ()
        key = transaction_key(self.link, packet.sequence)
        return (Task(DESTINATION, INVOKE, packet.sequence, (bytes([shown.own]), packet.to_bytes()), RELAY, key),)

    def _report(self, packet: Packet, view: View, latest: Transaction) -> Sequence[Task]:
        """What the relay chain must be told of the destination's receipt."""
        key = receipt_key(self.link, packet.sequence)
        held = view.shown(DESTINATION, key)
        if held is None:
            return ()
        waited = UNDOING.get(Status(latest.own)) if latest.own in UNDOING else None
        if latest.own == Status.BEGIN or held[0] == waited:
            return (Task(RELAY, HANDLE, packet.sequence, (held[:1], packet.to_bytes()), DESTINATION, key),)
        return ()


def standing(packet: Packet, view: View, key: bytes) -> tuple[bool, Transaction | None, Transaction | None]:
    """How a packet stands, whose transaction is at a key of the relay chain.

    Returns:
        Whether the source is not done with it, and what the relay chain says of it: by its latest state, and by what
        its head shows.
    """
    kept = view.get(SOURCE, commitment_key(packet.link, packet.sequence)) is not None
    commitment = packet.commitment(view.suite(RELAY))
    latest, shown = (_read_transaction(v, commitment) for v in (view.get(RELAY, key), view.shown(RELAY, key)))
    return kept, latest, shown


def _read_transaction(value: bytes | None, commitment: bytes) -> Transaction | None:
    """What the relay chain says of the packet with this commitment; it may have taken a forged one in its place."""
    found = None if value is None else Transaction.from_bytes(value)
    return found if found is not None and found.commitment == commitment else None
