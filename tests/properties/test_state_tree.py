"""Laws of state trees: what the root depends on, what versions keep, and that no changed proof is ever accepted."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, ProofError
from sim.proof import state as state_module
from sim.proof.errors import (
    MalformedEntry,
    MalformedNumber,
    MalformedStateProof,
    RootMismatch,
    SizeOutOfRange,
    VersionOutOfRange,
)
from sim.proof.state import EMPTY_ROOT, StateLeaf, StateProof, StateTree, verify_state
from sim.proof.state_hashing import FEWEST_FOR_LANES, LONGEST_FOR_LANES
from sim.proof.suites import HashSuite

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.proof.suites import HashState

    State = dict[bytes, bytes]

suites = st.sampled_from([SHA256, SM3])
keys = st.integers(0, 60).map(lambda number: b"asset/%d" % number)
values = st.sampled_from([b"", b"free", b"frozen by court 1", b"frozen by court 2"])
states = st.dictionaries(keys, values, max_size=40)
changes = st.dictionaries(keys, st.none() | values, max_size=20)
laws = settings(max_examples=50, deadline=None)


def tree_of(suite: HashSuite, *batches: dict[bytes, bytes | None]) -> StateTree:
    tree = StateTree(suite)
    for batch in batches:
        tree.apply(batch)
    return tree


@laws
@given(batches=st.lists(changes, max_size=6), suite=suites)
def test_a_few_changes_one_by_one_make_what_arrays_make(
    batches: list[dict[bytes, bytes | None]], suite: HashSuite
) -> None:
    trees = []
    for few in (0, 1 << 30):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(state_module, "FEW", few)
            trees.append(tree_of(suite, *batches))
    arrays, one_by_one = trees
    for version in range(len(batches) + 1):
        assert one_by_one.root(version) == arrays.root(version)
        for key in (b"asset/%d" % number for number in range(0, 61, 7)):
            assert one_by_one.get(key, version) == arrays.get(key, version)
            assert one_by_one.prove(key, version) == arrays.prove(key, version)
    assert one_by_one.node_count == arrays.node_count


# What the root depends on


@laws
@given(state=states, suite=suites, data=st.data())
def test_the_root_depends_on_keys_and_values_not_on_the_order_in_which_they_came(
    state: State, suite: HashSuite, data: st.DataObject
) -> None:
    items = data.draw(st.permutations(list(state.items())))
    cut = data.draw(st.integers(0, len(items)))
    at_once = tree_of(suite, state).root()
    assert tree_of(suite, dict(items)).root() == at_once
    assert tree_of(suite, *({key: value} for key, value in items)).root() == at_once
    assert tree_of(suite, dict(items[:cut]), dict(items[cut:])).root() == at_once


@pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)
def test_thousands_at_once_hashed_in_lanes_give_the_root_of_hundreds_hashed_one_by_one(suite: HashSuite) -> None:
    long_value, size = b"order" * 250, 2 * FEWEST_FOR_LANES
    assert len(long_value) > LONGEST_FOR_LANES
    state = {b"asset/%d" % number: b"frozen %d" % number for number in range(size)}
    state |= {b"case/%d" % number: b"" for number in range(size)}
    state |= {b"file/%04d" % number: long_value for number in range(size)}
    items = list(state.items())
    steps = [dict(items[start : start + 500]) for start in range(0, len(items), 500)]
    assert len(steps[0]) < FEWEST_FOR_LANES
    tree = tree_of(suite, state)
    assert tree.root() == tree_of(suite, *steps).root()
    assert tree.apply(dict.fromkeys(state)) == EMPTY_ROOT


def test_a_suite_that_only_borrows_a_name_is_hashed_by_its_own_function() -> None:
    borrowed = HashSuite("sha256", hashlib.sha3_256())
    state = {b"asset/%d" % number: b"free" for number in range(2 * FEWEST_FOR_LANES)}
    tree = tree_of(borrowed, state)
    verify_state(borrowed, root=tree.root(), key=b"asset/5", value=b"free", proof=tree.prove(b"asset/5"))


@laws
@given(state=states, batch=changes, suite=suites)
def test_undoing_a_batch_restores_the_root(state: State, batch: dict[bytes, bytes | None], suite: HashSuite) -> None:
    tree = tree_of(suite, state, batch)
    undo = {key: state.get(key) for key in batch}
    assert tree.apply(undo) == tree.root(1) == tree_of(suite, state).root()
    assert tree.apply(dict.fromkeys(state)) == EMPTY_ROOT
    assert tree._nodes.hashes[tree._root_rows[-1]].tobytes() == EMPTY_ROOT


@laws
@given(state=states, batch=changes, suite=suites)
def test_two_states_have_one_root_only_if_they_are_equal(
    state: State, batch: dict[bytes, bytes | None], suite: HashSuite
) -> None:
    tree = tree_of(suite, state, batch)
    changed = {key: value for key, value in {**state, **batch}.items() if value is not None}
    assert (tree.root(1) == tree.root(2)) == (state == changed)


@laws
@given(state=states, suite=suites, absent=st.lists(st.binary(max_size=3), max_size=5))
def test_a_batch_that_changes_nothing_makes_a_version_and_no_node(
    state: State, suite: HashSuite, absent: list[bytes]
) -> None:
    tree = tree_of(suite, state)
    before = tree.node_count, tree._nodes.entry_count
    for batch in ({}, state, dict.fromkeys(absent), {**dict.fromkeys(absent), **state}):
        assert tree.apply(batch) == tree.root(1)
    assert tree.version == 5
    assert (tree.node_count, tree._nodes.entry_count) == before


def test_the_same_state_has_other_roots_under_the_two_suites() -> None:
    assert tree_of(SHA256, {b"k": b"v"}).root() != tree_of(SM3, {b"k": b"v"}).root()
    assert tree_of(SHA256).root() == tree_of(SM3).root() == EMPTY_ROOT


# Versions


def test_values_and_proofs_reach_back_as_far_as_is_retained_and_roots_further() -> None:
    tree = StateTree(SM3, retained_versions=3)
    roots = [tree.root()]
    for number in range(1, 8):
        roots.append(tree.apply({b"asset/7": b"order %d" % number, b"asset/%d" % (10 + number): b""}))
        assert tree.version == number
        assert tree.oldest_version == max(0, number - 2)
    for version in (5, 6, 7):
        assert tree.get(b"asset/7", version) == b"order %d" % version
        proof = tree.prove(b"asset/7", version)
        verify_state(SM3, root=roots[version], key=b"asset/7", value=b"order %d" % version, proof=proof)
        absent = tree.prove(b"asset/17", version)
        verify_state(SM3, root=roots[version], key=b"asset/17", value=b"" if version == 7 else None, proof=absent)
    assert [tree.root(version) for version in range(8)] == roots
    for call in (tree.get, tree.prove):
        with pytest.raises(VersionOutOfRange) as refusal:
            call(b"asset/7", 4)
        assert (refusal.value.version, refusal.value.oldest, refusal.value.newest) == (4, 5, 7)


@pytest.mark.parametrize(
    ("version", "error"),
    [
        (-1, VersionOutOfRange),
        (3, VersionOutOfRange),
        (2**9000, VersionOutOfRange),
        (True, MalformedNumber),
        (1.0, MalformedNumber),
        ("1", MalformedNumber),
    ],
)
def test_a_version_that_never_was_is_refused(version: object, error: type[ProofError]) -> None:
    tree = tree_of(SHA256, {b"k": b"v"}, {b"k": b"w"})
    for call in (tree.root, lambda version: tree.get(b"k", version), lambda version: tree.prove(b"k", version)):
        with pytest.raises(error) as refusal:
            call(version)
        assert len(str(refusal.value)) < 100


@pytest.mark.parametrize(("retained", "error"), [(0, SizeOutOfRange), (-1, SizeOutOfRange), (2.0, MalformedNumber)])
def test_a_tree_retains_one_version_at_least(retained: object, error: type[ProofError]) -> None:
    with pytest.raises(error):
        StateTree(SHA256, retained_versions=retained)


def test_versions_past_retention_give_their_memory_back() -> None:
    tree = StateTree(SHA256, retained_versions=2)
    tree.apply({b"asset/%d" % number: b"0" for number in range(300)})
    rows, entries = tree.node_count, tree._nodes.entry_count
    room = len(tree._nodes.hashes)
    for number in range(100):
        tree.apply({b"asset/%d" % (number + step): b"%d" % number for step in range(10)})
        assert tree._nodes.entry_count <= entries + 10
        assert tree.node_count <= rows + 10 * 20
    assert len(tree._nodes.hashes) <= 2 * room
    tree.apply(dict.fromkeys(b"asset/%d" % number for number in range(300)))
    tree.apply({})
    assert (tree.node_count, tree._nodes.entry_count) == (0, 0)
    assert not any(tree._nodes.values)


def test_a_key_costs_less_than_250_bytes() -> None:
    # 1.44 inner nodes and a leaf of 48 bytes, an entry of 40, an empty value: 157; arrays grow by half at most.
    content = dict.fromkeys((b"asset/%d" % number for number in range(20_000)), b"")
    tracemalloc.start()
    try:
        tree = tree_of(SHA256, content)
        per_key = tracemalloc.get_traced_memory()[0] / len(content)
    finally:
        tracemalloc.stop()
    assert tree.root() != EMPTY_ROOT
    assert 150 < per_key < 250


# Batches that fail


@pytest.mark.parametrize(
    ("batch", "about"),
    [
        ({b"a": b"1", "b": b"2"}, "key 1"),
        ({b"a": b"1", bytearray(b"b").hex(): None}, "key 1"),
        ({1: b"1"}, "key 0"),
        ({b"a": "1"}, "value 0"),
        ({b"a": b"1", b"b": bytearray(b"2")}, "value 1"),
        ({b"a": b"1", b"b": False}, "value 1"),
    ],
)
def test_a_malformed_batch_is_refused_and_makes_no_version(batch: dict[Any, Any], about: str) -> None:
    tree = tree_of(SHA256, {b"a": b"0"})
    root = tree.root()
    with pytest.raises(MalformedEntry) as refusal:
        tree.apply(batch)
    assert refusal.value.name == about
    assert (tree.version, tree.root(), tree.get(b"a")) == (1, root, b"0")


@pytest.mark.parametrize("key", ["a", None, 1, bytearray(b"a")])
def test_only_bytes_are_a_key(key: object) -> None:
    tree = tree_of(SHA256, {b"a": b"0"})
    for call in (tree.get, tree.prove):
        with pytest.raises(MalformedEntry):
            call(key)


class Failing:
    """SHA-256 that fails after so many digests."""

    left = 10**9

    def __init__(self, state: HashState) -> None:
        self.state = state

    def update(self, data: bytes | memoryview) -> None:
        self.state.update(data)

    def digest(self) -> bytes:
        Failing.left -= 1
        if Failing.left < 0:
            raise MemoryError
        return self.state.digest()

    def copy(self) -> Failing:
        return Failing(self.state.copy())


@pytest.mark.parametrize(
    ("few", "survived"),
    [
        *((0, survived) for survived in (0, 29, 44, 45, 52, 60, 72)),
        *((99, survived) for survived in (0, 20, 34, 45, 60)),
    ],
)
def test_a_batch_that_fails_halfway_leaves_the_tree_as_it_was(
    few: int, survived: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "FEW", few)
    tree = StateTree(HashSuite("sha256", Failing(hashlib.sha256())), retained_versions=2)
    first = {b"asset/%d" % number: b"free" for number in range(30)}
    second = {b"asset/%d" % number: b"frozen" if number % 3 else None for number in range(10, 25)}
    third = {b"asset/%d" % number: b"again" for number in range(40)}
    for batch in (first, {b"asset/1": b"sold"}, {b"asset/2": b"sold"}):
        tree.apply(batch)
    before = tree.version, tree.root(), tree.node_count, tree._nodes.entry_count
    with monkeypatch.context() as patch:
        patch.setattr(Failing, "left", survived)
        with pytest.raises(MemoryError):
            tree.apply(second)
    assert before == (tree.version, tree.root(), tree.node_count, tree._nodes.entry_count)
    assert tree.get(b"asset/2", 2) == b"free"
    sold = {b"asset/1": b"sold", b"asset/2": b"sold"}
    assert tree.apply(second) == tree_of(SHA256, {**first, **sold}, second).root()
    assert tree.apply(third) == tree_of(SHA256, {**first, **sold}, second, third).root()


# Changed proofs

FACTS: State = {b"asset/%d" % number: b"frozen by court %d" % (number % 5) for number in range(200)}
TREES = {suite.name: tree_of(suite, FACTS) for suite in (SHA256, SM3)}
asked = st.integers(0, 400).map(lambda number: b"asset/%d" % number)


def verdict(suite: HashSuite, encoded: bytes, **arguments: object) -> ProofError | None:
    """What reading and verifying raises, which is nothing but a `ProofError`."""
    try:
        verify_state(suite, proof=StateProof.from_bytes(encoded), **arguments)
    except ProofError as refusal:
        return refusal
    return None


@laws
@given(key=asked, suite=suites)
def test_an_honest_proof_is_accepted_for_what_holds_and_refused_for_its_contrary(key: bytes, suite: HashSuite) -> None:
    tree = TREES[suite.name]
    encoded, root = tree.prove(key).to_bytes(), tree.root()
    held = FACTS.get(key)
    for value in (None, b"", b"free", *set(FACTS.values())):
        refusal = verdict(suite, encoded, root=root, key=key, value=value)
        assert (refusal is None) == (value == held)


def flipped(data: st.DataObject, encoded: bytes) -> bytes:
    place = data.draw(st.integers(0, 8 * len(encoded) - 1), label="bit")
    return (int.from_bytes(encoded, "big") ^ 1 << place).to_bytes(len(encoded), "big")


def cut(data: st.DataObject, encoded: bytes) -> bytes:
    start = data.draw(st.integers(0, len(encoded) - 1), label="from")
    end = data.draw(st.integers(start + 1, len(encoded)), label="to")
    return encoded[:start] + encoded[end:]


def grown(data: st.DataObject, encoded: bytes) -> bytes:
    place = data.draw(st.integers(0, len(encoded)), label="at")
    more = st.binary(min_size=1, max_size=40) | st.just(bytes(32))
    return encoded[:place] + data.draw(more, label="more") + encoded[place:]


def swapped(data: st.DataObject, encoded: bytes) -> bytes:
    hashes = [encoded[start : start + 32] for start in range(len(encoded) % 32, len(encoded), 32)]
    return encoded[: len(encoded) % 32] + b"".join(data.draw(st.permutations(hashes), label="order"))


def spliced(data: st.DataObject, encoded: bytes) -> bytes:
    donor = TREES["sha256"].prove(data.draw(asked, label="donor")).to_bytes()
    place = data.draw(st.integers(0, len(encoded)), label="from here on of the donor")
    return encoded[:place] + donor[place:]


def another(data: st.DataObject, _encoded: bytes) -> bytes:
    return TREES["sha256"].prove(data.draw(asked, label="its key")).to_bytes()


@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("mutation", [flipped, cut, grown, swapped, spliced, another])
@given(key=asked, data=st.data())
def test_a_changed_proof_is_refused(
    mutation: Callable[[st.DataObject, bytes], bytes], key: bytes, data: st.DataObject
) -> None:
    tree = TREES["sha256"]
    honest = tree.prove(key).to_bytes()
    changed = mutation(data, honest)
    assume(changed != honest)
    refusal = verdict(SHA256, changed, root=tree.root(), key=key, value=FACTS.get(key))
    assert refusal is not None
    copy = pickle.loads(pickle.dumps(refusal))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy)) == (type(refusal), str(refusal))


def test_every_single_bit_of_a_proof_and_of_the_root_counts() -> None:
    tree = TREES["sm3"]
    present, absent = b"asset/3", next(b"asset/%d" % n for n in range(200, 400) if tree.prove(b"asset/%d" % n).leaf)
    for key in (present, absent):
        honest = tree.prove(key).to_bytes()
        for place in range(8 * len(honest)):
            changed = (int.from_bytes(honest, "big") ^ 1 << place).to_bytes(len(honest), "big")
            assert verdict(SM3, changed, root=tree.root(), key=key, value=FACTS.get(key))
        for place in range(256):
            root = (int.from_bytes(tree.root(), "big") ^ 1 << place).to_bytes(32, "big")
            assert isinstance(verdict(SM3, honest, root=root, key=key, value=FACTS.get(key)), RootMismatch)


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: b"JASP\x01\x01" + rest))
def test_bytes_are_a_proof_only_if_they_are_its_encoding(noise: bytes) -> None:
    try:
        proof = StateProof.from_bytes(noise)
    except MalformedStateProof:
        return
    assert proof.to_bytes() == noise


@settings(max_examples=100, deadline=None)
@given(
    leaf=st.none() | st.builds(StateLeaf, *[st.binary(min_size=32, max_size=32)] * 2),
    siblings=st.lists(st.just(EMPTY_ROOT) | st.binary(min_size=32, max_size=32), max_size=256).filter(
        lambda siblings: not siblings or siblings[-1] != EMPTY_ROOT
    ),
    suite=suites,
)
def test_every_well_formed_proof_survives_its_encoding(
    leaf: StateLeaf | None, siblings: list[bytes], suite: HashSuite
) -> None:
    proof = StateProof(suite.name, leaf, tuple(siblings))
    assert StateProof.from_bytes(proof.to_bytes()) == proof


def test_verifying_a_state_proof_loads_no_heavy_library() -> None:
    code = "import sys, sim.proof.state_verify; print(*{name.split('.')[0] for name in sys.modules})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "hashlib" in shown
    assert not {"numpy", "numba", "llvmlite", "cryptography", "gmssl_pyx"} & set(shown)
