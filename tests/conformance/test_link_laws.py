"""What a packet's way must take, from the parts that it is made of: finality, the next header, relay, a block.

No jitter, free CPUs, no bandwidth to speak of: delays are those of the topology, so bounds are exact sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenario_kit import FREE, linked, played, relayed, table

from sim.kernel.engine import MILLISECOND

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DELAY = 5 * MILLISECOND
PHASES = 3 * DELAY
"""PBFT: pre-prepare, prepare, commit."""
INTERVAL = 50 * MILLISECOND
RPC = 20 * MILLISECOND


def stages(folder: Path, verify: str, poll: str, rpc: str = "20ms") -> dict[str, NDArray[np.int64]]:
    """How long each packet took from one step to the next."""
    link = {"poll": poll, "rpc": rpc, "rpc_item": "0ms", "batch": 1000}
    alliance, summary = played(linked(folder, verify, link=link, costs=FREE))
    assert summary["verdict"] == "pass"
    packets = table(alliance, "packets")
    assert set(packets["outcome"]) == {"delivered"}
    names = ("intended_ns", "sent_ns", "polled_ns", "submitted_ns", "received_ns", "acknowledged_ns")
    spent = np.diff(np.array([packets[name] for name in names]), axis=0)
    return dict(zip(("finality", "wait", "build", "commit", "acknowledgement"), spent, strict=True))


@pytest.mark.parametrize("verify", ["light_client", "committee", "spv", "none"])
def test_one_way_takes_finality_and_relay_and_a_block_at_least(tmp_path: Path, verify: str) -> None:
    spent = stages(tmp_path, verify, "200ms")
    # A client's hop, which is all for clients of the leader, and three phases; who comes first waits for the interval.
    assert spent["finality"].min() >= DELAY + PHASES
    assert spent["finality"].max() >= DELAY + INTERVAL + PHASES
    # A header that shows what was sent: the next block.
    assert spent["wait"].min() >= PHASES
    assert (spent["build"] >= 2 * RPC).all()
    # Nothing else happens on the destination, so every block begins with what the relayer brings.
    assert spent["commit"].min() >= DELAY + INTERVAL + PHASES
    # The way back is a header, a relay and a block again.
    assert spent["acknowledgement"].min() >= PHASES + 2 * RPC + DELAY + PHASES


def test_waiting_for_a_relayer_is_a_header_and_half_a_poll(tmp_path: Path) -> None:
    waits = {}
    for poll_ms in (100, 400):
        spent = stages(tmp_path, "light_client", f"{poll_ms}ms")
        waits[poll_ms] = float(spent["wait"].mean()) / MILLISECOND
    # Uniform over a poll: half of it on the mean, with a standard error of poll / sqrt(12 n) for n of about 80; six of
    # them stand for what packets that share a block and a poll have in common.
    slack_ms = 6 * 400 / np.sqrt(12 * 60)
    assert waits[400] - waits[100] == pytest.approx((400 - 100) / 2, abs=slack_ms)


def test_slower_calls_cost_what_they_take(tmp_path: Path) -> None:
    fast, slow = (stages(tmp_path, "light_client", "200ms", rpc) for rpc in ("0ms", "50ms"))
    assert set(fast["build"].tolist()) == {0}
    assert set(slow["build"].tolist()) == {2 * 50 * MILLISECOND}


@pytest.mark.parametrize(("verify", "signatures"), [("light_client", 3), ("committee", 3), ("spv", 0)])
def test_a_round_trip_takes_two_client_updates(tmp_path: Path, verify: str, signatures: int) -> None:
    check = 10 * MILLISECOND
    pay = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "1/s", "arrivals": "regular", "end": "8s"}
    keys = {
        "link": {"poll": "200ms", "rpc_item": "0ms"},
        "workload": {"pay": {**pay, "size": "200B", "amount": 5}},
    }
    runs = {}
    for cost in ("0ms", "10ms"):
        alliance, summary = played(linked(tmp_path, verify, **keys, costs={**FREE, "verify": cost}))
        runs[cost] = summary["crosschain"]["a-b"], table(alliance, "packets")
    found, packets = runs["10ms"]
    # Packets are alone, so each needs the header that shows it there, and that of its acknowledgement back: a quorum of
    # four, or three of four notaries, has signed it. With spv the headers before have to come as well.
    if verify == "spv":
        assert found["client_updates"] >= 2 * found["delivered"]
    else:
        assert found["client_updates"] == 2 * found["delivered"]
    assert found["client_signatures"] == signatures * found["client_updates"]
    updating = packets["updated_ns"] - packets["submitted_ns"]
    assert set(updating.tolist()) == {signatures * check}
    # All else being equal, the block that checks them is executed later by just that.
    free = runs["0ms"][1]
    commit, before = (each["received_ns"] - each["submitted_ns"] for each in (packets, free))
    assert (commit - before).min() >= signatures * check


HOP = PHASES + 2 * RPC + DELAY + INTERVAL + PHASES
"""From one chain to the next, where packets are alone: a header that shows it, the relayer's calls, and a block."""


@pytest.mark.parametrize("verify", ["light_client", "spv"])
def test_a_relay_chain_is_one_consensus_more_each_way(tmp_path: Path, verify: str) -> None:
    poll = 5 * MILLISECOND
    pay = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "1/s", "arrivals": "regular", "end": "8s"}
    keys = {
        "link": {"poll": "5ms", "rpc": "20ms", "rpc_item": "0ms", "relayers": 1},
        "workload": {"pay": {**pay, "size": "200B", "amount": 5}},
        "costs": FREE,
    }
    direct = table(played(linked(tmp_path, "light_client", **keys))[0], "packets")
    between = {**keys, "link": {**keys["link"], "verify": verify}}
    relayed_ = table(played(relayed(tmp_path, **between))[0], "packets")
    assert set(direct["outcome"]) == set(relayed_["outcome"]) == {"delivered"}
    # Each hop ends within a poll of what it must take, and what its blocks take on the wire, less than 1 ms: one
    # hop there and one back, or two and two.
    most = HOP + poll + MILLISECOND
    for packets, hops in ((direct, 1), (relayed_, 2)):
        there = packets["received_ns"] - packets["sent_ns"]
        back = packets["acknowledged_ns"] - packets["received_ns"]
        for way in (there, back):
            assert way.min() >= hops * HOP
            assert way.max() <= hops * most
    taken = relayed_["relayed_ns"] - relayed_["sent_ns"]
    assert taken.min() >= HOP
    assert taken.max() <= most
