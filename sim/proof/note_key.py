"""Keys of signed notes (C2SP signed-note): a name, a signature type and a key, and the strings that say them.

A key's id is the first 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key). As text, a verifier key (vkey) is
``name+id+base64(type ‖ public key)`` and a signer key ``PRIVATE+KEY+name+id+base64(type ‖ secret key)``, the id as 8
lower-case hexadecimal digits; the second form is that of golang.org/x/mod/sumdb/note. The types known here:

| type | signature of the note's text |
|---|---|
| 0x01 | Ed25519, 64 bytes |
| 0xff and `SM2_IDENTIFIER` | SM2 with SM3 under the distinguishing id ``1234567812345678``, r ‖ s, 64 bytes |

C2SP assigns SM2 no byte; it reserves 0xff for a longer identifier, which is part of the type wherever the type is
hashed or written. Cosignatures of witnesses (type 0x04) have keys of their own in `sim.proof.witness`, so that a
witness's key never passes for a log's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.proof import signatures, sm2
from sim.proof.note_errors import MalformedNoteKey

if TYPE_CHECKING:
    from typing import Self

    from sim.proof.signatures import Scheme, Signer, Verifier

KEY_ID_SIZE = 4
SM2_IDENTIFIER = b"judicial-alliance-testbed/note-signature/sm2-sm3/v1\n"
"""What follows 0xff in the type of an SM2 note signature."""

_ED25519_TYPE = b"\x01"
_SM2_TYPE = b"\xff" + SM2_IDENTIFIER
_PRIVATE = "PRIVATE+KEY+"
_KEY_ID_DIGITS = re.compile("[0-9a-f]{8}")
_CONTROL_CHARACTERS = re.compile("[\x00-\x1f]")
# The code points with Unicode's White_Space property, listed so that no version of Python's tables has a say.
_UNICODE_SPACES = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """The public key of one signer of notes, such as a log.

    Attributes:
        name: the key's name, by custom the log's origin.
        key: the key itself, of `signatures.Ed25519` or, under the default distinguishing id, `signatures.SM2`.
        key_id: what a signature line calls it besides the name, 4 bytes.

    Raises:
        MalformedNoteKey: the name is empty, or has a space, a plus, or a control character; or the key is of no kind
            known here.
    """

    name: str
    key: Verifier
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_id", key_id(self.name, self._material()))

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """The key that a verifier key string says.

        Raises:
            MalformedNoteKey: not such a string, or of another type, or with another id than its key has.
            MalformedKey: the scheme refuses the public key.
        """
        name, stated_id, material = decoded(vkey)
        scheme, public_key = _typed(material)
        verifier = cls(name, scheme.verifier(public_key))
        _check_id(stated_id, verifier.key_id)
        return verifier

    @property
    def vkey(self) -> str:
        """The verifier key string."""
        return encoded(self.name, self.key_id, self._material())

    def verify(self, text: bytes, signature: bytes) -> None:
        """Accept only this key's signature of a note's text, or raise `ProofError`."""
        self.key.verify(text, signature)

    def _material(self) -> bytes:
        return _type_of(self.key) + self.key.public_key


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """The secret key of one signer of notes.

    Attributes:
        name: the key's name, by custom the log's origin.
        key: the key itself, of `signatures.Ed25519` or, under the default distinguishing id, `signatures.SM2`.
        key_id: what a signature line calls it besides the name, 4 bytes.

    Raises:
        MalformedNoteKey: as for `NoteVerifier`.
    """

    name: str
    key: Signer
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_id", key_id(self.name, _type_of(self.key) + self.key.public_key))

    @classmethod
    def parse(cls, skey: str) -> Self:
        """The key that a signer key string says.

        Raises:
            MalformedNoteKey: not such a string, or of another type, or with another id than its key has.
            MalformedKey: the scheme refuses the secret key.
        """
        if type(skey) is not str or not skey.startswith(_PRIVATE):
            raise MalformedNoteKey(f"a signer key starts with {_PRIVATE}")
        name, stated_id, material = decoded(skey.removeprefix(_PRIVATE))
        scheme, secret_key = _typed(material)
        signer = cls(name, scheme.signer(secret_key))
        _check_id(stated_id, signer.key_id)
        return signer

    @property
    def skey(self) -> str:
        """The signer key string: as secret as the key."""
        return _PRIVATE + encoded(self.name, self.key_id, _type_of(self.key) + self.key.secret_key)

    def verifier(self) -> NoteVerifier:
        """The public side of this key."""
        return NoteVerifier(self.name, self.key.verifier())

    def sign(self, text: bytes) -> bytes:
        """A signature of a note's text."""
        return self.key.sign(text)


