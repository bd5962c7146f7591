"""What can be held against a key, a signature, a signed note, a checkpoint or a set of witnesses.

Like every refusal they derive from `sim.proof.errors.ProofError`, carry plain values and survive pickling. No message
prints more than a short form of what came from outside.
"""

from __future__ import annotations

from sim.proof.errors import ProofError

_SHOWN_BYTES = 8


def _shown(data: bytes) -> str:
    return data.hex() if len(data) <= _SHOWN_BYTES else f"{data[:_SHOWN_BYTES].hex()}…"


class UnknownScheme(ProofError):
    """No signature scheme has this name.

    Attributes:
        name: the name asked for.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"unknown signature scheme {self.name!r:.64}"


class _SchemeError(ProofError):
    """Something of one signature scheme breaks a rule.

    Attributes:
        scheme: the name of the scheme.
        reason: the rule, or what would be right.
    """

    subject = ""

    def __init__(self, scheme: str, reason: str) -> None:
        super().__init__(scheme, reason)
        self.scheme = scheme
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.scheme} {self.subject} refused: {self.reason}"


class MalformedKey(_SchemeError):
    """A public or secret key, or an identity bound to it, is not one that the scheme allows."""

    subject = "key"


class MalformedSignature(_SchemeError):
    """A signature, or the message under it, is not one that the scheme allows, whatever the key."""

    subject = "signature"


class WrongSignature(ProofError):
    """A well-formed signature is not one of this message under this key.

    Attributes:
        scheme: the name of the scheme.
        public_key: the key.
    """

    def __init__(self, scheme: str, public_key: bytes) -> None:
        super().__init__(scheme, public_key)
        self.scheme = scheme
        self.public_key = public_key

    def __str__(self) -> str:
        return f"no {self.scheme} signature of this message under key {_shown(self.public_key)}"


class _Malformed(ProofError):
    """Something has a field or a byte that its format does not allow.

    Attributes:
        reason: which one, and what would be right.
    """

    subject = ""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"malformed {self.subject}: {self.reason}"


class MalformedNote(_Malformed):
    """Bytes are not a signed note."""

    subject = "note"


class MalformedNoteKey(_Malformed):
    """A key of a note's signer, or the string that says it, breaks its format."""

    subject = "note key"


class MalformedCheckpoint(_Malformed):
    """The text of a note is not a checkpoint."""

    subject = "checkpoint"


class MalformedPolicy(_Malformed):
    """A witness policy asks for what cannot be, or counts one key twice."""

    subject = "witness policy"


class NotSplitView(_Malformed):
    """What is offered as evidence of a split view is none."""

    subject = "evidence of a split view"


class _KeyRefused(ProofError):
    """Something is wrong with one named key of a note.

    Attributes:
        name: the key's name.
        key_id: its id, 4 bytes.
    """

    complaint = ""

    def __init__(self, name: str, key_id: bytes) -> None:
        super().__init__(name, key_id)
        self.name = name
        self.key_id = key_id

    def __str__(self) -> str:
        return f"{self.complaint} {self.name!r:.80}+{_shown(self.key_id)}"


class AmbiguousKey(_KeyRefused):
    """Two known keys share a name and an id, so that a signature line cannot say which of them it means."""

    complaint = "two different keys are both called"


class WrongNoteSignature(_KeyRefused):
    """A note carries a signature that claims to be of a known key and is not: the whole note is refused."""

    complaint = "bad signature of known key"


class UnsignedNote(ProofError):
    """No signature of a note is of a known key."""

    def __str__(self) -> str:
        return "the note has no signature of a known key"


class WrongOrigin(ProofError):
    """A checkpoint is of another log than the one asked for, or two checkpoints are of two logs.

    Attributes:
        found: its origin.
        expected: the origin asked for.
    """

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found, expected)
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"a checkpoint of {self.found!r:.80}, expected one of {self.expected!r:.80}"


class WrongSuite(ProofError):
    """A root of one hash stands under an origin that names another.

    Attributes:
        origin: the log.
        suite: the hash that its origin names.
        offered: the hash of the root.
    """

    def __init__(self, origin: str, suite: str, offered: str) -> None:
        super().__init__(origin, suite, offered)
        self.origin = origin
        self.suite = suite
        self.offered = offered

    def __str__(self) -> str:
        return f"the origin {self.origin!r:.80} names {self.suite}, the root is of {self.offered}"


class QuorumMissed(ProofError):
    """Too few witnesses of a policy have cosigned a checkpoint.

    Attributes:
        needed: how many the policy asks for.
        found: how many different ones have.
    """

    def __init__(self, needed: int, found: int) -> None:
        super().__init__(needed, found)
        self.needed = needed
        self.found = found

    def __str__(self) -> str:
        return f"{self.found} of the policy's witnesses have cosigned, {self.needed} are needed"


class SplitViewFound(ProofError):
    """A log has signed two trees of one size: it shows different histories to different readers.

    Attributes:
        origin: the log.
        size: the size of both trees, in leaves.
        evidence: `sim.proof.split_view.SplitView.to_bytes` of the two notes.
    """

    def __init__(self, origin: str, size: int, evidence: bytes) -> None:
        super().__init__(origin, size, evidence)
        self.origin = origin
        self.size = size
        self.evidence = evidence

    def __str__(self) -> str:
        return f"split view: {self.origin!r:.80} has signed two roots for size {self.size}"
