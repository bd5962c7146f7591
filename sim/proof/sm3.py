"""SM3 in pure Python, for machines whose OpenSSL lacks it (GB/T 32905-2016).

An `Sm3` object is used like one of hashlib's: `update`, `digest`, `hexdigest`, `copy`. It is some hundred times
slower than OpenSSL; nothing else sets them apart.
"""

from __future__ import annotations

import struct

_MASK = 0xFFFFFFFF
_BLOCK_SIZE = 64
_LENGTH_OFFSET = 56  # the message's length in bits fills the last 8 bytes of the last block
_WORDS = struct.Struct(">16I")
_STATE = struct.Struct(">8I")

# Section 4.1.
_INITIAL = (0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E)
_EARLY_ROUNDS = 16


def _rotated(word: int, count: int) -> int:
    """The 32-bit word turned left by 0 ≤ count < 32 bits."""
    return (word << count | word >> (32 - count)) & _MASK


# Section 4.2, with the rotation that section 5.3.3 applies in round j.
_CONSTANTS = tuple(_rotated(0x79CC4519 if j < _EARLY_ROUNDS else 0x7A879D8A, j % 32) for j in range(64))


def _expanded(block: bytes) -> list[int]:
    """The 68 words W of a 64-byte block (section 5.3.2)."""
    words = list(_WORDS.unpack(block))
    for j in range(16, 68):
        mixed = words[j - 16] ^ words[j - 9] ^ _rotated(words[j - 3], 15)
        permuted = mixed ^ _rotated(mixed, 15) ^ _rotated(mixed, 23)
        words.append(permuted ^ _rotated(words[j - 13], 7) ^ words[j - 6])
    return words


def _compressed(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    """The chaining value after one 64-byte block (section 5.3.3, with its letters)."""
    words = _expanded(block)
    a, b, c, d, e, f, g, h = state
    for j in range(64):
        turned = _rotated(a, 12)
        ss1 = _rotated((turned + e + _CONSTANTS[j]) & _MASK, 7)
        ss2 = ss1 ^ turned
        if j < _EARLY_ROUNDS:
            ff, gg = a ^ b ^ c, e ^ f ^ g
        else:
            ff, gg = (a & b) | (a & c) | (b & c), (e & f) | (~e & g)
        tt1 = (ff + d + ss2 + (words[j] ^ words[j + 4])) & _MASK
        tt2 = (gg + h + ss1 + words[j]) & _MASK
        a, b, c, d = tt1, a, _rotated(b, 9), c
        e, f, g, h = tt2 ^ _rotated(tt2, 9) ^ _rotated(tt2, 17), e, _rotated(f, 19), g
    return tuple(old ^ new for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True))


class Sm3:
    """A running SM3 hash over messages shorter than 2^64 bits.

    Args:
        data: the beginning of the message.
    """

    __slots__ = ("_pending", "_size_bytes", "_state")

    def __init__(self, data: bytes | memoryview = b"") -> None:
        self._state: tuple[int, ...] = _INITIAL
        self._pending = b""
        self._size_bytes = 0
        self.update(data)

    def update(self, data: bytes | memoryview, /) -> None:
        """Add bytes to the end of the message."""
        pending = self._pending + bytes(data)
        self._size_bytes += len(pending) - len(self._pending)
        whole = len(pending) - len(pending) % _BLOCK_SIZE
        for start in range(0, whole, _BLOCK_SIZE):
            self._state = _compressed(self._state, pending[start : start + _BLOCK_SIZE])
        self._pending = pending[whole:]

    def digest(self) -> bytes:
        """The 32-byte hash of the message so far, which may go on afterwards."""
        zeros = (_LENGTH_OFFSET - 1 - self._size_bytes) % _BLOCK_SIZE
        tail = self._pending + b"\x80" + bytes(zeros) + (8 * self._size_bytes).to_bytes(8, "big")
        state = self._state
        for start in range(0, len(tail), _BLOCK_SIZE):
            state = _compressed(state, tail[start : start + _BLOCK_SIZE])
        return _STATE.pack(*state)

    def hexdigest(self) -> str:
        """The hash of the message so far as 64 lower-case hexadecimal digits."""
        return self.digest().hex()

    def copy(self) -> Sm3:
        """An independent hash that continues from the same message."""
        other = Sm3()
        other._state = self._state
        other._pending = self._pending
        other._size_bytes = self._size_bytes
        return other
