"""Every protocol under hostile schedules: it never contradicts itself, and goes on once the storm is over.

`consensus_cluster.stormy` states the distribution of the schedules. There are 25 seeds a protocol, and 500 in
`make test-full`; what `alliance torture` does to whole chains comes on top.
"""

from __future__ import annotations

import pytest
from consensus_cluster import Cluster, stormy

from sim.consensus.parameters import Parameters
from sim.consensus.registry import family, make_replica, protocols

SEEDS, MANY_SEEDS = range(25), range(25, 500)
LONG_AFTER = 60_000
SETTINGS = {"tendermint": ({}, {"commit_wait_ns": 30})}
CASES = [(name, settings) for name in protocols() for settings in SETTINGS.get(name, ({},))]


each_protocol = pytest.mark.parametrize(
    ("protocol", "settings"), CASES, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)


@each_protocol
def test_a_storm_within_the_bound_costs_time_only(protocol: str, settings: dict[str, int]) -> None:
    weather(protocol, settings, SEEDS)


@pytest.mark.full
@each_protocol
def test_many_storms_within_the_bound_cost_time_only(protocol: str, settings: dict[str, int]) -> None:
    weather(protocol, settings, MANY_SEEDS)


def weather(protocol: str, settings: dict[str, int], seeds: range) -> None:
    """Let a storm over a cluster for each seed; it must finish, and the cluster checks all else."""
    entry = family(protocol)
    for seed in seeds:
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
