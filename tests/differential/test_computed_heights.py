"""Heights computed as a whole against the same heights delivered message by message: the same times, to the nanosecond.

Scenarios are drawn at random from a seed: validators, observers, bandwidth, CPU costs, jitter, load, faults. Where the
run says that all computed heights are exact, every record must have every time alike; elsewhere means may differ by 2 %
and the 99th percentile by 5 %. `make test-full` draws more of them.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenario_kit import CHEAP, FREE, chain, network, small

import sim

if TYPE_CHECKING:
    from pathlib import Path

    from sim.study.run import Run

SEEDS, MANY_SEEDS = range(30), range(30, 400)
TIMES = ("queued_ns", "cut_ns", "proposed_ns", "voted_ns", "executed_ns")
JITTERS: tuple[Any, ...] = (
    "0ns",
    {"exponential": {"mean": "2ms"}},
    {"pareto": {"mean": "5ms", "alpha": 5}},
    {"lognormal": {"median": "3ms", "p99": "30ms"}},
)


def drawn(seed: int) -> dict[str, Any]:
    """A scenario of one chain, calm half the time."""
    chance = random.Random(seed)  # noqa: S311 # nothing is to be kept secret
    n = chance.choice([4, 5, 7, 10, 16, 31])
    at = chance.randrange(3000, 6000)
    faults: list[dict[str, Any]] = [
        {"at": f"{at}ms", "for": "2s", "action": "crash", "chain": "a", "nodes": [chance.randrange(n)]},
        {"at": f"{at}ms", "for": "1s", "action": "loss", "chain": "a", "share": "5%"},
    ]
    return {
        "horizon": "12s",
        "chains": {"a": chain(n, observers=chance.choice([0, 0, 3]), mempool={"capacity": chance.choice([60, 1000])})},
        "workload": {"files": {"chain": "a", "rate": f"{chance.choice([3, 20, 60, 150])}/s", "size": "700B"}},
        "network": network(
            jitter=chance.choice(JITTERS),
            bandwidth=chance.choice(["10Mbit/s", "1Gbit/s"]),
            transport=chance.choice(["datagram", "reliable"]),
        ),
        "costs": chance.choice([FREE, CHEAP, CHEAP]),
        "faults": [chance.choice(faults)] if chance.random() < 0.5 else [],
    }


def both(tmp_path: Path, seed: int) -> tuple[Run, Run]:
    """The scenario of a seed, message by message and with heights computed."""
    keys = drawn(seed)
    by_message = sim.run(small(tmp_path, **keys), seed=seed)
    keys["chains"]["a"]["fidelity"] = "auto"
    return by_message, sim.run(small(tmp_path, **keys), seed=seed)


def agree(tmp_path: Path, seeds: range) -> None:
    """Compare the two runs of every seed; and see that heights were computed at all, exact ones and after faults."""
    computed = exact = blocks = 0
    for seed in seeds:
        by_message, auto = both(tmp_path, seed)
        one, other = (run.summary["chains"]["a"] for run in (by_message, auto))
        assert one["offered"] == other["offered"]
        assert auto.summary["verdict"] == by_message.summary["verdict"], seed
        computed += other["computed_blocks"]
        exact += other["exact_blocks"]
        blocks += other["blocks"]
        if other["exact_blocks"] == other["computed_blocks"] and not drawn(seed)["faults"]:
            for column in TIMES:
                pairs = (run.table("transactions")[column].to_numpy() for run in (by_message, auto))
                assert np.array_equal(*pairs), (seed, column)
        for name, tolerance in (("mean", 0.02), ("p99", 0.05)):
            was, is_now = (entry["commit_latency_s"][name] for entry in (one, other))
            assert is_now == pytest.approx(was, rel=tolerance), (seed, name)
    assert computed > blocks / 4
    assert exact > computed / 2


def test_computed_heights_have_the_times_of_delivered_ones(tmp_path: Path) -> None:
    agree(tmp_path, SEEDS)


@pytest.mark.full
def test_many_computed_heights_have_the_times_of_delivered_ones(tmp_path: Path) -> None:
    agree(tmp_path, MANY_SEEDS)
