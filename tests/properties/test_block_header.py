"""A block header and its bytes stand for each other, one to one."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, BlockHeader
from sim.proof.errors import MalformedHeader
from sim.proof.header import digests_of_run

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

hashes = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, 2**63 - 1)
chains = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
headers = st.builds(
    BlockHeader,
    chain=chains,
    height=numbers,
    parent=hashes,
    payload_root=hashes,
    log_size=numbers,
    log_root=hashes,
    state_root=hashes,
    validators_hash=hashes,
    time_ns=numbers,
)

EXAMPLE = BlockHeader(
    chain="司法链",
    height=1,
    parent=b"\xaa" * 32,
    payload_root=b"\xbb" * 32,
    log_size=1000,
    log_root=b"\xcc" * 32,
    state_root=b"\xdd" * 32,
    validators_hash=b"\xee" * 32,
    time_ns=500_000_000,
)
EXAMPLE_BYTES = bytes.fromhex(
    "4a414248"  # JABH
    "02"  # version
    "09"  # length of the chain id
    "e58fb8e6b395e993be"  # 司法链
    "0000000000000001"  # height
    f"{'aa' * 32}"  # parent
    f"{'bb' * 32}"  # payload root
    "00000000000003e8"  # log size
    f"{'cc' * 32}"  # log root
    f"{'dd' * 32}"  # state root
    f"{'ee' * 32}"  # validator-set hash
    "000000001dcd6500"  # 500 ms
)


def test_the_encoding_is_the_documented_one() -> None:
    assert EXAMPLE.to_bytes() == EXAMPLE_BYTES
    assert len(EXAMPLE_BYTES) == 190 + len("司法链".encode())
    assert BlockHeader.from_bytes(EXAMPLE_BYTES) == EXAMPLE


def test_the_digest_is_the_suite_s_plain_hash_of_the_bytes() -> None:
    assert EXAMPLE.digest(SHA256) == hashlib.sha256(EXAMPLE_BYTES).digest()
    assert EXAMPLE.digest(SM3) == SM3.digest(EXAMPLE_BYTES) != EXAMPLE.digest(SHA256)


@given(header=headers)
def test_the_state_root_belongs_to_the_parent_and_in_block_0_to_itself(header: BlockHeader) -> None:
    assert header.state_height == (header.height - 1 if header.height else 0)
    assert dataclasses.replace(header, height=0).state_height == 0


@given(header=headers)
def test_a_header_comes_back_from_its_bytes(header: BlockHeader) -> None:
    assert BlockHeader.from_bytes(header.to_bytes()) == header


@given(first=headers, data=st.data())
def test_headers_that_differ_in_one_field_differ_in_bytes(first: BlockHeader, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(dataclasses.fields(first)), label="field").name
    old = getattr(first, field)
    values = chains if isinstance(old, str) else numbers if isinstance(old, int) else hashes
    second = dataclasses.replace(first, **{field: data.draw(values.filter(lambda value: value != old))})
    assert first.to_bytes() != second.to_bytes()


@given(header=headers, data=st.data())
def test_bytes_changed_anywhere_are_refused_or_are_another_header_s_own(
    header: BlockHeader, data: st.DataObject
) -> None:
    encoded = bytearray(header.to_bytes())
    position = data.draw(st.integers(0, len(encoded) - 1), label="position")
    encoded[position] ^= data.draw(st.integers(1, 255), label="change")
    changed = bytes(encoded)
    try:
        other = BlockHeader.from_bytes(changed)
    except MalformedHeader:
        return
    assert other != header
    assert other.to_bytes() == changed


@given(data=st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"JABH\x02" + tail))
def test_arbitrary_bytes_are_refused_or_round_trip(data: bytes) -> None:
    try:
        header = BlockHeader.from_bytes(data)
    except MalformedHeader:
        return
    assert header.to_bytes() == data


@given(header=headers, cut=st.integers(1, 190), extra=st.binary(min_size=1, max_size=40))
def test_bytes_cut_short_or_followed_by_more_are_refused(header: BlockHeader, cut: int, extra: bytes) -> None:
    encoded = header.to_bytes()
    for wrong in (encoded[:-cut], encoded + extra, b""):
        with pytest.raises(MalformedHeader):
            BlockHeader.from_bytes(wrong)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (b"JABI" + EXAMPLE_BYTES[4:], "starts with"),
        (b"JABH\x01" + EXAMPLE_BYTES[5:], "version 1 is unknown"),
        (b"JABH\x02\x00" + EXAMPLE_BYTES[15:], "chain must have"),
        (EXAMPLE_BYTES[:6] + b"\xff" * 9 + EXAMPLE_BYTES[15:], "not UTF-8"),
        (EXAMPLE_BYTES[:15] + b"\x80" + EXAMPLE_BYTES[16:], "height must lie in"),
        (bytearray(EXAMPLE_BYTES), "bytes expected, not bytearray"),
        (EXAMPLE_BYTES.hex(), "bytes expected, not str"),
        (None, "bytes expected, not NoneType"),
    ],
)
def test_bytes_that_no_header_has_are_refused_with_the_reason(wrong: object, reason: str) -> None:
    with pytest.raises(MalformedHeader, match=reason) as refusal:
        BlockHeader.from_bytes(wrong)
    copy = pickle.loads(pickle.dumps(refusal.value))  # noqa: S301 - our own bytes
    assert str(copy) == str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        {"chain": ""},
        {"chain": "x" * 256},
        {"chain": "链" * 86},
        {"chain": "\ud800"},
        {"chain": b"jc"},
        {"height": -1},
        {"height": 2**63},
        {"height": True},
        {"height": 1.0},
        {"log_size": -1},
        {"log_size": 2**63},
        {"time_ns": -1},
        {"time_ns": None},
        {"parent": b"\xaa" * 31},
        {"parent": bytearray(32)},
        {"payload_root": b"\xbb" * 33},
        {"log_root": "cc" * 32},
        {"log_root": b""},
        {"state_root": b"\xdd" * 31},
        {"state_root": None},
        {"validators_hash": b"\xee" * 33},
    ],
    ids=repr,
)
def test_a_header_with_a_wrong_field_cannot_be_made(change: dict[str, object]) -> None:
    with pytest.raises(MalformedHeader, match=next(iter(change))):
        dataclasses.replace(EXAMPLE, **change)


@given(
    headers.filter(lambda header: header.height < 2**62), st.lists(headers, max_size=5), st.sampled_from([SHA256, SM3])
)
def test_digests_of_headers_in_a_row_are_those_of_the_headers(
    last: BlockHeader, others: list[BlockHeader], suite: HashSuite
) -> None:
    wanted, before = [], last
    for other in others:
        changes = {name: getattr(other, name) for name in ("payload_root", "log_size", "log_root", "time_ns")}
        before = dataclasses.replace(last, height=before.height + 1, parent=before.digest(suite), **changes)
        wanted.append(before.digest(suite))
    names = ("payload_root", "log_size", "log_root", "time_ns")
    columns = ([getattr(other, name) for other in others] for name in names)
    assert digests_of_run(suite, last, *columns) == wanted


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("height", 2**63 - 1),
        ("payload_root", b"\xbb" * 31),
        ("log_size", -1),
        ("log_root", b"\xcc" * 33),
        ("time_ns", 2**63),
    ],
)
def test_headers_in_a_row_are_refused_as_they_would_be_alone(name: str, wrong: object) -> None:
    fields = {"payload_root": bytes(32), "log_size": 7, "log_root": bytes(32), "time_ns": 9}
    last = dataclasses.replace(EXAMPLE, height=wrong) if name == "height" else EXAMPLE
    columns = ([value, wrong if column == name else value] for column, value in fields.items())
    with pytest.raises(MalformedHeader, match=name):
        digests_of_run(SM3, last, *columns)
