"""Witnesses: third parties who sign that a log only ever grew, so that it cannot show each reader another history.

A cosignature (C2SP tlog-cosignature, version 1) is a line of type 0x04 in the note of a checkpoint: a time in seconds
as 8 bytes big endian, and the witness's Ed25519 signature of ``cosignature/v1``, ``time <seconds>`` and the text of
the note, each line ended by LF. A reader names the witnesses that it trusts and how many of them it wants (`Policy`);
a witness checks that each checkpoint continues the last one it saw before it cosigns (`Witness`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.proof import checkpoint as checkpoints
from sim.proof import note as notes
from sim.proof import signatures
from sim.proof.errors import MalformedNumber, SizeOutOfRange, WrongProofLength
from sim.proof.note_errors import (
    MalformedCheckpoint,
    MalformedNoteKey,
    MalformedPolicy,
    MalformedSignature,
    QuorumMissed,
    SplitViewFound,
)
from sim.proof.note_key import decoded, encoded, key_id
from sim.proof.split_view import SplitView
from sim.proof.verify import LARGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    from sim.proof.checkpoint import Checkpoint
    from sim.proof.ed25519 import Ed25519Signer, Ed25519Verifier
    from sim.proof.note_key import NoteVerifier

_TYPE = b"\x04"
_TIME_SIZE = 8
_LATEST_TIME_S = 2**63 - 1
_SIGNATURE_SIZE = _TIME_SIZE + signatures.Ed25519.signature_size


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """The public key of one witness.

    Attributes:
        name: the witness's name.
        key: its Ed25519 key.
        key_id: what a signature line calls it besides the name, 4 bytes.

    Raises:
        MalformedNoteKey: the name is empty, or has a space, a plus, or a control character.
    """

    name: str
    key: Ed25519Verifier
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_id", key_id(self.name, _TYPE + self.key.public_key))

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """The key that a verifier key string of type 0x04 says.

        Raises:
            MalformedNoteKey: not such a string, or with another id than its key has.
            MalformedKey: Ed25519 refuses the public key.
        """
        name, stated_id, material = decoded(vkey)
        if not material.startswith(_TYPE):
            raise MalformedNoteKey("a witness's key is of type 0x04")
        verifier = cls(name, signatures.Ed25519.verifier(material.removeprefix(_TYPE)))
        if stated_id != verifier.key_id:
            raise MalformedNoteKey("the id is not that of this name and key")
        return verifier

    @property
    def vkey(self) -> str:
        """The verifier key string."""
        return encoded(self.name, self.key_id, _TYPE + self.key.public_key)

    def verify(self, text: bytes, signature: bytes) -> None:
        """Accept only this witness's cosignature of a note's text, whatever its time, or raise `ProofError`."""
        self.key.verify(_cosigned(text, time_of(signature)), signature[_TIME_SIZE:])


@dataclass(frozen=True, slots=True)
class Cosigner:
    """The secret key of one witness, which signs whatever it is given: `Witness` decides.

    Attributes:
        name: the witness's name.
        key: its Ed25519 key; no other cosigner may use it, as a cosignature does not commit to the name.
    """

    name: str
    key: Ed25519Signer

    def verifier(self) -> CosignatureVerifier:
        """The public side of this key."""
        return CosignatureVerifier(self.name, self.key.verifier())

    def cosign(self, note: bytes, *, time_s: int) -> bytes:
        """The note with this witness's cosignature; an older one of the same key gives way.

        Args:
            note: the bytes of a signed note.
            time_s: the time of signing, in whole seconds since 1970.

        Raises:
            MalformedNote: the bytes are no signed note, or it has no room for another signature.
            MalformedNumber: the time is not an int.
            SizeOutOfRange: the time is negative or from 2^63 on.
        """
        if type(time_s) is not int:
            raise MalformedNumber("time_s", type(time_s).__name__)
        if not 0 <= time_s <= _LATEST_TIME_S:
            raise SizeOutOfRange("time_s", time_s, 0, _LATEST_TIME_S)
        parsed = notes.parse(note)
        signature = time_s.to_bytes(_TIME_SIZE, "big") + self.key.sign(_cosigned(parsed.text, time_s))
        line = notes.NoteSignature(self.name, self.verifier().key_id, signature)
        return parsed.with_signature(line).to_bytes()


@dataclass(frozen=True, slots=True)
class Cosignature:
    """That one witness of a policy has cosigned.

    Attributes:
        name: the witness's name.
        time_s: when, by its own clock, in seconds since 1970.
    """

    name: str
    time_s: int


@dataclass(frozen=True, slots=True)
class Policy:
    """How many of which witnesses a reader wants to see under a checkpoint.

    Attributes:
        witnesses: their keys; no public key twice, also not under two names.
        quorum: how many of them must have cosigned, at least 1.

    Raises:
        MalformedPolicy: a key stands twice, or the quorum is not 1..the number of witnesses.
    """

    witnesses: tuple[CosignatureVerifier, ...]
    quorum: int

    def __post_init__(self) -> None:
        if len({witness.key.public_key for witness in self.witnesses}) != len(self.witnesses):
            raise MalformedPolicy("one public key stands twice, and would count twice")
        if type(self.quorum) is not int or not 1 <= self.quorum <= len(self.witnesses):
            raise MalformedPolicy(f"the quorum must lie in 1..{len(self.witnesses)}")

    def check(self, checkpoint: Checkpoint, *, not_after_s: int = _LATEST_TIME_S) -> tuple[Cosignature, ...]:
        """Accept only a checkpoint that enough witnesses have cosigned, each counted once.

        Args:
            checkpoint: a log's state, from `checkpoint.parse`.
            not_after_s: cosignatures dated later do not count; the reader's clock and its tolerance, say.

        Returns:
            The cosignatures that count, in the order of their lines.

        Raises:
            QuorumMissed: too few have.
            WrongNoteSignature: a signature that claims to be of one of the witnesses is not.
            MalformedNote: the checkpoint carries no note.
            MalformedCheckpoint: it carries the note of another one.
        """
        parsed = notes.parse(checkpoint.note)
        if parsed.text != checkpoint.text():
            raise MalformedCheckpoint("its note says something else")
        found = notes.known_signatures(parsed, self.witnesses)
        dated = (Cosignature(witness.name, time_of(signature)) for witness, signature in found)
        counted = tuple(cosignature for cosignature in dated if cosignature.time_s <= not_after_s)
        if len(counted) < self.quorum:
            raise QuorumMissed(self.quorum, len(counted))
        return counted


class Witness:
    """One witness's watch over one log: it cosigns a checkpoint only if the log has grown from the last one it saw.

    Its promise is worth what its memory is: whoever runs it stores `latest` before handing out a cosignature, and
    gives it back when starting again.

    Args:
        cosigner: the witness's key.
        verifiers: the keys of the log.
        origin: the log.
        latest: the last checkpoint it saw, from `checkpoint.parse`; none before the first.
    """

    __slots__ = ("_cosigner", "_verifiers", "latest", "origin")

    def __init__(
        self,
        cosigner: Cosigner,
        verifiers: Iterable[NoteVerifier],
        origin: str,
        latest: Checkpoint | None = None,
    ) -> None:
        self._cosigner = cosigner
        self._verifiers = tuple(verifiers)
        self.origin = origin
        self.latest = latest

    def cosign(self, note: bytes, proof: Sequence[bytes], *, time_s: int) -> bytes:
        """The note with a cosignature, after checking that the log only grew.

        Args:
            note: the signed note of the log's new checkpoint.
            proof: the consistency proof from `latest` to it; empty where `latest` is missing or of an empty log.
            time_s: the time now, in whole seconds since 1970.

        Raises:
            SplitViewFound: the log has signed another root for the size of `latest`; the evidence is in it.
            SizeOutOfRange: the checkpoint is older than `latest`.
            WrongProofLength: there is nothing before it to be consistent with, and yet a proof.
            ProofError: the note is no checkpoint of this log, or the proof does not hold.
        """
        checkpoint = checkpoints.parse(note, self._verifiers, origin=self.origin)
        self._check_growth(checkpoint, proof)
        cosigned = self._cosigner.cosign(note, time_s=time_s)
        self.latest = checkpoint
        return cosigned

    def _check_growth(self, new: Checkpoint, proof: Sequence[bytes]) -> None:
        old = self.latest
        if old is None or old.size == 0:
            if proof:
                raise WrongProofLength(0, len(proof))
            return
        fork = SplitView.between(old, new)
        if fork is not None:
            raise SplitViewFound(new.origin, new.size, fork.to_bytes())
        if new.size < old.size:
            raise SizeOutOfRange("size", new.size, old.size, LARGEST_SIZE)
        checkpoints.verify_consistency(old, new, proof)


def time_of(signature: bytes) -> int:
    """The time that a cosignature states, in seconds since 1970; only a verified one is worth anything.

    Raises:
        MalformedSignature: not 72 bytes, or a time from 2^63 on.
    """
    if len(signature) != _SIGNATURE_SIZE:
        raise MalformedSignature("cosignature", f"{len(signature)} bytes, not {_SIGNATURE_SIZE}")
    time_s = int.from_bytes(signature[:_TIME_SIZE], "big")
    if time_s > _LATEST_TIME_S:
        raise MalformedSignature("cosignature", "its time is from 2^63 on")
    return time_s


def _cosigned(text: bytes, time_s: int) -> bytes:
    """What a witness signs for a note's text."""
    return b"cosignature/v1\ntime %d\n" % time_s + text
