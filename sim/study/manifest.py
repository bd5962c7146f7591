"""Where a result comes from: software, parameters, machine and time, so that somebody else can make it again."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.study.sources import sources_of

if TYPE_CHECKING:
    from sim.scenario import Scenario

SCHEMA_VERSION = 1
PACKAGES = ("numpy", "simpy", "networkx", "polars", "pydantic", "pyyaml")


def run_id(scenario: Scenario, seed: int) -> str:
    """Names a replication: 16 hexadecimal digits over the resolved scenario and the seed."""
    return id_of(scenario.to_yaml(), seed)


def id_of(text: str, seed: int) -> str:
    """As `run_id`, of a scenario that has been written already: writing one takes as long as a short run."""
    return hashlib.sha256(f"{text}\n{seed}".encode()).hexdigest()[:16]


@cache
def code_digest() -> str:
    """SHA-256 over the package's source files, as they were when it was first asked for.

    Results of different code are told apart by it.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def describe(scenario: Scenario, seed: int, summary: dict[str, Any], simulation_s: float) -> dict[str, Any]:
    """The manifest of a run that has just ended."""
    return {
        "schema_version": SCHEMA_VERSION,
        "software": {
            "name": "judicial-alliance-testbed",
            "version": _version("judicial-alliance-testbed"),
            "code_sha256": code_digest(),
            "packages": {package: _version(package) for package in PACKAGES},
        },
        "parameters": {
            "scenario": scenario.name,
            "source": str(scenario.source) if scenario.source else None,
            "seed": seed,
            "run_id": summary["run_id"],
            "costs": {"file": scenario.costs_file, "source": scenario.costs.source},
            "sources": sources_of(scenario.files),
        },
        "environment": {
            "python": sys.version.split()[0],
            "platform": platform.platform(),
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
            "load_average_1min": os.getloadavg()[0],
        },
        "wall": {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "simulation_s": simulation_s,
            "events_per_s": summary["events"] / simulation_s,
            "messages_per_s": summary["messages"] / simulation_s,
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
        },
    }


@cache
def _version(package: str) -> str:
    return metadata.version(package)


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""getrusage reports kilobytes, except on macOS."""
