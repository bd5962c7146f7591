"""Signed notes (C2SP signed-note): a text, a blank line, and signature lines, parsed with no leniency.

A note is UTF-8 without control characters other than LF. Its text ends in LF and may hold blank lines; the last blank
line ends it. Each line after that is ``— name base64(id ‖ signature)`` with an em dash, and ends in LF.

What a note says counts only after `verify`: every signature of a known key must be good, and there must be one.
Signatures of unknown keys, also those that share only a name or only an id with a known one, are passed over.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from sim.proof.errors import ProofError
from sim.proof.note_errors import AmbiguousKey, MalformedNote, MalformedNoteKey, UnsignedNote, WrongNoteSignature
from sim.proof.note_key import KEY_ID_SIZE, canonical_base64, check_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from sim.proof.note_key import NoteSigner

MOST_SIGNATURES = 100
"""More signature lines than this are refused; C2SP asks for at least 16, and Go's checksum database stops here too."""

LARGEST_NOTE_BYTES = 1 << 20
"""Longer notes are refused unread: room for a hundred post-quantum signatures and a text."""

_DASH = "— ".encode()
_CONTROL_CHARACTER = re.compile(rb"[\x00-\x09\x0b-\x1f]")


class KnownKey(Protocol):
    """A public key that a reader of notes trusts: of a log, or of a witness."""

    @property
    def name(self) -> str:
        """The key's name."""

    @property
    def key_id(self) -> bytes:
        """The key's id, 4 bytes."""

    def verify(self, text: bytes, signature: bytes) -> None:
        """Accept only this key's signature of a note's text, or raise `ProofError`."""


Key = TypeVar("Key", bound=KnownKey)


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line, verified or not.

    Attributes:
        name: the name of the key that it claims to be of.
        key_id: the id of that key, 4 bytes.
        signature: what the key's type makes of the text, at least 1 byte.

    Raises:
        MalformedNote: a field has the wrong type or length, or the name is none.
    """

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        try:
            check_name(self.name)
        except MalformedNoteKey as refused:
            raise MalformedNote(refused.reason) from None
        if type(self.key_id) is not bytes or len(self.key_id) != KEY_ID_SIZE:
            raise MalformedNote(f"a key id is {KEY_ID_SIZE} bytes")
        if type(self.signature) is not bytes or not self.signature:
            raise MalformedNote("a signature line holds an id and a signature")

    def to_bytes(self) -> bytes:
        """The line, with its LF."""
        return _DASH + self.name.encode() + b" " + base64.b64encode(self.key_id + self.signature) + b"\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and signature lines. A note that exists is well-formed; whether to believe it is for `verify` to say.

    Attributes:
        text: UTF-8 that ends in LF.
        signatures: 1..`MOST_SIGNATURES` of them, in the order of their lines.

    Raises:
        MalformedNote: no signature, too many, or a text that breaks the format.
    """

    text: bytes
    signatures: tuple[NoteSignature, ...]

    def __post_init__(self) -> None:
        _check_text(self.text)
        _check_count(len(self.signatures))

    def to_bytes(self) -> bytes:
        """The note as it is stored and sent."""
        return self.text + b"\n" + b"".join(signature.to_bytes() for signature in self.signatures)

    def with_signature(self, added: NoteSignature) -> Self:
        """The same note with one more signature; an older one of the same key gives way."""
        kept = (old for old in self.signatures if (old.name, old.key_id) != (added.name, added.key_id))
        return type(self)(self.text, (*kept, added))


def parse(data: bytes) -> Note:
    """The note that these bytes, and no others, are; no signature is verified.

    Raises:
        MalformedNote: they are none.
    """
    _check_characters(data)
    if not data.endswith(b"\n"):
        raise MalformedNote("it must end in a line feed")
    text, blank, lines = data.rpartition(b"\n\n")
    if not blank:
        raise MalformedNote("no blank line between text and signatures")
    if not lines:
        raise MalformedNote("no signature line after the last blank line")
    _check_count(lines.count(b"\n"))
    return Note(text + b"\n", tuple(_parsed_line(line) for line in lines.split(b"\n")[:-1]))


def verify(note: Note, keys: Iterable[Key]) -> list[tuple[Key, bytes]]:
    """The signatures of known keys, each verified.

    Args:
        note: a parsed note.
        keys: those that the reader trusts to sign this text.

    Returns:
        Each such key that signed, once, with its first signature; in the order of the lines, at least one.

    Raises:
        UnsignedNote: no known key has signed.
        WrongNoteSignature: a signature that claims to be of a known key is not.
        AmbiguousKey: two different keys share a name and an id.
    """
    found = known_signatures(note, keys)
    if not found:
        raise UnsignedNote
    return found


def known_signatures(note: Note, keys: Iterable[Key]) -> list[tuple[Key, bytes]]:
    """As `verify`, but none is also an answer."""
    known: dict[tuple[str, bytes], Key] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise AmbiguousKey(key.name, key.key_id)
    found: dict[tuple[str, bytes], bytes] = {}
    for line in note.signatures:
        called = line.name, line.key_id
        if called not in known:
            continue
        try:
            known[called].verify(note.text, line.signature)
        except ProofError as refused:
            raise WrongNoteSignature(*called) from refused
        found.setdefault(called, line.signature)
    return [(known[called], signature) for called, signature in found.items()]


def sign(text: bytes, *signers: NoteSigner) -> bytes:
    """A note of this text, signed by each signer.

    Raises:
        MalformedNote: a text that no note can have, no signer, or too many.
    """
    _check_text(text)  # before a key has put its name to it
    lines = (NoteSignature(signer.name, signer.key_id, signer.sign(text)) for signer in signers)
    return Note(text, tuple(lines)).to_bytes()


def _parsed_line(line: bytes) -> NoteSignature:
    if not line.startswith(_DASH):
        raise MalformedNote("a signature line starts with an em dash and a space")
    name, space, body = line.removeprefix(_DASH).decode().partition(" ")
    if not space:
        raise MalformedNote("a signature line holds a name, a space and a signature")
    blob = canonical_base64(body)
    if blob is None:
        raise MalformedNote("a signature is not canonical base64")
    return NoteSignature(name, blob[:KEY_ID_SIZE], blob[KEY_ID_SIZE:])


def _check_text(text: bytes) -> None:
    _check_characters(text)
    if not text.endswith(b"\n"):
        raise MalformedNote("the text must end in a line feed")


def _check_characters(data: object) -> None:
    if type(data) is not bytes:
        raise MalformedNote(f"bytes expected, not {type(data).__name__}")
    if len(data) > LARGEST_NOTE_BYTES:
        raise MalformedNote(f"longer than {LARGEST_NOTE_BYTES} bytes")
    if _CONTROL_CHARACTER.search(data):
        raise MalformedNote("a control character other than the line feed")
    try:
        data.decode()
    except UnicodeDecodeError:
        raise MalformedNote("not UTF-8") from None


def _check_count(count: int) -> None:
    if not 1 <= count <= MOST_SIGNATURES:
        raise MalformedNote(f"1..{MOST_SIGNATURES} signatures expected, not {count}")
