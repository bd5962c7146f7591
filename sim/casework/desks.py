"""Desks: clerks, judges and officers of each province, who do one thing at a time in office hours.

At the end of every bucket what has come in is handed out: the most urgent class first, within a class what came first,
ties by uid. A job begins when its person is free, not before the bucket's end, and takes office time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.casework.compiled.queueing import hand_out
from sim.kernel.engine import SECOND
from sim.metrics.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sim.casework.program import Civil

    Cells = NDArray[np.int64]

_COLUMNS = 6
_ROLE, _JOB, _PRIORITY, _WORK, _TIME, _DESK = range(_COLUMNS)


class Desks:
    """One desk for each role in each province.

    Args:
        civil: calendar.
        roles: names, in order.
        people: of each role in each province, shape (provinces, roles).
    """

    def __init__(self, civil: Civil, roles: Sequence[str], people: NDArray[np.int64]) -> None:
        self._civil, self._roles = civil, tuple(roles)
        self._people = people.reshape(-1)
        self._first = np.concatenate([[0], np.cumsum(self._people)[:-1]]).astype(np.int64)
        self._free = np.full(int(self._people.sum()), -(1 << 62), dtype=np.int64)
        self._waiting = np.zeros((_COLUMNS, 0), dtype=np.int64)
        self._uids = np.zeros(0, dtype=np.uint64)
        self._coming: list[Cells] = []
        self._coming_uids: list[NDArray[np.uint64]] = []
        self._waits = [Histogram() for _ in roles]
        self._done = np.zeros(len(roles), dtype=np.int64)
        self._busy_ns = np.zeros(len(roles), dtype=np.int64)

    def arrive(
        self,
        province: Cells,
        role: Cells,
        job: Cells,
        uid: NDArray[np.uint64],
        priority: Cells,
        work_ns: Cells,
        time_ns: Cells,
    ) -> None:
        """Work comes in."""
        desk = province * len(self._roles) + role
        self._coming.append(np.stack([role, job, priority, work_ns, time_ns, desk]))
        self._coming_uids.append(uid)

    def hand_out(self, from_ns: int, until_ns: int) -> tuple[Cells, Cells]:
        """Give out what is waiting to whoever is free before ``until_ns``; returns jobs, and when each will be done."""
        if self._coming:
            self._waiting = np.concatenate([self._waiting, *self._coming], axis=1)
            self._uids = np.concatenate([self._uids, *self._coming_uids])
            self._coming, self._coming_uids = [], []
        if not len(self._uids):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        somebody = (self._people > 0) & (self._free[np.minimum(self._first, len(self._free) - 1)] < until_ns)
        at = np.flatnonzero(somebody[self._waiting[_DESK]])
        columns = self._waiting[:, at]
        order = np.lexsort((self._uids[at], columns[_TIME], columns[_PRIORITY]))
        at, columns = at[order], columns[:, order]
        done_ns, begun_ns = columns[_WORK].copy(), np.zeros(len(at), dtype=np.int64)
        span_ns = np.array([from_ns, until_ns], dtype=np.int64)
        hand_out(self._civil, self._free, self._first, self._people, columns[_DESK].copy(), done_ns, span_ns, begun_ns)
        given = done_ns >= 0
        self._count(columns[:, given], begun_ns[given])
        left = np.ones(len(self._uids), dtype=np.bool_)
        left[at[given]] = False
        self._waiting, self._uids = self._waiting[:, left], self._uids[left]
        return columns[_JOB][given], done_ns[given]

    def _count(self, columns: Cells, begun_ns: Cells) -> None:
        roles = columns[_ROLE]
        for role in np.unique(roles).tolist():
            mine = roles == role
            self._waits[role].add(np.maximum(begun_ns[mine] - columns[_TIME][mine], 0))
            self._done[role] += int(np.count_nonzero(mine))
            self._busy_ns[role] += int(columns[_WORK][mine].sum())

    def summary(self, office_ns: int) -> Mapping[str, dict[str, Any]]:
        """What each role did in so much office time; waiting times in seconds."""
        people = self._people.reshape(-1, max(1, len(self._roles))).sum(axis=0)
        waiting = np.bincount(self._waiting[_ROLE], minlength=len(self._roles))
        return {
            role: {
                "people": int(people[number]),
                "done": int(self._done[number]),
                "waiting": int(waiting[number]),
                "utilisation": float(self._busy_ns[number] / max(1, int(people[number]) * office_ns)),
                "wait_s": _wait(self._waits[number]),
            }
            for number, role in enumerate(self._roles)
        }


def _wait(histogram: Histogram) -> dict[str, float]:
    if not histogram.count:
        return {"mean": 0.0, "p99": 0.0}
    return {"mean": histogram.mean / SECOND, "p99": histogram.quantile(0.99) / SECOND}
