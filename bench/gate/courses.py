"""The fixed courses that opcodes are counted on: small runs, one for each protocol and for what else is Python.

A course does everything that does not count and returns what does, which returns how much of what it did.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sim
from sim.build import build
from sim.chain.unread import FEWEST
from sim.consensus.registry import protocols
from sim.crosschain.steps import Step
from sim.study.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sim.build import Alliance

    Changes = Mapping[str, object]
    Units = Mapping[str, int]
    Course = Callable[[], Callable[[], Units]]

SMALL, LINKED = (Path(__file__).with_name(name) for name in ("small.yaml", "linked.yaml"))
SEED = 1
AUTO = ("pbft", "qbft", "hotstuff", "raft")
"""One protocol for each way to compute heights: `sim.chain.rounds`, and the loops of `sim.chain.compiled`."""
_CRASH = {"at": "500ms", "for": "1s", "action": "crash", "chain": "c", "nodes": [0]}
_FABRIC = {
    "chains.c.consensus.protocol": "raft",
    "chains.c.fabric": {"organisations": 2, "endorsements": 2, "simulate": "2ms", "commit_block": "2ms", "keys": 100},
    "chains.c.observers": 2,
    "workload": {"load": {"chain": "c", "rate": "100/s", "size": "600B", "end": "1s"}},
}


def courses() -> dict[str, Course]:
    """All, by name."""
    by_message: dict[str, Changes] = {name: {"chains.c.consensus.protocol": name} for name in protocols()}
    computed: dict[str, Changes] = {f"auto-{name}": {**by_message[name], "chains.c.fidelity": "auto"} for name in AUTO}
    runs: dict[str, Changes] = {
        **by_message,
        "view-change": {"faults": [_CRASH]},
        "unread": {"chains.c.validators": FEWEST},
        "fabric": _FABRIC,
        **computed,
    }
    return {
        **{name: partial(_ran, changes) for name, changes in runs.items()},
        "packets": _crossed,
        "load": _loaded,
        "build": _built,
        "summarise": _summarised,
        "report": _reported,
    }


def _alliance(changes: Changes) -> Alliance:
    return build(sim.load(SMALL, set=dict(changes)), SEED)


def _units(alliance: Alliance) -> Units:
    chain = alliance.chains["c"]
    return {
        "event": alliance.engine.events,
        "message": sum(tally.delivered for tally in chain.network.tallies.values()),
        "transaction": sum(len(block.transactions) for block in chain.ledger.blocks),
    }


def _ran(changes: Changes) -> Callable[[], Units]:
    """A run, from its start to its last table."""
    alliance = _alliance(changes)

    def run() -> Units:
        alliance.engine.run(until=alliance.horizon_ns)
        alliance.retire()
        alliance.finish()
        return _units(alliance)

    return run


def _crossed() -> Callable[[], Units]:
    """Packets cross a link with proofs, which are made and checked."""
    alliance = build(sim.load(LINKED), SEED)

    def run() -> Units:
        alliance.engine.run(until=alliance.horizon_ns)
        return {
            "event": alliance.engine.events,
            "packet": sum(Step.EXECUTED in trip.times_ns for trip in alliance.links["l"].books.trips),
        }

    return run


def _loaded() -> Callable[[], Units]:
    """A scenario file becomes a scenario."""

    def load() -> Units:
        scenario = sim.load(SMALL)
        return {"file": 1, "stream": len(scenario.workload)}

    return load


def _built() -> Callable[[], Units]:
    """A scenario becomes an alliance."""
    scenario = sim.load(SMALL)

    def make() -> Units:
        alliance = build(scenario, SEED)
        return {"chain": len(alliance.chains), "transaction": len(alliance.chains["c"].offered)}

    return make


def _summarised() -> Callable[[], Units]:
    """A run that is over becomes a summary."""
    scenario = sim.load(SMALL)
    alliance = build(scenario, SEED)
    alliance.engine.run(until=alliance.horizon_ns)
    alliance.finish()

    def make() -> Units:
        summary: dict[str, Any] = summarise(scenario, SEED, alliance, None)
        return {"chain": len(summary["chains"]), "transaction": summary["chains"]["c"]["transactions"]}

    return make


def _reported() -> Callable[[], Units]:
    """A run becomes a page, without its figures: matplotlib's own instructions are many and none of ours."""
    from sim.report import page

    run = sim.run(sim.load(SMALL), SEED)

    def make() -> Units:
        page.render(run, [])
        return {"page": 1, "transaction": run.summary["chains"]["c"]["transactions"]}

    return make
