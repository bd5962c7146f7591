"""Merkle trees against RFC 9162 section 2.1: known answers, a literal recursion, and a table of refusals."""

from __future__ import annotations

import ast
import hashlib
import json
import pathlib
from typing import TYPE_CHECKING, Any

import pytest
import rfc9162_oracle as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, errors, merkle, suite_by_name, verify
from sim.proof.sm3 import Sm3
from sim.proof.suites import HashSuite

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.proof.suites import HashState

    Hash = Callable[[bytes], bytes]
    Forest = tuple[HashSuite, merkle.Log, list[bytes], Hash]
    Counted = tuple[HashSuite, Callable[[], int]]

HERE = pathlib.Path(__file__).parent
KNOWN = json.loads((HERE / "rfc6962_ct_reference_tree.json").read_text("utf-8"))
CONTENTS = [bytes.fromhex(content) for content in KNOWN["leaves_hex"]]
REFUSALS = json.loads((HERE / "refusals_trees.json").read_text("utf-8"))

PLAIN = {"sha256": lambda data: hashlib.sha256(data).digest(), "sm3": lambda data: Sm3(data).digest()}
both_suites = pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)


def remembering(plain: Hash) -> Hash:
    """The hash function with a memory, since the oracle hashes the same subtrees again and again."""
    known = {}

    def remembered(data: bytes) -> bytes:
        if data not in known:
            known[data] = plain(data)
        return known[data]

    return remembered


def log_of(suite: HashSuite, contents: list[bytes]) -> merkle.Log:
    log = merkle.Log(suite)
    log.extend(suite.leaves(contents))
    return log


# Section 2.1.1


@pytest.mark.parametrize("size", range(9))
def test_the_roots_of_the_ct_reference_tree_are_the_published_ones(size: int) -> None:
    leaf_hashes = SHA256.leaves(CONTENTS[:size])
    assert merkle.root(SHA256, leaf_hashes).hex() == KNOWN["roots_by_size"][size]
    assert log_of(SHA256, CONTENTS).root(size).hex() == KNOWN["roots_by_size"][size]
    assert oracle.mth(PLAIN["sha256"], CONTENTS[:size]).hex() == KNOWN["roots_by_size"][size]


@both_suites
@pytest.mark.parametrize("size", range(9))
def test_the_same_leaves_follow_the_definition_under_either_hash(suite: HashSuite, size: int) -> None:
    assert log_of(suite, CONTENTS).root(size) == oracle.mth(PLAIN[suite.name], CONTENTS[:size])


@both_suites
def test_the_root_of_no_leaves_is_the_hash_of_nothing(suite: HashSuite) -> None:
    assert merkle.Log(suite).root() == merkle.root(suite, []) == suite.empty == PLAIN[suite.name](b"")


# Sections 2.1.3 and 2.1.4

LARGEST_EXHAUSTIVE_SIZE = 33


@pytest.fixture(scope="module", params=[SHA256, SM3], ids=lambda suite: suite.name)
def forest(request: pytest.FixtureRequest) -> Forest:
    """A log of 33 leaves, its contents, and the oracle's hash function."""
    suite = request.param
    contents = [b"record %d" % i for i in range(LARGEST_EXHAUSTIVE_SIZE)]
    return suite, log_of(suite, contents), contents, remembering(PLAIN[suite.name])


@pytest.mark.parametrize("size", range(1, LARGEST_EXHAUSTIVE_SIZE + 1))
def test_every_inclusion_proof_is_the_recursion_of_the_rfc_and_verifies(forest: Forest, size: int) -> None:
    suite, log, contents, h = forest
    root = oracle.mth(h, contents[:size])
    assert log.root(size) == merkle.root(suite, suite.leaves(contents[:size])) == root
    for index in range(size):
        proof = log.inclusion_proof(index, size)
        assert proof == oracle.path(h, index, contents[:size])
        leaf_hash = h(b"\x00" + contents[index])
        merkle.verify_inclusion(suite, leaf_hash=leaf_hash, index=index, size=size, proof=proof, root=root)


