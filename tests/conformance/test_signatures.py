"""Ed25519 and SM2 against their standards: known answers, independent oracles, and a table of refusals."""

from __future__ import annotations

import json
import pathlib
import pickle
from typing import Any

import ed25519_oracle
import pytest
import sm2_oracle

from sim.proof import ProofError, note_errors, signatures, sm2
from sim.proof.note_errors import MalformedKey, MalformedSignature, UnknownScheme, WrongSignature
from sim.proof.signatures import SM2, Ed25519

HERE = pathlib.Path(__file__).parent
KNOWN = json.loads((HERE / "signatures_known.json").read_text("utf-8"))
REFUSALS = json.loads((HERE / "refusals_signatures.json").read_text("utf-8"))

both_schemes = pytest.mark.parametrize("scheme", [Ed25519, SM2], ids=lambda scheme: scheme.name)


def read(fields: dict[str, Any]) -> dict[str, Any]:
    """A case with bytes in place of hexadecimal digits."""
    kept = ("scheme", "form")
    return {
        name: bytes.fromhex(value) if isinstance(value, str) and name not in kept else value
        for name, value in fields.items()
    }


def check(case: dict[str, Any]) -> None:
    """Verify what a case of the table holds."""
    if case["scheme"] == Ed25519.name:
        Ed25519.verify(case["public_key"], case["message"], case["signature"])
    elif case["form"] == "raw":
        SM2.verify(case["public_key"], case["message"], case["signature"], case["id"])
    else:
        SM2.verifier(case["public_key"], case["id"]).verify_der(case["message"], case["signature"])


# Known answers


@pytest.mark.parametrize("known", [read(known) for known in KNOWN["ed25519"]], ids=["test 1", "test 2", "test 3"])
def test_ed25519_signs_as_rfc_8032_does(known: dict[str, bytes]) -> None:
    signer = Ed25519.signer(known["secret_key"])
    assert signer.public_key == known["public_key"]
    assert signer.sign(known["message"]) == known["signature"]
    Ed25519.verify(known["public_key"], known["message"], known["signature"])
    assert ed25519_oracle.lenient(known["public_key"], known["message"], known["signature"])


@pytest.mark.parametrize("known", KNOWN["sm2"], ids=["annex A", "botan"])
def test_sm2_accepts_the_published_signatures(known: dict[str, str]) -> None:
    signer_id = known["id"].encode()
    signer = SM2.signer(bytes.fromhex(known["secret_key"]), signer_id)
    message, signature = bytes.fromhex(known["message"]), bytes.fromhex(known["signature"])
    assert signer.public_key.hex() == known.get("public_key", signer.public_key.hex())
    SM2.verify(signer.public_key, message, signature, signer_id)
    signer.verifier().verify_der(message, sm2.raw_to_der(signature))
    assert sm2_oracle.accepts(signer.public_key, signer_id, message, signature)


def test_the_default_id_is_that_of_the_standard() -> None:
    known = read(KNOWN["sm2"][0] | {"id": ""})
    SM2.verify(known["public_key"], known["message"], known["signature"])


# Agreement with the oracles


