"""State proofs as data: what a state tree hands out and a verifier takes in, and its one encoding.

A proof walks from the root of a state tree (`sim.proof.state`) down to where a key stands, or would stand. It holds
what lies beside that way, and what the way ends at. It never holds a hash on the way itself: those the verifier
computes, so a prover has no inner node of its own to slip in.

The bytes of version 1, integers big endian and unsigned:

| offset | bytes | field |
|---|---|---|
| 0 | 4 | the magic ``JASP`` (judicial alliance state proof) |
| 4 | 1 | the version, 1 |
| 5 | 1 | the hash suite: 1 SHA-256, 2 SM3 |
| 6 | 1 | the end of the way: 0 an empty subtree, 1 a leaf |
| 7 | 2 | d, the depth of that end, 0..256 |
| 9 | b = ⌈d / 8⌉ | bit i, most significant first: the sibling at depth i + 1 is not empty; spare bits are 0 |
| 9 + b | 64 or 0 | of a leaf, the hash of its key and the hash of its value |
| … | 32 each | the siblings that are not empty, from the root downwards |

An empty sibling is said by its bit alone and never written out. The deepest sibling is never empty, because an inner
node has two leaves or more below it. So every proof has one encoding, and no bytes are that of two.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sim.proof.errors import MalformedStateProof
from sim.proof.suites import DIGEST_SIZE

EMPTY_ROOT = bytes(DIGEST_SIZE)
"""What stands for a subtree without leaves, and so the root of the tree without keys, in every suite."""

DEEPEST = 8 * DIGEST_SIZE
"""The depth at which two different key hashes have parted at the latest."""

_MAGIC = b"JASP"
_VERSION = 1
_PREFIX = struct.Struct(">4sBBBH")
_SUITE_CODES = {"sha256": 1, "sm3": 2}
_SUITE_NAMES = {code: name for name, code in _SUITE_CODES.items()}
_ENDS_EMPTY, _ENDS_AT_LEAF = 0, 1


@dataclass(frozen=True, slots=True)
class StateLeaf:
    """A leaf of a state tree, by its two hashes.

    Attributes:
        key_hash: H(key), 32 bytes.
        value_hash: H(value), 32 bytes.

    Raises:
        MalformedStateProof: one of them is not 32 bytes of `bytes`.
    """

    key_hash: bytes
    value_hash: bytes

    def __post_init__(self) -> None:
        _check_hash("key_hash", self.key_hash)
        _check_hash("value_hash", self.value_hash)


@dataclass(frozen=True, slots=True)
class StateProof:
    """The way from a state root to where a key stands or would stand.

    One proof serves both claims: that the key has its value, if the way ends at the key's leaf; that the key is
    absent, if it ends at an empty subtree or at the lone leaf of another key. A proof that exists is well-formed: the
    fields are checked on construction. Whether it proves anything is for `verify_state` to say.

    Attributes:
        suite: the name of the tree's hash suite, ``sha256`` or ``sm3``.
        leaf: the leaf at which the way ends; `None` for an empty subtree.
        siblings: the hashes beside the way, 32 bytes each, from the root downwards; `EMPTY_ROOT` for an empty one.

    Raises:
        MalformedStateProof: a field has the wrong type or length, there are more than 256 siblings, or the deepest
            sibling is empty.
    """

    suite: str
    leaf: StateLeaf | None
    siblings: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if type(self.suite) is not str or self.suite not in _SUITE_CODES:
            raise MalformedStateProof(f"no suite is called {self.suite!r:.64}")
        if self.leaf is not None and type(self.leaf) is not StateLeaf:
            raise MalformedStateProof(f"leaf must be a StateLeaf or None, not {type(self.leaf).__name__}")
        if type(self.siblings) is not tuple:
            raise MalformedStateProof(f"siblings must be a tuple, not {type(self.siblings).__name__}")
        _check_depth(len(self.siblings))
        for depth, sibling in enumerate(self.siblings):
            # The name costs more than the check, so it is made for a bad hash only.
            if type(sibling) is not bytes or len(sibling) != DIGEST_SIZE:
                _check_hash(f"siblings[{depth}]", sibling)
        if self.siblings and self.siblings[-1] == EMPTY_ROOT:
            raise MalformedStateProof("the deepest sibling is empty, but an inner node has two leaves or more below it")

    def to_bytes(self) -> bytes:
        """The proof's only encoding, laid out at the top of this module."""
        depth = len(self.siblings)
        present, end = 0, _ENDS_EMPTY
        for sibling in self.siblings:
            present = present << 1 | (sibling != EMPTY_ROOT)
        leaf = b""
        if self.leaf is not None:
            leaf, end = self.leaf.key_hash + self.leaf.value_hash, _ENDS_AT_LEAF
        return b"".join(
            (
                _PREFIX.pack(_MAGIC, _VERSION, _SUITE_CODES[self.suite], end, depth),
                (present << -depth % 8).to_bytes(_map_size(depth), "big"),
                leaf,
                *(sibling for sibling in self.siblings if sibling != EMPTY_ROOT),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> StateProof:
        """The proof that these bytes, and no others, encode.

        Raises:
            MalformedStateProof: they are not what `to_bytes` of any proof gives.
        """
        suite, ends_at_leaf, depth = _checked_prefix(data)
        leaf_start = _PREFIX.size + _map_size(depth)
        _check_size(data, leaf_start, at_least=True)
        present = int.from_bytes(data[_PREFIX.size : leaf_start], "big")
        spare = -depth % 8
        if present & (1 << spare) - 1:
            raise MalformedStateProof(f"a spare bit after the {depth} of the siblings is set")
        present >>= spare
        start = leaf_start + 2 * DIGEST_SIZE * ends_at_leaf
        _check_size(data, start + DIGEST_SIZE * present.bit_count())
        leaf = None
        if ends_at_leaf:
            leaf = StateLeaf(data[leaf_start : leaf_start + DIGEST_SIZE], data[leaf_start + DIGEST_SIZE : start])
        siblings = []
        for shift in range(depth - 1, -1, -1):
            if present >> shift & 1:
                siblings.append(_written_out(data[start : start + DIGEST_SIZE]))
                start += DIGEST_SIZE
            else:
                siblings.append(EMPTY_ROOT)
        return cls(suite, leaf, tuple(siblings))


def _checked_prefix(data: object) -> tuple[str, bool, int]:
    """The suite's name, whether the way ends at a leaf, and how deep."""
    if type(data) is not bytes:
        raise MalformedStateProof(f"bytes expected, not {type(data).__name__}")
    _check_size(data, _PREFIX.size, at_least=True)
    magic, version, suite_code, end, depth = _PREFIX.unpack_from(data)
    if magic != _MAGIC:
        raise MalformedStateProof(f"it starts with {magic!r}, not {_MAGIC!r}")
    if version != _VERSION:
        raise MalformedStateProof(f"version {version} is unknown, only {_VERSION} is")
    if suite_code not in _SUITE_NAMES:
        raise MalformedStateProof(f"no suite has the code {suite_code}")
    if end not in {_ENDS_EMPTY, _ENDS_AT_LEAF}:
        raise MalformedStateProof(f"no way ends at a {end}")
    _check_depth(depth)
    return _SUITE_NAMES[suite_code], end == _ENDS_AT_LEAF, depth


def _map_size(depth: int) -> int:
    """The bytes that hold one bit per sibling."""
    return (depth + 7) // 8


def _written_out(sibling: bytes) -> bytes:
    """A sibling whose bytes are in the encoding, which an empty one's must not be."""
    if sibling == EMPTY_ROOT:
        raise MalformedStateProof("an empty sibling is written out; its bit alone must say it")
    return sibling


def _check_depth(depth: int) -> None:
    if depth > DEEPEST:
        raise MalformedStateProof(f"a way has {DEEPEST} siblings at most, not {depth}")


def _check_size(data: bytes, expected: int, *, at_least: bool = False) -> None:
    if len(data) < expected or (len(data) > expected and not at_least):
        raise MalformedStateProof(f"{expected} bytes announced, {len(data)} found")


def _check_hash(name: str, value: object) -> None:
    if type(value) is not bytes:
        raise MalformedStateProof(f"{name} must be bytes, not {type(value).__name__}")
    if len(value) != DIGEST_SIZE:
        raise MalformedStateProof(f"{name} must have {DIGEST_SIZE} bytes, not {len(value)}")
