"""Desks, one rule at a time."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from sim.casework.desks import Desks
from sim.casework.program import civil_arrays
from sim.kernel.civil import DAY_NS, HOUR_NS, Calendar

FRIDAY = datetime.fromisoformat("2022-11-18T00:00+08:00")
CIVIL = civil_arrays(Calendar(FRIDAY, days_before=10, days_after=30))
P0, P2, P3, P4 = 0, 2, 3, 4


def at(day: int, hour: float) -> int:
    """A time of a day, Friday being 0."""
    return day * DAY_NS + int(hour * HOUR_NS)


class Court:
    """One province with one clerk, and buckets of an hour."""

    def __init__(self, people: int = 1, **more: object) -> None:
        self.desks = Desks(CIVIL, ("clerk",), np.array([[people]]), **more)  # type: ignore[arg-type]
        self.coming: list[tuple[int, int, int, int]] = []
        self.hour = 0
        self.done: dict[int, int] = {}

    def come(self, job: int, priority: int, hours: float, time_ns: int) -> None:
        self.coming.append((job, priority, int(hours * HOUR_NS), time_ns))

    def go(self, until_ns: int) -> dict[int, int]:
        while self.hour * HOUR_NS < until_ns:
            self.hour += 1
            end_ns = self.hour * HOUR_NS
            now = [item for item in self.coming if item[3] < end_ns]
            self.coming = [item for item in self.coming if item[3] >= end_ns]
            for job, priority, work_ns, time_ns in now:
                columns = [np.array([value]) for value in (0, 0, job)]
                uid = np.array([job], dtype=np.uint64)
                self.desks.arrive(*columns, uid, np.array([priority]), np.array([work_ns]), np.array([time_ns]))
            found, done_ns = self.desks.hand_out(end_ns, end_ns + HOUR_NS)
            self.done.update(zip(found.tolist(), done_ns.tolist(), strict=True))
        return self.done


def test_work_that_comes_in_the_night_is_done_from_the_morning_on() -> None:
    court = Court()
    court.come(1, P2, 1.5, at(0, 3.5))
    assert court.go(at(0, 12)) == {1: at(0, 10.5)}


def test_work_that_is_not_done_by_friday_goes_on_on_monday() -> None:
    court = Court()
    court.come(1, P2, 2.0, at(0, 14.5))
    court.come(2, P2, 1.0, at(0, 14.75))
    assert court.go(at(3, 12)) == {1: at(0, 17), 2: at(3, 10)}


def test_what_is_urgent_and_comes_by_the_morning_is_done_before_what_waited_all_night() -> None:
    court = Court()
    court.come(1, P4, 1.0, at(0, 18.5))
    court.come(2, P0, 1.0, at(3, 7.5))
    assert court.go(at(3, 12)) == {2: at(3, 10), 1: at(3, 11)}


def test_nothing_that_is_under_way_is_left_for_something_urgent() -> None:
    court = Court()
    court.come(1, P4, 4.0, at(0, 9.5))
    court.come(2, P0, 1.0, at(0, 10.5))
    assert court.go(at(0, 16)) == {1: at(0, 14), 2: at(0, 15)}


def test_two_people_do_two_things_at_once() -> None:
    court = Court(people=2)
    for job in (1, 2, 3):
        court.come(job, P2, 1.0, at(0, 9.5))
    assert court.go(at(0, 12)) == {1: at(0, 11), 2: at(0, 11), 3: at(0, 12)}


def test_whoever_is_always_on_duty_works_through_the_weekend() -> None:
    court = Court(always=frozenset({"clerk"}))
    court.come(1, P0, 10.0, at(1, 1.5))
    assert court.go(at(1, 4)) == {1: at(1, 12)}
    court.come(2, P0, 0.0, at(1, 20.5))
    assert court.go(at(1, 22))[2] == at(1, 21)


def test_work_without_anybody_to_do_it_waits() -> None:
    court = Court(people=0)
    court.come(1, P0, 1.0, at(0, 9.5))
    assert court.go(at(0, 16)) == {}
    assert court.desks.summary(office_ns=7 * HOUR_NS)["clerk"]["waiting"] == 1


def test_a_full_desk_puts_statistics_off_and_then_evidence_but_nothing_urgent() -> None:
    court = Court(most_waiting=2)
    for job, priority in ((1, P4), (2, P4), (3, P4), (4, P3), (5, P3), (6, P3), (7, P2), (8, P0)):
        court.come(job, priority, 0.25, at(0, 9.01) + job)
    done = court.go(at(0, 16))
    # 3 finds two before it; 4 and 5 find only P4, of which there may be any number before a P3; 6 finds 4 and 5.
    assert sorted(done) == [1, 2, 4, 5, 7, 8]
    assert court.desks.summary(office_ns=1)["clerk"]["put_off"] == 2
    assert sorted(court.go(at(3, 14))) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert min(done[3], done[6]) > at(3, 9)  # an office day after Friday, 9:01


def test_utilisation_counts_the_work_that_was_done_until_now() -> None:
    court = Court(people=2)
    court.come(1, P2, 10.0, at(0, 9.5))  # from 10 to 17, and three hours on Monday
    court.go(at(0, 17))
    summary = court.desks.summary(office_ns=8 * HOUR_NS)["clerk"]
    assert summary["utilisation"] == pytest.approx(7 / 16)
    assert summary["wait_s"] == {"mean": 1800.0, "p50": 1800.0, "p99": 1800.0, "max": 1800.0}


def test_waiting_times_tell_closed_hours_from_open_ones() -> None:
    court = Court()
    court.come(1, P2, 1.0, at(0, 18.5))
    court.go(at(3, 10))
    summary = court.desks.summary(office_ns=9 * HOUR_NS)["clerk"]
    assert summary["wait_s"]["max"] == (at(3, 9) - at(0, 18.5)) / 1e9
    assert summary["open_s"]["max"] == 0


def test_work_must_come_before_it_is_handed_out_and_end_within_the_calendar() -> None:
    court = Court()
    court.go(at(0, 12))
    court.come(1, P2, 1.0, at(0, 9.5))
    with pytest.raises(ValueError, match="came at"):
        court.go(at(0, 13))
    court = Court()
    court.come(1, P2, 500.0, at(0, 9.5))
    with pytest.raises(IndexError, match="after the last day"):
        court.go(at(0, 12))
    with pytest.raises(IndexError, match="after the last day"):
        Court().desks.hand_out(at(40, 1), at(40, 2))


def test_a_country_without_desks_has_nothing_to_say_of_them() -> None:
    desks = Desks(CIVIL, (), np.zeros((3, 0), dtype=np.int64))
    assert desks.hand_out(0, HOUR_NS)[0].tolist() == []
    assert desks.summary(office_ns=HOUR_NS) == {}
