"""Compiled: work queues at desks by class, and is given to the one of a desk's people who is free first.

A desk's people count its own time: office time, or all time at a desk that is always open. So whoever is busy at the
close of a day is as busy at the next opening.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.casework.compiled.making import jit, part
from sim.casework.definition import Priority

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.casework.program import Civil

    Cells = NDArray[np.int64]

_DAY_NS = 86_400_000_000_000
CLASSES = len(Priority)
_P3, _P4 = int(Priority.P3), int(Priority.P4)
_NOBODY = -1
_SPARE, USED = range(2)
"""Fields of `Queues.state`: the first of the slots given back, and how many were ever in use."""
BEYOND = -1
"""Done after the last day of the calendar."""


class Queues(NamedTuple):
    """What waits at D desks, in one queue for each class.

    Attributes:
        state: see `USED` and its neighbour.
        first, last: (D, classes) slot of the first and the last in each queue, or -1.
        waiting: (D, classes) how many are in each.
        job, work_ns, since_ns: (room,) of each slot: which job, how long it takes, when it first came.
        after: (room,) the slot behind it.
    """

    state: Cells
    first: Cells
    last: Cells
    waiting: Cells
    job: Cells
    work_ns: Cells
    since_ns: Cells
    after: Cells

    @classmethod
    def make(cls, desks: int, room: int) -> Queues:
        """Empty ones, with room for so many jobs."""
        nobody = np.full((desks, CLASSES), _NOBODY, dtype=np.int64)
        columns = [np.empty(room, dtype=np.int64) for _ in range(4)]
        state = np.array([_NOBODY, 0], dtype=np.int64)
        return cls(state, nobody, nobody.copy(), np.zeros((desks, CLASSES), dtype=np.int64), *columns)

    def grown(self, room: int) -> Queues:
        """The same with room for so many jobs in all."""
        more = np.empty(room - len(self.job), dtype=np.int64)
        columns = (np.concatenate([column, more]) for column in self[4:])
        return Queues(*self[:4], *columns)


class People(NamedTuple):
    """Who works at D desks.

    Attributes:
        begin: (D,) where a desk's people begin.
        size: (D,) how many they are.
        free: until when each is busy, in the desk's time: a binary heap for each desk, the first to be free on top.
        always: (D,) whether a desk never closes.
    """

    begin: Cells
    size: Cells
    free: Cells
    always: NDArray[np.bool_]


class Given(NamedTuple):
    """Jobs that were given to somebody.

    Attributes:
        job, desk, priority: which, where, how urgent.
        work_ns: how long it takes.
        wait_ns: from its coming to its beginning.
        open_ns: the part of that in which the desk was open.
        done_ns: when it will be done; `BEYOND` if the calendar does not reach so far.
    """

    job: Cells
    desk: Cells
    priority: Cells
    work_ns: Cells
    wait_ns: Cells
    open_ns: Cells
    done_ns: Cells


@part
def _day(civil: Civil, time_ns: int) -> int:
    return (time_ns - civil.midnight_ns) // _DAY_NS


@part
def _own(civil: Civil, always: bool, time_ns: int) -> int:
    """A desk's own time."""
    if always:
        return time_ns
    day = _day(civil, time_ns)
    own_ns = civil.office_before_ns[day]
    if civil.working[day]:
        since_ns = time_ns - civil.midnight_ns - day * _DAY_NS - civil.open_ns
        own_ns += min(max(since_ns, 0), civil.close_ns - civil.open_ns)
    return own_ns


@part
def _wall(civil: Civil, always: bool, own_ns: int, day: int, closing: int) -> int:
    """When a desk's time is so much, on this day or later: at a day's close if ``closing`` is 1, else at an opening."""
    if always:
        return own_ns
    days = len(civil.working)
    while day < days and civil.office_before_ns[day + 1] < own_ns + 1 - closing:
        day += 1
    if day == days:
        return BEYOND
    return civil.midnight_ns + day * _DAY_NS + civil.open_ns + own_ns - civil.office_before_ns[day]


