"""What a light client can hold against a chain: malformed certificates, missing finality, broken trust, forks.

Like every refusal they derive from `sim.proof.errors.ProofError`, carry plain values and survive pickling.
"""

from __future__ import annotations

from sim.proof.errors import ProofError

_NANOSECONDS_PER_SECOND = 1_000_000_000


def _seconds(duration_ns: int) -> str:
    return f"{duration_ns / _NANOSECONDS_PER_SECOND:.3f} s"


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


class MalformedValidators(_Malformed):
    """A validator set breaks its format: an unknown algorithm, a key of the wrong size, a party counted twice."""

    subject = "validator set"


class MalformedCertificate(_Malformed):
    """A vote or a quorum certificate breaks its format."""

    subject = "certificate"


class MalformedBundle(_Malformed):
    """A cross-chain proof bundle, an update of a light client or evidence of a fork breaks its format."""

    subject = "bundle"


class MalformedTrust(_Malformed):
    """What a light client was told to trust contradicts itself."""

    subject = "trust"


class UnknownProtocol(ProofError):
    """No finality rule is known for a consensus protocol.

    Attributes:
        protocol: the name asked for.
    """

    def __init__(self, protocol: str) -> None:
        super().__init__(protocol)
        self.protocol = protocol

    def __str__(self) -> str:
        return f"no finality rule for protocol {self.protocol!r:.64}"


class NoFinality(ProofError):
    """A protocol that survives crashes only has no certificate that a stranger could check.

    Attributes:
        protocol: which one.
    """

    def __init__(self, protocol: str) -> None:
        super().__init__(protocol)
        self.protocol = protocol

    def __str__(self) -> str:
        return f"{self.protocol} survives crashes only: whoever orders its blocks can rewrite them, no votes prove one"


class NotFinal(ProofError):
    """Certificates are good but are not what makes a block of this protocol final.

    Attributes:
        protocol: the protocol.
        reason: what is missing.
    """

    def __init__(self, protocol: str, reason: str) -> None:
        super().__init__(protocol, reason)
        self.protocol = protocol
        self.reason = reason

    def __str__(self) -> str:
        return f"not final under {self.protocol}: {self.reason}"


class WrongChain(ProofError):
    """Something belongs to another chain, or is hashed or agreed on in another way than this chain's.

    Attributes:
        name: what differs: ``header``, ``vote``, ``protocol`` or ``hash``.
        found: its chain, protocol or hash.
        expected: ours.
    """

    def __init__(self, name: str, found: str, expected: str) -> None:
        super().__init__(name, found, expected)
        self.name = name
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.name} is of {self.found!r:.64}, not of {self.expected!r:.64}"


class WrongBlock(ProofError):
    """A certificate votes for another block than the header beside it, or a header does not follow its parent.

    Attributes:
        name: what differs: ``height``, ``digest`` or ``parent``.
        found: the value found, in hexadecimal digits for a digest.
        expected: the value that would be right.
    """

    def __init__(self, name: str, found: int | str, expected: int | str) -> None:
        super().__init__(name, found, expected)
        self.name = name
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.name} is {self.found}, expected {self.expected}"


class WrongValidators(ProofError):
    """A header names another validator set than the one given.

    Attributes:
        named: the hash in the header.
        given: the hash of the set.
    """

    def __init__(self, named: bytes, given: bytes) -> None:
        super().__init__(named, given)
        self.named = named
        self.given = given

    def __str__(self) -> str:
        return f"the header names validator set {self.named.hex()}, given is {self.given.hex()}"


class UnknownValidator(ProofError):
    """A vote comes from nobody in the validator set: never was, or has been rotated out.

    Attributes:
        validator: its id.
    """

    def __init__(self, validator: str) -> None:
        super().__init__(validator)
        self.validator = validator

    def __str__(self) -> str:
        return f"{self.validator!r:.64} is not in the validator set"


class RepeatedValidator(ProofError):
    """A certificate counts a validator twice.

    Attributes:
        validator: its id.
    """

    def __init__(self, validator: str) -> None:
        super().__init__(validator)
        self.validator = validator

    def __str__(self) -> str:
        return f"{self.validator!r:.64} votes twice in one certificate"


