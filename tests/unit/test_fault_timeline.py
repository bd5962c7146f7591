"""Faults as spells: each begins where the run noted it, and ends where the run noted that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scenario_kit import chain, crash, linked, small

from sim.report import figures, page, style
from sim.report.fault_timeline import Spell, fault_timeline, has_faults, spells
from sim.report.wording import ENGLISH
from sim.study.run import run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_fault_lasts_from_its_beginning_to_its_end_or_to_the_end_of_the_run(tmp_path: Path) -> None:
    faults = [
        crash("500ms", [3], "200ms"),
        crash("1s", [3]),
        {"at": "600ms", "for": "300ms", "action": "lag", "extra": "5ms"},
    ]
    found = spells(run(small(tmp_path, faults=faults)))
    assert [spell for spell in found if spell.kind != "view change"] == [
        Spell("a", "crash", 0.5, 0.7, 1),
        Spell("a", "lag", 0.6, 0.9, 0),
        Spell("a", "crash", 1.0, 2.0, 1),
    ]


def test_a_change_of_view_is_a_moment_without_length(tmp_path: Path) -> None:
    found = spells(run(small(tmp_path, faults=[crash("500ms", [0])])))
    (change,) = (spell for spell in found if spell.kind == "view change")
    assert change.begin_s == change.end_s > 1.0
    assert change.label == "a: view change"


def test_faults_of_a_link_are_the_scenarios_and_both_its_chains_are_shown(tmp_path: Path) -> None:
    away = {"at": "2s", "for": "3s", "action": "relayer-crash", "link": "a-b", "relayers": [0]}
    result = run(linked(tmp_path, faults=[away]))
    assert spells(result) == [Spell("a-b", "relayer-crash", 2.0, 5.0, 0)]
    drawn = {one.picture.name: one.title for one in figures.draw(result)}
    assert drawn["fault-timeline"] == "1 fault, and what 2 chains committed meanwhile"
    assert ENGLISH("time.calm") not in page.render(result, [])


def test_a_calm_run_has_no_such_figure(tmp_path: Path) -> None:
    result = run(small(tmp_path, chains={"a": chain()}))
    assert not has_faults(result)
    assert ENGLISH("time.calm") in page.render(result, [])
    assert "fault-timeline" not in {one.picture.name for one in figures.draw(result)}


def test_a_run_that_stops_before_its_faults_says_so(tmp_path: Path) -> None:
    away = {"at": "2s", "for": "3s", "action": "relayer-crash", "link": "a-b", "relayers": [0]}
    whole = run(linked(tmp_path, faults=[away]))
    stopped = replace(whole, summary={**whole.summary, "simulated_s": 1.0})
    title = style.title(fault_timeline(stopped))
    assert title == "Nothing that was planned came to pass before the run ended"
