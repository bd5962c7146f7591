"""A running hash over everything that happened: two runs with equal hashes did the same things at the same times."""

from __future__ import annotations

import hashlib
import sys
from array import array

_BUFFERED_STAMPS = 8192


class Trace:
    """SHA-256 over event times (little-endian 64-bit) interleaved with the facts that rooms note."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._stamps = array("q")

    def stamp(self, time_ns: int) -> None:
        """Account for one executed event."""
        self._stamps.append(time_ns)
        if len(self._stamps) == _BUFFERED_STAMPS:
            self._flush()

    def note(self, *facts: int | str | bytes) -> None:
        """Account for a fact, such as a commit: its kind first, then what identifies it."""
        self._flush()
        self._hash.update(repr(facts).encode())

    @property
    def hexdigest(self) -> str:
        """The hash of everything so far; reading it does not end it."""
        self._flush()
        return self._hash.hexdigest()

    def _flush(self) -> None:
        stamps = self._stamps
        if sys.byteorder == "big":
            stamps.byteswap()
        self._hash.update(stamps.tobytes())
        del stamps[:]
