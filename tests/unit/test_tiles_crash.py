"""Nothing that a tile store has acknowledged is lost, killed, without power or on a full disk; and then it goes on."""

from __future__ import annotations

import bisect
import contextlib
import errno
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import tiles_disk
from tiles_disk import Killed, RecordingFiles, UnsyncedFiles

from sim.proof import SHA256, merkle
from sim.proof.errors import StoreError
from sim.proof.tiles import Acknowledged, TileStore
from sim.proof.tiles_fsck import verify_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LARGEST = 6000
LEAF_HASHES = SHA256.leaves(b"record %d" % i for i in range(LARGEST))
LOG = merkle.Log(SHA256)
LOG.extend(LEAF_HASHES)
ORIGIN = "crash.example/log"


@pytest.fixture
def memory_path(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder in memory where there is one: a thousand stores wait for no disk there."""
    memory = pathlib.Path("/dev/shm")  # noqa: S108 - the folder in it has a name of its own
    if os.access(memory, os.W_OK):
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            yield pathlib.Path(folder)
    else:
        yield tmp_path


def chances(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a test's chances are no secret


def check_intact_and_going_on(directory: pathlib.Path, size: int, minimum_index: int, chance: random.Random) -> int:
    """The store opens, holds what was acknowledged and no wrong hash, and takes more; returns the size found."""
    found = verify_store(directory).size
    with TileStore.open(UnsyncedFiles(directory)) as store:
        assert store.size == found >= size
        assert store.minimum_index >= minimum_index
        assert store.root() == LOG.root(found)
        for index in [store.minimum_index, *(chance.randint(store.minimum_index, found) for _ in range(3))]:
            if index < found:
                assert store.inclusion_proof(index) == LOG.inclusion_proof(index, found)
        more = min(LARGEST, found + chance.choice([1, 40, 300]))
        store.append(LEAF_HASHES[found:more])
        assert store.sync() == Acknowledged(more, LOG.root(more))
        store.collect()
    report = verify_store(directory)
    assert (report.size, report.root, report.leftovers) == (more, LOG.root(more), 0)
    return found


# Killed


# Appends and syncs without end, and says after each sync what the store has acknowledged.
CHILD = """
import random, sys
from sim.proof import SHA256
from sim.proof.tiles import TileStore

directory, chance = sys.argv[1], random.Random(sys.argv[2])
with TileStore.open(directory) as store:
    print("open", flush=True)
    while True:
        start = store.size
        count = chance.choice([1, 5, 256, 700])
        store.append(SHA256.leaf(b"record %d" % i) for i in range(start, start + count))
        print(store.sync().size, flush=True)
"""


def size_at_death(directory: pathlib.Path, seed: int) -> int:
    """Start a writer, kill it at a random point, and return the last size that it acknowledged."""
    delay_s = chances(seed).expovariate(1 / 0.02)
    command = [sys.executable, "-c", CHILD, str(directory), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "open\n"
        time.sleep(delay_s)
        child.kill()
        said = child.stdout.read()
        assert child.wait() == -signal.SIGKILL
    # The last line may be cut short by the kill; a line that is whole was acknowledged.
    sizes = [int(line) for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return sizes[-1] if sizes else 0


def check_kills(directory: pathlib.Path, kills: int) -> None:
    TileStore.create(directory, SHA256, ORIGIN).close()
    log = merkle.Log(SHA256)
    found = 0
    for seed in range(kills):
        acknowledged = max(found, size_at_death(directory, seed))
        with TileStore.open(directory) as store:
            found = store.size
            assert found >= acknowledged
            log.extend(SHA256.leaf(b"record %d" % i) for i in range(log.size, found))
            assert store.root() == log.root(found)
        assert verify_store(directory).root == log.root(found)
    assert found > 256, "the writers must have come so far as to fill a tile"


def test_a_store_killed_twenty_times_has_all_that_it_acknowledged_and_goes_on(tmp_path: pathlib.Path) -> None:
    check_kills(tmp_path / "store", kills=20)


@pytest.mark.full
def test_a_store_killed_two_hundred_times_has_all_that_it_acknowledged_and_goes_on(tmp_path: pathlib.Path) -> None:
    check_kills(tmp_path / "store", kills=200)


# The power is cut


@dataclass
class Life:
    """What a writer did, and what it was promised when.

    Attributes:
        files: the recorded calls.
        promises: number of calls made, size and minimum index, at each acknowledgement.
    """

    files: RecordingFiles
    promises: list[tuple[int, int, int]] = field(default_factory=list)

    def promised(self, calls: int) -> tuple[int, int, int]:
        return max((promise for promise in self.promises if promise[0] <= calls), default=(0, 0, 0))


STEPS = (3, 0, 250, 3, 1, 300, 3600, "prune", 17, 600, "collect", 1)


def live(life: Life, steps: Iterable[int | str]) -> None:
    """Go through the steps: append so many leaves and sync, prune to half, collect. It may be killed on the way."""
    files = life.files
    try:
        store = TileStore.open(files)
    except StoreError:
        store = TileStore.create(files, SHA256, ORIGIN)
    with store:
        # What an opened store holds, it acknowledges.
        life.promises.append((len(files.operations), store.size, store.minimum_index))
        for step in steps:
            if step == "prune":
                store.prune(store.size // 2)
            elif step == "collect":
                store.collect()
            else:
                store.append(LEAF_HASHES[store.size : store.size + step])
                store.sync()
            life.promises.append((len(files.operations), store.acknowledged.size, store.minimum_index))


def check_power_cut(life: Life, calls: int, seed: str, target: pathlib.Path) -> None:
    chance = chances(seed)
    target.mkdir()
    tiles_disk.power_cut(life.files.operations[:calls], chance, target)
    _, size, minimum_index = life.promised(calls)
    if life.promises[0][0] > calls and not (target / "head").exists():
        TileStore.create(UnsyncedFiles(target), SHA256, ORIGIN).close()
    check_intact_and_going_on(target, size, minimum_index, chance)
    shutil.rmtree(target)


def check_power_cuts(life: Life, folder: pathlib.Path, ways: int = 1) -> None:
    for calls in range(len(life.files.operations) + 1):
        for way in range(ways):
            check_power_cut(life, calls, f"{calls} {way}", folder / f"after {calls} {way}")


def test_a_power_cut_after_any_call_loses_nothing_acknowledged(memory_path: pathlib.Path) -> None:
    life = Life(RecordingFiles(memory_path / "store"))
    live(life, STEPS)
    check_power_cuts(life, memory_path)


@pytest.mark.full
def test_a_power_cut_after_any_call_loses_nothing_acknowledged_in_twenty_ways_each(memory_path: pathlib.Path) -> None:
    life = Life(RecordingFiles(memory_path / "store"))
    live(life, STEPS)
    check_power_cuts(life, memory_path, ways=20)


def killed_then_going_on(directory: pathlib.Path, call: int) -> Life:
    """A writer killed at one call, and another that goes on with what the page cache has kept."""
    life = Life(RecordingFiles(directory))
    life.files.fail_at = call
    with contextlib.suppress(Killed):
        live(life, (3, 250, 300))
    life.files.fail_at = None
    live(life, (0, 40, 300))
    return life


def check_power_cuts_after_kills(folder: pathlib.Path, ways: int) -> None:
    first = Life(RecordingFiles(folder / "unharmed"))
    live(first, (3, 250, 300))
    chance = chances(1)
    for call in range(5, len(first.files.operations)):
        life = killed_then_going_on(folder / f"killed {call}", call)
        # Where the second writer was promised something, and anywhere after the kill.
        cuts = [calls for calls, _, _ in life.promises if calls >= call]
        for way, calls in enumerate(
            [*cuts[:2], *(chance.randint(call, len(life.files.operations)) for _ in range(ways))]
        ):
            check_power_cut(life, calls, f"{call} {calls} {way}", folder / f"killed {call} after {calls} {way}")


def test_a_power_cut_after_a_kill_loses_nothing_that_the_second_writer_has_acknowledged(
    memory_path: pathlib.Path,
) -> None:
    check_power_cuts_after_kills(memory_path, ways=1)


@pytest.mark.full
def test_a_power_cut_after_a_kill_loses_nothing_acknowledged_in_twenty_ways_each(memory_path: pathlib.Path) -> None:
    check_power_cuts_after_kills(memory_path, ways=20)


def careless(life: Life, lost: Callable[[tuple[str, str, object]], bool]) -> Life:
    """The same life of a writer that leaves out some calls."""
    kept = [index for index, operation in enumerate(life.files.operations) if not lost(operation)]
    careless_life = Life(RecordingFiles(pathlib.Path(life.files.directory)))
    careless_life.files.operations = [life.files.operations[index] for index in kept]
    careless_life.promises = [(bisect.bisect_left(kept, calls), *rest) for calls, *rest in life.promises]
    return careless_life


@pytest.mark.parametrize(
    "lost",
    [
        lambda operation: operation[:2] == ("fsync", "stage/head"),
        lambda operation: operation[0] == "fsync" and operation[1] != "stage/head",
        lambda operation: operation[:2] == ("fsync_dir", ""),
        lambda operation: operation[:2] == ("fsync_dir", "tile/0"),
        lambda operation: operation[:2] == ("fsync_dir", "half"),
        lambda operation: operation[0] == "fsync_dir" and operation[1].endswith(".p"),
    ],
    ids=["head", "tiles", "store's directory", "level 0", "half rows", "partial tiles"],
)
def test_the_power_cut_finds_out_a_writer_that_leaves_out_one_kind_of_fsync(
    memory_path: pathlib.Path, lost: Callable[[tuple[str, str, object]], bool]
) -> None:
    life = Life(RecordingFiles(memory_path / "store"))
    live(life, STEPS)
    poor = careless(life, lost)
    assert len(poor.files.operations) < len(life.files.operations)
    with pytest.raises((AssertionError, StoreError)):
        check_power_cuts(poor, memory_path)


# The disk fails


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
@pytest.mark.parametrize(("old", "new"), [(256, 300), (300, 600)], ids=["new partial tile", "tiles filled"])
def test_a_sync_that_fails_at_any_call_says_so_keeps_what_was_and_succeeds_when_tried_again(
    memory_path: pathlib.Path, number: int, old: int, new: int
) -> None:
    calls = calls_of_a_sync(memory_path / "whole", old, new)
    assert calls > 10
    for call in range(calls):
        files = RecordingFiles(memory_path / f"failing {call}")
        with TileStore.create(files, SHA256, ORIGIN) as store:
            store.append(LEAF_HASHES[:old])
            before = store.sync()
            store.append(LEAF_HASHES[old:new])
            files.fail_at = len(files.operations) + call
            files.failure = OSError(number, os.strerror(number))
            with pytest.raises(StoreError) as refusal:
                store.sync()
            assert refusal.value.reason == os.strerror(number)
            assert store.root() == LOG.root(new)
            assert store.acknowledged in {before, Acknowledged(new, LOG.root(new))}
            if call % 2:
                store.collect()
            assert store.sync() == Acknowledged(new, LOG.root(new))
        # What the second try acknowledged survives a power cut, whatever the first has left undone.
        after = memory_path / f"failing {call} after"
        after.mkdir()
        tiles_disk.power_cut(files.operations, chances(call), after)
        check_intact_and_going_on(after, new, 0, chances(call))


def calls_of_a_sync(directory: pathlib.Path, old: int, new: int) -> int:
    files = RecordingFiles(directory)
    with TileStore.create(files, SHA256, ORIGIN) as store:
        store.append(LEAF_HASHES[:old])
        store.sync()
        store.append(LEAF_HASHES[old:new])
        before = len(files.operations)
        store.sync()
        return len(files.operations) - before


def test_a_store_whose_sync_failed_opens_at_the_size_acknowledged_before(tmp_path: pathlib.Path) -> None:
    files = RecordingFiles(tmp_path / "store")
    with TileStore.create(files, SHA256, ORIGIN) as store:
        store.append(LEAF_HASHES[:300])
        store.sync()
        store.append(LEAF_HASHES[300:600])
        files.fail_at = len(files.operations) + 1
        files.failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with pytest.raises(StoreError, match="No space left on device"):
            store.sync()
    assert check_intact_and_going_on(tmp_path / "store", 300, 0, chances(0)) == 300


def test_a_write_that_the_system_cuts_short_is_an_error_with_the_file_s_name(tmp_path: pathlib.Path) -> None:
    # A limit on the size of files makes the kernel take 4096 bytes of a tile and refuse the rest.
    code = """
import resource, sys
from sim.proof import SHA256
from sim.proof.errors import StoreError
from sim.proof.tiles import TileStore

hashes = [SHA256.leaf(b"record %d" % i) for i in range(600)]
with TileStore.create(sys.argv[1], SHA256, "crash.example/log") as store:
    store.append(hashes[:100])
    store.sync()
    store.append(hashes[100:])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        store.sync()
    except StoreError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    print(store.acknowledged.size)
    print(store.sync().size)
"""
    directory = tmp_path / "store"
    shown = subprocess.run(
        [sys.executable, "-c", code, str(directory)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert shown == [f"{directory}/stage/0: File too large", "100", "600"]
    check_intact_and_going_on(directory, 600, 0, chances(0))
