"""Whatever is done to an honest proof, it is refused, and by a `ProofError` that can be printed, sent and kept."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, ProofError, merkle
from sim.proof.errors import (
    IndexOutOfRange,
    MalformedHash,
    MalformedNumber,
    RootMismatch,
    SizeOutOfRange,
    WrongProofLength,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.proof.suites import HashSuite

    Honest = tuple[Callable[..., None], dict[str, Any]]

LARGEST = 300
LOGS = {}
for _suite in (SHA256, SM3):
    LOGS[_suite.name] = merkle.Log(_suite)
    LOGS[_suite.name].extend(_suite.leaves(b"record %d" % i for i in range(LARGEST)))

suites = st.sampled_from([SHA256, SM3])
sizes = st.integers(1, LARGEST)


@st.composite
def honest_inclusions(draw: st.DrawFn, smallest: int = 1) -> Honest:
    suite = draw(suites)
    size = draw(st.integers(smallest, LARGEST))
    index = draw(st.integers(0, size - 1))
    log = LOGS[suite.name]
    return merkle.verify_inclusion, {
        "suite": suite,
        "leaf_hash": suite.leaf(b"record %d" % index),
        "index": index,
        "size": size,
        "proof": log.inclusion_proof(index, size),
        "root": log.root(size),
    }


@st.composite
def honest_consistencies(draw: st.DrawFn, smallest: int = 2) -> Honest:
    suite = draw(suites)
    new_size = draw(st.integers(smallest, LARGEST))
    old_size = draw(st.integers(1, new_size - 1))
    log = LOGS[suite.name]
    return merkle.verify_consistency, {
        "suite": suite,
        "old_size": old_size,
        "old_root": log.root(old_size),
        "new_size": new_size,
        "new_root": log.root(new_size),
        "proof": log.consistency_proof(old_size, new_size),
    }


honest_proofs = st.one_of(honest_inclusions(smallest=2), honest_consistencies())


def refusal(verify: Callable[..., None], arguments: dict[str, Any], kind: type[ProofError] = ProofError) -> ProofError:
    """The refusal, which must be of this kind, printable, and the same after a trip to another process."""
    with pytest.raises(kind) as refused:
        verify(**arguments)
    copy = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy), vars(copy)) == (type(refused.value), str(refused.value), vars(refused.value))
    return refused.value


def flipped(digest: bytes, bit: int) -> bytes:
    changed = bytearray(digest)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(honest=st.one_of(honest_inclusions(), honest_consistencies()))
def test_an_honest_proof_is_accepted(honest: Honest) -> None:
    verify, arguments = honest
    assert verify(**arguments) is None
    assert verify(**{**arguments, "proof": tuple(arguments["proof"])}) is None


@given(honest=honest_proofs, data=st.data(), bit=st.integers(0, 255))
def test_one_flipped_bit_anywhere_is_a_root_mismatch(honest: Honest, data: st.DataObject, bit: int) -> None:
    verify, arguments = honest
    names = [name for name in arguments if name.endswith(("hash", "root"))]
    where = data.draw(st.sampled_from([*names, *range(len(arguments["proof"]))]), label="where")
    if isinstance(where, str):
        arguments[where] = flipped(arguments[where], bit)
    else:
        arguments["proof"][where] = flipped(arguments["proof"][where], bit)
    error = refusal(verify, arguments, RootMismatch)
    assert error.expected == arguments[error.name]
    assert error.computed != error.expected


@given(honest=honest_proofs, data=st.data())
def test_a_proof_with_a_hash_dropped_or_added_has_the_wrong_length(honest: Honest, data: st.DataObject) -> None:
    verify, arguments = honest
    proof = arguments["proof"]
    expected = len(proof)
    position = data.draw(st.integers(0, expected), label="position")
    if position < expected and data.draw(st.booleans(), label="drop"):
        del proof[position]
    else:
        proof.insert(position, data.draw(st.sampled_from([*proof, bytes(32)]), label="extra"))
    error = refusal(verify, arguments, WrongProofLength)
    assert (error.expected, error.actual) == (expected, len(proof))


@given(honest=honest_proofs, data=st.data())
def test_two_hashes_swapped_are_a_root_mismatch(honest: Honest, data: st.DataObject) -> None:
    verify, arguments = honest
    proof = arguments["proof"]
    assume(len(proof) > 1)
    first, second = data.draw(st.lists(st.integers(0, len(proof) - 1), min_size=2, max_size=2, unique=True))
    proof[first], proof[second] = proof[second], proof[first]
    refusal(verify, arguments, RootMismatch)


@given(honest=honest_inclusions(smallest=2), data=st.data())
def test_another_leaf_s_proof_or_part_of_it_is_refused(honest: Honest, data: st.DataObject) -> None:
    verify, arguments = honest
    other = data.draw(st.integers(0, arguments["size"] - 1).filter(lambda index: index != arguments["index"]))
    foreign = LOGS[arguments["suite"].name].inclusion_proof(other, arguments["size"])
    cut = data.draw(st.integers(0, len(foreign)), label="cut")
    arguments["proof"], whole = [*arguments["proof"][:cut], *foreign[cut:]], arguments["proof"]
    # The ends of two proofs are shared where the ways to the root are.
    assume(arguments["proof"] != whole)
    refusal(verify, arguments)
    arguments["proof"] = whole
    refusal(verify, {**arguments, "index": other})


@given(honest=honest_consistencies(smallest=3), data=st.data())
def test_the_consistency_proof_of_other_sizes_or_part_of_it_is_refused(honest: Honest, data: st.DataObject) -> None:
    verify, arguments = honest
    new_size = data.draw(st.integers(2, LARGEST), label="new size")
    old_size = data.draw(st.integers(1, new_size - 1), label="old size")
    foreign = LOGS[arguments["suite"].name].consistency_proof(old_size, new_size)
    cut = data.draw(st.integers(0, len(foreign)), label="cut")
    spliced = [*arguments["proof"][:cut], *foreign[cut:]]
    assume(spliced != arguments["proof"])
    refusal(verify, {**arguments, "proof": spliced})


@given(honest=honest_consistencies())
def test_swapped_roots_are_refused(honest: Honest) -> None:
    verify, arguments = honest
    swapped = {**arguments, "old_root": arguments["new_root"], "new_root": arguments["old_root"]}
    refusal(verify, swapped, RootMismatch)


@given(honest=honest_proofs)
def test_a_proof_under_the_other_hash_function_is_refused(honest: Honest) -> None:
    verify, arguments = honest
    refusal(verify, {**arguments, "suite": SM3 if arguments["suite"] is SHA256 else SHA256}, RootMismatch)


@given(honest=honest_inclusions(smallest=2))
def test_a_node_is_never_taken_for_a_leaf_nor_a_leaf_for_a_node(honest: Honest) -> None:
    verify, arguments = honest
    suite, index, size = arguments["suite"], arguments["index"], arguments["size"]
    sibling, *rest = arguments["proof"]
    pair = (sibling, arguments["leaf_hash"]) if index % 2 or index == size - 1 else (arguments["leaf_hash"], sibling)
    # The parent's hash in the leaf's place, with or without the sibling that it already covers.
    refusal(verify, {**arguments, "leaf_hash": suite.node(*pair)}, RootMismatch)
    refusal(verify, {**arguments, "leaf_hash": suite.node(*pair), "proof": rest}, WrongProofLength)
    # A record whose content is the two children's hashes does not stand for their parent.
    as_leaf = suite.leaf(b"".join(pair))
    assert as_leaf != suite.node(*pair)
    refusal(verify, {**arguments, "leaf_hash": as_leaf, "proof": rest})
    refusal(verify, {**arguments, "proof": [suite.leaf(sibling), *rest]}, RootMismatch)


garbage = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=70),
    st.binary(max_size=70).filter(lambda value: len(value) != 32),
    st.binary(min_size=32, max_size=32).map(bytearray),
    st.binary(min_size=32, max_size=32).map(memoryview),
    st.lists(st.none() | st.integers() | st.binary(max_size=40), max_size=12),
    st.dictionaries(st.integers(0, 9), st.binary(min_size=32, max_size=32), max_size=10),
    st.integers(max_value=-1),
    st.integers(min_value=2**63),
    st.sampled_from([10**5000, -(10**5000), object(), range(8), iter(()), int, 5 + 0j]),
)


@given(honest=honest_proofs, data=st.data(), value=garbage)
def test_garbage_in_any_argument_is_refused_and_raises_nothing_else(
    honest: Honest, data: st.DataObject, value: object
) -> None:
    verify, arguments = honest
    names = sorted(arguments.keys() - {"suite"})
    arguments[data.draw(st.sampled_from(names), label="argument")] = value
    refusal(verify, arguments)


@given(honest=honest_proofs, data=st.data(), value=garbage)
def test_garbage_among_the_hashes_of_a_proof_is_named_by_its_position(
    honest: Honest, data: st.DataObject, value: object
) -> None:
    verify, arguments = honest
    position = data.draw(st.integers(0, len(arguments["proof"]) - 1), label="position")
    arguments["proof"][position] = value
    assert refusal(verify, arguments, MalformedHash).name == f"proof[{position}]"


# The log


@given(suite=suites, batches=st.lists(st.integers(0, 40), max_size=8))
def test_a_log_is_the_same_however_its_leaves_arrive(suite: HashSuite, batches: list[int]) -> None:
    size = sum(batches)
    leaf_hashes = suite.leaves(b"record %d" % i for i in range(size))
    log, whole = merkle.Log(suite), LOGS[suite.name]
    start = 0
    for batch in batches:
        log.extend(leaf_hashes[start : start + batch])
        start += batch
        assert log.size == start
        assert log.root() == merkle.root(suite, leaf_hashes[:start])
    for earlier in range(1, min(size, LARGEST) + 1):
        assert log.root(earlier) == whole.root(earlier)
        assert log.inclusion_proof(earlier - 1, size) == log.inclusion_proof(earlier - 1)


@given(suite=suites, size=sizes, copies=st.integers(1, 5))
def test_repeating_the_last_leaf_changes_the_root(suite: HashSuite, size: int, copies: int) -> None:
    leaf_hashes = suite.leaves(b"record %d" % i for i in range(size))
    assert merkle.root(suite, leaf_hashes + leaf_hashes[-1:] * copies) != LOGS[suite.name].root(size)


@given(suite=suites, size=sizes, data=st.data())
def test_a_malformed_leaf_hash_is_refused_and_nothing_is_appended(
    suite: HashSuite, size: int, data: st.DataObject
) -> None:
    leaf_hashes = suite.leaves(b"record %d" % i for i in range(size))
    position = data.draw(st.integers(0, size - 1), label="position")
    leaf_hashes[position] = data.draw(garbage, label="garbage")
    log = merkle.Log(suite)
    log.extend(suite.leaves([b"before"]))
    for refused in (log.extend, lambda hashes: merkle.root(suite, hashes)):
        with pytest.raises(MalformedHash) as error:
            refused(leaf_hashes)
        assert error.value.name == f"leaf_hashes[{position}]"
    assert log.size == 1
    assert log.root() == suite.leaf(b"before")


@pytest.mark.parametrize(
    "leaf_hashes",
    [[b""], [bytes(31)], [bytes(33)], [bytes(32), bytes(64)], [bytearray(32)], ["0" * 32], [None], bytes(64)],
    ids=repr,
)
def test_only_32_bytes_are_a_leaf_hash_and_one_string_of_bytes_is_no_list_of_them(leaf_hashes: object) -> None:
    with pytest.raises(MalformedHash):
        merkle.Log(SHA256).extend(leaf_hashes)
    with pytest.raises(MalformedHash):
        merkle.root(SHA256, leaf_hashes)


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda log: log.root(4), SizeOutOfRange),
        (lambda log: log.root(-1), SizeOutOfRange),
        (lambda log: log.root(True), MalformedNumber),  # noqa: FBT003 - the wrong type is the point
        (lambda log: log.inclusion_proof(3), IndexOutOfRange),
        (lambda log: log.inclusion_proof(2, 2), IndexOutOfRange),
        (lambda log: log.inclusion_proof(-1), IndexOutOfRange),
        (lambda log: log.inclusion_proof(0, 0), IndexOutOfRange),
        (lambda log: log.inclusion_proof(0, 4), SizeOutOfRange),
        (lambda log: log.inclusion_proof(0, -1), SizeOutOfRange),
        (lambda log: log.inclusion_proof(1.0), MalformedNumber),
        (lambda log: log.consistency_proof(0, 3), SizeOutOfRange),
        (lambda log: log.consistency_proof(3, 2), SizeOutOfRange),
        (lambda log: log.consistency_proof(1, 4), SizeOutOfRange),
        (lambda log: log.consistency_proof(0, 0), SizeOutOfRange),
        (lambda log: log.consistency_proof("1", 2), MalformedNumber),
        (lambda _: merkle.Log(SHA256).inclusion_proof(0), IndexOutOfRange),
        (lambda _: merkle.Log(SHA256).consistency_proof(1), SizeOutOfRange),
    ],
)
def test_a_log_refuses_what_it_does_not_hold(ask: Callable[[merkle.Log], object], error: type[ProofError]) -> None:
    log = merkle.Log(SHA256)
    log.extend(SHA256.leaves([b"0", b"1", b"2"]))
    with pytest.raises(error):
        ask(log)


@pytest.mark.parametrize("number", [10**5000, -(10**5000)], ids=["huge", "hugely-negative"])
def test_a_number_with_more_digits_than_python_prints_is_refused_with_a_short_message(number: int) -> None:
    arguments = {"suite": SHA256, "leaf_hash": bytes(32), "proof": [], "root": bytes(32)}
    for name, error in (("size", SizeOutOfRange), ("index", IndexOutOfRange)):
        message = str(refusal(merkle.verify_inclusion, {"index": 0, "size": 1, **arguments, name: number}, error))
        assert "16610-bit number" in message
        assert len(message) < 100


def test_equal_sizes_need_no_proof_and_equal_roots() -> None:
    log = LOGS["sm3"]
    assert log.consistency_proof(7, 7) == []
    merkle.verify_consistency(
        SM3, old_size=7, old_root=log.root(7), new_size=7, new_root=log.root(7), proof=log.consistency_proof(7, 7)
    )


def test_a_suite_survives_pickling_as_itself() -> None:
    assert pickle.loads(pickle.dumps(SM3)) is SM3  # noqa: S301 - our own bytes
    assert pickle.loads(pickle.dumps(SHA256)) is SHA256  # noqa: S301 - our own bytes


def test_the_proof_room_loads_no_heavy_library() -> None:
    code = "import sys, sim.proof; print(*{name.split('.')[0] for name in sys.modules})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "hashlib" in shown
    assert not {"numpy", "polars", "pydantic", "simpy", "networkx", "matplotlib", "numba"} & set(shown)
