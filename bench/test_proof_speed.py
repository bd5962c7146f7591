"""How fast records are hashed, trees built, and proofs made and verified, beside hashlib and pymerkle.

    pytest bench/test_proof_speed.py

Each benchmark states its goal and notes its rate, in things per second of the best round. Where hashing is the limit
it notes its share of that too: the kernel on data that stays in the cache, all threads at once, in the same run. Peers
do the same work in the same run; pymerkle has no SM3, so it runs SHA-256.
"""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pymerkle
import pytest

from sim.proof import SHA256, SM3, ProofError, lanes, merkle

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from sim.proof.suites import HashSuite

HUGE = 2_200_000_000
RECORDS = 1 << 22
PROOFS = 1 << 15
LOG_SIZE = 1 << 16
GROUP = 100
ROUNDS = 5

draw = np.random.default_rng(20220525)
both_suites = pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)
thread_counts = pytest.mark.parametrize("threads", [1, 2], ids=["1 thread", "2 threads"])


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The time of the best round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def drawn(*shape: int) -> np.ndarray:
    """Bytes to hash."""
    return draw.integers(0, 256, shape, dtype=np.uint8)


def block_s(suite: HashSuite, threads: int = 1) -> float:
    """What a compression takes in the kernel: a chunk that stays in the cache, three a leaf, per thread and overall."""
    chunk = drawn(1 << lanes.CHUNK_HEIGHT, 32)
    chunks_each = 16

    def fold(_: int) -> None:
        for _ in range(chunks_each):
            lanes.roots(suite, chunk, lanes.CHUNK_HEIGHT, leaf=True)

    with ThreadPoolExecutor(threads) as pool:
        best = seconds(lambda: list(pool.map(fold, range(threads))))
    return best / (3 * len(chunk) * chunks_each * threads)


def note(benchmark: BenchmarkFixture, goal: str, count: int, **rates: float) -> None:
    """Print and keep the goal, the rate, and whatever it is compared with, as ratios of this run."""
    best_s = benchmark.stats.stats.min
    benchmark.extra_info.update(
        {"goal": goal, "per_s": round(count / best_s), **{name: round(rate, 3) for name, rate in rates.items()}}
    )
    print(f"\n{benchmark.name}: {benchmark.extra_info}")


@both_suites
def test_hash_64_byte_messages(benchmark: BenchmarkFixture, suite: HashSuite) -> None:
    """Goal, one thread: per block 1.5 times OpenSSL's 16 KiB stream with SHA-256, 6 times with SM3."""
    messages, stream = drawn(1 << 14, 64), bytes(1 << 14)
    single = messages[0].tobytes()
    state = hashlib.new(suite.name)

    def one_by_one() -> None:
        for _ in range(1000):
            one = state.copy()
            one.update(single)
            one.digest()

    benchmark.pedantic(lanes.hashes, (suite, messages), rounds=4 * ROUNDS, warmup_rounds=1)
    each_s = benchmark.stats.stats.min / len(messages)
    stream_s = seconds(lambda: hashlib.new(suite.name, stream).digest(), 50) / (len(stream) / 64)
    note(
        benchmark,
        "1.5 (SHA-256) and 6 (SM3) times OpenSSL's 16 KiB stream per block",
        len(messages),
        mb_per_s=64 / each_s / 1e6,
        times_hashlib_64_bytes=seconds(one_by_one) / 1000 / each_s,
        times_openssl_stream_per_block=stream_s / (each_s / 2),
        share_of_limit=2 * block_s(suite) / each_s,
    )


@both_suites
@thread_counts
def test_build(benchmark: BenchmarkFixture, suite: HashSuite, threads: int) -> None:
    """Goal: 0.75 of the kernel's rate for three compressions a leaf, by two threads."""
    contents = drawn(RECORDS, 32)
    some = [row.tobytes() for row in contents[:20_000]]
    benchmark.pedantic(merkle.build, (suite, contents, threads), rounds=ROUNDS, warmup_rounds=1)
    each_s = benchmark.stats.stats.min / len(contents)
    hashlib_s = seconds(lambda: merkle.root(suite, suite.leaves(some)), 2) / len(some)
    note(
        benchmark,
        "0.75 of the kernel limit",
        len(contents),
        times_hashlib=hashlib_s / each_s,
        share_of_limit=3 * block_s(suite, threads) / each_s,
    )


def test_build_pymerkle(benchmark: BenchmarkFixture) -> None:
    """The peer of `test_build`: appending to a tree in memory and asking for its root."""
    contents = [row.tobytes() for row in drawn(20_000, 32)]

    def build() -> bytes:
        tree = pymerkle.InmemoryTree(algorithm="sha256")
        for content in contents:
            tree.append_entry(content)
        return tree.get_root()

    assert benchmark.pedantic(build, rounds=2) == merkle.root(SHA256, SHA256.leaves(contents))
    note(benchmark, "none, a peer", len(contents))


def log_of(suite: HashSuite) -> merkle.Log:
    """A log of some size in memory."""
    log = merkle.Log(suite)
    log.extend(row.tobytes() for row in lanes.leaves(suite, drawn(LOG_SIZE, 32)))
    return log


@both_suites
def test_prove(benchmark: BenchmarkFixture, suite: HashSuite) -> None:
    """Goal: 3 times pymerkle; nothing is hashed in a tree of a power of two leaves."""
    log = log_of(suite)
    indices = draw.integers(0, LOG_SIZE, 1000).tolist()
    benchmark.pedantic(lambda: [log.inclusion_proof(index) for index in indices], rounds=ROUNDS, warmup_rounds=1)
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for content in range(1 << 13):
        tree.append_entry(b"%d" % content)
    few = [index % (1 << 13) + 1 for index in indices[:100]]
    peer_s = seconds(lambda: [tree.prove_inclusion(index) for index in few], 2) / len(few)
    each_s = benchmark.stats.stats.min / len(indices)
    note(benchmark, "3 times pymerkle, on a tree of 2^13", len(indices), times_pymerkle=peer_s / each_s)


