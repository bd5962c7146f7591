"""Compiled: work is handed out at desks, each to the one of its people who is free first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.casework.compiled.making import jit
from sim.casework.compiled.stepping import after_office

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sim.casework.program import Civil

    Cells = NDArray[np.int64]


@jit
def hand_out(
    civil: Civil, free: Cells, first: Cells, people: Cells, desk: Cells, work_ns: Cells, span_ns: Cells, begun_ns: Cells
) -> None:
    """Give jobs, in their order, to people who are free before the end of a span.

    Args:
        civil: calendar.
        free: until when each person is busy: a binary heap for each desk, the first to be free on top.
        first: (desks,) where a desk's people begin.
        people: (desks,) how many they are.
        desk: (jobs,) where each is done.
        work_ns: (jobs,) how much office time each takes; overwritten by when it is done, or -1 if nobody is free.
        span_ns: (2,) from when work can begin, and before when somebody must be free.
        begun_ns: (jobs,) overwritten by when it is begun.
    """
    for job in range(len(desk)):
        base, count = first[desk[job]], people[desk[job]]
        if count == 0 or free[base] >= span_ns[1]:
            work_ns[job] = -1
            continue
        begun_ns[job] = after_office(civil, max(free[base], span_ns[0]), 1) - 1
        done_ns = after_office(civil, max(free[base], span_ns[0]), work_ns[job])
        work_ns[job] = done_ns
        # The top of the heap is busy longer now: let it sink.
        place = 0
        while True:
            child = 2 * place + 1
            if child >= count:
                break
            if child + 1 < count and free[base + child + 1] < free[base + child]:
                child += 1
            if free[base + child] >= done_ns:
                break
            free[base + place] = free[base + child]
            place = child
        free[base + place] = done_ns
