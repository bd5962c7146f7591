"""A multi-proof has the hashes of the definition and no other; whatever is done to it, it is refused."""

from __future__ import annotations

import json
import pathlib
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.proof import SHA256, SM3, ProofError, merkle, suite_by_name
from sim.proof.errors import (
    IndexOutOfRange,
    MalformedHash,
    MalformedIndices,
    MalformedNumber,
    RootMismatch,
    SizeOutOfRange,
    WrongProofLength,
)

if TYPE_CHECKING:
    from sim.proof.suites import HashSuite

LARGEST = 200
LOGS = {}
LEAVES = {}
for _suite in (SHA256, SM3):
    LEAVES[_suite.name] = _suite.leaves(b"record %d" % i for i in range(LARGEST))
    LOGS[_suite.name] = merkle.Log(_suite)
    LOGS[_suite.name].extend(LEAVES[_suite.name])

REFUSALS = json.loads(
    (pathlib.Path(__file__).parents[1] / "conformance" / "refusals_multi.json").read_text(encoding="utf-8")
)


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mth(suite: HashSuite, leaf_hashes: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, over leaf hashes."""
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    k = split(len(leaf_hashes))
    return suite.node(mth(suite, leaf_hashes[:k]), mth(suite, leaf_hashes[k:]))


def needed(start: int, end: int, proven: set[int]) -> list[tuple[int, int]]:
    """The largest subtrees of the tree over leaves [start, end) without a proven leaf, from left to right."""
    if not proven & set(range(start, end)):
        return [(start, end)]
    if end - start == 1:
        return []
    middle = start + split(end - start)
    return needed(start, middle, proven) + needed(middle, end, proven)


@st.composite
def honest_proofs(draw: st.DrawFn, smallest: int = 1) -> dict[str, Any]:
    suite = draw(st.sampled_from([SHA256, SM3]))
    size = draw(st.integers(smallest, LARGEST))
    indices = sorted(draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=30)))
    return {
        "suite": suite,
        "leaf_hashes": [LEAVES[suite.name][index] for index in indices],
        "indices": indices,
        "size": size,
        "proof": merkle.multi_proof(LOGS[suite.name], indices, size),
        "root": LOGS[suite.name].root(size),
    }


def refusal(arguments: dict[str, Any], kind: type[ProofError] = ProofError) -> ProofError:
    with pytest.raises(kind) as refused:
        merkle.verify_multi(**arguments)
    copy = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy)) == (type(refused.value), str(refused.value))
    return refused.value


@given(honest=honest_proofs())
def test_a_proof_has_the_hashes_of_the_definition_and_is_accepted(honest: dict[str, Any]) -> None:
    suite, size = honest["suite"], honest["size"]
    leaf_hashes = LEAVES[suite.name]
    wanted = [mth(suite, leaf_hashes[start:end]) for start, end in needed(0, size, set(honest["indices"]))]
    assert honest["proof"] == wanted
    assert merkle.verify_multi(**honest) is None
    as_tuples = {name: tuple(honest[name]) for name in ("leaf_hashes", "indices", "proof")}
    assert merkle.verify_multi(**{**honest, **as_tuples}) is None


@pytest.mark.parametrize("size", range(1, 10))
def test_every_set_of_leaves_of_every_tree_up_to_nine_is_provable(size: int) -> None:
    log, leaf_hashes = LOGS["sha256"], LEAVES["sha256"]
    for subset in range(1, 1 << size):
        indices = [index for index in range(size) if subset >> index & 1]
        proof = merkle.multi_proof(log, indices, size)
        assert len(proof) == len(needed(0, size, set(indices)))
        chosen = [leaf_hashes[index] for index in indices]
        merkle.verify_multi(SHA256, leaf_hashes=chosen, indices=indices, size=size, proof=proof, root=log.root(size))


@given(honest=honest_proofs())
def test_a_proof_of_one_leaf_holds_its_inclusion_proof_and_all_leaves_need_none(honest: dict[str, Any]) -> None:
    log, size, index = LOGS[honest["suite"].name], honest["size"], honest["indices"][0]
    assert sorted(merkle.multi_proof(log, [index], size)) == sorted(log.inclusion_proof(index, size))
    assert merkle.multi_proof(log, list(range(size)), size) == []
    separate = sum(len(log.inclusion_proof(index, size)) for index in honest["indices"])
    assert len(honest["proof"]) <= separate


@given(honest=honest_proofs(smallest=2), data=st.data(), bit=st.integers(0, 255))
def test_one_flipped_bit_anywhere_is_a_root_mismatch(honest: dict[str, Any], data: st.DataObject, bit: int) -> None:
    name = data.draw(st.sampled_from(["leaf_hashes", "root"] + ["proof"] * bool(honest["proof"])))
    values = [honest[name]] if name == "root" else list(honest[name])
    where = data.draw(st.integers(0, len(values) - 1))
    values[where] = (int.from_bytes(values[where], "big") ^ 1 << bit).to_bytes(32, "big")
    error = refusal({**honest, name: values[0] if name == "root" else values}, RootMismatch)
    assert error.computed != error.expected


@given(honest=honest_proofs(smallest=2), data=st.data())
def test_hashes_too_few_left_over_or_swapped_are_refused(honest: dict[str, Any], data: st.DataObject) -> None:
    proof = honest["proof"]
    extra = data.draw(st.sampled_from([*proof, *honest["leaf_hashes"], bytes(32)]))
    where = data.draw(st.integers(0, len(proof)))
    refusal({**honest, "proof": [*proof[:where], extra, *proof[where:]]}, WrongProofLength)
    if where < len(proof):
        error = refusal({**honest, "proof": proof[:where] + proof[where + 1 :]}, WrongProofLength)
        assert (error.expected, error.actual) == (len(proof), len(proof) - 1)
    if len(proof) > 1:
        one, other = data.draw(st.lists(st.integers(0, len(proof) - 1), min_size=2, max_size=2, unique=True))
        swapped = proof.copy()
        swapped[one], swapped[other] = swapped[other], swapped[one]
        refusal({**honest, "proof": swapped}, RootMismatch)


@given(honest=honest_proofs(smallest=2), data=st.data())
def test_the_same_proof_for_other_leaves_or_another_size_is_refused(
    honest: dict[str, Any], data: st.DataObject
) -> None:
    size = honest["size"]
    others = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=30)))
    assume(others != honest["indices"])
    refusal({**honest, "indices": others})
    chosen = [LEAVES[honest["suite"].name][index] for index in others]
    refusal({**honest, "indices": others, "leaf_hashes": chosen[: len(honest["indices"])]})
    # A proof of every leaf has no hash of its own and so nothing but the root to tell the suites apart; that suffices.
    if size > 1:
        refusal({**honest, "suite": SM3 if honest["suite"] is SHA256 else SHA256}, RootMismatch)


@given(honest=honest_proofs(), data=st.data())
def test_indices_that_repeat_fall_or_have_no_leaf_hash_are_refused(honest: dict[str, Any], data: st.DataObject) -> None:
    indices, leaf_hashes = honest["indices"], honest["leaf_hashes"]
    again = data.draw(st.integers(0, len(indices) - 1))
    doubled = {
        "indices": [*indices[: again + 1], *indices[again:]],
        "leaf_hashes": [*leaf_hashes[: again + 1], *leaf_hashes[again:]],
    }
    refusal({**honest, **doubled}, MalformedIndices)
    if len(indices) > 1:
        refusal({**honest, "indices": indices[::-1], "leaf_hashes": leaf_hashes[::-1]}, MalformedIndices)
    refusal({**honest, "indices": [], "leaf_hashes": []}, MalformedIndices)
    refusal({**honest, "leaf_hashes": leaf_hashes[1:]}, MalformedIndices)
    refusal({**honest, "leaf_hashes": [*leaf_hashes, bytes(32)]}, MalformedIndices)
    refusal({**honest, "indices": [*indices[:-1], honest["size"]]}, IndexOutOfRange)


garbage = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=40),
    st.binary(max_size=31),
    st.binary(min_size=33, max_size=40),
    st.integers(max_value=-1),
    st.integers(min_value=2**63),
    st.lists(st.none() | st.integers(max_value=-1) | st.binary(max_size=31), min_size=1, max_size=9),
    st.sampled_from([10**5000, bytearray(32), object(), range(3), iter(()), {1: 2}]),
)


@given(honest=honest_proofs(), name=st.sampled_from(["leaf_hashes", "indices", "size", "proof", "root"]), value=garbage)
def test_garbage_in_any_argument_is_refused_and_raises_nothing_else(
    honest: dict[str, Any], name: str, value: object
) -> None:
    refusal({**honest, name: value})


@given(honest=honest_proofs(smallest=2), data=st.data(), value=garbage)
def test_garbage_in_a_list_is_refused_by_its_position(
    honest: dict[str, Any], data: st.DataObject, value: object
) -> None:
    name = data.draw(st.sampled_from(["leaf_hashes", "indices"] + ["proof"] * bool(honest["proof"])))
    values = list(honest[name])
    where = data.draw(st.integers(0, len(values) - 1))
    values[where] = value
    error = refusal({**honest, name: values})
    if isinstance(error, MalformedHash):
        assert error.name == f"{name}[{where}]"


@pytest.mark.parametrize(
    ("indices", "size", "error"),
    [
        ([], 5, MalformedIndices),
        ([1, 1], 5, MalformedIndices),
        ([2, 1], 5, MalformedIndices),
        ({1, 2}, 5, MalformedIndices),
        ([5], 5, IndexOutOfRange),
        ([-1], 5, IndexOutOfRange),
        ([True], 5, MalformedNumber),
        ([1.0], 5, MalformedNumber),
        ([0], 0, SizeOutOfRange),
        ([0], LARGEST + 1, SizeOutOfRange),
        ([0], True, MalformedNumber),
    ],
)
def test_the_generator_refuses_what_it_cannot_prove(indices: object, size: int, error: type[ProofError]) -> None:
    with pytest.raises(error):
        merkle.multi_proof(LOGS["sha256"], indices, size)


def multi_of(case: dict[str, Any]) -> dict[str, Any]:
    """Arguments as the verifier takes them from those of the refusal table."""

    def read(value: object) -> object:
        if isinstance(value, list):
            return [read(one) for one in value]
        return bytes.fromhex(value) if isinstance(value, str) else value

    arguments = {name: read(value) for name, value in case.items() if name != "suite"}
    return {"suite": suite_by_name(case["suite"]), **arguments}


@pytest.mark.parametrize("name", REFUSALS["honest"])
def test_the_honest_proofs_of_the_refusal_table_are_accepted(name: str) -> None:
    merkle.verify_multi(**multi_of(REFUSALS["honest"][name]))


@pytest.mark.parametrize("case", REFUSALS["refused"], ids=lambda case: case["name"])
def test_every_case_of_the_refusal_table_is_refused_for_its_reason(case: dict[str, Any]) -> None:
    error = refusal(multi_of({**REFUSALS["honest"][case["honest"]], **case["change"]}))
    assert type(error).__name__ == case["error"]
