"""Ed25519 (RFC 8032 section 5.1) under one strict rule, so that every verifier of an alliance gives the same verdict.

RFC 8032 leaves open what to do with points of small order, and libraries differ. Here a signature (R, S) of message M
under key A is accepted if and only if

1. A is 32 bytes, encodes a point in the only canonical way (y < p, no negative zero), and that point lies in the
   prime-order subgroup and is not the identity;
2. the signature is 64 bytes and S < L;
3. R encodes a point canonically, and not one of the eight of small order;
4. S·B = R + H(R ‖ A ‖ M)·A holds as it stands, without multiplying by the cofactor.

By 1 and 4 R lies in the prime-order subgroup too, so that the equation with the cofactor has the same answer and no
choice of formula can split verifiers. The OpenSSL behind `cryptography` enforces S < L, canonical R (it compares
bytes) and 4; it takes small-order and mixed-order keys and second encodings of A, which are refused here before it is
asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.proof.note_errors import MalformedKey, MalformedSignature, WrongSignature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAME = "ed25519"
KEY_SIZE = 32
SECRET_SIZE = 32
SIGNATURE_SIZE = 64

# The field, the curve -x² + y² = 1 + dx²y² and the order of its base point (section 5.1).
_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_SIGN_BIT = 1 << 255

# y of the eight points of small order: the neutral element, the point of order 2, two of order 4, four of order 8.
_Y_OF_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y = frozenset({1, _P - 1, 0, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8})

# (X, Y, Z, T) with x = X/Z, y = Y/Z, x·y = T/Z (section 5.1.4).
_Point = tuple[int, int, int, int]
_NEUTRAL: _Point = (0, 1, 1, 0)


class Ed25519Verifier:
    """One public key, checked on construction.

    Args:
        public_key: 32 bytes.

    Raises:
        MalformedKey: not a key that rule 1 of this module allows.
    """

    __slots__ = ("_key", "public_key")

    scheme = NAME

    def __init__(self, public_key: bytes) -> None:
        _check_key(public_key)
        self.public_key = public_key
        self._key = _library_key(public_key)

    def __eq__(self, other: object) -> bool:
        return type(other) is Ed25519Verifier and other.public_key == self.public_key

    def __hash__(self) -> int:
        return hash((NAME, self.public_key))

    def __repr__(self) -> str:
        return f"<{NAME} key {self.public_key.hex()}>"

    def __reduce__(self) -> tuple[type[Ed25519Verifier], tuple[bytes]]:
        return Ed25519Verifier, (self.public_key,)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Accept only a signature of the message under this key, by the rule of this module.

        Raises:
            MalformedSignature: the message is not bytes, or the signature breaks rule 2 or 3.
            WrongSignature: the equation does not hold.
        """
        from cryptography.exceptions import InvalidSignature

        _check_message(message)
        _check_signature(signature)
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise WrongSignature(NAME, self.public_key) from None


class Ed25519Signer:
    """One secret key. Signing is deterministic (RFC 8032): the same message gets the same signature.

    Args:
        secret_key: the seed of RFC 8032 section 5.1.5, 32 bytes.

    Raises:
        MalformedKey: not 32 bytes.
    """

    __slots__ = ("_key", "public_key", "secret_key")

    scheme = NAME

    def __init__(self, secret_key: bytes) -> None:
        if type(secret_key) is not bytes or len(secret_key) != SECRET_SIZE:
            raise MalformedKey(NAME, f"a secret key is {SECRET_SIZE} bytes")
        self.secret_key = secret_key
        self._key = _library_secret_key(secret_key)
        self.public_key: bytes = self._key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"<{NAME} signer with key {self.public_key.hex()}>"

    def __reduce__(self) -> tuple[type[Ed25519Signer], tuple[bytes]]:
        return Ed25519Signer, (self.secret_key,)

    def sign(self, message: bytes) -> bytes:
        """The signature of the message, 64 bytes.

        Raises:
            MalformedSignature: the message is not bytes.
        """
        _check_message(message)
        return self._key.sign(message)

    def verifier(self) -> Ed25519Verifier:
        """The public side of this key."""
        return Ed25519Verifier(self.public_key)


