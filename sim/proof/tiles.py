"""A Merkle log on disk: tiles after C2SP tlog-tiles under a head that is swapped in one step.

| path | what it is |
|---|---|
| ``head`` | which log, which hash, how many leaves count, their root (`sim.proof.tiles_head`) |
| ``tile/<L>/<N>[.p/<W>]`` | the tiles; ``tile-sm3`` under SM3 (`sim.proof.tiles_layout`) |
| ``half/<L>/<N>[.p/<W>]`` | hashes half way between two levels, for the speed of proofs |
| ``stage/`` | files on their way to their names (`sim.proof.tiles_commit`) |
| ``lock`` | held by the one process that writes |

Records are not here: a store proves them. Nothing of its form depends on who writes it, so two stores of the same
leaves at the same size hold the same full tiles, byte by byte.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from sim.proof.errors import MalformedNumber, SizeOutOfRange, StoreError
from sim.proof.tiles_commit import STAGE_FOLDER, Committer
from sim.proof.tiles_files import Files
from sim.proof.tiles_head import HEAD_NAME, Head, origin_fault
from sim.proof.tiles_layout import TILE_WIDTH, tile_path
from sim.proof.tiles_sweep import collect, collect_filled, collect_pruned
from sim.proof.tiles_tree import CACHE_GROUPS, TileTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sim.proof.suites import HashSuite
    from sim.proof.tiles_tree import LeafSource

LOCK_NAME = "lock"

_LOWEST_LEVELS = (0, 1)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What a sync promises to survive a crash.

    Attributes:
        size: the number of leaves.
        root: their root, 32 bytes.
    """

    size: int
    root: bytes


