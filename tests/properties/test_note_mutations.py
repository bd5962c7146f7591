"""Nothing but what was signed is accepted: mutations of signatures, notes and evidence, and a fuzz of every parser.

The fuzz runs for FUZZ_SECONDS per parser, 2 unless the environment says otherwise, from FUZZ_SEED on. It shows the
bytes that it fails on: SM2 signs at random, so the seed alone does not bring them back.
"""

from __future__ import annotations

import functools
import os
import random
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, ProofError, checkpoint, merkle, note, sm2
from sim.proof.note_key import NoteSigner, NoteVerifier
from sim.proof.signatures import SM2, Ed25519, Scheme, Signer
from sim.proof.split_view import SplitView
from sim.proof.witness import CosignatureVerifier, Cosigner, Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    Attempt = Callable[[bytes], object]

FUZZ_SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))
FUZZ_SEED = int(os.environ.get("FUZZ_SEED", "20221229"))

LOG = NoteSigner("log.example", Ed25519.signer(b"\x01" * 32))
COURT = NoteSigner("court.example/sm3", SM2.signer(b"\x02" * 32))
WITNESSES = [Cosigner(f"w{number}.example", Ed25519.signer(bytes([16 + number]) * 32)) for number in range(3)]
KEYS = [LOG.verifier(), COURT.verifier()]
POLICY = Policy(tuple(witness.verifier() for witness in WITNESSES), 2)

# The example of GB/T 32918.5-2017 annex A: one that does not change from run to run.
STANDARD_KEY = bytes.fromhex(
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
STANDARD_DER = sm2.raw_to_der(
    bytes.fromhex(
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
        "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
    )
)

both_schemes = pytest.mark.parametrize("scheme", [Ed25519, SM2], ids=lambda scheme: scheme.name)


def signed(signer: NoteSigner, size: int, first: bytes = b"first") -> bytes:
    suite = checkpoint.suite_of(signer.name)
    leaf_hashes = suite.leaves([first, *(b"record %d" % number for number in range(1, size))])
    return checkpoint.sign(signer.name, size, merkle.root(suite, leaf_hashes), suite, signer)


NOTES = [signed(LOG, 5), signed(LOG, 6), signed(COURT, 5), signed(COURT, 6)]
COSIGNED = functools.reduce(lambda data, witness: witness.cosign(data, time_s=1_700_000_000), WITNESSES[:2], NOTES[0])
EVIDENCE = SplitView(*sorted((NOTES[0], signed(LOG, 5, b"forged")))).to_bytes()


def mutated(data: bytes, draw: random.Random, others: list[bytes]) -> bytes:
    """The data with one to three of: a bit flipped, bytes dropped, added, doubled, swapped, or spliced from another."""
    for _ in range(draw.randint(1, 3)):
        i, j = sorted(draw.randint(0, len(data)) for _ in range(2))
        match draw.randrange(7):
            case 0 if data:
                at = draw.randrange(len(data))
                data = data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]
            case 1:
                data = data[:i] + data[j:]
            case 2:
                data = data[:i] + draw.randbytes(draw.randint(1, 4)) + data[i:]
            case 3:
                data = data[:j] + data[i:]
            case 4:
                k = draw.randint(j, len(data))
                data = data[:i] + data[j:k] + data[i:j] + data[k:]
            case 5:
                other = draw.choice(others)
                data = data[:i] + other[draw.randint(0, len(other)) :]
            case _:
                tokens = [b"\n", b"\n\n", b" ", b"+", b"0", b"=", b"\r", b"\x00", "— ".encode(), "\u2028".encode()]
                data = data[:i] + draw.choice(tokens) + data[j:]
    return data


# Signatures


@both_schemes
@given(message=st.binary(max_size=40), change=st.randoms(use_true_random=False))
def test_a_changed_signature_message_or_key_is_refused(scheme: Scheme, message: bytes, change: random.Random) -> None:
    signer = _signer(scheme)
    signature = signer.sign(message)
    signer.verifier().verify(message, signature)
    changed = {
        "signature": mutated(signature, change, [signature[::-1]]),
        "message": mutated(message, change, [b"other"]),
        "public_key": mutated(signer.public_key, change, [_signer(scheme, 2).public_key]),
    }
    honest = {"signature": signature, "message": message, "public_key": signer.public_key}
    for name, value in changed.items():
        if value != honest[name]:
            with pytest.raises(ProofError):
                scheme.verify(**(honest | {name: value}))


@given(change=st.randoms(use_true_random=False))
def test_changed_der_is_refused(change: random.Random) -> None:
    verifier = SM2.verifier(STANDARD_KEY)
    verifier.verify_der(b"message digest", STANDARD_DER)
    changed = mutated(STANDARD_DER, change, [STANDARD_DER])
    if changed != STANDARD_DER:
        with pytest.raises(ProofError):
            verifier.verify_der(b"message digest", changed)


@given(data=st.binary(max_size=80))
def test_der_that_is_read_is_what_is_written(data: bytes) -> None:
    try:
        raw = sm2.der_to_raw(data)
    except ProofError:
        return
    assert sm2.raw_to_der(raw) == data


