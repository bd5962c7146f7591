"""The member that keeps the identity registry: it changes documents, and sends what has changed over the links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.contracts.identity import (
    ADMIT,
    REGISTRY,
    REVOKE,
    ROTATE,
    Document,
    document_key,
    key_name,
)
from sim.crosschain.contracts.messages import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.contracts.machine import Machine, Receipt
    from sim.crosschain.link import Link
    from sim.kernel.engine import Engine


class Keeper:
    """The member that keeps the registry.

    Args:
        engine: time.
        did: its identifier.
        endpoint: a node of the registry's chain.
        machine: the contracts of that chain.
        links: those over which documents go.
        new_key: the public key that a party has as its key of some number.

    Attributes:
        refused: how many of its calls the registry has refused.
    """

    def __init__(
        self,
        engine: Engine,
        did: str,
        endpoint: Endpoint,
        machine: Machine,
        links: Sequence[Link],
        new_key: Callable[[str, int], bytes],
    ) -> None:
        self.refused = 0
        self._engine = engine
        self._name = f"{did}#{key_name(1)}"
        self._endpoint = endpoint
        self._machine = machine
        self._links = links
        self._new_key = new_key
        self._about: dict[int, str] = {}
        machine.watched_by(REGISTRY, self)

    def revoke(self, did: str) -> None:
        """Have a party's document say that nothing it says counts."""
        self._call(did, REVOKE, did.encode())

    def rotate(self, did: str) -> None:
        """Give a party another key."""
        number = self._next_key(did)
        self._call(did, ROTATE, did.encode(), key_name(number).encode(), self._new_key(did, number))

    def admit(self, did: str) -> None:
        """Admit a party that was revoked, with another key."""
        before = self._document(did)
        number = self._next_key(did)
        keys = ((key_name(number), self._new_key(did, number)),)
        again = Document(did, before.revision + 1, admitted=True, roles=before.roles, keys=keys)
        self._call(did, ADMIT, again.to_bytes())

    def _document(self, did: str) -> Document:
        return Document.from_bytes(self._machine.store.entries[document_key(did)])

    def _next_key(self, did: str) -> int:
        (name, _), *_ = self._document(did).keys
        return int(name.rpartition("-")[2]) + 1

    def _call(self, did: str, method: str, *parts: bytes) -> None:
        call = Call(REGISTRY, method, self._name, parts)
        (row,) = self._endpoint.submit(-1, [call.to_bytes()])
        self._about[row] = did

    def watch(self, _chain: str, _height: int, at_ns: int, receipts: Sequence[Receipt]) -> None:
        """As `sim.crosschain.contracts.machine.Watcher.watch`: what has changed goes to the other chains."""
        for receipt in receipts:
            self.refused += receipt.refusal is not None
            if receipt.refusal is None and receipt.row in self._about:
                self._engine.call_at(max(at_ns, self._engine.now), self._announce, self._about[receipt.row])

    def _announce(self, did: str) -> None:
        for link in self._links:
            link.announce(self._name, self._document(did).to_bytes())
