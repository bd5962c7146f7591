"""SM2 signatures (GB/T 32918.2-2016, curve and example of GB/T 32918.5-2017) with SM3, strict about every input.

A signature of message M under key P of a signer with distinguishing id ID is (r, s) with

- Z = SM3(ENTL ‖ ID ‖ a ‖ b ‖ x_G ‖ y_G ‖ x_P ‖ y_P) and e = SM3(Z ‖ M), both computed here;
- 1 ≤ r, s ≤ n-1 and r + s ≠ n;
- (x, y) = s·G + (r + s)·P and r = e + x mod n, left to the C library GmSSL (package gmssl-pyx).

A public key is the 65 bytes 04 ‖ x ‖ y of a point on the curve other than infinity, both coordinates below p; the
curve's order is prime, so no such point is of small order. A signature is r ‖ s, 64 bytes, or the DER of
SEQUENCE { INTEGER r, INTEGER s } in its only, minimal form. All of this is checked before the library is called.

Signatures are randomised: signing twice gives two signatures, and from any (r, s) only that one is accepted, as
(r, n-s) is not valid. Nothing that must be reproducible may hash one.
"""

from __future__ import annotations

from sim.proof.note_errors import MalformedKey, MalformedSignature, WrongSignature
from sim.proof.suites import SM3

NAME = "sm2"
KEY_SIZE = 65
SECRET_SIZE = 32
SIGNATURE_SIZE = 64
DEFAULT_ID = b"1234567812345678"
"""The distinguishing id of a signer that states no other (GM/T 0009-2012 section 10)."""

_WIDTH = 32
_LONGEST_ID_BYTES = 8191  # ENTL holds the id's length in bits in two bytes

# The curve y² = x³ + ax + b modulo p, its base point G and the order n of G (GB/T 32918.5-2017 section 2).
_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_G_X = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
_G_Y = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
_CURVE_BYTES = b"".join(number.to_bytes(_WIDTH, "big") for number in (_A, _B, _G_X, _G_Y))

_UNCOMPRESSED = 0x04
_SEQUENCE = 0x30
_INTEGER = 0x02
_HIGH_BIT = 0x80
_DER_HEADER_SIZE = 2


