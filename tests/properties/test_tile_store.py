"""A tile store is a Merkle log whatever happens to it between: syncs, reopenings, prunings, collections."""

from __future__ import annotations

import pathlib
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, merkle
from sim.proof.errors import StoreError
from sim.proof.tiles import Acknowledged, TileStore
from sim.proof.tiles_files import Files
from sim.proof.tiles_fsck import verify_store

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

LARGEST = 9000
LEAF_HASHES = {suite: suite.leaves(b"record %d" % i for i in range(LARGEST)) for suite in (SHA256, SM3)}
LOGS = {}
for _suite, _hashes in LEAF_HASHES.items():
    LOGS[_suite] = merkle.Log(_suite)
    LOGS[_suite].extend(_hashes)

steps = st.lists(
    st.one_of(
        # Small and large, and around the widths where tiles fill.
        st.tuples(st.just("append"), st.one_of(st.integers(0, 40), st.integers(240, 270), st.integers(0, 2500))),
        st.tuples(st.sampled_from(["sync", "reopen", "collect"]), st.none()),
        st.tuples(st.just("prune"), st.floats(0, 1)),
    ),
    max_size=12,
)


class UnsyncedFiles(Files):
    """Files without the waiting: no test here cuts the power."""

    def fsync(self, path: str) -> None:
        """Wait for nothing."""

    def fsync_dir(self, path: str) -> None:
        """Wait for nothing."""


class Twin:
    """A store and what is known of it."""

    def __init__(self, directory: pathlib.Path, suite: HashSuite, lowest_level: int) -> None:
        self.files = UnsyncedFiles(directory)
        self.suite, self.log, self.hashes = suite, LOGS[suite], LEAF_HASHES[suite]
        self.store = TileStore.create(
            self.files, suite, "twin", lowest_level=lowest_level, leaf_source=self.leaves, cache_groups=4
        )
        self.synced = self.minimum_index = 0

    def leaves(self, start: int, end: int) -> list[bytes]:
        return self.hashes[start:end]

    def step(self, kind: str, value: float | None) -> None:
        if kind == "append":
            self.store.append(self.hashes[self.store.size : self.store.size + value])
        elif kind == "sync":
            self.synced = self.store.size
            assert self.store.sync() == Acknowledged(self.synced, self.log.root(self.synced))
        elif kind == "reopen":
            self.store.close()
            self.store = TileStore.open(self.files, leaf_source=self.leaves, cache_groups=4)
            assert self.store.size == self.synced
        elif kind == "collect":
            # Nothing is interrupted here, so nothing is left to collect.
            assert self.store.collect() == 0
        else:
            self.minimum_index += int(value * (self.synced - self.minimum_index))
            self.store.prune(self.minimum_index)

    def check(self, data: st.DataObject) -> None:
        store, log = self.store, self.log
        assert store.minimum_index == self.minimum_index
        assert store.root() == log.root(store.size)
        if store.size == self.minimum_index:
            return
        size = data.draw(st.integers(self.minimum_index + 1, store.size), label="size")
        index = data.draw(st.integers(self.minimum_index, size - 1), label="index")
        old_size = data.draw(st.integers(max(1, self.minimum_index), size), label="old size")
        assert store.root(size) == log.root(size)
        assert store.inclusion_proof(index, size) == log.inclusion_proof(index, size)
        assert store.inclusion_proof(index) == log.inclusion_proof(index, store.size)
        assert store.consistency_proof(old_size, size) == log.consistency_proof(old_size, size)


@settings(deadline=None)
@given(suite=st.sampled_from([SHA256, SM3]), lowest_level=st.integers(0, 1), steps=steps, data=st.data())
def test_a_tile_store_equals_a_log_in_memory_after_any_sequence_of_steps(
    suite: HashSuite, lowest_level: int, steps: list[tuple[str, float | None]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        twin = Twin(pathlib.Path(folder) / "store", suite, lowest_level)
        for kind, value in steps:
            twin.step(kind, value)
            twin.check(data)
        twin.step("sync", None)
        twin.store.close()
        report = verify_store(twin.files.directory)
    assert (report.size, report.root) == (twin.synced, twin.log.root(twin.synced))
    assert (report.minimum_index, report.leftovers) == (twin.minimum_index, 0)


@settings(deadline=None, max_examples=25)
@given(
    suite=st.sampled_from([SHA256, SM3]),
    size=st.integers(1, LARGEST),
    cuts=st.lists(st.integers(0, LARGEST), max_size=5),
)
def test_the_full_tiles_depend_on_the_leaves_alone_and_not_on_when_they_were_synced(
    suite: HashSuite, size: int, cuts: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for name, sizes in (("whole", [size]), ("pieces", sorted({size, *(cut for cut in cuts if cut < size)}))):
            with TileStore.create(UnsyncedFiles(f"{folder}/{name}"), suite, "twin") as store:
                for cut in sizes:
                    store.append(LEAF_HASHES[suite][store.size : cut])
                    store.sync()
            root = pathlib.Path(folder) / name
            found.append(
                {
                    path.relative_to(root): path.read_bytes()
                    for path in root.rglob("[0-9][0-9][0-9]")
                    if path.is_file() and path.parent.suffix != ".p"
                }
            )
    assert found[0] == found[1]


# Damage


def proof_or_refused_path(store: TileStore, index: int) -> list[bytes] | str:
    try:
        return store.inclusion_proof(index)
    except StoreError as error:
        return error.path


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_proof_is_served_from_a_damaged_byte_and_the_check_finds_every_one(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder) / "store"
        with TileStore.create(UnsyncedFiles(directory), SHA256, "twin") as store:
            store.append(LEAF_HASHES[SHA256][:4700])
            store.sync()
        paths = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != "lock")
        path = data.draw(st.sampled_from(paths), label="path")
        content = bytearray(path.read_bytes())
        bit = data.draw(st.integers(0, 8 * len(content) - 1), label="bit")
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(StoreError):
            verify_store(directory)
        try:
            store = TileStore.open(directory, writable=False)
        except StoreError:
            return
        for index in data.draw(st.lists(st.integers(0, 4699), max_size=20), label="indices"):
            assert proof_or_refused_path(store, index) in (str(path), LOGS[SHA256].inclusion_proof(index, 4700))
