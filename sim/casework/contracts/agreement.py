"""Mediation agreements that file by themselves when they are not performed (W12; Opinions, article 14).

The rules:

1.  An agreement that all have signed is in force, and the contract holds its schedule (`arm`).
2.  Only an agreement that a court has confirmed can be enforced (CPL 205, 206), or one that is a court's own mediation
    document (fact `court-document`). `confirm` brings the court's ruling, or the fact `confirmed` says that there is
    one; it counts until the agreement is triggered.
3.  An instalment falls due by `due`, at the latest known time of the chain; a clock on the case's side may be wrong.
    An instalment that was paid ahead is paid when it falls due.
4.  A proof of payment (`pay`) settles all that is due. It stops everything at every state before `filed`: nothing is
    filed for what the chain knew to be paid. A proof that comes after the filing is told so (`late`), and goes to the
    court that has the case. The same payment counts once.
5.  Unpaid after a grace period, the agreement may be triggered; earlier it is not (`early`). The trigger says which
    way the case goes: to enforcement if rule 2 lets it, else to trial.
6.  Each instalment is filed for once. Those that fall due later may be filed for later.
7.  Until something is filed the agreement can be stopped for good (`stop`): by the creditor, by a bankruptcy, or by
    whoever must stop a contract that errs (Opinions, article 31).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sim.casework.contracts.bycase import ByCase
from sim.casework.contracts.periods import DAY_NS
from sim.casework.invariants import CaseViolation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.casework.contracts.interface import Called

ARMED: Final = "armed"
DUE: Final = "due"
TRIGGERED: Final = "triggered"
FILED: Final = "filed"
STOPPED: Final = "stopped"

GRACE_NS: Final = 3 * DAY_NS
"""[guess]: no rule of law gives a debtor days of grace; an alliance's contract would."""
_LONG_AGO_NS: Final = -(1 << 62)
_ENFORCEABLE: Final = frozenset({"confirmed", "court-document"})

_PRESUMED: Final = {"confirm": ARMED, "due": ARMED, "pay": DUE, "trigger": DUE, "file": TRIGGERED, "stop": ARMED}


class _Agreement:
    """One agreement; instalments are counted from 1."""

    __slots__ = (
        "ahead",
        "case",
        "due",
        "due_ns",
        "enforceable",
        "filed",
        "last_due_ns",
        "paid_ns",
        "payers",
        "settled",
        "status",
    )

    def __init__(self, case: int, status: str, *, enforceable: bool) -> None:
        self.case = case
        self.status = status
        self.enforceable = enforceable
        self.due = 0
        """The last instalment that fell due."""
        self.settled = 0
        """The last that was paid, or handed over to a court."""
        self.filed = 0
        """The last that was filed for."""
        self.ahead = False
        """The next instalment is paid already."""
        self.due_ns = _LONG_AGO_NS
        """When the first unpaid instalment fell due."""
        self.last_due_ns = _LONG_AGO_NS
        self.paid_ns = _LONG_AGO_NS
        """When the agreement's own case proved a payment last."""
        self.payers: frozenset[int] = frozenset()
        """Other cases that proved one."""


