"""The lane kernels give the digests of FIPS 180-4, GB/T 32905-2016 and RFC 9162, and stay fast while they do."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import llvmlite.binding
import numpy as np
import pytest

from sim.proof import SHA256, SM3, ProofError, lanes, merkle
from sim.proof.sm3 import Sm3

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.proof.suites import HashSuite

HERE = pathlib.Path(__file__).parent
TREE = json.loads((HERE / "rfc6962_ct_reference_tree.json").read_text("utf-8"))
SM3_VECTORS = json.loads((HERE / "sm3_gbt32905.json").read_text("utf-8"))["vectors"]

PLAIN = {"sha256": lambda data: hashlib.sha256(data).digest(), "sm3": lambda data: Sm3(data).digest()}
both_suites = pytest.mark.parametrize("suite", [SHA256, SM3], ids=lambda suite: suite.name)

RATE_FLOORS = {("sha256", True): 1.5, ("sm3", True): 6.0, ("sha256", False): 0.4, ("sm3", False): 1.4}
"""By suite, and whether the processor has AVX-512: half of how many times faster than OpenSSL's 16 KiB stream a kernel
hashed a block on the machine of the reference results (without: on the same one, told to use AVX2 at most)."""


def rows_of(contents: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(contents), np.uint8).reshape(len(contents), -1)


def list_of(rows: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in rows]


def drawn_rows(count: int, size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size), dtype=np.uint8)


# FIPS 180-4 and GB/T 32905-2016


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ],
    ids=["empty", "one block", "two blocks", "a million a"],
)
def test_the_sha256_examples_of_nist_come_out_in_every_lane(message: bytes, digest: str) -> None:
    rows = rows_of([message] * 33) if message else np.zeros((33, 0), np.uint8)
    assert {row.hex() for row in list_of(lanes.hashes(SHA256, rows))} == {digest}


@pytest.mark.parametrize("vector", SM3_VECTORS, ids=lambda vector: f"{len(vector['msg']) // 2} bytes")
def test_the_sm3_examples_of_the_standard_come_out_in_every_lane(vector: dict[str, str]) -> None:
    message = bytes.fromhex(vector["msg"])
    rows = rows_of([message] * 33) if message else np.zeros((33, 0), np.uint8)
    assert {row.hex() for row in list_of(lanes.hashes(SM3, rows))} == {vector["sm3"]}


@both_suites
@pytest.mark.parametrize("prefix", [b"", b"\x00", b"\x01"], ids=["plain", "leaf", "node"])
def test_messages_of_every_length_around_a_block_are_hashed_as_one_by_one(suite: HashSuite, prefix: bytes) -> None:
    for size in (0, 1, 3, 31, 32, 54, 55, 56, 62, 63, 64, 65, 118, 119, 120, 127, 128, 240, 1000):
        rows = drawn_rows(70, size)
        wanted = [PLAIN[suite.name](prefix + row.tobytes()) for row in rows[:3]]
        hashed = lanes.hashes(suite, rows, prefix)
        assert list_of(hashed[:3]) == wanted, size
        assert list_of(hashed) == [suite.digest(prefix + row) for row in list_of(rows)], size


@both_suites
@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 63, 64, 65, 96, 97, 200, 4133])
def test_any_number_of_messages_fits_whole_vectors_or_not(suite: HashSuite, count: int) -> None:
    rows = drawn_rows(count, 40)
    assert list_of(lanes.leaves(suite, rows)) == suite.leaves(list_of(rows))


@both_suites
def test_rows_that_are_not_neighbours_or_may_not_be_written_are_hashed_all_the_same(suite: HashSuite) -> None:
    rows = drawn_rows(300, 80)
    locked = rows.copy()
    locked.flags.writeable = False
    assert list_of(lanes.leaves(suite, locked)) == suite.leaves(list_of(rows))
    assert list_of(lanes.leaves(suite, rows[::3, 5:70])) == suite.leaves(list_of(rows[::3, 5:70]))


@pytest.mark.parametrize(
    "rows",
    [None, b"x" * 64, [[1, 2]], np.zeros(32, np.uint8), np.zeros((2, 32), np.int8), np.zeros((2, 2, 32), np.uint8)],
    ids=["None", "bytes", "list", "one dimension", "int8", "three dimensions"],
)
def test_what_is_no_array_of_rows_is_refused(rows: object) -> None:
    for work in (lanes.hashes, lanes.leaves, lanes.parents, lambda suite, data: lanes.roots(suite, data, 1, leaf=True)):
        with pytest.raises(ProofError, match="must be an array"):
            work(SHA256, rows)


def test_a_prefix_of_two_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="at most one byte"):
        lanes.hashes(SHA256, drawn_rows(40, 8), b"ab")


# RFC 9162 section 2.1.1


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_the_perfect_roots_of_the_ct_reference_tree_are_the_published_ones(size: int) -> None:
    contents = [bytes.fromhex(content) for content in TREE["leaves_hex"][:size]]
    level = np.concatenate([lanes.leaves(SHA256, np.frombuffer(content, np.uint8)[None]) for content in contents])
    assert lanes.roots(SHA256, level, size.bit_length() - 1, leaf=False).tobytes().hex() == TREE["roots_by_size"][size]


@both_suites
@pytest.mark.parametrize("height", [0, 1, 4, 5, 6, 9, 13, 14])
def test_a_folded_tree_has_the_root_of_the_definition(suite: HashSuite, height: int) -> None:
    contents = drawn_rows(2 << height, 32, seed=height)
    roots = list_of(lanes.roots(suite, contents, height, leaf=True))
    halves = (contents[: 1 << height], contents[1 << height :])
    assert roots == [merkle.root(suite, suite.leaves(list_of(half))) for half in halves]
    assert list_of(lanes.roots(suite, lanes.leaves(suite, contents), height, leaf=False)) == roots


@both_suites
def test_parents_are_the_nodes_of_neighbours(suite: HashSuite) -> None:
    children = drawn_rows(134, 32)
    assert lanes.parents(suite, children).tobytes() == suite.parents(children.tobytes())
    with pytest.raises(ProofError, match="multiple of 2"):
        lanes.parents(suite, children[:5])


# Machines that differ

SAME_RESULTS = """
import sys
{before}
import numpy as np
from sim.proof import SHA256, SM3, lanes, merkle
rows = np.arange(32 * 700, dtype=np.uint64).astype(np.uint8).reshape(700, 32) ^ np.arange(700, dtype=np.uint16)[:, None].astype(np.uint8)
for suite in (SHA256, SM3):
    assert (lanes.kernels(suite) is not None) == {compiled}
    log = merkle.Log(suite)
    log.extend(row.tobytes() for row in lanes.leaves(suite, rows))
    proofs = [log.inclusion_proof(index) for index in range(700)]
    lengths = np.array([len(proof) for proof in proofs])
    padded = np.zeros((700, 10, 32), np.uint8)
    for row, proof in enumerate(proofs):
        padded[row, : len(proof)] = np.frombuffer(b"".join(proof), np.uint8).reshape(-1, 32)
    padded[7] ^= 1
    verdicts = merkle.verify_inclusion_batch(
        suite, leaf_hashes=lanes.leaves(suite, rows), indices=np.arange(700), size=700, proofs=padded, lengths=lengths,
        root=log.root())
    print(merkle.build(suite, rows).root.hex(), log.root().hex(), lanes.parents(suite, rows).tobytes().hex()[-64:],
          np.flatnonzero(~verdicts).tolist())
