"""Validator sets: who may vote on a chain's blocks, and the one byte string and hash that stand for them.

The bytes of version 1, integers big endian and unsigned:

| bytes | field |
|---|---|
| 4 | the magic ``JAVS`` (judicial alliance validator set) |
| 1 | the version, 1 |
| 2 | n, the number of validators, 1..1024 |
| n times | 1 + i: length and UTF-8 of `id`; 1: the algorithm, 1 for ``ed25519`` or 2 for ``sm2``; 1 + k: `public_key` |

Validators stand in ascending order of the bytes of their ids, so a set has one encoding. A public key stands in it
once: two ids over one key would let one party vote twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from sim.proof import wire
from sim.proof.chain_errors import MalformedValidators, UnknownValidator
from sim.proof.signatures import scheme_by_name

if TYPE_CHECKING:
    from sim.proof.signatures import Verifier
    from sim.proof.suites import HashSuite

MOST_VALIDATORS = 1024
_MAGIC = b"JAVS"
_VERSION = 1
_CODES = {"ed25519": 1, "sm2": 2}
_NAMES = {code: name for name, code in _CODES.items()}
_LONGEST_KEY_BYTES = 255
ALGORITHMS = tuple(_CODES)
"""Signature algorithms of validators: ``ed25519`` (RFC 8032) and ``sm2`` (GB/T 32918.2)."""

_check = wire.Checks(MalformedValidators)


@dataclass(frozen=True, slots=True)
class Validator:
    """One party that votes.

    Attributes:
        id: its name, 1..255 bytes of UTF-8.
        algorithm: ``ed25519`` or ``sm2``.
        public_key: 32 bytes for Ed25519, 65 for SM2 (0x04, x, y). Whether it is a point of the curve is found when
            a signature is verified.

    Raises:
        MalformedValidators: a field has the wrong type, length or value.
    """

    id: str
    algorithm: str
    public_key: bytes

    def __post_init__(self) -> None:
        _check.words("validator id", self.id)
        if type(self.algorithm) is not str or self.algorithm not in _CODES:
            raise MalformedValidators(f"algorithm must be one of {', '.join(ALGORITHMS)}, not {self.algorithm!r:.64}")
        size = scheme_by_name(self.algorithm).public_key_size
        _check.octets("public_key", self.public_key, size, size)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Accept only this validator's signature over the message.

        Raises:
            ProofError: the signature is not good, or the public key is none.
        """
        _verifier(self.algorithm, self.public_key).verify(message, signature)


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """The validators of a chain at some height.

    Attributes:
        members: in ascending order of the bytes of their ids.

    Raises:
        MalformedValidators: there are none or too many, ids are not strictly ascending, or a key stands there twice.
    """

    members: tuple[Validator, ...]
    _by_id: dict[str, Validator] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check.items("validators", self.members, Validator, 1, MOST_VALIDATORS)
        ids = [member.id.encode() for member in self.members]
        if any(left >= right for left, right in pairwise(ids)):
            raise MalformedValidators("ids must ascend strictly by their bytes")
        if len({member.public_key for member in self.members}) < len(ids):
            raise MalformedValidators("a public key stands there twice")
        object.__setattr__(self, "_by_id", {member.id: member for member in self.members})

    def __len__(self) -> int:
        return len(self.members)

    @property
    def quorum(self) -> int:
        """Votes that make a quorum of n validators: ⌊(n+f)/2⌋ + 1, where f = ⌊(n−1)/3⌋ may lie.

        Any two quorums share f + 1 validators, so one that tells the truth; for n = 3f + 1 this is the 2f + 1 of
        Castro & Liskov (OSDI 1999, section 4.2).
        """
        faults = (len(self) - 1) // 3
        return (len(self) + faults) // 2 + 1

    def member(self, validator: str) -> Validator:
        """The validator of this id.

        Raises:
            UnknownValidator: there is none.
        """
        try:
            return self._by_id[validator]
        except KeyError:
            raise UnknownValidator(validator) from None

    def count_keys(self, signers: ValidatorSet, ids: frozenset[str]) -> int:
        """How many members stand, by their keys, behind these ids of another set.

        Ids may be given to another key when a set changes, so they do not tell who a validator is.
        """
        keys = {signers.member(validator).public_key for validator in ids}
        return sum(member.public_key in keys for member in self.members)

    def to_bytes(self) -> bytes:
        """The set's only encoding, laid out at the top of this module."""
        parts = [_MAGIC, wire.number(_VERSION, 1), wire.number(len(self), 2)]
        for member in self.members:
            parts += [
                wire.text(member.id),
                wire.number(_CODES[member.algorithm], 1),
                wire.sized(member.public_key, 1),
            ]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> ValidatorSet:
        """The set that these bytes, and no others, encode.

        Raises:
            MalformedValidators: they are not what `to_bytes` of any set gives.
        """
        reader = wire.Reader(data, MalformedValidators)
        reader.start(_MAGIC, _VERSION)
        count = reader.number("number of validators", 2, 1, MOST_VALIDATORS)
        members = tuple(_read(reader) for _ in range(count))
        reader.end()
        return cls(members)

    def hash(self, suite: HashSuite) -> bytes:
        """The 32-byte hash of the set's bytes: what a header's `validators_hash` holds."""
        return suite.digest(self.to_bytes())


def _read(reader: wire.Reader) -> Validator:
    validator = reader.text("validator id")
    code = reader.number("algorithm", 1)
    if code not in _NAMES:
        raise MalformedValidators(f"algorithm {code} is unknown")
    return Validator(validator, _NAMES[code], reader.sized("public_key", 1, _LONGEST_KEY_BYTES))


@lru_cache(maxsize=4 * MOST_VALIDATORS)
def _verifier(algorithm: str, public_key: bytes) -> Verifier:
    """The verifier of a key, kept: checking that a key is sound costs more than a signature, and keys come again."""
    return scheme_by_name(algorithm).verifier(public_key)
