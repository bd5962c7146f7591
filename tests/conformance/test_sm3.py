"""SM3 against GB/T 32905-2016: OpenSSL's, our own, and the one that the suite uses."""

from __future__ import annotations

import hashlib
import json
import pathlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, ProofError, suite_by_name, suites
from sim.proof.sm3 import Sm3

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.proof.suites import HashSuite

VECTORS = json.loads(pathlib.Path(__file__).with_name("sm3_gbt32905.json").read_text("utf-8"))["vectors"]

needs_openssl_sm3 = pytest.mark.skipif("sm3" not in hashlib.algorithms_available, reason="this OpenSSL has no SM3")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{len(vector['msg']) // 2}-bytes")
def test_our_sm3_and_the_suite_give_the_published_digests(vector: dict[str, str]) -> None:
    message = bytes.fromhex(vector["msg"])
    assert Sm3(message).hexdigest() == vector["sm3"]
    assert SM3.digest(message).hex() == vector["sm3"]


def test_the_published_vectors_are_all_there() -> None:
    assert [len(vector["msg"]) // 2 for vector in VECTORS] == [0, 1, 3, 26, 64, 256]


@needs_openssl_sm3
@pytest.mark.parametrize("size_bytes", [0, 1, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 127, 128, 129, 1000])
def test_our_sm3_equals_openssl_around_the_padding_boundaries(size_bytes: int) -> None:
    message = bytes(i * 7 % 256 for i in range(size_bytes))
    assert Sm3(message).digest() == hashlib.new("sm3", message).digest()


@needs_openssl_sm3
@given(parts=st.lists(st.binary(max_size=150), max_size=5))
@example(parts=[b"a" * 63, b"b", b"c" * 128])
def test_our_sm3_equals_openssl_however_the_message_is_cut(parts: list[bytes]) -> None:
    ours, theirs = Sm3(), hashlib.new("sm3")
    for part in parts:
        ours.update(part)
        theirs.update(part)
        assert ours.digest() == theirs.digest(), "a digest in between must not disturb what follows"


def test_a_copy_of_our_sm3_goes_its_own_way() -> None:
    stem = Sm3(b"stem" * 20)
    branch = stem.copy()
    branch.update(b"branch")
    assert stem.digest() == Sm3(b"stem" * 20).digest()
    assert branch.digest() == Sm3(b"stem" * 20 + b"branch").digest()


def test_without_sm3_in_openssl_the_suite_falls_back_to_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", refuse)
    fallback = suites.HashSuite("sm3", suites._start_of_sm3())
    assert isinstance(suites._start_of_sm3(), Sm3)
    assert fallback.empty == SM3.empty
    assert fallback.digest(b"abc") == SM3.digest(b"abc")
    assert fallback.leaves([b"", b"a" * 64]) == SM3.leaves([b"", b"a" * 64])
    assert fallback.node(SM3.leaf(b"1"), SM3.leaf(b"2")) == SM3.node(SM3.leaf(b"1"), SM3.leaf(b"2"))
    assert fallback.parents(b"x" * 128) == SM3.parents(b"x" * 128)


@pytest.mark.parametrize(
    ("suite", "plain"),
    [(SHA256, lambda data: hashlib.sha256(data).digest()), (SM3, lambda data: Sm3(data).digest())],
    ids=["sha256", "sm3"],
)
@given(content=st.binary(max_size=200), left=st.binary(min_size=32, max_size=32))
def test_a_suite_hashes_under_the_prefixes_of_rfc_9162(
    suite: HashSuite, plain: Callable[[bytes], bytes], content: bytes, left: bytes
) -> None:
    right = plain(content)
    assert suite.digest_size == 32
    assert suite.digest(content) == plain(content)
    assert suite.empty == plain(b"")
    assert suite.leaf(content) == plain(b"\x00" + content)
    assert suite.leaves([content, left]) == [plain(b"\x00" + content), plain(b"\x00" + left)]
    assert suite.node(left, right) == plain(b"\x01" + left + right)
    assert suite.parents(left + right + right + left) == plain(b"\x01" + left + right) + plain(b"\x01" + right + left)


def test_a_suite_is_found_by_its_name_and_no_other() -> None:
    assert suite_by_name("sha256") is SHA256
    assert suite_by_name("sm3") is SM3
    with pytest.raises(ProofError, match="unknown hash suite 'SM3'"):
        suite_by_name("SM3")
