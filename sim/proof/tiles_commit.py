"""How new tiles and a new head get to the disk so that a crash at any point loses nothing acknowledged.

The order of system calls of one sync:

    1. write      stage/<k>                for each new tile, full or partial
    2. fsync      stage/<k>                  its content is on the disk before it has its name
    3. mkdir      tile/0/x001 ...            where missing
       rename     stage/<k> → tile/0/...     no tile ever has its name and half its content
    4. fsync_dir  tile/0/x001, tile/0 ...    the names are on the disk, from the tile up to the store's directory
    5. write      stage/head
       fsync      stage/head
    6. rename     stage/head → head          the one step at which the new tiles begin to count
    7. fsync_dir  .                          and now that is on the disk: the sync is acknowledged
    8. unlink     tile/0/x001/234.p/*        partial tiles that have become full; nothing waits for this

Before 6 the old head stands and everything it needs is untouched: a tile it counts is never written again, and a file
beyond it is an orphan that the next sync replaces. Between 6 and 7 either head may survive a crash, and each is
complete. Step 4 goes up to the store's directory for every directory first used in this session, made now or not:
one made just before a crash may be known to the page cache alone. For the same reason opening a store starts
with step 7: what it finds is on the disk before it is acknowledged again.

A call that fails (a full disk) ends the sync with the old head in place. Nothing is remembered as written, so the
next try writes every tile anew, because after a failed fsync the kernel may hold dropped pages for clean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.proof.tiles_head import HEAD_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sim.proof.tiles_files import Files
    from sim.proof.tiles_head import Head

STAGE_FOLDER = "stage"

_STAGED_HEAD = f"{STAGE_FOLDER}/{HEAD_NAME}"
_STORE_FOLDER = ""


class Committer:
    """Puts tiles and heads on the disk, in the order told above.

    Args:
        files: the store's files.
    """

    __slots__ = ("_files", "_settled")

    def __init__(self, files: Files) -> None:
        self._files = files
        self._settled: set[str] = {_STORE_FOLDER}  # directories whose own names are on the disk, all the way up

    def recover(self) -> None:
        """Clear what a crash has left in the stage, and make sure that the head in place is on the disk."""
        self._files.mkdir(STAGE_FOLDER)
        for name in self._files.names(STAGE_FOLDER):
            self._files.unlink(f"{STAGE_FOLDER}/{name}")
        self._files.fsync_dir(_STORE_FOLDER)

    def put_tiles(self, tiles: Iterable[tuple[str, bytes]]) -> None:
        """Steps 1 to 4: afterwards all tiles are on the disk under their names."""
        paths: list[str] = []
        for path, data in tiles:
            self._files.write(_staged(len(paths)), data)
            paths.append(path)
        for number in range(len(paths)):
            self._files.fsync(_staged(number))
        touched: dict[str, None] = {}  # a set in order of arrival, so that every run makes the same calls
        fresh: dict[str, None] = {}
        for number, path in enumerate(paths):
            folder = path.rpartition("/")[0]
            if folder not in touched:
                self._make_way(folder, touched, fresh)
            self._files.rename(_staged(number), path)
        for folder in sorted(touched, key=len, reverse=True):
            self._files.fsync_dir(folder)
        self._settled.update(fresh)

    def swap_head(self, head: Head) -> None:
        """Steps 5 to 7: afterwards this head is the one on the disk."""
        self._files.write(_STAGED_HEAD, head.to_bytes())
        self._files.fsync(_STAGED_HEAD)
        self._files.rename(_STAGED_HEAD, HEAD_NAME)
        self._files.fsync_dir(_STORE_FOLDER)

    def forget(self, folders: Iterable[str]) -> None:
        """These directories were removed: whoever needs one again must make it."""
        self._settled.difference_update(folders)

    def _make_way(self, folder: str, touched: dict[str, None], fresh: dict[str, None]) -> None:
        """Make a directory and those above it, and note which have new names in them."""
        touched[folder] = None
        if folder in self._settled or folder in fresh:
            return
        above = folder.rpartition("/")[0]
        self._make_way(above, touched, fresh)
        self._files.mkdir(folder)
        fresh[folder] = None


def _staged(number: int) -> str:
    return f"{STAGE_FOLDER}/{number}"
