"""A node's CPU is an M/D/1 queue where work of one length comes at random: Lindley's recursion and the known mean.

The mean time in the queue is rho D / (2 (1 - rho)) for service times D (Pollaczek and Khinchine). It is compared with
the mean of 40 batches; the bound is 5.80 standard errors, the two-sided quantile of Student's t with 39 degrees of
freedom at 1e-6, so a right queue fails one seed in a million. Seeds are fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenario_kit import FREE, chain, checks, deposits, small

from sim.build import build
from sim.chain.node import Node
from sim.kernel.distributions import Exponential
from sim.kernel.draws import Draws

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

BATCHES = 40
T_39_AT_1E_6 = 5.80
SERVICE_NS = 1_000_000
ACCESS_NS = 5_000_000
LOADS = [0.3, 0.6, 0.85]


def known_mean_ns(load: float) -> float:
    return load * SERVICE_NS / (2 * (1 - load))


def waits_by_lindley(arrivals_ns: NDArray[np.int64]) -> list[int]:
    """W(k+1) = max(0, W(k) + D - gap), in integers."""
    waits_ns = [0]
    for gap_ns in np.diff(arrivals_ns).tolist():
        waits_ns.append(max(0, waits_ns[-1] + SERVICE_NS - gap_ns))
    return waits_ns


def assert_mean(waits_ns: list[int], load: float, resolution: float) -> None:
    """The mean is the known one within its error, and that error is at most ``resolution`` of it."""
    steady = np.array(waits_ns[len(waits_ns) // (BATCHES + 1) :], dtype=np.float64)
    means = steady[: len(steady) // BATCHES * BATCHES].reshape(BATCHES, -1).mean(axis=1)
    bound_ns = T_39_AT_1E_6 * means.std(ddof=1) / BATCHES**0.5
    assert bound_ns < resolution * known_mean_ns(load)
    assert abs(means.mean() - known_mean_ns(load)) < bound_ns


@pytest.mark.parametrize("load", LOADS)
def test_messages_of_one_length_wait_as_in_m_d_1(load: float) -> None:
    gaps_ns = Exponential(mean=SERVICE_NS / load).sample(Draws(1).block("m-d-1", str(load)), 600_000)
    arrivals_ns = np.cumsum(gaps_ns).astype(np.int64)
    node = Node(0, "east", None)
    waits_ns = []
    for arrival_ns in arrivals_ns.tolist():
        done_ns = node.work(arrival_ns, SERVICE_NS)
        assert done_ns is not None
        waits_ns.append(done_ns - SERVICE_NS - arrival_ns)
    assert waits_ns == waits_by_lindley(arrivals_ns)
    assert_mean(waits_ns, load, resolution=0.1)
    assert node.utilisation(int(arrivals_ns[-1])) == pytest.approx(load, rel=0.01)


@pytest.mark.parametrize("load", LOADS)
def test_verification_requests_wait_for_a_node_as_in_m_d_1(load: float, tmp_path: Path) -> None:
    scenario = small(
        tmp_path,
        horizon="100s",
        chains={"a": chain(1)},
        costs={**FREE, "proof": "1ms"},
        workload={"files": deposits("1/s", history=10), "look": checks("files", rate=f"{load * 1000}/s")},
    )
    alliance = build(scenario, seed=5)
    alliance.engine.run(until=alliance.horizon_ns)
    alliance.finish()
    table = {name: np.array(column) for name, column in alliance.recorder.table("verifications").items()}
    answered = table["done_ns"] >= 0
    waits_ns = (table["done_ns"] - table["intended_ns"])[answered] - 2 * ACCESS_NS - SERVICE_NS
    assert waits_ns.tolist() == waits_by_lindley(table["intended_ns"][answered])
    assert_mean(waits_ns.tolist(), load, resolution=0.25)
