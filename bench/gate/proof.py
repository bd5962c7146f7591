"""The proof that the gate works: planted slowdowns are caught, and nothing is where nothing was planted."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.gate import check, machine, worker
from bench.gate.counts import Counts
from bench.gate.courses import courses
from bench.gate.findings import Finding, Verdict
from bench.gate.plants import PLANTS
from bench.gate.probes import probes
from bench.gate.record import record
from bench.gate.recordings import Recordings

if TYPE_CHECKING:
    from bench.gate.worker import Planted

QUICK = 60
"""Measurements of each probe, where none are recorded on this kind of machine."""


def prove() -> int:
    """Run the gate once as it is and once with each plant; returns 0 if it said what it should each time.

    Raises:
        WorkerFailed: a measurement went wrong.
    """
    counts, recordings = Counts.committed(), Recordings.of(machine.kind())
    if counts is None:
        print(check.uncounted())
        return 1
    with TemporaryDirectory(prefix="gate.") as folder:
        if line := check.unrecorded(recordings):
            print(f"{line}\nfor now {QUICK} measurements are recorded, and thrown away afterwards")
            recordings = Recordings(Path(folder) / "quick.json", recordings.kind, {})
            record(recordings, list(probes()), QUICK, Path(folder) / "half-done")
        print(f"{'planted in':20} {'slower by':>9}   what the gate says")
        right = _row("nothing", None, None, _judged(counts, recordings, None))
        for name, plant in PLANTS.items():
            found = worker.calibrate(name)
            said = _judged(counts, recordings, (name, found["amount"]))
            right &= _row(plant.path, plant.probe, found["factor"] - 1, said)
    print("each was caught, and nothing where nothing was planted" if right else "NOT as it should be")
    return 0 if right else 1


def _judged(counts: Counts, recordings: Recordings, planted: Planted | None) -> list[Finding]:
    return [
        *check.opcodes(list(courses()), counts, planted),
        *check.ratios(list(probes()), recordings, planted),
    ]


def _row(path: str, probe: str | None, slower: float | None, said: list[Finding]) -> bool:
    """Print what was said; returns whether it is right: all is fine, or what was planted is among what is slower."""
    caught = [finding for finding in said if finding.verdict is Verdict.SLOWER]
    wrong = [finding for finding in said if not finding.holds and finding.verdict is not Verdict.SLOWER]
    found = any(finding.name == probe or finding.kind == "opcodes" for finding in caught)
    by = ", ".join(f"{finding.kind} {finding.name} {finding.change:+.0%}" for finding in caught) or "all fine"
    print(f"{path:20} {'' if slower is None else f'{slower:.1%}':>9}   {by}", flush=True)
    for finding in wrong:
        print(finding)
    return not wrong and found == (probe is not None)
