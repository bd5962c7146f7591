"""What a tile store may throw away.

That is partial tiles whose full one is there, tiles below the minimum index, and what an interrupted sync has left.
Everything here happens after the head that makes it waste is on the disk, and none of it must be finished: a sweep cut
short is taken up by the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.proof.suites import DIGEST_SIZE
from sim.proof.tiles_layout import TILE_HEIGHT, TILE_WIDTH, Row, rows, tile_path

if TYPE_CHECKING:
    from sim.proof.tiles_files import Files
    from sim.proof.tiles_head import Head

_BRANCH = re.compile(r"x([0-9]{3})", re.ASCII)
_FULL = re.compile(r"([0-9]{3})", re.ASCII)
_PARTIALS = re.compile(r"([0-9]{3})\.p", re.ASCII)
_WIDTH = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)


@dataclass(slots=True)
class Swept:
    """What a sweep has removed.

    Attributes:
        files: how many files.
        folders: the directories that became empty.
    """

    files: int
    folders: list[str]


def collect(files: Files, head: Head) -> Swept:
    """Remove every tile file that this head does not need, wherever it is: it looks at the whole store.

    Partial tiles of earlier sizes stay until their tile is full, since a checkpoint of that size may be out
    (C2SP tlog-tiles, partial tiles).
    """
    swept = Swept(0, [])
    for row in rows(head.suite, head.lowest_level):
        _Sweep(files, head, row, swept, below=None).branch(row.folder, 0)
    return swept


def collect_pruned(files: Files, head: Head) -> Swept:
    """Remove the tiles that end at or below the minimum index; it looks at no others."""
    swept = Swept(0, [])
    for row in rows(head.suite, head.lowest_level):
        below = head.minimum_index >> row.height + TILE_HEIGHT
        _Sweep(files, head, row, swept, below).branch(row.folder, 0)
    return swept


def collect_filled(files: Files, old: Head, new: Head) -> Swept:
    """Remove the partial tiles that became full between two heads: in each row those of one tile at most."""
    swept = Swept(0, [])
    for row in rows(new.suite, new.lowest_level):
        tile = old.size >> row.height + TILE_HEIGHT
        if tile < new.size >> row.height + TILE_HEIGHT:
            _Sweep(files, new, row, swept, below=None).partials(f"{tile_path(row.folder, tile)}.p", tile)
    return swept


class _Sweep:
    """One row's sweep.

    Args:
        files: where the tiles are.
        head: which of them count.
        row: the row.
        swept: the account.
        below: leave tiles from this index on alone; None for none.
    """

    def __init__(self, files: Files, head: Head, row: Row, swept: Swept, below: int | None) -> None:
        self._files = files
        self._row = row
        self._swept = swept
        self._below = below
        self._full, self._width = divmod(head.size >> row.height, TILE_WIDTH)
        self._kept_from = head.minimum_index >> row.height + TILE_HEIGHT

    def branch(self, path: str, branch: int) -> None:
        """Sweep the directory whose tiles have the digits of ``branch`` before their last three."""
        for name in self._files.names(path):
            if match := _BRANCH.fullmatch(name):
                inner = branch * 1000 + int(match[1])
                if self._below is None or inner * 1000 < self._below:
                    self.branch(f"{path}/{name}", inner)
            elif match := _FULL.fullmatch(name):
                self._tile(f"{path}/{name}", branch * 1000 + int(match[1]), TILE_WIDTH)
            elif match := _PARTIALS.fullmatch(name):
                self.partials(f"{path}/{name}", branch * 1000 + int(match[1]))
        if path != self._row.folder:
            self._remove_if_empty(path)

    def partials(self, path: str, tile: int) -> None:
        """Sweep the directory of one tile's partial forms."""
        for name in self._files.names(path):
            if _WIDTH.fullmatch(name) and int(name) < TILE_WIDTH:
                self._tile(f"{path}/{name}", tile, int(name))
        self._remove_if_empty(path)

    def _tile(self, path: str, tile: int, width: int) -> None:
        if (self._below is None or tile < self._below) and self._is_waste(path, tile, width):
            self._files.unlink(path)
            self._swept.files += 1

    def _is_waste(self, path: str, tile: int, width: int) -> bool:
        if tile < self._kept_from:
            return True
        if width == TILE_WIDTH:
            return tile >= self._full or not self._row.kept
        if tile != self._full or width > self._width:
            return True
        # One that does not begin the present tile was never acknowledged: a crash left it, and other leaves came.
        present = self._files.read(tile_path(self._row.folder, tile, self._width))
        return self._files.read(path) != present[: width * DIGEST_SIZE]

    def _remove_if_empty(self, path: str) -> None:
        if not self._files.names(path):
            self._files.rmdir(path)
            self._swept.folders.append(path)
