"""Notaries: each has keys and a node of its own of every chain of a link, and signs the headers that its node has.

A notary answers whoever asks, and remembers nothing: it signs what its own node has executed, and so says the same of a
height whenever it is asked. It signs with the key by which the chain knows it that is to be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.contracts import identity
from sim.crosschain.contracts.committee import signed_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.proof.signatures import Signer


class Notary:
    """One notary.

    Args:
        did: its identifier.
        signer_of: its key of a number, from 1.
        nodes: its own nodes, by their chains' roles.

    Attributes:
        did: as given.
        down: whether it answers nobody.
    """

    def __init__(self, did: str, signer_of: Callable[[int], Signer], nodes: Mapping[str, Endpoint]) -> None:
        self.did = did
        self.down = False
        self._signer_of = signer_of
        self._signers: dict[int, Signer] = {}
        self._nodes = nodes
        self._known: dict[str, tuple[int, bool]] = {}

    def head(self, role: str) -> int | None:
        """The last block of a chain that it can sign; None if it, or its node, is down."""
        node = self._nodes[role]
        return None if self.down or not node.is_up else node.head()

    def is_known_to(self, told: Endpoint) -> bool:
        """Whether its signature counts on this node's chain, as far as the node knows; it does at the start."""
        chain, head = told.chain.config.id, told.head()
        seen = self._known.get(chain)
        if seen is None or seen[0] != head:
            data = told.get(identity.document_key(self.did), head)
            seen = self._known[chain] = (head, data is None or identity.Document.from_bytes(data).admitted)
        return seen[1]

    def answer(self, role: str, headers: int) -> int | None:
        """Look so many headers up and sign them from now on; returns when that is done, or None if it crashes over it.

        Looking up is its node's work, signing its own.
        """
        node = self._nodes[role]
        done_ns = node.answer(headers)
        return None if done_ns is None else done_ns + headers * node.chain.config.costs.sign_ns

    def sign(self, role: str, height: int, told: Endpoint) -> tuple[str, bytes]:
        """The DID URL of its key, and its signature over the header that its node has at a height."""
        data = told.get(identity.document_key(self.did), told.head())
        name = identity.key_name(1) if data is None else identity.latest_key(data)
        number = int(name.rpartition("-")[2])
        if number not in self._signers:
            self._signers[number] = self._signer_of(number)
        signature = self._signers[number].sign(signed_bytes(self._nodes[role].header(height)))
        return f"{self.did}#{name}", signature

    def crash(self) -> None:
        """Answer nobody any more."""
        self.down = True

    def restart(self) -> None:
        """Answer again."""
        self.down = False
