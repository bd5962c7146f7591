"""Probes of the proof engine: lanes, trees, batches, multi-proofs, tiles, state. Their yardstick is OpenSSL."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bench.gate import yardsticks
from bench.gate.probe import ANY, Probe, Subject
from sim.proof import SHA256, SM3, lanes, merkle
from sim.proof.state import StateTree
from sim.proof.tiles import TileStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sim.proof.suites import HashSuite

HUGE = 2_200_000_000
"""The size of the tree whose proofs are checked; all its indices have proofs of 32 hashes."""
DEPTH = 32
LEAVES = 1 << 11
PROOFS = 64
GROUP = range(1000, 1100)
"""Leaves that are proven together."""
STREAM_BLOCKS = {"sha256": 2048, "sm3": 768}
"""Of the yardstick's turn: about 0.1 ms of either hash on the first machine."""
NODES, TIMEOUTS = 300, 100
STATE_CHANGES = [b"asset/%d" % number for number in range(0, 160, 16)]
"""Made one after the other."""

_KERNEL_LIMITS = {
    "sha256": {"avx512f": 1 / 1.5, "avx2": 2.5, ANY: 12},
    "sm3": {"avx512f": 1 / 6, "avx2": 1 / 1.4, ANY: 2.5},
}
"""Compressions of a stream: the goal with AVX-512; below it twice what the first machine takes, told to use no more."""


def probes() -> dict[str, Probe]:
    """All, by name."""
    made: dict[str, Probe] = {}
    for suite in there():
        by = f"by one of OpenSSL's {suite.name} on 16 KiB"
        # Their Python adds to the kernel, at this size a third, so the limits are wider than the kernel's.
        for name, about, set_up, times in (
            ("lanes", "a compression, 64-byte messages in lanes", _lanes, 1),
            ("build", "a compression of a Merkle build", _build, 2),
            ("batch", "a compression of batch verification", _batch, 2),
        ):
            made[f"{name}-{suite.name}"] = Probe(
                f"{about}, {by}",
                partial(set_up, suite),
                {feature: limit * times for feature, limit in _KERNEL_LIMITS[suite.name].items()},
                "the kernel's limit" + ("" if times == 1 else f", {times} times that for what is around it"),
            )
    by = "by a node hash through hashlib"
    made["verify-one"] = Probe(f"a node of a single inclusion proof, {by}", _verify_one, {ANY: 6}, "[guess]")
    made["multi-make"] = Probe(f"a multi-proof of 100 neighbours, {by}", _multi_make, {ANY: 1000}, "[guess]")
    made["multi-verify"] = Probe(f"a leaf of a verified multi-proof of 100, {by}", _multi_verify, {ANY: 12}, "[guess]")
    made["tiles-prove"] = Probe(
        f"a proof served from tiles, {by}", _tiles_prove, {ANY: 400}, "a third of the goal of 20,000 a second"
    )
    made["tiles-append"] = Probe(
        f"a leaf appended to tiles, {by}", _tiles_append, {ANY: 4}, "a fourth of the rate of node hashes, half the goal"
    )
    made["state"] = Probe("a change of a state tree, by a bare SimPy timeout", _state, {ANY: 500}, "[guess]")
    made["state-batch"] = Probe(f"a change of a state tree among 256, {by}", _state_batch, {ANY: 500}, "[guess]")
    return made


def there() -> list[HashSuite]:
    """The hashes that this OpenSSL has: without it there is no yardstick."""
    return [suite for suite in (SHA256, SM3) if suite.name in hashlib.algorithms_available]


def _drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(20221229).integers(0, 256, shape, dtype=np.uint8)


def _leaf_hashes(count: int) -> list[bytes]:
    return [row.tobytes() for row in lanes.leaves(SHA256, _drawn(count, 32))]


def _by_stream(suite: HashSuite, work: Callable[[], object], compressions: int) -> Subject:
    blocks = STREAM_BLOCKS[suite.name]
    return Subject(work, yardsticks.stream(suite.name, blocks), compressions, blocks)


def _by_nodes(work: Callable[[], object], units: int) -> Subject:
    return Subject(work, yardsticks.nodes("sha256", NODES), units, NODES)