@both_suites
def test_verify(benchmark: BenchmarkFixture, suite: HashSuite) -> None:
    """Goal: half of what the hashing of a proof alone takes with hashlib; and faster than pymerkle."""
    log = log_of(suite)
    root, depth = log.root(), LOG_SIZE.bit_length() - 1
    indices = draw.integers(0, LOG_SIZE, 200).tolist()
    leaf_hashes = [log.inclusion_proof(index ^ 1)[0] for index in indices]
    proofs = [log.inclusion_proof(index) for index in indices]

    def verify() -> None:
        for leaf_hash, index, proof in zip(leaf_hashes, indices, proofs, strict=True):
            merkle.verify_inclusion(suite, leaf_hash=leaf_hash, index=index, size=LOG_SIZE, proof=proof, root=root)

    benchmark.pedantic(verify, rounds=4 * ROUNDS, warmup_rounds=1)
    each_s = benchmark.stats.stats.min / len(indices)
    node_s = seconds(lambda: [suite.node(root, root) for _ in range(1000)]) / 1000
    note(
        benchmark,
        "0.5 of the same hashes alone",
        len(indices),
        share_of_limit=depth * node_s / each_s,
        times_pymerkle=pymerkle_verify_s(LOG_SIZE) / each_s,
    )


def pymerkle_verify_s(size: int) -> float:
    """What pymerkle takes to verify a proof of a tree of so many leaves; making those takes it long, so a few."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for content in range(size):
        tree.append_entry(b"%d" % content)
    proofs = [(tree.get_leaf(index), tree.prove_inclusion(index)) for index in range(1, 40)]
    root = tree.get_root()
    return seconds(lambda: [pymerkle.verify_inclusion(leaf, root, proof) for leaf, proof in proofs]) / len(proofs)


@both_suites
@thread_counts
def test_verify_batch(benchmark: BenchmarkFixture, suite: HashSuite, threads: int) -> None:
    """Goal at size 2.2e9: two threads 0.6 of the kernel limit, one 20 times a hashlib verifier and 15 pymerkle."""
    rows = {
        "leaf_hashes": drawn(PROOFS, 32),
        "indices": draw.integers(0, 1 << 31, PROOFS),
        "proofs": drawn(PROOFS, 32, 32),
        "lengths": np.full(PROOFS, 32),
    }
    root = bytes(32)
    # The work is the same for a proof that fails at the end: every hash of it is computed.
    first = {
        "leaf_hash": rows["leaf_hashes"][0].tobytes(),
        "index": int(rows["indices"][0]),
        "proof": [sibling.tobytes() for sibling in rows["proofs"][0]],
    }

    def one_by_one() -> None:
        for _ in range(100):
            with suppress(ProofError):
                merkle.verify_inclusion(suite, size=HUGE, root=root, **first)

    benchmark.pedantic(
        merkle.verify_inclusion_batch,
        (suite,),
        {**rows, "size": HUGE, "root": root, "threads": threads},
        rounds=ROUNDS,
        warmup_rounds=1,
    )
    each_s = benchmark.stats.stats.min / PROOFS
    note(
        benchmark,
        "0.6 of the kernel limit (2 threads), 20 times hashlib (1 thread)",
        PROOFS,
        share_of_limit=64 * block_s(suite, threads) / each_s,
        times_verify_inclusion=seconds(one_by_one) / 100 / each_s,
        times_plain_hashlib=seconds(lambda: [plain_root(suite, **first) for _ in range(100)]) / 100 / each_s,
        times_pymerkle_at_2_to_16=pymerkle_verify_s(LOG_SIZE) / each_s,
    )


def plain_root(suite: HashSuite, leaf_hash: bytes, index: int, proof: list[bytes]) -> bytes:
    """The root that a proof of a perfect tree leads to, as one would write it with hashlib."""
    digest = leaf_hash
    for sibling in proof:
        pair = sibling + digest if index & 1 else digest + sibling
        digest = hashlib.new(suite.name, b"\x01" + pair).digest()
        index >>= 1
    return digest


@both_suites
def test_multi_proof(benchmark: BenchmarkFixture, suite: HashSuite) -> None:
    """Goal: a hundred neighbours of a log in a fifth of the time and a tenth of the bytes of their own proofs."""
    log = log_of(suite)
    root = log.root()
    indices = list(range(1000, 1000 + GROUP))
    leaf_hashes = [log.inclusion_proof(index ^ 1)[0] for index in indices]
    alone = [log.inclusion_proof(index) for index in indices]
    proof = merkle.multi_proof(log, indices)

    def one_by_one() -> None:
        for leaf_hash, index, single in zip(leaf_hashes, indices, alone, strict=True):
            merkle.verify_inclusion(suite, leaf_hash=leaf_hash, index=index, size=LOG_SIZE, proof=single, root=root)

    benchmark.pedantic(
        merkle.verify_multi,
        (suite,),
        {"leaf_hashes": leaf_hashes, "indices": indices, "size": LOG_SIZE, "proof": proof, "root": root},
        rounds=4 * ROUNDS,
        warmup_rounds=1,
    )
    note(
        benchmark,
        "5 times faster and 10 times smaller than single proofs",
        GROUP,
        times_single_proofs=seconds(one_by_one) / benchmark.stats.stats.min,
        times_smaller=sum(map(len, alone)) / len(proof),
    )
