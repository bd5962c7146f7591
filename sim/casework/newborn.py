"""How a case begins: what is drawn for it once, or taken over from the case that began it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.casework.columns import TRANSIT
from sim.kernel.counters import WORDS
from sim.kernel.inversion import Law, invert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.casework.columns import Cases
    from sim.casework.definition import Workflow
    from sim.casework.program import Names
    from sim.kernel.counters import Counters

    Cells = NDArray[np.int64]
    Rows = NDArray[np.int32]

FACTS, PERSON = 1, 2
"""Purposes of words: a case's facts; its amount, province and subject."""
_OWN_SUBJECT = np.int64(1) << np.int64(61)
_BELOW = np.uint64((1 << 61) - 1)


@dataclass(frozen=True, slots=True)
class Beginning:
    """Cases that begin by themselves.

    Attributes:
        workflow: number of each.
        uid: of each.
        time_ns: when, ascending.
    """

    workflow: NDArray[np.int16]
    uid: NDArray[np.uint64]
    time_ns: Cells

    def rows(self, first: int, end: int) -> Beginning:
        """Those from one place to before another."""
        return Beginning(self.workflow[first:end], self.uid[first:end], self.time_ns[first:end])

    def between(self, begin_ns: int, end_ns: int) -> Beginning:
        """Those that begin in this span."""
        first, last = np.searchsorted(self.time_ns, [begin_ns, end_ns], side="left").tolist()
        return self.rows(first, last)


class Nursery:
    """Begins cases.

    Args:
        names: of the workflows.
        counters: of the cases.
        provinces: weight of each, in order.
    """

    def __init__(self, names: Names, counters: Counters, provinces: Sequence[float]) -> None:
        self._names = names
        self._counters = counters
        running = np.cumsum(np.array(provinces, dtype=np.float64))
        self._provinces = running / running[-1]

    def begin(self, cases: Cases, rows: Rows, uid: NDArray[np.uint64], workflow: int, time_ns: Cells) -> None:
        """Write new cases of one workflow into these rows; they enter their first state when due."""
        self._enter(cases, rows, uid, workflow, time_ns)
        definition = self._names.workflows[workflow]
        words = self._counters.words(np.zeros(len(rows), dtype=np.int64), uid, PERSON)
        u = ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
        if definition.amount is not None:
            cases.amount[rows] = _inverted(definition, words[:, 0])
        cases.province[rows] = np.searchsorted(self._provinces, u[:, 1], side="right")
        cases.subject[rows] = self.subjects(np.full(len(uid), workflow), uid)
        cases.root[rows] = uid

    def subjects(self, workflow: NDArray[np.integer[Any]], uid: NDArray[np.uint64]) -> Cells:
        """Whom cases that begin by themselves are about."""
        many = np.array([definition.subjects for definition in self._names.workflows], dtype=np.int64)[workflow]
        u = self._counters.uniforms(np.zeros(len(uid), dtype=np.int64), uid, PERSON)[:, 2]
        own = (uid & _BELOW).astype(np.int64) | _OWN_SUBJECT
        return np.where(many > 0, (u * many).astype(np.int64), own)

    def spawn(
        self,
        cases: Cases,
        rows: Rows,
        uid: NDArray[np.uint64],
        workflow: int,
        time_ns: Cells,
        parents: Rows,
        carries: frozenset[str],
    ) -> None:
        """Write new cases of one workflow that others began."""
        self._enter(cases, rows, uid, workflow, time_ns)
        for column in (cases.amount, cases.province, cases.subject, cases.root):
            column[rows] = column[parents]
        definition = self._names.workflows[workflow]
        if definition.amount is not None:
            poor = rows[cases.amount[rows] == 0]
            if len(poor):
                words = self._counters.words(np.zeros(len(poor), dtype=np.int64), cases.uid[poor], PERSON)
                cases.amount[poor] = _inverted(definition, words[:, 0])
        mine = self._names.facts[workflow]
        for parent_workflow in np.unique(cases.workflow[parents]).tolist():
            theirs = self._names.facts[parent_workflow]
            here = cases.workflow[parents] == parent_workflow
            for fact in sorted(carries & mine.keys() & theirs.keys()):
                holds = (cases.facts[parents[here]] >> np.uint64(theirs[fact])) & np.uint64(1)
                kept = cases.facts[rows[here]] & ~np.uint64(1 << mine[fact])
                cases.facts[rows[here]] = kept | holds << np.uint64(mine[fact])
        cases.parent[rows] = parents
        for row, parent in zip(rows.tolist(), parents.tolist(), strict=True):
            cases.sibling[row], cases.child[parent] = cases.child[parent], row

    def _enter(self, cases: Cases, rows: Rows, uid: NDArray[np.uint64], workflow: int, time_ns: Cells) -> None:
        cases.uid[rows], cases.workflow[rows] = uid, workflow
        cases.born[rows], cases.old[rows] = time_ns, time_ns < 0
        cases.facts[rows] = self._facts(workflow, uid)
        # As if a way out without anything had fired that leads to the first state.
        cases.state[rows] = self._names.initial[workflow]
        cases.planned[rows], cases.phase[rows], cases.due[rows] = -1, TRANSIT, time_ns

    def _facts(self, workflow: int, uid: NDArray[np.uint64]) -> NDArray[np.uint64]:
        facts = self._names.workflows[workflow].facts
        held = np.zeros(len(uid), dtype=np.uint64)
        bits = self._names.facts[workflow]
        u = np.empty((len(uid), 0))
        for number, (name, fact) in enumerate(facts.items()):
            block, place = divmod(number, WORDS)
            if place == 0:
                u = self._counters.uniforms(np.full(len(uid), block, dtype=np.int64), uid, FACTS)
            holds = u[:, place] < fact.chance
            if fact.given is not None:
                holds &= ((held >> np.uint64(bits[fact.given])) & np.uint64(1)).astype(np.bool_)
            held |= holds.astype(np.uint64) << np.uint64(bits[name])
        return held


def _inverted(definition: Workflow, words: NDArray[np.uint64]) -> NDArray[np.float64]:
    law = getattr(definition.amount, "law", None)
    if law is None:
        mean = 0.0 if definition.amount is None else definition.amount.mean
        return np.full(len(words), mean)
    return invert(Law(*law), words)
