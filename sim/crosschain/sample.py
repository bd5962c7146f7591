"""Which proofs are checked for real, and which are charged only.

Provers that build out of a chain's own ledger leave word of the bytes that they built. Of those, a stated share is
checked for real; what the rest would show is known, and its cost is charged as if it had been. All other bytes, made
up or damaged, are not remembered here and so always checked: nothing that reads from here asks who made them, or why.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable

REMEMBERED: Final = 8192
"""Byte strings that are remembered, the latest ones; forgotten ones are checked for real."""

_DIGEST_BYTES: Final = 16
_WHOLE: Final = 1 << 64


class Sample:
    """The byte strings of one link that were built out of ledgers.

    Args:
        share: of them that is checked for real, 0 to 1. Their own hash decides: the same bytes are always checked, or
            never.
    """

    def __init__(self, share: float) -> None:
        self._below = int(share * _WHOLE)
        self._built: dict[bytes, Hashable] = {}

    def built(self, data: bytes, against: Hashable) -> None:
        """Remember bytes that were built out of a ledger, and what they hold against: a header's digest or a root."""
        digest = hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
        if int.from_bytes(digest[:8], "big") < self._below:
            return
        self._built[digest] = against
        if len(self._built) > REMEMBERED:
            del self._built[next(iter(self._built))]

    def may_charge(self, data: bytes, against: Hashable) -> bool:
        """Whether checking these bytes against this may be charged only: their outcome is known."""
        if not self._built:
            return False
        digest = hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
        return self._built.get(digest) == against
