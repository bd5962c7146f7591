"""What can go wrong, as data: a schedule is a tuple of faults, each of one chain, of some of its nodes, of an interval.

A fault without `for_ns` lasts to the end. Nodes are numbers; what a scenario says of regions is resolved before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from sim.network.transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterable

SILENT, DELAY, WITHHOLD, BAD_SIGNATURE, CENSOR = "silent", "delay", "withhold", "invalid-signature", "censor"
EQUIVOCATE, NEW_VIEW, TWINS = "equivocate", "conflicting-new-view", "twins"
TWO_FACED: Final = frozenset({EQUIVOCATE, NEW_VIEW, TWINS})
"""Behaviours of a node that runs two instances of its replica."""
BYZANTINE: Final = (SILENT, DELAY, WITHHOLD, BAD_SIGNATURE, CENSOR, EQUIVOCATE, NEW_VIEW, TWINS)


@dataclass(frozen=True, slots=True)
class Crash:
    """Nodes stop and, where `for_ns` says when, restart: with their disk, or without it if `disk_lost`."""

    chain: str
    at_ns: int
    for_ns: int | None
    nodes: tuple[int, ...]
    disk_lost: bool = False

    @property
    def kind(self) -> str:
        """Its name in tables."""
        return "crash, disk lost" if self.disk_lost else "crash"


@dataclass(frozen=True, slots=True)
class Partition:
    """Nodes of different groups do not reach each other; with `one_way`, only the first group's messages are lost."""

    chain: str
    at_ns: int
    for_ns: int | None
    groups: tuple[tuple[int, ...], ...]
    one_way: bool = False

    @property
    def kind(self) -> str:
        """Its name in tables."""
        return "one-way partition" if self.one_way else "partition"


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Messages from and to these nodes suffer.

    Attributes:
        nodes: at either end; None for all.
        loss: share that is lost.
        duplicate: share that comes twice.
        extra_ns: all come later by this.
        hold: none comes before the end, when all do; `clog`.
    """

    chain: str
    at_ns: int
    for_ns: int | None
    nodes: tuple[int, ...] | None
    loss: float = 0.0
    duplicate: float = 0.0
    extra_ns: int = 0
    hold: bool = False

    @property
    def kind(self) -> str:
        """Its name in tables."""
        named = (("clog", self.hold), ("loss", self.loss), ("duplicate", self.duplicate), ("lag", self.extra_ns))
        return next(name for name, value in named if value)


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """The clocks of nodes jump by `ahead_ns` and gain `ppm` microseconds a second; negative: back, and lose.

    They are right again at the end.
    """

    chain: str
    at_ns: int
    for_ns: int | None
    nodes: tuple[int, ...]
    ahead_ns: int = 0
    ppm: int = 0
    kind: str = "clock-skew"


@dataclass(frozen=True, slots=True)
class Slow:
    """The CPUs of nodes take `times` as long for everything."""

    chain: str
    at_ns: int
    for_ns: int | None
    nodes: tuple[int, ...]
    times: int
    kind: str = "slow"


@dataclass(frozen=True, slots=True)
class Byzantine:
    """Nodes lie; after the end they speak the protocol again, but nobody relies on them any more.

    Attributes:
        kind: one of `BYZANTINE`.
        peers: `silent`, `delay`, `withhold`, `invalid-signature`: towards whom; None for everybody.
        extra_ns: `delay`: how much later what it sends leaves it.
        streams: `censor`: ids of the streams whose transactions it leaves out.
        groups: the peers of either instance of a node with two; they may overlap. None: halves that chance deals out.
    """

    chain: str
    at_ns: int
    for_ns: int | None
    nodes: tuple[int, ...]
    kind: str
    peers: tuple[int, ...] | None = None
    extra_ns: int = 0
    streams: tuple[str, ...] = ()
    groups: tuple[tuple[int, ...], tuple[int, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """No fault, but as planned as one: whoever leads hands over to a validator, if it can within a timeout."""

    chain: str
    at_ns: int
    to: int
    for_ns: int = 0
    kind: str = "transfer"


Fault: TypeAlias = Crash | Partition | Disturbance | ClockSkew | Slow | Byzantine | Transfer


def end_ns(fault: Fault) -> int:
    """When a fault stops; `NEVER` if it lasts."""
    return NEVER if fault.for_ns is None else fault.at_ns + fault.for_ns


def storms(faults: Iterable[Fault]) -> tuple[tuple[int, int], ...]:
    """When a fault that stops stands, as (begin, end) in nanoseconds, in order and apart."""
    together: list[tuple[int, int]] = []
    for begin_ns, until_ns in sorted((fault.at_ns, end_ns(fault)) for fault in faults if fault.for_ns):
        if together and begin_ns <= together[-1][1]:
            together[-1] = (together[-1][0], max(together[-1][1], until_ns))
        else:
            together.append((begin_ns, until_ns))
    return tuple(together)


def distrusted(faults: Iterable[Fault], chain: str) -> set[int]:
    """The nodes of a chain that a schedule makes liars or robs of their disk."""
    return {
        node
        for fault in faults
        if fault.chain == chain and (isinstance(fault, Byzantine) or (isinstance(fault, Crash) and fault.disk_lost))
        for node in fault.nodes
    }


def lasting(faults: Iterable[Fault], chain: str) -> set[int]:
    """The nodes of a chain that no one can count on after the storm: distrusted, or down for good."""
    faults = list(faults)
    down = {n for f in faults if isinstance(f, Crash) and f.chain == chain and f.for_ns is None for n in f.nodes}
    return down | distrusted(faults, chain)
