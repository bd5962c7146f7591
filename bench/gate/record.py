"""Recording ratios on this machine: hundreds of measurements of each probe, half of them beside busy neighbours."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from bench.gate import worker
from bench.gate.bands import CONDITIONS, MEASUREMENTS
from bench.gate.load import neighbours
from bench.gate.recordings import slug
from sim.study.manifest import code_digest
from sim.study.store import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.gate.recordings import Recordings

PASSES = 10
"""Measurements of each in one process. What differs between processes, such as where arrays lie, is recorded too."""
HALF_DONE = worker.ROOT / "results" / "gate"


def record(
    recordings: Recordings, names: Sequence[str], measurements: int = MEASUREMENTS, half_done: Path = HALF_DONE
) -> int:
    """Record these probes and write them; goes on where an interrupted recording of the same code stopped.

    Args:
        recordings: where they go.
        names: of probes.
        measurements: of each, a multiple of 20.
        half_done: the folder of what is recorded so far.

    Returns:
        How many measurements of each were there already.

    Raises:
        WorkerFailed: a probe went wrong.
    """
    rounds = measurements // PASSES
    code = digest()
    what = {"code": code, "names": list(names), "measurements": measurements}
    of = hashlib.sha256(" ".join(names).encode()).hexdigest()[:8]
    path = half_done / f"{slug(recordings.kind)}-{of}.json"
    rows = _half_done(path, what)
    before = len(rows)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task("recording", total=rounds * PASSES * len(names), completed=before * PASSES * len(names))
        for turn in range(before, rounds):
            condition = CONDITIONS[turn % 2]
            progress.update(bar, description=f"recording, {condition}")
            row: dict[str, list[float]] = {name: [] for name in names}
            with neighbours() if condition == "loaded" else nullcontext():
                for result in worker.ratios(names, PASSES):
                    row[result["probe"]].append(float(f"{result['ratio']:.4g}"))
                    progress.advance(bar)
            rows.append(row)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps({"what": what, "rows": rows}))
    for name in names:
        entry: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), "code": code}
        for place, condition in enumerate(CONDITIONS):
            entry[condition] = [row[name] for row in rows[place::2]]
        recordings.entries[name] = entry
    recordings.write()
    path.unlink()
    return before * PASSES


def _half_done(path: Path, what: dict[str, Any]) -> list[dict[str, list[float]]]:
    """What an interrupted recording left, if it was of the same."""
    if not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    rows: list[dict[str, list[float]]] = found["rows"]
    if found["what"] == what:
        return rows
    print(f"{path}: an interrupted recording of other code, or of another length; this one begins anew")
    return []


def digest() -> str:
    """Of all code that a recording depends on."""
    own = hashlib.sha256(code_digest().encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        own.update(path.read_bytes())
    return own.hexdigest()[:16]
