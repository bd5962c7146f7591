"""Commit billions of evidence records under one root, prove some of them, and check the work by other means.

    python bench/billions.py --hash sm3 --mode digests --records 2.2e9 --checkpoint /tmp/billions.json

Every record is made, hashed and forgotten; what stays is a compact range and the root of every 2^20 records. With
``--checkpoint`` both are kept in a file, and a killed run goes on from there. Threads of this process do the work, or
processes, or the workers of a Dask scheduler (``--executor``), with the same root and checkpoint. Afterwards random
records are made again in plain Python and proven from regenerated subtrees, two earlier sizes are proven consistent,
and random subtrees are recomputed with hashlib alone. The result is a JSON file; the full size writes it to
results/reference.
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
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sim.proof import ProofError, lanes, merkle
from sim.proof.build import range_of
from sim.study.executors import NAMES, Lost, Threads, opened
from sim.study.store import write_text
from sim.study.subtrees import CHUNK_HEIGHT, Task, Work, committer, kernel_limit, subtree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim.proof.suites import HashSuite
    from sim.study.evidence import Evidence
    from sim.study.executors import Executor
    from sim.study.subtrees import Committer

R = TypeVar("R")

FULL_SIZE = 2_200_000_000
"""More than 2.2 billion records were deposited with the courts' chain by 25 May 2022."""

SUBTREE_HEIGHT = 10
INTERRUPTED = 130
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

    def add(self, subtree: bytes) -> None:
        """Merge the next segment, the bytes of its compact range.

        Raises:
            ProofError: they are of no range that begins where this one ends.
        """
        made = merkle.CompactRange.from_bytes(subtree)
        self.range.extend(made)
        self.segments += made.hashes

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
        write_text(path, json.dumps(content))

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


def commit(state: Progressed, work: Work, options: argparse.Namespace, executor: Executor) -> None:
    """Hash all records that are not yet in ``state``, saving it as it goes."""
    whole = options.records >> state.segment_height
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task(f"2^{state.segment_height} records", total=whole, completed=len(state.segments))
        state.limits.append(_limit(work, executor))
        while len(state.segments) < whole:
            try:
                _commit_for_a_while(state, work, options, executor, lambda: bar.advance(task))
            finally:
                if options.checkpoint:
                    state.save(options.checkpoint, work.mode)
            state.limits.append(_limit(work, executor))
    start = time.perf_counter()
    by = committer(work)
    for first in range(state.range.end, options.records, 1 << CHUNK_HEIGHT):
        rows = by.evidence.rows(first, min(1 << CHUNK_HEIGHT, options.records - first))
        state.range.extend(range_of(by.suite, first, rows))
    state.seconds += time.perf_counter() - start


def _commit_for_a_while(
    state: Progressed,
    work: Work,
    options: argparse.Namespace,
    executor: Executor,
    done: Callable[[], None],
) -> None:
    """Whole segments until the next checkpoint is due, merged in order, whatever the order in which they come."""
    start = time.perf_counter()
    first, whole = len(state.segments), options.records >> state.segment_height

    def issued() -> Iterator[Task]:
        for position in range(first, whole):
            if position > first and time.perf_counter() - start > options.checkpoint_every:
                return
            yield Task(work, state.segment_height, position)

    early: dict[int, bytes] = {}
    with closing(executor.results(subtree, issued())) as results:
        for number, made in results:
            early[first + number] = _there(made)
            while (following := len(state.segments)) in early:
                state.add(early.pop(following))
                done()
    state.seconds += time.perf_counter() - start


def _limit(work: Work, executor: Executor) -> float:
    """Records per second of the bare kernels, all workers at once."""
    with closing(executor.results(kernel_limit, [work] * executor.workers)) as results:
        return sum(_there(rate) for _, rate in results)


def _there(result: R | Lost) -> R:
    """What a worker made; what its death took away ends this run, which goes on from its checkpoint."""
    if isinstance(result, Lost):
        raise ChildProcessError(f"a piece of the work is lost: {result.reason}; the same command goes on")
    return result


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
    parser.add_argument(
        "--executor",
        choices=("threads", *NAMES),
        default="threads",
        help="threads of this process, processes of this machine, one of each (serial), or dask",
    )
    parser.add_argument(
        "--workers", "--threads", type=int, help="threads or processes, by default one for each processor"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler, such as tcp://host:8786")
    parser.add_argument("--proofs", type=int, default=100, help="random records to prove, at least 2")
    parser.add_argument("--seed", type=int, default=1, help="of the samples that are checked")
    parser.add_argument("--checkpoint", type=Path, help="where a killed run goes on from")
    parser.add_argument("--checkpoint-every", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--segment-height", type=int, default=20, help="a worker takes 2^this records at a time")
    parser.add_argument("--out", type=Path, help="the result, by default under results/")
    options = parser.parse_args(arguments)
    for name, least, most in (("proofs", 2, 10**9), ("workers", 1, 1024), ("segment_height", 1, 30)):
        if getattr(options, name) is not None and not least <= getattr(options, name) <= most:
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


def _peak_mib() -> int:
    """The most memory that this program held. Linux counts what its parent held in `getrusage`, but not here."""
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = [line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:")]
        return round(int(line.split()[1]) / 1024)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> int:
    """Run, check, and write the result."""
    options = _options()
    load_before = os.getloadavg()
    work = Work(options.hash, options.mode)
    by = committer(work)
    state = Progressed(merkle.CompactRange(by.suite), options.segment_height)
    if options.checkpoint and options.checkpoint.exists():
        try:
            state = Progressed.load(options.checkpoint, by.suite, options)
        except (ValueError, KeyError, ProofError) as error:
            print(f"{options.checkpoint}: cannot go on from this file: {error}", file=sys.stderr)
            return 2
    resumed_at = state.range.end
    by.subtree_root(CHUNK_HEIGHT, 0)  # compiles, or loads what was compiled
    try:
        workers = _commit_where_told(state, work, options)
    except (OSError, ValueError) as error:
        print(f"billions: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"billions: interrupted after {state.range.end:,} records", file=sys.stderr)
        return INTERRUPTED
    root = state.range.root()
    start = time.perf_counter()
    checked = check(Regenerated(by, state), by.evidence, root, options)
    limit = median(state.limits)
    result = {
        "schema": 1,
        "hash": options.hash,
        "mode": options.mode,
        "records": options.records,
        "record_bytes": by.evidence.size_bytes,
        "root": root.hex(),
        "range": [digest.hex() for digest in state.range.hashes],
        "executor": options.executor,
        "threads": workers,
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
        "peak_memory_mib": _peak_mib(),
        "load_before": load_before,
        "load_after": os.getloadavg(),
        "machine": _machine(),
        "command": "python bench/billions.py " + " ".join(sys.argv[1:]),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out, json.dumps(result, indent=1) + "\n")
    print(f"root {root.hex()}  {result['records_per_s']:,} records/s  share {result['share_of_kernel_limit']}")
    print(f"wrote {options.out}")
    return 0


def _commit_where_told(state: Progressed, work: Work, options: argparse.Namespace) -> int:
    """Commit on the executor that was asked for; returns how many worked at a time.

    Raises:
        OSError: workers are not to be had, or one took a piece of the work with it.
        ValueError: the options do not go together.
    """
    with ExitStack() as stack:
        if options.executor != "threads":
            executor = stack.enter_context(opened(options.executor, options.workers, options.scheduler))
        elif options.scheduler:
            raise ValueError("a scheduler is asked by --executor dask, not by threads")
        else:
            executor = Threads(options.workers or lanes.usable_threads())
        commit(state, work, options, executor)
        return executor.workers


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
