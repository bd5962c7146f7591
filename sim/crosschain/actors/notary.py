"""Notaries: each has a key and a node of its own of every chain of a link, and signs the headers that its node has.

A notary answers whoever asks, and remembers nothing: it signs what its own node has executed, and so says the same of a
height whenever it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.contracts.committee import signed_bytes
from sim.proof.signatures import Ed25519
from sim.proof.validators import Validator, ValidatorSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.kernel.draws import Draws
    from sim.proof.signatures import Signer

_KEY_WORDS = 4


def make_notary_keys(draws: Draws, link: str, count: int) -> dict[str, Signer]:
    """The keys of a link's notaries by their ids, in order of their numbers."""
    words = draws.block(link, "notary keys").words(_KEY_WORDS * count).astype("<u8").reshape(count, -1)
    return {f"{link}/notaries/{index}": Ed25519.signer(words[index].tobytes()) for index in range(count)}


def committee_of(keys: Mapping[str, Signer]) -> ValidatorSet:
    """The committee that has these keys."""
    members: Iterable[Validator] = (Validator(name, key.scheme, key.public_key) for name, key in keys.items())
    return ValidatorSet(tuple(sorted(members, key=lambda member: member.id.encode())))


class Notary:
    """One notary.

    Args:
        name: its id.
        signer: its key.
        nodes: its own nodes, by their chains' roles.

    Attributes:
        id: its id.
        down: whether it answers nobody.
    """

    def __init__(self, name: str, signer: Signer, nodes: Mapping[str, Endpoint]) -> None:
        self.id = name
        self.down = False
        self._signer = signer
        self._nodes = nodes

    def head(self, role: str) -> int | None:
        """The last block of a chain that it can sign; None if it, or its node, is down."""
        node = self._nodes[role]
        return None if self.down or not node.is_up else node.head()

    def answer(self, role: str, headers: int) -> int | None:
        """Look so many headers up and sign them from now on; returns when that is done, or None if it crashes over it.

        Looking up is its node's work, signing its own.
        """
        node = self._nodes[role]
        done_ns = node.answer(headers)
        return None if done_ns is None else done_ns + headers * node.chain.config.costs.sign_ns

    def sign(self, role: str, height: int) -> bytes:
        """Its signature over the header that its node has at a height."""
        return self._signer.sign(signed_bytes(self._nodes[role].header(height)))

    def crash(self) -> None:
        """Answer nobody any more."""
        self.down = True

    def restart(self) -> None:
        """Answer again."""
        self.down = False
