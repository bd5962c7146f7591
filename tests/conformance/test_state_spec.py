"""State trees against their definition: a literal recursion as oracle, through any history, and a table of refusals."""

from __future__ import annotations

import ast
import hashlib
import json
import pathlib
from typing import TYPE_CHECKING, Any

import pytest
import state_oracle as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sim.proof import SHA256, SM3, errors, state, state_verify, suite_by_name
from sim.proof.sm3 import Sm3
from sim.proof.state import EMPTY_ROOT, StateProof, StateTree, verify_state
from sim.proof.suites import HashSuite

if TYPE_CHECKING:
    from collections.abc import Callable

    Hash = Callable[[bytes], bytes]
    State = dict[bytes, bytes]

HERE = pathlib.Path(__file__).parent
TABLE = json.loads((HERE / "refusals_state.json").read_text("utf-8"))
PLAIN = {"sha256": lambda data: hashlib.sha256(data).digest(), "sm3": lambda data: Sm3(data).digest()}
CODES = {"sha256": 1, "sm3": 2}
both_suites = pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)


class PlacingHash:
    """SHA-256, except that a message of 32 bytes is its own hash: a key of 32 bytes stands where the test wants it."""

    def __init__(self, message: bytes = b"") -> None:
        self.message = message

    def update(self, data: bytes | memoryview) -> None:
        self.message += bytes(data)

    def digest(self) -> bytes:
        return self.message if len(self.message) == 32 else hashlib.sha256(self.message).digest()

    def copy(self) -> PlacingHash:
        return PlacingHash(self.message)


PLACING = HashSuite("sha256", PlacingHash())


def key_at(*ones: int) -> bytes:
    """The key whose hash under `PLACING` has ones at these depths, and zeros elsewhere."""
    return sum(1 << 255 - depth for depth in set(ones)).to_bytes(32, "big")


def tree_of(suite: HashSuite, state: State) -> StateTree:
    tree = StateTree(suite)
    tree.apply(state)
    return tree


def check_against_oracle(suite: HashSuite, tree: StateTree, state: State, key: bytes, version: int) -> None:
    """What the tree says of a key is what the definition says, proves it, and survives its encoding."""
    leaf, siblings = oracle.proof(suite.digest, state, key)
    proof = tree.prove(key, version)
    assert tree.get(key, version) == state.get(key)
    assert proof.siblings == tuple(siblings)
    assert (proof.leaf and (proof.leaf.key_hash, proof.leaf.value_hash)) == leaf
    assert proof.to_bytes() == oracle.encoding(CODES[suite.name], leaf, siblings)
    assert StateProof.from_bytes(proof.to_bytes()) == proof
    verify_state(suite, root=tree.root(version), key=key, value=state.get(key), proof=proof)


# The definition


@both_suites
def test_the_smallest_trees_are_the_definition_written_out(suite: HashSuite) -> None:
    h = PLAIN[suite.name]
    assert StateTree(suite).root() == EMPTY_ROOT == bytes(32)
    leaf = h(b"\x02" + h(b"licence/7") + h(b"valid"))
    assert tree_of(suite, {b"licence/7": b"valid"}).root() == leaf
    # licence/8 goes left and licence/7 right under either hash.
    other = h(b"\x02" + h(b"licence/8") + h(b""))
    assert tree_of(suite, {b"licence/7": b"valid", b"licence/8": b""}).root() == h(b"\x03" + other + leaf)


# Made with `openssl dgst` and xxd from the definition, the five hashes piped into one another.
ROOTS_OF_TWO_LICENCES = {
    "sha256": "a097ca7e0910259589d8cc569c84900a8c20141df1248f7aebd410cc75799664",
    "sm3": "a6e82678eb56cec3fc3911202d8a6ac88b62f798764cbf4272a1c123d1403f85",
}


@both_suites
def test_the_root_of_two_licences_is_what_openssl_gives(suite: HashSuite) -> None:
    tree = tree_of(suite, {b"licence/7": b"valid", b"licence/8": b""})
    assert tree.root().hex() == ROOTS_OF_TWO_LICENCES[suite.name]


def test_two_keys_that_part_at_the_last_bit_have_a_proof_of_256_siblings() -> None:
    first, second, elsewhere = key_at(), key_at(255), key_at(0)
    content = {first: b"a", second: b"b"}
    tree = tree_of(PLACING, content)
    for key in (first, second, elsewhere, key_at(254)):
        check_against_oracle(PLACING, tree, content, key, tree.version)
    assert len(tree.prove(first).siblings) == 256
    assert tree.prove(first).siblings[:255] == (EMPTY_ROOT,) * 255
    assert len(tree.prove(first).to_bytes()) == 9 + 32 + 64 + 32
    # Without one of them the other rises all the way: no chain of half-empty nodes is left.
    assert tree.apply({second: None}) == tree_of(PLACING, {first: b"a"}).root()
    assert tree.prove(first).siblings == ()


