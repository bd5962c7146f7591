"""The past: who is in flight when a run begins, and in which state.

Cases that began before the run are stepped through a calm past: no desk is busy, every signal that is `expected` comes
when it usually does, and nothing is deposited. Of a whole country one case in so many is lived through and copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.casework.columns import NEVER, RUNNING, SUSPENDED, Agenda, Cases
from sim.casework.columns import joined as joined_cases
from sim.casework.compiled.stepping import advance, draw_again
from sim.casework.keys import COPY, key_of
from sim.casework.known import nothing_known
from sim.casework.log import fired_of, in_order, joined, new_log
from sim.casework.pool import SPAWNED, Pool

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.casework.country import Country
    from sim.casework.log import Fired
    from sim.casework.newborn import Beginning

    Cells = NDArray[np.int64]

_LEAST_ROOM = 1 << 16
_LOGGED = 1 << 18
_GENERATION = 1 << 19
"""Cases whose past is lived through together: with their children some 500 MB."""


@dataclass(frozen=True, slots=True)
class Past:
    """Cases in flight when the run begins.

    Attributes:
        cases: those of which something may be heard before the horizon.
        count: how many these are.
        resting: (W,) how many others are open: nothing of their families is due before the horizon, and nobody tells
            them anything.
        resting_deadlines: (W, D) of theirs that run.
    """

    cases: Cases
    count: int
    resting: Cells
    resting_deadlines: Cells


class Living:
    """Lives through the past of a country."""

    def __init__(self, country: Country) -> None:
        self._country = country

    def live(self) -> Past:
        """Step everybody born before the run through a calm past, some at a time, and keep who is open."""
        program = self._country.program
        born = self._country.births.between(-int(NEVER), 0)
        resting = np.zeros(len(program.deadlines), dtype=np.int64)
        resting_deadlines = np.zeros((len(program.deadlines), program.ops.shape[1]), dtype=np.int64)
        kept = [self._room(0)]
        for first in range(0, len(born.uid), _GENERATION):
            some = born.rows(first, first + _GENERATION)
            lived = self._lived(some)
            for copy in range(self._country.copies):
                cases = lived if copy == 0 else self._copied(lived, copy)
                awake = self._awake(cases)
                asleep = np.flatnonzero(~awake)
                resting += np.bincount(cases.workflow[asleep], minlength=len(resting))
                for slot in range(program.ops.shape[1]):
                    status = cases.status[asleep, slot]
                    runs = asleep[(status == RUNNING) | (status == SUSPENDED)]
                    resting_deadlines[:, slot] += np.bincount(cases.workflow[runs], minlength=len(resting))
                kept.append(cases.kept(np.flatnonzero(awake)))
        cases = joined_cases(kept)
        return Past(cases, len(cases.uid), resting, resting_deadlines)

    def _room(self, count: int) -> Cases:
        return Cases.room(count, self._country.program.ops.shape[1], own_rules=self._country.terms.own_rules)

    def _lived(self, born: Beginning) -> Cases:
        """These cases and all that they began, as they stand at the start of the run, without those that have ended."""
        country = self._country
        pool = Pool(self._room(max(_LEAST_ROOM, 3 * len(born.uid))), 0)
        new = pool.begin(country.nursery, born)
        calm = country.terms._replace(calm=True)
        log = new_log(country.program, _LOGGED)
        idle = Agenda.make(1, 1)
        while len(new):
            spawned: list[Fired] = []
            begin = 0
            while begin < len(new):
                log.used[:] = 0
                begin = advance(
                    country.program,
                    country.civil,
                    calm,
                    nothing_known(),
                    pool.cases,
                    idle,
                    log,
                    new,
                    begin,
                    len(new),
                    0,
                )
                spawned.append(fired_of(log, pool.cases))
            new = pool.spawn(country, in_order(joined(spawned)), 0)
        state = pool.cases.state[: pool.count]
        is_open = (pool.cases.due[: pool.count] < NEVER) | (country.program.ways[state] > 0)
        return pool.cases.kept(np.flatnonzero(is_open))

    def _copied(self, cases: Cases, number: int) -> Cases:
        """Other families of whom the same is known; what happens to them next is drawn anew."""
        country, copies = self._country, cases.copied()
        step = np.full(len(cases.uid), number, dtype=np.int64)
        spawned = cases.uid & SPAWNED
        copies.uid[:] = (key_of(cases.uid, step, COPY) & ~SPAWNED) | spawned
        copies.root[:] = key_of(cases.root, step, COPY) & ~SPAWNED
        calm = country.terms._replace(calm=True)
        draw_again(country.program, country.civil, calm, copies, new_log(country.program, 1), len(copies.uid))
        return copies

    def _awake(self, cases: Cases) -> NDArray[np.bool_]:
        """Which cases something may happen to before the horizon: to their family, or to whom they are about."""
        heard = (cases.due < self._country.terms.horizon_ns) | np.isin(cases.subject, self._spoken_of(cases))
        awake: NDArray[np.bool_] = np.isin(cases.root, np.unique(cases.root[heard]))
        return awake

    def _spoken_of(self, cases: Cases) -> Cells:
        """Persons and companies about whom something may be said to everybody: those of cases that say such things."""
        names = self._country.names
        speaks = {
            names.states[state][0]
            for state, way in names.transitions
            if any(tell.to == "subject" for tell in way.tells)
        }
        numbers = [number for number, workflow in enumerate(names.workflows) if workflow.name in speaks]
        speaking = np.isin(cases.workflow, numbers)
        born = self._country.births.between(0, self._country.terms.horizon_ns)
        coming = np.isin(born.workflow, numbers)
        subjects = self._country.nursery.subjects(born.workflow[coming], born.uid[coming])
        return np.unique(np.concatenate([cases.subject[speaking], subjects]))
