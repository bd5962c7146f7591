"""Where a tile store keeps which hash: rows of hashes, cut into tiles of 256, named as C2SP tlog-tiles names them.

A tree of n leaves has n >> h perfect subtrees of height h. The store keeps their hashes as *rows*, one for every
fourth height; a row is cut into *tiles* of 256 hashes end to end, the last of which is partial most of the time.

| height | folder | what it is |
|---|---|---|
| 8·L | ``tile/<L>`` | level L of C2SP tlog-tiles, to the byte |
| 8·L + 4 | ``half/<L>`` | our own addition: the hashes half way up through the tiles of level L |

The half rows cost a sixteenth more space. Without them, 247 nodes must be hashed to prove one leaf of a 256-leaf
tile; with them 30, so proofs leave the disk at the speed of reading. C2SP fixes SHA-256: under another hash the
folders are called ``tile-<hash>`` and ``half-<hash>``, so that no client takes one for the other.

A store whose `lowest_level` is 1 keeps no full tile of leaf hashes and no ``half/0``: 1/256 of the space, for
whoever has the records and can give 256 leaf hashes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.proof.suites import DIGEST_SIZE

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

TILE_WIDTH = 256
"""Hashes in a full tile."""

TILE_HEIGHT = 8
"""How far the root of a full tile stands above its hashes."""

TILE_SIZE_BYTES = TILE_WIDTH * DIGEST_SIZE

_HALF_HEIGHT = 4
_HEIGHTS = 64  # sizes are below 2^63
_DIGITS = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """The hashes of all perfect subtrees of one height.

    Attributes:
        height: of the subtrees; 0 for leaves.
        rise: from here to the next row above. 2^rise neighbouring hashes are a *group*: they lead to one hash of the
            row above, and none of them is served unless they do.
        folder: where its tiles are.
        kept: whether its full tiles are on disk.
    """

    height: int
    rise: int
    folder: str
    kept: bool


def rows(suite: HashSuite, lowest_level: int) -> tuple[Row, ...]:
    """The rows of a store, lowest first.

    Args:
        suite: the hash of its tree.
        lowest_level: 0, or 1 for a store that does not keep its leaf hashes.
    """
    suffix = "" if suite.name == "sha256" else f"-{suite.name}"
    heights = [0, *range(TILE_HEIGHT if lowest_level else _HALF_HEIGHT, _HEIGHTS, _HALF_HEIGHT)]
    result = []
    for height, above in zip(heights, [*heights[1:], _HEIGHTS], strict=True):
        level, half = divmod(height, TILE_HEIGHT)
        folder = f"{'half' if half else 'tile'}{suffix}/{level}"
        result.append(Row(height, above - height, folder, kept=height > 0 or lowest_level == 0))
    return tuple(result)


def tile_path(folder: str, index: int, width: int = TILE_WIDTH) -> str:
    """The path of a tile, as in ``tile/0/x001/x234/067`` and, for a partial tile, ``tile/0/x001/x234/067.p/112``.

    Args:
        folder: the folder of its row.
        index: its position in the row, from 0.
        width: how many hashes it has, 1..256.
    """
    rest, last = divmod(index, _DIGITS)
    name = f"{last:03d}" if width == TILE_WIDTH else f"{last:03d}.p/{width}"
    while rest:
        rest, digits = divmod(rest, _DIGITS)
        name = f"x{digits:03d}/{name}"
    return f"{folder}/{name}"
