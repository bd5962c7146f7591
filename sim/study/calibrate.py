"""Measures what proofs cost on this machine, and writes it down in a form that scenarios take as their costs.

Every operation is timed many times, each long enough for the clock, and the operations take turns, so that a slow spell
of the machine meets them all. What counts is the CPU time of this process, so that other programs lengthen nothing but
what they take from its caches; only where an operation waits for the disk it is the time that passes. The file keeps
median and quartiles of each; a scenario's costs come from the medians. They are those of one core of one machine
through this package: a court's node may differ several times.
"""

from __future__ import annotations

import os
import platform
import ssl
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sim.proof import suite_by_name
from sim.scenario.units import show_duration
from sim.study.manifest import code_digest
from sim.study.operations import BATCH, LONG_BYTES, SHORT_BYTES, operations
from sim.study.store import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sim.study.operations import Operation

_SAMPLE_NS = 2_000_000
_PACKAGES = ("cryptography", "gmssl-pyx", "numba", "numpy")


@dataclass(frozen=True, slots=True)
class Measurement:
    """How long one of an operation takes, in nanoseconds.

    Attributes:
        name: of the operation.
        about: what one of it is.
        median_ns, lower_quartile_ns, upper_quartile_ns: over the samples.
        samples: how many there are.
    """

    name: str
    about: str
    median_ns: float
    lower_quartile_ns: float
    upper_quartile_ns: float
    samples: int


def calibrate(folder: Path, *, suites: Sequence[str], samples: int) -> list[Measurement]:
    """Measure everything.

    Args:
        folder: where the tile stores are made and removed again; on the disk that is meant.
        suites: the hashes of the tile stores and of the state, ``sm3`` or ``sha256`` or both.
        samples: how often each operation is timed, at least 2.

    Raises:
        UnknownSuite: there is no such hash.
        StoreError: the folder cannot be written.
    """
    with (
        tempfile.TemporaryDirectory(prefix=".calibrate.", dir=folder) as scratch,
        operations([suite_by_name(suite) for suite in suites], Path(scratch)) as everything,
    ):
        return measure(everything, samples)


def measure(to_measure: Iterable[Operation], samples: int) -> list[Measurement]:
    """Time operations in turns; each sample lasts 2 ms or one run, whichever is longer."""
    timed = [(operation, _repetitions(operation)) for operation in to_measure]
    times_ns: dict[str, list[float]] = {operation.name: [] for operation, _ in timed}
    for _ in range(samples):
        for operation, repetitions in timed:
            times_ns[operation.name].append(_time_ns(operation, repetitions) / (repetitions * operation.per))
    return [_summary(operation, times_ns[operation.name]) for operation, _ in timed]


def _repetitions(operation: Operation) -> int:
    """How many runs make a sample; finding out warms the operation up."""
    repetitions = 1
    if operation.prepare is None:
        while _time_ns(operation, repetitions) < _SAMPLE_NS:
            repetitions *= 2
    return repetitions


def _time_ns(operation: Operation, repetitions: int) -> int:
    if operation.prepare is not None:
        operation.prepare()
    run, clock = operation.run, time.perf_counter_ns if operation.waits else time.process_time_ns
    start_ns = clock()
    for _ in repeat(None, repetitions):
        run()
    return clock() - start_ns


def _summary(operation: Operation, times_ns: list[float]) -> Measurement:
    lower, median, upper = statistics.quantiles(times_ns, n=4, method="inclusive")
    return Measurement(operation.name, operation.about, median, lower, upper, len(times_ns))


def costs_of(measurements: Iterable[Measurement], *, suite: str, scheme: str) -> dict[str, float]:
    """What a scenario calls costs, in nanoseconds.

    A hash takes a part that does not depend on the length and one that does: the line through the short and the long
    hash. Executing a transaction is changing one key of the state and appending one record, with its share of a sync.
    """
    median_ns = {measurement.name: measurement.median_ns for measurement in measurements}
    short_ns, long_ns = median_ns[f"hash-short-{suite}"], median_ns[f"hash-long-{suite}"]
    per_byte_ns = (long_ns - short_ns) / (LONG_BYTES - SHORT_BYTES)
    return {
        "hash": max(short_ns - SHORT_BYTES * per_byte_ns, 0.0),
        "hash_per_kilobyte": 1000 * per_byte_ns,
        "sign": median_ns[f"sign-{scheme}"],
        "verify": median_ns[f"verify-{scheme}"],
        "execute": median_ns[f"state-update-{suite}"]
        + median_ns[f"tile-append-{suite}"]
        + median_ns["tile-sync"] / BATCH,
        "proof": median_ns[f"tile-proof-{suite}"],
    }


def document(name: str, measurements: list[Measurement], *, suite: str, scheme: str) -> dict[str, Any]:
    """A calibration file as data, with the machine and the time of now."""
    now = datetime.now(UTC).isoformat(timespec="minutes")
    processor = _processor()
    costs = costs_of(measurements, suite=suite, scheme=scheme)
    return {
        "name": name,
        "date": now,
        "note": "One core of one machine, through this package; a court's node may differ several times.",
        "machine": {
            "processor": processor,
            "cpus": os.cpu_count(),
            "load_average_1min": round(os.getloadavg()[0], 2),
            "platform": platform.platform(),
            "python": sys.version.split()[0],
            "openssl": ssl.OPENSSL_VERSION,
        },
        "software": {
            "judicial-alliance-testbed": metadata.version("judicial-alliance-testbed"),
            "code_sha256": code_digest(),
            **{package: metadata.version(package) for package in _PACKAGES},
        },
        "costs": {
            "source": f"alliance calibrate: {suite} and {scheme} on {processor}, {now}; a court's node may differ",
            **{key: show_duration(round(cost_ns)) for key, cost_ns in costs.items()},
        },
        "measurements": {
            measurement.name: {
                "about": measurement.about,
                "median_ns": round(measurement.median_ns, 1),
                "quartiles_ns": [round(measurement.lower_quartile_ns, 1), round(measurement.upper_quartile_ns, 1)],
                "samples": measurement.samples,
            }
            for measurement in measurements
        },
    }


def write(path: Path, data: dict[str, Any]) -> None:
    """Write a calibration file, all of it or nothing.

    Raises:
        OSError: it cannot be written.
    """
    head = "# Written by `alliance calibrate`; scenarios take it as `costs: <path of this file>`.\n"
    write_text(path, head + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120))


def _processor() -> str:
    """The processor's name, as far as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