class History(RuleBasedStateMachine):
    """Batches of any kind over few keys that crowd together; every retained version is compared with the oracle."""

    RETAINED = 3
    depths = st.sampled_from([0, 1, 2, 3, 63, 64, 127, 128, 192, 254, 255])
    keys = st.lists(depths, max_size=3).map(lambda ones: key_at(*ones))
    batches = st.dictionaries(keys, st.sampled_from([None, b"", b"valid", b"frozen", b"\x00" * 32]), max_size=12)

    @initialize(first=batches)
    def begin(self, first: dict[bytes, bytes | None]) -> None:
        self.tree = StateTree(PLACING, retained_versions=self.RETAINED)
        self.states: list[State] = [{}]
        self.roots = [EMPTY_ROOT]
        self.change(first)

    @rule(batch=batches)
    def change(self, batch: dict[bytes, bytes | None]) -> None:
        changed = {**self.states[-1], **batch}
        self.states.append({key: value for key, value in changed.items() if value is not None})
        self.roots.append(self.tree.apply(batch))

    @rule()
    def delete_everything(self) -> None:
        self.change(dict.fromkeys(self.states[-1]))

    @rule(data=st.data())
    def change_some_that_are_there(self, data: st.DataObject) -> None:
        there = st.sampled_from([*self.states[-1], key_at(7)])
        self.change(data.draw(st.dictionaries(there, st.sampled_from([None, b"changed"]), max_size=4)))

    @rule(key=keys, back=st.integers(0, RETAINED - 1))
    def look_up(self, key: bytes, back: int) -> None:
        version = max(0, self.tree.version - back)
        check_against_oracle(PLACING, self.tree, self.states[version], key, version)

    @invariant()
    def every_root_is_that_of_the_definition(self) -> None:
        assert self.roots[-1] == self.tree.root() == oracle.root(PLACING.digest, self.states[-1])
        assert [self.tree.root(version) for version in range(self.tree.version + 1)] == self.roots

    @invariant()
    def what_is_kept_is_what_the_retained_versions_reach(self) -> None:
        nodes, leaves = set(), set()
        for version in range(self.tree.oldest_version, self.tree.version + 1):
            reached, ends = reachable(self.tree, version)
            nodes |= reached
            leaves |= ends
        assert self.tree._nodes.row_count == len(nodes)
        assert self.tree._nodes.entry_count == len(leaves)
        kept = sum(len(value) for value in self.tree._nodes.values)
        assert kept == sum(len(self.tree._value(leaf)) for leaf in leaves)


def reachable(tree: StateTree, version: int) -> tuple[set[int], set[int]]:
    """The rows of all nodes below a version's root, and those of the leaves among them."""
    nodes, leaves = set(), set()
    waiting = [tree._root_rows[version - tree.oldest_version]]
    while waiting:
        row = waiting.pop()
        if row:
            nodes.add(row)
            left, right = tree._nodes.children[row].tolist()
            if left < 0:
                leaves.add(row)
            else:
                waiting += [left, right]
    return nodes, leaves


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(0, 60),
    asked=st.integers(0, 90),
    suite=st.sampled_from([SHA256, SM3]),
)
def test_ordinary_keys_follow_the_definition_too(size: int, asked: int, suite: HashSuite) -> None:
    content = {b"asset/%d" % number: b"frozen by court %d" % (number % 7) for number in range(size)}
    tree = tree_of(suite, content)
    assert tree.root() == oracle.root(PLAIN[suite.name], content)
    check_against_oracle(suite, tree, content, b"asset/%d" % asked, 1)


# What a verifier must refuse


def decoded(value: object) -> object:
    """Strings are bytes in hexadecimal, all else is passed as it is."""
    if isinstance(value, str):
        return bytes.fromhex(value)
    return [decoded(item) for item in value] if isinstance(value, list) else value


def check(suite_name: str, arguments: dict[str, object]) -> None:
    """Read the proof, then verify it."""
    given_arguments: dict[str, Any] = {name: decoded(value) for name, value in arguments.items()}
    proof = StateProof.from_bytes(given_arguments.pop("proof"))
    verify_state(suite_by_name(suite_name), proof=proof, **given_arguments)


