"""Whatever relayers do or fail to do, no packet is lost, doubled, or paid for twice.

Each seed draws a link (trust, order, timeout, relayers, polling, batches, protocols), crashes of its relayers and
notaries, and relayers that replay, reorder, censor or write another version, all of which end five seconds before the
end of the run. One relayer alone could bring all 48 calls in that
time, at 25 a second or more. So at the end every packet must be settled: delivered and acknowledged, or refunded; or
delivered, where nothing comes back.
The invariants are on in every run, so a run that passes has broken none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenario_kit import chain, linked, played

if TYPE_CHECKING:
    from pathlib import Path

SEEDS, MANY = 200, 2000
PROTOCOLS = ("pbft", "tendermint", "qbft")


def drawn(seed: int) -> tuple[str, dict[str, Any]]:
    """A way of trusting, and the keys of a scenario."""
    draw = np.random.default_rng(seed)
    relayers = int(draw.integers(1, 4))
    timeout = (
        None,
        {"measure": "destination_height", "value": int(draw.integers(2, 30))},
        {"measure": "destination_time", "value": f"{int(draw.integers(200, 3000))}ms"},
    )[int(draw.integers(3))]
    link = {
        "order": ("unordered", "ordered")[int(draw.integers(2))],
        "relayers": relayers,
        "poll": f"{int(draw.integers(50, 400))}ms",
        "batch": int(draw.integers(10, 40)),
    }
    faults = []
    for _ in range(int(draw.integers(0, 5))):
        at, lasts = int(draw.integers(100, 3000)), int(draw.integers(50, 1000))
        chosen = sorted({int(k) for k in draw.integers(0, relayers, 2)})
        faults.append(
            {"at": f"{at}ms", "for": f"{lasts}ms", "action": "relayer-crash", "link": "a-b", "relayers": chosen}
        )
    chains = {
        name: chain(consensus={"protocol": PROTOCOLS[int(draw.integers(3))], "timeout": "500ms"}) for name in "ab"
    }
    verify = ("light_client", "none", "spv", "committee")[int(draw.integers(4))]
    if verify != "light_client" and not draw.integers(4):
        link["atomicity"] = "none"
    elif timeout is not None:
        link["timeout"] = timeout
    if verify in {"light_client", "committee"}:
        link["updates"] = ("skipping", "every")[int(draw.integers(2))]
    if verify == "committee":
        # Two of the five may be down at a time.
        link["notaries"] = {"count": 5, "threshold": 3}
        at, lasts = int(draw.integers(100, 3000)), int(draw.integers(50, 1000))
        down = sorted({int(k) for k in draw.integers(0, 5, 2)})
        faults.append({"at": f"{at}ms", "for": f"{lasts}ms", "action": "notary-crash", "link": "a-b", "notaries": down})
    if verify != "none":
        link["checked"] = ("0%", "50%", "100%")[int(draw.integers(3))]
    for habit in ("replay", "reorder", "version-skew", "censor-packets"):
        at, lasts, who = int(draw.integers(100, 3000)), int(draw.integers(50, 1000)), int(draw.integers(relayers))
        if not draw.integers(3):
            when = {"at": f"{at}ms", "for": f"{lasts}ms"}
            faults.append({**when, "action": habit, "link": "a-b", "relayers": [who]})
    pay = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "8/s", "size": "100B", "amount": 3, "end": "3s"}
    return verify, {"link": link, "faults": faults, "chains": chains, "workload": {"pay": pay}, "horizon": "9s"}


def settles(folder: Path, seed: int) -> None:
    verify, keys = drawn(seed)
    alliance, summary = played(linked(folder, verify, **keys), seed)
    found = summary["crosschain"]["a-b"]
    assert summary["verdict"] == "pass", summary["violation"]
    closed = found["refused"].get("channel-closed", 0) > 0
    unsent = sum(trip.refusal is not None for trip in alliance.links["a-b"].books.trips)
    assert found["delivered"] + found["timed_out"] + unsent == found["offered"] > 0
    assert found["stuck"] == found["unfinished"] == found["accepted_forged"] == 0
    # What was received before an ordered channel closed may stay without its acknowledgement.
    answered = found["atomicity"] == "packet"
    assert found["acknowledged"] == answered * found["delivered"] or closed or found["timed_out"]
    stores = {name: alliance.links["a-b"].books._machines[name].store for name in "ab"}
    minted, escrowed = stores["b"].number(b"vouchers/a-b"), stores["a"].number(b"escrow/a-b")
    assert minted == escrowed == 3 * found["delivered"]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_packet_is_settled_whatever_relayers_do(tmp_path: Path, seed: int) -> None:
    settles(tmp_path, seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(SEEDS, MANY))
def test_every_packet_is_settled_whatever_relayers_do_at_length(tmp_path: Path, seed: int) -> None:
    settles(tmp_path, seed)
