"""Bytes of fixed shape: how certificates, validator sets and bundles are written, and read back strictly.

Integers are big endian and unsigned; a variable field follows its own length. A length has a fixed width and a stated
bound, so every value has one encoding and a hostile length is refused before anything of that size is read or made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.proof.errors import ProofError

LARGEST_NUMBER = 2**63 - 1
"""The largest height, view, size and index: they fit a signed 64-bit integer everywhere."""

LONGEST_TEXT_BYTES = 255


def number(value: int, width_bytes: int) -> bytes:
    """An integer in so many bytes."""
    return value.to_bytes(width_bytes, "big")


def sized(data: bytes, width_bytes: int) -> bytes:
    """Bytes after their length, which takes so many bytes."""
    return number(len(data), width_bytes) + data


def text(value: str) -> bytes:
    """UTF-8 after its length, which takes one byte."""
    return sized(value.encode(), 1)


class Checks:
    """Checks of fields on construction; each raises the refusal of the structure that the fields belong to.

    Args:
        refuse: makes the refusal from its reason.
    """

    __slots__ = ("_refuse",)

    def __init__(self, refuse: Callable[[str], ProofError]) -> None:
        self._refuse = refuse

    def integer(self, name: str, value: object, largest: int = LARGEST_NUMBER) -> None:
        """Accept only an `int` (never a `bool`) in 0..largest."""
        if type(value) is not int:
            raise self._refuse(f"{name} must be an int, not {type(value).__name__}")
        if not 0 <= value <= largest:
            raise self._refuse(f"{name} must lie in 0..{largest}")

    def octets(self, name: str, value: object, shortest: int, longest: int) -> None:
        """Accept only `bytes` of a length within the bounds."""
        if type(value) is not bytes:
            raise self._refuse(f"{name} must be bytes, not {type(value).__name__}")
        if not shortest <= len(value) <= longest:
            bounds = f"{shortest}..{longest}" if shortest < longest else str(shortest)
            raise self._refuse(f"{name} must have {bounds} bytes, not {len(value)}")

    def words(self, name: str, value: object) -> None:
        """Accept only a `str` of 1..255 bytes of UTF-8."""
        if type(value) is not str:
            raise self._refuse(f"{name} must be a str, not {type(value).__name__}")
        try:
            encoded = value.encode()
        except UnicodeEncodeError:
            raise self._refuse(f"{name} holds a lone surrogate, which UTF-8 cannot say") from None
        self.octets(name, encoded, 1, LONGEST_TEXT_BYTES)

    def kind(self, name: str, value: object, kind: type) -> None:
        """Accept only an object of one type."""
        if type(value) is not kind:
            raise self._refuse(f"{name} must be a {kind.__name__}, not {type(value).__name__}")

    def items(self, name: str, value: object, kind: type, fewest: int, most: int) -> None:
        """Accept only a tuple of so many objects of one type."""
        if type(value) is not tuple or not all(type(item) is kind for item in value):
            raise self._refuse(f"{name} must be a tuple of {kind.__name__}")
        if not fewest <= len(value) <= most:
            raise self._refuse(f"{name} must be {fewest}..{most}, not {len(value)}")


class Reader:
    """Takes fields from the front of some bytes, each within its bounds.

    Args:
        data: what to read.
        refuse: makes the refusal from its reason.

    Raises:
        ProofError: the one that ``refuse`` makes, here for data that is not `bytes`, later for each field.
    """

    __slots__ = ("_at", "_data", "_refuse")

    def __init__(self, data: object, refuse: Callable[[str], ProofError]) -> None:
        if type(data) is not bytes:
            raise refuse(f"bytes expected, not {type(data).__name__}")
        self._data = data
        self._refuse = refuse
        self._at = 0

    def take(self, name: str, count: int) -> bytes:
        """So many bytes."""
        end = self._at + count
        if end > len(self._data):
            raise self._refuse(f"{name} needs {count} bytes, {len(self._data) - self._at} are left")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, name: str, width_bytes: int, smallest: int = 0, largest: int = LARGEST_NUMBER) -> int:
        """An integer of so many bytes, within the bounds."""
        value = int.from_bytes(self.take(name, width_bytes), "big")
        if not smallest <= value <= largest:
            raise self._refuse(f"{name} must lie in {smallest}..{largest}, not be {value}")
        return value

    def sized(self, name: str, width_bytes: int, longest: int) -> bytes:
        """Bytes after their length."""
        return self.take(name, self.number(f"length of {name}", width_bytes, 0, longest))

    def text(self, name: str) -> str:
        """UTF-8 after its length."""
        try:
            return self.sized(name, 1, LONGEST_TEXT_BYTES).decode()
        except UnicodeDecodeError:
            raise self._refuse(f"{name} is not UTF-8") from None

    def start(self, magic: bytes, version: int) -> None:
        """The magic and the version that every structure starts with."""
        found = self.take("magic", len(magic))
        if found != magic:
            raise self._refuse(f"it starts with {found!r}, not {magic!r}")
        read = self.number("version", 1)
        if read != version:
            raise self._refuse(f"version {read} is unknown, only {version} is")

    def end(self) -> None:
        """Nothing may be left."""
        if self._at < len(self._data):
            raise self._refuse(f"{len(self._data) - self._at} bytes follow its end")
