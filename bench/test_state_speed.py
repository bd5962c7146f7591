"""How fast a state tree of a million keys takes batches, proves and verifies, and what a key costs in memory.

    pytest bench/test_state_speed.py -s

Each benchmark states its goal and notes its rate, in things per second of the best round, and, where hashing is the
limit, its share of that: the time that the same hashes take alone, in the same run, by the time of the whole. Nothing
that pip installs keeps a versioned state tree with proofs of absence, so there is no peer beside them.
"""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim.proof import SHA256, SM3
from sim.proof.state import StateProof, StateTree, verify_state
from sim.proof.state_hashing import NODE_PREFIX, digests, hash_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from sim.proof.suites import HashSuite

    Trees = Callable[[HashSuite], StateTree]

KEYS = 1_000_000
STEP = 50_000
BATCH = 10_000
ASKED = 2_000
ROUNDS = 8
RETAINED_VERSIONS = 4
GOAL_BYTES_PER_KEY = 350

draw = np.random.default_rng(20221225)
both_suites = pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)


@pytest.fixture(scope="module")
def trees() -> Trees:
    """By suite, a tree of a million keys."""
    made: dict[str, StateTree] = {}

    def tree(suite: HashSuite) -> StateTree:
        if suite.name not in made:
            made[suite.name] = grown(suite, KEYS)
        return made[suite.name]

    return tree


def grown(suite: HashSuite, size: int) -> StateTree:
    """A tree that took so many keys in steps."""
    tree = StateTree(suite, retained_versions=RETAINED_VERSIONS)
    for start in range(0, size, STEP):
        tree.apply({b"asset/%d" % number: b"free %d" % number for number in range(start, start + STEP)})
    return tree


def some_keys(count: int, among: int = KEYS) -> list[bytes]:
    """So many different keys of the first ``among``; from the millionth on they are absent."""
    return [b"asset/%d" % number for number in draw.choice(among, count, replace=False).tolist()]


def best_s(function: Callable[[], object]) -> float:
    """Seconds of the best of three runs."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def note(benchmark: BenchmarkFixture, goal_per_s: int, count: int, limit_s: float | None = None) -> None:
    """Keep the goal, the rate of the best round and its share of the limit beside the times, and show them."""
    round_s = benchmark.stats.stats.min
    benchmark.extra_info |= {"goal_per_s": goal_per_s, "rate_per_s": round(count / round_s)}
    if limit_s is not None:
        benchmark.extra_info["share_of_hash_limit"] = round(limit_s / round_s, 3)
    print(f"\n{benchmark.name}: {benchmark.extra_info}")


@both_suites
def test_batches_of_ten_thousand_changes(benchmark: BenchmarkFixture, suite: HashSuite, trees: Trees) -> None:
    """Goal: 100,000 changes a second into a million keys."""
    tree = trees(suite)

    def batch() -> tuple[tuple[dict[bytes, bytes]], dict[str, object]]:
        return (dict.fromkeys(some_keys(BATCH), b"frozen in version %d" % tree.version),), {}

    benchmark.pedantic(tree.apply, setup=batch, rounds=ROUNDS, warmup_rounds=1)
    # A second tree that keeps everything tells how many nodes a batch makes, each of which is one hash.
    keeper = StateTree(suite)
    keeper.apply({b"asset/%d" % number: b"" for number in range(KEYS // 10)})
    before = keeper.node_count
    keeper.apply(dict.fromkeys(some_keys(BATCH // 10, KEYS // 10), b"frozen"))
    nodes = (keeper.node_count - before) * 10
    assert 9 * BATCH < nodes < 12 * BATCH
    pairs, texts = np.zeros((nodes, 64), np.uint8), some_keys(2 * BATCH)
    hashing_s = best_s(lambda: (hash_pairs(suite, NODE_PREFIX, pairs), digests(suite, texts)))
    benchmark.extra_info["hashes_per_change"] = nodes / BATCH + 2
    note(benchmark, 100_000, BATCH, hashing_s)


def test_growing_a_tree_and_its_memory(benchmark: BenchmarkFixture) -> None:
    """Goal: at most 350 bytes per key: with the value's own 40, three earlier versions and spare room in arrays."""
    size = KEYS // 5
    tracemalloc.start()
    try:
        tree = benchmark.pedantic(lambda: grown(SHA256, size), rounds=1)
        kept_bytes, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    benchmark.extra_info |= {"bytes_per_key": round(kept_bytes / size), "peak_bytes_per_key": round(peak_bytes / size)}
    benchmark.extra_info["goal_bytes_per_key"] = GOAL_BYTES_PER_KEY
    print(f"\n{benchmark.name}: {benchmark.extra_info}")
    assert tree.get(b"asset/%d" % (size - 1)) == b"free %d" % (size - 1)


@pytest.mark.parametrize(("size", "goal_per_s"), [(1, 1_000), (100, 30_000)])
def test_small_batches(benchmark: BenchmarkFixture, size: int, goal_per_s: int, trees: Trees) -> None:
    """Goal: 1,000 changes a second one at a time, 30,000 in hundreds."""
    tree = trees(SHA256)

    def batch() -> tuple[tuple[dict[bytes, bytes]], dict[str, object]]:
        return (dict.fromkeys(some_keys(size), b"released in version %d" % tree.version),), {}

    benchmark.pedantic(tree.apply, setup=batch, rounds=50, warmup_rounds=2)
    note(benchmark, goal_per_s, size)


def test_proofs_of_presence_and_absence(benchmark: BenchmarkFixture, trees: Trees) -> None:
    """Goal: 20,000 proofs a second out of a million keys."""
    tree = trees(SHA256)
    asked = some_keys(ASKED, 2 * KEYS)
    proofs = benchmark.pedantic(lambda: [tree.prove(key) for key in asked], rounds=ROUNDS, warmup_rounds=1)
    assert len(proofs) == ASKED
    assert 0.4 * ASKED < sum(tree.get(key) is None for key in asked) < 0.6 * ASKED
    note(benchmark, 20_000, ASKED)


@both_suites
def test_reading_and_verifying_proofs(benchmark: BenchmarkFixture, suite: HashSuite, trees: Trees) -> None:
    """Goal: 20,000 proofs a second, half of them of absence, each read from its bytes."""
    tree = trees(suite)
    facts = [(key, tree.get(key), tree.prove(key)) for key in some_keys(ASKED, 2 * KEYS)]
    encoded = [(key, value, proof.to_bytes()) for key, value, proof in facts]
    root = tree.root()

    def verify_all() -> None:
        for key, value, data in encoded:
            verify_state(suite, root=root, key=key, value=value, proof=StateProof.from_bytes(data))

    benchmark.pedantic(verify_all, rounds=ROUNDS, warmup_rounds=1)
    # A hash for each sibling, and two or three at the end of the way.
    texts = [bytes(65)] * sum(len(proof.siblings) + 2 for _, _, proof in facts)
    benchmark.extra_info["proof_bytes"] = round(sum(len(data) for _, _, data in encoded) / ASKED)
    note(benchmark, 20_000, ASKED, best_s(lambda: [suite.digest(text) for text in texts]))
