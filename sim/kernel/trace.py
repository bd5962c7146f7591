"""A running hash over everything that happened: two runs with equal hashes did the same things at the same times."""

from __future__ import annotations

import hashlib
import sys
from array import array


class Trace:
    """SHA-256 over event times (little-endian 64-bit) interleaved with the facts that rooms note.

    Attributes:
        stamp: accounts for one executed event, given its time; a bare append, since every event passes here.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._stamps = array("q")
        self.stamp = self._stamps.append

    def stamp_all(self, times: memoryview) -> None:
        """Account for many executed events, given their times in order, as 64-bit integers of this machine."""
        self._stamps.frombytes(times.cast("B"))

    def note(self, *facts: int | str | bytes) -> None:
        """Account for a fact, such as a commit: its kind first, then what identifies it."""
        self.flush()
        self._hash.update(repr(facts).encode())

    @property
    def hexdigest(self) -> str:
        """The hash of everything so far; reading it does not end it."""
        self.flush()
        return self._hash.hexdigest()

    def flush(self) -> None:
        """Hash the stamps held so far; the engine does so now and then, for they take eight bytes each."""
        stamps = self._stamps
        if sys.byteorder == "big":
            stamps.byteswap()
        self._hash.update(stamps.tobytes())
        del stamps[:]
