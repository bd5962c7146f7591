"""The search for the capacity of a suite, and the national day that it searches on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

import sim

if TYPE_CHECKING:
    from types import ModuleType

BENCH = Path(__file__).parents[2] / "bench"
CALIBRATIONS = BENCH.parent / "results" / "calibration"


@pytest.fixture(scope="module")
def suites() -> ModuleType:
    sys.path.insert(0, str(BENCH))
    try:
        import suites
    finally:
        sys.path.remove(str(BENCH))
    return suites


@given(limit=st.floats(1, 1e5), start=st.floats(10, 1000))
def test_the_search_ends_a_percent_around_the_limit(suites: ModuleType, limit: float, start: float) -> None:
    loads = []

    def probe(load: float) -> object:
        loads.append(load)
        return suites.Probe(load, load <= limit, 1.0, 0, 1.0, 0, "nothing 0 %")

    found = suites.search(probe, start)
    assert found.carried.load_per_s <= limit < found.refused.load_per_s
    assert found.refused.load_per_s <= found.carried.load_per_s * 1.01
    assert [one.load_per_s for one in found.probes] == loads
    assert len(loads) <= 30


def test_a_chain_that_carries_nothing_is_not_searched_for_ever(suites: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"not even 0\.\d+ records/s are carried"):
        suites.search(
            lambda load: suites.Probe(
                load, carried=False, in_time=0.0, rejected=0, growth=None, view_changes=0, bound=""
            ),
            100.0,
        )


def test_the_hub_carries_its_busiest_hour_and_not_forty_times_that(suites: ModuleType) -> None:
    chosen = suites.settings("sm2", "sm3", "1Gbit/s", CALIBRATIONS, "15s")
    busiest_per_s = suites.busiest_load(chosen)
    assert busiest_per_s == pytest.approx(131.9, rel=0.001)  # the arithmetic in base/alliance.yaml
    usual, high = (suites.probe_at(factor * busiest_per_s, chosen, busiest_per_s) for factor in (1, 40))
    assert usual.carried
    assert (usual.in_time, usual.rejected) == (1.0, 0)
    assert not high.carried


def test_a_suite_is_its_costs_and_its_hash_on_every_chain(suites: ModuleType) -> None:
    scenario = sim.load(suites.NATIONAL_DAY, set=suites.settings("ed25519", "sha256", "10Gbit/s", CALIBRATIONS))
    assert {chain.hash for chain in scenario.chains.values()} == {"sha256"}
    assert scenario.costs.source is not None
    assert "sha256 and ed25519" in scenario.costs.source
    assert scenario.network.bandwidth == 10_000_000_000
    assert scenario.chains["jc"].validators == 27


def test_the_figure_shows_every_point(suites: ModuleType, tmp_path: Path) -> None:
    point = {"capacity_per_s": 648.2, "busiest_hours": 4.9, "nearest_its_limit": "leader bandwidth 94 %"}
    points = [
        {"signature": signature, "hash": suite, "bandwidth": bandwidth, **point}
        for bandwidth in suites.BANDWIDTHS
        for signature, suite in suites.SUITES
    ]
    suites.draw(points, tmp_path / "suites.png")
    assert imread(tmp_path / "suites.png").shape[1] == 1500
    assert suites.title(points).endswith("1× on 100 Mbit/s, 1× on 1 Gbit/s, 1× on 10 Gbit/s")
