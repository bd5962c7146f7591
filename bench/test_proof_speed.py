"""How fast records are hashed, trees built, and proofs made and verified, beside OpenSSL, hashlib and pymerkle.

pymerkle has no SM3, so it runs SHA-256 beside both.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pymerkle
import pytest
from kernels import kernel
from measure import Against, Items, frequent, targeted

from sim.proof import SHA256, SM3, ProofError, lanes, merkle

if TYPE_CHECKING:
    from measure import Measure

    from sim.proof.suites import HashSuite

HUGE = 2_200_000_000
HUGE_DEPTH = 32
RECORDS = 1 << 22
PROOFS = 1 << 15
LOG_SIZE = 1 << 16
LOG_DEPTH = LOG_SIZE.bit_length() - 1
PEER_SIZE = 1 << 13
GROUP = 100
STREAM_GOALS = {"sha256": 1.5, "sm3": 6.0}

draw = np.random.default_rng(20220525)
both_suites = pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)
thread_counts = pytest.mark.parametrize("threads", [1, 2], ids=["1 thread", "2 threads"])


def drawn(*shape: int) -> np.ndarray:
    """Bytes to hash."""
    return draw.integers(0, 256, shape, dtype=np.uint8)


@both_suites
@frequent
def test_hash_64_bytes_in_lanes(measure: Measure, suite: HashSuite) -> None:
    """Goal, one thread: per block 1.5 times OpenSSL's 16 KiB stream with SHA-256, 6 times with SM3."""
    messages, stream = drawn(1 << 14, 64), bytes(1 << 14)
    single = messages[0].tobytes()
    started = hashlib.new(suite.name)
    loops = 1000

    def one_by_one() -> None:
        for _ in range(loops):
            one = started.copy()
            one.update(single)
            one.digest()

    def streams() -> None:
        for _ in range(10):
            hashlib.new(suite.name, stream).digest()

    blocks_each = 2  # 64 bytes and their padding
    digests = measure(
        lambda: lanes.hashes(suite, messages),
        Items(len(messages), "messages"),
        beside=[
            Against("OpenSSL's stream of 16 KiB, per block", streams, 10 * 256 / blocks_each, STREAM_GOALS[suite.name]),
            Against("hashlib, one by one", one_by_one, loops),
        ],
        rounds=20,
    )
    assert digests[0].tobytes() == hashlib.new(suite.name, single).digest()


@both_suites
@frequent
def test_hash_one_node(measure: Measure, suite: HashSuite) -> None:
    """One node of a tree at a time, as verifiers do; beside hashlib on the same 65 bytes. Goal: 0.7 of it."""
    left, right, loops = bytes(32), bytes(range(32)), 2000
    joined = b"\x01" + left + right

    def plain() -> list[bytes]:
        return [hashlib.new(suite.name, joined).digest() for _ in range(loops)]

    nodes = measure(
        lambda: [suite.node(left, right) for _ in range(loops)],
        Items(loops, "nodes"),
        limit=Against("hashlib on the same bytes", plain, loops, 0.7),
    )
    assert nodes == plain()


@both_suites
@thread_counts
@targeted
def test_build(measure: Measure, suite: HashSuite, threads: int) -> None:
    """Goal: 0.75 of the kernel's rate for three compressions a leaf."""
    contents = drawn(RECORDS, 32)
    some = [row.tobytes() for row in contents[:10_000]]
    built = measure(
        lambda: merkle.build(suite, contents, threads),
        Items(RECORDS, "leaves", lambda built: built.range.end),
        limit=kernel(suite, 3, threads, 0.75),
        beside=[
            Against("hashlib, a loop", lambda: merkle.root(suite, suite.leaves(some)), len(some)),
            Against("pymerkle in memory, SHA-256", lambda: pymerkle_tree(2000).get_root(), 2000),
        ],
    )
    assert len(built.root) == len(bytes(32))


def pymerkle_tree(size: int) -> pymerkle.InmemoryTree:
    """A tree of the peer's."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for number in range(size):
        tree.append_entry(b"%32d" % number)
    return tree


@cache
def peer() -> pymerkle.InmemoryTree:
    """The tree that the peer proves from; it takes a while to make, and so do its proofs."""
    return pymerkle_tree(PEER_SIZE)


@cache
def peer_proofs() -> list[tuple[bytes, pymerkle.MerkleProof]]:
    """Leaves and proofs for the peer to verify."""
    return [(peer().get_leaf(index), peer().prove_inclusion(index)) for index in range(1, 200)]


def peer_verifies(items: float = 1) -> Against:
    """The peer's verifier, at a depth of 13; ``items`` is what one of its proofs counts as."""
    root = peer().get_root()

    def verify() -> None:
        for leaf, proof in peer_proofs():
            pymerkle.verify_inclusion(leaf, root, proof)

    return Against("pymerkle", verify, len(peer_proofs()) * items)


def log_of(suite: HashSuite) -> merkle.Log:
    """A log of some size in memory."""
    log = merkle.Log(suite)
    log.extend(row.tobytes() for row in lanes.leaves(suite, drawn(LOG_SIZE, 32)))
    return log


@both_suites
@frequent
def test_prove_inclusion(measure: Measure, suite: HashSuite) -> None:
    """Goal: 3 times pymerkle; nothing is hashed in a tree of a power of two leaves."""
    log = log_of(suite)
    indices = draw.integers(0, LOG_SIZE, 1000).tolist()
    few = [index % PEER_SIZE + 1 for index in indices[:100]]
    proofs = measure(
        lambda: [log.inclusion_proof(index) for index in indices],
        Items(len(indices), "proofs"),
        beside=[
            Against("pymerkle, 8 times smaller", lambda: [peer().prove_inclusion(index) for index in few], len(few), 3)
        ],
    )
    assert all(len(proof) == LOG_DEPTH for proof in proofs)


