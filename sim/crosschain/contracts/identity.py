"""The distributed-identity registry of the alliance (Opinions, article 5): who is who, known on every chain.

A document says of one party, by its decentralised identifier (W3C, "Decentralized Identifiers (DIDs) v1.0"), which
roles and keys it has, and whether it is admitted. Parties are ``did:court:`` and a path: a member, a chain's node, a
link's relayer or notary. Every chain has all documents from its first block. They change on one chain, the registry's:

admit, of a document: a new party, or one that was revoked, with the next revision;
revoke, of an identifier: nothing that the party says counts any more;
rotate, of an identifier and a key: this key takes the place of all others.

Only the member that keeps the registry may call these. To other chains a document goes as the data of a packet
(`sim.crosschain.contracts.application`), and takes the place of an older one there. So a chain knows of a revocation
when the packet has crossed, not before.

Contracts ask for relayers, notaries, and the member that keeps the registry or recovers a client on its own chain.
Nobody asks for the documents of nodes: who votes on a chain, light clients know from the validators that they start
from. Scenarios change documents of relayers and notaries only. They admit nobody but who was revoked, although the
registry takes new parties too; a member or a node that is revoked while a chain runs is not in this version.

A document is ``JACD``, version 1, the identifier, the revision (8 bytes), 1 if admitted (1 byte), the roles and the
keys (1 byte for how many; a role is a text, a key a name and bytes after their lengths). A call's sender is a DID URL,
the identifier and after ``#`` the name of the key that signs the call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sim.crosschain.contracts.contract import Contract, parts_of
from sim.crosschain.contracts.refusal import Refused, malformed
from sim.proof import wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sim.crosschain.contracts.contract import Event
    from sim.crosschain.contracts.messages import Call
    from sim.crosschain.contracts.store import Block, Store

MAGIC: Final = b"JACD"
REGISTRY: Final = "identity/registry"
"""What the contract is called among a chain's contracts; no link can be called so."""
ADMIT, REVOKE, ROTATE = "admit", "revoke", "rotate"
MEMBER, NODE, RELAYER, NOTARY = "member", "node", "relayer", "notary"
"""What parties are."""

_VERSION, _NUMBER, _LONGEST_KEY_BYTES = 1, 8, 255


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of one party.

    Attributes:
        did: its identifier.
        revision: counts the document's changes, from 1.
        admitted: whether anything it says counts.
        roles: what it is.
        keys: with which it signs, by name.
    """

    did: str
    revision: int
    admitted: bool
    roles: tuple[str, ...]
    keys: tuple[tuple[str, bytes], ...]

    def to_bytes(self) -> bytes:
        """The document's only encoding, laid out at the top of this module."""
        head = (MAGIC, wire.number(_VERSION, 1), wire.text(self.did), wire.number(self.revision, _NUMBER))
        roles = (wire.number(len(self.roles), 1), *(wire.text(role) for role in self.roles))
        keys = (wire.number(len(self.keys), 1), *(wire.text(name) + wire.sized(key, 1) for name, key in self.keys))
        return b"".join((*head, wire.number(self.admitted, 1), *roles, *keys))

    @classmethod
    def from_bytes(cls, data: bytes) -> Document:
        """The document that these bytes, and no others, encode.

        Raises:
            Refused: they encode none.
        """
        reader = wire.Reader(data, malformed)
        reader.start(MAGIC, _VERSION)
        did, revision = reader.text("identifier"), reader.number("revision", _NUMBER, 1)
        admitted = bool(reader.number("admission", 1, 0, 1))
        roles = tuple(reader.text("role") for _ in range(reader.number("roles", 1)))
        keys = tuple(
            (reader.text("name of a key"), reader.sized("key", 1, _LONGEST_KEY_BYTES))
            for _ in range(reader.number("keys", 1))
        )
        reader.end()
        return cls(did, revision, admitted, roles, keys)


def member_did(member: str) -> str:
    """The identifier of a member of the alliance."""
    return f"did:court:{member}"


def party_did(where: str, role: str, number: int) -> str:
    """The identifier of a chain's node, or of a link's relayer or notary."""
    return f"did:court:{where}:{role}:{number}"


def role_of(role: str, where: str) -> str:
    """The role of a chain's node, or of a link's relayer or notary, as documents say it."""
    return f"{role}:{where}"


