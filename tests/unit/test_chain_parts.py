"""Votes, validator sets, final blocks and trust cannot be made wrong, and say what is wrong with them."""

from __future__ import annotations

import dataclasses

import pytest
from foreign_chain import SECOND, ForeignChain, grown, signer_of, validator_set

from sim.proof import SHA256, SM3, ProofError
from sim.proof.bundle import Bundle, RecordFact, StateFact
from sim.proof.certificate import QuorumCertificate, Vote, VoteSignature
from sim.proof.chain_errors import BadVote, MalformedTrust, WrongChain, WrongValidators
from sim.proof.evidence import ForkEvidence, Update
from sim.proof.finality import CertifiedHeader, FinalBlock
from sim.proof.lightclient import LightClient
from sim.proof.note_errors import MalformedKey
from sim.proof.validators import Validator, ValidatorSet

CHAIN = grown(4)
UPDATE = CHAIN.update(2)
LINK = UPDATE.block.links[0]
VOTE = LINK.certificate.vote
SIGNED = LINK.certificate.signatures
KEY = signer_of("a").public_key
A = Validator("a", "ed25519", KEY)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: Validator("", "ed25519", KEY), "validator id must have 1..255 bytes"),
        (lambda: Validator("x" * 256, "ed25519", KEY), "validator id must have 1..255 bytes"),
        (lambda: Validator("\ud800", "ed25519", KEY), "lone surrogate"),
        (lambda: Validator(7, "ed25519", KEY), "validator id must be a str, not int"),
        (lambda: Validator("a", "rsa", KEY), "algorithm must be one of ed25519, sm2, not 'rsa'"),
        (lambda: Validator("a", ["sm2"], KEY), "algorithm must be one of"),
        (lambda: Validator("a", "sm2", KEY), "public_key must have 65 bytes, not 32"),
        (lambda: Validator("a", "ed25519", bytearray(KEY)), "public_key must be bytes, not bytearray"),
        (lambda: ValidatorSet(()), "validators must be 1..1024, not 0"),
        (lambda: ValidatorSet([A]), "validators must be a tuple of Validator"),
        (lambda: ValidatorSet((A, A)), "ids must ascend strictly"),
        (lambda: ValidatorSet((dataclasses.replace(A, id="b"), A)), "ids must ascend strictly"),
        (lambda: ValidatorSet((A, dataclasses.replace(A, id="b"))), "a public key stands there twice"),
        (lambda: dataclasses.replace(VOTE, view=-1), "view must lie in"),
        (lambda: dataclasses.replace(VOTE, view=True), "view must be an int, not bool"),
        (lambda: dataclasses.replace(VOTE, height=2**63), "height must lie in"),
        (lambda: dataclasses.replace(VOTE, digest=bytes(31)), "digest must have 32 bytes, not 31"),
        (lambda: dataclasses.replace(VOTE, phase=""), "phase must have 1..255 bytes"),
        (lambda: VoteSignature("a", bytes(63)), "signature must have 64 bytes"),
        (lambda: QuorumCertificate(VOTE, ()), "signatures must be 1..1024"),
        (lambda: QuorumCertificate(VOTE, SIGNED[::-1]), "ascending order"),
        (lambda: QuorumCertificate(VOTE, SIGNED[:1] * 2), "'a' votes twice"),
        (lambda: QuorumCertificate(VOTE.to_bytes(), SIGNED), "vote must be a Vote, not bytes"),
        (lambda: CertifiedHeader(LINK.header.to_bytes(), LINK.certificate), "header must be a BlockHeader"),
        (lambda: CertifiedHeader(LINK.header, VOTE), "certificate must be a QuorumCertificate"),
        (lambda: FinalBlock(()), "links must be 1..3"),
        (lambda: FinalBlock((LINK,) * 4), "links must be 1..3"),
        (lambda: Update(LINK, UPDATE.validators), "block must be a FinalBlock"),
        (lambda: Update(UPDATE.block, (A,)), "validators must be a ValidatorSet"),
        (lambda: ForkEvidence(UPDATE, UPDATE), "both blocks are the same"),
        (lambda: ForkEvidence(UPDATE, CHAIN.update(3)), "the blocks stand at heights 2 and 3"),
        (lambda: ForkEvidence(UPDATE, grown(3, chain="x").update(2)), "two chains"),
        (lambda: RecordFact(-1, b"", ()), "index must lie in"),
        (lambda: RecordFact(0, b"", [bytes(32)]), "proof must be a tuple of bytes"),
        (lambda: RecordFact(0, b"", (bytes(31),)), r"proof\[0\] must have 32 bytes"),
        (lambda: StateFact(b"k", "v", CHAIN.state_fact(b"k", 2).proof), "value must be bytes, not str"),
        (lambda: StateFact(b"k" * 1025, None, CHAIN.state_fact(b"k", 2).proof), "key must have 0..1024 bytes"),
        (lambda: StateFact(b"k", None, b"proof"), "proof must be a StateProof"),
        (lambda: Bundle("md5", (UPDATE,), CHAIN.record_fact(0, 2)), "unknown hash suite 'md5'"),
        (lambda: Bundle("sm3", (), CHAIN.record_fact(0, 2)), "updates must be 1..32"),
        (lambda: Bundle("sm3", (UPDATE,) * 33, CHAIN.record_fact(0, 2)), "updates must be 1..32"),
        (lambda: Bundle("sm3", (UPDATE,), b"fact"), "fact must be a RecordFact or a StateFact"),
        (lambda: CHAIN.policy(chain=""), "chain must have"),
        (lambda: CHAIN.policy(suite="sm3"), "suite must be a HashSuite"),
        (lambda: CHAIN.policy(protocol="paxos"), "no finality rule for protocol 'paxos'"),
        (lambda: CHAIN.policy(trusting_period_ns=0), "trusting_period_ns must be above 0"),
        (lambda: CHAIN.policy(clock_drift_ns=-1), "clock_drift_ns must lie in"),
        (lambda: CHAIN.client().update(UPDATE.to_bytes(), SECOND), "update must be a Update"),
        (lambda: CHAIN.client().update(UPDATE, 1.5), "now_ns must be an int"),
        (lambda: CHAIN.client().report(UPDATE, SECOND), "evidence must be a ForkEvidence"),
    ],
)
def test_a_wrong_part_is_refused_with_the_reason(made: object, reason: str) -> None:
    with pytest.raises(ProofError, match=reason):
        made()


