"""What is believed of an idle chain before it runs is what an idle chain takes, within 5 %."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sim
from sim.build import build, measure
from sim.build.estimates import record_ns
from sim.casework.emissions import Deposited, Emissions

ALLIANCE = Path(__file__).parent.parent.parent / "scenarios" / "base" / "alliance.yaml"
COUNT, APART_NS = 31, 4_700_000_000
"""Records, one from each province, so far apart that each has the chain for itself."""
TOLERANCE = 0.05


@pytest.mark.parametrize("protocol", ["pbft", "tendermint", "qbft", "hotstuff", "jolteon", "raft"])
def test_an_idle_chain_takes_what_is_estimated(protocol: str) -> None:
    changes = {f"chains.{chain}.consensus.protocol": protocol for chain in ("jc", "bank")}
    scenario = sim.load(ALLIANCE, set={"horizon": "150s", **changes}).model_copy(update={"workload": {}})
    same = np.zeros(COUNT, dtype=np.int64)
    times_ns, provinces = np.arange(COUNT) * APART_NS, np.arange(COUNT)
    keys = {"jc": np.arange(COUNT, dtype=np.uint64), "bank": np.arange(COUNT, 2 * COUNT, dtype=np.uint64)}
    deposits = {chain: Deposited(key, times_ns, provinces, same, same, ("idle/record",)) for chain, key in keys.items()}
    alliance = build(scenario, 1, emissions=Emissions(deposits=deposits))
    alliance.engine.run(until=alliance.horizon_ns)
    alliance.finish()
    measured, expected = measure(alliance), record_ns(scenario)
    for chain, key in keys.items():
        taken_ns = measured.delay_ns[np.searchsorted(measured.key, key)].mean()
        assert abs(expected[chain] / taken_ns - 1) < TOLERANCE
