"""What a light client must refuse of votes and validator sets: cases of refusals_lightclient.json."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from foreign_chain import grown, signer_of, validator_set
from lightclient_kit import PBFT, ROTATING, raw, step, with_certificate, with_vote

from sim.proof.certificate import VoteSignature
from sim.proof.evidence import Update
from sim.proof.finality import CertifiedHeader, FinalBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightclient_kit import Case


def chains_and_votes() -> Iterator[Case]:
    good = PBFT.update(2)
    other = grown(3, chain="notary").update(2)
    yield "an honest skip", "pbft", [step(good)]
    yield "the next block, then a skip", "pbft", [step(PBFT.update(1)), step(PBFT.update(5))]
    yield "a header and votes of another chain", "pbft", [step(other, "WrongChain")]
    yield "votes of another chain", "pbft", [step(PBFT.update(2, chain="notary"), "WrongChain")]
    yield (
        "votes moved over from another chain",
        "pbft",
        [step(with_vote(PBFT.update(2, chain="notary"), chain="bank"), "BadVote")],
    )
    yield "votes of another protocol", "pbft", [step(PBFT.update(2, protocol="qbft"), "WrongChain")]
    yield "votes for another block", "pbft", [step(PBFT.update(2, digest=bytes(32)), "WrongBlock")]
    yield "votes for another height", "pbft", [step(PBFT.update(2, height=3), "WrongBlock")]
    yield "votes of another view than signed", "pbft", [step(with_vote(good, view=7), "BadVote")]
    yield (
        "a prepare vote relabelled as a commit",
        "pbft",
        [step(with_vote(PBFT.update(2, phase="prepare"), phase="commit"), "BadVote")],
    )
    certificate = good.block.links[0].certificate
    first, second, third = certificate.signatures
    flipped = dataclasses.replace(first, signature=bytes([first.signature[0] ^ 1]) + first.signature[1:])
    yield (
        "one flipped bit in one signature",
        "pbft",
        [step(with_certificate(good, signatures=(flipped, second, third)), "BadVote")],
    )
    swapped = (
        dataclasses.replace(first, signature=second.signature),
        dataclasses.replace(second, signature=first.signature),
        third,
    )
    yield "two validators' signatures swapped", "pbft", [step(with_certificate(good, signatures=swapped), "BadVote")]
    yield "votes under a quorum", "pbft", [step(PBFT.update(2, "ab"), "TooFewVotes")]
    yield (
        "one bad vote beyond a quorum",
        "pbft",
        [step(with_certificate(good, signatures=(first, second, third, VoteSignature("d", bytes(64)))), "BadVote")],
    )
    yield from _malformed_votes(good)


def _malformed_votes(good: Update) -> Iterator[Case]:
    """Certificates that cannot even be made here, so their bytes are put together."""
    start = good.to_bytes()[: -3 * 66 - 2]
    votes = [
        bytes([1]) + signed.validator.encode() + signed.signature
        for signed in good.block.links[0].certificate.signatures
    ]

    def joined(*chosen: bytes) -> bytes:
        return start + len(chosen).to_bytes(2, "big") + b"".join(chosen)

    a, b, c = votes
    yield "one validator twice", "pbft", [raw(joined(a, b, b), "RepeatedValidator")]
    yield "one validator twice, apart", "pbft", [raw(joined(a, b, a), "RepeatedValidator")]
    yield "signatures out of order", "pbft", [raw(joined(a, c, b), "MalformedCertificate")]
    yield "no signatures", "pbft", [raw(joined(), "MalformedBundle")]
    yield "a signature too few for the count", "pbft", [raw(good.to_bytes()[:-66], "MalformedBundle")]
    yield "a byte too many", "pbft", [raw(good.to_bytes() + b"\0", "MalformedBundle")]
    yield "nothing at all", "pbft", [raw(b"", "MalformedBundle")]


def validators() -> Iterator[Case]:
    good = PBFT.update(2)
    yield "a vote of nobody in the set", "pbft", [step(PBFT.update(2, "abx"), "UnknownValidator")]
    yield (
        "another set than the header names",
        "pbft",
        [step(Update(good.block, validator_set("abc")), "WrongValidators")],
    )
    forged = grown(3, names="wxyz").update(2, "wxy")
    yield "a set of strangers", "pbft", [step(forged, "TooLittleOverlap")]
    one_friend = grown(3, names="axyz").update(2, "axy")
    yield "a set with a third or less of the trusted signers", "pbft", [step(one_friend, "TooLittleOverlap")]
    not_signing = grown(3, names="abxyz").update(2, "axyz")
    yield "trusted validators who are in the set but did not sign", "pbft", [step(not_signing, "TooLittleOverlap")]
    borrowed = _with_borrowed_names()
    yield "trusted names over strangers' keys", "pbft", [step(borrowed, "TooLittleOverlap")]
    two = ROTATING.update(2, "abe")
    yield "a rotation in two steps", "rotating", [step(two), step(ROTATING.update(4, "efg"))]
    yield "a rotation in one step too large", "rotating", [step(ROTATING.update(4, "efg"), "TooLittleOverlap")]
    old_guard = dataclasses.replace(PBFT.headers[5], parent=ROTATING.headers[4].digest(ROTATING.suite))
    yield (
        "votes of a set that was rotated out",
        "rotating",
        [
            step(two),
            step(ROTATING.update(3, "efg")),
            step(Update(FinalBlock((PBFT.certify(old_guard),)), PBFT.sets[5]), "TooLittleOverlap"),
        ],
    )
    yield (
        "a vote of one who was rotated out",
        "rotating",
        [
            step(two),
            step(ROTATING.update(3, "efg")),
            step(ROTATING.update(4, "aef"), "UnknownValidator"),
        ],
    )
    twice = bytes.fromhex("00000000") + good.to_bytes()[4:]
    yield "an empty validator set", "pbft", [raw(twice, "MalformedValidators")]
    key_twice = _set_with_one_key_twice()
    yield (
        "a key under two names",
        "pbft",
        [raw(len(key_twice).to_bytes(4, "big") + key_twice + good.block.to_bytes(), "MalformedValidators")],
    )


def _with_borrowed_names() -> Update:
    """Strangers under the names of the trusted validators, properly signed by the strangers."""
    strangers = dict(zip("abcd", "wxyz", strict=True))
    members = tuple(
        dataclasses.replace(member, public_key=signer_of(strangers[member.id]).public_key)
        for member in PBFT.sets[2].members
    )
    validators = dataclasses.replace(PBFT.sets[2], members=members)
    header = dataclasses.replace(PBFT.headers[2], validators_hash=validators.hash(PBFT.suite))
    link = PBFT.certify(header)
    message = link.certificate.vote.to_bytes()
    signed = tuple(VoteSignature(name, signer_of(strangers[name]).sign(message)) for name in "abc")
    certificate = dataclasses.replace(link.certificate, signatures=signed)
    return Update(FinalBlock((CertifiedHeader(header, certificate),)), validators)


def _set_with_one_key_twice() -> bytes:
    a, b = (signer_of(name).public_key for name in "ab")
    return PBFT.sets[0].to_bytes().replace(b, a)
