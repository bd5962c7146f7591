"""Ed25519 as RFC 8032 section 5.1 writes it, over affine points, with the lenient equation 8·S·B = 8·R + 8·k·A.

It accepts every signature that any implementation known accepts, so a case that this oracle takes and the project
refuses is refused for its rule and not because it is broken.
"""

from __future__ import annotations

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def add(left: Point, right: Point) -> Point:
    (x1, y1), (x2, y2) = left, right
    k = D * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P


def multiply(scalar: int, point: Point) -> Point:
    product = NEUTRAL
    while scalar:
        if scalar & 1:
            product = add(product, point)
        point = add(point, point)
        scalar >>= 1
    return product


def decode(data: bytes) -> Point:
    """The point, also where y is not below p or a zero x has a sign; `ValueError` where the curve has none."""
    number = int.from_bytes(data, "little")
    y, sign = number % 2**255 % P, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        raise ValueError(data.hex())
    return (-x if x & 1 != sign else x) % P, y


def encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


BASE = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def challenge(r: bytes, a: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + a + message).digest(), "little") % L


def lenient(public_key: bytes, message: bytes, signature: bytes) -> bool:
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    key = decode(public_key)
    right = add(decode(r), multiply(challenge(r, public_key, message), key))
    return multiply(8, multiply(s, BASE)) == multiply(8, right)
