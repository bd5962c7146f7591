"""Desks: clerks, judges and officers of each province, who do one thing at a time in office hours.

At the end of every bucket what has come in is handed out: the most urgent class first, within a class what came first,
ties by uid. Somebody is given a job when he can begin it before the next bucket ends: then no job waits behind a less
urgent one, but for what is under way. A job begins when its person is free, not before the bucket's end, and takes
office time; at roles that are always on duty, time.

*Admission.* A desk may put work off that is not urgent: P4 when too many jobs wait there, P3 when too many wait of P0
to P3. What is put off comes again after one office day, behind what came meanwhile, and may be put off again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.casework.compiled.handing import BEYOND, CLASSES, USED, Given, People, Queues, hand_out, queue
from sim.casework.compiled.stepping import after_office
from sim.casework.definition import Priority
from sim.kernel.civil import DAY_NS
from sim.kernel.engine import SECOND
from sim.metrics.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sim.casework.program import Civil

    Cells = NDArray[np.int64]

_LEAST_ROOM = 1 << 12
_AT_ONCE = 1 << 16
_EVER = 1 << 62


class Desks:
    """One desk for each role in each province.

    Args:
        civil: calendar.
        roles: names, in order.
        people: of each role in each province, shape (provinces, roles); where there are none, work waits for ever.
        always: roles that are on duty day and night.
        most_waiting: for each of a desk's people, how many jobs may wait before P4 and P3 are put off; None for any
            number.
    """

    def __init__(
        self,
        civil: Civil,
        roles: Sequence[str],
        people: NDArray[np.int64],
        always: frozenset[str] = frozenset(),
        most_waiting: float | None = None,
    ) -> None:
        self._civil, self._roles = civil, tuple(roles)
        count = np.ascontiguousarray(people, dtype=np.int64).reshape(-1)
        begin = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)[: len(count)]
        on_duty = np.tile(np.array([role in always for role in roles], dtype=np.bool_), len(people))
        self._people = People(begin, count, np.full(int(count.sum()), -_EVER, dtype=np.int64), on_duty)
        self._most = np.full(len(count), -1) if most_waiting is None else np.ceil(count * most_waiting).astype(np.int64)
        self._queues = Queues.make(len(count), _LEAST_ROOM)
        self._coming: list[tuple[Cells, ...]] = []
        self._put_off: list[tuple[Cells, ...]] = []
        self._reached_ns = 0
        self._books = _Books(len(self._roles))

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
        """Work comes in: columns of one length. It is looked at when work is handed out next."""
        desk = province * len(self._roles) + role
        self._coming.append((desk, priority, job, work_ns, time_ns, time_ns, uid.view(np.int64)))

    def hand_out(self, from_ns: int, until_ns: int) -> tuple[Cells, Cells]:
        """Give out what has come to whoever can begin before ``until_ns``; returns jobs, and when each will be done.

        Raises:
            ValueError: a job came before work was last handed out.
            IndexError: the calendar ends before ``until_ns``, or before a job is done.
        """
        if until_ns > self._civil.midnight_ns + (len(self._civil.working) - 1) * DAY_NS:
            raise IndexError("work is handed out after the last day of the calendar")
        self._let_in(from_ns)
        self._reached_ns = from_ns
        waiting = int(self._queues.waiting.sum())
        given = Given._make(np.empty((len(Given._fields), waiting), dtype=np.int64))
        count = hand_out(self._civil, self._queues, self._people, (from_ns, until_ns), given)
        given = Given._make(column[:count] for column in given)
        if (given.done_ns == BEYOND).any():
            raise IndexError("work at a desk is done after the last day of the calendar")
        self._books.note(given)
        return given.job.copy(), given.done_ns.copy()

    def _let_in(self, until_ns: int) -> None:
        """Queue what has come, and what was put off until now, in the order of time."""
        parts, self._coming = self._coming + self._put_off, []
        if not parts:
            return
        columns = tuple(np.concatenate(column) for column in zip(*parts, strict=True))
        time_ns, uid = columns[4], columns[6].view(np.uint64)
        come = np.flatnonzero(time_ns < until_ns)
        later = np.flatnonzero(time_ns >= until_ns)
        self._put_off = [tuple(column[later] for column in columns)] if len(later) else []
        come = come[np.lexsort((uid[come], time_ns[come]))]
        desk, priority, job, work_ns, time_ns, since_ns, uids = (
            np.ascontiguousarray(column[come]) for column in columns
        )
        if len(come) and time_ns[0] < self._reached_ns:
            raise ValueError(
                f"a job came at {time_ns[0]} ns, when work had been handed out until {self._reached_ns} ns"
            )
        self._make_room(len(come))
        off = np.empty(len(come), dtype=np.int64)
        off = off[: queue(self._queues, desk, priority, (job, work_ns, since_ns), self._most, off)]
        if len(off):
            self._books.put_off(desk[off])
            again_ns = np.maximum(self._next_day(desk[off], time_ns[off]), until_ns)
            self._put_off.append((desk[off], priority[off], job[off], work_ns[off], again_ns, since_ns[off], uids[off]))

    def _next_day(self, desk: Cells, time_ns: Cells) -> Cells:
        """One office day later."""
        civil, always = self._civil, self._people.always[desk].tolist()
        day_ns = civil.close_ns - civil.open_ns
        later_ns = [
            at_ns + DAY_NS if on_duty else after_office(civil, at_ns, day_ns)
            for at_ns, on_duty in zip(time_ns.tolist(), always, strict=True)
        ]
        return np.array(later_ns, dtype=np.int64)

    def _make_room(self, count: int) -> None:
        wanted = int(self._queues.state[USED]) + count
        if wanted > len(self._queues.job):
            self._queues = self._queues.grown(max(wanted, len(self._queues.job) * 2))

    def summary(self, office_ns: int) -> Mapping[str, dict[str, Any]]:
        """What each role did in so much office time, as `docket.desks` of `summary.json`; waiting times in seconds.

        `wait_s` counts all hours from when a job first came, `open_s` those in which its desk was open; `done` were
        given to somebody, `waiting` not yet, `put_off` counts how often work was.
        """
        shape = (-1, max(1, len(self._roles)))
        people = self._people.size.reshape(shape).sum(axis=0)
        waiting = self._queues.waiting.sum(axis=1)
        for desk, *_ in (*self._coming, *self._put_off):
            waiting = waiting + np.bincount(desk, minlength=len(waiting))
        rest_ns = self._rest_ns().reshape(shape).sum(axis=0)
        opened_ns = [self._reached_ns if always else office_ns for always in self._people.always[: len(self._roles)]]
        return {
            role: {
                "people": int(people[number]),
                "waiting": int(waiting.reshape(shape)[:, number].sum()),
                **self._books.summary(number, int(rest_ns[number]), int(people[number]) * opened_ns[number]),
            }
            for number, role in enumerate(self._roles)
        }

    def _rest_ns(self) -> Cells:
        """Work of each desk that was given to somebody and lies behind the last bucket."""
        people, rest_ns = self._people, np.zeros(len(self._people.size), dtype=np.int64)
        office_ns = self._office_ns(self._reached_ns)
        for desk, (begin, count) in enumerate(zip(people.begin.tolist(), people.size.tolist(), strict=True)):
            own_ns = self._reached_ns if people.always[desk] else office_ns
            rest_ns[desk] = np.maximum(people.free[begin : begin + count] - own_ns, 0).sum()
        return rest_ns

    def _office_ns(self, time_ns: int) -> int:
        civil = self._civil
        day = (time_ns - civil.midnight_ns) // DAY_NS
        since_ns = time_ns - civil.midnight_ns - day * DAY_NS - civil.open_ns
        open_ns = min(max(since_ns, 0), civil.close_ns - civil.open_ns) if civil.working[day] else 0
        return int(civil.office_before_ns[day]) + open_ns


class _Books:
    """What was done, role by role."""

    def __init__(self, roles: int) -> None:
        self._roles = roles
        self._waits = [[Histogram() for _ in range(CLASSES)] for _ in range(roles)]
        self._open = [Histogram() for _ in range(roles)]
        self._off = np.zeros(roles, dtype=np.int64)
        self._busy_ns = [0] * roles
        self._noted: list[Given] = []
        self._pending = 0

    def note(self, given: Given) -> None:
        """Jobs were given to somebody."""
        self._noted.append(given)
        self._pending += len(given.job)
        if self._pending > _AT_ONCE:
            self._count()

    def put_off(self, desk: Cells) -> None:
        """Jobs were put off at these desks."""
        self._off += np.bincount(desk % self._roles, minlength=self._roles)

    def _count(self) -> None:
        if not self._noted:
            return
        given = Given._make(np.concatenate(column) for column in zip(*self._noted, strict=True))
        self._noted, self._pending = [], 0
        role = given.desk % self._roles
        for number in np.unique(role).tolist():
            mine = np.flatnonzero(role == number)
            self._busy_ns[number] += int(given.work_ns[mine].sum())
            self._open[number].add(given.open_ns[mine])
            for kind in range(CLASSES):
                self._waits[number][kind].add(given.wait_ns[mine[given.priority[mine] == kind]])

    def summary(self, role: int, rest_ns: int, capacity_ns: int) -> dict[str, Any]:
        """What a role did, of whose work so much lies behind the end, and who had so much time."""
        self._count()
        whole = Histogram()
        for histogram in self._waits[role]:
            whole.merge(histogram)
        return {
            "done": whole.count,
            "put_off": int(self._off[role]),
            "utilisation": (self._busy_ns[role] - rest_ns) / capacity_ns if capacity_ns else 0.0,
            "wait_s": _quantiles(whole),
            "open_s": _quantiles(self._open[role]),
            "classes": {
                priority.name: {"done": histogram.count, "wait_s": _quantiles(histogram)}
                for priority, histogram in zip(Priority, self._waits[role], strict=True)
                if histogram.count
            },
        }


def _quantiles(histogram: Histogram) -> dict[str, float]:
    parts = {"mean": histogram.mean, "p50": histogram.quantile(0.5), "p99": histogram.quantile(0.99)}
    return {**{name: value / SECOND for name, value in parts.items()}, "max": histogram.maximum / SECOND}
