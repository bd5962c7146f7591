"""A witness cosigns a log that only grew, and keeps what proves that one did not."""

from __future__ import annotations

import dataclasses
import pickle
from typing import TYPE_CHECKING

import pytest

from sim.proof import SHA256, SM3, checkpoint, errors, merkle, note_errors
from sim.proof.note_key import NoteSigner
from sim.proof.signatures import SM2, Ed25519
from sim.proof.split_view import SplitView
from sim.proof.witness import Cosigner, Policy, Witness

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

LEAVES = [b"record %d" % number for number in range(12)]
COSIGNER = Cosigner("witness.example", Ed25519.signer(b"\x09" * 32))

both_suites = pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)


class Chain:
    """A log with its key, over either hash."""

    def __init__(self, suite: HashSuite) -> None:
        self.suite = suite
        self.origin = "log.example" if suite is SHA256 else "log.example/sm3"
        key = Ed25519.signer(b"\x08" * 32) if suite is SHA256 else SM2.signer(b"\x08" * 32)
        self.signer = NoteSigner(self.origin, key)
        self.log = merkle.Log(suite)
        self.log.extend(suite.leaves(LEAVES))

    def note(self, size: int, root: bytes | None = None) -> bytes:
        root = self.log.root(size) if root is None else root
        return checkpoint.sign(self.origin, size, root, self.suite, self.signer)

    def witness(self) -> Witness:
        return Witness(COSIGNER, [self.signer.verifier()], self.origin)


@pytest.fixture(params=[SHA256, SM3], ids=lambda suite: suite.name)
def chain(request: pytest.FixtureRequest) -> Chain:
    return Chain(request.param)


def test_a_growing_log_is_cosigned_and_the_cosignatures_count(chain: Chain) -> None:
    witness = chain.witness()
    policy = Policy((COSIGNER.verifier(),), 1)
    witness.cosign(chain.note(0), [], time_s=90)
    old = 0
    for size in (3, 8, 8, 12):
        proof = chain.log.consistency_proof(old, size) if old else []
        cosigned = witness.cosign(chain.note(size), proof, time_s=100 + size)
        read = checkpoint.parse(cosigned, [chain.signer.verifier()])
        (cosignature,) = policy.check(read)
        assert (read.size, read.suite, cosignature.time_s) == (size, chain.suite, 100 + size)
        assert witness.latest == checkpoint.parse(witness.latest.note, [chain.signer.verifier()])
        assert witness.latest.size == size
        old = size


def test_a_witness_that_starts_again_goes_on_where_it_was(chain: Chain) -> None:
    first = chain.witness()
    first.cosign(chain.note(8), [], time_s=1)
    second = Witness(COSIGNER, [chain.signer.verifier()], chain.origin, first.latest)
    with pytest.raises(errors.SizeOutOfRange):
        second.cosign(chain.note(7), [], time_s=2)
    second.cosign(chain.note(9), chain.log.consistency_proof(8, 9), time_s=3)


def test_two_roots_of_one_size_leave_evidence_that_a_stranger_can_check(chain: Chain) -> None:
    witness = chain.witness()
    witness.cosign(chain.note(8), [], time_s=1)
    with pytest.raises(note_errors.SplitViewFound) as found:
        witness.cosign(chain.note(8, b"\x01" * 32), [], time_s=2)
    carried = pickle.loads(pickle.dumps(found.value))  # noqa: S301 - our own bytes
    assert (carried.origin, carried.size) == (chain.origin, 8)
    evidence = SplitView.from_bytes(carried.evidence)
    roots = {one.root for one in evidence.verify([chain.signer.verifier()])}
    assert roots == {chain.log.root(8), b"\x01" * 32}
    assert evidence.to_bytes() == carried.evidence
    assert witness.latest is not None
    assert witness.latest.root == chain.log.root(8)


def test_evidence_is_the_same_whichever_note_came_first(chain: Chain) -> None:
    keys = [chain.signer.verifier()]
    one, other = (checkpoint.parse(note, keys) for note in (chain.note(8), chain.note(8, b"\x01" * 32)))
    assert SplitView.between(one, other) == SplitView.between(other, one)