# Keys and notes as bytes


@given(name=st.text(min_size=1, max_size=12), text=st.text(max_size=60))
def test_what_is_signed_comes_back_or_is_refused(name: str, text: str) -> None:
    try:
        data = note.sign((text + "\n").encode("utf-8", "surrogatepass"), NoteSigner(name, LOG.key))
    except ProofError:
        return
    parsed = note.parse(data)
    assert parsed.to_bytes() == data
    assert parsed.text == (text + "\n").encode()
    ((key, _),) = note.verify(parsed, [NoteVerifier(name, LOG.key.verifier())])
    assert NoteVerifier.parse(key.vkey) == key


@given(
    origin=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20),
    size=st.integers(1, 2**63 - 1),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=9), max_size=3),
)
def test_a_checkpoint_comes_back_from_its_note(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    suite = checkpoint.suite_of(origin)
    data = checkpoint.sign(origin, size, root, suite, LOG, extensions=extensions)
    read = checkpoint.parse(data, KEYS, origin=origin)
    assert read == checkpoint.Checkpoint(origin, size, root, tuple(extensions), data)


# Fuzz


def read_checkpoint(data: bytes) -> None:
    """A checkpoint that is read must be one that was signed, and the note must have no other form."""
    read = checkpoint.parse(data, KEYS)
    assert note.parse(data).to_bytes() == data
    assert read.text() in {note.parse(honest).text for honest in NOTES}


def read_cosigned(data: bytes) -> None:
    """A quorum must be of witnesses that did sign, at the time at which they did."""
    for cosignature in POLICY.check(checkpoint.parse(data, KEYS)):
        assert cosignature.name in {witness.name for witness in WITNESSES[:2]}
        assert cosignature.time_s == 1_700_000_000
    assert note.parse(data).text == note.parse(COSIGNED).text


def read_evidence(data: bytes) -> None:
    """Evidence that holds must be the evidence that there is, apart from signatures of strangers."""
    found = SplitView.from_bytes(data)
    assert found.to_bytes() == data
    texts = {read.text() for read in found.verify(KEYS)}
    assert texts == {read.text() for read in SplitView.from_bytes(EVIDENCE).verify(KEYS)}


def read_key(data: bytes) -> None:
    """A key that is read has no other form."""
    text = data.decode("utf-8", "surrogateescape")
    assert NoteVerifier.parse(text).vkey == text


def read_witness_key(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert CosignatureVerifier.parse(text).vkey == text


def read_secret_key(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert NoteSigner.parse(text).skey == text


def read_ed25519(data: bytes) -> None:
    """Half key, half signature: whatever is accepted is the one signature that there is."""
    Ed25519.verify(data[:32], b"evidence", data[32:])
    assert data == LOG.key.public_key + LOG.key.sign(b"evidence")


def read_sm2_der(data: bytes) -> None:
    SM2.verifier(STANDARD_KEY).verify_der(b"message digest", data)
    assert data == STANDARD_DER


PARSERS: dict[str, tuple[Attempt, list[bytes]]] = {
    "checkpoint": (read_checkpoint, NOTES),
    "cosigned checkpoint": (read_cosigned, [COSIGNED, *NOTES]),
    "split view": (read_evidence, [EVIDENCE, *NOTES]),
    "verifier key": (read_key, [key.vkey.encode() for key in KEYS]),
    "witness key": (read_witness_key, [witness.verifier().vkey.encode() for witness in WITNESSES]),
    "signer key": (read_secret_key, [LOG.skey.encode(), COURT.skey.encode()]),
    "Ed25519 key and signature": (read_ed25519, [LOG.key.public_key + LOG.key.sign(b"evidence")]),
    "SM2 signature as DER": (read_sm2_der, [STANDARD_DER]),
}


@pytest.mark.parametrize("name", PARSERS)
def test_random_and_mutated_bytes_are_refused_without_a_crash(name: str) -> None:
    attempt, corpus = PARSERS[name]
    for honest in corpus[:1]:
        attempt(honest)
    draw = random.Random(FUZZ_SEED)  # noqa: S311 - a fuzz, not a secret
    deadline = time.monotonic() + FUZZ_SECONDS
    refused = 0
    while time.monotonic() < deadline:
        fresh = draw.randrange(8) == 0
        data = draw.randbytes(draw.randrange(200)) if fresh else mutated(draw.choice(corpus), draw, corpus)
        try:
            attempt(data)
        except ProofError:
            refused += 1
        except Exception as crash:
            raise AssertionError(f"{name}, seed {FUZZ_SEED}: {data!r}") from crash
    assert refused > 0


def _signer(scheme: Scheme, number: int = 1) -> Signer:
    return scheme.signer(bytes([number]) * scheme.secret_key_size)


def test_the_notes_of_the_fuzz_are_under_both_hashes() -> None:
    assert {checkpoint.parse(data, KEYS).suite for data in NOTES} == {SHA256, SM3}
