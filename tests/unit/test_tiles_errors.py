"""What a tile store refuses, and that it says in one line which file and why."""

from __future__ import annotations

import os
import pathlib
import pickle
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest
from tiles_disk import UnsyncedFiles

from sim.proof import SHA256, SM3, ProofError, merkle
from sim.proof.errors import (
    BelowMinimumIndex,
    IndexOutOfRange,
    MalformedHash,
    MalformedNumber,
    SizeOutOfRange,
    StoreError,
)
from sim.proof.tiles import TileStore
from sim.proof.tiles_fsck import verify_store

if TYPE_CHECKING:
    from collections.abc import Callable

LEAF_HASHES = SHA256.leaves(b"record %d" % i for i in range(5000))
LOG = merkle.Log(SHA256)
LOG.extend(LEAF_HASHES)
ORIGIN = "errors.example/log"


@pytest.fixture
def directory(tmp_path: pathlib.Path) -> pathlib.Path:
    """A store of 5000 leaves."""
    with TileStore.create(UnsyncedFiles(tmp_path / "store"), SHA256, ORIGIN) as store:
        store.append(LEAF_HASHES)
        store.sync()
    return tmp_path / "store"


def refusal(do: Callable[[], object], kind: type[ProofError] = StoreError) -> str:
    """What is said, which must be one line and the same after a trip to another process."""
    with pytest.raises(kind) as refused:
        do()
    copy = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy), vars(copy)) == (type(refused.value), str(refused.value), vars(refused.value))
    assert "\n" not in str(copy)
    return str(copy)


# Making and opening


def test_a_second_writer_is_refused_until_the_first_has_closed(directory: pathlib.Path) -> None:
    with TileStore.open(directory):
        for second in (lambda: TileStore.open(directory), lambda: TileStore.create(directory, SHA256, ORIGIN)):
            assert refusal(second) == f"{directory}/lock: another process writes this store"
        assert refusal(lambda: verify_store(directory)).startswith(f"{directory}/lock: a process is writing")
        assert TileStore.open(directory, writable=False).size == 5000
    TileStore.open(directory).close()


def test_a_refused_open_gives_the_lock_back(directory: pathlib.Path) -> None:
    edge = directory / "tile/0/019.p/136"
    whole = edge.read_bytes()
    edge.write_bytes(whole[:-1])
    refusal(lambda: TileStore.open(directory))
    edge.write_bytes(whole)
    TileStore.open(directory).close()


def test_a_directory_that_holds_a_store_or_anything_else_is_not_made_a_store(directory: pathlib.Path) -> None:
    assert refusal(lambda: TileStore.create(directory, SHA256, ORIGIN)) == f"{directory}: it already holds a tile store"
    (directory / "head").unlink()
    said = refusal(lambda: TileStore.create(directory, SHA256, ORIGIN))
    assert said == f"{directory}/half: a tile store needs a directory of its own"


