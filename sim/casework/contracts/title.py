"""From a document of the court to enforcement: service, effect, performance, application, filing (W10; article 15).

The rules:

1.  A document runs from its service on the last party; service on another party begins the period anew (`serve`).
2.  A judgment can be appealed against within 15 days of service, a ruling (fact `ruling`) within 10 (Civil Procedure
    Law, CPL, 171 [cpl-2023]). A court's mediation document (fact `mediation`) is in force when all have signed for it
    (CPL 100), and a judgment of second instance or in a small claim (fact `final`) when served (CPL 182, 165, from
    memory): neither is appealed against.
3.  It takes effect when that period has passed without an appeal (`effective`), not before (`early`). After an appeal
    the second instance's judgment is served, and is final.
4.  Performance ends the matter at any time before filing (`perform`); what is performed is neither applied for nor
    filed. After filing the money goes to the enforcement case (`late`).
5.  Enforcement must be applied for within two years (CPL 250). The law counts from the end of the performance period,
    or from effect where the document fixes none; the contract knows of none and counts from effect.
6.  It is filed once: on an application, or moved by the judge without one (fact `moved-by-judge`; CPL 247).

That this effective date can be wrong is why a first release in one province left judgments out: the calendar that
counts the days is given to the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sim.casework.contracts.bycase import ByCase
from sim.casework.contracts.periods import plain_end
from sim.casework.invariants import CaseViolation
from sim.kernel.civil import Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.casework.contracts.interface import Called
    from sim.casework.contracts.periods import End

SERVED: Final = "served"
APPEALED: Final = "appealed"
FINAL: Final = "final"
EFFECTIVE: Final = "effective"
APPLIED: Final = "applied"
FILED: Final = "filed"

APPEAL_DAYS: Final = 15
APPEAL_DAYS_RULING: Final = 10
APPLICATION_YEARS: Final = 2
_FINAL: Final = frozenset({"mediation", "final"})

_PRESUMED: Final = {
    "appeal": SERVED,
    "effective": FINAL,
    "perform": EFFECTIVE,
    "apply": EFFECTIVE,
    "file": APPLIED,
}


class _Title:
    __slots__ = ("apply_until_ns", "case", "effective_from_ns", "performed", "status")

    def __init__(self, case: int, status: str) -> None:
        self.case = case
        self.status = status
        self.performed = False
        self.effective_from_ns = 0
        """The end of the time for an appeal, while it is served."""
        self.apply_until_ns = 0
        """The end of the time for an application, once it is effective."""


class Title(ByCase[_Title]):
    """Documents that can be enforced (执行依据), each of one case."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "serve": ("served",),
        "appeal": ("appealed", "late"),
        "effective": ("effective", "early", "appealed"),
        "perform": ("performed", "late"),
        "apply": ("applied", "performed", "expired", "early"),
        "file": ("filed", "performed"),
    }
    OTHERS: ClassVar[tuple[str, ...]] = ("performed", "late", "appealed", "applied")
    TELLS: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("perform", "performed"), ("perform", "late"), ("appeal", "appealed"), ("apply", "applied")}
    )
    OPENS: ClassVar[frozenset[str]] = frozenset({"serve"})
    FROM_OUTSIDE: ClassVar[frozenset[str]] = frozenset({"appeal", "perform", "apply"})

    def __init__(self, end: End = plain_end) -> None:
        super().__init__(
            {
                "serve": self._serve,
                "appeal": self._appeal,
                "effective": self._take_effect,
                "perform": self._perform,
                "apply": self._apply_for,
                "file": self._file,
            }
        )
        self._end = end

    def check(self) -> None:
        """Nothing is filed before it could take effect."""
        for case, title in self._items.items():
            if title.status in (EFFECTIVE, APPLIED, FILED) and title.apply_until_ns < title.effective_from_ns:
                detail = "could be applied for until before it took effect"
                raise CaseViolation("effect-before-filing", "title", case, title.effective_from_ns, detail)

    def _begun(self, called: Called) -> _Title:
        return _Title(called.case, "")

    def _presumed(self, called: Called, case: int) -> _Title:
        title = _Title(case, _PRESUMED[called.method])
        title.effective_from_ns = self._window_end(called) if title.status == SERVED else called.time_ns
        title.apply_until_ns = self._end(called.time_ns, APPLICATION_YEARS, Unit.YEARS)
        return title

    def _window_end(self, called: Called) -> int:
        facts = called.facts
        if not _FINAL.isdisjoint(facts):
            return called.time_ns
        return self._end(called.time_ns, APPEAL_DAYS_RULING if "ruling" in facts else APPEAL_DAYS, Unit.DAYS)

    def _serve(self, title: _Title, called: Called) -> str | None:
        if title.status in (EFFECTIVE, APPLIED, FILED):
            return None
        if title.status in (APPEALED, FINAL) or not _FINAL.isdisjoint(called.facts):
            title.status = FINAL
            title.effective_from_ns = called.time_ns
        else:
            title.status = SERVED
            title.effective_from_ns = self._window_end(called)
        return "served"

    def _appeal(self, title: _Title, called: Called) -> str | None:
        if title.status == SERVED and called.time_ns < title.effective_from_ns:
            title.status = APPEALED
            return "appealed"
        return "late" if title.status in (SERVED, EFFECTIVE, APPLIED, FILED) else None

    def _take_effect(self, title: _Title, called: Called) -> str | None:
        status, time_ns = title.status, called.time_ns
        if status == APPEALED:
            return "appealed"
        if status not in (SERVED, FINAL):
            return None
        if time_ns < title.effective_from_ns:
            return "early"
        title.status = EFFECTIVE
        title.apply_until_ns = self._end(title.effective_from_ns, APPLICATION_YEARS, Unit.YEARS)
        return "effective"

    def _perform(self, title: _Title, called: Called) -> str | None:
        del called
        if title.performed:
            return None
        title.performed = True
        return "late" if title.status == FILED else "performed"

    def _apply_for(self, title: _Title, called: Called) -> str | None:
        if title.performed:
            return "performed"
        if title.status != EFFECTIVE:
            return "early" if title.status in (SERVED, APPEALED, FINAL) else None
        if called.time_ns >= title.apply_until_ns:
            return "expired"
        title.status = APPLIED
        return "applied"

    def _file(self, title: _Title, called: Called) -> str | None:
        if title.status == FILED:
            return None
        if title.performed:
            return "performed"
        if title.status == APPLIED or (title.status == EFFECTIVE and "moved-by-judge" in called.facts):
            title.status = FILED
            return "filed"
        return None
