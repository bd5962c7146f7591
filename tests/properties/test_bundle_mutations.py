"""Whatever is done to the bytes of an honest bundle, nobody takes it for proof; and no bytes crash a parser."""

from __future__ import annotations

import dataclasses
import random

import pytest
from foreign_chain import SECOND, ForeignChain, grown
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, BlockHeader, ProofError
from sim.proof.bundle import LONGEST_BUNDLE_BYTES, Bundle, RecordFact, StateFact
from sim.proof.evidence import ForkEvidence, Update
from sim.proof.finality import FinalBlock
from sim.proof.validators import ValidatorSet

NOW = 5 * SECOND
PARSERS = (BlockHeader, ValidatorSet, Update, ForkEvidence, Bundle)

PBFT = grown(6)
HOTSTUFF = grown(6, protocol="hotstuff", suite=SM3)
SM2 = grown(4, protocol="qbft", suite=SM3, algorithm="sm2")
ROTATING = ForeignChain(chain="registry")
for _names in ("abcd", "abef", "efgh", "efgh"):
    ROTATING.grow(_names)

ABSENT = b"asset 9"
HONEST: dict[str, tuple[ForeignChain, Bundle]] = {
    "record": (PBFT, PBFT.bundle(PBFT.record_fact(2, 4), PBFT.update(4))),
    "another record": (PBFT, PBFT.bundle(PBFT.record_fact(1, 4), PBFT.update(4))),
    "next block": (PBFT, PBFT.bundle(PBFT.record_fact(1, 1), PBFT.update(1))),
    "entry": (HOTSTUFF, HOTSTUFF.bundle(HOTSTUFF.state_fact(b"asset 2", 4), HOTSTUFF.update(4))),
    "absence": (HOTSTUFF, HOTSTUFF.bundle(HOTSTUFF.state_fact(ABSENT, 4), HOTSTUFF.update(4))),
    "rotation": (
        ROTATING,
        ROTATING.bundle(ROTATING.record_fact(3, 4), ROTATING.update(2, "abe"), ROTATING.update(4, "efg")),
    ),
    "sm2": (SM2, SM2.bundle(SM2.record_fact(1, 3), SM2.update(3))),
}
BYTES = {name: bundle.to_bytes() for name, (_, bundle) in HONEST.items()}
names = st.sampled_from(sorted(HONEST))
unhurried = settings(deadline=None)


def is_taken(data: bytes, chains: tuple[ForeignChain, ...] = (PBFT, HOTSTUFF, ROTATING, SM2)) -> bool:
    """Does any light client that trusts one of the chains take these bytes for proof?

    One change leaves a true proof: where a state ends at the place of an absent key, it ends there for other absent
    keys too, so an absence may be told of another key, of which it holds as well.
    """
    for chain in chains:
        try:
            bundle = Bundle.from_bytes(data)
            bundle.check(chain.client(), NOW)
        except ProofError:
            continue
        fact = bundle.fact
        if isinstance(fact, StateFact) and fact.value is None and fact.key != ABSENT:
            return chain.state.get(fact.key, version=bundle.header.state_height) is not None
        return True
    return False


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_bundle_is_taken_by_its_own_chain_s_client_only(name: str) -> None:
    own, bundle = HONEST[name]
    for chain in (PBFT, HOTSTUFF, ROTATING, SM2):
        client = chain.client()
        read = Bundle.from_bytes(BYTES[name])
        assert read == bundle
        if chain is own:
            read.check(client, NOW)
            assert client.header == bundle.header
        else:
            with pytest.raises(ProofError):
                read.check(client, NOW)


@pytest.mark.parametrize("name", HONEST)
def test_one_flipped_bit_in_any_byte_is_refused(name: str) -> None:
    chain, whole = HONEST[name][0], BYTES[name]
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        assert not is_taken(bytes(changed), (chain,)), position


@unhurried
@given(name=names, data=st.data())
def test_a_flipped_byte_is_refused(name: str, data: st.DataObject) -> None:
    changed = bytearray(BYTES[name])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    assert not is_taken(bytes(changed))


@unhurried
@given(name=names, data=st.data())
def test_dropped_bytes_are_refused(name: str, data: st.DataObject) -> None:
    whole = BYTES[name]
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start + 1, min(len(whole), start + 80)))
    assert not is_taken(whole[:start] + whole[end:])


@unhurried
@given(name=names, data=st.data(), more=st.binary(min_size=1, max_size=80))
def test_added_bytes_are_refused(name: str, data: st.DataObject, more: bytes) -> None:
    at = data.draw(st.integers(0, len(BYTES[name])))
    assert not is_taken(BYTES[name][:at] + more + BYTES[name][at:])


@unhurried
@given(name=names, data=st.data())
def test_swapped_stretches_are_refused(name: str, data: st.DataObject) -> None:
    whole = BYTES[name]
    size = data.draw(st.integers(1, 40))
    first = data.draw(st.integers(0, len(whole) - 2 * size))
    second = data.draw(st.integers(first + size, len(whole) - size))
    a, b = whole[first : first + size], whole[second : second + size]
    swapped = whole[:first] + b + whole[first + size : second] + a + whole[second + size :]
    assert swapped == whole or not is_taken(swapped)


@unhurried
@given(one=names, other=names, data=st.data())
def test_the_front_of_one_with_the_rest_of_another_is_refused(one: str, other: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(BYTES[one])))
    resumed = data.draw(st.integers(0, len(BYTES[other])))
    spliced = BYTES[one][:cut] + BYTES[other][resumed:]
    assert spliced in BYTES.values() or not is_taken(spliced)


