"""Bands: what they hold, what they catch, and how often recorded runs leave them without cause."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.gate import machine
from bench.gate.bands import MARGIN, SLOWDOWN, Band, alarms, flat, surely_caught, upper_bound
from bench.gate.probes import probes
from bench.gate.recordings import Recordings, every

ratios = st.floats(1e-3, 1e3)


@given(st.lists(ratios, min_size=1))
def test_a_band_holds_all_that_was_recorded_and_the_margin_beyond(recorded: list[float]) -> None:
    band = Band.around(recorded)
    assert not any(band.side(ratio) for ratio in recorded)
    assert not band.side(max(recorded) * (1 + 0.99 * MARGIN))
    assert band.side(max(recorded) * (1 + 1.01 * MARGIN)) == 1
    assert band.side(min(recorded) / (1 + 1.01 * MARGIN)) == -1


@given(st.lists(ratios, min_size=1), st.floats(1.0001, 2))
def test_what_is_surely_caught_leaves_the_band_from_any_recorded_moment(recorded: list[float], more: float) -> None:
    factor = surely_caught({"idle": [recorded], "loaded": []}) * more
    band = Band.around(recorded)
    assert all(band.side(ratio * factor) == 1 for ratio in recorded)


@pytest.mark.parametrize("tries", [100, 320, 1000])
def test_no_failure_bounds_the_rate_by_three_in_n(tries: int) -> None:
    assert upper_bound(0, tries) == pytest.approx(3 / tries, rel=0.03)


@pytest.mark.parametrize(("failures", "tries", "bound"), [(1, 20, 0.2161), (5, 100, 0.1023), (10, 10, 1.0)])
def test_the_bound_is_that_of_clopper_and_pearson(failures: int, tries: int, bound: float) -> None:
    assert upper_bound(failures, tries) == pytest.approx(bound, abs=1e-4)


def recorded(processes: int, turns: int, spread: float, odd: dict[int, float]) -> dict[str, list[list[float]]]:
    """Ratios within a spread of 1, of which some processes are off by a factor."""
    chance = random.Random(1)  # noqa: S311 # nothing is to be kept secret
    rows = [
        [chance.uniform(1 - spread, 1 + spread) * odd.get(place, 1.0) for _ in range(turns)]
        for place in range(processes)
    ]
    return {"idle": rows, "loaded": rows}


def test_runs_that_are_alike_raise_no_alarm() -> None:
    found = alarms({"a": recorded(16, 10, 0.03, {}), "b": recorded(16, 10, 0.2, {})})
    assert (found.runs, found.first, found.failed) == (320, 0, 0)
    assert found.bound < 0.01


def test_one_odd_process_is_noticed_at_first_and_overruled_by_fresh_ones() -> None:
    found = alarms({"a": recorded(16, 10, 0.03, {5: 1.4}), "b": recorded(16, 10, 0.2, {})})
    # Its runs under both conditions are judged by bands of the same process under the other, which hold it: none is
    # noticed. That is what recording both is for, so the odd one is put under one condition only.
    assert found.first == 0
    odd = {"idle": recorded(16, 10, 0.03, {5: 1.4})["idle"], "loaded": recorded(16, 10, 0.03, {})["loaded"]}
    found = alarms({"a": odd})
    assert (found.first, found.failed) == (10, 0)


def test_three_odd_processes_in_a_row_are_a_false_alarm() -> None:
    odd = {
        "idle": recorded(16, 10, 0.03, {5: 1.4, 6: 1.4, 7: 1.4})["idle"],
        "loaded": recorded(16, 10, 0.03, {})["loaded"],
    }
    found = alarms({"a": odd})
    assert found.failed == 10
    assert found.bound > 0.01


@pytest.mark.parametrize("recordings", list(every()), ids=lambda known: known.path.stem)
def test_what_is_recorded_catches_the_slowdown_at_any_moment_with_few_false_alarms(recordings: Recordings) -> None:
    known = {name: ratios for name in recordings.entries if (ratios := recordings.ratios(name)) is not None}
    assert known.keys() <= probes().keys()
    for name, conditions in known.items():
        assert {len(flat({condition: rows})) for condition, rows in conditions.items()} == {160}, name
        assert surely_caught(conditions) < SLOWDOWN, name
    assert alarms(known).bound < 0.01


def test_a_machine_without_some_instructions_is_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine.kind()
    monkeypatch.setenv("OPENSSL_ia32cap", "~0x200000200000000")
    assert machine.kind() != here
