"""Small scenarios for tests: one chain in one place by default, written as YAML and loaded like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from sim.scenario import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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

FAST = "8Tbit/s"
"""A byte takes a picosecond, so that a message below 500 bytes takes no nanosecond."""


def chain(validators: int = 4, **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a chain of a scenario may hold
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


def deposits(rate: str = "200/s", chain: str = "a", **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - as for chain
    """A stream of deposits of 500 bytes each."""
    return {"chain": chain, "rate": rate, "size": "500B", **keys}


def checks(of: str, rate: str = "50/s", chain: str = "a", **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - as for chain
    """A stream of verification requests."""
    return {"action": "verify", "chain": chain, "of": of, "rate": rate, **keys}


def crash(at: str, nodes: list[int], lasts: str | None = None, chain: str = "a") -> dict[str, Any]:
    """A crash; without ``lasts`` the nodes stay down."""
    fault = {"at": at, "action": "crash", "chain": chain, "nodes": nodes}
    return fault if lasts is None else {**fault, "for": lasts}


def small(folder: Path, **keys: Any) -> Scenario:  # noqa: ANN401 - whatever a scenario may hold
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


def network(**keys: Any) -> dict[str, Any]:  # noqa: ANN401 - as for chain
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
