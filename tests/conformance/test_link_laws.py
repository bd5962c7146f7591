"""What a packet's way must take, from the parts that it is made of: finality, the next header, relay, a block.

No jitter, free CPUs, no bandwidth to speak of: delays are those of the topology, so bounds are exact sums.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenario_kit import FREE, linked, played, relayed, table

from sim.kernel.engine import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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


POLL = 5 * MILLISECOND
MOST = HOP + POLL + MILLISECOND
"""What a hop takes at most: a poll more, and what its blocks take on the wire, less than 1 ms."""


def alone(**link: object) -> dict[str, object]:
    """The keys of a scenario in which a packet is under way by itself, a second after the one before."""
    pay = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "1/s", "arrivals": "regular", "end": "8s"}
    return {
        "link": {"poll": "5ms", "rpc": "20ms", "rpc_item": "0ms", "relayers": 1, **link},
        "workload": {"pay": {**pay, "size": "200B", "amount": 5}},
        "costs": FREE,
    }


def assert_hops(packets: Mapping[str, NDArray[np.int64]], marks: Sequence[str], hops: Sequence[int]) -> None:
    """From each mark to the next, packets take so many hops."""
    for (start, end), count in zip(pairwise(marks), hops, strict=True):
        spent = packets[f"{end}_ns"] - packets[f"{start}_ns"]
        assert spent.min() >= count * HOP
        assert spent.max() <= count * MOST


@pytest.mark.parametrize("verify", ["light_client", "spv"])
def test_a_relay_chain_is_one_consensus_more_each_way(tmp_path: Path, verify: str) -> None:
    direct = table(played(linked(tmp_path, "light_client", **alone()))[0], "packets")
    assert_hops(direct, ("sent", "received", "acknowledged"), (1, 1))
    between = table(played(relayed(tmp_path, **alone(verify=verify)))[0], "packets")
    assert_hops(between, ("sent", "relayed", "received", "acknowledged"), (1, 1, 2))
    assert set(direct["outcome"]) == set(between["outcome"]) == {"delivered"}


def test_what_is_tried_first_takes_a_round_trip_to_the_relay_chain_more(tmp_path: Path) -> None:
    packets = table(played(relayed(tmp_path, **alone(atomicity="tcc")))[0], "packets")
    assert_hops(packets, ("sent", "relayed", "prepared", "received", "acknowledged"), (1, 1, 2, 2))
    assert set(packets["outcome"]) == {"delivered"}
