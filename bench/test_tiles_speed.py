"""How fast a tile store takes leaves and serves proofs, beside the log in memory and pymerkle in the same run.

Goals on a 2-vCPU Zen 4 machine, per core: 20,000 inclusion proofs per second from 10^8 leaves at random indices, each
hash on the way checked up to the root; appending at half or more of the rate at which `HashSuite.parents` makes nodes,
which is its limit, one node per leaf; a sync in at most three times what its fsyncs alone take. The store of 10^8
leaves takes 4 GB of disk and three minutes to build, so only the full set has it.
"""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING

import pymerkle
import pytest
from measure import Against, Items, frequent, targeted

from sim.proof import SHA256, SM3, merkle
from sim.proof.tiles import TileStore
from sim.proof.tiles_files import Files

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

    from measure import Measure

    from sim.proof.suites import HashSuite

    Stores = Callable[[HashSuite, int], pathlib.Path]

BLOCK = 65_536
GOAL_LEAVES = 10**8
PROOFS = 2_000
CHANCE = random.Random(20221229)  # noqa: S311 - a benchmark's seed
# One block of digests over and over: a tree does not mind, and the build is hashing and files alone.
LEAF_HASHES = [CHANCE.randbytes(32) for _ in range(BLOCK)]

both_suites = pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)


class UnsyncedFiles(Files):
    """Files without the waiting, to build a large store that no power cut must spare."""

    def fsync(self, path: str) -> None:
        """Wait for nothing."""

    def fsync_dir(self, path: str) -> None:
        """Wait for nothing."""


class RecordedFiles(Files):
    """Files that remember what was written and synced, so that the same can be done alone."""

    __slots__ = ("written",)

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__(directory)
        self.written: list[tuple[str, bytes | None]] = []

    def write(self, path: str, data: bytes) -> None:
        """Write and remember."""
        self.written.append((path, bytes(data)))
        super().write(path, data)

    def fsync(self, path: str) -> None:
        """Sync and remember."""
        self.written.append((path, None))
        super().fsync(path)

    def fsync_dir(self, path: str) -> None:
        """Sync and remember."""
        self.written.append((path, None))
        super().fsync_dir(path)


def same_calls(written: list[tuple[str, bytes | None]], directory: pathlib.Path) -> Callable[[], None]:
    """What writes the same bytes to files of the same names below another directory, and syncs as often."""
    others = Files(directory)
    for path, _ in written:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)

    def again() -> None:
        for path, data in written:
            if data is not None:
                others.write(path, data)
            elif (directory / path).is_dir():
                others.fsync_dir(path)
            elif (directory / path).exists():
                others.fsync(path)

    return again


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """By suite and size, a store of so many leaves."""

    def made(suite: HashSuite, leaves: int) -> pathlib.Path:
        directory = tmp_path_factory.mktemp("tiles") / suite.name
        with TileStore.create(UnsyncedFiles(directory), suite, "bench") as store:
            while store.size < leaves:
                store.append(LEAF_HASHES[: leaves - store.size])
                store.sync()
        return directory

    return cache(made)


@pytest.mark.parametrize("leaves", [10**6, pytest.param(10**8, marks=pytest.mark.full)], ids=["10^6", "10^8"])
@both_suites
@frequent
def test_inclusion_proofs_at_random_indices(measure: Measure, stores: Stores, suite: HashSuite, leaves: int) -> None:
    """Goal: 20,000 per second at 10^8 leaves, three times the best peer."""
    with TileStore.open(stores(suite, leaves), writable=False) as store:
        indices = [CHANCE.randrange(leaves) for _ in range(PROOFS)]
        # The upper rows belong in the cache, as in a server that has been up for a while.
        for index in range(0, leaves, max(4096, leaves // 50_000)):
            store.inclusion_proof(index)

        def serve() -> list[list[bytes]]:
            proofs = []
            for index in indices:
                store._groups[0].clear()  # noqa: SLF001 - no leaf's group is met twice at the size that the goal is for
                store._groups[1].clear()  # noqa: SLF001 - as above
                proofs.append(store.inclusion_proof(index))
            return proofs

        proofs = measure(
            serve,
            Items(PROOFS, "proofs"),
            goal_per_s=20_000 if leaves >= GOAL_LEAVES else None,
            beside=[peer_proves(3 if leaves >= GOAL_LEAVES else None)],
        )
        root = store.root()
    for index, proof in zip(indices[:100], proofs, strict=False):
        leaf_hash = LEAF_HASHES[index % BLOCK]
        merkle.verify_inclusion(suite, leaf_hash=leaf_hash, index=index, size=leaves, proof=proof, root=root)


@cache
def peer() -> pymerkle.InmemoryTree:
    """A tree of the peer's, of 2^16 leaves in memory; it has no SM3, so SHA-256 stands in."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf_hash in LEAF_HASHES:
        tree.append_entry(leaf_hash)
    return tree


def peer_proves(goal: float | None) -> Against:
    """The peer's proofs, from memory."""
    indices = [CHANCE.randrange(BLOCK) + 1 for _ in range(300)]
    return Against(
        "pymerkle, 2^16 in memory", lambda: [peer().prove_inclusion(index, BLOCK) for index in indices], 300, goal
    )


@both_suites
@targeted
def test_append(measure: Measure, tmp_path: pathlib.Path, suite: HashSuite) -> None:
    """Goal: half the rate of bare node hashes."""
    children = b"".join(LEAF_HASHES)
    with TileStore.create(UnsyncedFiles(tmp_path / "store"), suite, "bench") as store:

        def append() -> int:
            before = store.size
            store.append(LEAF_HASHES)
            return store.size - before

        measure(
            append,
            Items(BLOCK, "leaves", counted=int),
            limit=Against("one node each", lambda: suite.parents(children), BLOCK / 2, 0.5),
            beside=[Against("the log in memory", lambda: merkle.Log(suite).extend(LEAF_HASHES), BLOCK)],
        )


@both_suites
@pytest.mark.parametrize("leaves", [1, 1000, BLOCK])
@targeted
def test_append_and_sync(measure: Measure, tmp_path: pathlib.Path, suite: HashSuite, leaves: int) -> None:
    """Goal: three times the wait for the disk."""
    files = RecordedFiles(tmp_path / "store")
    with TileStore.create(files, suite, "bench") as store:

        def deposit() -> int:
            before = store.size
            store.append(LEAF_HASHES[:leaves])
            store.sync()
            return store.size - before

        deposit()
        files.written.clear()
        deposit()
        measure(
            deposit,
            Items(leaves, "leaves", counted=int),
            limit=Against(
                "the same bytes written and synced alone",
                same_calls(files.written.copy(), tmp_path / "others"),
                leaves,
                1 / 3,
            ),
            rounds=4,
        )
