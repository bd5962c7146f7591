"""The scenarios of attacks: each ends as its file expects, and their base loses nothing on any way of crossing."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.scenario import load
from sim.study.attacks import Job, attacks_in, name_of, row_of, ways

SCENARIOS = Path(__file__).parents[2] / "scenarios"
CROSSING = SCENARIOS / "base" / "crossing.yaml"


@pytest.mark.parametrize("file", attacks_in(SCENARIOS), ids=lambda file: file.stem)
def test_an_attack_ends_as_its_file_expects(file: Path) -> None:
    scenario = load(file)
    (link,) = scenario.links.values()
    row = row_of(Job(file, (link.protocol, link.verify, link.atomicity)))
    assert row["verdict"] == scenario.expect
    assert row["broken"] is None


@pytest.mark.parametrize("way", ways(), ids=name_of)
def test_the_base_crosses_every_way_and_loses_nothing(way: tuple[str, str, str]) -> None:
    row = row_of(Job(CROSSING, way))
    assert row["verdict"] == "pass"
    assert row["delivered"] == row["offered"] > 100
