"""What the reader of a bundle must refuse: cases of refusals_lightclient.json."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lightclient_kit import PBFT, ROTATING, raw, step

from sim.proof.bundle import RecordFact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightclient_kit import Case


def bundles() -> Iterator[Case]:
    update = PBFT.update(4)
    record = PBFT.record_fact(1, 4)
    entry, absence = PBFT.state_fact(b"asset 2", 4), PBFT.state_fact(b"asset 9", 4)
    honest = PBFT.bundle(record, update)
    yield "an honest bundle of a record", "pbft", [step(honest)]
    yield (
        "an honest bundle by way of two blocks",
        "rotating",
        [step(ROTATING.bundle(ROTATING.record_fact(0, 4), ROTATING.update(2, "abe"), ROTATING.update(4, "efg")))],
    )
    yield (
        "honest bundles of a state entry and of an absence",
        "pbft",
        [
            step(PBFT.bundle(entry, update)),
            step(PBFT.bundle(absence, update)),
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
        yield name, "pbft", [step(PBFT.bundle(fact, update), error)]
    node = PBFT.suite.leaf(PBFT.records[0]) + PBFT.suite.leaf(PBFT.records[1])
    yield (
        "a bundle with an inner node for a record",
        "pbft",
        [step(PBFT.bundle(RecordFact(0, node, record.proof[1:]), update), "WrongProofLength")],
    )
    yield "a bundle under another hash", "pbft", [step(dataclasses.replace(honest, suite="sm3"), "WrongChain")]
    yield (
        "a bundle with votes under a quorum",
        "pbft",
        [step(PBFT.bundle(record, PBFT.update(4, "ab")), "TooFewVotes")],
    )
    data = honest.to_bytes()
    yield "a bundle of an unknown hash", "pbft", [raw(data.replace(b"sha256", b"sha255", 1), "UnknownSuite", "bundle")]
    yield "a bundle cut short", "pbft", [raw(data[:-1], "MalformedBundle", "bundle")]
    yield "a bundle with a byte too many", "pbft", [raw(data + b"\0", "MalformedBundle", "bundle")]
    yield "a bundle of another version", "pbft", [raw(data[:4] + b"\2" + data[5:], "MalformedBundle", "bundle")]
