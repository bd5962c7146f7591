"""RFC 9162 section 2.1 word for word: recursion over lists of leaf contents, slow and obvious.

It takes any hash function, shares nothing with `sim.proof`, and is what the fast code is compared with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Hash = Callable[[bytes], bytes]


def split(n: int) -> int:
    """The largest power of two smaller than n > 1."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mth(h: Hash, d: list[bytes]) -> bytes:
    """Section 2.1.1: the Merkle tree hash of the contents d."""
    n = len(d)
    if n == 0:
        return h(b"")
    if n == 1:
        return h(b"\x00" + d[0])
    k = split(n)
    return h(b"\x01" + mth(h, d[:k]) + mth(h, d[k:]))


def path(h: Hash, m: int, d: list[bytes]) -> list[bytes]:
    """Section 2.1.3.1: PATH(m, D_n), the inclusion proof of content m."""
    n = len(d)
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(h, m, d[:k]), mth(h, d[k:])]
    return [*path(h, m - k, d[k:]), mth(h, d[:k])]


def proof(h: Hash, m: int, d: list[bytes]) -> list[bytes]:
    """Section 2.1.4.1: PROOF(m, D_n) for 0 < m < n, that the first m contents are a prefix of d."""
    return subproof(h, m, d, complete=True)


def subproof(h: Hash, m: int, d: list[bytes], *, complete: bool) -> list[bytes]:
    """Section 2.1.4.1: SUBPROOF(m, D_n, b)."""
    n = len(d)
    if m == n:
        return [] if complete else [mth(h, d)]
    k = split(n)
    if m <= k:
        return [*subproof(h, m, d[:k], complete=complete), mth(h, d[k:])]
    return [*subproof(h, m - k, d[k:], complete=False), mth(h, d[:k])]
