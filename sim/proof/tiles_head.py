"""The head of a tile store: the one small file that says which tiles count.

Eight lines of UTF-8, each closed by a line feed, in this order and in no other form:

    alliance tile store 1
    hash sm3
    origin evidence.example/2022
    size 70000
    root <64 lower-case hexadecimal digits>
    minimum index 0
    lowest level 0
    check <SHA-256 of the lines above, 64 lower-case hexadecimal digits>

The check tells a damaged head from an honest one; who must know that nobody rewrote it holds a signed checkpoint.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.proof.errors import StoreError, UnknownSuite
from sim.proof.suites import DIGEST_SIZE, suite_by_name

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

HEAD_NAME = "head"
LARGEST_SIZE = 2**63 - 1

_FIRST_LINE = "alliance tile store 1"
_KEYS = ("hash", "origin", "size", "root", "minimum index", "lowest level", "check")
_LONGEST_ORIGIN = 255
_LEVELS = ("0", "1")
_LARGEST_HEAD_BYTES = 1024


class _Malformed(ValueError):
    """Why some bytes are no head."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a store acknowledges.

    Attributes:
        suite: the hash of the tree.
        origin: which log this is.
        size: its leaves.
        root: their root, 32 bytes.
        minimum_index: leaves below it may be gone.
        lowest_level: 0, or 1 where full tiles of leaf hashes are not kept.
    """

    suite: HashSuite
    origin: str
    size: int
    root: bytes
    minimum_index: int
    lowest_level: int

    def to_bytes(self) -> bytes:
        """The head's only encoding, described at the top of this module."""
        values = (
            self.suite.name,
            self.origin,
            self.size,
            self.root.hex(),
            self.minimum_index,
            self.lowest_level,
        )
        lines = [_FIRST_LINE, *(f"{key} {value}" for key, value in zip(_KEYS, values, strict=False))]
        text = "".join(f"{line}\n" for line in lines).encode()
        return text + f"check {hashlib.sha256(text).hexdigest()}\n".encode()

    @classmethod
    def from_bytes(cls, data: bytes, path: str = HEAD_NAME) -> Head:
        """The head that these bytes, and no others, encode.

        Args:
            data: the content of the file.
            path: what errors call that file.

        Raises:
            StoreError: they are not what `to_bytes` of any head gives.
        """
        try:
            return cls._parsed(data)
        except _Malformed as malformed:
            raise StoreError(path, str(malformed)) from None

    @classmethod
    def _parsed(cls, data: bytes) -> Head:
        fields = _fields(data)
        try:
            suite = suite_by_name(fields["hash"])
        except UnknownSuite as unknown:
            raise _Malformed(str(unknown)) from None
        if fault := origin_fault(fields["origin"]):
            raise _Malformed(fault)
        if fields["lowest level"] not in _LEVELS:
            raise _Malformed("lowest level must be 0 or 1")
        head = cls(
            suite=suite,
            origin=fields["origin"],
            size=_number("size", fields["size"]),
            root=_hash(fields["root"]),
            minimum_index=_number("minimum index", fields["minimum index"]),
            lowest_level=int(fields["lowest level"]),
        )
        if head.minimum_index > head.size:
            raise _Malformed(f"minimum index {head.minimum_index} exceeds size {head.size}")
        if head.to_bytes() != data:
            raise _Malformed("its check does not fit its lines: it was damaged")
        return head


def origin_fault(origin: object) -> str | None:
    """Why this can't be the origin of a store, or None if it can."""
    if type(origin) is not str:
        return f"origin must be a str, not {type(origin).__name__}"
    try:
        size_bytes = len(origin.encode())
    except UnicodeEncodeError:
        return "origin holds a lone surrogate, which UTF-8 cannot say"
    if not 1 <= size_bytes <= _LONGEST_ORIGIN:
        return f"origin must have 1..{_LONGEST_ORIGIN} bytes of UTF-8"
    if not origin.isprintable() or origin != origin.strip():
        return "origin must be printable, without spaces at its ends"
    return None


def _fields(data: bytes) -> dict[str, str]:
    if len(data) > _LARGEST_HEAD_BYTES:
        raise _Malformed(f"it is longer than {_LARGEST_HEAD_BYTES} bytes")
    try:
        # Not splitlines, which would also split at separators that an origin may hold.
        first, *lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise _Malformed("it is not UTF-8") from None
    if first != _FIRST_LINE:
        raise _Malformed(f"it does not start with the line {_FIRST_LINE!r}")
    if len(lines) != len(_KEYS) + 1 or lines.pop():
        raise _Malformed(f"it has not exactly {len(_KEYS) + 1} lines, each closed by a line feed")
    for key, line in zip(_KEYS, lines, strict=True):
        if not line.startswith(f"{key} "):
            raise _Malformed(f"a line should start with {key!r}")
    return {key: line.removeprefix(f"{key} ") for key, line in zip(_KEYS, lines, strict=True)}


def _number(key: str, text: str) -> int:
    # int() takes signs, spaces, underscores and the digits of every script; a head takes none of them.
    longest = len(str(LARGEST_SIZE))
    if not (text.isascii() and text.isdigit() and len(text) <= longest) or str(int(text)) != text:
        raise _Malformed(f"{key} must be a number without sign or leading zero")
    if int(text) > LARGEST_SIZE:
        raise _Malformed(f"{key} must be below 2^63")
    return int(text)


def _hash(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != DIGEST_SIZE or digest.hex() != text:
        raise _Malformed(f"root must be {2 * DIGEST_SIZE} lower-case hexadecimal digits")
    return digest