@pytest.mark.parametrize("new_size", range(1, LARGEST_EXHAUSTIVE_SIZE + 1))
def test_every_consistency_proof_is_the_recursion_of_the_rfc_and_verifies(forest: Forest, new_size: int) -> None:
    suite, log, contents, h = forest
    for old_size in range(1, new_size + 1):
        proof = log.consistency_proof(old_size, new_size)
        assert proof == oracle.proof(h, old_size, contents[:new_size])
        merkle.verify_consistency(
            suite,
            old_size=old_size,
            old_root=oracle.mth(h, contents[:old_size]),
            new_size=new_size,
            new_root=oracle.mth(h, contents[:new_size]),
            proof=proof,
        )


@settings(max_examples=25, deadline=None)
@given(data=st.data(), size=st.integers(1, 400), suite=st.sampled_from([SHA256, SM3]))
def test_larger_trees_agree_with_the_recursion_too(data: st.DataObject, size: int, suite: HashSuite) -> None:
    contents = [i.to_bytes(2, "big") for i in range(size)]
    h = remembering(suite.digest)
    log = log_of(suite, contents)
    earlier = data.draw(st.integers(1, size), label="earlier size")
    index = data.draw(st.integers(0, earlier - 1), label="index")
    assert log.root(earlier) == oracle.mth(h, contents[:earlier])
    assert log.inclusion_proof(index, earlier) == oracle.path(h, index, contents[:earlier])
    assert log.consistency_proof(earlier, size) == oracle.proof(h, earlier, contents)


# What a verifier must refuse


def arguments(suite: HashSuite, case: dict[str, object]) -> dict[str, object]:
    """A verifier's arguments from JSON: strings are hashes in hexadecimal, all else is passed as it is."""

    def decoded(value: object) -> object:
        if isinstance(value, str):
            return bytes.fromhex(value)
        return [decoded(item) for item in value] if isinstance(value, list) else value

    return {"suite": suite, **{name: decoded(value) for name, value in case.items()}}


def check(kind: str, suite_name: str, case: dict[str, object]) -> None:
    verifier = {"inclusion": merkle.verify_inclusion, "consistency": merkle.verify_consistency}[kind]
    verifier(**arguments(suite_by_name(suite_name), case))


@pytest.mark.parametrize("name", REFUSALS["honest"])
def test_the_honest_proofs_that_refusals_start_from_are_the_oracle_s_and_accepted(name: str) -> None:
    honest = REFUSALS["honest"][name]
    h, given_arguments = PLAIN[honest["suite"]], arguments(None, honest["arguments"])
    if honest["kind"] == "inclusion":
        index, tree = given_arguments["index"], CONTENTS[: given_arguments["size"]]
        assert given_arguments["leaf_hash"] == h(b"\x00" + CONTENTS[index])
        assert given_arguments["proof"] == oracle.path(h, index, tree)
        assert given_arguments["root"] == oracle.mth(h, tree)
    else:
        old_size, tree = given_arguments["old_size"], CONTENTS[: given_arguments["new_size"]]
        assert given_arguments["proof"] == oracle.proof(h, old_size, tree)
        assert given_arguments["old_root"] == oracle.mth(h, tree[:old_size])
        assert given_arguments["new_root"] == oracle.mth(h, tree)
    check(honest["kind"], honest["suite"], honest["arguments"])


@pytest.mark.parametrize("case", REFUSALS["refused"], ids=lambda case: f"{case['honest']}/{case['name']}")
def test_a_proof_of_the_refusal_table_is_refused_for_its_own_reason(case: dict[str, Any]) -> None:
    honest = REFUSALS["honest"][case["honest"]]
    changed = {**honest["arguments"], **case["change"]}
    suite_name = case.get("suite", honest["suite"])
    with pytest.raises(errors.ProofError) as refusal:
        check(honest["kind"], suite_name, changed)
    assert type(refusal.value).__name__ == case["error"]
    if "about" in case:
        assert refusal.value.name == case["about"]


