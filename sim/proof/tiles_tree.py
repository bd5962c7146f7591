"""A Merkle log whose hashes are in tiles: roots and proofs from a few reads, nothing served that was not checked.

In memory are the right edge of every row (at most 255 hashes each), the tiles filled since the last sync, and a
bounded cache of *groups*: 16 neighbouring hashes of a row with the nodes above them. A group read from disk is used
only if it leads to the hash that the row above has for it, and so on up to the edge, which must lead to the root in
the head. A byte changed on the disk is therefore an error that names the file, never a wrong proof.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from sim.proof.errors import BelowMinimumIndex, IndexOutOfRange, MalformedHash, MalformedNumber, StoreError
from sim.proof.log import Log
from sim.proof.suites import DIGEST_SIZE
from sim.proof.tiles_layout import TILE_HEIGHT, TILE_SIZE_BYTES, TILE_WIDTH, Row, rows, tile_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.proof.tiles_files import Files
    from sim.proof.tiles_head import Head

    LeafSource = Callable[[int, int], Iterable[bytes]]

CACHE_GROUPS = 32_768
"""Groups remembered per row unless told otherwise; each takes 1 KiB."""

_CACHED_SUBTREES = 4096


def _sibling_slices(rise: int) -> list[tuple[slice, ...]]:
    """For each hash of a group, where the siblings on its way up stand in the group's levels laid end to end."""
    starts = [(2 << rise) - (2 << (rise - r)) for r in range(rise)]
    return [
        tuple(
            slice((start + (position >> r ^ 1)) * DIGEST_SIZE, (start + (position >> r ^ 1) + 1) * DIGEST_SIZE)
            for r, start in enumerate(starts)
        )
        for position in range(1 << rise)
    ]


_SIBLINGS = {rise: _sibling_slices(rise) for rise in (4, 8)}


