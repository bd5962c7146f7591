"""How fast a state tree of a million keys takes batches, proves and verifies, and what a key costs in memory.

Where hashing is the limit, that is the time that the same hashes take alone. Nothing that pip installs keeps a
versioned state tree with proofs of absence, so there is no peer beside them.
"""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from measure import Against, Items, frequent, targeted

from sim.proof import SHA256, SM3
from sim.proof.state import StateProof, StateTree, verify_state
from sim.proof.state_hashing import NODE_PREFIX, digests, hash_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Measure

    from sim.proof.suites import HashSuite

    Trees = Callable[[HashSuite], StateTree]

KEYS = 1_000_000
STEP = 50_000
BATCH = 10_000
ASKED = 2_000
ROUNDS = 8
RETAINED_VERSIONS = 4
MOST_BYTES_PER_KEY = 350

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


def changing(tree: StateTree, size: int) -> tuple[Callable[[], tuple[dict[bytes, bytes]]], Callable[[object], int]]:
    """What hands out batches of changes, and what counts how many of the last one are in the tree."""
    made: list[dict[bytes, bytes]] = []

    def batch() -> tuple[dict[bytes, bytes]]:
        made.append(dict.fromkeys(some_keys(size), b"frozen in version %d" % tree.version))
        return (made[-1],)

    return batch, lambda _: sum(tree.get(key) == value for key, value in made[-1].items())


@both_suites
@targeted
def test_batches_of_ten_thousand_changes(measure: Measure, suite: HashSuite, trees: Trees) -> None:
    """Goal: 100,000 changes a second into a million keys."""
    tree = trees(suite)
    batch, changed = changing(tree, BATCH)
    # A second tree that keeps everything tells how many nodes a batch makes, each of which is one hash.
    keeper = StateTree(suite)
    keeper.apply({b"asset/%d" % number: b"" for number in range(KEYS // 10)})
    before = keeper.node_count
    keeper.apply(dict.fromkeys(some_keys(BATCH // 10, KEYS // 10), b"frozen"))
    nodes = (keeper.node_count - before) * 10
    assert 9 * BATCH < nodes < 12 * BATCH
    pairs, texts = np.zeros((nodes, 64), np.uint8), some_keys(2 * BATCH)
    measure.note(hashes_per_change=nodes / BATCH + 2)
    measure(
        tree.apply,
        Items(BATCH, "changes", changed),
        goal_per_s=100_000,
        limit=Against(
            "its hashes alone", lambda: (hash_pairs(suite, NODE_PREFIX, pairs), digests(suite, texts)), BATCH
        ),
        setup=batch,
        rounds=ROUNDS,
    )


@targeted
def test_grow_a_tree(measure: Measure) -> None:
    """At most 350 bytes per key, asserted: with the value's own 40, three earlier versions and spare room in arrays."""
    size = KEYS // 5
    tracemalloc.start()
    tree = grown(SHA256, size)
    kept_bytes, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes <= MOST_BYTES_PER_KEY * size
    measure.note(bytes_per_key=kept_bytes / size, peak_bytes_per_key=peak_bytes / size)
    measure(
        lambda: grown(SHA256, size),
        Items(size, "keys", lambda tree: sum(tree.get(b"asset/%d" % number) is not None for number in range(size))),
        rounds=2,
    )
    assert tree.get(b"asset/%d" % (size - 1)) == b"free %d" % (size - 1)


@pytest.mark.parametrize(("size", "goal_per_s"), [(1, 1_000), (100, 30_000)], ids=["one at a time", "in hundreds"])
@frequent
def test_small_batches(measure: Measure, size: int, goal_per_s: int, trees: Trees) -> None:
    """Goal: 1,000 changes a second one at a time, 30,000 in hundreds."""
    tree = trees(SHA256)
    batch, changed = changing(tree, size)
    measure(tree.apply, Items(size, "changes", changed), goal_per_s=goal_per_s, setup=batch, rounds=50)


@frequent
def test_proofs_of_presence_and_absence(measure: Measure, trees: Trees) -> None:
    """Goal: 20,000 proofs a second out of a million keys."""
    tree = trees(SHA256)
    asked = some_keys(ASKED, 2 * KEYS)
    assert 0.4 * ASKED < sum(tree.get(key) is None for key in asked) < 0.6 * ASKED
    measure(lambda: [tree.prove(key) for key in asked], Items(ASKED, "proofs"), goal_per_s=20_000, rounds=ROUNDS)


@both_suites
@frequent
def test_reading_and_verifying_proofs(measure: Measure, suite: HashSuite, trees: Trees) -> None:
    """Goal: 20,000 proofs a second, half of them of absence, each read from its bytes."""
    tree = trees(suite)
    facts = [(key, tree.get(key), tree.prove(key)) for key in some_keys(ASKED, 2 * KEYS)]
    encoded = [(key, value, proof.to_bytes()) for key, value, proof in facts]
    root = tree.root()

    def verify_all() -> int:
        for key, value, data in encoded:
            verify_state(suite, root=root, key=key, value=value, proof=StateProof.from_bytes(data))
        return len(encoded)

    # A hash for each sibling, and two or three at the end of the way.
    texts = [bytes(65)] * sum(len(proof.siblings) + 2 for _, _, proof in facts)
    measure.note(proof_bytes=sum(len(data) for _, _, data in encoded) / ASKED)
    measure(
        verify_all,
        Items(ASKED, "proofs", counted=int),
        goal_per_s=20_000,
        limit=Against("its hashes alone", lambda: [suite.digest(text) for text in texts], ASKED),
        rounds=ROUNDS,
    )
