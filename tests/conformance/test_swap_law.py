"""When swaps under hash time locks are safe: how far apart the two timelocks must be, found by search.

The law: t_A - t_B > finality on B + watching and relay + inclusion on A + the offset between the clocks, where A is the
source, whose lock opens last. The initiator claims on B in the last block before t_B. From then on it takes: PBFT's
three phases on B; a poll of the participant's and its two calls; the way to A's leader; and A's block interval. No
jitter, free CPUs, no bandwidth to speak of, so the bound is an exact sum. What the search finds lies below it by one
block interval at most, since the last block before t_B may be cut that much earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import FREE, chain, linked, played

if TYPE_CHECKING:
    from pathlib import Path

DELAY_MS = 5
FINALITY_MS = 3 * DELAY_MS
INTERVAL_MS = 200
POLL_MS = 20
RPC_MS = 5
TO_LEADER_MS = 2 * DELAY_MS
NEEDED_MS = FINALITY_MS + POLL_MS + 2 * RPC_MS + TO_LEADER_MS + INTERVAL_MS
AT_DESTINATION_MS = 1500
STEP_MS = 10
"""How exactly the search finds it."""


def run(folder: Path, apart_ms: int, skew: dict[str, Any] | None) -> tuple[int, int]:
    """How many swaps were claimed on B and refunded on A, and how many were claimed on B at all."""
    block = {"max_transactions": 1000, "max_bytes": "1MB", "interval": f"{INTERVAL_MS}ms"}
    link = {
        "atomicity": "htlc",
        "relayers": 2,
        "poll": f"{POLL_MS}ms",
        "rpc": f"{RPC_MS}ms",
        "rpc_item": "0ms",
        "batch": 1000,
        "timelocks": {"source": f"{AT_DESTINATION_MS + apart_ms}ms", "destination": f"{AT_DESTINATION_MS}ms"},
        "claims": "last-moment",
        # Until it is in a block: what the last block's time is behind, and all but the block interval once more.
        "margin": f"{INTERVAL_MS + NEEDED_MS}ms",
    }
    # What keeps B's clock going; a claim on A begins a block of its own, and waits for the whole interval.
    beat = {"chain": "b", "rate": "50/s", "size": "100B", "arrivals": "regular"}
    pay = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "30/s", "size": "100B", "amount": 5, "end": "2s"}
    _, summary = played(
        linked(
            folder,
            "none",
            chains={name: chain(block=block) for name in "ab"},
            link=link,
            workload={"pay": pay, "beat": beat},
            faults=[] if skew is None else [{"at": "0s", "action": "clock-skew", "nodes": [0, 1, 2, 3], **skew}],
            costs=FREE,
            horizon="6s",
        )
    )
    assert summary["verdict"] == "pass", summary["violation"]
    found = summary["crosschain"]["a-b"]
    return found["torn"], found["delivered"]


@pytest.mark.parametrize(
    ("skew", "offset_ms"),
    [(None, 0), ({"chain": "a", "ahead": "300ms"}, 300), ({"chain": "b", "behind": "300ms"}, 300)],
    ids=["right", "source-ahead", "destination-behind"],
)
def test_swaps_are_safe_if_and_only_if_the_timelocks_are_so_far_apart(
    tmp_path: Path, skew: dict[str, Any] | None, offset_ms: int
) -> None:
    needed_ms = NEEDED_MS + offset_ms
    low_ms, high_ms = max(STEP_MS, needed_ms - 2 * INTERVAL_MS), needed_ms
    torn, claimed = run(tmp_path, low_ms, skew)
    assert 0 < torn <= claimed
    assert run(tmp_path, high_ms, skew) == (0, claimed)
    while high_ms - low_ms > STEP_MS:
        middle_ms = (low_ms + high_ms) // 2
        if run(tmp_path, middle_ms, skew)[0]:
            low_ms = middle_ms
        else:
            high_ms = middle_ms
    assert needed_ms - INTERVAL_MS <= low_ms < needed_ms
