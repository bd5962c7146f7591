"""The named bottleneck is one: relieving it helps, relieving anything else does not.

Seven chains are made so that one thing bounds each, five in throughput and two in latency. Each is run as it is, and
once more for every relief.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import chain, deposits, network, small

import sim
from sim.study import summary
from sim.study.bottleneck import Evidence, bottleneck, throughput_bound

if TYPE_CHECKING:
    from pathlib import Path

HELPS = 1.5
"""A relief helps if throughput rises, or mean latency falls, by this factor; it does not if by less than `NO_HELP`."""
NO_HELP = 1.15

COSTS = {"sign": "20us", "verify": "20us", "hash": "1us", "hash_per_kilobyte": "1us", "execute": "1us", "proof": "1us"}

RELIEFS: dict[str, dict[str, Any]] = {
    "leader bandwidth": {"network.bandwidth": "100Gbit/s"},
    "signature CPU": {"costs.verify": "1us", "costs.sign": "1us", "costs.hash": "100ns"},
    "execution CPU": {"costs.execute": "1us"},
    "block cutting": {
        "chains.a.block": {"max_transactions": 1000, "max_bytes": "100MB", "interval": "5ms"},
        "chains.a.consensus.commit_wait": "5ms",
    },
    "round trips": {"network.delays.within": "100us"},
    "mempool": {"chains.a.mempool.capacity": 1_000_000},
}


def scenario(**keys: object) -> dict[str, Any]:
    """A chain with room to spare everywhere."""
    block = {"max_transactions": 1000, "max_bytes": "100MB", "interval": "5ms"}
    return {
        "network": network(bandwidth="100Gbit/s"),
        "chains": {"a": chain(block=block, mempool={"capacity": 1_000_000})},
        "workload": {"files": deposits()},
        "costs": dict(COSTS),
    } | keys


def put(data: dict[str, Any], path: str, value: object) -> None:
    """Set one key of a scenario."""
    *folders, key = path.split(".")
    reduce(lambda part, name: part[name], folders, data)[key] = value


def _bandwidth() -> dict[str, Any]:
    data = scenario(network=network(bandwidth="50Mbit/s"), workload={"files": deposits("2000/s", size="5kB")})
    put(data, "chains.a.block.max_transactions", 50)
    return data


def _signatures() -> dict[str, Any]:
    data = scenario(costs={**COSTS, "verify": "1ms"}, workload={"files": deposits("3000/s")})
    put(data, "chains.a.block.max_transactions", 100)
    return data


def _execution() -> dict[str, Any]:
    data = scenario(costs={**COSTS, "execute": "1ms"}, workload={"files": deposits("3000/s")})
    put(data, "chains.a.block.max_transactions", 100)
    return data


def _cutting() -> dict[str, Any]:
    data = scenario(workload={"files": deposits("2000/s")})
    put(data, "chains.a.consensus", {"protocol": "tendermint", "timeout": "5s", "commit_wait": "400ms"})
    put(data, "chains.a.block.max_transactions", 100)
    return data


def _pool() -> dict[str, Any]:
    burst = deposits("2000000/s", begin="1s", end="1001ms")
    data = scenario(workload={"files": burst})
    put(data, "chains.a.mempool.capacity", 300)
    return data


def _far() -> dict[str, Any]:
    data = scenario(network=network(bandwidth="100Gbit/s"))
    put(data, "network.delays.within", "100ms")
    return data


def _slow_blocks() -> dict[str, Any]:
    data = scenario()
    put(data, "chains.a.block.interval", "400ms")
    return data


@dataclass(frozen=True)
class Case:
    """A scenario, what is measured (``throughput`` or ``latency``), and what bounds it."""

    name: str
    data: dict[str, Any]
    of: str
    bound: str


CASES = (
    Case("a small interface", _bandwidth(), "throughput", "leader bandwidth"),
    Case("slow signatures", _signatures(), "throughput", "signature CPU"),
    Case("slow execution", _execution(), "throughput", "execution CPU"),
    Case("a pause after each block", _cutting(), "throughput", "block cutting"),
    Case("a burst into a small pool", _pool(), "throughput", "mempool"),
    Case("long lines", _far(), "latency", "round trips"),
    Case("a long interval", _slow_blocks(), "latency", "block cutting"),
)


def measure(folder: Path, data: dict[str, Any], of: str) -> tuple[float, str]:
    """How good a run is (more is better), and what it names as bound."""
    result = sim.run(small(folder, **data)).summary["chains"]["a"]
    if of == "throughput":
        return result["throughput_tps"], result["bottleneck"]["throughput"]["resource"]
    return 1 / result["commit_latency_s"]["mean"], result["bottleneck"]["latency"]["cause"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_relieving_the_named_bottleneck_helps_and_relieving_others_does_not(case: Case, tmp_path: Path) -> None:
    before, named = measure(tmp_path, case.data, case.of)
    assert named == case.bound
    for relieved, changes in RELIEFS.items():
        data = reduce(_changed, changes.items(), case.data)
        after, _ = measure(tmp_path, data, case.of)
        gain = after / before
        if relieved == case.bound:
            assert gain >= HELPS, f"relieving {relieved} helps by {gain:.2f} only"
        else:
            assert gain < NO_HELP, f"relieving {relieved} helps by {gain:.2f}"


def _changed(data: dict[str, Any], change: tuple[str, Any]) -> dict[str, Any]:
    import copy

    changed = copy.deepcopy(data)
    put(changed, *change)
    return changed


def test_a_chain_that_nothing_keeps_busy_is_bounded_by_what_it_is_offered(tmp_path: Path) -> None:
    data = scenario(costs=dict.fromkeys(COSTS, "0ns"), workload={"files": deposits("10/s")})
    bound = sim.run(small(tmp_path, **data)).summary["chains"]["a"]["bottleneck"]["throughput"]
    assert bound["resource"] == "offered load"
    assert bound["utilisation"] < 0.001


def test_the_busiest_direction_of_the_interfaces_is_the_one_that_is_named(tmp_path: Path) -> None:
    evidence: list[Evidence] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary, "bottleneck", lambda found: evidence.append(found) or bottleneck(found))
        sim.run(small(tmp_path, **_bandwidth()))
    (sending,) = evidence
    receiving = replace(sending, egress=sending.ingress, ingress=sending.egress)
    assert throughput_bound(sending)[0] == "leader bandwidth"
    assert throughput_bound(receiving)[0] == "receiving bandwidth"