def _lanes(suite: HashSuite, _: Path) -> Subject:
    # Two blocks each: the second is padding.
    return _by_stream(suite, partial(lanes.hashes, suite, _drawn(LEAVES, 64)), 2 * LEAVES)


def _build(suite: HashSuite, _: Path) -> Subject:
    # One block a leaf of 32 bytes, two a node.
    return _by_stream(suite, partial(merkle.build, suite, _drawn(LEAVES, 32), threads=1), 3 * LEAVES)


def _batch(suite: HashSuite, _: Path) -> Subject:
    # The work is the same for proofs that lead to another root: every hash is computed.
    check = partial(
        merkle.verify_inclusion_batch,
        suite,
        leaf_hashes=_drawn(PROOFS, 32),
        indices=np.random.default_rng(1).integers(0, 1 << 31, PROOFS),
        size=HUGE,
        proofs=_drawn(PROOFS, DEPTH, 32),
        lengths=np.full(PROOFS, DEPTH),
        root=bytes(32),
        threads=1,
    )
    return _by_stream(suite, check, 2 * DEPTH * PROOFS)


def _log() -> tuple[merkle.Log, list[bytes]]:
    log, hashes = merkle.Log(SHA256), _leaf_hashes(1 << 12)
    log.extend(hashes)
    return log, hashes


def _verify_one(_: Path) -> Subject:
    log, hashes = _log()
    root, size = log.root(), log.size
    asked = [(index, log.inclusion_proof(index)) for index in range(0, size, size // 20)]

    def work() -> None:
        for index, proof in asked:
            merkle.verify_inclusion(SHA256, leaf_hash=hashes[index], index=index, size=size, proof=proof, root=root)

    return _by_nodes(work, sum(len(proof) for _, proof in asked))


def _multi_make(_: Path) -> Subject:
    log, indices = _log()[0], list(GROUP)
    return _by_nodes(lambda: (merkle.multi_proof(log, indices), merkle.multi_proof(log, indices)), 2)


def _multi_verify(_: Path) -> Subject:
    log, hashes = _log()
    indices = list(GROUP)
    check = partial(
        merkle.verify_multi,
        SHA256,
        leaf_hashes=[hashes[index] for index in indices],
        indices=indices,
        size=log.size,
        proof=merkle.multi_proof(log, indices),
        root=log.root(),
    )
    return _by_nodes(check, len(indices))


def _tiles_prove(folder: Path) -> Subject:
    size = 1 << 14
    with TileStore.create(folder / "prove", SHA256, "gate") as store:
        store.append(_leaf_hashes(size))
        store.sync()
    # No memory of what was read before, but for the last group of each row.
    reader = TileStore.open(folder / "prove", writable=False, cache_groups=1)
    indices = np.random.default_rng(1).integers(0, size, 4).tolist()
    return _by_nodes(lambda: [reader.inclusion_proof(index) for index in indices], len(indices))


def _tiles_append(folder: Path) -> Subject:
    store, hashes = TileStore.create(folder / "append", SHA256, "gate"), _leaf_hashes(256)
    return _by_nodes(partial(store.append, hashes), len(hashes))


def _state(_: Path) -> Subject:
    tree = StateTree(SHA256, retained_versions=2)
    tree.apply({b"asset/%d" % number: b"free" for number in range(256)})

    def change() -> None:
        # An asset that is set to what it is drops out, so the value tells the version.
        for asset in STATE_CHANGES:
            tree.apply({asset: b"frozen in %08d" % tree.version})

    # Most of it is bytecode, as in a bare event loop; the hashes are few.
    return Subject(change, yardsticks.timeouts(TIMEOUTS), len(STATE_CHANGES), TIMEOUTS)


def _state_batch(_: Path) -> Subject:
    tree = StateTree(SHA256, retained_versions=2)
    tree.apply({b"asset/%d" % number: b"free" for number in range(4096)})
    batch = [b"asset/%d" % number for number in range(256)]
    return _by_nodes(lambda: tree.apply(dict.fromkeys(batch, b"frozen in %08d" % tree.version)), len(batch))
