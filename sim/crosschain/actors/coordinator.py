"""Which call is due for a transaction in two phases, as its coordinator sees it: a WeCross router.

Each transaction has one coordinator, and no other router takes over. While it works, one of these is due, by what the
chains have of the transaction:

| source | destination | due |
|---|---|---|
| started | nothing, and its account is free | startTransaction on the destination |
| started | nothing, and its account is held | rollbackTransaction on the destination |
| started | started | execTransaction on the source |
| executed | started | execTransaction on the destination |
| executed | executed | commitTransaction on the destination |
| executed | committed | commitTransaction on the source |
| any | rolled back | rollbackTransaction on the source |

What a coordinator finds after a crash it only finishes where the destination has committed; the rest it rolls back
(presumed abort: Mohan, Lindsay, Obermarck, "Transaction management in the R* distributed database management system",
ACM TODS 11 (1986), section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.actors.route import Task
from sim.crosschain.contracts import two_phase
from sim.crosschain.contracts.terms import Accounts
from sim.crosschain.contracts.two_phase import COMMITTED, EXECUTED, ROLLED_BACK, STARTED
from sim.crosschain.steps import DESTINATION, SOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.crosschain.actors.route import View
    from sim.crosschain.contracts.messages import Packet


@dataclass(frozen=True, slots=True)
class CoordinatorRoute:
    """The transactions of one coordinator.

    Attributes:
        link: that it works on.
        number: of this coordinator. coordinators: how many there are; they take transactions in turn.
    """

    link: str
    number: int
    coordinators: int
    roles: Sequence[str] = (SOURCE, DESTINATION)
    hears: bool = False

    def due(self, packet: Packet, view: View) -> Sequence[Task] | None:
        """As `Route.due`."""
        key = two_phase.transaction_key(self.link, packet.sequence)
        here, there = (_status(view.get(role, key)) for role in (SOURCE, DESTINATION))
        if here is None or (packet.sequence - 1) % self.coordinators != self.number:
            return None
        role, method, needed = self._next(packet, here, there, view)
        shown = DESTINATION if role == SOURCE else SOURCE
        if _status(view.shown(shown, key)) not in needed:
            return ()
        return (Task(role, method, packet.sequence, (packet.to_bytes(),), shown, key),)

    def _next(self, packet: Packet, here: bytes, there: bytes | None, view: View) -> tuple[str, str, tuple[bytes, ...]]:
        """What comes next: for which chain, which call, and what a header of the other chain must show before."""
        if there in (COMMITTED, ROLLED_BACK):
            return SOURCE, two_phase.COMMIT if there == COMMITTED else two_phase.ROLL_BACK, (there,)
        if packet.sequence in view.found or (there is None and self._is_held(packet, view)):
            return DESTINATION, two_phase.ROLL_BACK, (STARTED, EXECUTED)
        if there is None:
            return DESTINATION, two_phase.START, (STARTED,)
        if here == STARTED:
            return SOURCE, two_phase.EXECUTE, (STARTED,)
        return DESTINATION, two_phase.EXECUTE if there == STARTED else two_phase.COMMIT, (EXECUTED,)

    def _is_held(self, packet: Packet, view: View) -> bool:
        """Whether another transaction holds the account on the destination."""
        account = Accounts.of(packet.data).destination
        return view.get(DESTINATION, two_phase.account_key(self.link, account)) is not None


def _status(value: bytes | None) -> bytes | None:
    return None if value is None else value[:1]
