"""Desks in plain Python: a list of jobs, a list of people, and the calendar's scalar methods."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.kernel.civil import DAY_NS, Calendar


@dataclass(order=True)
class Job:
    priority: int
    time_ns: int
    uid: int
    number: int
    work_ns: int
    first_ns: int


@dataclass
class PlainDesk:
    """One desk.

    Attributes:
        calendar: whose office hours it keeps, unless it is `always` open.
        free_ns: until when each of its people is busy.
        most: how many may wait before P4, and then P3, is put off; None for any number.
    """

    calendar: Calendar
    free_ns: list[int]
    always: bool = False
    most: int | None = None
    coming: list[Job] = field(default_factory=list)
    waiting: list[Job] = field(default_factory=list)
    waits_ns: list[int] = field(default_factory=list)
    times_put_off: int = 0

    def hand_out(self, from_ns: int, until_ns: int) -> list[tuple[int, int]]:
        self._let_in(from_ns)
        done = []
        while self.waiting and self.free_ns:
            job = min(self.waiting)
            person = min(range(len(self.free_ns)), key=self.free_ns.__getitem__)
            start_ns = self._opening(max(self.free_ns[person], from_ns))
            if start_ns >= until_ns:
                break
            self.waiting.remove(job)
            finish_ns = start_ns + job.work_ns if self.always else self.calendar.after_office(start_ns, job.work_ns)
            self.free_ns[person] = finish_ns
            self.waits_ns.append(start_ns - job.first_ns)
            done.append((job.number, finish_ns))
        return done

    def _opening(self, time_ns: int) -> int:
        """The first moment from a time on at which the desk is open."""
        if self.always:
            return time_ns
        # A nanosecond of work done after a moment at which the desk is open ends a nanosecond later.
        return self.calendar.after_office(time_ns, 1) - 1

    def _let_in(self, until_ns: int) -> None:
        come = sorted((job for job in self.coming if job.time_ns < until_ns), key=lambda job: (job.time_ns, job.uid))
        self.coming = [job for job in self.coming if job.time_ns >= until_ns]
        for job in come:
            ahead = sum(other.priority <= job.priority for other in self.waiting)
            if job.priority < 3 or self.most is None or ahead < self.most:
                self.waiting.append(job)
                continue
            arrays = self.calendar.arrays
            day_ns = arrays.close_ns - arrays.open_ns
            again_ns = job.time_ns + DAY_NS if self.always else self.calendar.after_office(job.time_ns, day_ns)
            job.time_ns = max(again_ns, until_ns)
            self.coming.append(job)
            self.times_put_off += 1