class Ed25519Scheme:
    """Ed25519 as a signature scheme: makes signers and verifiers."""

    name = NAME
    public_key_size = KEY_SIZE
    secret_key_size = SECRET_SIZE
    signature_size = SIGNATURE_SIZE

    def __repr__(self) -> str:
        return f"<signature scheme {NAME}>"

    def generate(self) -> Ed25519Signer:
        """A signer with a new secret key from the operating system's randomness."""
        import secrets

        return Ed25519Signer(secrets.token_bytes(SECRET_SIZE))

    def signer(self, secret_key: bytes) -> Ed25519Signer:
        """The signer of a secret key of 32 bytes, or `MalformedKey`."""
        return Ed25519Signer(secret_key)

    def verifier(self, public_key: bytes) -> Ed25519Verifier:
        """The verifier of a public key of 32 bytes, or `MalformedKey`."""
        return Ed25519Verifier(public_key)

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> None:
        """Accept only a signature of the message under this key; for many of one key, make a `verifier` once.

        Raises:
            MalformedKey: the key breaks rule 1 of this module.
            MalformedSignature: the message is not bytes, or the signature breaks rule 2 or 3.
            WrongSignature: the equation does not hold.
        """
        Ed25519Verifier(public_key).verify(message, signature)


def _library_key(public_key: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(public_key)


def _library_secret_key(secret_key: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(secret_key)


def _check_message(message: object) -> None:
    if type(message) is not bytes:
        raise MalformedSignature(NAME, f"a message is bytes, not {type(message).__name__}")


def _check_signature(signature: object) -> None:
    if type(signature) is not bytes:
        raise MalformedSignature(NAME, f"bytes expected, not {type(signature).__name__}")
    if len(signature) != SIGNATURE_SIZE:
        raise MalformedSignature(NAME, f"{len(signature)} bytes, not {SIGNATURE_SIZE}")
    if int.from_bytes(signature[KEY_SIZE:], "little") >= _L:
        raise MalformedSignature(NAME, "S is not below the order of the base point")
    y = int.from_bytes(signature[:KEY_SIZE], "little") & ~_SIGN_BIT
    # A point that is not of small order never has x = 0, so these two leave R no second encoding.
    if y >= _P:
        raise MalformedSignature(NAME, "R is not a canonical encoding")
    if y in _SMALL_ORDER_Y:
        raise MalformedSignature(NAME, "R is a point of small order")


def _check_key(public_key: object) -> None:
    if type(public_key) is not bytes:
        raise MalformedKey(NAME, f"bytes expected, not {type(public_key).__name__}")
    if len(public_key) != KEY_SIZE:
        raise MalformedKey(NAME, f"{len(public_key)} bytes, not {KEY_SIZE}")
    encoded = int.from_bytes(public_key, "little")
    y = encoded & ~_SIGN_BIT
    if y >= _P:
        raise MalformedKey(NAME, "not a canonical encoding")
    if y in _SMALL_ORDER_Y:
        raise MalformedKey(NAME, "a point of small order")
    x = _recovered_x(y)
    if x is None:
        raise MalformedKey(NAME, "not a point of the curve")
    if x & 1 != encoded >> 255:
        x = _P - x
    if not _has_prime_order((x, y, 1, x * y % _P)):
        raise MalformedKey(NAME, "a point outside the prime-order subgroup")


def _recovered_x(y: int) -> int | None:
    """One of the two x of a y, or None where the curve has none (section 5.1.3)."""
    numerator, denominator = y * y - 1, _D * y * y + 1
    root = numerator * pow(denominator, 3, _P) * pow(numerator * pow(denominator, 7, _P), (_P - 5) // 8, _P) % _P
    if (denominator * root * root - numerator) % _P == 0:
        return root
    root = root * _SQRT_OF_MINUS_ONE % _P
    return root if (denominator * root * root - numerator) % _P == 0 else None


def _has_prime_order(point: _Point) -> bool:
    """Whether L times the point is the neutral element; a public key is no secret, so the time may tell of it."""
    product = _NEUTRAL
    for bit in f"{_L:b}":
        product = _sum(product, product)
        if bit == "1":
            product = _sum(product, point)
    return product[0] == 0 and product[1] == product[2]


def _sum(left: _Point, right: _Point) -> _Point:
    """The sum of two points, equal or not (section 5.1.4)."""
    x1, y1, z1, t1 = left
    x2, y2, z2, t2 = right
    a = (y1 - x1) * (y2 - x2) % _P
    b = (y1 + x1) * (y2 + x2) % _P
    c = 2 * _D * t1 * t2 % _P
    d = 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P