def test_a_vote_s_bytes_are_the_documented_ones() -> None:
    vote = Vote("bank", "pbft", "commit", view=7, height=258, digest=b"\xaa" * 32)
    assert vote.to_bytes() == bytes.fromhex(
        "4a41565401"  # JAVT, version 1
        "0462616e6b"  # bank
        "0470626674"  # pbft
        "06636f6d6d6974"  # commit
        "0000000000000007"  # view
        "0000000000000102"  # height
        f"{'aa' * 32}"
    )


def test_a_validator_set_s_bytes_are_the_documented_ones_and_name_it() -> None:
    other = signer_of("b", "sm2").public_key
    validators = ValidatorSet((A, Validator("法院", "sm2", other)))
    data = bytes.fromhex("4a4156530100020161 0120") + KEY + bytes.fromhex("06e6b395e999a20241") + other
    assert validators.to_bytes() == data
    assert ValidatorSet.from_bytes(data) == validators
    assert (validators.hash(SHA256), validators.hash(SM3)) == (SHA256.digest(data), SM3.digest(data))


def test_two_votes_that_differ_anywhere_have_different_bytes() -> None:
    moved = dataclasses.replace(VOTE, protocol="pbf", phase="tcommit")
    assert moved.protocol + moved.phase == VOTE.protocol + VOTE.phase
    assert moved.to_bytes() != VOTE.to_bytes()


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ed25519", b"\xff" * 32),  # y above the field's prime
        ("ed25519", b"\x01" + bytes(31)),  # the neutral element, under which anybody can sign
        ("sm2", b"\x04" + bytes(63) + b"\x02"),  # (0, 2) is not on the curve
    ],
)
def test_a_key_that_no_honest_party_has_is_refused_when_it_votes(algorithm: str, key: bytes) -> None:
    update = ForeignChain(algorithm=algorithm).update(0)
    first, *others = update.validators.members
    certificate = update.block.links[0].certificate
    certificate.check(update.validators)
    with pytest.raises(BadVote, match="the vote of 'a' is refused: ") as refusal:
        certificate.check(ValidatorSet((dataclasses.replace(first, public_key=key), *others)))
    assert isinstance(refusal.value.__cause__, MalformedKey)


def test_one_third_of_the_trusted_validators_is_not_more_than_a_third() -> None:
    trusted = validator_set("abcdef")
    assert trusted.count_keys(validator_set("abxyz"), frozenset("abxy")) == 2
    assert len(trusted) == 3 * 2
    chain = grown(1, names="abcdef")
    for friends, refused in (("ab", True), ("abc", False)):
        fork = grown(2, names=f"{friends}xy").update(2, f"{friends}xy")
        client = chain.client()
        if refused:
            with pytest.raises(ProofError, match="2 of 6 trusted validators signed"):
                client.update(fork, SECOND)
        else:
            client.update(fork, SECOND)
            assert client.header.height == 2


def test_a_light_client_starts_only_from_a_header_of_its_chain_and_the_set_it_names() -> None:
    header, validators = CHAIN.headers[0], CHAIN.sets[0]
    with pytest.raises(WrongChain):
        LightClient(CHAIN.policy(chain="notary"), header, validators)
    with pytest.raises(WrongValidators):
        LightClient(CHAIN.policy(), header, validator_set("abc"))
    with pytest.raises(MalformedTrust, match="header must be a BlockHeader"):
        LightClient(CHAIN.policy(), header.to_bytes(), validators)
