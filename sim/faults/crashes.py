"""Crashes: a node stops, loses what is in its memory, and may come back with its disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.network.transport import NEVER

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
    """Schedule every crash on its chain; crashes of one node that overlap are one."""
    intervals: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for crash in crashes:
        ends_ns = NEVER if crash.for_ns is None else crash.at_ns + crash.for_ns
        for node in crash.nodes:
            intervals.setdefault((crash.chain, node), []).append((crash.at_ns, ends_ns))
    for (chain, node), downtimes in intervals.items():
        chains[chain].plan_downtimes(node, merged(downtimes))


def merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of half-open intervals as disjoint ones, ascending."""
    union: list[tuple[int, int]] = []
    for begin, end in sorted(intervals):
        if union and begin <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], end))
        else:
            union.append((begin, end))
    return union