class Sm2Verifier:
    """One public key of a signer with one distinguishing id, checked on construction.

    Args:
        public_key: 04 ‖ x ‖ y, 65 bytes.
        signer_id: the signer's distinguishing id, 1..8191 bytes.

    Raises:
        MalformedKey: another form, a point off the curve, or an id of another type or length.
    """

    __slots__ = ("_z", "public_key", "signer_id")

    scheme = NAME

    def __init__(self, public_key: bytes, signer_id: bytes = DEFAULT_ID) -> None:
        _check_key(public_key)
        _check_id(signer_id)
        self.public_key = public_key
        self.signer_id = signer_id
        self._z = _identity_digest(public_key, signer_id)

    def __eq__(self, other: object) -> bool:
        return type(other) is Sm2Verifier and (other.public_key, other.signer_id) == (self.public_key, self.signer_id)

    def __hash__(self) -> int:
        return hash((NAME, self.public_key, self.signer_id))

    def __repr__(self) -> str:
        return f"<{NAME} key {self.public_key.hex()}>"

    def __reduce__(self) -> tuple[type[Sm2Verifier], tuple[bytes, bytes]]:
        return Sm2Verifier, (self.public_key, self.signer_id)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Accept only a signature r ‖ s of the message under this key and id.

        Raises:
            MalformedSignature: the message is not bytes, or r and s are not what the standard allows.
            WrongSignature: the equation does not hold.
        """
        self._verify_numbers(message, *_numbers_of_raw(signature))

    def verify_der(self, message: bytes, signature: bytes) -> None:
        """As `verify`, for a signature in minimal DER."""
        self._verify_numbers(message, *_numbers_of_der(signature))

    def _verify_numbers(self, message: bytes, r: int, s: int) -> None:
        from gmssl_pyx import sm2_verify_sm3_digest

        _check_message(message)
        _check_numbers(r, s)
        if not sm2_verify_sm3_digest(self.public_key[1:], SM3.digest(self._z + message), _der(r, s)):
            raise WrongSignature(NAME, self.public_key)


class Sm2Signer:
    """One secret key of a signer with one distinguishing id.

    Args:
        secret_key: the number d, 1 ≤ d ≤ n-2, big endian in 32 bytes.
        signer_id: the signer's distinguishing id, 1..8191 bytes.

    Raises:
        MalformedKey: another form, a number out of range, or an id of another type or length.
    """

    __slots__ = ("_z", "public_key", "secret_key", "signer_id")

    scheme = NAME

    def __init__(self, secret_key: bytes, signer_id: bytes = DEFAULT_ID) -> None:
        if type(secret_key) is not bytes or len(secret_key) != SECRET_SIZE:
            raise MalformedKey(NAME, f"a secret key is {SECRET_SIZE} bytes")
        number = int.from_bytes(secret_key, "big")
        if not 1 <= number <= _N - 2:
            raise MalformedKey(NAME, "a secret key lies in 1..n-2")
        _check_id(signer_id)
        self.secret_key = secret_key
        self.signer_id = signer_id
        self.public_key = _public_key(number)
        self._z = _identity_digest(self.public_key, signer_id)

    def __repr__(self) -> str:
        return f"<{NAME} signer with key {self.public_key.hex()}>"

    def __reduce__(self) -> tuple[type[Sm2Signer], tuple[bytes, bytes]]:
        return Sm2Signer, (self.secret_key, self.signer_id)

    def sign(self, message: bytes) -> bytes:
        """A signature r ‖ s of the message, 64 bytes; another one at each call.

        Raises:
            MalformedSignature: the message is not bytes.
        """
        from gmssl_pyx import sm2_sign_sm3_digest

        _check_message(message)
        return der_to_raw(sm2_sign_sm3_digest(self.secret_key, SM3.digest(self._z + message)))

    def sign_der(self, message: bytes) -> bytes:
        """As `sign`, in minimal DER."""
        return raw_to_der(self.sign(message))

    def verifier(self) -> Sm2Verifier:
        """The public side of this key, with the same id."""
        return Sm2Verifier(self.public_key, self.signer_id)


class Sm2Scheme:
    """SM2 with SM3 as a signature scheme: makes signers and verifiers."""

    name = NAME
    public_key_size = KEY_SIZE
    secret_key_size = SECRET_SIZE
    signature_size = SIGNATURE_SIZE

    def __repr__(self) -> str:
        return f"<signature scheme {NAME}>"

    def generate(self, signer_id: bytes = DEFAULT_ID) -> Sm2Signer:
        """A signer with a new secret key from the operating system's randomness."""
        import secrets

        return Sm2Signer((1 + secrets.randbelow(_N - 2)).to_bytes(SECRET_SIZE, "big"), signer_id)

    def signer(self, secret_key: bytes, signer_id: bytes = DEFAULT_ID) -> Sm2Signer:
        """The signer of a secret key of 32 bytes, or `MalformedKey`."""
        return Sm2Signer(secret_key, signer_id)

    def verifier(self, public_key: bytes, signer_id: bytes = DEFAULT_ID) -> Sm2Verifier:
        """The verifier of a public key of 65 bytes, or `MalformedKey`."""
        return Sm2Verifier(public_key, signer_id)

    def verify(self, public_key: bytes, message: bytes, signature: bytes, signer_id: bytes = DEFAULT_ID) -> None:
        """Accept only a signature r ‖ s of the message; for many of one key, make a `verifier` once.

        Raises:
            MalformedKey: the key or the id is none.
            MalformedSignature: the message is not bytes, or r and s are not what the standard allows.
            WrongSignature: the equation does not hold.
        """
        Sm2Verifier(public_key, signer_id).verify(message, signature)


def der_to_raw(signature: bytes) -> bytes:
    """The 64 bytes r ‖ s of a signature in minimal DER, or `MalformedSignature`."""
    r, s = _numbers_of_der(signature)
    _check_numbers(r, s)
    return r.to_bytes(_WIDTH, "big") + s.to_bytes(_WIDTH, "big")


def raw_to_der(signature: bytes) -> bytes:
    """The minimal DER of a signature r ‖ s, or `MalformedSignature`."""
    r, s = _numbers_of_raw(signature)
    _check_numbers(r, s)
    return _der(r, s)


def _check_message(message: object) -> None:
    if type(message) is not bytes:
        raise MalformedSignature(NAME, f"a message is bytes, not {type(message).__name__}")


def _check_id(signer_id: object) -> None:
    if type(signer_id) is not bytes or not 1 <= len(signer_id) <= _LONGEST_ID_BYTES:
        raise MalformedKey(NAME, f"a distinguishing id has 1..{_LONGEST_ID_BYTES} bytes")


def _check_key(public_key: object) -> None:
    if type(public_key) is not bytes:
        raise MalformedKey(NAME, f"bytes expected, not {type(public_key).__name__}")
    if len(public_key) != KEY_SIZE or public_key[0] != _UNCOMPRESSED:
        raise MalformedKey(NAME, "a public key is 04 and two coordinates, 65 bytes")
    x, y = int.from_bytes(public_key[1:33], "big"), int.from_bytes(public_key[33:], "big")
    if x >= _P or y >= _P:
        raise MalformedKey(NAME, "a coordinate is not below the field's prime")
    if (y * y - (x * x + _A) * x - _B) % _P != 0:
        raise MalformedKey(NAME, "not a point of the curve")