def test_there_is_no_store_where_there_is_none_and_asking_leaves_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "nowhere", tmp_path / "file", tmp_path):
        for ask in (lambda path=path: TileStore.open(path), lambda path=path: verify_store(path)):
            assert refusal(ask) == f"{path}: no tile store is here: it has no head"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_store_is_made_below_an_existing_directory_only(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a" / "b"
    assert refusal(lambda: TileStore.create(path, SHA256, ORIGIN)).endswith("b: No such file or directory")


@pytest.mark.parametrize("origin", ["", "a\nb", " a", "a\u2028b", "a\x00", "\ud800", "é" * 128, None, b"a"], ids=repr)
def test_an_origin_that_no_head_could_say_is_refused(tmp_path: pathlib.Path, origin: object) -> None:
    assert "origin" in refusal(lambda: TileStore.create(tmp_path / "store", SHA256, origin))
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("lowest_level", [2, -1, None, "0"])
def test_the_lowest_level_is_0_or_1(tmp_path: pathlib.Path, lowest_level: object) -> None:
    said = refusal(lambda: TileStore.create(tmp_path / "store", SHA256, ORIGIN, lowest_level=lowest_level))
    assert said.endswith("lowest_level must be 0 or 1")


# In a process that has given up its rights, because root writes where it likes.
READ_ONLY = """
import os, sys
from sim.proof import SHA256
from sim.proof.errors import StoreError
from sim.proof.tiles import TileStore
from sim.proof.tiles_fsck import verify_store

if os.getuid() == 0:
    os.setuid(65534)
directory = sys.argv[1]
try:
    TileStore.open(directory)
except StoreError as error:
    print(error)
try:
    TileStore.create(directory + "/new", SHA256, "x")
except StoreError as error:
    print(error)
print(TileStore.open(directory, writable=False).inclusion_proof(7)[0].hex())
print(verify_store(directory).size)
"""


def test_a_read_only_directory_can_be_read_and_checked_and_its_refusal_names_the_file(
    directory: pathlib.Path,
) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:
        pathlib.Path(open_to_all).chmod(0o755)
        store = shutil.copytree(directory, pathlib.Path(open_to_all) / "store")
        (store / "lock").chmod(0o444)
        store.chmod(0o555)
        command = [sys.executable, "-c", READ_ONLY, str(store)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        store.chmod(0o755)
    assert shown == [
        f"{store}/lock: Permission denied",
        f"{store}/new: Permission denied",
        LEAF_HASHES[6].hex(),
        "5000",
    ]


# Use


def test_a_closed_or_read_only_store_takes_nothing(directory: pathlib.Path) -> None:
    closed = TileStore.open(directory)
    closed.close()
    closed.close()
    for store in (closed, TileStore.open(directory, writable=False)):
        for change in (lambda: store.append([]), store.sync, lambda: store.prune(1), store.collect):  # noqa: B023 - called in this turn
            assert refusal(change) == f"{directory}: it is not open for writing"
        assert store.inclusion_proof(7) == LOG.inclusion_proof(7)


@pytest.mark.parametrize("value", [b"", bytes(31), bytes(33), bytearray(32), "0" * 32, None], ids=repr)
def test_a_malformed_leaf_hash_is_refused_and_nothing_is_appended(directory: pathlib.Path, value: object) -> None:
    with TileStore.open(directory) as store:
        said = refusal(lambda: store.append([LEAF_HASHES[0], value, LEAF_HASHES[1]]), MalformedHash)
        assert said.startswith("leaf_hashes[1]")
        assert (store.size, store.root()) == (5000, LOG.root())


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda store: store.root(5001), SizeOutOfRange),
        (lambda store: store.root(-1), SizeOutOfRange),
        (lambda store: store.root(1.0), MalformedNumber),
        (lambda store: store.inclusion_proof(5000), IndexOutOfRange),
        (lambda store: store.inclusion_proof(-1), IndexOutOfRange),
        (lambda store: store.inclusion_proof("0"), MalformedNumber),
        (lambda store: store.inclusion_proof(0, 5001), SizeOutOfRange),
        (lambda store: store.inclusion_proof(7, 7), IndexOutOfRange),
        (lambda store: store.consistency_proof(0), SizeOutOfRange),
        (lambda store: store.consistency_proof(8, 7), SizeOutOfRange),
        (lambda store: store.consistency_proof(None, 7), MalformedNumber),
        (lambda store: store.prune(5001), SizeOutOfRange),
        (lambda store: store.prune(-1), SizeOutOfRange),
        (lambda store: store.prune(True), MalformedNumber),  # noqa: FBT003 - the wrong type is the point
    ],
)
def test_a_store_refuses_what_it_does_not_hold(
    directory: pathlib.Path, ask: Callable[[TileStore], object], error: type[ProofError]
) -> None:
    with TileStore.open(directory) as store:
        refusal(lambda: ask(store), error)


def test_below_the_minimum_index_everything_is_refused_and_from_there_on_nothing(directory: pathlib.Path) -> None:
    with TileStore.open(directory) as store:
        store.prune(4100)
    with TileStore.open(directory) as store:
        for ask in (store.inclusion_proof, store.root, store.consistency_proof):
            said = refusal(lambda ask=ask: ask(4099), BelowMinimumIndex)
            assert said.endswith("4099 lies below 4100, up to where the store was pruned")
        assert store.inclusion_proof(4100) == LOG.inclusion_proof(4100)
        assert store.root(4100) == LOG.root(4100)
        assert store.root(0) == SHA256.empty
        assert store.consistency_proof(4100) == LOG.consistency_proof(4100)
        assert "minimum_index must lie in 4100..5000" in refusal(lambda: store.prune(4099), SizeOutOfRange)
    assert verify_store(directory).minimum_index == 4100


