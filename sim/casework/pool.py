"""Rows of cases that grow, and how new cases come into them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.casework.keys import CHILD, key_of
from sim.casework.program import SPAWNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.casework.columns import Cases
    from sim.casework.country import Country
    from sim.casework.log import Fired
    from sim.casework.newborn import Beginning, Nursery

    Rows = NDArray[np.int32]

_SPAWN_PURPOSE = 8
SPAWNED = np.uint64(1 << 63)
"""The bit of a uid that says that another case began it."""


class Pool:
    """Rows of cases that grow."""

    def __init__(self, cases: Cases, count: int) -> None:
        self.cases, self.count = cases, count

    def rows(self, count: int) -> Rows:
        """Room for so many more."""
        end = self.count + count
        if end > len(self.cases.uid):
            self.cases = self.cases.grown(max(end, len(self.cases.uid) * 3 // 2))
        rows = np.arange(self.count, end, dtype=np.int32)
        self.count = end
        return rows

    def begin(self, nursery: Nursery, born: Beginning) -> Rows:
        """Begin these cases."""
        rows = self.rows(len(born.uid))
        for workflow in np.unique(born.workflow).tolist():
            mine = born.workflow == workflow
            nursery.begin(self.cases, rows[mine], born.uid[mine], workflow, born.time_ns[mine])
        return rows

    def spawn(self, country: Country, fired: Fired, after_ns: int) -> Rows:
        """Begin the cases that these ways out begin, so long after them."""
        program, names = country.program, country.names
        wanted = np.flatnonzero((program.does[fired.way] & SPAWNS) != 0)
        numbers = {workflow.name: number for number, workflow in enumerate(names.workflows)}
        new = []
        for way in np.unique(fired.way[wanted]).tolist():
            mine = wanted[fired.way[wanted] == way]
            step, uid = fired.step[mine].astype(np.int64), fired.uid[mine]
            for number, spawn in enumerate(names.transitions[way][1].spawns):
                u = country.counters.uniforms(step, uid, _SPAWN_PURPOSE + number)[:, 0]
                begun = u < spawn.chance
                if not begun.any() or spawn.workflow not in numbers:
                    continue
                child = key_of(uid[begun], step[begun], CHILD + number) | SPAWNED
                rows = self.rows(len(child))
                time_ns = fired.time_ns[mine][begun] + after_ns
                workflow = numbers[spawn.workflow]
                country.nursery.spawn(
                    self.cases, rows, child, workflow, time_ns, fired.case[mine][begun], spawn.carries
                )
                new.append(rows)
        return np.concatenate(new) if new else np.zeros(0, dtype=np.int32)