@part
def _full(waiting: Cells, priority: int, most: int) -> bool:
    """Whether somebody of this class is put off because so many wait who are as urgent or more."""
    if priority < _P3 or most < 0:
        return False
    ahead = 0
    for other in range(priority + 1):
        ahead += waiting[other]
    return ahead >= most


@jit
def queue(
    queues: Queues, desk: Cells, priority: Cells, new: tuple[Cells, Cells, Cells], most: Cells, put_off: Cells
) -> int:
    """Put jobs, in this order, at the end of their queues, for which there must be room; returns how many were put off.

    Args:
        queues: at the desks.
        desk: of each job.
        priority: of each.
        new: job, work and first coming of each.
        most: (D,) how many may wait at a desk before P4 and then P3 is put off; -1 for any number.
        put_off: written: places of those that were put off; with room for all.
    """
    job, work_ns, since_ns = new
    count = 0
    state = queues.state
    for place in range(len(job)):
        at, kind = desk[place], priority[place]
        if _full(queues.waiting[at], kind, most[at]):
            put_off[count] = place
            count += 1
            continue
        slot = state[_SPARE]
        if slot == _NOBODY:
            slot = state[USED]
            state[USED] = slot + 1
        else:
            state[_SPARE] = queues.after[slot]
        queues.job[slot], queues.work_ns[slot], queues.since_ns[slot] = job[place], work_ns[place], since_ns[place]
        queues.after[slot] = _NOBODY
        if queues.first[at, kind] == _NOBODY:
            queues.first[at, kind] = slot
        else:
            queues.after[queues.last[at, kind]] = slot
        queues.last[at, kind] = slot
        queues.waiting[at, kind] += 1
    return count


@part
def _take(queues: Queues, at: int, kind: int) -> int:
    """Take the first of a queue; its slot is given back, and holds what it held until the next job comes."""
    slot = queues.first[at, kind]
    queues.first[at, kind] = queues.after[slot]
    queues.after[slot] = queues.state[_SPARE]
    queues.state[_SPARE] = slot
    queues.waiting[at, kind] -= 1
    return slot


@part
def _sink(free: Cells, begin: int, count: int, until_ns: int) -> None:
    """The one on top of a heap is busy until then: put that where it belongs."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        if child + 1 < count and free[begin + child + 1] < free[begin + child]:
            child += 1
        if free[begin + child] >= until_ns:
            break
        free[begin + place] = free[begin + child]
        place = child
    free[begin + place] = until_ns


@jit
def hand_out(civil: Civil, queues: Queues, people: People, span_ns: tuple[int, int], given: Given) -> int:
    """Give what waits to people who can begin in a span of time, the most urgent class first, and count it.

    Args:
        civil: calendar, which knows the whole span.
        queues: at the desks; each in the order in which it is served.
        people: at the desks.
        span_ns: from when work can begin, and before when it must.
        given: written; with room for all that waits.
    """
    count = 0
    day = _day(civil, span_ns[0])
    for at in range(len(people.size)):
        always, begin = people.always[at], people.begin[at]
        from_ns, until_ns = _own(civil, always, span_ns[0]), _own(civil, always, span_ns[1])
        if from_ns == until_ns or people.size[at] == 0:
            continue
        for kind in range(CLASSES):
            while queues.waiting[at, kind] > 0 and people.free[begin] < until_ns:
                slot = _take(queues, at, kind)
                work_ns, since_ns = queues.work_ns[slot], queues.since_ns[slot]
                start_ns = max(people.free[begin], from_ns)
                begun_ns = _wall(civil, always, start_ns, day, 0)
                given.job[count], given.desk[count], given.priority[count] = queues.job[slot], at, kind
                given.work_ns[count], given.wait_ns[count] = work_ns, begun_ns - since_ns
                given.open_ns[count] = start_ns - _own(civil, always, since_ns)
                given.done_ns[count] = begun_ns
                if work_ns > 0:
                    given.done_ns[count] = _wall(civil, always, start_ns + work_ns, day, 1)
                _sink(people.free, begin, people.size[at], start_ns + work_ns)
                count += 1
    return count
