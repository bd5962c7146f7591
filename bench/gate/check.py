"""Is anything slower, or faster, than what was written down?"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

from bench.gate import machine, worker
from bench.gate.bands import WAITS_S, Band, flat
from bench.gate.findings import Finding, Verdict
from bench.gate.probes import probes
from bench.gate.proof_probes import there

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.gate.counts import Counts
    from bench.gate.probe import Probe
    from bench.gate.recordings import Recordings
    from bench.gate.worker import Planted


def opcodes(names: Sequence[str], counts: Counts, planted: Planted | None = None) -> list[Finding]:
    """Count these courses and compare.

    Raises:
        WorkerFailed: a course went wrong.
    """
    return [counts.judge(result["course"], result) for result in worker.opcodes(names, planted)]


def ratios(names: Sequence[str], recordings: Recordings, planted: Planted | None = None) -> list[Finding]:
    """Measure these probes and compare; who lies outside is measured again, and is heard once it lies inside.

    Raises:
        WorkerFailed: a probe went wrong.
    """
    everything, tried = probes(), {name: list[float]() for name in names}
    left = list(names)
    for wait_s in (0, *WAITS_S):
        if left:
            time.sleep(wait_s)
            for result in worker.ratios(left, planted=planted):
                tried[result["probe"]].append(result["ratio"])
        left = [name for name in left if _sides(everything[name], recordings, name, tried[name])]
    return [_judge(everything[name], recordings, name, tried[name]) for name in names]


def _sides(probe: Probe, recordings: Recordings, name: str, tried: Sequence[float]) -> int:
    """1 if all tries are too slow, -1 if all are faster than the band, 0 if any lies inside or they disagree."""
    recorded = recordings.ratios(name)
    band = None if recorded is None else Band.around(flat(recorded))
    sides = {1 if ratio > probe.limit() else band.side(ratio) if band else 0 for ratio in tried}
    return sides.pop() if len(sides) == 1 else 0


def _judge(probe: Probe, recordings: Recordings, name: str, tried: Sequence[float]) -> Finding:
    recorded = recordings.ratios(name)
    side = _sides(probe, recordings, name, tried)
    verdict = {1: Verdict.SLOWER, -1: Verdict.FASTER, 0: Verdict.FINE if recorded else Verdict.UNKNOWN}[side]
    measured = " ".join(f"{ratio:.4g}" for ratio in tried) + f" yardsticks ({probe.about})"
    if recorded is None:
        limit = f"not recorded on this kind of machine; on any at most {probe.limit():.4g} ({probe.goal})"
        return Finding("ratio", name, verdict, f"{measured}; {limit}")
    ratios = flat(recorded)
    band = Band.around(ratios)
    text = f"{measured}; band {band.low:.4g} to {band.high:.4g}"
    return Finding("ratio", name, verdict, text, min(tried) / median(ratios) - 1)


def unrecorded(recordings: Recordings) -> str | None:
    """One line about what can't be compared on this machine; None if everything can."""
    missing = sorted(probes().keys() - recordings.entries.keys())
    if not missing:
        return None
    what = "nothing is" if not recordings.entries else f"{', '.join(missing)}: nothing is"
    return (
        f"{what} recorded for this kind of machine, {machine.told(recordings.kind)}:"
        " only limits that hold on any machine are checked; `make gate-record` records it"
    )


def unmeasured() -> str | None:
    """One line about probes that can't be measured here."""
    missing = {"sha256", "sm3"} - {suite.name for suite in there()}
    if not missing:
        return None
    return f"this OpenSSL has no {' and no '.join(sorted(missing))}, so nothing is measured by it"


def uncounted() -> str:
    """One line where this interpreter has no counts."""
    return (
        f"CPython {machine.python()} has no counts of opcodes in bench/gate/opcodes.json, so none are compared;"
        " `make gate-update` on the last commit that is known to be good writes them"
    )
