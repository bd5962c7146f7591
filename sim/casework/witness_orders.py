"""Who watches the closed loop and bankruptcies, by calls and answers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.casework.contracts.loop import Loop
from sim.casework.invariants import AUDITED, CLOSED_LOOP, EXECUTED_ONCE, MAJORITY, ONE_BANKRUPTCY, CaseViolation
from sim.casework.witness_cases import Whose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.casework.contracts.interface import Answered, Called

_REFUSED: Final = "refused"


class LoopWatch:
    """Nothing is executed twice or matched without an approval, and an audit finds all that was."""

    def __init__(self) -> None:
        self._whose = Whose(Loop)
        self._approved: dict[int, bool] = {}
        self._executed: set[int] = set()
        self._illegal: set[int] = set()
        """Executed without an approval, and not yet found."""

    def saw(self, called: Called, answers: Sequence[Answered]) -> None:
        """Judge a call and what was answered.

        Raises:
            CaseViolation: it must never be answered so.
        """
        method, signal = called.method, answers[0].signal
        if method == "audit":
            self._audited(called, answers)
            return
        case = self._whose.of(called)
        if case < 0 and method == "execute":
            case = called.case
            self._whose.begin(case)
        if case not in self._approved:
            # From before the run, or a command that nobody gave.
            self._approved[case] = called.old and method in ("execute", "reconcile")
        if signal != _REFUSED:
            self._operated(case, called, signal)

    def _audited(self, called: Called, answers: Sequence[Answered]) -> None:
        self._illegal.difference_update(answer.case for answer in answers[1:])
        if self._illegal:
            raise self._broken(AUDITED, called, f"{min(self._illegal)} is illegal, and an audit misses it")

    def _operated(self, case: int, called: Called, signal: str) -> None:
        method = called.method
        if method == "order":
            self._approved[case] = False
        elif method == "approve":
            if "same-person" in called.facts:
                raise self._broken(CLOSED_LOOP, called, "is approved by who ordered it")
            self._approved[case] = True
        elif method == "execute":
            if case in self._executed:
                raise self._broken(EXECUTED_ONCE, called, "is executed twice")
            self._executed.add(case)
            if not self._approved[case]:
                self._illegal.add(case)
        elif signal == "matched" and (not self._approved[case] or "differs" in called.facts):
            raise self._broken(CLOSED_LOOP, called, "matches, and was not ordered so")

    @staticmethod
    def _broken(invariant: str, called: Called, detail: str) -> CaseViolation:
        return CaseViolation(invariant, "loop", called.case, called.time_ns, f"operation of the case {detail}")

    def finish(self) -> None:
        """What must hold at the end holds after every call."""


class BankruptcyWatch:
    """One bankruptcy a company, a plan by majority only, and no deduction called lawful in it."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        """The case, by company; only where its acceptance was seen."""
        self._votes: dict[int, dict[int, tuple[bool, float]]] = {}
        """By company."""
        self._claims: dict[int, dict[int, float]] = {}

    def saw(self, called: Called, answers: Sequence[Answered]) -> None:
        """Judge a call and what was answered.

        Raises:
            CaseViolation: it must never be answered so.
        """
        if answers[0].signal == _REFUSED:
            return
        if called.method == "accept":
            self._accepted(called)
        elif called.subject in self._open:
            self._gone_on(called, answers[0].signal)

    def _accepted(self, called: Called) -> None:
        company = called.subject
        if company in self._open:
            raise self._broken(ONE_BANKRUPTCY, called, f"{company} is bankrupt by case {self._open[company]}")
        self._open[company] = called.case
        self._votes[company], self._claims[company] = {}, {}

    def _gone_on(self, called: Called, signal: str) -> None:
        method, company = called.method, called.subject
        if method == "claim":
            self._claims[company][called.case] = called.amount_cny
        elif method == "vote":
            amount = self._claims[company].get(called.case, called.amount_cny)
            self._votes[company][called.case] = ("against" not in called.facts, amount)
        elif method == "approve":
            self._approved(called, signal)
        elif method in ("close", "dismiss"):
            del self._open[company]
        elif signal == "lawful":
            raise self._broken(ONE_BANKRUPTCY, called, f"a deduction from {company} is called lawful")

    def _approved(self, called: Called, signal: str) -> None:
        votes = self._votes[called.subject].values()
        if signal != "approved" or "ordered" in called.facts or not votes:
            return
        in_favour = [amount for yes, amount in votes if yes]
        heads, amounts = 2 * len(in_favour) - len(votes), 3 * sum(in_favour) - 2 * sum(amount for _, amount in votes)
        # Amounts are CNY here and fen there: a fen for each vote does not count.
        if heads <= 0 or amounts < -0.03 * len(votes):
            detail = f"approved by {len(in_favour)} of {len(votes)} votes"
            raise self._broken(MAJORITY, called, detail)

    @staticmethod
    def _broken(invariant: str, called: Called, detail: str) -> CaseViolation:
        return CaseViolation(invariant, "bankruptcy", called.case, called.time_ns, detail)

    def finish(self) -> None:
        """What must hold at the end holds after every call."""
