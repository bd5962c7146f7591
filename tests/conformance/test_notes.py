"""Signed notes, checkpoints, cosignatures and split views against C2SP: known answers and a table of refusals."""

from __future__ import annotations

import base64
import json
import pathlib
import pickle
from typing import TYPE_CHECKING, Any

import note_cases
import pytest

from sim.proof import ProofError, checkpoint, errors, note, note_errors
from sim.proof.note_key import SM2_IDENTIFIER, NoteSigner, NoteVerifier
from sim.proof.signatures import SM2, Ed25519
from sim.proof.witness import CosignatureVerifier, Policy, time_of

if TYPE_CHECKING:
    Case = dict[str, Any]

KNOWN = json.loads(pathlib.Path(__file__).with_name("signed_notes_known.json").read_text("utf-8"))
REFUSED = note_cases.TABLE["refused"]
HONEST = note_cases.TABLE["honest"]
GO = KNOWN["notes"][0]


def whole(known: Case) -> bytes:
    return f"{known['text']}\n{known['signatures']}".encode()


# Known answers


@pytest.mark.parametrize("known", KNOWN["notes"], ids=lambda known: known["name"])
def test_published_notes_verify_under_every_key_and_come_back_byte_for_byte(known: Case) -> None:
    parsed = note.parse(whole(known))
    keys = [NoteVerifier.parse(vkey) for vkey in known["vkeys"]]
    assert parsed.text.decode() == known["text"]
    assert parsed.to_bytes() == whole(known)
    assert [key.vkey for key, _ in note.verify(parsed, keys)] == known["vkeys"]


def test_signing_gives_the_note_that_go_gives() -> None:
    signer = NoteSigner.parse(GO["skeys"][0])
    assert signer.skey == GO["skeys"][0]
    assert signer.verifier().vkey == GO["vkeys"][0]
    assert note.sign(GO["text"].encode(), signer) == whole(GO)


def test_every_part_of_a_key_string_is_needed() -> None:
    for text, read in ((GO["vkeys"][0], NoteVerifier.parse), (GO["skeys"][0], NoteSigner.parse)):
        parts = {text[i:j] for i in range(len(text)) for j in range(i, len(text) + 1)} - {text}
        for part in parts:
            with pytest.raises(ProofError):
                read(part)
        for i, character in enumerate(text):
            with pytest.raises(ProofError):
                read(text[:i] + chr(ord(character) + 1) + text[i + 1 :])


@pytest.mark.parametrize("known", KNOWN["checkpoints"], ids=lambda known: known["name"])
def test_published_checkpoints_are_read(known: Case) -> None:
    keys = [NoteVerifier.parse(vkey) for vkey in known["vkeys"]]
    read = checkpoint.parse(whole(known), keys, origin=known["origin"])
    assert (read.origin, read.size, read.root.hex()) == (known["origin"], known["size"], known["root"])
    assert read.text().decode() == known["text"]
    assert read.suite.name == "sha256"
    assert read.note == whole(known)


def test_a_published_quorum_of_witnesses_is_counted() -> None:
    known = KNOWN["checkpoints"][1]
    keys = [NoteVerifier.parse(vkey) for vkey in known["vkeys"]]
    witnesses = tuple(CosignatureVerifier.parse(vkey) for vkey in known["witnesses"])
    read = checkpoint.parse(whole(known), keys)
    counted = Policy(witnesses, known["cosigned"]).check(read, not_after_s=known["time_s"])
    assert [cosignature.name for cosignature in counted] == [witness.name for witness in witnesses[:4]]
    assert {cosignature.time_s for cosignature in counted} == {known["time_s"]}
    with pytest.raises(note_errors.QuorumMissed):
        Policy(witnesses, known["cosigned"] + 1).check(read)
    with pytest.raises(note_errors.QuorumMissed):
        Policy(witnesses, 1).check(read, not_after_s=known["time_s"] - 1)
    assert [witness.vkey for witness in witnesses] == known["witnesses"]