def test_a_reader_keeps_to_the_size_it_opened_at_while_a_writer_fills_its_tiles(directory: pathlib.Path) -> None:
    more = SHA256.leaves(b"more %d" % i for i in range(300))
    with TileStore.open(directory, writable=False, cache_groups=1) as reader, TileStore.open(directory) as writer:
        writer.append(more)
        writer.sync()
        assert not (directory / "tile/0/019.p").exists()
        assert (reader.size, reader.root()) == (5000, LOG.root())
        assert all(reader.inclusion_proof(index) == LOG.inclusion_proof(index) for index in range(4500, 5000, 7))


class LateFiles(UnsyncedFiles):
    """A writer syncs between this reader's look at the head and its look at the tiles."""

    def read(self, path: str) -> bytes:
        data = super().read(path)
        if path == "head":
            with TileStore.open(UnsyncedFiles(self.directory)) as writer:
                writer.append(SHA256.leaves(b"more %d" % i for i in range(300)))
                writer.sync()
        return data


def test_a_reader_overtaken_while_it_opens_finds_its_partial_tile_in_the_full_one(directory: pathlib.Path) -> None:
    with TileStore.open(LateFiles(directory), writable=False) as reader:
        assert not (directory / "tile/0/019.p").exists()
        assert (reader.size, reader.root()) == (5000, LOG.root())


# Without leaf hashes


def leaves_again(start: int, end: int) -> list[bytes]:
    return LEAF_HASHES[start:end]


def test_a_store_without_leaf_hashes_asks_for_a_tile_of_them_and_checks_it(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / "store"
    with TileStore.create(directory, SHA256, ORIGIN, lowest_level=1, leaf_source=leaves_again) as store:
        store.append(LEAF_HASHES)
        store.sync()
        assert store.inclusion_proof(300) == LOG.inclusion_proof(300)
    assert not (directory / "tile/0/000").exists()
    assert verify_store(directory).hashes == 136 + 19 + 1
    with TileStore.open(directory) as store:
        assert store.root() == LOG.root()
        assert store.inclusion_proof(4999) == LOG.inclusion_proof(4999)
        said = refusal(lambda: store.inclusion_proof(300))
        assert said == f"{directory}: it keeps no leaf hashes: open it with a leaf_source"
    with TileStore.open(directory, leaf_source=lambda start, end: LEAF_HASHES[start + 1 : end + 1]) as store:
        assert refusal(lambda: store.inclusion_proof(300)).startswith(f"{directory}/tile/0/001: damaged")
    with TileStore.open(directory, leaf_source=lambda start, end: LEAF_HASHES[start : end - 1]) as store:
        said = refusal(lambda: store.inclusion_proof(300))
        assert said == f"{directory}: leaf_source gave 255 hashes for the leaves from 256 up to 512"


def test_the_tiles_of_another_hash_function_are_kept_apart(tmp_path: pathlib.Path) -> None:
    with TileStore.create(tmp_path / "store", SM3, ORIGIN) as store:
        store.append([SM3.leaf(b"record")])
        store.sync()
        assert (store.suite, store.origin) == (SM3, ORIGIN)
    assert (tmp_path / "store/tile-sm3/0/000.p/1").read_bytes() == SM3.leaf(b"record")
    assert verify_store(tmp_path / "store").suite_name == "sm3"


# Memory and time


def test_the_cache_holds_no_more_groups_per_row_than_it_was_told(directory: pathlib.Path) -> None:
    with TileStore.open(directory, cache_groups=3) as store:
        for index in range(0, 5000, 16):
            assert store.inclusion_proof(index) == LOG.inclusion_proof(index)
        assert max(len(groups) for groups in store._groups) == 3


def test_a_proof_reads_each_row_at_most_once_and_the_next_one_beside_it_nothing(directory: pathlib.Path) -> None:
    class CountingFiles(UnsyncedFiles):
        reads: list[str]

        def read_range(self, path: str, offset: int, size_bytes: int) -> bytes:
            self.reads.append(path)
            return super().read_range(path, offset, size_bytes)

    files = CountingFiles(directory)
    files.reads = []
    with TileStore.open(files, writable=False) as store:
        files.reads.clear()
        store.inclusion_proof(1000)
        assert files.reads == ["tile/0/003", "half/0/000"]
        store.inclusion_proof(1001)
        assert len(files.reads) == 2


def test_a_fifo_in_a_tile_s_place_is_refused_and_not_waited_for(directory: pathlib.Path) -> None:
    (directory / "tile/0/003").unlink()
    os.mkfifo(directory / "tile/0/003")
    assert refusal(lambda: verify_store(directory)) == f"{directory}/tile/0/003: foreign file: no tile has this name"
