"""What can go wrong on a link between chains: relayers that stop, and relayers that lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.crosschain.steps import SOURCE
from sim.faults.apply import merged
from sim.network.transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.crosschain.link import Link
    from sim.kernel.engine import Engine

RELAYER_CRASH: Final = "relayer-crash"
FORGE: Final = "forge"


@dataclass(frozen=True, slots=True)
class LinkFault:
    """Something that goes wrong on a link.

    Attributes:
        link: its id.
        at_ns, for_ns: when, and for how long; None: to the end.
        relayers: by their numbers.
        kind: `RELAYER_CRASH` or `FORGE`.
        stolen_keys: `FORGE`: how many validators' keys they have. stolen_from: the role of the chain of which.
    """

    link: str
    at_ns: int
    for_ns: int | None
    relayers: tuple[int, ...]
    kind: str
    stolen_keys: int = 0
    stolen_from: str = SOURCE

    @property
    def end_ns(self) -> int:
        """When it stops; `NEVER` if it lasts."""
        return NEVER if self.for_ns is None else self.at_ns + self.for_ns


def apply_to_links(faults: Sequence[LinkFault], links: Mapping[str, Link], engine: Engine) -> None:
    """Schedule every fault on its link; crashes of one relayer that overlap are one."""
    downtimes: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for fault in faults:
        for number in fault.relayers:
            if fault.kind == RELAYER_CRASH:
                downtimes.setdefault((fault.link, number), []).append((fault.at_ns, fault.end_ns))
            else:
                engine.call_at(fault.at_ns, links[fault.link].forge, number, fault.stolen_keys, fault.stolen_from)
                if fault.for_ns is not None:
                    engine.call_at(fault.end_ns, links[fault.link].stop_forging, number)
    for (link, number), intervals in downtimes.items():
        relayer = links[link].relayers[number]
        for begin_ns, end_ns in merged(intervals):
            engine.call_at(begin_ns, relayer.crash)
            if end_ns < NEVER:
                engine.call_at(end_ns, relayer.restart)
