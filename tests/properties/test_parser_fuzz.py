"""Random and mutated bytes at the parsers of proofs and stores: refused, or read back to the same bytes.

Notes, keys, bundles and headers have fuzz tests of their own beside their mutations.
"""

import os
import random
import time
from collections.abc import Callable

import pytest

from sim.proof import SHA256, SM3, ProofError, merkle
from sim.proof.state import StateTree
from sim.proof.state_proof import StateProof
from sim.proof.tiles_head import Head

FUZZ_SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))
FUZZ_SEED = int(os.environ.get("FUZZ_SEED", "20220525"))


def state_proofs() -> list[bytes]:
    proofs = []
    for suite in (SHA256, SM3):
        tree = StateTree(suite)
        tree.apply({f"asset {number}".encode(): b"frozen" for number in range(40)})
        proofs += [tree.prove(key).to_bytes() for key in (b"asset 7", b"asset 39", b"nothing")]
    return proofs


def ranges() -> list[bytes]:
    made = []
    for suite, size in ((SHA256, 1), (SM3, 13), (SHA256, 200)):
        leaves = merkle.CompactRange(suite)
        for number in range(size):
            leaves.append(suite.leaf(bytes([number])))
        made.append(leaves.to_bytes())
    return made


def heads() -> list[bytes]:
    grown = Head(SM3, "grown.example/sm3", 300, SM3.digest(b"root"), minimum_index=256, lowest_level=0)
    empty = Head(SHA256, "empty.example", 0, SHA256.empty, minimum_index=0, lowest_level=1)
    return [grown.to_bytes(), empty.to_bytes()]


PARSERS: dict[str, tuple[Callable[[bytes], bytes], list[bytes]]] = {
    "state proof": (lambda data: StateProof.from_bytes(data).to_bytes(), state_proofs()),
    "compact range": (lambda data: merkle.CompactRange.from_bytes(data).to_bytes(), ranges()),
    "head of a tile store": (lambda data: Head.from_bytes(data).to_bytes(), heads()),
}


def mutated(data: bytes, draw: random.Random) -> bytes:
    """A copy with up to three places changed, dropped, doubled or filled."""
    copy = bytearray(data)
    for _ in range(draw.randrange(1, 4)):
        at, size = draw.randrange(len(copy) + 1), draw.randrange(1, 9)
        copy[at : at + size] = draw.choice([b"", draw.randbytes(size), copy[at : at + size] * 2, b"\xff" * size])
    return bytes(copy)


@pytest.mark.parametrize("name", PARSERS)
def test_what_is_not_refused_comes_back_to_the_same_bytes(name: str) -> None:
    reread, corpus = PARSERS[name]
    assert [reread(data) for data in corpus] == corpus
    draw = random.Random(FUZZ_SEED)  # noqa: S311 - a fuzz, not a secret
    deadline = time.monotonic() + FUZZ_SECONDS
    refused = 0
    while time.monotonic() < deadline:
        data = draw.randbytes(draw.randrange(200)) if draw.randrange(8) == 0 else mutated(draw.choice(corpus), draw)
        try:
            assert reread(data) == data, f"{name}, seed {FUZZ_SEED}: {data!r}"
        except ProofError:
            refused += 1
    assert refused > 0
