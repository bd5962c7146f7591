"""Over a relay chain no transfer is lost, doubled, or executed on some of its chains only, whatever relayers do.

Each seed draws one link or two that transfers cross at once (what is verified, atomicity, order, deadlines in blocks of
the relay chain, how much can't be undone, relayers, polling, batches, protocols), crashes of relayers, and one of a
node of the relay chain, all of which end seven seconds before the end of the run. Then every packet must be settled:
executed and called back, or given back and undone, or left to people. The invariants are on in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenario_kit import chain, played, small, table

if TYPE_CHECKING:
    from pathlib import Path

    from sim.build import Alliance

SEEDS = 10
PROTOCOLS = ("pbft", "tendermint", "qbft")
AMOUNT = 3


def drawn(seed: int) -> dict[str, Any]:
    """The keys of a scenario."""
    draw = np.random.default_rng(seed)
    names = ("a-b", "a-c")[: int(draw.integers(1, 3))]
    atomicity = ("packet", "tcc")[int(draw.integers(2))]
    way = {
        "protocol": "relay_chain",
        "via": "r",
        "verify": ("light_client", "spv")[int(draw.integers(2))],
        "atomicity": atomicity,
        "order": ("unordered", "ordered")[int(draw.integers(2)) if atomicity == "packet" else 0],
    }
    if draw.integers(4):
        way["timeout"] = {"measure": "relay_height", "value": int(draw.integers(2, 80))}
        way["timed_blocks"] = f"{int(draw.integers(100, 600))}ms"
    links, faults = {}, []
    for name in names:
        relayers = int(draw.integers(1, 4))
        links[name] = {
            "from": "a",
            "to": name[-1],
            **way,
            "relayers": relayers,
            "poll": f"{int(draw.integers(50, 200))}ms",
            "batch": int(draw.integers(20, 40)),
        }
        for _ in range(int(draw.integers(0, 4))):
            at, lasts = int(draw.integers(100, 5000)), int(draw.integers(50, 2500))
            chosen = sorted({int(k) for k in draw.integers(0, relayers, 2)})
            crash = {"at": f"{at}ms", "for": f"{lasts}ms", "action": "relayer-crash", "link": name}
            faults.append({**crash, "relayers": chosen})
    node = int(draw.integers(4))
    faults.append({"at": "2s", "for": "1s", "action": "crash", "chain": "r", "nodes": [node]})
    chains = {
        name: chain(consensus={"protocol": PROTOCOLS[int(draw.integers(3))], "timeout": "500ms"}) for name in "abcr"
    }
    pay = {"action": "transfer", "chain": "a", "rate": "6/s", "size": "100B", "amount": AMOUNT, "end": "5s"}
    pay["irreversible"] = ("0%", "30%")[int(draw.integers(2))]
    pay |= {"links": list(names)} if len(names) > 1 else {"link": names[0]}
    files = {"chain": "r", "rate": f"{int(draw.integers(1, 20))}/s", "size": "200B", "end": "10s"}
    return {
        "chains": chains,
        "links": links,
        "faults": faults,
        "workload": {"pay": pay, "files": files},
        "horizon": "15s",
    }


def check_link(alliance: Alliance, link: str, found: dict[str, Any]) -> None:
    """Everything of one link has come to an end, and amounts say so."""
    assert found["delivered"] + found["timed_out"] == found["offered"] > 0
    assert found["acknowledged"] == found["delivered"]
    assert found["stuck"] == found["unfinished"] == found["accepted_forged"] == found["torn"] == 0
    assert found["locked_at_end"] == {"source": 0, "destination": 0}
    books = alliance.links[link].books
    stores = {name: books._machines[name].store for name in (link[0], link[-1])}
    assert stores["a"].number(f"escrow/{link}".encode()) == AMOUNT * found["delivered"]
    minted = stores[link[-1]].number(f"vouchers/{link}".encode())
    assert minted == AMOUNT * (found["delivered"] + found["repairs"])
    assert stores[link[-1]].number(f"reserved/{link}".encode()) == 0
    assert books._machines["r"].store.number(f"waiting/{link}".encode()) == 0


def settles(folder: Path, seed: int) -> None:
    keys = drawn(seed)
    alliance, summary = played(small(folder, **keys), seed)
    assert summary["verdict"] == "pass", summary["violation"]
    for link in keys["links"]:
        check_link(alliance, link, summary["crosschain"][link])
    packets = table(alliance, "packets")
    each = [packets["outcome"][packets["link"] == link].tolist() for link in keys["links"]]
    assert all(ends == each[0] for ends in each)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_transfer_is_settled_on_all_its_chains_alike(tmp_path: Path, seed: int) -> None:
    settles(tmp_path, seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(SEEDS, 100))
def test_every_transfer_is_settled_on_all_its_chains_alike_at_length(tmp_path: Path, seed: int) -> None:
    settles(tmp_path, seed)
