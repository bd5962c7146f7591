"""One run of a study, as a worker does it: text and seed in, summary and latencies out, whatever happens in between.

Nothing but texts, numbers and lists crosses between processes, so that a worker may stand on another machine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from sim.scenario import load_text
from sim.study.manifest import code_digest

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.study.run import Run

SLOTS: Final = 200
"""A steady run's latencies are kept by this many equal slices of its time, at whose borders a warm-up can be cut."""
Status = Literal["done", "failed", "lost"]
_LINE: Final = 300


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is told.

    Attributes:
        run_id: names it.
        text: of the scenario, complete.
        seed: of all its draws.
    """

    run_id: str
    text: str
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker says.

    Attributes:
        run_id: of the task.
        status: ``done``; ``failed``, where the code broke down; ``lost``, where the worker was killed.
        summary: `Run.summary` of a run that is done.
        latencies: of every chain and slot of time (one, but in steady runs), a row of chain, slot, a histogram's values
            in nanoseconds and their counts, the exact sum, and how many records were lost: rejected, or not committed
            at the end though they were sent longer before it than any other took. Those sent later are under way.
        error: what broke down, in one line.
        code: `sim.study.manifest.code_digest` where it ran.
        wall_s: how long it took there.
    """

    run_id: str
    status: Status
    summary: dict[str, Any] | None = None
    latencies: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    code: str = ""
    wall_s: float = 0.0


def perform(task: Task) -> Outcome:
    """Run it; what breaks down is an outcome as well, so that one failure does not sink a study."""
    started_s = time.perf_counter()
    try:
        from sim.study.run import run

        scenario = _scenario(task.text)
        result = run(scenario, task.seed)
        return Outcome(
            task.run_id,
            "done",
            result.summary,
            _latencies(result, scenario),
            code=code_digest(),
            wall_s=time.perf_counter() - started_s,
        )
    except Exception as error:  # noqa: BLE001 - a study keeps what failed, with its parameters and seed
        told = f"{type(error).__name__}: {error}".splitlines()[0][:_LINE]
        return Outcome(task.run_id, "failed", error=told, code=code_digest(), wall_s=time.perf_counter() - started_s)


@lru_cache(maxsize=4)
def _scenario(text: str) -> Scenario:
    return load_text(text)


def _latencies(result: Run, scenario: Scenario) -> list[dict[str, Any]]:
    """Commit latencies by chain and slot; a record belongs to the slot in which it was meant to be sent."""
    import numpy as np

    from sim.metrics.histogram import Histogram

    slots, rows = SLOTS if scenario.kind == "steady" else 1, []
    width_ns = -(-scenario.horizon // slots)
    for chain_id in scenario.chains:
        frame = result.scan("transactions", chain_id).select("intended_ns", "executed_ns", "outcome").collect()
        intended_ns = frame["intended_ns"].to_numpy()
        taken_ns = frame["executed_ns"].to_numpy() - intended_ns
        done = frame["executed_ns"].to_numpy() >= 0
        longest_ns = int(taken_ns[done].max()) if done.any() else 0
        unfinished = (frame["outcome"] == "unfinished").to_numpy()
        lost = ~done & ~(unfinished & (intended_ns > scenario.horizon - longest_ns))
        slot_of = np.minimum(intended_ns // width_ns, slots - 1)
        order = np.argsort(slot_of, kind="stable")
        ends = np.searchsorted(slot_of[order], np.arange(slots + 1))
        for slot in range(slots):
            among = order[ends[slot] : ends[slot + 1]]
            if not len(among):
                continue
            histogram = Histogram()
            histogram.add(taken_ns[among][done[among]])
            values_ns, counts = histogram.bins()
            rows.append(
                {
                    "chain": chain_id,
                    "slot": slot,
                    "values_ns": values_ns.tolist(),
                    "counts": counts.tolist(),
                    "total_ns": histogram.total,
                    "lost": int(np.count_nonzero(lost[among])),
                }
            )
    return rows