def test_states_that_a_growing_log_passes_through_are_no_evidence(chain: Chain) -> None:
    keys = [chain.signer.verifier()]
    states = [checkpoint.parse(chain.note(size), keys) for size in (0, 7, 8)]
    assert [SplitView.between(one, other) for one in states for other in states] == [None] * 9


def test_a_rewritten_past_is_not_cosigned(chain: Chain) -> None:
    witness = chain.witness()
    witness.cosign(chain.note(8), [], time_s=1)
    changed = merkle.Log(chain.suite)
    changed.extend(chain.suite.leaves([b"forged", *LEAVES[1:]]))
    with pytest.raises(errors.RootMismatch):
        witness.cosign(chain.note(12, changed.root(12)), changed.consistency_proof(8, 12), time_s=2)
    assert witness.latest is not None
    assert witness.latest.size == 8


def test_a_proof_from_nothing_is_refused(chain: Chain) -> None:
    with pytest.raises(errors.WrongProofLength):
        chain.witness().cosign(chain.note(8), [b"\x00" * 32], time_s=1)


def test_a_checkpoint_of_another_log_is_not_cosigned(chain: Chain) -> None:
    witness = Witness(COSIGNER, [chain.signer.verifier()], "other.example")
    with pytest.raises(note_errors.WrongOrigin):
        witness.cosign(chain.note(8), [], time_s=1)
    assert witness.latest is None


def test_cosigning_again_replaces_the_older_cosignature(chain: Chain) -> None:
    once = COSIGNER.cosign(chain.note(8), time_s=1)
    twice = COSIGNER.cosign(once, time_s=2)
    assert len(twice) == len(once)
    read = checkpoint.parse(twice, [chain.signer.verifier()])
    assert [found.time_s for found in Policy((COSIGNER.verifier(),), 1).check(read)] == [2]


def test_cosignatures_of_one_state_do_not_count_for_another() -> None:
    chain = Chain(SHA256)
    read = checkpoint.parse(COSIGNER.cosign(chain.note(8), time_s=1), [chain.signer.verifier()])
    policy = Policy((COSIGNER.verifier(),), 1)
    policy.check(read)
    with pytest.raises(note_errors.MalformedCheckpoint):
        policy.check(dataclasses.replace(read, size=9))
    with pytest.raises(note_errors.MalformedNote):
        policy.check(dataclasses.replace(read, note=b""))


def test_times_fit_a_signed_64_bit_integer() -> None:
    note = Chain(SHA256).note(8)
    assert COSIGNER.cosign(note, time_s=2**63 - 1)
    for time_s in (-1, 2**63):
        with pytest.raises(errors.SizeOutOfRange):
            COSIGNER.cosign(note, time_s=time_s)
    with pytest.raises(errors.MalformedNumber):
        COSIGNER.cosign(note, time_s=True)


@both_suites
def test_a_log_cannot_sign_a_root_of_the_hash_that_its_origin_does_not_name(suite: HashSuite) -> None:
    chain = Chain(suite)
    other = SM3 if suite is SHA256 else SHA256
    with pytest.raises(note_errors.WrongSuite):
        checkpoint.sign(chain.origin, 8, chain.log.root(8), other, chain.signer)


@pytest.mark.parametrize(
    ("origin", "suite"),
    [
        ("log.example/sm3", SM3),
        ("/sm3", SM3),
        ("sm3", SHA256),
        ("log.example/SM3", SHA256),
        ("log.example/sm3/", SHA256),
        ("log.example/sm3/2024", SHA256),
        ("log.example-sm3", SHA256),
    ],
)
def test_only_the_last_element_of_an_origin_names_sm3(origin: str, suite: HashSuite) -> None:
    assert checkpoint.suite_of(origin) is suite


@pytest.mark.parametrize("origin", ["", "two\nlines", "tab\t", "\ud800", None])
def test_an_origin_that_no_line_can_hold_is_not_signed(origin: str) -> None:
    chain = Chain(SHA256)
    with pytest.raises(note_errors.MalformedCheckpoint):
        checkpoint.sign(origin, 8, chain.log.root(8), SHA256, chain.signer)
