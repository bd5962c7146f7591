"""What a pass comes to: counts by workflow, deadlines, losses, and every step of every case as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.casework.columns import RUNNING, SUSPENDED
from sim.metrics.recorder import Coded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.casework.program import Names, Program
    from sim.casework.running import Pass
    from sim.metrics.recorder import Column

    Cells = NDArray[np.int64]

_DAY_NS = 86_400_000_000_000


def summarise(program: Program, names: Names, passed: Pass, horizon_ns: int) -> dict[str, Any]:
    """`casework` of `summary.json`: what became of each workflow's cases."""
    cases, count = passed.cases, passed.count
    workflow = cases.workflow[:count]
    ended = program.ways[cases.state[:count]] == 0
    begun = np.flatnonzero(cases.born[:count] >= 0)
    fired_workflow = workflow[passed.fired.case]
    losses = _losses(program, names, passed)
    overdue, running = _standing(passed, horizon_ns)
    summary = {}
    for number, definition in enumerate(names.workflows):
        mine = workflow == number
        summary[definition.name] = {
            "started": int(np.count_nonzero(workflow[begun] == number)),
            "completed": int(np.count_nonzero(mine & ended)),
            "open": int(np.count_nonzero(mine & ~ended) + passed.past.resting[number]),
            "transitions": int(np.count_nonzero(fired_workflow == number)),
            "records": _records(names, passed, number),
            "deadlines": {
                deadline: {
                    "met": int(passed.met[number, slot]),
                    "missed": int(passed.missed[number, slot] + overdue[number, slot]),
                    "open": int(running[number, slot] - overdue[number, slot]),
                }
                for slot, deadline in enumerate(names.deadlines[number])
            },
            "losses": {
                loss: losses.get((definition.name, loss), 0.0 if definition.losses[loss].unit != "cases" else 0)
                for loss in definition.losses
            },
        }
    return summary


def steps_table(program: Program, names: Names, passed: Pass) -> dict[str, Column]:
    """Every way out that fired, in the order of time, as columns of the table `steps`."""
    fired = passed.fired
    sources = np.array([state for state, _ in names.transitions], dtype=np.int64)
    texts = tuple(f"{workflow}/{state}" for workflow, state in names.states)
    workflow = passed.cases.workflow[fired.case].astype(np.int64)
    chains = tuple(sorted({item.chain for item in names.workflows}))
    home = np.array([chains.index(item.chain) for item in names.workflows], dtype=np.int64)
    return {
        "chain": Coded(chains, home[workflow]),
        "workflow": Coded(tuple(item.name for item in names.workflows), workflow),
        "case": np.array(fired.uid, dtype=np.uint64).view(np.int64),
        "step": fired.step.astype(np.int64),
        "source": Coded(texts, sources[fired.way]),
        "target": Coded(texts, program.target[fired.way]),
        "way": fired.way.astype(np.int64),
        "province": passed.cases.province[fired.case].astype(np.int64),
        "fired_ns": fired.time_ns,
        "entered_ns": fired.entered_ns,
    }


def _records(names: Names, passed: Pass, workflow: int) -> int:
    """Records deposited, fractions of a count at their mean."""
    fired = np.bincount(passed.fired.way, minlength=len(names.transitions))
    total = 0.0
    for way, (state, transition) in enumerate(names.transitions):
        if names.states[state][0] == names.workflows[workflow].name:
            total += int(fired[way]) * sum(records.count for records in transition.records)
    return round(total)


def _standing(passed: Pass, horizon_ns: int) -> tuple[Cells, Cells]:
    """Deadlines that have passed without their end, and all that run or stand still; shape (workflows, D) each."""
    cases, count = passed.cases, passed.count
    shape = passed.met.shape
    overdue, running = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for slot in range(shape[1]):
        status = cases.status[:count, slot]
        runs = status == RUNNING
        late = runs & (cases.limit[:count, slot] < horizon_ns)
        # What was late before the run began is no news of it.
        late &= cases.limit[:count, slot] >= 0
        still = runs | (status == SUSPENDED)
        overdue[:, slot] = np.bincount(cases.workflow[:count][late], minlength=shape[0])
        running[:, slot] = np.bincount(cases.workflow[:count][still], minlength=shape[0])
    return overdue, running + passed.past.resting_deadlines


def _losses(program: Program, names: Names, passed: Pass) -> dict[tuple[str, str], float | int]:
    lost, cases = passed.lost, passed.cases
    totals: dict[tuple[str, str], float | int] = {}
    for number in np.unique(lost.loss).tolist():
        workflow, name = names.losses[number]
        definition = next(item for item in names.workflows if item.name == workflow)
        loss = definition.losses[name]
        mine = lost.loss == number
        rows, times_ns = lost.case[mine], lost.time_ns[mine]
        if loss.unit == "cases":
            totals[workflow, name] = len(rows)
        elif loss.unit == "CNY":
            totals[workflow, name] = float(np.sum(cases.amount[rows]))
        else:
            since = names.states.index((workflow, loss.since or loss.state))
            began_ns = _last_entry(program, passed, since, rows, times_ns)
            totals[workflow, name] = float(np.sum((times_ns - began_ns) / _DAY_NS))
    return totals


def _last_entry(program: Program, passed: Pass, state: int, rows: NDArray[np.int32], times_ns: Cells) -> Cells:
    """When each of these cases last entered a state up to a time; the start of the run if it did so before it."""
    entering = np.flatnonzero(program.target[passed.fired.way] == state)
    case, time_ns = passed.fired.case[entering], passed.fired.entered_ns[entering]
    order = np.lexsort((time_ns, case))
    case, time_ns = case[order], time_ns[order]
    found = np.zeros(len(rows), dtype=np.int64)
    for at, (row, until_ns) in enumerate(zip(rows.tolist(), times_ns.tolist(), strict=True)):
        first, last = np.searchsorted(case, [row, row + 1]).tolist()
        place = first + int(np.searchsorted(time_ns[first:last], until_ns, side="right")) - 1
        found[at] = time_ns[place] if place >= first else 0
    return found