"""  # noqa: E501 - a program in one string


def shown_by(program: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    ).stdout


def results(before: str = "", *, compiled: bool, **environment: str) -> str:
    return shown_by(SAME_RESULTS.format(before=before, compiled=compiled), **environment)


def test_without_numba_or_switched_off_everything_gives_the_same_only_slower() -> None:
    here = results(compiled=True)
    assert here.count("[7]") == 2
    assert results(compiled=False, ALLIANCE_LANES="off") == here
    assert results("sys.modules['numba'] = None", compiled=False) == here


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names processors of that family")
def test_a_processor_without_avx512_gives_the_same(tmp_path: pathlib.Path) -> None:
    program = """
import numpy as np
from sim.proof import SHA256, SM3, lanes, merkle
rows = np.random.default_rng(9).integers(0, 256, (256, 32), dtype=np.uint8)
for suite in (SHA256, SM3):
    root = merkle.root(suite, suite.leaves(row.tobytes() for row in rows))
    assert lanes.roots(suite, rows, 8, leaf=True).tobytes() == root
    assert not any("zmm" in text for text in lanes.kernels(suite).roots.inspect_asm().values())
"""
    older = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": "+avx2", "NUMBA_CACHE_DIR": str(tmp_path)}
    assert not shown_by(program, **older)


def test_compiled_code_is_kept_on_disk_and_another_emitter_does_not_find_it(tmp_path: pathlib.Path) -> None:
    code = """
from sim.proof import SHA256, lanes
import numpy as np
lanes.hashes(SHA256, np.zeros((64, 64), np.uint8))
print(sum(lanes.kernels(SHA256).messages.stats.cache_hits.values()))
"""
    changed = """
import pathlib, sim.proof.lanes_ir as emitter
copy = pathlib.Path({path!r})
copy.write_bytes(pathlib.Path(emitter.__file__).read_bytes() + b"# another state of the file")
emitter.__file__ = str(copy)
""".format(path=str(tmp_path / "lanes_ir.py"))
    hits = [shown_by(program, NUMBA_CACHE_DIR=str(tmp_path)).strip() for program in (code, code, changed + code)]
    assert hits == ["0", "1", "0"]


# Speed, as ratios inside one run


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@both_suites
def test_a_block_takes_the_lanes_less_time_than_openssl_by_the_floor(suite: HashSuite) -> None:
    try:
        hashlib.new(suite.name)
    except ValueError:
        pytest.skip("this OpenSSL has no such hash to compare with")
    stream, blocks = bytes(1 << 14), (1 << 14) // 64
    messages, contents = drawn_rows(2048, 64), drawn_rows(1 << lanes.CHUNK_HEIGHT, 32)
    rivals = {
        "stream": (lambda: hashlib.new(suite.name, stream).digest(), blocks),
        "messages": (lambda: lanes.hashes(suite, messages), 2 * len(messages)),
        "tree": (lambda: lanes.roots(suite, contents, lanes.CHUNK_HEIGHT, leaf=True), 3 * len(contents)),
    }
    best = dict.fromkeys(rivals, float("inf"))
    assert lanes.kernels(suite) is not None
    floor = RATE_FLOORS[suite.name, bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))]
    # Short turns, taken by all in the same moments, until the best of each has met a quiet one on a busy machine.
    for turn in range(1000):
        for name, (work, count) in rivals.items():
            best[name] = min(best[name], seconds(work) / count)
        if turn >= 40 and best["stream"] >= floor * max(best["tree"], best["messages"]):
            break
    assert best["stream"] / best["tree"] >= floor
    assert best["stream"] / best["messages"] >= floor
