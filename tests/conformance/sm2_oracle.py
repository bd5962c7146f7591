"""SM2 verification as GB/T 32918.2-2016 section 7.1 writes it, over affine points, with hashlib-free SM3."""

from __future__ import annotations

from sim.proof.sm3 import Sm3

P = 2**256 - 2**224 - 2**96 + 2**64 - 1
A = P - 3
B = int("28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93", 16)
N = int("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123", 16)
G = (
    int("32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7", 16),
    int("BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0", 16),
)

Point = tuple[int, int] | None


def add(left: Point, right: Point) -> Point:
    """The sum of two points, of which None is infinity."""
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P) if left == right else (y2 - y1) * pow(x2 - x1, -1, P)
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def multiply(scalar: int, point: Point) -> Point:
    product: Point = None
    while scalar:
        if scalar & 1:
            product = add(product, point)
        point = add(point, point)
        scalar >>= 1
    return product


def number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def digest_number(public_key: bytes, signer_id: bytes, message: bytes) -> int:
    """The number e of section 7.1, step B4."""
    curve = b"".join(value.to_bytes(32, "big") for value in (A, B, *G))
    z = Sm3((8 * len(signer_id)).to_bytes(2, "big") + signer_id + curve + public_key[1:]).digest()
    return number(Sm3(z + message).digest())


def accepts(public_key: bytes, signer_id: bytes, message: bytes, signature: bytes) -> bool:
    r, s = number(signature[:32]), number(signature[32:])
    if not (1 <= r < N and 1 <= s < N) or (r + s) % N == 0:
        return False
    key = number(public_key[1:33]), number(public_key[33:])
    point = add(multiply(s, G), multiply((r + s) % N, key))
    return point is not None and (digest_number(public_key, signer_id, message) + point[0]) % N == r
