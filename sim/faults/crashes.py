"""Crashes: a node stops, loses what is in its memory, and may come back with its disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sim.chain.chain import Chain


@dataclass(frozen=True, slots=True)
class Crash:
    """Nodes of one chain stop at `at_ns` and restart after `for_ns`; without it they stay down."""

    chain: str
    nodes: tuple[int, ...]
    at_ns: int
    for_ns: int | None


def apply_crashes(crashes: Iterable[Crash], chains: Mapping[str, Chain]) -> None:
    """Schedule every crash on its chain."""
    for crash in crashes:
        for node in crash.nodes:
            chains[crash.chain].plan_crash(node, crash.at_ns, crash.for_ns)
