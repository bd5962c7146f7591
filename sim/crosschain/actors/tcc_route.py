"""Which calls are due for a packet over a relay chain as in TCIP (`sim.crosschain.contracts.tcc`).

As in `sim.crosschain.actors.interchain_route`, what is proved is what a head shows, and what is still to be done is
looked up in the latest state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.actors.interchain_route import standing
from sim.crosschain.actors.route import Task
from sim.crosschain.contracts.relayed import transaction_key
from sim.crosschain.contracts.store import commitment_key, receipt_key
from sim.crosschain.contracts.tcc import CANCEL, CONFIRM, SAVE, TRY, UPDATE_CONFIRM, UPDATE_TRY, Done, State
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.crosschain.actors.route import View
    from sim.crosschain.contracts.messages import Packet
    from sim.crosschain.contracts.relayed import Transaction


@dataclass(frozen=True, slots=True)
class TccRoute:
    """Packets as in TCIP; a relayer is a gateway that knows both ends and the relay chain."""

    link: str
    roles: Sequence[str] = (SOURCE, RELAY, DESTINATION)
    hears: bool = False

    def due(self, packet: Packet, view: View) -> Sequence[Task] | None:
        """As `sim.crosschain.actors.route.Route.due`.

        For each packet, of these all that are due:

        - SaveCrossChainInfo, if the relay chain does not know it;
        - CrossChainTry, CrossChainConfirm or CrossChainCancel on the destination, as the relay chain's state asks for;
        - UpdateCrossChainTry or UpdateCrossChainConfirm, if the relay chain does not know what the destination did;
        - CrossChainConfirm or CrossChainCancel on the source, once the relay chain says so.
        """
        key = transaction_key(self.link, packet.sequence)
        kept, latest, shown = standing(packet, view, key)
        if latest is None:
            return self._save(packet, view, key)
        if not kept and latest.own in {State.CONFIRM_END, State.CANCEL_END}:
            return None
        if shown is None:
            return ()
        return [
            *self._update(packet, view, latest),
            *self._tell(packet, view, shown),
            *self._end(packet, shown, kept=kept),
        ]

    def _save(self, packet: Packet, view: View, key: bytes) -> Sequence[Task]:
        commitment = commitment_key(self.link, packet.sequence)
        if view.get(RELAY, key) is not None or view.shown(SOURCE, commitment) is None:
            return ()
        return (Task(RELAY, SAVE, packet.sequence, (packet.to_bytes(),), SOURCE, commitment),)

    def _tell(self, packet: Packet, view: View, shown: Transaction) -> Sequence[Task]:
        """What the destination must be told."""
        held = view.get(DESTINATION, receipt_key(self.link, packet.sequence))
        done = None if held is None else held[0]
        if shown.whole == State.WAIT_EXECUTE and done is None:
            method = TRY
        elif shown.whole == State.WAIT_CONFIRM and done == Done.TRIED:
            method = CONFIRM
        elif shown.whole == State.WAIT_CANCEL and done in {None, Done.TRIED, Done.TRY_FAILED}:
            method = CANCEL
        else:
            return ()
        key = transaction_key(self.link, packet.sequence)
        return (Task(DESTINATION, method, packet.sequence, (packet.to_bytes(),), RELAY, key),)

    def _update(self, packet: Packet, view: View, latest: Transaction) -> Sequence[Task]:
        """What the relay chain must be told of the destination."""
        key = receipt_key(self.link, packet.sequence)
        held = view.shown(DESTINATION, key)
        done = None if held is None else held[0]
        if latest.own == State.WAIT_EXECUTE and done in {Done.TRIED, Done.TRY_FAILED}:
            method = UPDATE_TRY
        elif (latest.own, done) in {(State.WAIT_CONFIRM, Done.CONFIRMED), (State.WAIT_CANCEL, Done.CANCELLED)}:
            method = UPDATE_CONFIRM
        else:
            return ()
        return (Task(RELAY, method, packet.sequence, ((held or b"")[:1], packet.to_bytes()), DESTINATION, key),)

    def _end(self, packet: Packet, shown: Transaction, *, kept: bool) -> Sequence[Task]:
        """What the source must be told."""
        if not kept or shown.whole in {State.WAIT_EXECUTE, State.WAIT_CONFIRM}:
            return ()
        method = CONFIRM if shown.whole == State.CONFIRM_END else CANCEL
        key = transaction_key(self.link, packet.sequence)
        return (Task(SOURCE, method, packet.sequence, (packet.to_bytes(),), RELAY, key),)
