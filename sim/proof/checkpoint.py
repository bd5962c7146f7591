"""Checkpoints of logs (C2SP tlog-checkpoint): a signed note that says how large a log is and under which root.

The text has a line each for the log's origin, its size in leaves, its root in base64, and then optional extension
lines. A root does not commit to its size and both come together here, so proofs are verified through a checkpoint.

**The hash is bound to the origin.** C2SP fixes SHA-256, and two 32-byte roots do not show of which hash they are. So
an origin whose last path element is ``sm3``, as ``court.example/evidence/sm3``, names a log over SM3 and any other a
log over SHA-256: nobody can choose the hash again when verifying. A root of the other hash is refused when a
checkpoint is signed, when the root of an empty log is parsed, and, as no proof leads to it, at every proof.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.proof import note as notes
from sim.proof import verify
from sim.proof.errors import SizeOutOfRange
from sim.proof.note_errors import MalformedCheckpoint, MalformedNoteKey, WrongOrigin, WrongSuite
from sim.proof.note_key import NoteVerifier, canonical_base64
from sim.proof.suites import DIGEST_SIZE, SHA256, SM3

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sim.proof.note_key import NoteSigner
    from sim.proof.suites import HashSuite

SM3_ENDING = "/sm3"
"""The end of an origin that names a log over SM3."""

_LEAST_LINES = 3
# ASCII digits only, no sign, and few enough that a hostile size costs nothing to read.
_SIZE = re.compile("0|[1-9][0-9]{0,18}")
_CONTROL_CHARACTER = re.compile("[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of one log at one size.

    One from `parse` is vouched for by a key of its log, and carries the note as evidence. One built by hand says only
    what its maker put in.

    Attributes:
        origin: the log.
        size: its number of leaves, below 2^63.
        root: its Merkle root under `suite`, 32 bytes.
        extensions: further lines of the text, without meaning here.
        note: the bytes of the signed note, empty where there was none.

    Raises:
        MalformedCheckpoint: a field has the wrong type, or a line is empty or holds a control character.
        SizeOutOfRange: the size is negative or from 2^63 on.
        WrongSuite: the root of an empty log is not that of the suite which the origin names.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    note: bytes = b""

    def __post_init__(self) -> None:
        for line in (self.origin, *self.extensions):
            _check_line(line)
        if type(self.size) is not int:
            raise MalformedCheckpoint("the size is not an int")
        if not 0 <= self.size <= verify.LARGEST_SIZE:
            raise SizeOutOfRange("size", self.size, 0, verify.LARGEST_SIZE)
        if type(self.root) is not bytes or len(self.root) != DIGEST_SIZE:
            raise MalformedCheckpoint(f"the root is not {DIGEST_SIZE} bytes")
        if self.size == 0 and self.root != self.suite.empty:
            other = SHA256 if self.suite is SM3 else SM3
            if self.root == other.empty:
                raise WrongSuite(self.origin, self.suite.name, other.name)
            raise MalformedCheckpoint("the root of an empty log is the hash of nothing")

    @property
    def suite(self) -> HashSuite:
        """The hash of the log, as its origin names it."""
        return suite_of(self.origin)

    def text(self) -> bytes:
        """The text of the note: what a log signs."""
        root = base64.b64encode(self.root).decode("ascii")
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions)).encode()


def suite_of(origin: str) -> HashSuite:
    """The hash that an origin names: SM3 if it ends in ``/sm3``, SHA-256 otherwise."""
    return SM3 if origin.endswith(SM3_ENDING) else SHA256


def parse(note: bytes, verifiers: Iterable[NoteVerifier], *, origin: str | None = None) -> Checkpoint:
    """The checkpoint that a note holds, vouched for by its log.

    Args:
        note: the bytes of the signed note.
        verifiers: the keys of the log, one of which must have signed.
        origin: the log that is meant, whatever its keys are called. Left out, the key that signed must be named as the
            origin, as C2SP has it; so keys of several logs can be given and none vouches for another's log.

    Returns:
        The checkpoint, with the note in it.

    Raises:
        MalformedNote: the bytes are no signed note.
        UnsignedNote: none of the verifiers has signed it.
        WrongNoteSignature: a signature that claims to be of a verifier is not.
        AmbiguousKey: two different verifiers share a name and an id.
        MalformedNoteKey: a verifier is another kind of key, such as a witness's.
        MalformedCheckpoint: the text is no checkpoint.
        SizeOutOfRange: its size is from 2^63 on.
        WrongOrigin: it is of another log.
        WrongSuite: the root of an empty log is of another hash than the origin names.
    """
    keys = list(verifiers)
    if not all(isinstance(key, NoteVerifier) for key in keys):
        raise MalformedNoteKey("the keys of a log are expected, each a NoteVerifier")
    parsed = notes.parse(note)
    signers = {key.name for key, _ in notes.verify(parsed, keys)}
    checkpoint = _of_text(parsed.text, note)
    if origin is None:
        if checkpoint.origin not in signers:
            raise WrongOrigin(checkpoint.origin, min(signers))
    elif checkpoint.origin != origin:
        raise WrongOrigin(checkpoint.origin, origin)
    return checkpoint


def sign(
    origin: str, size: int, root: bytes, suite: HashSuite, signer: NoteSigner, *, extensions: Sequence[str] = ()
) -> bytes:
    """The signed note of a log's state. Whoever signs must never sign another root for the same size.

    Args:
        origin: the log; by custom the signer's name.
        size: its number of leaves.
        root: its Merkle root, 32 bytes.
        suite: the hash of that root, which must be the one that the origin names.
        signer: a key of the log.
        extensions: further lines, which C2SP discourages.

    Returns:
        The bytes of the note.

    Raises:
        WrongSuite: the origin names another hash.
        MalformedCheckpoint: a field that no checkpoint can have.
        SizeOutOfRange: the size is negative or from 2^63 on.
    """
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    if checkpoint.suite is not suite:
        raise WrongSuite(origin, checkpoint.suite.name, suite.name)
    return notes.sign(checkpoint.text(), signer)


def verify_inclusion(checkpoint: Checkpoint, *, leaf_hash: bytes, index: int, proof: Sequence[bytes]) -> None:
    """Accept only if the leaf stands at ``index`` in the log as of the checkpoint.

    Args:
        checkpoint: the log's state, from `parse`.
        leaf_hash: `HashSuite.leaf` of the content under the log's suite, 32 bytes.
        index: the leaf's position, from 0.
        proof: sibling hashes from the leaf upwards.

    Raises:
        ProofError: as `sim.proof.verify.verify_inclusion` says.
    """
    verify.verify_inclusion(
        checkpoint.suite, leaf_hash=leaf_hash, index=index, size=checkpoint.size, proof=proof, root=checkpoint.root
    )


def verify_consistency(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> None:
    """Accept only if the log has kept every leaf of the old checkpoint in the new one.

    An empty old log is refused, as RFC 9162 has no proof for it; there is nothing in it that could have changed.

    Args:
        old: the earlier state of the log.
        new: the later one.
        proof: hashes of 32 bytes, deepest first.

    Raises:
        WrongOrigin: the checkpoints are of two logs.
        ProofError: as `sim.proof.verify.verify_consistency` says.
    """
    if old.origin != new.origin:
        raise WrongOrigin(new.origin, old.origin)
    verify.verify_consistency(
        old.suite, old_size=old.size, old_root=old.root, new_size=new.size, new_root=new.root, proof=proof
    )


def _of_text(text: bytes, note: bytes) -> Checkpoint:
    """The checkpoint of a note's text, which ends in LF and is UTF-8."""
    lines = text.decode().split("\n")[:-1]
    if len(lines) < _LEAST_LINES:
        raise MalformedCheckpoint("a line each for origin, size and root expected")
    origin, size, encoded_root, *extensions = lines
    if not _SIZE.fullmatch(size):
        raise MalformedCheckpoint("the size is not a decimal number as it is written")
    root = canonical_base64(encoded_root)
    if root is None:
        raise MalformedCheckpoint("the root is not canonical base64")
    return Checkpoint(origin, int(size), root, tuple(extensions), note)


def _check_line(line: object) -> None:
    if type(line) is not str:
        raise MalformedCheckpoint(f"a line is a str, not {type(line).__name__}")
    if not line:
        raise MalformedCheckpoint("an origin or extension line is empty")
    if _CONTROL_CHARACTER.search(line):
        raise MalformedCheckpoint("a control character in a line")
    try:
        line.encode()
    except UnicodeEncodeError:
        raise MalformedCheckpoint("a line holds a lone surrogate, which UTF-8 cannot say") from None
