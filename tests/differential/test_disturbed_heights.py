"""Chains that are computed while they are calm, through a crash, a partition, an overload, and recovery from each.

Before anything is wrong every record has every time alike. While something is wrong both go by messages, but a timer
that started a microsecond later may lead to another view, and so to other blocks until the end. So what comes after is
compared as a whole: offered, committed and rejected records, view changes, and the latency of what is sent once the
chain has recovered.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenario_kit import CHEAP, chain, deposits, network, small

import sim
from sim.kernel.engine import MILLISECOND, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from sim.study.run import Run

PROTOCOLS = ("hotstuff", "jolteon", "pbft", "qbft", "raft", "tendermint")
DISTURBANCES = ("crash", "partition", "overload", "loss")
SEEDS, MANY_SEEDS = range(3000, 3001), range(3001, 3009)
FAULT_S, FAULT_FOR_S, RECOVERED_S, HORIZON_S = 5, 3, 18, 30
MARGIN_NS = 600 * MILLISECOND
"""A fault is seen coming one timeout before it, and the last heights before that may overlap."""
MEAN, P99, RECORDS = 0.03, 0.10, 0.01
"""How far the two may differ after recovery: mean and 99th percentile of the latency, and the share of records."""


def disturbed(seed: int, protocol: str, disturbance: str) -> dict[str, Any]:
    """A scenario of one chain with calm before and after what disturbs it."""
    chance = random.Random(f"{seed} {protocol} {disturbance}")  # noqa: S311 # nothing is to be kept secret
    n = chance.choice((4, 7, 10, 16))
    fault: dict[str, Any] = {"at": f"{FAULT_S}s", "for": f"{FAULT_FOR_S}s", "chain": "a"}
    kinds: dict[str, dict[str, Any]] = {
        "crash": {**fault, "action": "crash", "nodes": [chance.randrange(n)]},
        "partition": {**fault, "action": "partition", "groups": [sorted(chance.sample(range(n), n // 2)), "rest"]},
        "loss": {**fault, "action": "loss", "share": "10%"},
    }
    burst = deposits("12000/s", begin=f"{FAULT_S}s", end=f"{FAULT_S * 1000 + 500}ms")
    entry = chain(n, mempool={"capacity": 300})
    entry["consensus"]["protocol"] = protocol
    return {
        "horizon": f"{HORIZON_S}s",
        "chains": {"a": entry},
        "workload": {
            "files": deposits(f"{chance.choice([5, 20, 60])}/s"),
            **({"burst": burst} if disturbance == "overload" else {}),
        },
        "network": network(
            jitter=chance.choice(["0ns", {"exponential": {"mean": "1ms"}}]),
            transport=chance.choice(["datagram", "reliable"]),
        ),
        "costs": CHEAP,
        "faults": [kinds[disturbance]] if disturbance in kinds else [],
    }


def committed_latency_s(run: Run, from_s: int) -> np.ndarray:
    """Of the records that were sent from then on and are committed."""
    table = run.table("transactions")
    intended, executed = (table[name].to_numpy() for name in ("intended_ns", "executed_ns"))
    mine = (intended >= from_s * SECOND) & (executed >= 0)
    return (executed[mine] - intended[mine]) / SECOND


def early(run: Run, column: str) -> np.ndarray:
    """One timestamp of the records that were executed well before anything went wrong."""
    table = run.table("transactions")
    executed = table["executed_ns"].to_numpy()
    return table[column].to_numpy()[(executed >= 0) & (executed < FAULT_S * SECOND - MARGIN_NS)]


def compare(folder: Path, seed: int, protocol: str, disturbance: str) -> int:
    """Both runs of a seed agree; returns how many heights were computed."""
    keys = disturbed(seed, protocol, disturbance)
    by_message = sim.run(small(folder, **keys), seed=seed)
    keys["chains"]["a"]["fidelity"] = "auto"
    auto = sim.run(small(folder, **keys), seed=seed)
    one, other = (run.summary["chains"]["a"] for run in (by_message, auto))
    where = (seed, protocol, disturbance)
    assert auto.summary["verdict"] == by_message.summary["verdict"] == "pass", where
    assert len(early(auto, "executed_ns")) == len(early(by_message, "executed_ns")) > 0, where
    for column in ("queued_ns", "cut_ns", "proposed_ns", "voted_ns", "executed_ns"):
        assert np.array_equal(early(by_message, column), early(auto, column)), (*where, column)
    assert one["offered"] == other["offered"], where
    for name in ("records", "rejected"):
        assert abs(one[name] - other[name]) <= RECORDS * one["offered"], (*where, name)
    assert (one["rejected"] > 0) == (other["rejected"] > 0) == (disturbance == "overload"), where
    assert (one["view_changes"] > 0) == (other["view_changes"] > 0), where
    was, is_now = committed_latency_s(by_message, RECOVERED_S), committed_latency_s(auto, RECOVERED_S)
    assert len(was) == pytest.approx(len(is_now), abs=RECORDS * one["offered"]), where
    assert is_now.mean() == pytest.approx(was.mean(), rel=MEAN), where
    assert np.quantile(is_now, 0.99) == pytest.approx(np.quantile(was, 0.99), rel=P99), where
    return int(other["computed_blocks"])


@pytest.mark.parametrize("disturbance", DISTURBANCES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_disturbed_chain_is_the_same_computed_or_not(tmp_path: Path, protocol: str, disturbance: str) -> None:
    assert sum(compare(tmp_path, seed, protocol, disturbance) for seed in SEEDS) > 0


@pytest.mark.full
@pytest.mark.parametrize("disturbance", DISTURBANCES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_many_disturbed_chains_are_the_same_computed_or_not(tmp_path: Path, protocol: str, disturbance: str) -> None:
    for seed in MANY_SEEDS:
        compare(tmp_path, seed, protocol, disturbance)
