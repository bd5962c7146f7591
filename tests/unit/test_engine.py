"""The engine's promises about order, time, cancellation and limits, and the trace hash that sums a history up."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

import pytest

from sim.kernel.engine import MILLISECOND, SECOND, Engine, EventLimit
from sim.kernel.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sim.kernel.engine import Timer


def test_calls_happen_in_order_of_time_whatever_the_order_of_scheduling() -> None:
    engine, seen = Engine(), []
    for time_ns in (30, 10, 20):
        engine.call_at(time_ns, lambda: seen.append(engine.now))
    engine.run(until=100)
    assert seen == [10, 20, 30]
    assert engine.now == 100


def test_ties_break_by_insertion_even_for_calls_added_at_the_very_time() -> None:
    engine, seen = Engine(), []

    def first() -> None:
        seen.append("first")
        engine.call_at(5, seen.append, "added at 5")
        engine.call_after(0, seen.append, "added after 0")

    engine.call_at(5, first)
    engine.call_after(5, seen.append, "second")
    engine.call_at(5, seen.append, "third")
    engine.run(until=6)
    assert seen == ["first", "second", "third", "added at 5", "added after 0"]


def test_a_call_gets_its_arguments() -> None:
    engine, seen = Engine(), []
    engine.call_at(1, lambda *args: seen.append(args), 1, "two", None)
    engine.run(until=2)
    assert seen == [(1, "two", None)]


def test_time_is_an_integer_far_beyond_what_a_float_can_tell_apart() -> None:
    engine, seen = Engine(), []
    century_ns = 100 * 365 * 86_400 * SECOND
    for time_ns in (century_ns + 1, century_ns):
        engine.call_at(time_ns, lambda: seen.append(engine.now))
    engine.run(until=century_ns + 2)
    assert float(century_ns) == float(century_ns + 1)
    assert seen == [century_ns, century_ns + 1]
    assert type(engine.now) is int
    assert SECOND == 1000 * MILLISECOND == 10**9


@pytest.mark.parametrize("time_ns", [1.5, 2.0])
def test_a_time_that_is_not_an_integer_never_becomes_an_event(time_ns: float) -> None:
    engine, seen = Engine(), []
    engine.call_at(time_ns, seen.append, "called")
    with pytest.raises(TypeError):
        engine.run(until=10)
    assert seen == []


def test_a_call_in_the_past_is_refused_and_one_at_the_present_is_not() -> None:
    engine, seen = Engine(), []
    engine.run(until=10)
    with pytest.raises(ValueError, match=r"call_at\(9\): it is 10 already"):
        engine.call_at(9, seen.append, "past")
    with pytest.raises(ValueError, match=r"call_at\(9\): it is 10 already"):
        engine.call_after(-1, seen.append, "past")
    engine.call_at(10, seen.append, "present")
    engine.run(until=11)
    assert seen == ["present"]


def test_a_cancelled_timer_neither_calls_nor_counts_nor_shows_in_the_trace() -> None:
    plain, cancelling, seen = Engine(), Engine(), []
    for engine in (plain, cancelling):
        engine.call_at(1, seen.append, engine)
        engine.call_at(3, seen.append, engine)
    cancelling.call_at(2, seen.append, "cancelled").cancel()
    for engine in (plain, cancelling):
        engine.run(until=10)
    assert seen == [plain, plain, cancelling, cancelling]
    assert cancelling.events == plain.events == 2
    assert cancelling.trace.hexdigest == plain.trace.hexdigest


def test_a_timer_can_be_cancelled_at_its_own_time_by_an_earlier_call_and_after_it_ran_harmlessly() -> None:
    engine, seen = Engine(), []
    timers: list[Timer] = []
    engine.call_at(5, lambda: [timer.cancel() for timer in timers])
    timers.append(engine.call_at(5, seen.append, "late"))
    done = engine.call_at(6, seen.append, "done")
    engine.run(until=7)
    done.cancel()
    done.cancel()
    engine.run(until=8)
    assert seen == ["done"]


def test_run_is_half_open_and_can_be_continued() -> None:
    engine, seen = Engine(), []
    for time_ns in (9, 10, 11):
        engine.call_at(time_ns, seen.append, time_ns)
    engine.run(until=10)
    assert (seen, engine.now) == ([9], 10)
    engine.run(until=10)
    assert (seen, engine.now) == ([9], 10)
    engine.run(until=11)
    assert (seen, engine.now) == ([9, 10], 11)
    engine.run(until=12)
    assert (seen, engine.now, engine.events) == ([9, 10, 11], 12, 3)


def test_an_empty_agenda_still_brings_the_clock_to_the_end() -> None:
    engine = Engine()
    engine.run(until=7)
    assert (engine.now, engine.events) == (7, 0)


def test_the_limit_is_raised_when_one_event_more_than_it_is_due() -> None:
    engine, seen = Engine(), []
    for time_ns in (1, 2, 3):
        engine.call_at(time_ns, seen.append, time_ns)
    with pytest.raises(EventLimit, match="2 events executed, and another is due at 3 ns"):
        engine.run(until=10, max_events=2)
    assert (seen, engine.events) == ([1, 2], 2)


def test_the_limit_is_not_raised_by_exactly_that_many_events() -> None:
    engine, seen = Engine(), []
    for time_ns in (1, 2, 3):
        engine.call_at(time_ns, seen.append, time_ns)
    engine.call_at(4, seen.append, 4).cancel()
    engine.run(until=10, max_events=3)
    assert (seen, engine.now) == ([1, 2, 3], 10)


def test_the_limit_counts_the_events_of_one_run_only() -> None:
    engine, seen = Engine(), []
    for time_ns in (1, 2, 11, 12, 21, 22):
        engine.call_at(time_ns, seen.append, time_ns)
    engine.run(until=10, max_events=2)
    engine.run(until=20, max_events=2)
    engine.run(until=30)
    assert seen == [1, 2, 11, 12, 21, 22]


def test_after_the_limit_a_run_goes_on_to_its_own_end_and_loses_nothing() -> None:
    engine, seen = Engine(), []
    for time_ns in (1, 2, 15):
        engine.call_at(time_ns, seen.append, time_ns)
    with pytest.raises(EventLimit):
        engine.run(until=10, max_events=1)
    engine.run(until=20)
    assert (seen, engine.now) == ([1, 2, 15], 20)


def test_an_error_inside_a_call_reaches_the_caller_of_run_and_does_not_bind_later_runs() -> None:
    engine, seen = Engine(), []
    engine.call_at(1, {}.__getitem__, "missing")
    engine.call_at(15, seen.append, 15)
    with pytest.raises(KeyError, match="missing"):
        engine.run(until=10)
    engine.run(until=20)
    assert (seen, engine.now) == ([15], 20)


def test_a_process_sleeps_as_long_as_it_yields_and_ends_when_it_returns() -> None:
    engine, seen = Engine(), []

    def behaviour() -> Iterator[int]:
        seen.append(engine.now)
        yield 5
        seen.append(engine.now)
        yield 0
        seen.append(engine.now)
        yield 7
        seen.append(engine.now)

    engine.run(until=100)
    engine.process(behaviour())
    assert seen == []
    engine.run(until=200)
    assert seen == [100, 105, 105, 112]
    assert engine.events == 5  # its start, three sleeps, and its end


def test_processes_that_wake_together_take_turns_in_order_of_going_to_sleep() -> None:
    engine, seen = Engine(), []

    def behaviour(name: str) -> Iterator[int]:
        for _ in range(2):
            yield 3
            seen.append(name)

    engine.process(behaviour("a"))
    engine.process(behaviour("b"))
    engine.call_at(3, seen.append, "call")
    engine.run(until=10)
    assert seen == ["call", "a", "b", "a", "b"]


def _history(advance: Callable[[Engine], None]) -> tuple[list[tuple[int, int]], str, int]:
    """A small busy world with many ties, cancellations and notes: what it did under this way of running it."""
    engine, seen = Engine(), []
    timers: dict[int, Timer] = {}

    def act(number: int) -> None:
        seen.append((engine.now, number))
        if number % 5 == 0:
            engine.trace.note("fifth", number)
        if number < 120:
            timers[number] = engine.call_after(number * 7 % 4, act, 2 * number + 1)
            engine.call_after(number * 5 % 3, act, 2 * number + 2)
        if number % 7 == 3 and number // 3 in timers:
            timers[number // 3].cancel()

    engine.call_at(1, act, 0)
    advance(engine)
    engine.run(until=200)
    return seen, engine.trace.hexdigest, engine.events


def _run_in_pieces(ends: Sequence[int]) -> Callable[[Engine], None]:
    return lambda engine: [engine.run(until=end) for end in ends]


def _run_in_steps(max_events: int) -> Callable[[Engine], None]:
    def advance(engine: Engine) -> None:
        while engine.now < 200:
            try:
                engine.run(until=200, max_events=max_events)
            except EventLimit:
                continue

    return advance


@pytest.mark.parametrize(
    "advance",
    [_run_in_pieces(range(1, 40)), _run_in_pieces([3, 3, 8, 13]), _run_in_steps(1), _run_in_steps(7)],
    ids=["every ns", "four pieces", "event by event", "seven events at a time"],
)
def test_running_in_pieces_changes_neither_order_nor_trace(advance: Callable[[Engine], None]) -> None:
    whole = _history(lambda _: None)
    assert len(whole[0]) > 100
    assert len({time_ns for time_ns, _ in whole[0]}) < len(whole[0]) / 3
    assert _history(advance) == whole


def _trace(*entries: int | tuple[int | str | bytes, ...]) -> str:
    trace = Trace()
    for entry in entries:
        if isinstance(entry, tuple):
            trace.note(*entry)
        else:
            trace.stamp(entry)
    return trace.hexdigest


HISTORY = (1, 2, ("commit", 1, b"\x01"), 3, 3, ("view", "a", 2), 5)


def test_equal_histories_have_equal_hashes() -> None:
    assert _trace(*HISTORY) == _trace(*HISTORY)


@pytest.mark.parametrize(
    "other",
    [
        (1, 2, ("commit", 1, b"\x01"), 3, 4, ("view", "a", 2), 5),
        (1, 2, ("commit", 1, b"\x02"), 3, 3, ("view", "a", 2), 5),
        (1, 2, ("commit", "1", b"\x01"), 3, 3, ("view", "a", 2), 5),
        (1, 2, ("commit", 1, "\x01"), 3, 3, ("view", "a", 2), 5),
        (1, ("commit", 1, b"\x01"), 2, 3, 3, ("view", "a", 2), 5),
        (1, 2, 3, ("commit", 1, b"\x01"), 3, ("view", "a", 2), 5),
        (1, 2, ("commit", 1, b"\x01"), 3, ("view", "a", 2), 5),
        (1, 2, ("commit",), (1, b"\x01"), 3, 3, ("view", "a", 2), 5),
        (2, 1, ("commit", 1, b"\x01"), 3, 3, ("view", "a", 2), 5),
        HISTORY[:-1],
        (*HISTORY, ()),
    ],
    ids=[
        "a time",
        "a fact",
        "a fact's type: int or str",
        "a fact's type: bytes or str",
        "a note before a stamp",
        "a note after a stamp",
        "an event fewer",
        "a note cut in two",
        "two stamps swapped",
        "the end missing",
        "an empty note more",
    ],
)
def test_any_difference_in_a_history_changes_its_hash(other: tuple[int | tuple[int | str | bytes, ...], ...]) -> None:
    assert _trace(*other) != _trace(*HISTORY)


def test_the_hash_is_sha256_of_little_endian_times_and_the_notes_between_them() -> None:
    expected = struct.pack("<qq", 1, 2**40) + b"('commit', 7, b'\\xff')" + struct.pack("<q", 3)
    assert _trace(1, 2**40, ("commit", 7, b"\xff"), 3) == hashlib.sha256(expected).hexdigest()


def test_reading_the_hash_does_not_end_it_and_buffering_does_not_show() -> None:
    quiet, watched = Trace(), Trace()
    for time_ns in range(20_000):
        quiet.stamp(time_ns)
        watched.stamp(time_ns)
        if time_ns % 1000 == 7:
            assert len(watched.hexdigest) == 64
    assert quiet.hexdigest == watched.hexdigest == hashlib.sha256(struct.pack("<20000q", *range(20_000))).hexdigest()


def test_the_engine_stamps_every_executed_call_before_it_happens() -> None:
    engine = Engine()
    engine.call_at(4, engine.trace.note, "four")
    engine.call_at(9, engine.trace.note, "nine")
    engine.run(until=10)
    assert engine.trace.hexdigest == _trace(4, ("four",), 9, ("nine",))