@unhurried
@given(one=names, other=names)
def test_the_blocks_of_one_with_the_fact_of_another_are_refused(one: str, other: str) -> None:
    first, second = HONEST[one][1], HONEST[other][1]
    mixed = dataclasses.replace(first, fact=second.fact).to_bytes()
    assert mixed in BYTES.values() or not is_taken(mixed)


@unhurried
@given(name=names, data=st.data())
def test_a_bundle_without_one_of_its_votes_is_refused(name: str, data: st.DataObject) -> None:
    bundle = HONEST[name][1]
    number = data.draw(st.integers(0, len(bundle.updates) - 1), label="update")
    update = bundle.updates[number]
    place = data.draw(st.integers(0, len(update.block.links) - 1), label="link")
    link = update.block.links[place]
    lost = data.draw(st.integers(0, len(link.certificate.signatures) - 1), label="vote")
    kept = link.certificate.signatures[:lost] + link.certificate.signatures[lost + 1 :]
    links = list(update.block.links)
    links[place] = dataclasses.replace(link, certificate=dataclasses.replace(link.certificate, signatures=kept))
    updates = list(bundle.updates)
    updates[number] = Update(FinalBlock(tuple(links)), update.validators)
    assert not is_taken(dataclasses.replace(bundle, updates=tuple(updates)).to_bytes())


@unhurried
@given(name=names, data=st.data())
def test_links_and_updates_in_another_order_or_number_are_refused(name: str, data: st.DataObject) -> None:
    bundle = HONEST[name][1]
    links = bundle.updates[-1].block.links
    shuffled = tuple(data.draw(st.lists(st.sampled_from(links), min_size=1, max_size=3), label="links"))
    block = Update(FinalBlock(shuffled), bundle.updates[-1].validators)
    changed = dataclasses.replace(bundle, updates=(*bundle.updates[:-1], block))
    assert shuffled == links or not is_taken(changed.to_bytes())


# Parsers


def read_all(data: bytes) -> None:
    """Every parser refuses the bytes with a `ProofError` or has found the only structure that they encode."""
    for parser in PARSERS:
        try:
            found = parser.from_bytes(data)
        except ProofError as refusal:
            str(refusal)
        else:
            assert found.to_bytes() == data


SEEDS = (
    *BYTES.values(),
    PBFT.headers[1].to_bytes(),
    PBFT.sets[0].to_bytes(),
    SM2.sets[0].to_bytes(),
    PBFT.update(2).to_bytes(),
    HOTSTUFF.update(2).to_bytes(),
    ForkEvidence(
        PBFT.update(3),
        Update(FinalBlock((PBFT.certify(dataclasses.replace(PBFT.headers[3], time_ns=0)),)), PBFT.sets[3]),
    ).to_bytes(),
)


def mutated(source: random.Random) -> bytes:
    """One of the seeds after one to four changes of the kinds that break parsers."""
    data = bytearray(source.choice(SEEDS))
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(data) + 1)
        size = source.choice((1, 1, 1, 2, 4, 8, 32, 200))
        kind = source.randrange(5)
        if kind == 0:
            data[at : at + size] = source.randbytes(size)
        elif kind == 1:
            del data[at : at + size]
        elif kind == 2:
            data[at:at] = source.randbytes(size)
        elif kind == 3:
            data[at : at + size] = source.choice((b"\x00", b"\xff", b"\x7f", b"\x80")) * size
        else:
            other = source.choice(SEEDS)
            start = source.randrange(len(other))
            data[at : at + size] = other[start : start + size]
    return bytes(data)


@unhurried
@given(data=st.binary(max_size=400) | st.tuples(st.sampled_from(SEEDS), st.binary(max_size=80)).map(b"".join))
def test_arbitrary_bytes_are_refused_or_come_back(data: bytes) -> None:
    read_all(data)


def test_sixty_thousand_broken_encodings_are_refused_or_come_back() -> None:
    source = random.Random(20221229)  # noqa: S311 - a test's seed
    for _ in range(60_000):
        read_all(mutated(source))


@pytest.mark.full
def test_four_hundred_thousand_broken_encodings_are_refused_or_come_back() -> None:
    source = random.Random(1)  # noqa: S311 - a test's seed
    for _ in range(400_000):
        read_all(mutated(source))


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize(
    "wrong", [None, "", bytearray(9), 0, [], memoryview(b"JACB")], ids=lambda value: type(value).__name__
)
def test_what_is_not_bytes_is_refused(parser: type[Bundle], wrong: bytes) -> None:
    with pytest.raises(ProofError, match="bytes"):
        parser.from_bytes(wrong)


def test_a_length_that_promises_gigabytes_is_refused_before_anything_is_made() -> None:
    header_at = BYTES["record"].index(b"JAVS") - 4
    huge = BYTES["record"][:header_at] + b"\xff\xff\xff\xff" + BYTES["record"][header_at + 4 :]
    with pytest.raises(ProofError, match="length of validator set must lie in"):
        Bundle.from_bytes(huge)
    with pytest.raises(ProofError, match=r"must have 0\.\.8388608 bytes"):
        Bundle.from_bytes(bytes(LONGEST_BUNDLE_BYTES + 1))


def test_the_largest_record_fits_and_one_byte_more_does_not() -> None:
    fact = RecordFact(0, bytes(2**20), ())
    assert Bundle.from_bytes(PBFT.bundle(fact, PBFT.update(4)).to_bytes()).fact == fact
    with pytest.raises(ProofError, match="content must have"):
        RecordFact(0, bytes(2**20 + 1), ())


def test_a_bundle_under_sha_256_is_not_one_under_sm3() -> None:
    assert {HONEST["record"][1].suite, HONEST["sm2"][1].suite} == {SHA256.name, SM3.name}
    assert not is_taken(dataclasses.replace(HONEST["record"][1], suite="sm3").to_bytes())
