"""The cases of refusals_lightclient.json: what a light client and a bundle's reader must refuse, and why.

Everything is signed for real, with keys from names, so the file comes out the same every time. To write it anew:
``PYTHONPATH=tests .venv/bin/python tests/conformance/lightclient_cases.py``
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import TYPE_CHECKING, Any, TypeAlias

from foreign_chain import DAY, DRIFT, PERIOD, SECOND, ForeignChain, grown, signer_of, validator_set

from sim.proof.bundle import RecordFact
from sim.proof.certificate import VoteSignature
from sim.proof.evidence import ForkEvidence, Update
from sim.proof.finality import CertifiedHeader, FinalBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.proof.bundle import Bundle

FILE = pathlib.Path(__file__).with_name("refusals_lightclient.json")
FORMAT = [
    "What a light client that follows a chain must refuse, with the honest steps that each case starts from.",
    "All byte strings are hexadecimal; numbers are integers, times in nanoseconds from the chain's epoch.",
    "trusts: by name, what is trusted at the start: the chain's id, its hash (sha256 or sm3), its protocol, two",
    "periods, the trusted header and the validator set that it names. A trust with an error must be refused itself.",
    "cases: by name, the trust and the steps that one client takes in order. A step's kind says what its bytes are:",
    "an update (a validator set and a final block), the evidence of a fork, or a whole bundle, whose updates come",
    "first and whose fact is checked last. A step with error null must be accepted, any other must be refused. A",
    "refused update or evidence leaves the client as it was, but a fork freezes it.",
    "error is the kind of refusal here; that it is refused is what another implementation must share.",
    "All layouts stand at the top of the modules of sim/proof: header, validators, certificate, finality, evidence,",
    "bundle and state_proof. The votes are Ed25519 signatures.",
]

Step: TypeAlias = tuple[str, bytes, int, str | None]
Case: TypeAlias = tuple[str, str, list[Step]]
NOW = 5 * SECOND

PBFT = grown(6)
ROTATING = ForeignChain()
for _names in ("abcd", "abef", "efgh", "efgh", "efgh"):
    ROTATING.grow(_names)
CHAINS = {
    "pbft": PBFT,
    "rotating": ROTATING,
    **{protocol: grown(6, protocol=protocol) for protocol in ("hotstuff", "jolteon", "tendermint", "qbft", "raft")},
}


def _step(what: Update | ForkEvidence | Bundle, error: str | None = None, now_ns: int = NOW) -> Step:
    kind = {Update: "update", ForkEvidence: "evidence"}.get(type(what), "bundle")
    return kind, what.to_bytes(), now_ns, error


def _raw(data: bytes, error: str, kind: str = "update") -> Step:
    return kind, data, NOW, error


def _with_header(chain: ForeignChain, height: int, **changes: object) -> Update:
    """An honest update but for its header, which the validators have signed as it is."""
    header = dataclasses.replace(chain.headers[height], **changes)
    return Update(FinalBlock((chain.certify(header),)), chain.sets[height])


def _with_certificate(update: Update, **changes: object) -> Update:
    """The update with its first certificate changed after it was signed."""
    link = update.block.links[0]
    changed = CertifiedHeader(link.header, dataclasses.replace(link.certificate, **changes))
    return Update(FinalBlock((changed, *update.block.links[1:])), update.validators)


def _with_vote(update: Update, **changes: object) -> Update:
    """The update with its first vote changed after it was signed."""
    return _with_certificate(update, vote=dataclasses.replace(update.block.links[0].certificate.vote, **changes))


def cases() -> Iterator[Case]:
    """Name, trust and steps of each case."""
    yield from _chains_and_votes()
    yield from _validators()
    yield from _heights_and_times()
    yield from _finality()
    yield from _forks()
    yield from _bundles()


def _chains_and_votes() -> Iterator[Case]:
    good = PBFT.update(2)
    other = grown(3, chain="notary").update(2)
    yield "an honest skip", "pbft", [_step(good)]
    yield "the next block, then a skip", "pbft", [_step(PBFT.update(1)), _step(PBFT.update(5))]
    yield "a header and votes of another chain", "pbft", [_step(other, "WrongChain")]
    yield "votes of another chain", "pbft", [_step(PBFT.update(2, chain="notary"), "WrongChain")]
    yield (
        "votes moved over from another chain",
        "pbft",
        [_step(_with_vote(PBFT.update(2, chain="notary"), chain="bank"), "BadVote")],
    )
    yield "votes of another protocol", "pbft", [_step(PBFT.update(2, protocol="qbft"), "WrongChain")]
    yield "votes for another block", "pbft", [_step(PBFT.update(2, digest=bytes(32)), "WrongBlock")]
    yield "votes for another height", "pbft", [_step(PBFT.update(2, height=3), "WrongBlock")]
    yield "votes of another view than signed", "pbft", [_step(_with_vote(good, view=7), "BadVote")]
    yield (
        "a prepare vote relabelled as a commit",
        "pbft",
        [_step(_with_vote(PBFT.update(2, phase="prepare"), phase="commit"), "BadVote")],
    )
    certificate = good.block.links[0].certificate
    first, second, third = certificate.signatures
    flipped = dataclasses.replace(first, signature=bytes([first.signature[0] ^ 1]) + first.signature[1:])
    yield (
        "one flipped bit in one signature",
        "pbft",
        [_step(_with_certificate(good, signatures=(flipped, second, third)), "BadVote")],
    )
    swapped = (
        dataclasses.replace(first, signature=second.signature),
        dataclasses.replace(second, signature=first.signature),
        third,
    )
    yield "two validators' signatures swapped", "pbft", [_step(_with_certificate(good, signatures=swapped), "BadVote")]
    yield "votes under a quorum", "pbft", [_step(PBFT.update(2, "ab"), "TooFewVotes")]
    yield (
        "one bad vote beyond a quorum",
        "pbft",
        [_step(_with_certificate(good, signatures=(first, second, third, VoteSignature("d", bytes(64)))), "BadVote")],
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
    yield "one validator twice", "pbft", [_raw(joined(a, b, b), "RepeatedValidator")]
    yield "one validator twice, apart", "pbft", [_raw(joined(a, b, a), "RepeatedValidator")]
    yield "signatures out of order", "pbft", [_raw(joined(a, c, b), "MalformedCertificate")]
    yield "no signatures", "pbft", [_raw(joined(), "MalformedBundle")]
    yield "a signature too few for the count", "pbft", [_raw(good.to_bytes()[:-66], "MalformedBundle")]
    yield "a byte too many", "pbft", [_raw(good.to_bytes() + b"\0", "MalformedBundle")]
    yield "nothing at all", "pbft", [_raw(b"", "MalformedBundle")]


def _validators() -> Iterator[Case]:
    good = PBFT.update(2)
    yield "a vote of nobody in the set", "pbft", [_step(PBFT.update(2, "abx"), "UnknownValidator")]
    yield (
        "another set than the header names",
        "pbft",
        [_step(Update(good.block, validator_set("abc")), "WrongValidators")],
    )
    forged = grown(3, names="wxyz").update(2, "wxy")
    yield "a set of strangers", "pbft", [_step(forged, "TooLittleOverlap")]
    one_friend = grown(3, names="axyz").update(2, "axy")
    yield "a set with a third or less of the trusted signers", "pbft", [_step(one_friend, "TooLittleOverlap")]
    not_signing = grown(3, names="abxyz").update(2, "axyz")
    yield "trusted validators who are in the set but did not sign", "pbft", [_step(not_signing, "TooLittleOverlap")]
    borrowed = _with_borrowed_names()
    yield "trusted names over strangers' keys", "pbft", [_step(borrowed, "TooLittleOverlap")]
    two = ROTATING.update(2, "abe")
    yield "a rotation in two steps", "rotating", [_step(two), _step(ROTATING.update(4, "efg"))]
    yield "a rotation in one step too large", "rotating", [_step(ROTATING.update(4, "efg"), "TooLittleOverlap")]
    old_guard = dataclasses.replace(PBFT.headers[5], parent=ROTATING.headers[4].digest(ROTATING.suite))
    yield (
        "votes of a set that was rotated out",
        "rotating",
        [
            _step(two),
            _step(ROTATING.update(3, "efg")),
            _step(Update(FinalBlock((PBFT.certify(old_guard),)), PBFT.sets[5]), "TooLittleOverlap"),
        ],
    )
    yield (
        "a vote of one who was rotated out",
        "rotating",
        [
            _step(two),
            _step(ROTATING.update(3, "efg")),
            _step(ROTATING.update(4, "aef"), "UnknownValidator"),
        ],
    )
    twice = bytes.fromhex("00000000") + good.to_bytes()[4:]
    yield "an empty validator set", "pbft", [_raw(twice, "MalformedValidators")]
    key_twice = _set_with_one_key_twice()
    yield (
        "a key under two names",
        "pbft",
        [_raw(len(key_twice).to_bytes(4, "big") + key_twice + good.block.to_bytes(), "MalformedValidators")],
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


def _heights_and_times() -> Iterator[Case]:
    five = PBFT.update(5)
    yield "the trusted block once more", "pbft", [_step(five), _step(five)]
    yield "a header below the trusted height", "pbft", [_step(five), _step(PBFT.update(3), "HeightNotAbove")]
    yield (
        "another block at the height where trust starts",
        "pbft",
        [_step(_with_header(PBFT, 0, payload_root=bytes(32)), "HeightNotAbove")],
    )
    yield "the next block of another parent", "pbft", [_step(_with_header(PBFT, 1, parent=bytes(32)), "WrongBlock")]
    yield (
        "an earlier time than the trusted block's",
        "pbft",
        [
            _step(PBFT.update(2)),
            _step(_with_header(PBFT, 4, time_ns=1), "WentBackwards"),
        ],
    )
    yield (
        "a shorter log than the trusted block's",
        "pbft",
        [
            _step(PBFT.update(2)),
            _step(_with_header(PBFT, 4, log_size=2), "WentBackwards"),
        ],
    )
    yield "the last moment of the trusting period", "pbft", [_step(five, None, PERIOD - 1)]
    yield "an expired trusting period", "pbft", [_step(five, "TrustExpired", PERIOD)]
    yield "long after the trusting period", "pbft", [_step(five, "TrustExpired", 365 * DAY)]
    yield "a header at the drift bound", "pbft", [_step(_with_header(PBFT, 2, time_ns=NOW + DRIFT))]
    yield (
        "a header from beyond the drift bound",
        "pbft",
        [_step(_with_header(PBFT, 2, time_ns=NOW + DRIFT + 1), "FromTheFuture")],
    )


def _finality() -> Iterator[Case]:
    yield "a PBFT prepare certificate", "pbft", [_step(PBFT.update(2, phase="prepare"), "NotFinal")]
    for protocol, phase in (("tendermint", "prevote"), ("qbft", "prepare")):
        yield f"an honest {protocol} block", protocol, [_step(CHAINS[protocol].update(2))]
        yield (
            f"a {protocol} {phase} certificate",
            protocol,
            [_step(CHAINS[protocol].update(2, phase=phase), "NotFinal")],
        )
    for protocol, links in (("hotstuff", 3), ("jolteon", 2)):
        honest = CHAINS[protocol].update(2)
        yield f"an honest {protocol} chain of {links}", protocol, [_step(honest)]
        yield f"one {protocol} certificate alone", protocol, [_step(_cut(honest, 1), "NotFinal")]
        chain = CHAINS[protocol]
        late = chain.certify(chain.headers[1 + links], view=9)
        gap = Update(FinalBlock((*honest.block.links[:-1], late)), honest.validators)
        yield f"{protocol} certificates with a gap in their views", protocol, [_step(gap, "NotFinal")]
        stranger = chain.certify(dataclasses.replace(chain.headers[3], parent=bytes(32)))
        broken = (honest.block.links[0], stranger, *honest.block.links[2:])
        yield (
            f"{protocol} certificates of blocks that are not parent and child",
            protocol,
            [_step(Update(FinalBlock(broken), honest.validators), "WrongBlock")],
        )
    hotstuff = CHAINS["hotstuff"]
    honest = hotstuff.update(2)
    yield "two HotStuff certificates", "hotstuff", [_step(_cut(honest, 2), "NotFinal")]
    thin = (*honest.block.links[:2], hotstuff.certify(hotstuff.headers[4], "ab"))
    yield (
        "a HotStuff grandchild without a quorum",
        "hotstuff",
        [_step(Update(FinalBlock(thin), honest.validators), "TooFewVotes")],
    )
    extra = Update(FinalBlock((*PBFT.update(2).block.links, *PBFT.update(3).block.links)), PBFT.sets[2])
    yield "descendants where none are needed", "pbft", [_step(extra, "NotFinal")]


def _cut(update: Update, links: int) -> Update:
    return Update(FinalBlock(update.block.links[:links]), update.validators)


def _forks() -> Iterator[Case]:
    three, other = PBFT.update(3), _with_header(PBFT, 3, payload_root=bytes(32))
    yield (
        "two final blocks at the trusted height",
        "pbft",
        [
            _step(three),
            _step(other, "ForkFound"),
            _step(PBFT.update(5), "Frozen"),
        ],
    )
    yield (
        "a final block beside one accepted earlier",
        "pbft",
        [
            _step(three),
            _step(PBFT.update(5)),
            _step(other, "ForkFound"),
            _step(three, "Frozen"),
        ],
    )
    yield (
        "another block at the trusted height that is not final",
        "pbft",
        [
            _step(three),
            _step(_cut_votes(other), "TooFewVotes"),
            _step(PBFT.update(5)),
        ],
    )
    old = dataclasses.replace(PBFT.headers[6], time_ns=PERIOD)
    yield (
        "a fork so old that its validators may lie for nothing",
        "pbft",
        [
            _step(three),
            _step(Update(FinalBlock((PBFT.certify(old),)), PBFT.sets[6]), None, PERIOD),
            _step(other, "HeightNotAbove", PERIOD + 3 * SECOND),
        ],
    )
    yield (
        "evidence of a fork from elsewhere",
        "pbft",
        [
            _step(ForkEvidence(three, other), "ForkFound"),
            _step(three, "Frozen"),
        ],
    )
    yield (
        "evidence of a fork at the height where trust starts",
        "pbft",
        [_step(ForkEvidence(PBFT.update(0), _with_header(PBFT, 0, payload_root=bytes(32))), "ForkFound")],
    )
    yield (
        "evidence with one block that is not final",
        "pbft",
        [
            _step(ForkEvidence(three, _cut_votes(other)), "TooFewVotes"),
            _step(three),
        ],
    )
    strangers = grown(4, names="wxyz").update(3, "wxy")
    yield (
        "evidence of a fork made up by strangers",
        "pbft",
        [
            _step(ForkEvidence(three, strangers), "TooLittleOverlap"),
            _step(three),
        ],
    )
    start = ForkEvidence(three, other).to_bytes()[:5]
    yield (
        "evidence with the same block twice",
        "pbft",
        [_raw(start + three.to_bytes() + three.to_bytes(), "NoFork", "evidence")],
    )
    yield (
        "evidence of two heights",
        "pbft",
        [_raw(start + three.to_bytes() + PBFT.update(4).to_bytes(), "NoFork", "evidence")],
    )


def _cut_votes(update: Update) -> Update:
    signatures = update.block.links[0].certificate.signatures[:2]
    return _with_certificate(update, signatures=signatures)


def _bundles() -> Iterator[Case]:
    update = PBFT.update(4)
    record = PBFT.record_fact(1, 4)
    entry, absence = PBFT.state_fact(b"asset 2", 4), PBFT.state_fact(b"asset 9", 4)
    honest = PBFT.bundle(record, update)
    yield "an honest bundle of a record", "pbft", [_step(honest)]
    yield (
        "an honest bundle by way of two blocks",
        "rotating",
        [_step(ROTATING.bundle(ROTATING.record_fact(0, 4), ROTATING.update(2, "abe"), ROTATING.update(4, "efg")))],
    )
    yield (
        "honest bundles of a state entry and of an absence",
        "pbft",
        [
            _step(PBFT.bundle(entry, update)),
            _step(PBFT.bundle(absence, update)),
        ],
    )
    refused = {
        "a bundle with a record that was changed": (dataclasses.replace(record, content=b"changed"), "RootMismatch"),
        "a bundle with another index": (dataclasses.replace(record, index=2), "RootMismatch"),
        "a bundle with an index one past the end": (dataclasses.replace(record, index=5), "IndexOutOfRange"),
        "a bundle with a hash too many": (
            dataclasses.replace(record, proof=(*record.proof, bytes(32))),
            "WrongProofLength",
        ),
        "a bundle with a hash too few": (dataclasses.replace(record, proof=record.proof[1:]), "WrongProofLength"),
        "a bundle with a proof of another block's log": (PBFT.record_fact(1, 3), "WrongProofLength"),
        "a bundle with another value": (dataclasses.replace(entry, value=b"free"), "ProofOfAnotherValue"),
        "a bundle that hides an entry": (dataclasses.replace(entry, value=None), "ProofOfPresence"),
        "a bundle with the proof of another key": (dataclasses.replace(entry, key=b"asset 1"), "ProofOfAnotherKey"),
        "a bundle with an entry of another block's state": (PBFT.state_fact(b"licence", 3), "RootMismatch"),
    }
    for name, (fact, error) in refused.items():
        yield name, "pbft", [_step(PBFT.bundle(fact, update), error)]
    node = PBFT.suite.leaf(PBFT.records[0]) + PBFT.suite.leaf(PBFT.records[1])
    yield (
        "a bundle with an inner node for a record",
        "pbft",
        [_step(PBFT.bundle(RecordFact(0, node, record.proof[1:]), update), "WrongProofLength")],
    )
    yield "a bundle under another hash", "pbft", [_step(dataclasses.replace(honest, suite="sm3"), "WrongChain")]
    yield (
        "a bundle with votes under a quorum",
        "pbft",
        [_step(PBFT.bundle(record, PBFT.update(4, "ab")), "TooFewVotes")],
    )
    data = honest.to_bytes()
    yield "a bundle of an unknown hash", "pbft", [_raw(data.replace(b"sha256", b"sha255", 1), "UnknownSuite", "bundle")]
    yield "a bundle cut short", "pbft", [_raw(data[:-1], "MalformedBundle", "bundle")]
    yield "a bundle with a byte too many", "pbft", [_raw(data + b"\0", "MalformedBundle", "bundle")]
    yield "a bundle of another version", "pbft", [_raw(data[:4] + b"\2" + data[5:], "MalformedBundle", "bundle")]


def document() -> dict[str, Any]:
    """The whole file as data."""
    return {
        "format": FORMAT,
        "trusts": {
            name: {
                "chain": chain.chain,
                "hash": chain.suite.name,
                "protocol": chain.protocol,
                "trusting_period_ns": PERIOD,
                "clock_drift_ns": DRIFT,
                "header": chain.headers[0].to_bytes().hex(),
                "validators": chain.sets[0].to_bytes().hex(),
                "error": "NoFinality" if name == "raft" else None,
            }
            for name, chain in CHAINS.items()
        },
        "cases": {
            name: {
                "trust": trust,
                "steps": [
                    {"kind": kind, "bytes": data.hex(), "now_ns": now_ns, "error": error}
                    for kind, data, now_ns, error in steps
                ],
            }
            for name, trust, steps in cases()
        },
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1) + "\n", encoding="utf-8")
