"""The integrity check of a tile store: everything is derived again from the lowest hashes, nothing is taken on trust.

It shares the head's format with the store and nothing else: names are read here, where the store writes them, and
the root is the recursion of RFC 9162 section 2.1.1, where the store climbs and caches. First the right edge must lead
to the root, then each row to the one above it, from the top down. Two tiles are in memory at a time.

What it refuses: a missing tile, one shorter or longer than the head's size asks (torn, or a partial tile in a full
one's place), one whose hashes do not lead to those above or to the root (rewritten), a head newer than the tiles,
and a file that is no part of a tile store. What it only counts: partial tiles of earlier sizes, which may be served,
and leftovers of interrupted work, which no head counts and `TileStore.collect` removes.
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.proof.errors import StoreError
from sim.proof.tiles_head import HEAD_NAME, Head

if TYPE_CHECKING:
    from collections.abc import Iterator

_HASH_SIZE = 32
_WIDTH = 256
_NAME = re.compile(
    r"(tile|half)(-[a-z0-9]+)?/([0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What was found in a store that is in order.

    Attributes:
        origin: which log it is.
        suite_name: the hash of its tree.
        size: its leaves.
        root: their root, 32 bytes, derived from the tiles.
        minimum_index: it was pruned up to here.
        tiles: tiles checked, full and partial.
        hashes: hashes in them.
        earlier_partials: partial tiles of earlier sizes.
        leftovers: files of interrupted work.
    """

    origin: str
    suite_name: str
    size: int
    root: bytes
    minimum_index: int
    tiles: int
    hashes: int
    earlier_partials: int
    leftovers: int


def verify_store(directory: str | os.PathLike[str]) -> StoreReport:
    """Check every file of a tile store that nobody is writing.

    Args:
        directory: where it is.

    Raises:
        StoreError: something is wrong; it names the file and what it is.
    """
    root = pathlib.Path(directory)
    try:
        head = _head(root)
        lock = _shared_lock(root)
        try:
            return _Check(root, head).report()
        finally:
            if lock is not None:
                os.close(lock)
    except OSError as error:
        raise StoreError(str(error.filename or root), error.strerror or str(error)) from error


def _head(root: pathlib.Path) -> Head:
    path = root / HEAD_NAME
    if not path.is_file():
        raise StoreError(str(root), "no tile store is here: it has no head")
    return Head.from_bytes(path.read_bytes(), str(path))


def _shared_lock(root: pathlib.Path) -> int | None:
    """Keep writers out while the check runs; a store copied without its lock has none."""
    path = root / "lock"
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreError(str(path), "a process is writing this store: let it close first") from None
    return lock


@dataclass(frozen=True, slots=True)
class _Tile:
    """What a path below the store says about the file."""

    height: int
    index: int
    width: int


