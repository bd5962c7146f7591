"""A coordinator of two-phase commit that lies: it has one side pay and the other take back.

It makes up transactions that nobody has started and has the destination commit them; and true ones that have appeared
it has the destination commit, and the source roll back. What the other chain has done it says as well as it can: its
own key lets it send calls, what else it has is in its `sim.crosschain.actors.lies.Lie`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sim.crosschain.actors.forger import AMOUNT, FAR, header_calls
from sim.crosschain.actors.told import Told
from sim.crosschain.contracts import two_phase
from sim.crosschain.contracts.messages import Call, Packet, transfer
from sim.crosschain.contracts.terms import Accounts
from sim.crosschain.contracts.two_phase import COMMITTED, EXECUTED, ROLLED_BACK, STARTED
from sim.crosschain.steps import DESTINATION, SOURCE, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.lies import Lie


_NEXT: Final = {
    None: (DESTINATION, two_phase.START, STARTED),
    STARTED: (DESTINATION, two_phase.EXECUTE, EXECUTED),
    EXECUTED: (DESTINATION, two_phase.COMMIT, EXECUTED),
    COMMITTED: (SOURCE, two_phase.ROLL_BACK, ROLLED_BACK),
}
"""By how far the destination is: the chain that it calls next, the method, and how far it says the other chain is."""


@dataclass(slots=True)
class FalseCoordinator:
    """What a lying coordinator has.

    Attributes:
        link: that it works on.
        name: under which it sends calls.
        endpoints: nodes that it talks to, by their chains' roles.
        lies: what it shows of each chain.
        made: how many transactions it made up. other_lies: how many true ones it lied about.
    """

    link: str
    name: str
    endpoints: Mapping[str, Endpoint]
    lies: Mapping[str, Lie]
    made: int = 0
    other_lies: int = 0
    _scanned: int = 0
    _open: list[Packet] = field(default_factory=list)

    def forge(self) -> list[tuple[str, int, Call]]:
        """As `sim.crosschain.actors.forger.Forging.forge`."""
        # A header of its own is accepted on top of the one before only, so it lies of one thing at a time then.
        single = any(lie.method for lie in self.lies.values())
        if not self._open or not single:
            self.made += 1
            far = FAR + self.made
            made_up = Packet(self.link, far, 0, 0, transfer(AMOUNT, 0, Accounts(far, far).to_bytes()))
            appeared = self._appeared()
            self.other_lies += len(appeared)
            self._open += [made_up, *appeared]
        self._open = [packet for packet in self._open if not self._is_done(packet)]
        told = self._open[:1] if single else self._open
        return [(role, -packet.sequence, call) for packet in told for role, call in self._calls(packet)]

    def _appeared(self) -> list[Packet]:
        """Transactions that the source has started since it looked last."""
        source = self.endpoints[SOURCE]
        head = source.head()
        events = [receipt.event for receipt in source.receipts(self._scanned, head) if receipt.link == self.link]
        self._scanned = head
        return [event.packet for event in events if event is not None and event.step == Step.SENT]

    def _status(self, role: str, packet: Packet) -> bytes | None:
        node = self.endpoints[role]
        found = node.get(two_phase.transaction_key(self.link, packet.sequence), node.head())
        return None if found is None else found[:1]

    def _is_done(self, packet: Packet) -> bool:
        """Whether there is nothing to gain from a transaction any more."""
        there = self._status(DESTINATION, packet)
        return there == ROLLED_BACK or (there == COMMITTED and self._status(SOURCE, packet) is None)

    def _calls(self, packet: Packet) -> list[tuple[str, Call]]:
        """The next call, after those that bring what it is proved against."""
        role, method, status = _NEXT[self._status(DESTINATION, packet)]
        shown = DESTINATION if role == SOURCE else SOURCE
        other, told = self.endpoints[shown], Told(self.endpoints[role], self.link, shown)
        value = two_phase.record(status, packet, other.chain.ledger.suite)
        key = two_phase.transaction_key(self.link, packet.sequence)
        headers, proof = self.lies[shown].tell(other, told, key, value)
        calls = header_calls(self.link, self.name, shown, self.lies[shown].method, headers)
        calls.append(Call(self.link, method, self.name, (packet.to_bytes(), proof)))
        return [(role, call) for call in calls]
