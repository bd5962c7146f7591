"""How fast Ed25519 and SM2 sign and verify behind their checks, and how fast what they sign is read and verified.

The limit is the C library behind each (`cryptography` for Ed25519, `gmssl-pyx` for SM2), called without any check. The
goal is 0.7 of that: strictness must cost less than it is worth. No other package that pip installs verifies signed
notes; for SM2, the pure-Python `gmssl` verifies some 80 signatures a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import gmssl_pyx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from measure import Against, Items, frequent

from sim.cli.trustfile import read_trust
from sim.proof import SHA256, checkpoint, note, sm2
from sim.proof.bundle import Bundle
from sim.proof.lightclient import LightClient
from sim.proof.note_key import NoteSigner
from sim.proof.signatures import SM2, Ed25519, Scheme
from sim.proof.witness import Cosigner, Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Measure

GOAL_SHARE = 0.7
CALLS = 200
ROUNDS = 8
BUNDLE = Path(__file__).parent.parent / "results" / "reference" / "bundle"
MESSAGE = b"evidence of 32 bytes, one digest"
DIGEST = bytes(32)
SECRET = b"\x11" * 32
WITNESSES = [Cosigner(f"w{number}.example", Ed25519.signer(bytes([32 + number]) * 32)) for number in range(4)]

both_schemes = pytest.mark.parametrize("scheme", [Ed25519, SM2], ids=lambda scheme: scheme.name)


def library(scheme: Scheme) -> tuple[Callable[[], object], Callable[[], object]]:
    """The library's own signing and verifying, without a check of ours around it."""
    if scheme is Ed25519:
        key = Ed25519PrivateKey.from_private_bytes(SECRET)
        public, signature = key.public_key(), key.sign(MESSAGE)
        return lambda: key.sign(MESSAGE), lambda: public.verify(signature, MESSAGE)
    public_key = SM2.signer(SECRET).public_key[1:]
    der = gmssl_pyx.sm2_sign_sm3_digest(SECRET, DIGEST)
    return (
        lambda: gmssl_pyx.sm2_sign_sm3_digest(SECRET, DIGEST),
        lambda: gmssl_pyx.sm2_verify_sm3_digest(public_key, DIGEST, der),
    )


def beside_library(
    measure: Measure,
    unit: str,
    call: Callable[[], object],
    bare: Callable[[], object],
    each: int = 1,
    goal: float = GOAL_SHARE,
) -> None:
    """Measure a call beside ``each`` bare calls of the library."""

    def repeated(repeat: Callable[[], object], times: int) -> int:
        for _ in range(times):
            repeat()
        return times

    measure(
        lambda: repeated(call, CALLS),
        Items(CALLS, unit, counted=int),
        limit=Against("the C library, unchecked", lambda: repeated(bare, CALLS), CALLS / each, goal),
        rounds=ROUNDS,
    )


@both_schemes
@frequent
def test_sign(measure: Measure, scheme: Scheme) -> None:
    """Goal: 0.7 of the library, which for Ed25519 is some 40,000 a second and for SM2 some 4,000."""
    signer = scheme.signer(SECRET)
    beside_library(measure, "signatures", lambda: signer.sign(MESSAGE), library(scheme)[0])
    signer.verifier().verify(MESSAGE, signer.sign(MESSAGE))


@both_schemes
@frequent
def test_verify(measure: Measure, scheme: Scheme) -> None:
    """Goal: 0.7 of the library, which for Ed25519 is some 13,000 a second and for SM2 some 1,900."""
    signer = scheme.signer(SECRET)
    verifier, signature = signer.verifier(), signer.sign(MESSAGE)
    beside_library(measure, "signatures", lambda: verifier.verify(MESSAGE, signature), library(scheme)[1])


@frequent
def test_verify_sm2_in_der(measure: Measure) -> None:
    """Goal: 0.7 of the library: strict DER must not be what a verifier waits for."""
    signer = SM2.signer(SECRET)
    verifier, signature = signer.verifier(), sm2.raw_to_der(signer.sign(MESSAGE))
    beside_library(measure, "signatures", lambda: verifier.verify_der(MESSAGE, signature), library(SM2)[1])


def cosigned(signer: NoteSigner) -> bytes:
    """A checkpoint with the signatures of its log and of four witnesses."""
    data = checkpoint.sign(signer.name, 2_200_000_000, SHA256.digest(b"root"), SHA256, signer)
    for witness in WITNESSES:
        data = witness.cosign(data, time_s=1_700_000_000)
    return data


@frequent
def test_parse_a_note_of_five_signatures(measure: Measure) -> None:
    """Goal: 30,000 notes a second, so that parsing costs a tenth of one verification a signature."""
    data = cosigned(NoteSigner("log.example", Ed25519.signer(SECRET)))
    parsed = measure(lambda: [note.parse(data) for _ in range(CALLS)], Items(CALLS, "notes"), goal_per_s=30_000)
    assert all(len(one.signatures) == 1 + len(WITNESSES) for one in parsed)


@frequent
def test_read_a_checkpoint_and_its_quorum(measure: Measure) -> None:
    """Goal: 0.7 of the rate of five bare verifications, for the note, the checkpoint and a quorum of four witnesses."""
    signer = NoteSigner("log.example", Ed25519.signer(SECRET))
    data, keys = cosigned(signer), [signer.verifier()]
    policy = Policy(tuple(witness.verifier() for witness in WITNESSES), 3)

    def read() -> None:
        policy.check(checkpoint.parse(data, keys))

    beside_library(measure, "checkpoints", read, library(Ed25519)[1], 1 + len(WITNESSES))


@frequent
def test_read_and_check_a_bundle_of_another_chain(measure: Measure) -> None:
    """Goal: 0.5 of three bare verifications, for light client, quorum certificate, header and inclusion proof."""
    data = (BUNDLE / "record.bundle").read_bytes()
    trusted = read_trust(BUNDLE / "trust.yaml").client
    judged_ns = trusted.policy.trusting_period_ns // 2
    signers = len(Bundle.from_bytes(data).updates[-1].block.signers)

    def check() -> None:
        client = LightClient(trusted.policy, trusted.header, trusted.validators)
        Bundle.from_bytes(data).check(client, judged_ns)

    beside_library(measure, "bundles", check, library(Ed25519)[1], signers, 0.5)
