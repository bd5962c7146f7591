"""What a light client must refuse of heights, times, finality and forks: cases of refusals_lightclient.json."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from foreign_chain import DAY, DRIFT, PERIOD, SECOND, grown
from lightclient_kit import CHAINS, NOW, PBFT, raw, step, with_certificate, with_header

from sim.proof.evidence import ForkEvidence, Update
from sim.proof.finality import FinalBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightclient_kit import Case


def heights_and_times() -> Iterator[Case]:
    five = PBFT.update(5)
    yield "the trusted block once more", "pbft", [step(five), step(five)]
    yield "a header below the trusted height", "pbft", [step(five), step(PBFT.update(3), "HeightNotAbove")]
    yield (
        "another block at the height where trust starts",
        "pbft",
        [step(with_header(PBFT, 0, payload_root=bytes(32)), "HeightNotAbove")],
    )
    yield "the next block of another parent", "pbft", [step(with_header(PBFT, 1, parent=bytes(32)), "WrongBlock")]
    yield (
        "an earlier time than the trusted block's",
        "pbft",
        [
            step(PBFT.update(2)),
            step(with_header(PBFT, 4, time_ns=1), "WentBackwards"),
        ],
    )
    yield (
        "a shorter log than the trusted block's",
        "pbft",
        [
            step(PBFT.update(2)),
            step(with_header(PBFT, 4, log_size=2), "WentBackwards"),
        ],
    )
    yield "the last moment of the trusting period", "pbft", [step(five, None, PERIOD - 1)]
    yield "an expired trusting period", "pbft", [step(five, "TrustExpired", PERIOD)]
    yield "long after the trusting period", "pbft", [step(five, "TrustExpired", 365 * DAY)]
    yield "a header at the drift bound", "pbft", [step(with_header(PBFT, 2, time_ns=NOW + DRIFT))]
    yield (
        "a header from beyond the drift bound",
        "pbft",
        [step(with_header(PBFT, 2, time_ns=NOW + DRIFT + 1), "FromTheFuture")],
    )


def finality() -> Iterator[Case]:
    yield "a PBFT prepare certificate", "pbft", [step(PBFT.update(2, phase="prepare"), "NotFinal")]
    for protocol, phase in (("tendermint", "prevote"), ("qbft", "prepare")):
        yield f"an honest {protocol} block", protocol, [step(CHAINS[protocol].update(2))]
        yield (
            f"a {protocol} {phase} certificate",
            protocol,
            [step(CHAINS[protocol].update(2, phase=phase), "NotFinal")],
        )
    for protocol, links in (("hotstuff", 3), ("jolteon", 2)):
        honest = CHAINS[protocol].update(2)
        yield f"an honest {protocol} chain of {links}", protocol, [step(honest)]
        yield f"one {protocol} certificate alone", protocol, [step(_cut(honest, 1), "NotFinal")]
        chain = CHAINS[protocol]
        late = chain.certify(chain.headers[1 + links], view=9)
        gap = Update(FinalBlock((*honest.block.links[:-1], late)), honest.validators)
        yield f"{protocol} certificates with a gap in their views", protocol, [step(gap, "NotFinal")]
        stranger = chain.certify(dataclasses.replace(chain.headers[3], parent=bytes(32)))
        broken = (honest.block.links[0], stranger, *honest.block.links[2:])
        yield (
            f"{protocol} certificates of blocks that are not parent and child",
            protocol,
            [step(Update(FinalBlock(broken), honest.validators), "WrongBlock")],
        )
    hotstuff = CHAINS["hotstuff"]
    honest = hotstuff.update(2)
    yield "two HotStuff certificates", "hotstuff", [step(_cut(honest, 2), "NotFinal")]
    thin = (*honest.block.links[:2], hotstuff.certify(hotstuff.headers[4], "ab"))
    yield (
        "a HotStuff grandchild without a quorum",
        "hotstuff",
        [step(Update(FinalBlock(thin), honest.validators), "TooFewVotes")],
    )
    extra = Update(FinalBlock((*PBFT.update(2).block.links, *PBFT.update(3).block.links)), PBFT.sets[2])
    yield "descendants where none are needed", "pbft", [step(extra, "NotFinal")]


def _cut(update: Update, links: int) -> Update:
    return Update(FinalBlock(update.block.links[:links]), update.validators)


def forks() -> Iterator[Case]:
    three, other = PBFT.update(3), with_header(PBFT, 3, payload_root=bytes(32))
    yield (
        "two final blocks at the trusted height",
        "pbft",
        [
            step(three),
            step(other, "ForkFound"),
            step(PBFT.update(5), "Frozen"),
        ],
    )
    yield (
        "a final block beside one accepted earlier",
        "pbft",
        [
            step(three),
            step(PBFT.update(5)),
            step(other, "ForkFound"),
            step(three, "Frozen"),
        ],
    )
    yield (
        "another block at the trusted height that is not final",
        "pbft",
        [
            step(three),
            step(_cut_votes(other), "TooFewVotes"),
            step(PBFT.update(5)),
        ],
    )
    old = dataclasses.replace(PBFT.headers[6], time_ns=PERIOD)
    yield (
        "a fork so old that its validators may lie for nothing",
        "pbft",
        [
            step(three),
            step(Update(FinalBlock((PBFT.certify(old),)), PBFT.sets[6]), None, PERIOD),
            step(other, "HeightNotAbove", PERIOD + 3 * SECOND),
        ],
    )
    yield (
        "evidence of a fork from elsewhere",
        "pbft",
        [
            step(ForkEvidence(three, other), "ForkFound"),
            step(three, "Frozen"),
        ],
    )
    yield (
        "evidence of a fork at the height where trust starts",
        "pbft",
        [step(ForkEvidence(PBFT.update(0), with_header(PBFT, 0, payload_root=bytes(32))), "ForkFound")],
    )
    yield (
        "evidence with one block that is not final",
        "pbft",
        [
            step(ForkEvidence(three, _cut_votes(other)), "TooFewVotes"),
            step(three),
        ],
    )
    strangers = grown(4, names="wxyz").update(3, "wxy")
    yield (
        "evidence of a fork made up by strangers",
        "pbft",
        [
            step(ForkEvidence(three, strangers), "TooLittleOverlap"),
            step(three),
        ],
    )
    start = ForkEvidence(three, other).to_bytes()[:5]
    yield (
        "evidence with the same block twice",
        "pbft",
        [raw(start + three.to_bytes() + three.to_bytes(), "NoFork", "evidence")],
    )
    yield (
        "evidence of two heights",
        "pbft",
        [raw(start + three.to_bytes() + PBFT.update(4).to_bytes(), "NoFork", "evidence")],
    )


def _cut_votes(update: Update) -> Update:
    signatures = update.block.links[0].certificate.signatures[:2]
    return with_certificate(update, signatures=signatures)