def key_id(name: str, material: bytes) -> bytes:
    """The 4 bytes that a signature line gives for a key.

    Args:
        name: the key's name.
        material: its type and public key.

    Raises:
        MalformedNoteKey: the name is empty, or has a space, a plus, or a control character.
    """
    check_name(name)
    return hashlib.sha256(name.encode() + b"\n" + material).digest()[:KEY_ID_SIZE]


def check_name(name: object) -> None:
    """Refuse a key name that a signature line or a key string could not hold."""
    if type(name) is not str or not name:
        raise MalformedNoteKey("a key name is a string that is not empty")
    if "+" in name or _UNICODE_SPACES.search(name) or _CONTROL_CHARACTERS.search(name):
        raise MalformedNoteKey("a key name holds no space, plus or control character")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise MalformedNoteKey("a key name is UTF-8, which has no lone surrogates") from None


def encoded(name: str, key_id: bytes, material: bytes) -> str:
    """The string of a key: name, id, type and key."""
    return f"{name}+{key_id.hex()}+{base64.b64encode(material).decode('ascii')}"


def decoded(text: object) -> tuple[str, bytes, bytes]:
    """The name, id, and type with key that a key string says; what they mean, and the id, are left to check.

    Raises:
        MalformedNoteKey: the string has another form.
    """
    if type(text) is not str:
        raise MalformedNoteKey(f"a key is written in a str, not {type(text).__name__}")
    name, _, rest = text.partition("+")
    digits, plus, body = rest.partition("+")  # base64 has pluses of its own
    if not plus:
        raise MalformedNoteKey("name, id and key expected, with a plus between them")
    check_name(name)
    if not _KEY_ID_DIGITS.fullmatch(digits):
        raise MalformedNoteKey("an id is 8 lower-case hexadecimal digits")
    material = canonical_base64(body)
    if material is None:
        raise MalformedNoteKey("the key is not canonical base64")
    return name, bytes.fromhex(digits), material


def canonical_base64(text: str) -> bytes | None:
    """The bytes of standard base64 (RFC 4648 section 4) in its only form, or None for anything else."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    # Python forgives needless padding and stray bits in the last digit; no encoder writes either.
    return data if base64.b64encode(data).decode("ascii") == text else None


def _typed(material: bytes) -> tuple[Scheme, bytes]:
    """The scheme and the key that the bytes of a key string hold."""
    if material.startswith(_ED25519_TYPE):
        return signatures.Ed25519, material.removeprefix(_ED25519_TYPE)
    if material.startswith(_SM2_TYPE):
        return signatures.SM2, material.removeprefix(_SM2_TYPE)
    raise MalformedNoteKey("the signature type is unknown here")


def _type_of(key: Verifier | Signer) -> bytes:
    if key.scheme == signatures.Ed25519.name:
        return _ED25519_TYPE
    if key.scheme == signatures.SM2.name and getattr(key, "signer_id", sm2.DEFAULT_ID) == sm2.DEFAULT_ID:
        return _SM2_TYPE
    raise MalformedNoteKey("notes are signed with Ed25519, or with SM2 under the default distinguishing id")


def _check_id(stated: bytes, computed: bytes) -> None:
    if stated != computed:
        raise MalformedNoteKey("the id is not that of this name and key")
