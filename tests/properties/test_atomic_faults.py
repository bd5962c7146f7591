"""Whatever coordinators and parties to swaps do or fail to do, both chains have a transfer, or neither has.

Each seed draws a link (relayers, polling, batches, accounts, protocols) and crashes of its relayers, some of them right
after a call that the protocol has; all end in time for everything to be settled before the end. The invariants are on
in every run: amounts and locks are held against what packets did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenario_kit import chain, linked, played

from sim.crosschain.points import points_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEEDS = 10
PROTOCOLS = ("pbft", "tendermint", "qbft", "raft")
PAY = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "8/s", "size": "100B", "amount": 3}


def chains(draw: np.random.Generator) -> dict[str, Any]:
    drawn = (PROTOCOLS[int(draw.integers(len(PROTOCOLS)))] for _ in "ab")
    return {
        name: chain(consensus={"protocol": each, "timeout": "500ms"}) for name, each in zip("ab", drawn, strict=True)
    }


def crashes(
    draw: np.random.Generator, atomicity: str, relayers: list[int], longest_ms: int, until_ms: int
) -> list[Any]:
    """Up to four crashes of one relayer each; every other one comes right after a call."""
    points = list(points_of("trusted_gateway", atomicity))
    faults = []
    for _ in range(int(draw.integers(0, 5))):
        at, lasts = int(draw.integers(100, until_ms)), int(draw.integers(50, longest_ms))
        who = relayers[int(draw.integers(len(relayers)))]
        fault = {"at": f"{at}ms", "for": f"{lasts}ms", "action": "relayer-crash", "link": "a-b", "relayers": [who]}
        after = points[int(draw.integers(len(points)))]
        faults.append({**fault, "after": after} if draw.integers(2) else fault)
    return faults


def transacts(folder: Path, seed: int) -> None:
    """Two-phase commit; coordinators with a log settle everything, and those without leave locked what they forgot."""
    draw = np.random.default_rng(seed)
    relayers, recovery = int(draw.integers(1, 4)), ("none", "log")[int(draw.integers(2))]
    link = {
        "atomicity": "2pc",
        "relayers": relayers,
        "recovery": recovery,
        "poll": f"{int(draw.integers(50, 250))}ms",
        "batch": int(draw.integers(10, 40)),
    }
    pay = {**PAY, "accounts": int(draw.choice([8, 50, 100_000])), "end": "4s"}
    verify = ("none", "spv")[int(draw.integers(2))]
    faults = crashes(draw, "2pc", list(range(relayers)), 2000, 5000)
    keys = {"link": link, "faults": faults, "chains": chains(draw), "workload": {"pay": pay}, "horizon": "14s"}
    alliance, summary = played(linked(folder, verify, **keys), seed)
    assert summary["verdict"] == "pass", summary["violation"]
    found = summary["crosschain"]["a-b"]
    unsent = sum(trip.refusal is not None for trip in alliance.links["a-b"].books.trips)
    locked = found["locked_at_end"]
    assert found["torn"] == found["late_success"] == found["accepted_forged"] == 0
    assert found["acknowledged"] + found["timed_out"] + unsent + locked["source"] == found["offered"] > 0
    if recovery == "log" or not faults:
        assert locked == {"source": 0, "destination": 0}
        assert found["delivered"] == found["acknowledged"]
    stores = {name: alliance.links["a-b"].books._machines[name].store for name in "ab"}
    held = sum(key.startswith(b"accounts/a-b/") for key in stores["a"].entries)
    assert held == locked["source"] == stores["a"].number(b"locked/a-b")


def swaps(folder: Path, seed: int) -> None:
    """Swaps whose timelocks are four seconds apart, with a participant that is down for less: none is torn."""
    draw = np.random.default_rng(seed)
    link = {
        "atomicity": "htlc",
        "relayers": 2,
        "poll": f"{int(draw.integers(50, 250))}ms",
        "batch": int(draw.integers(10, 40)),
        "timelocks": {"source": "6s", "destination": "2s"},
    }
    if draw.integers(2):
        link |= {"claims": "last-moment", "margin": f"{int(draw.integers(300, 900))}ms"}
    faults = crashes(draw, "htlc", [0], 4000, 9000) + crashes(draw, "htlc", [1], 2500, 9000)[:1]
    pay = {**PAY, "end": "4s"}
    keys = {"link": link, "faults": faults, "chains": chains(draw), "workload": {"pay": pay}, "horizon": "18s"}
    alliance, summary = played(linked(folder, "none", **keys), seed)
    assert summary["verdict"] == "pass", summary["violation"]
    found = summary["crosschain"]["a-b"]
    assert found["torn"] == found["late_success"] == 0
    assert found["delivered"] + found["timed_out"] == found["offered"] > 0
    assert found["delivered"] == found["acknowledged"]
    assert found["locked_at_end"] == {"source": 0, "destination": 0}
    store = alliance.links["a-b"].books._machines["b"].store
    assert store.number(b"vouchers/a-b") == 3 * found["delivered"]


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("way", [transacts, swaps])
def test_both_chains_have_a_transfer_or_neither(tmp_path: Path, way: Callable[[Path, int], None], seed: int) -> None:
    way(tmp_path, seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(SEEDS, 200))
@pytest.mark.parametrize("way", [transacts, swaps])
def test_so_it_is_at_length(tmp_path: Path, way: Callable[[Path, int], None], seed: int) -> None:
    way(tmp_path, seed)
