"""A coordinator of two-phase commit that lies: it has one side pay and the other take back.

It makes up transactions that nobody has started and has the destination commit them; and true ones that have appeared
it has the destination commit, and the source roll back. What the other chain has done it says as well as it can: its
own key lets it send calls, what else it has is in its `sim.crosschain.actors.lies.Lie`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.crosschain.actors.forger import AMOUNT, FAR, header_calls
from sim.crosschain.actors.told import Told
from sim.crosschain.contracts import two_phase
from sim.crosschain.contracts.messages import Call, Packet, transfer
from sim.crosschain.contracts.terms import Accounts
from sim.crosschain.contracts.two_phase import EXECUTED, ROLLED_BACK, STARTED
from sim.crosschain.steps import DESTINATION, SOURCE, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.lies import Lie


@dataclass(frozen=True, slots=True)
class _Lie:
    """A call, and what it says of the other chain."""

    role: str
    method: str
    packet: Packet
    status: bytes


@dataclass(slots=True)
class FalseCoordinator:
    """What a lying coordinator has.

    Attributes:
        link: that it works on.
        name: under which it sends calls.
        endpoints: nodes that it talks to, by their chains' roles.
        lies: what it shows of each chain.
        made: how many transactions it made up.
    """

    link: str
    name: str
    endpoints: Mapping[str, Endpoint]
    lies: Mapping[str, Lie]
    made: int = 0
    _scanned: int = 0
    _plan: list[_Lie] = field(default_factory=list)

    def forge(self) -> list[tuple[str, int, Call]]:
        """As `sim.crosschain.actors.forger.Forging.forge`."""
        if not self._plan:
            self.made += 1
            far = FAR + self.made
            self._plan = self._pay(Packet(self.link, far, 0, 0, transfer(AMOUNT, 0, Accounts(far, far).to_bytes())))
            for packet in self._appeared():
                self._plan += [*self._pay(packet), _Lie(SOURCE, two_phase.ROLL_BACK, packet, ROLLED_BACK)]
        # A header of its own is accepted on top of the one before only, so it waits for that; words need not wait.
        now = 1 if any(lie.method for lie in self.lies.values()) else len(self._plan)
        told, self._plan = self._plan[:now], self._plan[now:]
        return [(lie.role, -lie.packet.sequence, call) for lie in told for call in self._calls(lie)]

    def _appeared(self) -> list[Packet]:
        """Transactions that the source has started since it looked last, and that are open."""
        source = self.endpoints[SOURCE]
        head = source.head()
        events = [receipt.event for receipt in source.receipts(self._scanned, head) if receipt.link == self.link]
        self._scanned = head
        sent = [event.packet for event in events if event is not None and event.step == Step.SENT]
        return [p for p in sent if source.get(two_phase.transaction_key(self.link, p.sequence), head) is not None]

    @staticmethod
    def _pay(packet: Packet) -> list[_Lie]:
        """Have the destination execute and commit a transaction."""
        said = ((two_phase.START, STARTED), (two_phase.EXECUTE, EXECUTED), (two_phase.COMMIT, EXECUTED))
        return [_Lie(DESTINATION, method, packet, status) for method, status in said]

    def _calls(self, lie: _Lie) -> list[Call]:
        """The call, after those that bring what it is proved against."""
        shown = DESTINATION if lie.role == SOURCE else SOURCE
        other, told = self.endpoints[shown], Told(self.endpoints[lie.role], self.link, shown)
        value = two_phase.record(lie.status, lie.packet, other.chain.ledger.suite)
        key = two_phase.transaction_key(self.link, lie.packet.sequence)
        headers, proof = self.lies[shown].tell(other, told, key, value)
        calls = header_calls(self.link, self.name, shown, self.lies[shown].method, headers)
        return [*calls, Call(self.link, lie.method, self.name, (lie.packet.to_bytes(), proof))]