class TooFewVotes(ProofError):
    """A certificate has fewer votes than a quorum.

    Attributes:
        votes: how many it has.
        quorum: how many are needed.
        validators: the size of the set.
    """

    def __init__(self, votes: int, quorum: int, validators: int) -> None:
        super().__init__(votes, quorum, validators)
        self.votes = votes
        self.quorum = quorum
        self.validators = validators

    def __str__(self) -> str:
        return f"{self.votes} votes, a quorum of {self.validators} validators is {self.quorum}"


class BadVote(ProofError):
    """A validator's signature does not stand for the vote.

    Attributes:
        validator: its id.
        reason: what its verifier says.
    """

    def __init__(self, validator: str, reason: str) -> None:
        super().__init__(validator, reason)
        self.validator = validator
        self.reason = reason

    def __str__(self) -> str:
        return f"the vote of {self.validator!r:.64} is refused: {self.reason}"


class TooLittleOverlap(ProofError):
    """Too few of the validators trusted so far stand behind a block of another set.

    Attributes:
        signed: how many of them signed.
        trusted: how many are trusted; more than a third must sign.
    """

    def __init__(self, signed: int, trusted: int) -> None:
        super().__init__(signed, trusted)
        self.signed = signed
        self.trusted = trusted

    def __str__(self) -> str:
        return f"{self.signed} of {self.trusted} trusted validators signed, more than a third must"


class HeightNotAbove(ProofError):
    """A header stands at or below the height trusted already.

    Attributes:
        height: of the header.
        trusted: the trusted height.
    """

    def __init__(self, height: int, trusted: int) -> None:
        super().__init__(height, trusted)
        self.height = height
        self.trusted = trusted

    def __str__(self) -> str:
        return f"height {self.height} is not above the trusted height {self.trusted}"


class WentBackwards(ProofError):
    """A later header has an earlier time or a shorter log than the trusted one: no correct chain does that.

    Attributes:
        name: ``time_ns`` or ``log_size``.
        found: its value.
        trusted: the value in the trusted header.
    """

    def __init__(self, name: str, found: int, trusted: int) -> None:
        super().__init__(name, found, trusted)
        self.name = name
        self.found = found
        self.trusted = trusted

    def __str__(self) -> str:
        return f"{self.name} fell from {self.trusted} to {self.found}"


class TrustExpired(ProofError):
    """The trusted header is so old that its validators may have sold their keys since.

    Attributes:
        age_ns: how old it is.
        period_ns: how long it may be trusted.
    """

    def __init__(self, age_ns: int, period_ns: int) -> None:
        super().__init__(age_ns, period_ns)
        self.age_ns = age_ns
        self.period_ns = period_ns

    def __str__(self) -> str:
        return f"the trusted header is {_seconds(self.age_ns)} old, the trusting period is {_seconds(self.period_ns)}"


class FromTheFuture(ProofError):
    """A header's time lies further ahead than clocks may drift.

    Attributes:
        ahead_ns: how far ahead of now.
        drift_ns: how far it may be.
    """

    def __init__(self, ahead_ns: int, drift_ns: int) -> None:
        super().__init__(ahead_ns, drift_ns)
        self.ahead_ns = ahead_ns
        self.drift_ns = drift_ns

    def __str__(self) -> str:
        return f"the header is {_seconds(self.ahead_ns)} ahead of now, clocks may drift {_seconds(self.drift_ns)}"


class ForkFound(ProofError):
    """Two different blocks are final at one height; the light client froze, and keeps both as evidence.

    Attributes:
        height: where.
        first: the digest of the block accepted before.
        second: the digest of the other.
    """

    def __init__(self, height: int, first: bytes, second: bytes) -> None:
        super().__init__(height, first, second)
        self.height = height
        self.first = first
        self.second = second

    def __str__(self) -> str:
        return f"fork at height {self.height}: {self.first.hex()} and {self.second.hex()} are both final"


class Frozen(ProofError):
    """The light client has seen a fork of its chain and accepts nothing more.

    Attributes:
        height: where the fork is.
    """

    def __init__(self, height: int) -> None:
        super().__init__(height)
        self.height = height

    def __str__(self) -> str:
        return f"frozen since two blocks were final at height {self.height}"


class NoFork(ProofError):
    """Evidence of a fork shows none.

    Attributes:
        reason: why.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"no evidence of a fork: {self.reason}"