class TileStore(TileTree):
    """A `merkle.Log` that outlives its process; made by `create` and `open`.

    Leaves appended count for `size`, roots and proofs at once, and for the disk from the next `sync` on; `close`
    does not sync. One process writes at a time; any number read, each the state at its own `open`. Proofs are served
    from the tiles with a few file reads, and no byte of them that does not lead to the root in the head.

    Every method raises `StoreError`, with the path and what is wrong with it, if the disk does not do or hold what it
    should. An object is for one thread.
    """

    __slots__ = ("_committer", "_lock")

    def __init__(
        self, files: Files, head: Head, lock: int | None, leaf_source: LeafSource | None, cache_groups: int
    ) -> None:
        self._lock = lock
        self._committer = Committer(files)
        super().__init__(files, head, leaf_source, cache_groups)

    @classmethod
    def create(
        cls,
        directory: str | os.PathLike[str] | Files,
        suite: HashSuite,
        origin: str,
        *,
        lowest_level: int = 0,
        leaf_source: LeafSource | None = None,
        cache_groups: int = CACHE_GROUPS,
    ) -> Self:
        """Make an empty store and open it for writing.

        Args:
            directory: where; made if missing, its parent must be there. `Files` for a file system of one's own.
            suite: the hash of its tree.
            origin: which log this is, 1..255 bytes of printable UTF-8: what its checkpoints will say.
            lowest_level: 0, or 1 to keep no full tile of leaf hashes: 1/256 of the space, and every proof asks
                ``leaf_source`` for 256 of them.
            leaf_source: gives the leaf hashes [start, end) again, for ``lowest_level`` 1.
            cache_groups: how many groups of 16 hashes to remember per row, 1 KiB each.

        Raises:
            StoreError: the directory holds a store or anything else, or can't be written.
        """
        files = directory if isinstance(directory, Files) else Files(directory)
        if fault := origin_fault(origin):
            raise StoreError(files.directory, fault)
        if lowest_level not in _LOWEST_LEVELS:
            raise StoreError(files.directory, "lowest_level must be 0 or 1")
        with files.failures_told():
            files.mkdir("")
        with _locked(files) as lock:
            if HEAD_NAME in files.names(""):
                raise StoreError(files.directory, "it already holds a tile store")
            # A creation cut short leaves these two and no more.
            if foreign := [name for name in files.names("") if name not in {LOCK_NAME, STAGE_FOLDER}]:
                raise StoreError(f"{files.directory}/{foreign[0]}", "a tile store needs a directory of its own")
            head = Head(suite, origin, 0, suite.empty, minimum_index=0, lowest_level=lowest_level)
            store = cls(files, head, lock, leaf_source, cache_groups)
            store._committer.recover()
            store._committer.swap_head(head)
            files.fsync_dir("..")
            return store

    @classmethod
    def open(
        cls,
        directory: str | os.PathLike[str] | Files,
        *,
        writable: bool = True,
        leaf_source: LeafSource | None = None,
        cache_groups: int = CACHE_GROUPS,
    ) -> Self:
        """Open a store at the size that was acknowledged last.

        After a crash it may be a size whose sync was under way; then it is acknowledged now.

        Args:
            directory: where it is. `Files` for a file system of one's own.
            writable: whether to append, too. A reader takes no lock, writes nothing and sees no later sync.
            leaf_source: gives the leaf hashes [start, end) again, for a store of ``lowest_level`` 1.
            cache_groups: how many groups of 16 hashes to remember per row, 1 KiB each.

        Raises:
            StoreError: there is no store, another process writes it, or its right edge is damaged.
        """
        files = directory if isinstance(directory, Files) else Files(directory)
        if not writable:
            with files.failures_told():
                return cls(files, _read_head(files), None, leaf_source, cache_groups)
        with files.failures_told():
            # Before the lock, so that asking for a store where there is none leaves no lock behind.
            _read_head(files)
        with _locked(files) as lock:
            store = cls(files, _read_head(files), lock, leaf_source, cache_groups)
            store._committer.recover()
            return store

    @property
    def origin(self) -> str:
        """Which log this is."""
        return self._head.origin

    @property
    def acknowledged(self) -> Acknowledged:
        """What the last sync, of this process or an earlier one, has promised."""
        return Acknowledged(self._head.size, self._head.root)

    def append(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append leaves, in order; none is appended if one is malformed, none is safe before the next `sync`.

        Args:
            leaf_hashes: `HashSuite.leaf` of each record, 32 bytes each.

        Raises:
            MalformedHash: one of them is not 32 bytes of `bytes`.
            StoreError: the store is not open for writing.
        """
        self._check_writable()
        self.extend(leaf_hashes)

    def sync(self) -> Acknowledged:
        """Make everything appended survive a crash from now on.

        If it raises, what was acknowledged before still is, and the same sync can be tried again.

        Raises:
            StoreError: a file can't be written, as on a full disk; or the store is not open for writing.
        """
        self._check_writable()
        old = self._head
        if self._size > old.size:
            new = replace(old, size=self._size, root=self.root())
            with self._files.failures_told():
                self._committer.put_tiles(self._new_tiles())
                self._committer.swap_head(new)
            self._head = new
            self._fresh.clear()
            with self._files.failures_told():
                self._committer.forget(collect_filled(self._files, old, new).folders)
        return self.acknowledged

    def prune(self, minimum_index: int) -> int:
        """Give up the leaves before an index: remove every full tile that ends at or below it.

        What stays proven are the leaves from that index on, and roots and consistency from that size on (C2SP
        tlog-tiles, pruning). A smaller minimum index than an earlier one is refused: what is gone is gone.

        Args:
            minimum_index: at most the acknowledged size.

        Returns:
            How many files were removed.

        Raises:
            MalformedNumber: ``minimum_index`` is not an `int`.
            SizeOutOfRange: it lies below the present one or above the acknowledged size.
            StoreError: a file can't be written or removed; or the store is not open for writing.
        """
        self._check_writable()
        if type(minimum_index) is not int:
            raise MalformedNumber("minimum_index", type(minimum_index).__name__)
        if not self._head.minimum_index <= minimum_index <= self._head.size:
            raise SizeOutOfRange("minimum_index", minimum_index, self._head.minimum_index, self._head.size)
        new = replace(self._head, minimum_index=minimum_index)
        with self._files.failures_told():
            # First the promise is taken back, on the disk; then the tiles go. A crash between leaves tiles too many.
            self._committer.swap_head(new)
            self._head = new
            swept = collect_pruned(self._files, new)
        self._committer.forget(swept.folders)
        return swept.files

    def collect(self) -> int:
        """Remove every tile file that is not needed, such as what crashes have left; it looks at the whole store.

        `sync` and `prune` clean up behind them, so this is for after a crash, and nothing breaks without.

        Returns:
            How many files were removed.

        Raises:
            StoreError: a file can't be removed; or the store is not open for writing.
        """
        self._check_writable()
        with self._files.failures_told():
            swept = collect(self._files, self._head)
        self._committer.forget(swept.folders)
        return swept.files

    def close(self) -> None:
        """Let another process write. Leaves appended since the last `sync` are lost."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_writable(self) -> None:
        if self._lock is None:
            raise StoreError(self._files.directory, "it is not open for writing")

    def _new_tiles(self) -> Iterator[tuple[str, bytes]]:
        """Path and content of every tile that the disk does not have: the full ones, then the new right edge."""
        for (number, tile), data in self._fresh.items():
            yield tile_path(self._rows[number].folder, tile), data
        for row, edge in zip(self._rows, self._edges, strict=True):
            count = self._size >> row.height
            if edge and count != self._head.size >> row.height:
                tile, width = divmod(count, TILE_WIDTH)
                yield tile_path(row.folder, tile, width), bytes(edge)


@contextlib.contextmanager
def _locked(files: Files) -> Iterator[int]:
    """The store's lock, which is kept if the work inside succeeds and given back if not."""
    with files.failures_told():
        lock = files.lock(LOCK_NAME)
        if lock is None:
            raise StoreError(f"{files.directory}/{LOCK_NAME}", "another process writes this store")
        try:
            yield lock
        except BaseException:
            os.close(lock)
            raise


def _read_head(files: Files) -> Head:
    try:
        data = files.read(HEAD_NAME)
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(files.directory, "no tile store is here: it has no head") from None
    return Head.from_bytes(data, f"{files.directory}/{HEAD_NAME}")