def key_name(number: int) -> str:
    """What a party's keys are called, the first one 1."""
    return f"key-{number}"


def document_key(did: str) -> bytes:
    """Where every chain keeps the document of a party."""
    return f"identity/documents/{did}".encode()


def _feed_key(link: str) -> bytes:
    """Where a chain notes that it takes documents over a link."""
    return f"identity/feeds/{link}".encode()


def latest_key(data: bytes) -> str:
    """What the last of the keys in a document's bytes is called.

    Raises:
        Refused: they encode no document.
    """
    keys = Document.from_bytes(data).keys
    return keys[-1][0] if keys else ""


def entries(documents: Iterable[Document], feeds: Iterable[str]) -> dict[bytes, bytes]:
    """What a chain has in its state from the first block on.

    Args:
        documents: of all parties.
        feeds: the links over which it takes newer ones.
    """
    known = {document_key(document.did): document.to_bytes() for document in documents}
    return {**known, **{_feed_key(link): b"\1" for link in feeds}}


def check(store: Store, sender: str, role: str) -> bytes:
    """Whoever sends a call, or signs, has this role, as far as this chain knows.

    Args:
        store: the chain's state.
        sender: a DID URL.
        role: that the party must have.

    Returns:
        The public key.

    Raises:
        Refused: there is no such party, it is not admitted, it has not this role, or not this key.
    """
    did, _, key = sender.partition("#")
    found = store.get(document_key(did))
    document = None if found is None else Document.from_bytes(found)
    if document is None or role not in document.roles:
        raise Refused("not-registered", f"{sender} is no {role}")
    if not document.admitted:
        raise Refused("revoked", f"{did} is not admitted any more")
    keys = dict(document.keys)
    if key not in keys:
        raise Refused("another-key", f"{did} has no {key or 'such key'}")
    return keys[key]


def pass_on(store: Store, data: bytes) -> None:
    """A chain sends a document: it must be the one that stands there.

    Raises:
        Refused: it is not.
    """
    if store.get(document_key(Document.from_bytes(data).did)) != data:
        raise Refused("not-on-record", "this chain has another document of that party, or none")


def take_over(store: Store, link: str, data: bytes) -> bool:
    """A chain is sent a document; returns whether it takes it: over a link that it takes them from, and a newer one."""
    try:
        document = Document.from_bytes(data)
    except Refused:
        return False
    if store.get(_feed_key(link)) is None:
        return False
    known = store.get(document_key(document.did))
    if known is not None and Document.from_bytes(known).revision >= document.revision:
        return False
    store.put(document_key(document.did), data)
    return True


@dataclass(frozen=True, slots=True)
class Registry(Contract):
    """The contract on the chain where documents change.

    Attributes:
        keeper: the identifier of the member that may change them.
    """

    keeper: str

    def call(self, store: Store, block: Block, call: Call) -> Event | None:
        """As `Contract.call`; what it does concerns no packet."""
        if call.method not in {ADMIT, REVOKE, ROTATE}:
            return Contract.call(self, store, block, call)
        if call.sender.partition("#")[0] != self.keeper:
            raise Refused("not-the-keeper", f"{call.sender} does not keep the registry")
        check(store, call.sender, MEMBER)
        store.meter.hashes += 1
        changed = self._changed(store, call)
        store.put(document_key(changed.did), changed.to_bytes())
        return None

    def _changed(self, store: Store, call: Call) -> Document:
        if call.method == ADMIT:
            (data,) = parts_of(call, 1)
            document = Document.from_bytes(data)
            known = store.get(document_key(document.did))
            before = None if known is None else Document.from_bytes(known)
            if before is not None and before.admitted:
                raise Refused("already-admitted", document.did)
            if not document.admitted or document.revision != (1 if before is None else before.revision + 1):
                raise Refused("another-revision", f"{document.did} revision {document.revision}")
            return document
        name, *rest = parts_of(call, 1 if call.method == REVOKE else 3)
        known = store.get(b"identity/documents/" + name)
        before = None if known is None else Document.from_bytes(known)
        if before is None or not before.admitted:
            raise Refused("not-registered", f"{name!r} is not admitted")
        if call.method == REVOKE:
            return replace(before, revision=before.revision + 1, admitted=False)
        label, key = rest
        return replace(before, revision=before.revision + 1, keys=((_text(label), key),))


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise malformed("the name of a key is not UTF-8") from None
