"""Every protocol under hostile schedules: it never contradicts itself, and goes on once the storm is over.

`consensus_cluster.stormy` states the distribution of the schedules. The number of seeds is 25 a protocol here and 500
with ``ALLIANCE_FULL=1``; what `alliance torture` does to whole chains comes on top.
"""

from __future__ import annotations

import os

import pytest
from consensus_cluster import Cluster, stormy

from sim.consensus.parameters import Parameters
from sim.consensus.registry import family, make_replica, protocols

SEEDS = 500 if os.environ.get("ALLIANCE_FULL") else 25
LONG_AFTER = 60_000
SETTINGS = {"tendermint": ({}, {"commit_wait_ns": 30})}
CASES = [(name, settings) for name in protocols() for settings in SETTINGS.get(name, ({},))]


@pytest.mark.parametrize(("protocol", "settings"), CASES, ids=lambda value: value if isinstance(value, str) else "-")
def test_a_storm_within_the_bound_costs_time_only(protocol: str, settings: dict[str, int]) -> None:
    entry = family(protocol)
    for seed in range(SEEDS):
        cluster = stormy(entry.make, seed, byzantine=entry.byzantine, settings=settings)
        cluster.run(until=LONG_AFTER)
        assert cluster.finished(), f"seed {seed}: something was never decided"


@pytest.mark.parametrize("protocol", protocols())
def test_a_lone_replica_decides_by_itself(protocol: str) -> None:
    entry = family(protocol)
    cluster = Cluster(entry.make, 1, seed=1)
    for time in range(0, 500, 50):
        cluster.request_at(time)
    cluster.run(until=LONG_AFTER)
    assert cluster.finished()
    assert not cluster.sent


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown consensus protocol 'paxos'"):
        make_replica("paxos", Parameters(n=4, me=0, timeout_ns=1))
