"""Small scenarios for tests: one chain in one place by default, written as YAML and loaded like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from sim.build import build
from sim.chain.chain import Chain
from sim.chain.config import ChainConfig, Costs, Offered
from sim.chain.invariants import InvariantViolation
from sim.crosschain.contracts import identity
from sim.kernel.distributions import Constant
from sim.kernel.draws import Draws
from sim.kernel.engine import MILLISECOND, SECOND, Engine
from sim.metrics.recorder import Recorder
from sim.network.topology import Link, Topology
from sim.network.transport import Network
from sim.scenario import load
from sim.study.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from sim.build import Alliance
    from sim.crosschain.contracts.machine import Machine
    from sim.scenario import Scenario

FREE: dict[str, str] = dict.fromkeys(("sign", "verify", "hash", "hash_per_kilobyte", "execute", "proof"), "0ns")
"""Costs of a CPU that never takes time."""

CHEAP: dict[str, str] = {
    "sign": "40us",
    "verify": "30us",
    "hash": "500ns",
    "hash_per_kilobyte": "2us",
    "execute": "20us",
    "proof": "50us",
}
"""Costs of a fast node: it is busy now and then, and no small scenario overloads it."""


def chain(validators: int = 4, **keys: object) -> dict[str, Any]:
    """A chain as a scenario has it: blocks of 20, cut after 50 ms; ``keys`` add to it or replace."""
    return {
        "member": "court",
        "zone": "net",
        "consensus": {"protocol": "pbft", "timeout": "500ms", "window": 4, "checkpoint_interval": 4},
        "validators": validators,
        "hash": "sha256",
        "block": {"max_transactions": 20, "max_bytes": "100kB", "interval": "50ms"},
        "mempool": {"capacity": 1000},
        "regions": ["east"],
        **keys,
    }


def deposits(rate: str = "200/s", chain: str = "a", **keys: object) -> dict[str, Any]:
    """A stream of deposits of 500 bytes each."""
    return {"chain": chain, "rate": rate, "size": "500B", **keys}


def checks(of: str, rate: str = "50/s", chain: str = "a", **keys: object) -> dict[str, Any]:
    """A stream of verification requests."""
    return {"action": "verify", "chain": chain, "of": of, "rate": rate, **keys}


def link(verify: str = "light_client", /, **keys: object) -> dict[str, Any]:
    """A link from ``a`` to ``b`` as a scenario has it, polled every 200 ms; ``keys`` add to it or replace."""
    protocol = {"light_client": "light_client", "committee": "notary"}.get(verify, "trusted_gateway")
    way: dict[str, Any] = {"protocol": protocol, "verify": verify, "atomicity": "packet"}
    if verify == "committee":
        way["notaries"] = {"count": 4, "threshold": 3}
    return {"from": "a", "to": "b", **way, "poll": "200ms", **keys}


def linked(folder: Path, verify: str = "light_client", /, **keys: object) -> Scenario:
    """Ten seconds of two chains, ``a`` and ``b``, and transfers of 5 over the link ``a-b``, ten a second for eight.

    ``link`` has keys of the link; other ``keys`` replace top-level keys.
    """
    of_link = keys.pop("link", {})
    assert isinstance(of_link, dict)
    transfers = {"action": "transfer", "chain": "a", "link": "a-b", "rate": "10/s", "size": "200B", "amount": 5}
    data = {
        "horizon": "10s",
        "chains": {"a": chain(), "b": chain()},
        "links": {"a-b": link(verify, **of_link)},
        "workload": {"pay": {**transfers, "end": "8s"}},
    }
    return small(folder, **{**data, **keys})


def relayed(folder: Path, /, **keys: object) -> Scenario:
    """As `linked`, over a relay chain ``r`` that verifies by light clients, unless `link` says otherwise."""
    of_link = keys.pop("link", {})
    assert isinstance(of_link, dict)
    chains = keys.pop("chains", {"a": chain(), "b": chain(), "r": chain()})
    way = {"protocol": "relay_chain", "via": "r", **of_link}
    return linked(folder, "light_client", link=way, chains=chains, **keys)


def crash(at: str, nodes: list[int], lasts: str | None = None, chain: str = "a") -> dict[str, Any]:
    """A crash; without ``lasts`` the nodes stay down."""
    fault = {"at": at, "action": "crash", "chain": chain, "nodes": nodes}
    return fault if lasts is None else {**fault, "for": lasts}


def small(folder: Path, **keys: object) -> Scenario:
    """A scenario of two seconds with the chain ``a`` and the deposits ``files``; ``keys`` replace top-level keys.

    Two regions, east and west, 10 ms apart and 5 ms within, no jitter, 100 Mbit/s, cheap CPUs.
    """
    data = {
        "name": "small",
        "question": "Is it right?",
        "start": "2022-12-26T10:00+08:00",
        "horizon": "2s",
        "network": network(),
        "members": {"court": {"name": "Court", "zh": "法院"}},
        "zones": {"net": {"name": "Network", "zh": "专网"}},
        "chains": {"a": chain()},
        "costs": CHEAP,
        "workload": {"files": deposits()},
        **keys,
    }
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load(path)


def network(**keys: object) -> dict[str, Any]:
    """The network of `small`; ``keys`` add to it or replace."""
    place = {"name": "East", "zh": "东", "latitude": 30, "longitude": 120}
    return {
        "delays": {
            "name": "test",
            "source": "made up for a test",
            "within": "5ms",
            "regions": {"east": place, "west": {**place, "name": "West", "zh": "西"}},
            "one_way": {"east": {"west": "10ms"}},
        },
        "bandwidth": "100Mbit/s",
        **keys,
    }


def columns(summary: Mapping[str, Any], chain: str = "a") -> tuple[int, int, int, int]:
    """Offered, committed, rejected and unfinished records of a chain."""
    part = summary["chains"][chain]
    return part["offered"], part["records"], part["rejected"], part["unfinished"]


NO_COSTS = Costs(hash_ns=0, hash_per_kilobyte_ns=0, sign_ns=0, verify_ns=0, execute_ns=0, proof_ns=0)
"""As `FREE`, for a chain that is built by hand."""


def sent(intended_ns: Sequence[int], sizes: Sequence[int] | None = None, nodes: Sequence[int] | None = None) -> Offered:
    """Records of one stream, sent at the given times, of 100 bytes and by clients of node 0 unless said otherwise."""
    count = len(intended_ns)
    columns = {
        "stream": np.zeros(count, dtype=np.int64),
        "number": np.arange(count),
        "intended_ns": np.array(intended_ns, dtype=np.int64),
        "size_bytes": np.array([100] * count if sizes is None else sizes, dtype=np.int64),
        "node": np.array([0] * count if nodes is None else nodes, dtype=np.int64),
    }
    return Offered.beforehand(("files",), (0,), columns)


def config(validators: int = 1, **keys: object) -> ChainConfig:
    """A chain's parameters: blocks of 10, cut after 100 ms; ``keys`` replace some."""
    parameters: dict[str, Any] = {
        "id": "a",
        "protocol": "pbft",
        "observers": 0,
        "hash": "sha256",
        "timeout_ns": 10 * SECOND,
        "window": 4,
        "checkpoint_interval": 4,
        "max_transactions": 10,
        "max_bytes": 1_000_000,
        "interval_ns": 100 * MILLISECOND,
        "pool_capacity": 1000,
        "costs": NO_COSTS,
        **keys,
    }
    return ChainConfig(validators=validators, **parameters)


