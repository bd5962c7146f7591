"""What cases do, as it is written down: in a compiled loop's arrays first, then as columns in the order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.casework.columns import Cases
    from sim.casework.program import Program

    Cells = NDArray[np.int64]
    Rows = NDArray[np.int32]


class Log(NamedTuple):
    """What happened, with room for so many entries; the first of `used` are in use.

    Attributes:
        used: (3,) ways out, jobs for desks, losses.
        case, way, time, step, facts, entered: of each way out that fired: whose, which, when, which step of the case,
            the facts after it, and when the next state is entered.
        job_case, job_way, job_time, job_work: work that came to a desk.
        loss_case, loss, loss_time: losses.
        met, missed: (W, D) deadlines.
    """

    used: Cells
    case: NDArray[np.int32]
    way: NDArray[np.int32]
    time: Cells
    step: NDArray[np.int32]
    facts: NDArray[np.uint64]
    entered: Cells
    job_case: NDArray[np.int32]
    job_way: NDArray[np.int32]
    job_time: Cells
    job_work: Cells
    loss_case: NDArray[np.int32]
    loss: NDArray[np.int32]
    loss_time: Cells
    met: Cells
    missed: Cells


class Fired(NamedTuple):
    """Ways out that fired, in the order of time, ties by uid and step; shape (fired,).

    Attributes:
        case: row of the case.
        uid: of the case.
        way: which.
        time_ns: when.
        step: which of the case's.
        facts: that held after it.
        entered_ns: when the case enters the next state: at once, or when what it waits for has come.
    """

    case: Rows
    uid: NDArray[np.uint64]
    way: NDArray[np.int32]
    time_ns: Cells
    step: NDArray[np.int32]
    facts: NDArray[np.uint64]
    entered_ns: Cells


class Lost(NamedTuple):
    """Losses as they came; shape (losses,)."""

    case: Rows
    loss: NDArray[np.int32]
    time_ns: Cells


def new_log(program: Program, room: int) -> Log:
    """An empty one with room for so many entries of each kind."""
    deadlines = (len(program.deadlines), program.ops.shape[1])

    def rows() -> Rows:
        return np.empty(room, dtype=np.int32)

    def cells() -> Cells:
        return np.empty(room, dtype=np.int64)

    return Log(
        used=np.zeros(3, dtype=np.int64),
        case=rows(),
        way=rows(),
        time=cells(),
        step=rows(),
        facts=np.empty(room, dtype=np.uint64),
        entered=cells(),
        job_case=rows(),
        job_way=rows(),
        job_time=cells(),
        job_work=cells(),
        loss_case=rows(),
        loss=rows(),
        loss_time=cells(),
        met=np.zeros(deadlines, dtype=np.int64),
        missed=np.zeros(deadlines, dtype=np.int64),
    )


def fired_of(log: Log, cases: Cases) -> Fired:
    """A copy of what the log has."""
    used = int(log.used[0])
    rows = log.case[:used].copy()
    return Fired(
        rows,
        cases.uid[rows],
        log.way[:used].copy(),
        log.time[:used].copy(),
        log.step[:used].copy(),
        log.facts[:used].copy(),
        log.entered[:used].copy(),
    )


def nothing_fired() -> Fired:
    """Nothing."""
    rows, cells = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64)
    keys = np.zeros(0, dtype=np.uint64)
    return Fired(rows, keys, rows, cells, rows, keys, cells)


def joined(parts: Sequence[Fired]) -> Fired:
    """All of these, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Fired._make(np.concatenate(column) for column in zip(*parts, strict=True))


def in_order(fired: Fired) -> Fired:
    """The same in the order of time, ties by uid and step."""
    order = np.lexsort((fired.step, fired.uid, fired.time_ns))
    return Fired._make(column[order] for column in fired)


def no_losses() -> Lost:
    """None."""
    return Lost(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64))
