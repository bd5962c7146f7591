"""Everybody whom the identity registry knows at the start of a run, and the member that keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.contracts.identity import (
    MEMBER,
    NODE,
    NOTARY,
    RELAYER,
    Document,
    entries,
    key_name,
    member_did,
    party_did,
    role_of,
)
from sim.proof.signatures import Ed25519

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sim.chain.chain import Chain
    from sim.crosschain.config import LinkConfig
    from sim.crosschain.contracts.machine import Machine
    from sim.kernel.draws import Draws
    from sim.proof.signatures import Signer

_KEY_WORDS = 4


def signer_of(draws: Draws, did: str, number: int) -> Signer:
    """The key of this number that a party has."""
    words = draws.block("identity", did, key_name(number)).words(_KEY_WORDS).astype("<u8")
    return Ed25519.signer(words.tobytes())


def new_key(draws: Draws, did: str, number: int) -> bytes:
    """The public key that a party has as its key of this number."""
    return signer_of(draws, did, number).public_key


def found(
    draws: Draws,
    members: Sequence[str],
    chains: Mapping[str, Chain],
    machines: Mapping[str, Machine],
    links: Sequence[LinkConfig],
    registry: str | None,
) -> None:
    """Put the documents of everybody on every chain of a link.

    Args:
        draws: for keys.
        members: the alliance's.
        chains: by id.
        machines: the contracts of those that are on links.
        links: all of them.
        registry: the chain where documents change; None if they never do.
    """
    documents = [
        *(_document(draws, member_did(member), MEMBER) for member in members),
        *(document for chain in machines for document in _nodes(chains[chain])),
        *(
            _document(draws, party_did(link.id, RELAYER, number), role_of(RELAYER, link.id))
            for link in links
            for number in range(link.relayers)
        ),
        *(
            _document(draws, party_did(link.id, NOTARY, number), role_of(NOTARY, link.id))
            for link in links
            for number in range(link.notaries)
        ),
    ]
    for chain, machine in machines.items():
        feeds = [link.id for link in links if link.source == registry and link.destination == chain]
        machine.found(entries(documents, feeds))


def _document(draws: Draws, did: str, role: str) -> Document:
    return Document(did, 1, admitted=True, roles=(role,), keys=((key_name(1), new_key(draws, did, 1)),))


def _nodes(chain: Chain) -> Iterator[Document]:
    """Nodes are known by the keys under which they vote; who shows its blocks to nobody has none that others check."""
    voting = () if chain.signing is None else tuple(chain.signing.keys.values())
    for number in range(chain.config.nodes):
        keys = ((key_name(1), voting[number].public_key),) if number < len(voting) else ()
        did = party_did(chain.config.id, NODE, number)
        yield Document(did, 1, admitted=True, roles=(role_of(NODE, chain.config.id),), keys=keys)
