"""Bands: what they hold, what they catch, and how often recorded runs leave them without cause."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.gate import machine
from bench.gate.bands import MARGIN, OUTSIDE, SLOWDOWN, WAITS_S, Band, alarms, flat, surely_caught, upper_bound
from bench.gate.probes import probes
from bench.gate.recordings import Recordings, every

ratios = st.floats(1e-3, 1e3)
SPELL = range(5, 5 + len(WAITS_S))
"""Processes that are recorded while a run of the gate tries again and again."""


@given(st.lists(ratios, min_size=1, max_size=400))
def test_a_band_holds_all_but_ten_percent_on_either_side_and_the_margin_beyond(recorded: list[float]) -> None:
    band = Band.around(recorded)
    sides = [band.side(ratio) for ratio in recorded]
    assert sides.count(1) <= OUTSIDE * len(recorded)
    assert sides.count(-1) <= OUTSIDE * len(recorded)
    inside = [ratio for ratio, side in zip(recorded, sides, strict=True) if not side]
    assert band.high >= max(inside) if len(recorded) >= 1 / OUTSIDE else band.high == max(inside) * (1 + MARGIN)
    assert band.side(band.high * 1.001) == 1
    assert band.side(band.low / 1.001) == -1


@given(st.lists(ratios, min_size=1, max_size=400), st.floats(1.0001, 2))
def test_what_is_surely_caught_leaves_the_band_from_all_moments_but_ten_percent(
    recorded: list[float], more: float
) -> None:
    factor = surely_caught({"idle": [recorded], "loaded": []}) * more
    band = Band.around(recorded)
    assert sum(band.side(ratio * factor) != 1 for ratio in recorded) <= OUTSIDE * len(recorded)


@pytest.mark.parametrize("tries", [100, 320, 1000])
def test_no_failure_bounds_the_rate_by_three_in_n(tries: int) -> None:
    assert upper_bound(0, tries) == pytest.approx(3 / tries, rel=0.03)


@pytest.mark.parametrize(("failures", "tries", "bound"), [(1, 20, 0.2161), (5, 100, 0.1023), (10, 10, 1.0)])
def test_the_bound_is_that_of_clopper_and_pearson(failures: int, tries: int, bound: float) -> None:
    assert upper_bound(failures, tries) == pytest.approx(bound, abs=1e-4)


def recorded(spread: float, odd: dict[tuple[int, int], float] | None = None) -> dict[str, list[list[float]]]:
    """Ratios within a spread of 1, of which some are off by a factor: by process and pass, under load only."""
    chance = random.Random(1)  # noqa: S311 # nothing is to be kept secret
    idle, loaded = ([[chance.uniform(1 - spread, 1 + spread) for _ in range(10)] for _ in range(16)] for _ in range(2))
    for (process, turn), factor in (odd or {}).items():
        loaded[process][turn] *= factor
    return {"idle": idle, "loaded": loaded}


def test_runs_that_are_alike_raise_no_alarm() -> None:
    found = alarms({"a": recorded(0.03), "b": recorded(0.2)})
    assert (found.runs, found.first, found.failed) == (320, 0, 0)
    assert found.bound < 0.01


def test_a_bad_spell_of_one_process_is_noticed_and_overruled_by_the_next() -> None:
    found = alarms({"a": recorded(0.03, {(5, turn): 1.4 for turn in range(10)}), "b": recorded(0.2)})
    assert (found.first, found.failed) == (10, 0)


def test_who_leaves_the_band_on_one_side_and_then_on_the_other_is_no_alarm() -> None:
    factors = {(place, turn): 0.6 if place == SPELL[1] else 1.4 for place in SPELL for turn in range(10)}
    assert alarms({"a": recorded(0.03, factors)}).failed == 0


def test_a_bad_spell_that_outlasts_all_tries_is_a_false_alarm() -> None:
    factors = {(place, turn): 1.4 for place in SPELL for turn in range(10)}
    found = alarms({"a": recorded(0.03, factors)})
    assert (found.first, found.failed) == (30, 10)  # the last one's bands hold all the others
    assert found.bound > 0.01


@pytest.mark.parametrize("recordings", list(every()), ids=lambda known: known.path.stem)
def test_what_is_recorded_catches_the_slowdown_with_few_false_alarms(recordings: Recordings) -> None:
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