def test_the_example_of_the_cosignature_specification_states_its_time() -> None:
    known = KNOWN["unverifiable"]
    log, witness = note.parse(whole(known)).signatures
    assert log.name == "example.com/behind-the-sofa"
    assert witness.name == "witness.example.com/w1"
    assert time_of(witness.signature) == known["time_s"]


# SM2 in notes


def test_an_sm2_key_string_holds_the_long_type() -> None:
    verifier = NoteVerifier("court.example/sm3", SM2.signer(b"\x03" * 32).verifier())
    material = b"\xff" + SM2_IDENTIFIER + verifier.key.public_key
    name, _, encoded = verifier.vkey.split("+", 2)
    assert name == "court.example/sm3"
    assert base64.b64decode(encoded) == material
    assert NoteVerifier.parse(verifier.vkey) == verifier


def test_an_sm2_signer_comes_back_from_its_string_and_signs_notes() -> None:
    signer = NoteSigner("court.example/sm3", SM2.generate())
    again = NoteSigner.parse(signer.skey)
    assert note.verify(note.parse(note.sign("證據\n".encode(), again)), [signer.verifier()])


def test_an_sm2_key_under_another_id_signs_no_notes() -> None:
    with pytest.raises(note_errors.MalformedNoteKey):
        NoteSigner("court.example/sm3", SM2.generate(b"court"))
    with pytest.raises(note_errors.MalformedNoteKey):
        NoteVerifier("court.example/sm3", SM2.generate(b"court").verifier())


# Keys that meet


def test_two_keys_of_one_name_and_id_are_refused_and_one_key_twice_is_not() -> None:
    parsed = note.parse(whole(GO))
    key = NoteVerifier.parse(GO["vkeys"][0])
    assert len(note.verify(parsed, [key, key])) == 1
    other = NoteVerifier(key.name, Ed25519.generate().verifier())
    object.__setattr__(other, "key_id", key.key_id)  # as if someone had searched for a collision of 4 bytes
    with pytest.raises(note_errors.AmbiguousKey):
        note.verify(parsed, [key, other])


@pytest.mark.parametrize("count", [16, note.MOST_SIGNATURES])
def test_notes_may_have_many_signatures(count: int) -> None:
    signers = [NoteSigner(f"k{i}.example", Ed25519.generate()) for i in range(count)]
    data = note.sign(b"text\n", *signers)
    assert len(note.verify(note.parse(data), [signer.verifier() for signer in signers])) == count


def test_a_note_larger_than_the_bound_is_refused_unread() -> None:
    with pytest.raises(note_errors.MalformedNote, match="longer"):
        note.parse(b"\xff" * (note.LARGEST_NOTE_BYTES + 1))


@pytest.mark.parametrize("text", [b"", b"no line feed", b"tab\t\n", b"\xff\n", "text\n"])
def test_nothing_that_no_note_can_hold_is_signed(text: bytes) -> None:
    with pytest.raises(note_errors.MalformedNote):
        note.sign(text, NoteSigner.parse(GO["skeys"][0]))


def test_a_note_needs_a_signer() -> None:
    with pytest.raises(note_errors.MalformedNote):
        note.sign(b"text\n")


# The table


@pytest.mark.parametrize("name", HONEST)
def test_the_honest_one_is_accepted(name: str) -> None:
    note_cases.run(HONEST[name])


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case['honest']}: {case['name']}")
def test_it_is_refused(case: Case) -> None:
    with pytest.raises(ProofError) as refusal:
        note_cases.run(HONEST[case["honest"]] | case["change"])
    expected = getattr(note_errors, case["error"], None) or getattr(errors, case["error"])
    assert type(refusal.value) is expected
    assert str(refusal.value)
    assert pickle.loads(pickle.dumps(refusal.value)).args == refusal.value.args  # noqa: S301 - our own bytes