class TileTree(Log):
    """The Merkle side of a tile store; `sim.proof.tiles.TileStore` adds what lasts.

    Args:
        files: where the tiles are.
        head: which of them count.
        leaf_source: for a store without its leaf hashes, gives those of the leaves [start, end).
        cache_groups: groups to remember per row.

    Raises:
        StoreError: the right edge is missing, torn, or does not lead to the head's root.
    """

    __slots__ = (
        "_cache_groups",
        "_edges",
        "_files",
        "_fresh",
        "_groups",
        "_head",
        "_leaf_source",
        "_row_numbers",
        "_rows",
        "_size",
        "_subtrees",
    )

    def __init__(self, files: Files, head: Head, leaf_source: LeafSource | None, cache_groups: int) -> None:
        super().__init__(head.suite)
        self._files = files
        self._head = head
        self._leaf_source = leaf_source
        self._cache_groups = cache_groups
        self._size = head.size
        self._rows = rows(head.suite, head.lowest_level)
        self._row_numbers = [number for number, row in enumerate(self._rows) for _ in range(row.rise)]
        self._groups: list[OrderedDict[int, bytes]] = [OrderedDict() for _ in self._rows]
        self._subtrees: dict[tuple[int, int], bytes] = {}
        self._fresh: dict[tuple[int, int], bytes] = {}
        self._edges = [self._loaded_edge(row) for row in self._rows]
        self._check_edges()

    @property
    def size(self) -> int:
        """The number of leaves, those not yet synced included."""
        return self._size

    @property
    def minimum_index(self) -> int:
        """The store was pruned up to here: it answers for leaves from this index and sizes from this size on."""
        return self._head.minimum_index

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append leaves, in order; none is appended if one is malformed.

        They wait in memory, 34 bytes each, for the next sync.

        Args:
            leaf_hashes: `HashSuite.leaf` of each record, 32 bytes each.

        Raises:
            MalformedHash: one of them is not 32 bytes of `bytes`.
        """
        fresh = _joined(leaf_hashes)
        size = self._size
        self._size += len(fresh) // DIGEST_SIZE
        for number, row in enumerate(self._rows):
            if not fresh:
                break
            edge = self._edges[number]
            group_bytes = DIGEST_SIZE << row.rise
            ungrouped = bytes(edge[len(edge) - len(edge) % group_bytes :]) + fresh
            edge += fresh
            self._cut_full_tiles(number, size >> row.height + TILE_HEIGHT)
            fresh = ungrouped[: len(ungrouped) - len(ungrouped) % group_bytes]
            for _ in range(row.rise):
                fresh = self._suite.parents(fresh)

    def root(self, size: int | None = None) -> bytes:
        """The root hash of the first ``size`` leaves, by default of all.

        Raises:
            BelowMinimumIndex: the store was pruned beyond that size.
            SizeOutOfRange: ``size`` is negative or beyond the log's.
            MalformedNumber: ``size`` is not an `int`.
            StoreError: a tile is missing, torn or damaged.
        """
        size = self._checked_size("size", size, smallest=0)
        if size:
            self._check_not_pruned("size", size)
        return super().root(size)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """The proof that leaf ``index`` is among the first ``size`` leaves, by default among all.

        Returns:
            PATH(index, D[size]) of RFC 9162 section 2.1.3.1: sibling hashes from the leaf upwards.

        Raises:
            BelowMinimumIndex: the store was pruned beyond that leaf.
            IndexOutOfRange: there is no such leaf among them.
            SizeOutOfRange: ``size`` is negative or beyond the log's.
            MalformedNumber: one of them is not an `int`.
            StoreError: a tile is missing, torn or damaged.
        """
        size = self._checked_size("size", size, smallest=0)
        if type(index) is not int:
            raise MalformedNumber("index", type(index).__name__)
        if not 0 <= index < size:
            raise IndexOutOfRange(index, size)
        self._check_not_pruned("index", index)
        proof: list[bytes] = []
        position, height = index, 0
        for number, row in enumerate(self._rows):
            group = position >> row.rise
            if group + 1 << row.height + row.rise > size:
                break
            levels = self._group(number, group)
            proof += [levels[sibling] for sibling in _SIBLINGS[row.rise][position - (group << row.rise)]]
            position, height = group, row.height + row.rise
        # What is left of the way lies in groups that are not complete at this size.
        for above in range(height, (size - 1).bit_length()):
            sibling = index >> above ^ 1
            if sibling << above < size:
                proof.append(self._subtree(sibling << above, min(sibling + 1 << above, size)))
        return proof

    def consistency_proof(self, old_size: int, new_size: int | None = None) -> list[bytes]:
        """The proof that the first ``old_size`` leaves are a prefix of the first ``new_size``, by default of all.

        Returns:
            PROOF(old_size, D[new_size]) of RFC 9162 section 2.1.4.1, deepest hash first; for equal sizes nothing.

        Raises:
            BelowMinimumIndex: the store was pruned beyond the old size.
            SizeOutOfRange: not 1 ≤ ``old_size`` ≤ ``new_size`` ≤ the log's size.
            MalformedNumber: one of them is not an `int`.
            StoreError: a tile is missing, torn or damaged.
        """
        new_size = self._checked_size("new_size", new_size, smallest=1)
        if type(old_size) is int and 1 <= old_size <= new_size:
            self._check_not_pruned("old_size", old_size)
        return super().consistency_proof(old_size, new_size)

    def _check_not_pruned(self, name: str, value: int) -> None:
        if value < self._head.minimum_index:
            raise BelowMinimumIndex(name, value, self._head.minimum_index)

    def _error(self, path: str, reason: str) -> StoreError:
        return StoreError(f"{self._files.directory}/{path}", reason)

    def _missing(self, path: str) -> StoreError:
        return self._error(path, f"missing, and the head counts {self._head.size} leaves")

    def _cut_full_tiles(self, number: int, tile: int) -> None:
        """Move what has become full tiles, the first of them number ``tile``, off a row's edge."""
        edge = self._edges[number]
        full_bytes = len(edge) - len(edge) % TILE_SIZE_BYTES
        if self._rows[number].kept:
            for start in range(0, full_bytes, TILE_SIZE_BYTES):
                self._fresh[number, tile + start // TILE_SIZE_BYTES] = bytes(edge[start : start + TILE_SIZE_BYTES])
        del edge[:full_bytes]

    def _loaded_edge(self, row: Row) -> bytearray:
        """The hashes of a row's partial tile."""
        tile, width = divmod(self._size >> row.height, TILE_WIDTH)
        if not width:
            return bytearray()
        path = tile_path(row.folder, tile, width)
        size_bytes = width * DIGEST_SIZE
        try:
            data = self._files.read(path)
        except FileNotFoundError:
            # A reader may come when the writer has just filled this tile and collected the partial one.
            try:
                data = self._files.read_range(tile_path(row.folder, tile), 0, size_bytes)
            except FileNotFoundError:
                raise self._missing(path) from None
        except OSError as error:
            raise self._error(path, error.strerror or str(error)) from error
        if len(data) != size_bytes:
            raise self._error(path, f"torn: it has {len(data)} bytes, not {size_bytes}")
        return bytearray(data)

    def _check_edges(self) -> None:
        if self._head.root != (self._subtree(0, self._size) if self._size else self._suite.empty):
            raise self._error("head", f"its root is not that of the tiles at its size, {self._size}")
        for number, row in enumerate(self._rows):
            count = self._size >> row.height
            for group in range(count - count % TILE_WIDTH >> row.rise, count >> row.rise):
                self._group(number, group)

    def _perfect(self, height: int, position: int) -> bytes:
        number = self._row_numbers[height]
        row = self._rows[number]
        rise = height - row.height
        group = position >> row.rise - rise
        if group + 1 << row.height + row.rise <= self._size:
            levels = self._group(number, group)
            start = (2 << row.rise) - (2 << row.rise - rise) + (position - (group << row.rise - rise))
            return levels[start * DIGEST_SIZE : (start + 1) * DIGEST_SIZE]
        hashes = self._from_edge(number, position << rise, 1 << rise)
        for _ in range(rise):
            hashes = self._suite.parents(hashes)
        return hashes

    def _subtree(self, start: int, end: int) -> bytes:
        # The hash of given leaves never changes, and the ragged right end of a size is in many of its proofs.
        digest = self._subtrees.get((start, end))
        if digest is None:
            digest = super()._subtree(start, end)
            if len(self._subtrees) == _CACHED_SUBTREES:
                self._subtrees.clear()
            self._subtrees[start, end] = digest
        return digest

    def _group(self, number: int, group: int) -> bytes:
        """A complete group of a row: its hashes, then the nodes above them, level by level, without the top one."""
        cache = self._groups[number]
        levels = cache.get(group)
        if levels is None:
            levels = cache[group] = self._checked_group(number, group)
            if len(cache) > self._cache_groups:
                cache.popitem(last=False)
        else:
            cache.move_to_end(group)
        return levels

    def _checked_group(self, number: int, group: int) -> bytes:
        row = self._rows[number]
        level = self._read_group(number, group)
        levels = []
        while len(level) > DIGEST_SIZE:
            levels.append(level)
            level = self._suite.parents(level)
        if level != self._hash(number + 1, group):
            raise self._error(
                tile_path(row.folder, group << row.rise >> TILE_HEIGHT),
                f"damaged: its hashes {group << row.rise}.. do not lead to the hash above them",
            )
        return b"".join(levels)

    def _hash(self, number: int, position: int) -> bytes:
        """A hash of a row, checked."""
        row = self._rows[number]
        group = position >> row.rise
        if group + 1 << row.height + row.rise > self._size:
            return self._from_edge(number, position, 1)
        start = (position - (group << row.rise)) * DIGEST_SIZE
        return self._group(number, group)[start : start + DIGEST_SIZE]

    def _from_edge(self, number: int, first: int, count: int) -> bytes:
        start = first % TILE_WIDTH * DIGEST_SIZE
        return bytes(self._edges[number][start : start + count * DIGEST_SIZE])

    def _read_group(self, number: int, group: int) -> bytes:
        """The hashes of a complete group, unchecked if from the disk."""
        row = self._rows[number]
        first = group << row.rise
        tile = first >> TILE_HEIGHT
        if tile == self._size >> row.height + TILE_HEIGHT:
            return self._from_edge(number, first, 1 << row.rise)
        if not row.kept:
            return self._leaves_again(first, first + (1 << row.rise))
        offset, size_bytes = first % TILE_WIDTH * DIGEST_SIZE, DIGEST_SIZE << row.rise
        fresh = self._fresh.get((number, tile))
        if fresh is not None:
            return fresh[offset : offset + size_bytes]
        return self._read_range(tile_path(row.folder, tile), offset, size_bytes)

    def _leaves_again(self, start: int, end: int) -> bytes:
        if self._leaf_source is None:
            raise StoreError(self._files.directory, "it keeps no leaf hashes: open it with a leaf_source")
        hashes = _joined(self._leaf_source(start, end))
        if len(hashes) != (end - start) * DIGEST_SIZE:
            found = len(hashes) // DIGEST_SIZE
            raise StoreError(
                self._files.directory, f"leaf_source gave {found} hashes for the leaves from {start} up to {end}"
            )
        return hashes

    def _read_range(self, path: str, offset: int, size_bytes: int) -> bytes:
        try:
            data = self._files.read_range(path, offset, size_bytes)
        except FileNotFoundError:
            raise self._missing(path) from None
        except OSError as error:
            raise self._error(path, error.strerror or str(error)) from error
        if len(data) != size_bytes:
            raise self._error(path, f"torn: it ends before byte {offset + size_bytes} of {TILE_SIZE_BYTES}")
        return data


def _joined(hashes: Iterable[bytes]) -> bytes:
    """Hashes end to end.

    Raises:
        MalformedHash: one of them is not 32 bytes of `bytes`.
    """
    hashes = tuple(hashes)
    for position, value in enumerate(hashes):
        if type(value) is not bytes:
            raise MalformedHash(f"leaf_hashes[{position}]", type(value).__name__)
        if len(value) != DIGEST_SIZE:
            raise MalformedHash(f"leaf_hashes[{position}]", len(value))
    return b"".join(hashes)
