"""Bankruptcies: the broadcast and who acknowledged it, claims, the creditors' vote, approval (W24; article 25).

The rules:

1.  A court accepts a petition (`accept`); a company is in one bankruptcy at a time. From then on preservation is
    lifted and enforcement suspended everywhere (Enterprise Bankruptcy Law, EBL, 19 and 20 [ebl-2006]), and nobody is to
    be satisfied alone (EBL 16).
2.  Courts, banks and registries acknowledge that they know (`ack`); when the last has, that is `complete`. An
    acknowledgement by the bankruptcy's own case speaks for all.
3.  Creditors claim (`claim`) within at most three months (EBL 45); later claims still count in what is left to
    distribute (EBL 56) and are told `late`.
4.  Each creditor votes once (`vote`; against it with the fact `against`), with the amount it claimed or, where none is
    known, the call's. The bankruptcy's own case may bring the vote as a whole.
5.  A plan is approved if more than half of those who voted, with at least two thirds of the amount, are for it (EBL
    84), or if the court orders it all the same (fact `ordered`; EBL 87).
6.  It ends by `close`, or by `dismiss` where the ground was missing (EBL 12).
7.  A deduction after acceptance satisfies one creditor alone. Institutions that do not know of the acceptance yet do
    it all the same: it is counted, not prevented (`deduct`, or what the register and the bank's contract tell), and
    counted once, however many contracts tell of it for a case or for the one that it began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sim.casework.contracts.bycase import ByCase
from sim.casework.contracts.fund import FEN_PER_CNY
from sim.casework.contracts.interface import REFUSED, Answered
from sim.casework.contracts.periods import plain_end
from sim.casework.invariants import CaseViolation
from sim.kernel.civil import Unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Called
    from sim.casework.contracts.periods import End

ACCEPTED: Final = "accepted"
APPROVED: Final = "approved"
REJECTED: Final = "rejected"
CLOSED: Final = "closed"
DISMISSED: Final = "dismissed"

INSTITUTIONS: Final = 5
"""Kinds that must know: courts, banks, registries of immovables and of companies, the tax office."""
CLAIM_MONTHS: Final = 3

_OVER: Final = frozenset({CLOSED, DISMISSED})


class _Proceedings:
    __slots__ = ("acked", "case", "claim_until_ns", "claims_fen", "status", "subject", "votes")

    def __init__(self, case: int, subject: int, status: str) -> None:
        self.case = case
        self.subject = subject
        self.status = status
        self.acked: set[int] = set()
        self.claim_until_ns = 0
        self.claims_fen: dict[int, int] = {}
        self.votes: dict[int, tuple[bool, int]] = {}
        """By creditor: for it, and the amount in fen."""


class Bankruptcy(ByCase[_Proceedings]):
    """Bankruptcies, each of one case and one company."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "accept": ("accepted",),
        "ack": ("acked", "complete"),
        "claim": ("claimed", "late"),
        "vote": ("voted",),
        "approve": ("approved", "rejected"),
        "close": ("closed",),
        "dismiss": ("dismissed",),
        "deduct": ("lawful", "illegal"),
    }
    OTHERS: ClassVar[tuple[str, ...]] = ("complete", "illegal")
    TELLS: ClassVar[frozenset[tuple[str, str]]] = frozenset({("ack", "complete")})
    OPENS: ClassVar[frozenset[str]] = frozenset({"accept"})
    FROM_OUTSIDE: ClassVar[frozenset[str]] = frozenset({"ack", "claim", "vote"})

    def __init__(self, end: End = plain_end, institutions: int = INSTITUTIONS) -> None:
        super().__init__(
            {
                "accept": self._accept,
                "ack": self._ack,
                "claim": self._claim,
                "vote": self._vote,
                "approve": self._approve,
                "close": self._close,
                "dismiss": self._dismiss,
                "deduct": self._of_no_case,
            }
        )
        self._end = end
        self._institutions = institutions
        self._open: dict[int, _Proceedings] = {}
        """By company."""
        self._alone: set[int] = set()
        """Cases that were satisfied alone."""
        self.illegal = 0
        self.illegal_fen = 0

    def apply(self, called: Called) -> Sequence[Answered]:
        """Execute a call."""
        if called.method == "deduct":
            return self._judged(called)
        if called.method == "accept" and called.subject in self._open:
            self._answered["accept", REFUSED] += 1
            return (Answered(called.case, REFUSED),)
        return super().apply(called)

    def hear(self, called: Called) -> None:
        """Count a deduction that the register, or a bank, has executed."""
        proceedings = self._open.get(called.subject)
        if proceedings is not None and self._alone.isdisjoint((called.case, called.parent)):
            self._alone.add(called.case)
            self.illegal += 1
            self.illegal_fen += round(called.amount_cny * FEN_PER_CNY)

    def check(self) -> None:
        """A company is in one bankruptcy at a time, and that one is not over."""
        going = {proceedings.case for proceedings in self._items.values() if proceedings.status not in _OVER}
        known = {proceedings.case for proceedings in self._open.values()}
        if going != known:
            case = min(going ^ known)
            raise CaseViolation("one-bankruptcy", "bankruptcy", case, 0, "goes on beside another, or is over")

    def summary(self) -> dict[str, int]:
        """Answers, and satisfaction of single creditors after acceptance."""
        return super().summary() | {"illegal": self.illegal, "illegal_cny": self.illegal_fen // FEN_PER_CNY}

    def _begun(self, called: Called) -> _Proceedings:
        return _Proceedings(called.case, called.subject, "")

    def _presumed(self, called: Called, case: int) -> _Proceedings:
        status = APPROVED if called.method == "close" else ACCEPTED
        proceedings = _Proceedings(case, called.subject, status)
        proceedings.claim_until_ns = called.time_ns + 1
        self._open.setdefault(called.subject, proceedings)
        return proceedings

    def _found(self, called: Called) -> _Proceedings | None:
        company = self._open.get(called.subject)
        if company is None:
            return super()._found(called)
        return company if called.method in self.FROM_OUTSIDE or company.case == called.parent else None

    def _accept(self, proceedings: _Proceedings, called: Called) -> str | None:
        if proceedings.status:
            return None
        proceedings.status = ACCEPTED
        proceedings.claim_until_ns = self._end(called.time_ns, CLAIM_MONTHS, Unit.MONTHS)
        self._open[proceedings.subject] = proceedings
        return ACCEPTED

    def _ack(self, proceedings: _Proceedings, called: Called) -> str | None:
        acked, case = proceedings.acked, called.case
        if case in acked or proceedings.case in acked or len(acked) == self._institutions:
            return None
        acked.add(case)
        return "complete" if case == proceedings.case or len(acked) == self._institutions else "acked"

    @staticmethod
    def _claim(proceedings: _Proceedings, called: Called) -> str | None:
        if called.case in proceedings.claims_fen or proceedings.status in _OVER:
            return None
        proceedings.claims_fen[called.case] = round(called.amount_cny * FEN_PER_CNY)
        return "claimed" if called.time_ns < proceedings.claim_until_ns else "late"

    @staticmethod
    def _vote(proceedings: _Proceedings, called: Called) -> str | None:
        if called.case in proceedings.votes or proceedings.status != ACCEPTED:
            return None
        fen = proceedings.claims_fen.get(called.case)
        if fen is None:
            fen = round(called.amount_cny * FEN_PER_CNY)
        proceedings.votes[called.case] = ("against" not in called.facts, fen)
        return "voted"

    @staticmethod
    def _approve(proceedings: _Proceedings, called: Called) -> str | None:
        if proceedings.status != ACCEPTED:
            return None
        carried = "ordered" in called.facts or _is_carried(list(proceedings.votes.values()))
        proceedings.status = APPROVED if carried else REJECTED
        return proceedings.status

    def _close(self, proceedings: _Proceedings, called: Called) -> str | None:
        del called
        return self._ended(proceedings, CLOSED) if proceedings.status in (APPROVED, REJECTED, ACCEPTED) else None

    def _dismiss(self, proceedings: _Proceedings, called: Called) -> str | None:
        del called
        return self._ended(proceedings, DISMISSED) if proceedings.status == ACCEPTED else None

    def _ended(self, proceedings: _Proceedings, status: str) -> str:
        proceedings.status = status
        if self._open.get(proceedings.subject) is proceedings:
            del self._open[proceedings.subject]
        return status

    @staticmethod
    def _of_no_case(proceedings: _Proceedings, called: Called) -> str | None:
        raise AssertionError(f"a deduction is of a company's, not of a case's bankruptcy: {proceedings}, {called}")

    def _judged(self, called: Called) -> Sequence[Answered]:
        proceedings = self._open.get(called.subject)
        answer = "lawful" if proceedings is None else "illegal"
        self._answered["deduct", answer] += 1
        if proceedings is None:
            return (Answered(called.case, answer),)
        self.hear(called)
        return (Answered(called.case, answer), Answered(proceedings.case, answer))


def _is_carried(votes: Sequence[tuple[bool, int]]) -> bool:
    """More than half of the heads and at least two thirds of the amount; where nobody's vote is known, carried."""
    if not votes:
        return True
    heads = sum(yes for yes, _ in votes)
    yes_fen = sum(fen for yes, fen in votes if yes)
    return 2 * heads > len(votes) and 3 * yes_fen >= 2 * sum(fen for _, fen in votes)
