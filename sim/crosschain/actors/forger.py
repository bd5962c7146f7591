"""A relayer that lies: it makes up packets, and proves them as well as it can with the bytes and keys that it has.

Its own key lets it send calls; what else it has is in its `sim.crosschain.actors.lies.Lie`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

from sim.crosschain.actors.told import Told
from sim.crosschain.contracts.identity import Document
from sim.crosschain.contracts.messages import RECEIVE, Call, Packet, transfer
from sim.crosschain.contracts.store import commitment_key, next_key, number_of
from sim.crosschain.steps import DESTINATION, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.lies import Lie

AMOUNT = 1_000_000
"""What it gives itself with each packet."""

FAR = 1 << 40
"""It takes sequences that no packet will have."""


class Forging(Protocol):
    """What a relayer does that lies."""

    @property
    def made(self) -> int:
        """Packets that it made up."""

    @property
    def other_lies(self) -> int:
        """Lies of which no packet came: what it denied or guessed."""

    def forge(self) -> list[tuple[str, int, Call]]:
        """Calls that it sends at one poll: the chain's role, a number of what it is about, the call."""


def header_calls(link: str, name: str, shown: str, method: str, headers: Sequence[bytes]) -> list[Call]:
    """Calls that bring headers of the chain of a role."""
    return [Call(link, method, name, (shown.encode(), header)) for header in headers]


@dataclass(slots=True)
class Forger:
    """What a forging relayer has.

    Attributes:
        link: that it works on.
        name: under which it sends calls.
        endpoints: nodes that it talks to, by their chains' roles.
        lies: what it shows of each chain.
        ordered: whether packets must come in order.
        made: how many packets it made up.
    """

    link: str
    name: str
    endpoints: Mapping[str, Endpoint]
    lies: Mapping[str, Lie]
    ordered: bool
    made: int = 0
    other_lies: ClassVar[int] = 0

    def forge(self) -> list[tuple[str, int, Call]]:
        """Calls that receive a packet that nobody sent, in order: role of the chain, number of the packet, call."""
        self.made += 1
        source, destination = self.endpoints[SOURCE], self.endpoints[DESTINATION]
        sequence = FAR + self.made
        if self.ordered:
            sequence = number_of(destination.get(next_key(self.link, "Recv"), destination.head()), 1)
        packet = Packet(self.link, sequence, 0, 0, transfer(AMOUNT, 0))
        value = packet.commitment(source.chain.ledger.suite)
        told = Told(destination, self.link, SOURCE)
        lie = self.lies[SOURCE]
        headers, proof = lie.tell(source, told, commitment_key(self.link, sequence), value)
        calls = header_calls(self.link, self.name, SOURCE, lie.method, headers)
        calls.append(Call(self.link, RECEIVE, self.name, (packet.to_bytes(), proof)))
        return [(DESTINATION, -self.made, call) for call in calls]

    def answer(self, key: bytes) -> tuple[list[Call], bytes]:
        """Calls that bring headers, and a proof: the source has another document on record, which admits its party."""
        source, lie = self.endpoints[SOURCE], self.lies[SOURCE]
        data = source.get(key, source.head())
        made_up = b"" if data is None else _whitewashed(Document.from_bytes(data))
        headers, proof = lie.tell(source, Told(self.endpoints[DESTINATION], self.link, SOURCE), key, made_up)
        return header_calls(self.link, self.name, SOURCE, lie.method, headers), proof


def _whitewashed(document: Document) -> bytes:
    """A later document, in which the party is admitted."""
    return replace(document, revision=document.revision + 1, admitted=True).to_bytes()
