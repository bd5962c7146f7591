"""Commit billions of evidence records under one root, prove some of them, and check the work by other means.

    python bench/billions.py --hash sm3 --mode digests --records 2.2e9 --checkpoint /tmp/billions.json

Every record is made, hashed and forgotten; what stays is a compact range and the root of every 2^20 records. With
``--checkpoint`` both are kept in a file, and a killed run goes on from there. Afterwards random records are made again
in plain Python and proven from regenerated subtrees, two earlier sizes are proven consistent, and random subtrees are
recomputed with hashlib alone. The result is a JSON file; the full size writes it to results/reference.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import resource
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from evidence import Evidence
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sim.proof import ProofError, lanes, merkle, suite_by_name
from sim.proof.build import range_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.proof.suites import HashSuite

FULL_SIZE = 2_200_000_000
"""More than 2.2 billion records were deposited with the courts' chain by 25 May 2022."""

CHUNK_HEIGHT = lanes.CHUNK_HEIGHT
MESSAGE_ROWS = 1 << 11  # records hashed in one go: half a MiB
SUBTREE_HEIGHT = 10
LIMIT_S = 0.25
FORMAT = "billions checkpoint 1"


@dataclass
class Progressed:
    """How far a run has come.

    Attributes:
        range: all records so far.
        segments: the root of every 2^segment_height of them.
        segment_height: 20, if not told otherwise.
        seconds: spent on them.
        limits: rates of the kernels in records per second, measured in between.
    """

    range: merkle.CompactRange
    segment_height: int
    segments: list[bytes] = field(default_factory=list)
    seconds: float = 0.0
    limits: list[float] = field(default_factory=list)

    def save(self, path: Path, mode: str) -> None:
        """Replace the checkpoint file in one step: whoever reads it finds the old one or the new one whole."""
        content = {
            "format": FORMAT,
            "mode": mode,
            "range": self.range.to_bytes().hex(),
            "segment_height": self.segment_height,
            "segments": b"".join(self.segments).hex(),
            "seconds": self.seconds,
            "limits": self.limits,
        }
        beside = path.with_name(path.name + ".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    @classmethod
    def load(cls, path: Path, suite: HashSuite, options: argparse.Namespace) -> Progressed:
        """The state in a checkpoint file, which must be one of this very run.

        Raises:
            ValueError: it is not, or cannot be read.
        """
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("it is not a checkpoint of this program")
        loaded = merkle.CompactRange.from_bytes(bytes.fromhex(content["range"]))
        height = content["segment_height"]
        if (loaded.suite, content["mode"], height) != (suite, options.mode, options.segment_height):
            raise ValueError(f"it is of a run over {loaded.suite.name} {content['mode']}, segments of 2^{height}")
        if loaded.end > options.records:
            raise ValueError(f"it has {loaded.end} records already")
        joined = bytes.fromhex(content["segments"])
        segments = [joined[start : start + 32] for start in range(0, len(joined), 32)]
        rebuilt = merkle.CompactRange(suite)
        for digest in segments:
            rebuilt.append_subtree(digest, height)
        if rebuilt != loaded:
            raise ValueError("its segments do not add up to its range")
        return cls(loaded, height, segments, content["seconds"], content["limits"])


class Committer:
    """Makes and hashes records of one mode, each thread in buffers of its own."""

    def __init__(self, suite: HashSuite, evidence: Evidence) -> None:
        self.suite = suite
        self.evidence = evidence
        self._local = threading.local()

    def subtree_root(self, height: int, position: int) -> bytes:
        """The root of records [position · 2^height, (position + 1) · 2^height), made anew."""
        chunk_height = min(height, CHUNK_HEIGHT)
        first, chunk = position << height, 1 << chunk_height
        roots = np.empty((1 << height - chunk_height, 32), np.uint8)
        for number in range(len(roots)):
            roots[number] = self._chunk_root(first + number * chunk, chunk_height)
        return lanes.roots(self.suite, roots, height - chunk_height, leaf=False).tobytes()

    def _chunk_root(self, first: int, height: int) -> np.ndarray:
        count = 1 << height
        if self.evidence.mode == "digests":
            rows = self._rows(count)
            self.evidence.fill(rows, first)
            return lanes.roots(self.suite, rows, height, leaf=True)[0]
        hashes = np.empty((count, 32), np.uint8)
        for start in range(0, count, MESSAGE_ROWS):
            rows = self._rows(min(MESSAGE_ROWS, count - start))
            self.evidence.fill(rows, first + start)
            hashes[start : start + len(rows)] = lanes.leaves(self.suite, rows)
        return lanes.roots(self.suite, hashes, height, leaf=False)[0]

    def _rows(self, count: int) -> np.ndarray:
        if not hasattr(self._local, "rows"):
            largest = 1 << CHUNK_HEIGHT if self.evidence.mode == "digests" else MESSAGE_ROWS
            self._local.rows = np.empty((largest, self.evidence.size_bytes), np.uint8)
        return self._local.rows[:count]

    def limit(self, pool: ThreadPoolExecutor, threads: int) -> float:
        """Records per second of the bare kernels, all threads at once, on data that stays in the cache."""
        return sum(pool.map(lambda _: self._limit_of_one(), range(threads)))

    def _limit_of_one(self) -> float:
        chunk = np.zeros((1 << CHUNK_HEIGHT, 32), np.uint8)
        if self.evidence.mode == "digests":
            return 1 / _seconds_each(lambda: lanes.roots(self.suite, chunk, CHUNK_HEIGHT, leaf=True), len(chunk))
        rows = np.zeros((MESSAGE_ROWS, self.evidence.size_bytes), np.uint8)
        nodes = _seconds_each(lambda: lanes.roots(self.suite, chunk, CHUNK_HEIGHT, leaf=False), len(chunk))
        return 1 / (nodes + _seconds_each(lambda: lanes.leaves(self.suite, rows), len(rows)))


def _seconds_each(work: Callable[[], object], items: int) -> float:
    """The time per item, over `LIMIT_S`."""
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < LIMIT_S:
        work()
        calls += 1
    return elapsed / (calls * items)


class Regenerated(merkle.Log):
    """A log that makes its records again for every proof, below the roots of segments that it holds."""

    __slots__ = ("_committer", "_segment_height", "_size")

    def __init__(self, committer: Committer, state: Progressed) -> None:
        super().__init__(committer.suite)
        self.extend(state.segments)
        self._committer, self._segment_height, self._size = committer, state.segment_height, state.range.end

    @property
    def size(self) -> int:
        """The number of records."""
        return self._size

    def _perfect(self, height: int, position: int) -> bytes:
        if height >= self._segment_height:
            return super()._perfect(height - self._segment_height, position)
        return self._committer.subtree_root(height, position)

    def subtree(self, height: int, position: int) -> bytes:
        """The root of records [position · 2^height, (position + 1) · 2^height)."""
        return self._perfect(height, position)


def commit(committer: Committer, state: Progressed, options: argparse.Namespace) -> None:
    """Hash all records that are not yet in ``state``, saving it as it goes."""
    whole = options.records >> state.segment_height
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with ThreadPoolExecutor(options.threads) as pool, Progress(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task(f"2^{state.segment_height} records", total=whole, completed=len(state.segments))
        state.limits.append(committer.limit(pool, options.threads))
        while len(state.segments) < whole:
            _commit_for_a_while(committer, state, pool, options, lambda: bar.advance(task))
            if options.checkpoint:
                state.save(options.checkpoint, options.mode)
            state.limits.append(committer.limit(pool, options.threads))
    start = time.perf_counter()
    for first in range(state.range.end, options.records, 1 << CHUNK_HEIGHT):
        rows = committer.evidence.rows(first, min(1 << CHUNK_HEIGHT, options.records - first))
        state.range.extend(range_of(committer.suite, first, rows))
    state.seconds += time.perf_counter() - start


def _commit_for_a_while(
    committer: Committer,
    state: Progressed,
    pool: ThreadPoolExecutor,
    options: argparse.Namespace,
    done: Callable[[], None],
) -> None:
    """Whole segments, in order, until the next checkpoint is due."""
    start = time.perf_counter()
    following, whole = len(state.segments), options.records >> state.segment_height
    waiting = deque()
    while True:
        due = time.perf_counter() - start > options.checkpoint_every
        while not due and following < whole and len(waiting) < 2 * options.threads:
            waiting.append(pool.submit(committer.subtree_root, state.segment_height, following))
            following += 1
        if not waiting:
            break
        digest = waiting.popleft().result()
        state.segments.append(digest)
        state.range.append_subtree(digest, state.segment_height)
        done()
    state.seconds += time.perf_counter() - start


def check(log: Regenerated, evidence: Evidence, root: bytes, options: argparse.Namespace) -> dict[str, int]:
    """Prove, verify and recompute; whatever does not hold raises.

    Returns:
        How many of each were checked.
    """
    draw = random.Random(options.seed)  # noqa: S311 - a choice of samples
    suite, size = log.suite, log.size
    assert log.root() == root
    sample = [0, size - 1, *(draw.randrange(size) for _ in range(options.proofs - 2))]
    for index in sample:
        merkle.verify_inclusion(
            suite,
            leaf_hash=suite.leaf(evidence.record(index)),
            index=index,
            size=size,
            proof=log.inclusion_proof(index),
            root=root,
        )
    older = [draw.randrange(1, size) for _ in range(3)]
    for old_size in older:
        merkle.verify_consistency(
            suite,
            old_size=old_size,
            old_root=log.root(old_size),
            new_size=size,
            new_root=root,
            proof=log.consistency_proof(old_size),
        )
    subtrees = [draw.randrange(size >> SUBTREE_HEIGHT) for _ in range(8)] if size >> SUBTREE_HEIGHT else []
    for position in subtrees:
        plain = _plain_root(suite.name, evidence, position << SUBTREE_HEIGHT, 1 << SUBTREE_HEIGHT)
        assert plain == log.subtree(SUBTREE_HEIGHT, position), f"subtree {position} differs from hashlib"
    return {
        "inclusion_proofs": len(sample),
        "consistency_proofs": len(older),
        "subtrees_by_hashlib": len(subtrees),
        "records_by_hashlib": len(subtrees) << SUBTREE_HEIGHT,
    }


def _plain_root(name: str, evidence: Evidence, first: int, count: int) -> bytes:
    """MTH of RFC 9162 section 2.1.1 over records, by its own recursion and hashlib alone."""
    if count == 1:
        return hashlib.new(name, b"\x00" + evidence.record(first)).digest()
    half = count // 2
    children = _plain_root(name, evidence, first, half) + _plain_root(name, evidence, first + half, half)
    return hashlib.new(name, b"\x01" + children).digest()


def _options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hash", choices=("sha256", "sm3"), default="sha256")
    parser.add_argument("--mode", choices=("records", "digests"), default="digests")
    parser.add_argument("--records", type=_count, default=10_000_000, help="how many, such as 2.2e9; by default 1e7")
    parser.add_argument("--threads", type=int, default=lanes.usable_threads())
    parser.add_argument("--proofs", type=int, default=100, help="random records to prove, at least 2")
    parser.add_argument("--seed", type=int, default=1, help="of the samples that are checked")
    parser.add_argument("--checkpoint", type=Path, help="where a killed run goes on from")
    parser.add_argument("--checkpoint-every", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--segment-height", type=int, default=20, help="a thread takes 2^this records at a time")
    parser.add_argument("--out", type=Path, help="the result, by default under results/")
    options = parser.parse_args(arguments)
    for name, least, most in (("proofs", 2, 10**9), ("threads", 1, 1024), ("segment_height", 1, 30)):
        if not least <= getattr(options, name) <= most:
            parser.error(f"--{name.replace('_', '-')} must be from {least} to {most}")
    if options.out is None:
        folder = Path("results/reference" if options.records == FULL_SIZE else "results")
        options.out = folder / f"billions-{options.hash}-{options.mode}.json"
    return options


def _count(text: str) -> int:
    number = float(text)
    if number != int(number) or not 2 <= number <= 2**53:  # noqa: PLR2004 - two sizes; a float's whole numbers
        raise argparse.ArgumentTypeError(f"{text} is not a number of records from 2 on")
    return int(number)


def main() -> int:
    """Run, check, and write the result."""
    options = _options()
    load_before = os.getloadavg()
    suite, evidence = suite_by_name(options.hash), Evidence(options.mode)
    committer = Committer(suite, evidence)
    state = Progressed(merkle.CompactRange(suite), options.segment_height)
    if options.checkpoint and options.checkpoint.exists():
        try:
            state = Progressed.load(options.checkpoint, suite, options)
        except (ValueError, KeyError, ProofError) as error:
            print(f"{options.checkpoint}: cannot go on from this file: {error}", file=sys.stderr)
            return 2
    resumed_at = state.range.end
    committer.subtree_root(CHUNK_HEIGHT, 0)  # compiles, or loads what was compiled
    commit(committer, state, options)
    root = state.range.root()
    start = time.perf_counter()
    checked = check(Regenerated(committer, state), evidence, root, options)
    limit = median(state.limits)
    result = {
        "schema": 1,
        "hash": options.hash,
        "mode": options.mode,
        "records": options.records,
        "record_bytes": evidence.size_bytes,
        "root": root.hex(),
        "range": [digest.hex() for digest in state.range.hashes],
        "threads": options.threads,
        "resumed_at": resumed_at,
        "seconds": round(state.seconds, 3),
        "records_per_s": round(options.records / state.seconds),
        "kernel_limit_records_per_s": {
            "median": round(limit),
            "lowest": round(min(state.limits)),
            "highest": round(max(state.limits)),
            "measured": len(state.limits),
        },
        "share_of_kernel_limit": float(f"{options.records / state.seconds / limit:.3g}"),
        "checked": checked,
        "check_seconds": round(time.perf_counter() - start, 3),
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "load_before": load_before,
        "load_after": os.getloadavg(),
        "machine": _machine(),
        "command": "python bench/billions.py " + " ".join(sys.argv[1:]),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"root {root.hex()}  {result['records_per_s']:,} records/s  share {result['share_of_kernel_limit']}")
    print(f"wrote {options.out}")
    return 0


def _machine() -> dict[str, object]:
    """What the rates depend on."""
    import llvmlite.binding
    import numba

    return {
        "processor": llvmlite.binding.get_host_cpu_name(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numba": numba.__version__,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


if __name__ == "__main__":
    sys.exit(main())