class _Check:
    """One run of the check."""

    def __init__(self, root: pathlib.Path, head: Head) -> None:
        self._root = root
        self._head = head
        self._suite = head.suite
        self._suffix = "" if head.suite.name == "sha256" else f"-{head.suite.name}"
        self._heights = [8 * level + half for level in range(8) for half in (0, 4)]
        if head.lowest_level:
            self._heights.remove(4)
        self._tiles = self._hashes = self._earlier_partials = self._leftovers = 0

    def report(self) -> StoreReport:
        self._sort_files()
        computed = self._computed_root()
        if computed != self._head.root:
            raise StoreError(
                str(self._root / HEAD_NAME), f"the tiles have the root {computed.hex()}, not {self._head.root.hex()}"
            )
        # From the top down, so that of two tiles that disagree the lower one is to blame: the upper has been checked.
        for height, above in reversed(list(zip(self._heights, [*self._heights[1:], 64], strict=True))):
            self._check_row(height, above)
        return StoreReport(
            origin=self._head.origin,
            suite_name=self._suite.name,
            size=self._head.size,
            root=computed,
            minimum_index=self._head.minimum_index,
            tiles=self._tiles,
            hashes=self._hashes,
            earlier_partials=self._earlier_partials,
            leftovers=self._leftovers,
        )

    def _sort_files(self) -> None:
        """Refuse foreign files and count those that the head does not need."""
        for path in _files_below(self._root):
            name = path.relative_to(self._root).as_posix()
            if name.startswith("stage/"):
                self._leftovers += 1
            elif name not in {HEAD_NAME, "lock"}:
                self._sort_tile(path, self._named_tile(path, name))

    def _named_tile(self, path: pathlib.Path, name: str) -> _Tile:
        match = _NAME.fullmatch(name)
        if not match or (match[2] or "") != self._suffix:
            raise StoreError(str(path), f"foreign file: it is no part of a {self._suite.name} tile store")
        kind, _, level, digits, width = match.groups()
        tile = _Tile(
            height=8 * int(level) + (4 if kind == "half" else 0),
            index=int(digits.replace("x", "").replace("/", "")),
            width=int(width or _WIDTH),
        )
        # One tile has one name: no leading zero in a level, no x000 in front, no width beyond 255.
        leading = digits.startswith("x000") or str(int(level)) != level
        special = path.is_symlink() or not path.is_file()
        if leading or special or tile.height not in self._heights or (width and tile.width >= _WIDTH):
            raise StoreError(str(path), "foreign file: no tile has this name")
        return tile

    def _sort_tile(self, path: pathlib.Path, tile: _Tile) -> None:
        full, edge_width = divmod(self._head.size >> tile.height, _WIDTH)
        if tile.width == _WIDTH:
            kept = tile.height > 0 or self._head.lowest_level == 0
            is_leftover = tile.index >= full or not kept
        else:
            is_leftover = tile.index != full or tile.width > edge_width
            if not is_leftover and tile.width < edge_width:
                self._check_earlier_partial(path, tile)
        if is_leftover or tile.index < self._first_tile(tile.height):
            self._leftovers += 1

    def _check_earlier_partial(self, path: pathlib.Path, tile: _Tile) -> None:
        """A partial tile of an earlier size begins the present one; else a sync that was never acknowledged left it."""
        present = path.with_name(str((self._head.size >> tile.height) % _WIDTH))
        data = path.read_bytes()
        if len(data) == tile.width * _HASH_SIZE and present.is_file() and present.read_bytes().startswith(data):
            self._earlier_partials += 1
        else:
            self._leftovers += 1

    def _first_tile(self, height: int) -> int:
        return self._head.minimum_index >> height + 8

    def _check_row(self, height: int, above: int) -> None:
        """Every tile of a row is there and whole, and every complete group in it leads to the hash above."""
        count = self._head.size >> height
        kept = height > 0 or self._head.lowest_level == 0
        first = self._first_tile(height) if kept else count // _WIDTH
        above_index, above_tile = -1, b""
        for index in range(first, -(-count // _WIDTH)):
            width = min(_WIDTH, count - index * _WIDTH)
            level = self._read(height, index, width)
            self._tiles += 1
            self._hashes += width
            level = level[: width >> above - height << above - height << 5]
            for _ in range(above - height):
                level = self._suite.parents(level)
            if not level:
                continue
            position = index * _WIDTH >> above - height
            if above_index != position // _WIDTH:
                above_index = position // _WIDTH
                above_tile = self._read(
                    above, above_index, min(_WIDTH, (self._head.size >> above) - above_index * _WIDTH)
                )
            start = position % _WIDTH * _HASH_SIZE
            if level != above_tile[start : start + len(level)]:
                raise StoreError(
                    str(self._path(height, index, width)), "damaged: its hashes do not lead to those above"
                )

    def _computed_root(self) -> bytes:
        """The root from the hashes that are in no complete group: the right edge of each row."""
        ragged: list[bytes] = []
        size = self._head.size
        for height, above in zip(self._heights, [*self._heights[1:], 64], strict=True):
            count = size >> height
            trailing = count - (count >> above - height << above - height)
            if trailing:
                index, width = count // _WIDTH, count % _WIDTH
                edge = self._read(height, index, width)[(width - trailing) * _HASH_SIZE :]
                hashes = [edge[start : start + _HASH_SIZE] for start in range(0, len(edge), _HASH_SIZE)]
                ragged = [self._tree_hash(hashes + ragged)]
        return ragged[0] if ragged else self._suite.empty

    def _tree_hash(self, hashes: list[bytes]) -> bytes:
        """MTH of RFC 9162 section 2.1.1 over hashes of perfect subtrees, the last of which may be smaller."""
        if len(hashes) == 1:
            return hashes[0]
        split = 1
        while 2 * split < len(hashes):
            split *= 2
        return self._suite.node(self._tree_hash(hashes[:split]), self._tree_hash(hashes[split:]))

    def _path(self, height: int, index: int, width: int) -> pathlib.Path:
        digits = str(index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
        folder = self._root / f"{'half' if height % 8 else 'tile'}{self._suffix}" / str(height // 8)
        for group in groups[:-1]:
            folder /= f"x{group}"
        return folder / groups[-1] if width == _WIDTH else folder / f"{groups[-1]}.p" / str(width)

    def _read(self, height: int, index: int, width: int) -> bytes:
        path = self._path(height, index, width)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise StoreError(
                str(path), f"missing: the head, at {self._head.size} leaves, is newer than the tiles"
            ) from None
        if len(data) == width * _HASH_SIZE:
            return data
        if width == _WIDTH and len(data) % _HASH_SIZE == 0 and 0 < len(data) < _WIDTH * _HASH_SIZE:
            raise StoreError(str(path), f"a partial tile of {len(data) // _HASH_SIZE} hashes in a full one's place")
        raise StoreError(str(path), f"torn: it has {len(data)} bytes, not {width * _HASH_SIZE}")


def _files_below(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Everything below a directory that is not a directory itself, in order, without following links."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _files_below(path)
        else:
            yield path
