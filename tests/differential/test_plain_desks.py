"""The compiled desks do what a plain list of jobs and people does: the same jobs, done at the same nanosecond."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from desks_reference import Job, PlainDesk

from sim.casework.desks import Desks
from sim.casework.program import civil_arrays
from sim.kernel.civil import DAY_NS, HOUR_NS, Calendar

START = datetime.fromisoformat("2022-09-29T14:00+08:00")
CALENDAR = Calendar(START, days_before=40, days_after=400)
CIVIL = civil_arrays(CALENDAR)
MINUTE_NS = HOUR_NS // 60
ROLES = ("clerk", "guard", "judge")


def both(seed: int, width_ns: int, days: int, jobs: int, most: float | None) -> tuple[Desks, list[PlainDesk]]:
    """Random jobs at random desks, handed out by both, bucket after bucket; both must agree on every one."""
    rng = np.random.default_rng(seed)
    people = rng.integers(0, 5, (4, len(ROLES)))
    desks = Desks(CIVIL, ROLES, people, always=frozenset({"guard"}), most_waiting=most)
    plain = [
        PlainDesk(CALENDAR, [-(1 << 50)] * n, ROLES[k % 3] == "guard", None if most is None else int(np.ceil(n * most)))
        for k, n in enumerate(people.reshape(-1).tolist())
    ]
    buckets = days * DAY_NS // width_ns
    times = np.sort(rng.integers(0, buckets * width_ns // MINUTE_NS, jobs)) * MINUTE_NS  # many at one time
    work = np.where(rng.random(jobs) < 0.1, 0, rng.exponential(3 * HOUR_NS, jobs)).astype(np.int64)
    province, role, kind = rng.integers(0, 4, jobs), rng.integers(0, 3, jobs), rng.integers(0, 5, jobs)
    uid = rng.permutation(jobs).astype(np.uint64)
    number = np.arange(jobs)
    for bucket in range(buckets):
        end_ns = (bucket + 1) * width_ns
        came = np.flatnonzero((times >= end_ns - width_ns) & (times < end_ns))
        rng.shuffle(came)
        for part in np.array_split(came, 2):  # in pieces, in any order
            columns = (province, role, number, uid, kind, work, times)
            desks.arrive(*(column[part] for column in columns))
        for at in came.tolist():
            plain[province[at] * 3 + role[at]].coming.append(
                Job(int(kind[at]), int(times[at]), int(uid[at]), at, int(work[at]), int(times[at]))
            )
        found, done_ns = desks.hand_out(end_ns, end_ns + width_ns)
        theirs = [given for desk in plain for given in desk.hand_out(end_ns, end_ns + width_ns)]
        assert sorted(zip(found.tolist(), done_ns.tolist(), strict=True)) == sorted(theirs)
    return desks, plain


@pytest.mark.parametrize("most", [None, 2.0, 0.0])
@pytest.mark.parametrize("width_ns", [MINUTE_NS, 17 * MINUTE_NS, HOUR_NS, 30 * HOUR_NS])
@pytest.mark.parametrize("seed", range(4))
def test_compiled_desks_agree_with_plain_ones(seed: int, width_ns: int, most: float | None) -> None:
    days, jobs = (2, 300) if width_ns == MINUTE_NS else (14, 900)
    desks, plain = both(seed, width_ns, days, jobs, most)
    summary = desks.summary(office_ns=1)
    for number, role in enumerate(ROLES):
        mine = [desk for place, desk in enumerate(plain) if place % 3 == number]
        waits_ns = [wait for desk in mine for wait in desk.waits_ns]
        found = summary[role]
        assert found["done"] == len(waits_ns) > 0
        assert found["waiting"] == sum(len(desk.waiting) + len(desk.coming) for desk in mine)
        assert found["put_off"] == sum(desk.times_put_off for desk in mine)
        assert found["wait_s"]["mean"] == pytest.approx(sum(waits_ns) / len(waits_ns) / 1e9)
        assert found["wait_s"]["max"] == max(waits_ns) / 1e9
        assert sum(each["done"] for each in found["classes"].values()) == found["done"]
    if most is None:
        assert sum(found["put_off"] for found in summary.values()) == 0
    else:
        assert sum(found["put_off"] for found in summary.values()) > 0