class Agreement(ByCase[_Agreement]):
    """Mediation agreements, each of one case."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "arm": ("armed",),
        "confirm": ("confirmed",),
        "due": ("due", "paid"),
        "pay": ("paid", "stopped", "late"),
        "trigger": ("to-trial", "to-enforcement", "paid", "early"),
        "file": ("filed", "paid"),
        "stop": ("stopped",),
    }
    OTHERS: ClassVar[tuple[str, ...]] = ("paid", "stopped", "late", "confirmed")
    TELLS: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("pay", "paid"), ("pay", "stopped"), ("pay", "late"), ("stop", "stopped"), ("confirm", "confirmed")}
    )
    OPENS: ClassVar[frozenset[str]] = frozenset({"arm"})
    FROM_OUTSIDE: ClassVar[frozenset[str]] = frozenset({"pay", "confirm", "stop"})

    def __init__(self, grace_ns: int = GRACE_NS) -> None:
        super().__init__(
            {
                "arm": self._arm,
                "confirm": self._confirm,
                "due": self._fall_due,
                "pay": self._pay,
                "trigger": self._trigger,
                "file": self._file,
                "stop": self._stop,
            }
        )
        self._grace_ns = grace_ns

    def check(self) -> None:
        """No instalment is filed for that never fell due, or was neither paid nor handed over."""
        for case, agreement in self._items.items():
            if not agreement.filed <= agreement.settled <= agreement.due:
                counts = f"{agreement.due} due, {agreement.settled} settled, {agreement.filed} filed"
                raise CaseViolation("instalments-in-order", "agreement", case, 0, counts)

    def _begun(self, called: Called) -> _Agreement:
        return _Agreement(called.case, "", enforceable=not _ENFORCEABLE.isdisjoint(called.facts))

    def _presumed(self, called: Called, case: int) -> _Agreement:
        status = _PRESUMED[called.method]
        # Who brings the confirmation has it among its facts already.
        enforceable = called.method != "confirm" and not _ENFORCEABLE.isdisjoint(called.facts)
        agreement = _Agreement(case, status, enforceable=enforceable)
        agreement.due = 0 if status == ARMED else 1
        return agreement

    def _arm(self, agreement: _Agreement, called: Called) -> str | None:
        del called
        if agreement.status:
            return None
        agreement.status = ARMED
        return "armed"

    def _confirm(self, agreement: _Agreement, called: Called) -> str | None:
        del called
        if agreement.enforceable or agreement.status not in (ARMED, DUE):
            return None
        agreement.enforceable = True
        return "confirmed"

    def _fall_due(self, agreement: _Agreement, called: Called) -> str | None:
        if agreement.status not in (ARMED, DUE, FILED) or agreement.last_due_ns == called.time_ns:
            return None
        agreement.last_due_ns = called.time_ns
        if agreement.ahead:
            agreement.ahead = False
            agreement.due += 1
            agreement.settled += 1
            return "paid"
        if agreement.due == agreement.settled:
            agreement.due_ns = called.time_ns
        agreement.due += 1
        agreement.status = DUE
        return "due"

    def _pay(self, agreement: _Agreement, called: Called) -> str | None:
        if self._is_known(agreement, called):
            return None
        before = agreement.status
        if agreement.due == agreement.settled:
            if before == FILED:
                answer = "late"
            elif agreement.ahead:
                return None
            else:
                agreement.ahead = True
                answer = "paid"
        else:
            agreement.settled = agreement.due
            answer = "stopped" if before == TRIGGERED else "paid"
            if before in (DUE, TRIGGERED):
                agreement.status = ARMED
        if called.case == agreement.case:
            agreement.paid_ns = called.time_ns
        else:
            agreement.payers |= {called.case}
        return answer

    @staticmethod
    def _is_known(agreement: _Agreement, called: Called) -> bool:
        """Whether this payment was proved before: other cases prove one payment each, the agreement's own many."""
        if called.case == agreement.case:
            return agreement.paid_ns == called.time_ns
        return called.case in agreement.payers

    def _trigger(self, agreement: _Agreement, called: Called) -> str | None:
        if agreement.status == DUE:
            if called.time_ns < agreement.due_ns + self._grace_ns:
                return "early"
            agreement.status = TRIGGERED
            if not agreement.enforceable and not _ENFORCEABLE.isdisjoint(called.facts):
                agreement.enforceable = True
            return "to-enforcement" if agreement.enforceable else "to-trial"
        return self._if_paid(agreement)

    def _file(self, agreement: _Agreement, called: Called) -> str | None:
        del called
        if agreement.status == TRIGGERED:
            agreement.status = FILED
            agreement.filed = agreement.settled = agreement.due
            return "filed"
        return self._if_paid(agreement)

    @staticmethod
    def _if_paid(agreement: _Agreement) -> str | None:
        paid = agreement.status == ARMED and 0 < agreement.due == agreement.settled
        return "paid" if paid else None

    def _stop(self, agreement: _Agreement, called: Called) -> str | None:
        del called
        if agreement.status in (FILED, STOPPED, ""):
            return None
        agreement.status = STOPPED
        return "stopped"
