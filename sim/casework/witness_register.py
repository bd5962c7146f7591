"""Who watches the register: recomputes each asset's ranks from calls and answers alone.

An asset's ranks are kept as cases in the order in which they were told `frozen`, `partial` or `queued`, each effective
or waiting. Whatever is told afterwards must fit that: the first rank is never left waiting, no rank passes another,
none takes effect twice, what is frozen is not moved and what has moved is not frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.casework.contracts.register import WHOLE
from sim.casework.invariants import (
    FREEZE_ONCE,
    FROZEN_STAYS,
    GONE,
    HOLDER,
    LIFTED,
    NEXT_RANK,
    RANK,
    STAY,
    CaseViolation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.casework.contracts.interface import Answered, Called

_OWN_ENDS: Final = frozenset({"lifted", "lapsed", "deducted"})
_ENDS: Final = _OWN_ENDS | {"gone"}


class _Seen:
    """An asset, as it must be."""

    __slots__ = ("aside", "court", "gone", "ranks", "subject", "whole")

    def __init__(self, subject: int, *, whole: bool) -> None:
        self.subject = subject
        self.whole = whole
        self.ranks: dict[int, bool | None] = {}
        """In the order of registration: effective or waiting; None where it began before the run."""
        self.aside: dict[int, bool | None] = {}
        """Ranks that a bankruptcy lifted."""
        self.court = -1
        """The case that moves it by order of a court."""
        self.gone = False


class RegisterWatch:
    """Judges what the register answers."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._of_subject: dict[int, list[_Seen]] = {}
        self._stayed: set[int] = set()
        self._parent: dict[int, int] = {}
        """Of cases that have frozen something."""
        self._judges: dict[str, Callable[[_Seen, Called, Sequence[Answered]], None]] = {
            "frozen": self._frozen,
            "partial": self._frozen,
            "queued": self._frozen,
            "renewed": self._believed,
            "accepted": self._moving,
            "transferred": self._moved,
            "blocked": self._blocked,
            "withdrawn": self._withdrawn,
        }
        """By what the caller was told."""

    def saw(self, called: Called, answers: Sequence[Answered]) -> None:
        """Judge a call and what was answered.

        Raises:
            CaseViolation: it must never be answered so.
        """
        signal = answers[0].signal
        if signal in ("stayed", "resumed") and called.method in ("stay", "resume"):
            self._bankrupt(called, answers)
            return
        seen = self._seen.get(called.asset)
        if seen is None:
            seen = self._seen[called.asset] = _Seen(called.subject, whole=not called.facts.isdisjoint(WHOLE))
            self._of_subject.setdefault(called.subject, []).append(seen)
        kin = len(answers) > 1 and self._told(seen, called, answers)
        if signal in _OWN_ENDS and called.method in ("lift", "lapse", "renew", "deduct"):
            self._ended(seen, called, signal, kin=kin)
        judge = self._judges.get(signal)
        if judge is not None:
            judge(seen, called, answers)
        if seen.ranks:
            self._in_order(seen, called)

    def ranks(self, asset: int) -> tuple[tuple[int, bool | None], ...]:
        """The cases that have frozen an asset, by rank, and whether each freeze is effective."""
        seen = self._seen.get(asset)
        return () if seen is None else tuple(seen.ranks.items())

    @staticmethod
    def _broken(invariant: str, called: Called, detail: str) -> CaseViolation:
        return CaseViolation(invariant, "register", called.case, called.time_ns, f"asset {called.asset}: {detail}")

    def _told(self, seen: _Seen, called: Called, answers: Sequence[Answered]) -> bool:
        """What other cases were told: first who rose, then who lost.

        A rank may lapse, and the next one rise and be lifted, all in one call. Returns whether one of those who lost is
        what the call was about.
        """
        ranks, kin = seen.ranks, False
        for answer in answers[1:]:
            if answer.signal == "effective":
                self._risen(seen, called, answer.case)
        for answer in answers[1:]:
            signal = answer.signal
            if signal in _ENDS:
                if answer.case not in ranks and not called.old:
                    raise self._broken(LIFTED, called, f"case {answer.case} is told {signal} and has no freeze")
                if ranks.pop(answer.case, None) is False and signal == "deducted":
                    raise self._broken(HOLDER, called, f"case {answer.case} only waits for its rank")
                kin = kin or signal == answers[0].signal
            elif signal == "blocked" and answer.case == seen.court:
                seen.court = -1
        return kin

    def _ended(self, seen: _Seen, called: Called, signal: str, *, kin: bool) -> None:
        """The caller's own freeze ends, or its family's."""
        if signal == "deducted" and seen.subject in self._stayed:
            raise self._broken(STAY, called, "a deduction in a bankruptcy")
        if called.case in seen.ranks:
            if seen.ranks.pop(called.case) is False and signal == "deducted":
                raise self._broken(HOLDER, called, "the caller only waits for its rank")
        elif not kin and not called.old and signal != "lapsed":
            raise self._broken(HOLDER if signal == "deducted" else LIFTED, called, "the caller has no freeze")

    def _risen(self, seen: _Seen, called: Called, case: int) -> None:
        before = seen.ranks.get(case)
        if before:
            raise self._broken(FREEZE_ONCE, called, f"the freeze of case {case} takes effect a second time")
        if case not in seen.ranks and not called.old:
            raise self._broken(LIFTED, called, f"case {case} takes effect and has no freeze")
        seen.ranks[case] = True

    def _frozen(self, seen: _Seen, called: Called, answers: Sequence[Answered]) -> None:
        signal, case, ranks = answers[0].signal, called.case, seen.ranks
        if called.method == "take-over":
            self._taken_over(seen, called, answers)
            return
        if seen.gone:
            raise self._broken(GONE, called, "it was moved before, and is frozen")
        if seen.subject in self._stayed:
            raise self._broken(STAY, called, "it is frozen in a bankruptcy")
        if case in ranks:
            raise self._broken(FREEZE_ONCE, called, "the caller has frozen it before")
        ranks[case] = signal != "queued"
        self._parent[case] = called.parent

    def _taken_over(self, seen: _Seen, called: Called, answers: Sequence[Answered]) -> None:
        before = next((answer.case for answer in answers[1:] if answer.signal == "taken-over"), called.case)
        self._parent[called.case] = called.parent
        if before in seen.ranks:
            seen.ranks = {called.case if case == before else case: held for case, held in seen.ranks.items()}
        else:
            self._believed(seen, called, answers)

    def _believed(self, seen: _Seen, called: Called, answers: Sequence[Answered]) -> None:
        """Who began before the run may have a freeze that was not seen, unless it spoke for its family's."""
        del answers
        case, parent = called.case, called.parent
        if called.old and case not in seen.ranks:
            self._parent[case] = parent
            if not any(other in (case, parent) or self._parent[other] in (case, parent) for other in seen.ranks):
                seen.ranks[case] = None

    def _moving(self, seen: _Seen, called: Called, answers: Sequence[Answered]) -> None:
        del answers
        if "court-order" in called.facts:
            seen.court = called.case

    @staticmethod
    def _withdrawn(seen: _Seen, called: Called, answers: Sequence[Answered]) -> None:
        del called, answers
        seen.court = -1

    @staticmethod
    def _blocked(seen: _Seen, called: Called, answers: Sequence[Answered]) -> None:
        """Who may not finish a transfer has begun none any more."""
        del answers
        if called.method == "transfer" and seen.court == called.case:
            seen.court = -1

    def _moved(self, seen: _Seen, called: Called, answers: Sequence[Answered]) -> None:
        del answers
        if seen.subject in self._stayed:
            raise self._broken(STAY, called, "it is moved in a bankruptcy")
        if seen.ranks.get(called.case) is not False:
            # Its own freeze, by which the caller sells it.
            seen.ranks.pop(called.case, None)
        seen.court = -1
        if not seen.whole:
            return
        seen.gone = True
        for case, effective in seen.ranks.items():
            if effective is not None:
                raise self._broken(FROZEN_STAYS, called, f"it is moved, and case {case} has frozen it")

    def _in_order(self, seen: _Seen, called: Called) -> None:
        """Effective ranks come first, one of them if it is a whole, and none is missing unless a court moves it."""
        held = waits = False
        for case, effective in seen.ranks.items():
            if effective and (waits or (held and seen.whole)):
                raise self._broken(RANK, called, f"case {case} takes effect before its turn")
            held = held or effective is not False
            waits = waits or effective is False
        if not held and seen.court < 0:
            raise self._broken(NEXT_RANK, called, f"nobody holds it, and case {next(iter(seen.ranks))} waits")

    def _bankrupt(self, called: Called, answers: Sequence[Answered]) -> None:
        """All that a company has, when it goes bankrupt and if that is dismissed."""
        told = {answer.case: answer.signal for answer in answers[1:]}
        if called.method == "stay":
            self._stayed.add(called.subject)
        else:
            self._stayed.discard(called.subject)
        for seen in self._of_subject.get(called.subject, ()):
            if called.method == "stay":
                for case, effective in seen.ranks.items():
                    if effective is not None and told.get(case) != "lifted":
                        raise self._broken(STAY, called, f"case {case} is not lifted")
                seen.aside = seen.ranks
                seen.ranks, seen.court = {}, -1
            else:
                seen.ranks = {
                    case: None if effective is None else False
                    for case, effective in seen.aside.items()
                    if told.get(case) != "lapsed"
                }
                for case, signal in told.items():
                    if signal == "effective" and case in seen.ranks:
                        self._risen(seen, called, case)
                if seen.ranks:
                    self._in_order(seen, called)

    def finish(self) -> None:
        """What must hold at the end holds after every call."""
