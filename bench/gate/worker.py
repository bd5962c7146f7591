"""What every measurement is made in: a fresh process, so that none depends on what was done before it.

`python -m bench.gate.worker opcodes|ratios|calibrate`, with a job as JSON on standard input, prints a line of JSON for
each result. A plant, if the job names one, slows a path down first (`plants`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Planted: TypeAlias = "tuple[str, int]"
"""The name of a plant, and how much it is to do."""


ROOT = Path(__file__).parents[2]
"""Where Python finds this package, and the code that it measures."""


class WorkerFailed(Exception):
    """A worker ended with an error, which it has printed."""


def opcodes(names: Sequence[str], planted: Planted | None = None) -> Iterator[dict[str, Any]]:
    """Count courses in a worker: ``course``, ``own``, ``all`` and ``units`` of each.

    Raises:
        WorkerFailed: it went wrong there.
    """
    return _results("opcodes", {"names": list(names), "planted": planted})


def ratios(names: Sequence[str], passes: int = 1, planted: Planted | None = None) -> Iterator[dict[str, Any]]:
    """Measure probes in a worker, so many passes over all: ``probe`` and ``ratio`` of each.

    Raises:
        WorkerFailed: it went wrong there.
    """
    return _results("ratios", {"names": list(names), "passes": passes, "planted": planted})


def calibrate(name: str) -> dict[str, Any]:
    """Calibrate a plant in a worker: ``amount`` and ``factor``.

    Raises:
        WorkerFailed: it went wrong there.
    """
    (found,) = _results("calibrate", {"name": name, "planted": None})
    return found


def _results(what: str, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with _process(what) as process:
        if process.stdin is None or process.stdout is None:
            raise WorkerFailed("no pipes to the worker")
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise WorkerFailed(f"the process that measures {what} ended with exit code {process.returncode}")


@contextmanager
def _process(what: str) -> Iterator[subprocess.Popen[str]]:
    """A worker, which does not outlive the block."""
    command = [sys.executable, "-m", "bench.gate.worker", what]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) as process:  # noqa: S603 - our own
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def _count(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from bench.gate.courses import courses
    from bench.gate.opcodes import count_each

    everything = courses()
    for name, count in count_each({name: everything[name] for name in job["names"]}):
        yield {"course": name, **asdict(count)}


def _measure(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from bench.gate.measure import bench_of
    from bench.gate.probes import probes

    everything = probes()
    with bench_of({name: everything[name] for name in job["names"]}) as bench:
        for _ in range(job["passes"]):
            yield from ({"probe": name, "ratio": ratio} for name, ratio in bench.measure().items())


def _calibrate(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from tempfile import TemporaryDirectory

    from bench.gate import plants
    from bench.gate.probes import probes

    plant = plants.PLANTS[job["name"]]
    with TemporaryDirectory(prefix="gate.") as folder:
        amount, factor = plants.calibrate(plant, probes()[plant.probe].set_up(Path(folder)))
    yield {"amount": amount, "factor": factor}


_JOBS = {"opcodes": _count, "ratios": _measure, "calibrate": _calibrate}


def _main(what: str) -> int:
    from bench.gate.opcodes import CourseFailed
    from bench.gate.plants import NotPlanted, plant

    job = json.load(sys.stdin)
    try:
        if job["planted"]:
            plant(*job["planted"])
        for result in _JOBS[what](job):
            print(json.dumps(result), flush=True)
    except (CourseFailed, NotPlanted) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # told by whoever asked for it
        sys.exit(_main(sys.argv[1]))
