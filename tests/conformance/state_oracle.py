"""A state tree by the letter of its definition: plain recursion over sets of keys, slow and without a clever line.

`h` is the hash function, `state` maps keys to values. It shares nothing with what it checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Hash = Callable[[bytes], bytes]
    Leaves = dict[str, bytes]

NOTHING = b"\x00" * 32


def bits(key_hash: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in key_hash)


def leaves_of(h: Hash, state: dict[bytes, bytes]) -> Leaves:
    """By the bits of the key's hash, the hash of each leaf."""
    return {bits(h(key)): h(b"\x02" + h(key) + h(value)) for key, value in state.items()}


def subtree(h: Hash, leaves: Leaves, prefix: str) -> bytes:
    """The hash of what stands below a prefix."""
    below = {way: leaf for way, leaf in leaves.items() if way.startswith(prefix)}
    if not below:
        return NOTHING
    if len(below) == 1:
        return next(iter(below.values()))
    return h(b"\x03" + subtree(h, below, prefix + "0") + subtree(h, below, prefix + "1"))


def root(h: Hash, state: dict[bytes, bytes]) -> bytes:
    return subtree(h, leaves_of(h, state), "")


def proof(h: Hash, state: dict[bytes, bytes], key: bytes) -> tuple[tuple[bytes, bytes] | None, list[bytes]]:
    """The key hash and value hash at the end of the key's way, or `None`; the hashes beside it, root downwards."""
    leaves, way = leaves_of(h, state), bits(h(key))
    siblings = []
    depth = 0
    while sum(other.startswith(way[:depth]) for other in leaves) > 1:
        turn = {"0": "1", "1": "0"}[way[depth]]
        siblings.append(subtree(h, leaves, way[:depth] + turn))
        depth += 1
    ends = [(h(other), h(value)) for other, value in state.items() if bits(h(other)).startswith(way[:depth])]
    return (ends[0] if ends else None), siblings


def encoding(suite_code: int, leaf: tuple[bytes, bytes] | None, siblings: list[bytes]) -> bytes:
    """Version 1 of a state proof's bytes."""
    flags = "".join("0" if sibling == NOTHING else "1" for sibling in siblings)
    flags += "0" * (-len(flags) % 8)
    return (
        b"JASP"
        + bytes([1, suite_code, 0 if leaf is None else 1])
        + len(siblings).to_bytes(2, "big")
        + bytes(int(flags[start : start + 8], 2) for start in range(0, len(flags), 8))
        + (b"" if leaf is None else b"".join(leaf))
        + b"".join(sibling for sibling in siblings if sibling != NOTHING)
    )