@pytest.mark.parametrize("name", TABLE["honest"])
def test_the_honest_proofs_that_refusals_start_from_are_the_oracle_s_and_accepted(name: str) -> None:
    honest = TABLE["honest"][name]
    h, arguments = PLAIN[honest["suite"]], honest["arguments"]
    content = {bytes.fromhex(key): bytes.fromhex(value) for key, value in TABLE["states"][honest["state"]].items()}
    key = bytes.fromhex(arguments["key"])
    assert decoded(arguments["root"]) == oracle.root(h, content)
    assert decoded(arguments["value"]) == content.get(key)
    assert decoded(arguments["proof"]) == oracle.encoding(CODES[honest["suite"]], *oracle.proof(h, content, key))
    assert tree_of(suite_by_name(honest["suite"]), content).prove(key).to_bytes() == decoded(arguments["proof"])
    check(honest["suite"], arguments)


@pytest.mark.parametrize("case", TABLE["refused"], ids=lambda case: f"{case['honest']}/{case['name']}")
def test_a_state_proof_of_the_refusal_table_is_refused_for_its_own_reason(case: dict[str, Any]) -> None:
    honest = TABLE["honest"][case["honest"]]
    with pytest.raises(errors.ProofError) as refusal:
        check(case.get("suite", honest["suite"]), {**honest["arguments"], **case["change"]})
    assert type(refusal.value).__name__ == case["error"]
    assert str(refusal.value)
    if "about" in case:
        assert refusal.value.name == case["about"]


def test_the_refusal_table_changes_something_in_each_case_and_names_it_once() -> None:
    names = set()
    for case in TABLE["refused"]:
        honest = TABLE["honest"][case["honest"]]
        # As JSON text, because 1 == True == 1.0 in Python.
        changed = {key: json.dumps(value) for key, value in case["change"].items()}
        assert changed or case["suite"] != honest["suite"]
        assert changed.items().isdisjoint((key, json.dumps(value)) for key, value in honest["arguments"].items())
        names.add((case["honest"], case["name"]))
    assert len(names) == len(TABLE["refused"])


def test_a_rigged_root_cannot_have_both_a_value_and_absence_shown_through_its_shape() -> None:
    # The maker of this root hung a lone leaf one level too low. The leaf can't be shown there, as the sibling is empty.
    h = SHA256.digest
    leaf = h(b"\x02" + h(b"licence/7") + h(b"valid"))
    on_the_right = h(b"licence/7")[0] >> 7
    rigged = h(b"\x03" + EMPTY_ROOT + leaf) if on_the_right else h(b"\x03" + leaf + EMPTY_ROOT)
    honest = tree_of(SHA256, {b"licence/7": b"valid"}).prove(b"licence/7")
    with pytest.raises(errors.RootMismatch):
        verify_state(SHA256, root=rigged, key=b"licence/7", value=b"valid", proof=honest)
    with pytest.raises(errors.MalformedStateProof, match="deepest sibling is empty"):
        StateProof("sha256", honest.leaf, (EMPTY_ROOT,))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (("sha-256", None, ()), "no suite is called 'sha-256'"),
        ((SHA256, None, ()), "no suite is called <hash suite sha256>"),
        ((["sha256"], None, ()), "no suite is called"),
        (("sha256", (bytes(32), bytes(32)), ()), "leaf must be a StateLeaf or None, not tuple"),
        (("sha256", None, [b"a" * 32]), "siblings must be a tuple, not list"),
        (("sha256", None, (b"a" * 64,)), "siblings[0] must have 32 bytes, not 64"),
        (("sha256", None, (b"a" * 32, bytearray(32))), "siblings[1] must be bytes, not bytearray"),
        (("sha256", None, ("a" * 32,)), "siblings[0] must be bytes, not str"),
        (("sha256", None, (b"a" * 32,) * 257), "a way has 256 siblings at most, not 257"),
        (("sha256", None, (b"a" * 32, EMPTY_ROOT)), "the deepest sibling is empty"),
    ],
)
def test_a_state_proof_with_a_field_that_its_format_forbids_cannot_be_made(
    fields: tuple[Any, Any, Any], reason: str
) -> None:
    with pytest.raises(errors.MalformedStateProof) as refusal:
        StateProof(*fields)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    "hashes", [(b"a" * 31, b"b" * 32), (b"a" * 32, b"b" * 33), ("a" * 32, b"b" * 32), (None, None)]
)
def test_a_state_leaf_has_two_hashes(hashes: tuple[Any, Any]) -> None:
    with pytest.raises(errors.MalformedStateProof, match="_hash must "):
        state.StateLeaf(*hashes)


@pytest.mark.parametrize("module", ["state_verify", "state_proof"])
def test_the_state_verifier_imports_nothing_that_makes_proofs(module: str) -> None:
    source = (pathlib.Path(state_verify.__file__).parent / f"{module}.py").read_text("utf-8")
    nodes = list(ast.walk(ast.parse(source)))
    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    allowed = {"__future__", "typing", "struct", "dataclasses"}
    assert imported <= allowed | {"sim.proof.errors", "sim.proof.suites", "sim.proof.state_proof"}
