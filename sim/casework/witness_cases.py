"""Who watches the contracts that keep one instance for each case, by calls and answers alone.

A call may come from a case that the instance's case began. Whose instance it is for follows from who has called before,
and from the tables in which a contract says which methods begin an instance and which speak for another case's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.casework.contracts.agreement import Agreement
from sim.casework.contracts.fund import Fund
from sim.casework.contracts.listing import Listing
from sim.casework.contracts.preservation import Preservation
from sim.casework.contracts.title import Title
from sim.casework.invariants import (
    CONSERVATION,
    FILED_ONCE,
    IN_FORCE,
    LIFTED,
    LISTED,
    OBJECTION,
    PAID_IS_PAID,
    RELEASED_ONCE,
    STOPPED,
    CaseViolation,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.casework.contracts.bycase import ByCase
    from sim.casework.contracts.interface import Answered, Called

_REFUSED: Final = "refused"


class Whose:
    """Whose instance a call is for.

    Args:
        contract: whose tables say so.
    """

    def __init__(self, contract: type[ByCase[Any]]) -> None:
        self._opens, self._from_outside = contract.OPENS, contract.FROM_OUTSIDE
        self._known: set[int] = set()

    def of(self, called: Called) -> int:
        """Uid of its case; -1 if there is none."""
        case, parent, known = called.case, called.parent, self._known
        if case in known:
            return case
        if called.method not in self._opens:
            if parent in known:
                return parent
            if parent != case and called.method in self._from_outside:
                case = parent
            elif not called.old:
                return -1
        known.add(case)
        return case

    def begin(self, case: int) -> None:
        """A case has an instance."""
        self._known.add(case)


class AgreementWatch:
    """Nothing is filed twice, nothing that was paid or stopped is triggered or filed."""

    def __init__(self) -> None:
        self._whose = Whose(Agreement)
        self._unpaid: dict[int, int] = {}
        """Instalments that are due, neither paid nor filed for; of agreements that were seen."""
        self._last: dict[int, str] = {}
        """What became of the last instalments: how they stopped being unpaid."""

    def saw(self, called: Called, answers: Sequence[Answered]) -> None:
        """Judge a call and what was answered.

        Raises:
            CaseViolation: it must never be answered so.
        """
        signal, method, case = answers[0].signal, called.method, self._whose.of(called)
        if case not in self._unpaid:
            self._unpaid[case] = 0 if method in ("arm", "due", "confirm", "stop") else 1
        if signal == _REFUSED:
            return
        if method == "due":
            if self._last.get(case) == "stopped":
                raise self._broken(STOPPED, called, "an instalment falls due of what was stopped")
            self._unpaid[case] += signal == "due"
        elif method == "pay":
            self._unpaid[case] = 0
            if self._last.get(case) != "stopped":
                self._last[case] = "paid"
        elif method == "stop":
            self._last[case] = "stopped"
        elif signal in ("to-trial", "to-enforcement", "filed"):
            self._goes_on(case, called, signal)

    def _goes_on(self, case: int, called: Called, signal: str) -> None:
        last = self._last.get(case)
        if last == "stopped":
            raise self._broken(STOPPED, called, f"agreement of case {case} is {signal} after it was stopped")
        if not self._unpaid[case]:
            invariant = FILED_ONCE if last == "filed" else PAID_IS_PAID
            raise self._broken(invariant, called, f"agreement of case {case} is {signal}, and nothing is unpaid")
        if signal == "filed":
            self._unpaid[case] = 0
            self._last[case] = "filed"

    @staticmethod
    def _broken(invariant: str, called: Called, detail: str) -> CaseViolation:
        return CaseViolation(invariant, "agreement", called.case, called.time_ns, detail)

    def finish(self) -> None:
        """What must hold at the end holds after every call."""


class TitleWatch:
    """A document is filed once, in force, and not when it was performed."""

    def __init__(self) -> None:
        self._whose = Whose(Title)
        self._last: dict[int, str] = {}
        self._performed: set[int] = set()

    def saw(self, called: Called, answers: Sequence[Answered]) -> None:
        """Judge a call and what was answered.

        Raises:
            CaseViolation: it must never be answered so.
        """
        signal, last, case = answers[0].signal, self._last, self._whose.of(called)
        if called.method == "perform":
            if signal != _REFUSED:
                self._performed.add(case)
        elif signal == "filed":
            if case in self._performed:
                raise self._broken(PAID_IS_PAID, called, f"the title of case {case} is filed, and was performed")
            if last.get(case) == "filed":
                raise self._broken(FILED_ONCE, called, f"the title of case {case} is filed twice")
            if last.get(case, "applied") not in ("applied", "effective"):
                raise self._broken(IN_FORCE, called, f"the title of case {case} is filed when {last[case]}")
            last[case] = signal
        elif signal == "effective":
            if last.get(case, "served") != "served":
                raise self._broken(IN_FORCE, called, f"the title of case {case} takes effect when {last[case]}")
            last[case] = signal
        elif signal in ("served", "applied") or (signal == "appealed" and called.method == "appeal"):
            last[case] = signal

    @staticmethod
    def _broken(invariant: str, called: Called, detail: str) -> CaseViolation:
        return CaseViolation(invariant, "title", called.case, called.time_ns, detail)

    def finish(self) -> None:
        """What must hold at the end holds after every call."""


class FundWatch:
    """Money is where its way has led it, and leaves once."""

    _PLACE: Final = {"deducted": "on its way", "arrived": "on account", "stray": "on account"}

    def __init__(self) -> None:
        self._whose = Whose(Fund)
        self._place: dict[int, str] = {}
        self._objected: set[int] = set()
        self._amount_cny: dict[int, float] = {}

    def saw(self, called: Called, answers: Sequence[Answered]) -> None:
        """Judge a call and what was answered.

        Raises:
            CaseViolation: it must never be answered so.
        """
        signal, method, place, case = answers[0].signal, called.method, self._place, self._whose.of(called)
        if signal == _REFUSED:
            return
        if method == "deduct":
            if case in place:
                raise self._broken(CONSERVATION, called, "is deducted a second time")
            place[case] = "on its way"
            self._amount_cny[case] = called.amount_cny
        elif method == "arrive":
            if place.get(case, "on its way") != "on its way":
                raise self._broken(CONSERVATION, called, f"arrives when it is {place[case]}")
            place[case] = "on account"
        elif method == "object":
            if signal == "objected":
                self._objected.add(case)
        elif signal == "dismissed":
            self._objected.discard(case)
        elif signal in ("released", "returned"):
            self._leaves(case, called, signal)

    def _leaves(self, case: int, called: Called, signal: str) -> None:
        before = self._place.get(case, "on account")
        if before != "on account":
            invariant = CONSERVATION if before == "on its way" else RELEASED_ONCE
            raise self._broken(invariant, called, f"is {signal} when it is {before}")
        if signal == "released" and case in self._objected:
            raise self._broken(OBJECTION, called, "is released against an objection")
        if called.case == case and self._amount_cny.get(case, called.amount_cny) != called.amount_cny:
            raise self._broken(CONSERVATION, called, "is another amount than was deducted")
        self._place[case] = signal

    @staticmethod
    def _broken(invariant: str, called: Called, detail: str) -> CaseViolation:
        return CaseViolation(invariant, "fund", called.case, called.time_ns, f"money {detail}")

    def finish(self) -> None:
        """What must hold at the end holds after every call."""


class PreservationWatch:
    """What was lifted stays lifted; what a suit took over does not expire."""

    def __init__(self) -> None:
        self._whose = Whose(Preservation)
        self._last: dict[int, str] = {}

    def saw(self, called: Called, answers: Sequence[Answered]) -> None:
        """Judge a call and what was answered.

        Raises:
            CaseViolation: it must never be answered so.
        """
        signal, last, case = answers[0].signal, self._last, self._whose.of(called)
        if signal in (_REFUSED, "expired", "early") or (called.method == "expire" and signal != "lifted"):
            return
        before = last.get(case)
        if before == "lifted":
            detail = f"the measure of case {case} is {signal} after it was lifted"
            raise CaseViolation(LIFTED, "preservation", called.case, called.time_ns, detail)
        if called.method == "expire" and before in ("converted", "seized"):
            detail = f"the measure of case {case} expires when it is {before}"
            raise CaseViolation(LIFTED, "preservation", called.case, called.time_ns, detail)
        if called.method != "take":
            last[case] = signal

    def finish(self) -> None:
        """What must hold at the end holds after every call."""


class ListingWatch:
    """Nobody is restricted for an entry that was repaired, or called free while another stands."""

    def __init__(self) -> None:
        self._whose = Whose(Listing)
        self._subject: dict[int, int] = {}
        """Whom a standing entry is about, by case."""
        self._repaired: set[int] = set()
        self._standing: dict[int, int] = {}

    def saw(self, called: Called, answers: Sequence[Answered]) -> None:
        """Judge a call and what was answered.

        Raises:
            CaseViolation: it must never be answered so.
        """
        method, signal, case = called.method, answers[0].signal, self._whose.of(called)
        if signal == _REFUSED:
            return
        if method == "list":
            self._stand(case, called.subject)
        elif case in self._repaired:
            if method != "clear" and signal != "stale":
                raise self._broken(called, f"entry of case {case} is {signal} after it was repaired")
        elif method == "clear":
            self._repaired.add(case)
        else:
            if case not in self._subject:
                self._stand(case, called.subject)
            if method == "repair":
                self._repair(case, called, signal)

    def _stand(self, case: int, subject: int) -> None:
        self._subject[case] = subject
        self._standing[subject] = self._standing.get(subject, 0) + 1

    def _repair(self, case: int, called: Called, signal: str) -> None:
        subject = self._subject.pop(case)
        self._repaired.add(case)
        self._standing[subject] -= 1
        if (self._standing[subject] > 0) != (signal == "still-listed"):
            raise self._broken(called, f"{subject} is {signal}, and {self._standing[subject]} entries stand")

    @staticmethod
    def _broken(called: Called, detail: str) -> CaseViolation:
        return CaseViolation(LISTED, "listing", called.case, called.time_ns, detail)

    def finish(self) -> None:
        """What must hold at the end holds after every call."""
