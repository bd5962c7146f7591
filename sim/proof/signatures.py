"""Signature schemes by name: what a key, a signer and a verifier of any of them can do.

`Ed25519` (`sim.proof.ed25519`) and `SM2` (`sim.proof.sm2`) make signers from secret keys and verifiers from public
ones. A verifier that exists holds a sound key; its `verify` returns `None` or raises a `ProofError`, whatever comes
in. What each scheme accepts is written at the top of its module, and is stricter than the libraries behind them.
"""

from __future__ import annotations

from typing import Protocol

from sim.proof.ed25519 import Ed25519Scheme
from sim.proof.note_errors import UnknownScheme
from sim.proof.sm2 import Sm2Scheme

__all__ = ["SM2", "Ed25519", "Scheme", "Signer", "Verifier", "scheme_by_name"]


class Verifier(Protocol):
    """The public side of one key."""

    @property
    def scheme(self) -> str:
        """The name of the scheme."""

    @property
    def public_key(self) -> bytes:
        """The key, in the scheme's only encoding."""

    def verify(self, message: bytes, signature: bytes) -> None:
        """Accept only a signature of the message under this key.

        Raises:
            MalformedSignature: no signature of the scheme, whatever the key.
            WrongSignature: not one of this message and key.
        """


class Signer(Protocol):
    """The secret side of one key."""

    @property
    def scheme(self) -> str:
        """The name of the scheme."""

    @property
    def public_key(self) -> bytes:
        """The public key, in the scheme's only encoding."""

    @property
    def secret_key(self) -> bytes:
        """The secret key, in the scheme's only encoding."""

    def sign(self, message: bytes) -> bytes:
        """A signature of the message, of the scheme's size."""

    def verifier(self) -> Verifier:
        """The public side of this key."""


class Scheme(Protocol):
    """A signature scheme: `Ed25519` or `SM2`."""

    @property
    def name(self) -> str:
        """What formats and costs call it."""

    @property
    def public_key_size(self) -> int:
        """Bytes of a public key."""

    @property
    def secret_key_size(self) -> int:
        """Bytes of a secret key."""

    @property
    def signature_size(self) -> int:
        """Bytes of a signature."""

    def generate(self) -> Signer:
        """A signer with a new secret key from the operating system's randomness."""

    def signer(self, secret_key: bytes) -> Signer:
        """The signer of a secret key, or `MalformedKey`."""

    def verifier(self, public_key: bytes) -> Verifier:
        """The verifier of a public key, or `MalformedKey`."""

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> None:
        """Accept only a signature of the message under this key, or raise `ProofError`."""


Ed25519 = Ed25519Scheme()
"""Ed25519 (RFC 8032) under a strict rule: 32-byte keys, 64-byte signatures, deterministic."""

SM2 = Sm2Scheme()
"""SM2 with SM3 (GB/T 32918.2-2016): 65-byte keys, 64-byte signatures, randomised."""

_SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in (Ed25519, SM2)}


def scheme_by_name(name: str) -> Scheme:
    """The scheme called ``ed25519`` or ``sm2``.

    Raises:
        UnknownScheme: there is no other.
    """
    try:
        return _SCHEMES[name]
    except KeyError:
        raise UnknownScheme(name) from None
