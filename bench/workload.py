"""The workload of `pbft-n40.yaml` at any size, for any protocol and fidelity: built beforehand, then run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sim
from sim.build import build

if TYPE_CHECKING:
    from sim.build import Alliance

_FILE = Path(__file__).with_name("pbft-n40.yaml")


def prepared(validators: int, blocks: int, **changes: object) -> Alliance:
    """An alliance whose load fills about this many blocks, six a second."""
    settings = {
        "chains.c.validators": validators,
        "horizon": f"{blocks * 166 + 10_000}ms",
        "workload.load.end": f"{blocks * 166}ms",
    }
    return build(sim.load(_FILE, set={**settings, **changes}), 1)


def run(alliance: Alliance) -> Alliance:
    """Run it to its horizon."""
    alliance.engine.run(until=alliance.horizon_ns)
    return alliance


def messages(alliance: Alliance) -> int:
    """Messages delivered."""
    return sum(tally.delivered for chain in alliance.chains.values() for tally in chain.network.tallies.values())