RELAYER = "did:court:somebody#key-1"
"""Whom `registered` makes known."""


def registered(machine: Machine, *links: str) -> None:
    """Have a chain's identity registry know `RELAYER` as a relayer of these links."""
    did, _, key = RELAYER.partition("#")
    roles = tuple(identity.role_of(identity.RELAYER, link) for link in links)
    known = identity.Document(did, 1, admitted=True, roles=roles, keys=((key, b"key"),))
    machine.store.entries.update(identity.entries([known], ()))


def bare_chain(parameters: ChainConfig, offered: Offered, delay_ns: int = 10 * MILLISECOND) -> tuple[Engine, Chain]:
    """A chain built by hand: every one-way delay is ``delay_ns``, a client's to its node too; bandwidth is infinite."""
    engine, draws = Engine(), Draws(1)
    link = Link(delay_ns=delay_ns, jitter=Constant(0), loss=0.0, reliable=True, retransmit_ns=1)
    topology = Topology(["east"] * parameters.nodes, lambda _a, _b: link)
    network = Network(engine, draws, parameters.id, topology, bandwidth_bps=None)
    return engine, Chain(engine, draws, Recorder(), parameters, network, offered)


def played(scenario: Scenario, seed: int = 1) -> tuple[Alliance, dict[str, Any]]:
    """A run whose parts can be looked into afterwards, and its summary."""
    alliance = build(scenario, seed)
    violation = None
    try:
        alliance.engine.run(until=alliance.horizon_ns)
    except InvariantViolation as broken:
        violation = broken
    alliance.finish()
    return alliance, summarise(scenario, seed, alliance, violation)


def table(alliance: Alliance, name: str) -> dict[str, NDArray[Any]]:
    """One of the recorder's tables as arrays."""
    return {column: np.array(cells) for column, cells in alliance.recorder.table(name).items()}
