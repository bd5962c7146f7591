"""Add a run of the benchmarks to the history: what `make bench` does with its report when all of it has run.

    python bench/history.py results/bench.json --selection quick

A line is added to results/history/bench.jsonl (`sim/study/history.py` says what is in it; `alliance bench-report` reads
it), and results/history/github-action-benchmark.json is replaced by the run's rates as a hosted CI plots them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from measure import Measured
from table import Row

from sim.study.history import Code, Entry, Machine, Rate, append, for_github_action
from sim.study.store import write_text

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "results" / "history"
FOR_GITHUB: Final = "github-action-benchmark.json"
PACKAGES: Final = ("cryptography", "gmssl-pyx", "llvmlite", "numba", "numpy", "polars", "pydantic", "simpy")
"""What rates depend on beside the project's own code."""


@dataclass(frozen=True)
class Checkout:
    """The state of the code in this folder, but for what stands in results/.

    Attributes:
        commit: its full name. committed: when it was made, ISO 8601.
        changes: what git tells of files that are not as in the commit, or not in it.
    """

    commit: str
    committed: str
    changes: str

    @classmethod
    def now(cls) -> Checkout | None:
        """As it is; None where git does not know."""
        try:
            commit, committed = _git("show", "--no-patch", "--format=%H %cI", "HEAD").split()
            return cls(commit, committed, _git("status", "--porcelain", "--", ".", ":(exclude)results"))
        except (OSError, subprocess.CalledProcessError):
            return None

    def since(self, before: Checkout | None) -> dict[str, Any]:
        """What pytest-benchmark's report says of the code: dirty, too, if it changed while the benchmarks ran."""
        dirty = bool(self.changes) or before != self
        return {"id": self.commit, "time": self.committed, "dirty": dirty}


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - own arguments


def entry_of(report: dict[str, Any], selection: str) -> Entry:
    """The history's entry for a report of pytest-benchmark, as `conftest.py` completes it."""
    machine, commit = report["machine_info"], report["commit_info"]
    return Entry.model_validate(
        {
            "measured": report["datetime"],
            "selection": selection,
            "code": Code(commit=commit["id"], committed=commit["time"], dirty=commit["dirty"]),
            "machine": Machine(
                processor=machine["cpu"].get("brand_raw") or machine["processor"] or "unknown",
                target=machine["processor_name"],
                architecture=machine["machine"],
                cpus=machine["processors"],
                system=machine["system"],
            ),
            "load_before": machine["load_before"],
            "load_after": machine["load_after"],
            "python": machine["python_version"],
            "packages": {package: metadata.version(package) for package in PACKAGES} | {"openssl": machine["openssl"]},
            "rates": tuple(_rate(benchmark) for benchmark in report["benchmarks"]),
        }
    )


def _rate(benchmark: dict[str, Any]) -> Rate:
    row = Row.of(benchmark["fullname"], Measured(**benchmark["extra_info"]))
    measured, times = row.measured, benchmark["stats"]
    return Rate(
        name=f"{row.topic}: {row.name}",
        group=measured.group,
        unit=measured.unit,
        count=measured.count,
        rate_per_s=measured.rate_per_s,
        median_per_s=measured.count / times["median"],
        rounds=times["rounds"],
        share=measured.share,
        limit=measured.limit,
    )


def main() -> None:
    """Add the report to the history; without a commit to put it down to, say so and add nothing."""
    parser = argparse.ArgumentParser(description="Add a run of the benchmarks to the history.")
    parser.add_argument("report", type=Path, help="what pytest --benchmark-json has written")
    parser.add_argument("--selection", choices=("quick", "full"), required=True, help="which benchmarks were run")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the history is")
    arguments = parser.parse_args()
    report = json.loads(arguments.report.read_text(encoding="utf-8"))
    if report["commit_info"].get("id") is None:
        print("no commit is known to have been measured, so the history gets no line", file=sys.stderr)
        return
    entry = entry_of(report, arguments.selection)
    history = arguments.folder / "bench.jsonl"
    append(history, entry)
    plotted = json.dumps(for_github_action(entry), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(arguments.folder / FOR_GITHUB, plotted + "\n")
    print(f"added {entry.code.short} to {history}; see it with: alliance bench-report")


if __name__ == "__main__":
    main()
