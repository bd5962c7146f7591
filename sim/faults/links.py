"""What can go wrong on a link, with its relayers, notaries and their clocks; and what members do then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sim.crosschain.actors.habits import Censor, Reorder, Replay, VersionSkew
from sim.crosschain.trusting import NOTHING, Loot
from sim.faults.apply import merged
from sim.network.transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.crosschain.actors.habits import Habit
    from sim.crosschain.actors.keeper import Keeper
    from sim.crosschain.link import Link
    from sim.kernel.engine import Engine

RELAYER_CLOCK: Final = "relayer-clock"
RELAYER_CRASH: Final = "relayer-crash"
FORGE: Final = "forge"
DENY_RECEIPT: Final = "deny-receipt"
NOTARY_CRASH: Final = "notary-crash"
RECOVER_CLIENT: Final = "recover-client"
CHANGES: Final = ("revoke", "rotate", "admit")
"""What is planned: the identity registry's keeper changes documents."""


@dataclass(frozen=True, slots=True)
class LinkFault:
    """Something that goes wrong on a link, or is planned for it.

    Attributes:
        link: its id.
        at_ns, for_ns: when, and for how long; None: to the end.
        kind: `RELAYER_CLOCK`, `RELAYER_CRASH`, `FORGE`, `DENY_RECEIPT`, `NOTARY_CRASH`, `RECOVER_CLIENT`, one of
            `CHANGES`, or what `_habit` knows.
        whom: relayers, or notaries, by their numbers. notaries: whether these are notaries.
        loot: `FORGE`: what they have.
        after: `RELAYER_CRASH`: the role and the method of a call; not at that time, but when one has been sent since.
        ahead_ns: `RELAYER_CLOCK`: how far ahead clocks are; negative if behind.
        streams, least: ``censor-packets``: of which streams, all if there are none, and from which amount on.
    """

    link: str
    at_ns: int
    for_ns: int | None
    kind: str
    whom: tuple[int, ...]
    notaries: bool = False
    loot: Loot = NOTHING
    after: tuple[str, str] | None = None
    ahead_ns: int = 0
    streams: tuple[str, ...] = ()
    least: int = 0

    @property
    def end_ns(self) -> int:
        """When it stops; `NEVER` if it lasts."""
        return NEVER if self.for_ns is None else self.at_ns + self.for_ns


class _Stoppable(Protocol):
    """Who can stop, and begin again."""

    def crash(self) -> None:
        """Stop."""

    def restart(self) -> None:
        """Begin again."""


def apply_to_links(
    faults: Sequence[LinkFault], links: Mapping[str, Link], engine: Engine, keeper: Keeper | None
) -> None:
    """Schedule every fault on its link; crashes of one relayer or notary that overlap are one.

    Args:
        faults: all of them.
        links: by id.
        engine: time.
        keeper: of the identity registry; None where nothing that is planned changes it.
    """
    for link_id, link in links.items():
        mine = [fault for fault in faults if fault.link == link_id]
        crashes = [fault for fault in mine if fault.kind == RELAYER_CRASH and fault.after is None]
        _plan_crashes(crashes, link.relayers, engine)
        _plan_crashes([fault for fault in mine if fault.kind == NOTARY_CRASH], link.notaries, engine)
        for fault in mine:
            if fault.kind in {FORGE, DENY_RECEIPT}:
                _plan_forging(fault, link, engine)
            elif fault.kind == RECOVER_CLIENT:
                engine.call_at(fault.at_ns, link.recover_clients)
            elif fault.kind == RELAYER_CLOCK:
                _plan_clocks(fault, link, engine)
            elif fault.after is not None:
                for number in fault.whom:
                    engine.call_at(fault.at_ns, link.relayers[number].crash_after, *fault.after, fault.for_ns)
            elif fault.kind in CHANGES:
                _plan_change(fault, link, engine, keeper)
            elif fault.kind not in {RELAYER_CRASH, NOTARY_CRASH}:
                _plan_habit(fault, link, engine)


def _plan_change(fault: LinkFault, link: Link, engine: Engine, keeper: Keeper | None) -> None:
    if keeper is None:
        raise ValueError(f"nobody can {fault.kind} anybody of {fault.link}; the loader checks it")
    change = {"revoke": keeper.revoke, "rotate": keeper.rotate, "admit": keeper.admit}[fault.kind]
    parties = [each.did for each in link.notaries] if fault.notaries else [each.config.did for each in link.relayers]
    for number in fault.whom:
        engine.call_at(fault.at_ns, change, parties[number])


def _plan_habit(fault: LinkFault, link: Link, engine: Engine) -> None:
    for number in fault.whom:
        habit = _habit(fault)
        engine.call_at(fault.at_ns, link.take_up, number, habit)
        if fault.for_ns is not None:
            engine.call_at(fault.end_ns, link.give_up, number, habit)


def _habit(fault: LinkFault) -> Habit:
    """What a relayer does wrong; each has its own."""
    match fault.kind:
        case "censor-packets":
            return Censor(frozenset(fault.streams), fault.least)
        case "replay":
            return Replay()
        case "reorder":
            return Reorder()
        case "version-skew":
            return VersionSkew()
    raise ValueError(f"no relayer does {fault.kind}")


def _plan_forging(fault: LinkFault, link: Link, engine: Engine) -> None:
    for number in fault.whom:
        if fault.kind == FORGE:
            engine.call_at(fault.at_ns, link.forge, number, fault.loot)
        else:
            engine.call_at(fault.at_ns, link.deny, number)
        if fault.for_ns is not None:
            engine.call_at(fault.end_ns, link.stop_forging, number)


def _plan_clocks(fault: LinkFault, link: Link, engine: Engine) -> None:
    for number in fault.whom:
        engine.call_at(fault.at_ns, link.relayers[number].set_clock, fault.ahead_ns)
        if fault.for_ns is not None:
            engine.call_at(fault.end_ns, link.relayers[number].set_clock, 0)


def _plan_crashes(faults: Sequence[LinkFault], victims: Sequence[_Stoppable], engine: Engine) -> None:
    for number, victim in enumerate(victims):
        for begin_ns, end_ns in merged((fault.at_ns, fault.end_ns) for fault in faults if number in fault.whom):
            engine.call_at(begin_ns, victim.crash)
            if end_ns < NEVER:
                engine.call_at(end_ns, victim.restart)