@pytest.mark.parametrize("secret", [1, 2, 3, 2**255, sm2_oracle.N // 2, sm2_oracle.N - 3, sm2_oracle.N - 2])
def test_sm2_public_keys_are_multiples_of_the_base_point(secret: int) -> None:
    point = sm2_oracle.multiply(secret, sm2_oracle.G)
    assert point is not None
    signer = SM2.signer(secret.to_bytes(32, "big"))
    assert signer.public_key == b"\x04" + b"".join(value.to_bytes(32, "big") for value in point)


def test_the_oracle_accepts_what_sm2_signs() -> None:
    signer = SM2.signer(b"\x11" * 32, b"alliance")
    for count in range(8):
        message = b"record %d" % count
        signature = signer.sign(message)
        assert sm2_oracle.accepts(signer.public_key, b"alliance", message, signature)
        assert not sm2_oracle.accepts(signer.public_key, b"alliance", message + b"!", signature)
        signer.verifier().verify(message, signature)
        signer.verifier().verify_der(message, signer.sign_der(message))


@pytest.mark.parametrize("bits", [1, 7, 8, 127, 128, 247, 248, 255])
def test_numbers_of_every_length_come_back_from_der(bits: int) -> None:
    raw = (2**bits - 1).to_bytes(32, "big") + (2 ** (bits - 1)).to_bytes(32, "big")
    assert sm2.der_to_raw(sm2.raw_to_der(raw)) == raw


@both_schemes
def test_keys_and_signatures_have_the_stated_sizes(scheme: signatures.Scheme) -> None:
    signer = scheme.generate()
    assert len(signer.public_key) == scheme.public_key_size
    assert len(signer.secret_key) == scheme.secret_key_size
    assert len(signer.sign(b"")) == scheme.signature_size
    assert signer.scheme == signer.verifier().scheme == scheme.name
    assert signatures.scheme_by_name(scheme.name) is scheme


@both_schemes
def test_a_new_key_signs_for_itself_and_for_no_other(scheme: signatures.Scheme) -> None:
    signer, other = scheme.generate(), scheme.generate()
    signature = signer.sign(b"evidence")
    signer.verifier().verify(b"evidence", signature)
    with pytest.raises(WrongSignature):
        other.verifier().verify(b"evidence", signature)


@both_schemes
def test_signers_and_verifiers_survive_pickling(scheme: signatures.Scheme) -> None:
    signer = scheme.generate()
    copied = pickle.loads(pickle.dumps(signer))  # noqa: S301 - our own bytes
    verifier = pickle.loads(pickle.dumps(signer.verifier()))  # noqa: S301 - our own bytes
    verifier.verify(b"evidence", copied.sign(b"evidence"))
    assert verifier == signer.verifier()
    assert hash(verifier) == hash(signer.verifier())
    assert verifier != scheme.generate().verifier()


@both_schemes
def test_a_secret_key_is_not_shown(scheme: signatures.Scheme) -> None:
    signer = scheme.generate()
    assert signer.secret_key.hex() not in repr(signer)


def test_an_id_is_part_of_an_sm2_key() -> None:
    signer = SM2.generate(b"court")
    assert signer.verifier() != SM2.verifier(signer.public_key, b"bank")


def test_an_unknown_scheme_is_refused_by_name() -> None:
    with pytest.raises(UnknownScheme, match="rsa"):
        signatures.scheme_by_name("rsa")


# Refusals


@pytest.mark.parametrize("name", REFUSALS["honest"])
def test_the_honest_signature_is_accepted(name: str) -> None:
    check(read(REFUSALS["honest"][name]))


@pytest.mark.parametrize("case", REFUSALS["refused"], ids=lambda case: f"{case['honest']}: {case['name']}")
def test_the_signature_is_refused(case: dict[str, Any]) -> None:
    arguments = read(REFUSALS["honest"][case["honest"]] | case["change"])
    with pytest.raises(ProofError) as refusal:
        check(arguments)
    assert type(refusal.value) is getattr(note_errors, case["error"])
    assert pickle.loads(pickle.dumps(refusal.value)).args == refusal.value.args  # noqa: S301 - our own bytes


def test_what_a_lenient_verifier_accepts_is_refused_for_the_rule_and_not_for_a_slip() -> None:
    lenient = [case for case in REFUSALS["refused"] if case.get("lenient") == "cofactored"]
    assert len(lenient) > 30
    for case in lenient:
        arguments = read(REFUSALS["honest"][case["honest"]] | case["change"])
        assert ed25519_oracle.lenient(arguments["public_key"], arguments["message"], arguments["signature"])


@pytest.mark.parametrize("secret", [0, sm2_oracle.N - 1, sm2_oracle.N, 2**256 - 1])
def test_an_sm2_secret_out_of_range_is_refused(secret: int) -> None:
    with pytest.raises(MalformedKey):
        SM2.signer(secret.to_bytes(32, "big"))


@both_schemes
@pytest.mark.parametrize("secret", [b"", b"\x01" * 31, b"\x01" * 33, "01" * 32, None])
def test_a_secret_of_another_form_is_refused(scheme: signatures.Scheme, secret: bytes) -> None:
    with pytest.raises(MalformedKey):
        scheme.signer(secret)


@both_schemes
@pytest.mark.parametrize("message", ["text", bytearray(b"text"), None])
def test_only_bytes_are_signed(scheme: signatures.Scheme, message: bytes) -> None:
    with pytest.raises(MalformedSignature):
        scheme.generate().sign(message)


def test_an_id_must_fit_its_length_field() -> None:
    key = SM2.generate().public_key
    assert SM2.verifier(key, b"1" * 8191).signer_id == b"1" * 8191
    with pytest.raises(MalformedKey):
        SM2.verifier(key, b"1" * 8192)
