"""A relayer that lies on a link over a relay chain.

It tells the relay chain that the source has sent a packet, and brings on what that chain has taken as any relayer does,
with true proofs. With keys of the relay chain's validators it need not: it tells the destination what the relay chain
would say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from sim.crosschain.actors.forger import AMOUNT, FAR, header_calls
from sim.crosschain.actors.route import View
from sim.crosschain.actors.told import Told
from sim.crosschain.contracts.interchain import Status, Type, receipt
from sim.crosschain.contracts.messages import HANDLE, INVOKE, Call, Packet, transfer
from sim.crosschain.contracts.relayed import Transaction, transaction_key
from sim.crosschain.contracts.store import commitment_key, next_key, number_of, receipt_key
from sim.crosschain.contracts.tcc import CONFIRM, SAVE, TRY, UPDATE_TRY, Done, State, record
from sim.crosschain.steps import DESTINATION, RELAY, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.lies import Lie
    from sim.crosschain.actors.prover import Prover
    from sim.crosschain.actors.route import Route, Task


class Plot(Protocol):
    """What is to be said where, so that a packet is executed that nobody has sent."""

    def take(self, packet: bytes) -> tuple[str, tuple[bytes, ...]]:
        """The call by which a relay chain takes a packet: method, and parts but for the proof."""

    def execute(self, packet: bytes, held: bytes | None) -> tuple[str, tuple[bytes, ...], int] | None:
        """The next call on the destination, as `take`, and what the relay chain must say for it; None after the last.

        ``held`` is what the destination has of the packet.
        """

    def deny(self, packet: bytes, own: int, commitment: bytes) -> tuple[str, tuple[bytes, ...], bytes] | None:
        """A call that tells the relay chain that the destination has failed, as `take`, and what it must have then.

        ``own`` is what the relay chain knows of the packet, ``commitment`` the packet's under the destination's hash.
        None if it is too late.
        """


class InterchainPlot:
    """For `sim.crosschain.contracts.interchain`."""

    def take(self, packet: bytes) -> tuple[str, tuple[bytes, ...]]:
        """As `Plot.take`."""
        return HANDLE, (bytes([Type.INTERCHAIN]), packet)

    def execute(self, packet: bytes, held: bytes | None) -> tuple[str, tuple[bytes, ...], int] | None:
        """As `Plot.execute`."""
        return (INVOKE, (bytes([Status.BEGIN]), packet), Status.BEGIN) if held is None else None

    def deny(self, packet: bytes, own: int, commitment: bytes) -> tuple[str, tuple[bytes, ...], bytes] | None:
        """As `Plot.deny`."""
        if own != Status.BEGIN:
            return None
        return HANDLE, (bytes([Type.RECEIPT_FAILURE]), packet), receipt(Type.RECEIPT_FAILURE, commitment)


class TccPlot:
    """For `sim.crosschain.contracts.tcc`."""

    def take(self, packet: bytes) -> tuple[str, tuple[bytes, ...]]:
        """As `Plot.take`."""
        return SAVE, (packet,)

    def execute(self, packet: bytes, held: bytes | None) -> tuple[str, tuple[bytes, ...], int] | None:
        """As `Plot.execute`."""
        if held is None:
            return TRY, (packet,), State.WAIT_EXECUTE
        return (CONFIRM, (packet,), State.WAIT_CONFIRM) if held[0] == Done.TRIED else None

    def deny(self, packet: bytes, own: int, commitment: bytes) -> tuple[str, tuple[bytes, ...], bytes] | None:
        """As `Plot.deny`."""
        if own != State.WAIT_EXECUTE:
            return None
        return UPDATE_TRY, (bytes([Done.TRY_FAILED]), packet), record(Done.TRY_FAILED, commitment)


@dataclass(slots=True)
class RelayForger:
    """What a forging relayer has.

    Attributes:
        link: that it works on.
        name: under which it sends calls.
        endpoints: nodes that it talks to, by their chains' roles.
        lies: what it shows of each chain. provers: what it shows of each chain when it tells the truth.
        route: what is due when it tells the truth.
        plot: what is to be said.
        ordered: whether packets must come in order.
        about: the role of the chain that it lies about, the source or the relay chain.
        made: how many packets it made up.
    """

    link: str
    name: str
    endpoints: Mapping[str, Endpoint]
    lies: Mapping[str, Lie]
    provers: Mapping[str, Prover]
    route: Route
    plot: Plot
    ordered: bool
    about: str
    made: int = 0
    other_lies: ClassVar[int] = 0
    _open: dict[int, Packet] = field(default_factory=dict)

    def forge(self) -> list[tuple[str, int, Call]]:
        """Calls for packets that nobody sent: the chain's role, a number of the packet, the call."""
        carry = self._deceive if self.about == RELAY else self._carry
        calls = [
            (role, number, call) for number, packet in list(self._open.items()) for role, call in carry(number, packet)
        ]
        self.made += 1
        packet = self._open[-self.made] = Packet(self.link, self._sequence(), 0, 0, transfer(AMOUNT, 0))
        begun = self._deceive(-self.made, packet) if self.about == RELAY else self._begin(packet)
        return [*calls, *((role, -self.made, call) for role, call in begun)]

    def _sequence(self) -> int:
        """The next one where packets come in order, otherwise one that no packet will have."""
        if not self.ordered:
            return FAR + self.made
        to = self.endpoints[DESTINATION if self.about == RELAY else RELAY]
        return number_of(to.get(next_key(self.link, "Recv"), to.head()), 1)

    def _begin(self, packet: Packet) -> list[tuple[str, Call]]:
        """Tell the relay chain that the source has sent a packet."""
        method, parts = self.plot.take(packet.to_bytes())
        commitment = packet.commitment(self.endpoints[SOURCE].chain.ledger.suite)
        return self._lie(RELAY, method, parts, commitment_key(self.link, packet.sequence), commitment)

    def _deceive(self, number: int, packet: Packet) -> list[tuple[str, Call]]:
        """Tell the destination what the relay chain would say of a packet."""
        destination = self.endpoints[DESTINATION]
        held = destination.get(receipt_key(self.link, packet.sequence), destination.head())
        step = self.plot.execute(packet.to_bytes(), held)
        if step is None:
            del self._open[number]
            return []
        method, parts, status = step
        commitment = packet.commitment(self.endpoints[RELAY].chain.ledger.suite)
        value = Transaction(status, status, 0, commitment).to_bytes()
        return self._lie(DESTINATION, method, parts, transaction_key(self.link, packet.sequence), value)

    def _lie(self, to: str, method: str, parts: tuple[bytes, ...], key: bytes, value: bytes) -> list[tuple[str, Call]]:
        """Headers for the chain of a role, and then a call whose proof shows what is not so."""
        lie = self.lies[self.about]
        told = Told(self.endpoints[to], self.link, self.about)
        headers, proof = lie.tell(self.endpoints[self.about], told, key, value)
        calls = header_calls(self.link, self.name, self.about, lie.method, headers)
        return [(to, call) for call in (*calls, Call(self.link, method, self.name, (*parts, proof)))]

    def _carry(self, number: int, packet: Packet) -> list[tuple[str, Call]]:
        """Bring on what the relay chain has taken."""
        heads = {role: endpoint.head() for role, endpoint in self.endpoints.items()}
        due = self.route.due(packet, View(self.endpoints, heads, 0, {}))
        if due is None:
            del self._open[number]
        return [call for task in due or () for call in self._calls(task, heads)]

    def _calls(self, task: Task, heads: Mapping[str, int]) -> Sequence[tuple[str, Call]]:
        """A call that is due, after the headers that it needs."""
        prover, shown, height = self.provers[task.shown], self.endpoints[task.shown], heads[task.shown]
        told = Told(self.endpoints[task.role], self.link, task.shown)
        first = told.latest(heads[task.role]) + 1 if prover.every else height
        known = prover.method == "" or told.accepted(height, heads[task.role]) is not None
        headers = () if known else prover.bring(shown, range(first, height + 1), told.node).headers
        calls = header_calls(self.link, self.name, task.shown, prover.method, headers)
        calls.append(Call(self.link, task.method, self.name, (*task.parts, prover.prove(shown, task.key, height))))
        return [(task.role, call) for call in calls]
