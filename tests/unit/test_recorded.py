"""Packets as records: when relayers look, what a crowd does, what gateways and timeouts do; by hand on small cases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.crosschain.recorded import COURSES, NEVER, Interruption, RecordLink, travel
from sim.crosschain.steps import DESTINATION, SOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.crosschain.recorded import Travels

LINK = RecordLink(
    id="a-b",
    chains={SOURCE: "a", DESTINATION: "b"},
    course=COURSES["packet", False],
    relayers=1,
    poll_ns=100,
    batch=30,
    rpc_ns=5,
    rpc_item_ns=1,
    shown_ns={SOURCE: 2, DESTINATION: 3},
)
ITEMS_NS = 2 * 5 + 4
"""The way of a look with one packet: there, back, and four items."""


def went(link: RecordLink, times_ns: Sequence[int], commit_ns: int = 20, gateway_ns: int = 0) -> Travels:
    """Packets whose records all take the same."""
    time_ns, same = np.array(times_ns), np.zeros(len(times_ns), dtype=np.int64)
    stations = len(link.course.stations)
    commits = np.full((stations + 1, len(time_ns)), commit_ns)
    gateways = np.full((stations, len(time_ns)), gateway_ns)
    return travel(link, time_ns, same, same, commits, gateways)


def test_a_packet_waits_for_its_block_for_the_next_and_for_the_relayers_look() -> None:
    done = went(LINK, [7, 80]).done_ns
    # The first: committed at 27, shown at 29, seen at 100; committed at 134, shown at 137, seen at 200.
    assert done[:, 0].tolist() == [27, 100 + ITEMS_NS + 20, 200 + ITEMS_NS + 20, NEVER]
    assert done[:, 1].tolist() == [100, 200 + ITEMS_NS + 20, 300 + ITEMS_NS + 20, NEVER]


def test_relayers_look_in_turn_and_whoever_comes_first_carries_it() -> None:
    assert went(replace(LINK, relayers=2), [7]).sent_ns[1].tolist() == [50 + ITEMS_NS]


def test_a_gateway_stands_in_front_of_every_record_that_it_is_told_to() -> None:
    assert went(LINK, [7], gateway_ns=9).sent_ns[1].tolist() == [100 + ITEMS_NS + 9]


def test_a_restarted_relayer_looks_at_once_and_one_that_left_something_out_at_its_next_turn() -> None:
    crash, censor = (Interruption(0, 90, 330, crash=crash) for crash in (True, False))
    for gap, look_ns in ((crash, 330), (censor, 400)):
        sent_ns = went(replace(LINK, interruptions=(gap,)), [7]).sent_ns
        assert sent_ns[1].tolist() == [look_ns + ITEMS_NS]
    later = went(replace(LINK, interruptions=(crash,)), [380]).sent_ns
    assert later[1].tolist() == [430 + ITEMS_NS]


def test_what_is_left_out_is_only_what_the_relayer_is_told_to() -> None:
    gap = Interruption(0, 0, NEVER, crash=False, streams=frozenset({1}))
    link, streams = replace(LINK, interruptions=(gap,)), np.array([0, 1])
    looks = link.looks_ns(np.array([7, 7]), streams, np.zeros(2, dtype=np.int64))
    assert looks.tolist() == [100, NEVER]


def test_without_a_relayer_nothing_arrives() -> None:
    found = went(replace(LINK, interruptions=(Interruption(0, 0, NEVER, crash=True),)), [7])
    assert found.done_ns[1:].min() == NEVER


def test_what_comes_too_late_is_given_back_and_leaves_nothing_else() -> None:
    found = went(replace(LINK, timeout_ns=100), [7, 60])
    # Both are in one look, which takes two items more, and there at 136: too late for the first since 107, which is
    # shown at 110 and seen at 200.
    assert found.timed_out.tolist() == [True, False]
    assert found.done_ns[2].tolist() == [NEVER, 236]
    assert found.sent_ns[-1, 0] == 200 + ITEMS_NS
    in_time = went(replace(LINK, timeout_ns=200), [7])
    assert not in_time.timed_out.any()
    assert in_time.done_ns[-1].tolist() == [NEVER]


def test_two_phases_belong_to_one_coordinator() -> None:
    link = replace(LINK, course=COURSES["2pc", False], relayers=2)
    looks = link.looks_ns(np.array([7, 7]), np.zeros(2, dtype=np.int64), np.array([0, 1]))
    assert looks.tolist() == [100, 50]


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=120), st.integers(2, 12))
def test_no_look_carries_more_than_its_part_of_a_batch_and_nothing_waits_for_nothing(
    times_ns: list[int], batch: int
) -> None:
    times_ns.sort()
    found = went(replace(LINK, batch=batch, rpc_item_ns=0), times_ns)
    part = batch // 2
    looks = found.sent_ns[1] - 10
    _, counts = np.unique(looks, return_counts=True)
    assert counts.max() <= part
    # One after the other: the first look that is not full, at the earliest when it can be shown.
    room: dict[int, int] = {}
    expected = []
    for time_ns in times_ns:
        look = -(-(time_ns + 22) // 100) * 100
        while room.get(look, 0) == part:
            look += 100
        room[look] = room.get(look, 0) + 1
        expected.append(look)
    assert looks.tolist() == expected


@pytest.mark.parametrize("way", COURSES, ids=str)
def test_every_course_goes_from_what_makes_a_record_due_to_the_record(way: tuple[str, bool]) -> None:
    course = COURSES[way]
    assert [station.after < number for number, station in enumerate(course.stations)] == [True] * len(course.stations)
    assert course.stations[course.delivered].role == DESTINATION
    if course.acknowledged is not None:
        assert course.stations[course.acknowledged].role == SOURCE
