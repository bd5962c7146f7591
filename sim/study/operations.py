"""What a calibration times: hashing, signing, proving, and keeping records on disk, each as one small function."""

from __future__ import annotations

import random
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from sim.proof import SHA256, SM3, merkle
from sim.proof.signatures import SM2, Ed25519
from sim.proof.state import StateTree
from sim.proof.tiles import TileStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sim.proof.signatures import Scheme
    from sim.proof.suites import HashSuite

SHORT_BYTES, LONG_BYTES = 64, 16_384
BATCH = 1_000
_RECORD_BYTES = 256
_LOG_SIZE = 65_536
_STATE_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Operation:
    """Something to be timed.

    Attributes:
        name: what a calibration file calls it.
        about: what one of it is, in words.
        run: does it.
        per: how many of it one run does.
        prepare: what each run needs beforehand, which is not timed.
        waits: for the disk: the clock counts then, otherwise the CPU time of this process.
    """

    name: str
    about: str
    run: Callable[[], object]
    per: int = 1
    prepare: Callable[[], object] | None = None
    waits: bool = False


@contextmanager
def operations(kept_under: Sequence[HashSuite], folder: Path) -> Iterator[list[Operation]]:
    """Everything that is timed: hashes, proofs and signatures of both kinds, states and stores of the hashes asked for.

    Args:
        kept_under: the hashes of states and of stores, one of each for every hash.
        folder: an empty directory for the stores, on the disk that is meant.

    Raises:
        StoreError: the folder cannot be written.
    """
    suites, schemes = (SM3, SHA256), (SM2, Ed25519)
    everything = [operation for each in suites for operation in _hashing(each)]
    everything += [operation for scheme in schemes for operation in _signing(scheme)]
    everything += [operation for each in suites for operation in _proving(each)]
    with ExitStack() as stores:
        for each in kept_under:
            everything += [_state(each), *_keeping(each, folder, stores)]
        yield [*everything, _syncing(kept_under[0], folder, stores)]


def _hashing(suite: HashSuite) -> Iterator[Operation]:
    short, long, record = bytes(SHORT_BYTES), bytes(LONG_BYTES), bytes(_RECORD_BYTES)
    digest = suite.digest(b"")
    yield Operation(f"hash-short-{suite.name}", f"one hash of {SHORT_BYTES} bytes", lambda: suite.digest(short))
    yield Operation(f"hash-long-{suite.name}", f"one hash of {LONG_BYTES} bytes", lambda: suite.digest(long))
    yield Operation(
        f"leaf-{suite.name}", f"the leaf hash of a record of {_RECORD_BYTES} bytes", lambda: suite.leaf(record)
    )
    yield Operation(f"node-{suite.name}", "the hash of a node", lambda: suite.node(digest, digest))


def _signing(scheme: Scheme) -> Iterator[Operation]:
    message, signer = bytes(_RECORD_BYTES), scheme.signer(bytes(range(1, 33)))
    signature, verifier = signer.sign(message), signer.verifier()
    yield Operation(f"sign-{scheme.name}", f"one signature of {_RECORD_BYTES} bytes", lambda: signer.sign(message))
    yield Operation(f"verify-{scheme.name}", "verifying it", lambda: verifier.verify(message, signature))


def _leaves(suite: HashSuite, size: int) -> list[bytes]:
    return [suite.digest(index.to_bytes(8, "big")) for index in range(size)]


def _indices() -> Iterator[int]:
    """Leaves to prove, the same ones in every calibration and in no order that a cache would like."""
    source = random.Random(_LOG_SIZE)  # noqa: S311 - which leaf is proved is no secret
    while True:
        yield source.randrange(_LOG_SIZE)


def _proving(suite: HashSuite) -> Iterator[Operation]:
    leaves = _leaves(suite, _LOG_SIZE)
    log = merkle.Log(suite)
    log.extend(leaves)
    root, index = log.root(), _LOG_SIZE // 3
    proof = log.inclusion_proof(index, _LOG_SIZE)
    indices = _indices()
    yield Operation(
        f"proof-build-{suite.name}",
        f"an inclusion proof from a log of {_LOG_SIZE} leaves in memory",
        lambda: log.inclusion_proof(next(indices), _LOG_SIZE),
    )
    yield Operation(
        f"proof-check-{suite.name}",
        "verifying it",
        lambda: merkle.verify_inclusion(
            suite, leaf_hash=leaves[index], index=index, size=_LOG_SIZE, proof=proof, root=root
        ),
    )


def _state(suite: HashSuite) -> Operation:
    state = StateTree(suite, retained_versions=1)
    keys = [b"key %d" % number for number in range(_STATE_KEYS)]
    state.apply(dict.fromkeys(keys, b"value"))
    source, versions = random.Random(_STATE_KEYS), count()  # noqa: S311 - as above

    def update() -> None:
        value = b"value %d" % next(versions)
        state.apply(dict.fromkeys(source.sample(keys, BATCH), value))

    about = f"changing one of {_STATE_KEYS} keys of a state, {BATCH} at a time"
    return Operation(f"state-update-{suite.name}", about, update, per=BATCH)


def _keeping(suite: HashSuite, folder: Path, stores: ExitStack) -> Iterator[Operation]:
    leaves = _leaves(suite, _LOG_SIZE)
    grown, appended = (_store(f"{name}-{suite.name}", suite, folder, stores) for name in ("grown", "appended"))
    grown.append(leaves)
    grown.sync()
    indices = _indices()
    yield Operation(
        f"tile-proof-{suite.name}",
        f"an inclusion proof from a tile store of {_LOG_SIZE} leaves, files cached by the system",
        lambda: grown.inclusion_proof(next(indices), _LOG_SIZE),
    )
    batch = leaves[:BATCH]
    about = f"appending one leaf, {BATCH} at a time, without the sync"
    yield Operation(f"tile-append-{suite.name}", about, lambda: appended.append(batch), per=BATCH)


def _syncing(suite: HashSuite, folder: Path, stores: ExitStack) -> Operation:
    """What the disk takes for files of the same sizes under any hash, so it is timed once."""
    synced, batch = _store("synced", suite, folder, stores), _leaves(suite, BATCH)
    about = f"one sync after {BATCH} leaves"
    return Operation("tile-sync", about, synced.sync, prepare=lambda: synced.append(batch), waits=True)


def _store(name: str, suite: HashSuite, folder: Path, stores: ExitStack) -> TileStore:
    return stores.enter_context(closing(TileStore.create(folder / name, suite, "calibration")))
