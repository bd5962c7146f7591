"""Which windows of a year chains run through, and what a scenario is within one of them."""

from __future__ import annotations

import numpy as np
import year_kit

from sim.kernel.civil import DAY_NS, HOUR_NS
from sim.kernel.engine import SECOND
from sim.scenario.year import Year
from sim.study.year import choice
from sim.study.year.chains import WARM_NS, Span, narrowed
from sim.study.year.load import Load, Windows

MINUTE = 60 * SECOND
CRASH = {"at": "30h", "for": "10min", "action": "crash", "chain": "jc", "nodes": ["0"]}
SOON = {"at": "30.5h", "for": "1min", "action": "crash", "chain": "exe", "nodes": ["0"]}
LASTING = {"at": "20h", "action": "crash", "chain": "exe", "nodes": ["1"]}
LATER = {"at": "47h", "for": "1min", "action": "crash", "chain": "jc", "nodes": ["1"]}
STREAM = {"chain": "sec", "rate": "2/s", "size": "500B", "begin": "1h", "end": "32h"}


def test_a_window_has_the_faults_and_streams_of_its_time() -> None:
    scenario = year_kit.by_tables(faults=[CRASH, LASTING, LATER], workload={"s": STREAM})
    part = narrowed(scenario, 30 * HOUR_NS + 5 * MINUTE, 31 * HOUR_NS, busier=1.5)
    assert part.horizon == 55 * MINUTE
    assert (part.start - scenario.start).total_seconds() == 30 * 3600 + 300
    assert [(fault.chain, fault.at, fault.duration) for fault in part.faults] == [
        ("jc", 0, 5 * MINUTE),
        ("exe", 0, None),
    ]
    stream = part.workload["s"]
    assert (stream.begin, stream.end, stream.rate) == (0, 32 * HOUR_NS - 30 * HOUR_NS - 5 * MINUTE, 3.0)
    assert not narrowed(scenario, 33 * HOUR_NS, 34 * HOUR_NS).workload


def test_faults_that_are_near_share_a_window_and_it_has_margins() -> None:
    scenario = year_kit.by_tables(faults=[CRASH, SOON, LATER], **{"year.margin": "15min"})
    assert scenario.year is not None
    found = choice.storms(scenario, scenario.year)
    assert [(span.kind, span.begin_ns // MINUTE, span.end_ns // MINUTE) for span in found] == [
        ("fault", 30 * 60 - 15, 30 * 60 + 46),
        ("fault", 47 * 60 - 15, 48 * 60 - 60 + 16),
    ]


def load(hours: list[int], bursts: list[int]) -> Load:
    """Two chains, of which one is always as busy and the other as told."""
    found = Load.none(("a", "b"), len(bursts) * DAY_NS)
    found.hours[0], found.hours[1] = 100, hours
    found.bursts[1] = bursts
    return found


def test_levels_are_spread_over_load_with_the_busiest_among_them_and_one_beyond() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    hours = rng.integers(10, 1000, 72)
    found = choice.levels(
        load(hours.tolist(), [0, 0, 0]),
        Year.model_validate({"one_in": "10", "levels": "6"}),
        Windows.of([(0, 5 * HOUR_NS)]),
    )
    *usual, beyond = found
    chosen = [span.begin_ns // HOUR_NS for span in usual]
    assert len(set(chosen)) == 6
    assert min(chosen) >= 5, "hours with a fault are left out"
    assert int(hours[5:].argmax()) + 5 in chosen
    assert int(hours[5:].argmin()) + 5 in chosen
    assert (beyond.begin_ns // HOUR_NS, beyond.copies) == (int(hours[5:].argmax()) + 5, 15)
    for span in found:
        assert span.from_ns == span.begin_ns - WARM_NS
        assert span.begin_ns // HOUR_NS == span.end_ns // HOUR_NS, "an hour's load is of one hour"


def test_bursts_are_spread_over_midnights_and_there_are_none_where_nothing_comes_at_once() -> None:
    sizes = [0, 5, 90, 40, 0, 7]
    found = choice.bursts(
        load([100] * 144, sizes), Year.model_validate({"one_in": "10", "bursts": "3"}), Windows.of([])
    )
    days = [span.begin_ns // DAY_NS for span in found]
    assert {1, 2, 3} == set(days), "spread over size: the least, the most, and what is nearest to the middle"
    assert all(sizes[day] for day in days)
    assert len(days) == 3
    assert choice.bursts(load([100] * 48, [0, 0]), Year(), Windows.of([])) == []
    assert Span("burst", 0, 1, 1).from_ns == 0
