"""The verifier of state proofs: what a state root says of one key.

It imports nothing of the tree that makes proofs, so that one mistake cannot hide in both. It knows the hashing of a
state tree from its definition (stated at the top of `sim.proof.state`):

    leaf = H(0x02 ‖ H(key) ‖ H(value))    inner node = H(0x03 ‖ left ‖ right)    empty subtree = 32 zero bytes

The checks go in one order: types and form, the suite, what the way ends at, and only then the climb to the root.
Whatever comes in, the answer is `None` or a `ProofError`; nothing else is raised.

Why no root, not even one that its maker has rigged, can have both a value and absence, or two values, proved for one
key: the key's hash fixes the way down. Both proofs would have to show, at the depth where the shorter one ends, one
hash that is two different things among a leaf, an inner node and nothing; the prefixes keep those apart as far as H
has no collisions. Absence is thus shown by the one place where the key would stand, never by neighbours in some
order, which would have to be shown adjacent. What a root cannot say is which state was current: take it from a
finalised block header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.proof.errors import (
    MalformedEntry,
    MalformedHash,
    MalformedStateProof,
    ProofOfAbsence,
    ProofOfAnotherKey,
    ProofOfAnotherSuite,
    ProofOfAnotherValue,
    ProofOfPresence,
    RootMismatch,
)
from sim.proof.state_proof import DEEPEST, EMPTY_ROOT, StateProof

if TYPE_CHECKING:
    from sim.proof.state_proof import StateLeaf
    from sim.proof.suites import HashSuite


def verify_state(suite: HashSuite, *, root: bytes, key: bytes, value: bytes | None, proof: StateProof) -> None:
    """Accept only if the state with this root gives the key this value, or, for `None`, does not have the key.

    Args:
        suite: the hash of the tree.
        root: the trusted state root, 32 bytes.
        key: the key, of any length.
        value: the value that the key is said to have, of any length; `None` to verify that the key is absent.
        proof: what `StateTree.prove` or `StateProof.from_bytes` gave.

    Raises:
        MalformedHash: ``root`` is not 32 bytes of `bytes`.
        MalformedEntry: ``key`` or ``value`` is not `bytes`.
        MalformedStateProof: ``proof`` is not a `StateProof`.
        ProofOfAnotherSuite: the proof is for a tree under another hash.
        ProofOfAbsence: a value is claimed, the way ends at an empty subtree.
        ProofOfPresence: absence is claimed, the way ends at the key's own leaf.
        ProofOfAnotherKey: the way ends at the leaf of another key, where the key's value was to be shown; or at one
            that does not stand on the key's way, where its absence was.
        ProofOfAnotherValue: the way ends at the key's leaf, which has another value.
        RootMismatch: the proof leads to another root.
    """
    _check_hash(suite, "root", root)
    _check_entry("key", key)
    if value is not None:
        _check_entry("value", value)
    if type(proof) is not StateProof:
        raise MalformedStateProof(f"a StateProof expected, not {type(proof).__name__}")
    if proof.suite != suite.name:
        raise ProofOfAnotherSuite(proof.suite, suite.name)
    key_hash = suite.digest(key)
    path = int.from_bytes(key_hash, "big") >> DEEPEST - len(proof.siblings)
    if value is not None:
        _check_presence(proof.leaf, key_hash, suite.digest(value))
    elif proof.leaf is not None:
        _check_stranger(proof.leaf, key_hash, len(proof.siblings))
    digest = EMPTY_ROOT
    if proof.leaf is not None:
        digest = suite.digest(b"\x02" + proof.leaf.key_hash + proof.leaf.value_hash)
    for sibling in reversed(proof.siblings):
        # The lowest bit left of the path tells on which side of its parent the node on the way stands.
        digest = suite.digest(b"\x03" + sibling + digest if path & 1 else b"\x03" + digest + sibling)
        path >>= 1
    if digest != root:
        raise RootMismatch("root", digest, root)


def _check_presence(leaf: StateLeaf | None, key_hash: bytes, value_hash: bytes) -> None:
    """Refuse unless the leaf is the key's and has the value."""
    if leaf is None:
        raise ProofOfAbsence(key_hash)
    if leaf.key_hash != key_hash:
        raise ProofOfAnotherKey(leaf.key_hash, key_hash)
    if leaf.value_hash != value_hash:
        raise ProofOfAnotherValue(leaf.value_hash, value_hash)


def _check_stranger(leaf: StateLeaf, key_hash: bytes, depth: int) -> None:
    """Refuse unless the leaf is another key's and stands, at this depth, where the key would."""
    if leaf.key_hash == key_hash:
        raise ProofOfPresence(key_hash)
    apart = int.from_bytes(leaf.key_hash, "big") ^ int.from_bytes(key_hash, "big")
    if apart >> DEEPEST - depth:
        raise ProofOfAnotherKey(leaf.key_hash, key_hash)


def _check_hash(suite: HashSuite, name: str, value: object) -> None:
    if type(value) is not bytes:
        raise MalformedHash(name, type(value).__name__)
    if len(value) != suite.digest_size:
        raise MalformedHash(name, len(value))


def _check_entry(name: str, value: object) -> None:
    if type(value) is not bytes:
        raise MalformedEntry(name, type(value).__name__)