def test_the_refusal_table_changes_something_in_each_case_and_names_it_once() -> None:
    names = set()
    for case in REFUSALS["refused"]:
        honest = REFUSALS["honest"][case["honest"]]
        # As JSON text, because 1 == True == 1.0 in Python.
        changed = {key: json.dumps(value) for key, value in case["change"].items()}
        assert changed or case["suite"] != honest["suite"]
        assert changed.items().isdisjoint((key, json.dumps(value)) for key, value in honest["arguments"].items())
        names.add((case["honest"], case["name"]))
    assert len(names) == len(REFUSALS["refused"])


def test_a_wrong_proof_length_is_refused_before_anything_is_hashed(counting_suite: Counted) -> None:
    suite, count = counting_suite
    log = log_of(suite, CONTENTS)
    leaf_hash, root, proof = suite.leaf(CONTENTS[5]), log.root(), log.inclusion_proof(5)
    before = count()
    with pytest.raises(errors.WrongProofLength) as refusal:
        merkle.verify_inclusion(suite, leaf_hash=leaf_hash, index=5, size=8, proof=[*proof, root], root=root)
    assert (refusal.value.expected, refusal.value.actual) == (3, 4)
    with pytest.raises(errors.WrongProofLength):
        merkle.verify_consistency(
            suite, old_size=3, old_root=log.root(3), new_size=8, new_root=root, proof=log.consistency_proof(3)[1:]
        )
    assert count() - before == 1, "log.root(3) hashes one node, the verifiers none"
    merkle.verify_inclusion(suite, leaf_hash=leaf_hash, index=5, size=8, proof=proof, root=root)
    assert count() - before == 1 + len(proof)


def test_the_verifier_imports_nothing_that_makes_proofs() -> None:
    tree = ast.parse(pathlib.Path(verify.__file__).read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(isinstance(node, ast.Import) for node in ast.walk(tree))
    assert imported == {"__future__", "typing", "collections.abc", "sim.proof.errors", "sim.proof.suites"}


def test_a_root_does_not_commit_to_its_size() -> None:
    # Why a size is trusted only together with its root: here leaf 5 of 7 passes as leaf 5 of 8.
    log = log_of(SHA256, CONTENTS[:7])
    leaf_hash, proof = SHA256.leaf(CONTENTS[5]), log.inclusion_proof(5)
    merkle.verify_inclusion(SHA256, leaf_hash=leaf_hash, index=5, size=8, proof=proof, root=log.root())


# What the log costs


class CountingHash:
    """SHA-256 that counts digests."""

    def __init__(self, state: HashState, digests: list[int]) -> None:
        self.state, self.digests = state, digests

    def update(self, data: bytes) -> None:
        self.state.update(data)

    def digest(self) -> bytes:
        self.digests.append(1)
        return self.state.digest()

    def copy(self) -> CountingHash:
        return CountingHash(self.state.copy(), self.digests)


@pytest.fixture
def counting_suite() -> Counted:
    digests: list[int] = []
    return HashSuite("sha256", CountingHash(hashlib.sha256(), digests)), lambda: len(digests)


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_appending_costs_less_than_one_node_hash_per_leaf(
    counting_suite: tuple[HashSuite, Callable[[], int]], batch: int
) -> None:
    suite, count = counting_suite
    leaf_hashes = SHA256.leaves(i.to_bytes(4, "big") for i in range(3000))
    log, before = merkle.Log(suite), count()
    for start in range(0, len(leaf_hashes), batch):
        log.extend(leaf_hashes[start : start + batch])
    # n leaves have n - (ones in n) perfect subtrees of two leaves or more.
    assert count() - before == 3000 - (3000).bit_count()


def test_roots_and_proofs_of_any_size_cost_at_most_log2_node_hashes(counting_suite: Counted) -> None:
    suite, count = counting_suite
    log = merkle.Log(suite)
    log.extend(SHA256.leaves(i.to_bytes(4, "big") for i in range(1000)))
    for size in (1000, 999, 768, 513, 512, 511, 1):
        for question in (
            lambda size=size: log.root(size),
            lambda size=size: log.inclusion_proof(size // 3, size),
            lambda size=size: log.consistency_proof(size // 2 + 1, size),
        ):
            before = count()
            question()
            assert count() - before <= 10
