"""Cases as columns: one row each, in arrays that grow; and the agenda of what is due in which bucket of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Cells = NDArray[np.int64]

SOJOURN, TRANSIT = range(2)
"""Phases of a case: it is in a state, and its planned way out fires when due; that has fired, and it enters the next
state when due."""
RUNNING, STOPPED, SUSPENDED = 1, 2, 3
"""Status of a deadline: 0 until it has begun."""
NEVER = np.int64(1 << 62)
"""Due when nothing is planned."""


class Cases(NamedTuple):
    """Rows of cases, of which the first so many are in use.

    Attributes:
        uid: who it is.
        workflow, state: numbers.
        phase: `SOJOURN` or `TRANSIT`.
        due: when what is planned happens, ns.
        planned: way out, or -1.
        entered: when its state was entered.
        facts: that hold, as bits.
        steps: ways out taken.
        answer: how its last wait ended.
        limit: (cases, D) end of each deadline by law; while it is suspended, what was left.
        rule: (cases, D) the same as contracts have it.
        status: (cases, D) of each deadline.
        province: number.
        parent, child, sibling: row of the case that began it, its last child, the child before it; -1 for none.
        root: uid of the first of its family: the asset that it is about.
        subject: number of the person or company.
        amount: CNY at stake.
        born: when it began.
        old: it began before the run.
    """

    uid: NDArray[np.uint64]
    workflow: NDArray[np.int16]
    state: NDArray[np.int32]
    phase: NDArray[np.int8]
    due: Cells
    planned: NDArray[np.int32]
    entered: Cells
    facts: NDArray[np.uint64]
    steps: NDArray[np.int32]
    answer: NDArray[np.int8]
    limit: Cells
    rule: Cells
    status: NDArray[np.int8]
    province: NDArray[np.int16]
    parent: NDArray[np.int32]
    child: NDArray[np.int32]
    sibling: NDArray[np.int32]
    root: NDArray[np.uint64]
    subject: Cells
    amount: NDArray[np.float64]
    born: Cells
    old: NDArray[np.bool_]

    @classmethod
    def room(cls, count: int, deadlines: int, *, own_rules: bool = True) -> Cases:
        """Room for so many cases, none of which has anything planned; `rule` is empty where the law's table is all."""
        none = np.full(count, -1, dtype=np.int32)
        return cls(
            uid=np.zeros(count, dtype=np.uint64),
            workflow=np.zeros(count, dtype=np.int16),
            state=np.full(count, -1, dtype=np.int32),
            phase=np.zeros(count, dtype=np.int8),
            due=np.full(count, NEVER, dtype=np.int64),
            planned=none.copy(),
            entered=np.zeros(count, dtype=np.int64),
            facts=np.zeros(count, dtype=np.uint64),
            steps=np.zeros(count, dtype=np.int32),
            answer=np.zeros(count, dtype=np.int8),
            limit=np.zeros((count, deadlines), dtype=np.int64),
            rule=np.zeros((count, deadlines if own_rules else 0), dtype=np.int64),
            status=np.zeros((count, deadlines), dtype=np.int8),
            province=np.zeros(count, dtype=np.int16),
            parent=none.copy(),
            child=none.copy(),
            sibling=none.copy(),
            root=np.zeros(count, dtype=np.uint64),
            subject=np.zeros(count, dtype=np.int64),
            amount=np.zeros(count, dtype=np.float64),
            born=np.zeros(count, dtype=np.int64),
            old=np.zeros(count, dtype=np.bool_),
        )

    def kept(self, rows: Cells) -> Cases:
        """Only these rows, in this order, with room for no more; family ties to others are cut."""
        place = np.full(len(self.uid) + 1, -1, dtype=np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        kept = Cases._make(column[rows] for column in self)
        # Whoever has no place, and -1, the last cell, is nobody.
        for ties in (kept.child, kept.sibling):
            while (lost := np.flatnonzero((ties >= 0) & (place[ties] < 0))).size:
                ties[lost] = self.sibling[ties[lost]]
        for ties in (kept.parent, kept.child, kept.sibling):
            ties[:] = place[ties]
        return kept

    def grown(self, count: int) -> Cases:
        """The same cases with room for so many in all."""
        more = Cases.room(count - len(self.uid), self.limit.shape[1], own_rules=self.rule.shape[1] > 0)
        return Cases._make(np.concatenate([mine, new]) for mine, new in zip(self, more, strict=True))

    def copied(self) -> Cases:
        """The same again, to be changed."""
        return Cases._make(column.copy() for column in self)


def joined(parts: Sequence[Cases]) -> Cases:
    """All cases of these, one after the other; family ties stay within each part."""
    starts = np.cumsum([0, *(len(part.uid) for part in parts)])[:-1].tolist()
    cases = Cases._make(np.concatenate(column) for column in zip(*parts, strict=True))
    for part, start in zip(parts, starts, strict=True):
        for name in ("parent", "child", "sibling"):
            ties = getattr(cases, name)[start : start + len(part.uid)]
            ties[ties >= 0] += start
    return cases


class Agenda(NamedTuple):
    """What is due in which bucket: entries chained from the last to the first.

    An entry is not taken out when its case's plans change; whoever finds it looks whether the case is still due.

    Attributes:
        used: (1,) how many entries there are.
        last: (buckets,) the last entry of each, or -1.
        case, before: (room,) of each entry: the case, and the entry before it in its bucket.
    """

    used: Cells
    last: NDArray[np.int32]
    case: NDArray[np.int32]
    before: NDArray[np.int32]

    @classmethod
    def make(cls, buckets: int, room: int) -> Agenda:
        """An empty one."""
        return cls(
            np.zeros(1, dtype=np.int64),
            np.full(buckets, -1, dtype=np.int32),
            np.empty(room, dtype=np.int32),
            np.empty(room, dtype=np.int32),
        )

    def grown(self, room: int) -> Agenda:
        """The same entries with room for so many in all."""
        more = np.empty(room - len(self.case), dtype=np.int32)
        return self._replace(case=np.concatenate([self.case, more]), before=np.concatenate([self.before, more]))