@both_suites
@frequent
def test_prove_consistency(measure: Measure, suite: HashSuite) -> None:
    """Goal: 20,000 a second from a log in memory, between any two of its sizes."""
    log = log_of(suite)
    pairs = np.sort(draw.integers(1, LOG_SIZE, (500, 2)), axis=1).tolist()
    measure(
        lambda: [log.consistency_proof(old, new) for old, new in pairs],
        Items(len(pairs), "proofs"),
        goal_per_s=20_000,
    )


@both_suites
@frequent
def test_verify_inclusion(measure: Measure, suite: HashSuite) -> None:
    """Goal: half of what the hashing of a proof alone takes with hashlib; and faster than pymerkle."""
    log = log_of(suite)
    root, loops = log.root(), 1000
    indices = draw.integers(0, LOG_SIZE, 200).tolist()
    leaf_hashes = [log.inclusion_proof(index ^ 1)[0] for index in indices]
    proofs = [log.inclusion_proof(index) for index in indices]

    def verify() -> int:
        for leaf_hash, index, proof in zip(leaf_hashes, indices, proofs, strict=True):
            merkle.verify_inclusion(suite, leaf_hash=leaf_hash, index=index, size=LOG_SIZE, proof=proof, root=root)
        return len(proofs)

    measure(
        verify,
        Items(len(indices), "proofs", int),
        limit=Against(
            "its 16 hashes alone", lambda: [suite.node(root, root) for _ in range(loops)], loops / LOG_DEPTH, 0.5
        ),
        beside=[peer_verifies(13 / LOG_DEPTH)],
        rounds=20,
    )


@both_suites
@thread_counts
@targeted
def test_verify_batch(measure: Measure, suite: HashSuite, threads: int) -> None:
    """Goal at size 2.2e9: two threads 0.6 of the kernel limit, one 20 times a hashlib verifier and 15 pymerkle."""
    rows = {
        "leaf_hashes": drawn(PROOFS, 32),
        "indices": draw.integers(0, 1 << 31, PROOFS),
        "proofs": drawn(PROOFS, HUGE_DEPTH, 32),
        "lengths": np.full(PROOFS, HUGE_DEPTH),
    }
    root, few = bytes(32), 100
    # The work is the same for a proof that fails at the end: every hash of it is computed.
    first = {
        "leaf_hash": rows["leaf_hashes"][0].tobytes(),
        "index": int(rows["indices"][0]),
        "proof": [sibling.tobytes() for sibling in rows["proofs"][0]],
    }

    def one_by_one() -> None:
        for _ in range(few):
            with suppress(ProofError):
                merkle.verify_inclusion(suite, size=HUGE, root=root, **first)

    alone = threads == 1
    passed = measure(
        lambda: merkle.verify_inclusion_batch(suite, **rows, size=HUGE, root=root, threads=threads),
        Items(PROOFS, "proofs"),
        limit=kernel(suite, 2 * HUGE_DEPTH, threads, None if alone else 0.6),
        beside=[
            Against(
                "a plain hashlib verifier",
                lambda: [plain_root(suite, **first) for _ in range(few)],
                few,
                20 if alone else None,
            ),
            Against("verify_inclusion, one by one", one_by_one, few),
            peer_verifies_at(HUGE_DEPTH, 15 if alone else None),
        ],
    )
    assert not passed.any()


def peer_verifies_at(depth: int, goal: float | None) -> Against:
    """The peer's verifier, counted as if its time per hash stayed the same at another depth."""
    shallow = peer_verifies(13 / depth)
    return Against(f"pymerkle, its hashes a second at depth {depth}", shallow.work, shallow.count, goal)


def plain_root(suite: HashSuite, leaf_hash: bytes, index: int, proof: list[bytes]) -> bytes:
    """The root that a proof of a perfect tree leads to, as one would write it with hashlib."""
    digest = leaf_hash
    for sibling in proof:
        pair = sibling + digest if index & 1 else digest + sibling
        digest = hashlib.new(suite.name, b"\x01" + pair).digest()
        index >>= 1
    return digest


@both_suites
@targeted
def test_multi_proof(measure: Measure, suite: HashSuite) -> None:
    """Goal: a hundred neighbours in a fifth of the time that their own proofs take; a tenth of the bytes, asserted."""
    log = log_of(suite)
    root = log.root()
    indices = list(range(1000, 1000 + GROUP))
    leaf_hashes = [log.inclusion_proof(index ^ 1)[0] for index in indices]
    alone = [log.inclusion_proof(index) for index in indices]
    proof = merkle.multi_proof(log, indices)
    assert sum(map(len, alone)) >= 10 * len(proof)

    def one_by_one() -> None:
        for leaf_hash, index, single in zip(leaf_hashes, indices, alone, strict=True):
            merkle.verify_inclusion(suite, leaf_hash=leaf_hash, index=index, size=LOG_SIZE, proof=single, root=root)

    def verify() -> int:
        merkle.verify_multi(suite, leaf_hashes=leaf_hashes, indices=indices, size=LOG_SIZE, proof=proof, root=root)
        return len(indices)

    measure.note(times_smaller=sum(map(len, alone)) / len(proof))
    measure(
        verify,
        Items(GROUP, "records", int),
        beside=[Against("a proof each", one_by_one, GROUP, 5)],
        rounds=20,
    )