def _check_numbers(r: int, s: int) -> None:
    if not 1 <= r < _N:
        raise MalformedSignature(NAME, "r lies outside 1..n-1")
    if not 1 <= s < _N:
        raise MalformedSignature(NAME, "s lies outside 1..n-1")
    if r + s == _N:
        raise MalformedSignature(NAME, "r + s is n")


def _numbers_of_raw(signature: object) -> tuple[int, int]:
    if type(signature) is not bytes:
        raise MalformedSignature(NAME, f"bytes expected, not {type(signature).__name__}")
    if len(signature) != SIGNATURE_SIZE:
        raise MalformedSignature(NAME, f"{len(signature)} bytes, not {SIGNATURE_SIZE}")
    return int.from_bytes(signature[:_WIDTH], "big"), int.from_bytes(signature[_WIDTH:], "big")


def _numbers_of_der(signature: object) -> tuple[int, int]:
    if type(signature) is not bytes:
        raise MalformedSignature(NAME, f"bytes expected, not {type(signature).__name__}")
    body, rest = _der_content(_SEQUENCE, signature)
    r, body = _der_integer(body)
    s, body = _der_integer(body)
    if rest or body:
        raise MalformedSignature(NAME, "bytes after the end of the DER")
    return r, s


def _der_content(tag: int, data: bytes) -> tuple[bytes, bytes]:
    """The content of the DER element that the data starts with, and what follows it."""
    # Nothing here is longer than 70 bytes, so a minimal length is one byte below 128 and any other is too short.
    end = _DER_HEADER_SIZE + data[1] if len(data) >= _DER_HEADER_SIZE else 0
    if data[:1] != bytes((tag,)) or not _DER_HEADER_SIZE <= end <= len(data) or data[1] & _HIGH_BIT:
        raise MalformedSignature(NAME, f"no DER element of tag {tag} and minimal length")
    return data[_DER_HEADER_SIZE:end], data[end:]


def _der_integer(data: bytes) -> tuple[int, bytes]:
    """The non-negative integer that the data starts with in minimal DER, and what follows it."""
    content, rest = _der_content(_INTEGER, data)
    if not content or content[0] & _HIGH_BIT:
        raise MalformedSignature(NAME, "an empty or negative DER INTEGER")
    if len(content) > 1 and content[0] == 0 and not content[1] & _HIGH_BIT:
        raise MalformedSignature(NAME, "a DER INTEGER with a needless leading zero")
    return int.from_bytes(content, "big"), rest


def _der(r: int, s: int) -> bytes:
    body = b"".join(_der_of_integer(number) for number in (r, s))
    return bytes((_SEQUENCE, len(body))) + body


def _der_of_integer(number: int) -> bytes:
    content = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes((_INTEGER, len(content))) + content


def _identity_digest(public_key: bytes, signer_id: bytes) -> bytes:
    """Z of GB/T 32918.2 section 5.5."""
    return SM3.digest((8 * len(signer_id)).to_bytes(2, "big") + signer_id + _CURVE_BYTES + public_key[1:])


def _public_key(secret: int) -> bytes:
    """04 ‖ x ‖ y of secret·G.

    The time it takes depends on the secret, which matters where others share the machine: keys that guard more than
    a test belong in an HSM.
    """
    x, y, z = 0, 1, 0
    for bit in f"{secret:b}":
        x, y, z = _doubled(x, y, z)
        if bit == "1":
            x, y, z = _with_base_point(x, y, z)
    inverse = pow(z, -1, _P)
    square = inverse * inverse % _P
    return b"\x04" + (x * square % _P).to_bytes(_WIDTH, "big") + (y * square * inverse % _P).to_bytes(_WIDTH, "big")


def _doubled(x: int, y: int, z: int) -> tuple[int, int, int]:
    """Twice a point in Jacobian coordinates (x/z², y/z³), of which z = 0 is infinity."""
    y2 = y * y % _P
    slope = 3 * (x - z * z) * (x + z * z) % _P  # 3x² + az⁴, as a is -3
    shift = 4 * x * y2 % _P
    doubled_x = (slope * slope - 2 * shift) % _P
    return doubled_x, (slope * (shift - doubled_x) - 8 * y2 * y2) % _P, 2 * y * z % _P


def _with_base_point(x: int, y: int, z: int) -> tuple[int, int, int]:
    """A point plus G, for an even multiple of G below n: then it is neither G nor its opposite."""
    if z == 0:
        return _G_X, _G_Y, 1
    z2 = z * z % _P
    across = (_G_X * z2 - x) % _P
    rise = (_G_Y * z2 * z - y) % _P
    across2 = across * across % _P
    across3 = across * across2 % _P
    level = x * across2 % _P
    sum_x = (rise * rise - across3 - 2 * level) % _P
    return sum_x, (rise * (level - sum_x) - y * across3) % _P, z * across % _P
