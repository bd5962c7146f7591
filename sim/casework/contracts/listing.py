"""The list of persons who refuse to perform, those who act on it, and repair (W19; Opinions, articles 20 and 26).

The rules:

1.  A court lists a person for a case (`list`). Each subscriber of the list (credit reporting, government, banks,
    transport) acknowledges that it acts on it (`ack`); when the last has, that is `complete`. An acknowledgement by
    the listing case itself speaks for all.
2.  The court takes a case's entry off when its ground is gone (`repair`). The person is free when no other case's
    entry stands (`still-listed`).
3.  An acknowledgement of the listing that comes after the repair is `stale`: it must restrict nobody.
4.  Subscribers acknowledge the repair as well (`clear`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sim.casework.contracts.bycase import ByCase
from sim.casework.invariants import CaseViolation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.casework.contracts.interface import Called

LISTED: Final = "listed"
REPAIRED: Final = "repaired"

SUBSCRIBERS: Final = 4
"""Credit reporting, government, banks, transport."""

_PRESUMED: Final = {"ack": LISTED, "repair": LISTED, "clear": REPAIRED}


class _Entry:
    __slots__ = ("acked", "case", "cleared", "status", "subject")

    def __init__(self, case: int, subject: int, status: str) -> None:
        self.case = case
        self.subject = subject
        self.status = status
        self.acked: set[int] = set()
        self.cleared: set[int] = set()


class Listing(ByCase[_Entry]):
    """Entries of the list, each of one case."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "list": ("listed",),
        "ack": ("acked", "complete", "stale"),
        "repair": ("repaired", "still-listed"),
        "clear": ("cleared", "complete"),
    }
    OTHERS: ClassVar[tuple[str, ...]] = ("complete", "repaired", "still-listed")
    TELLS: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("ack", "complete"), ("clear", "complete"), ("repair", "repaired"), ("repair", "still-listed")}
    )
    OPENS: ClassVar[frozenset[str]] = frozenset({"list"})
    FROM_OUTSIDE: ClassVar[frozenset[str]] = frozenset({"ack", "clear", "repair"})

    def __init__(self, subscribers: int = SUBSCRIBERS) -> None:
        super().__init__({"list": self._list, "ack": self._ack, "repair": self._repair, "clear": self._clear})
        self._subscribers = subscribers
        self._standing: dict[int, int] = {}
        """Entries that stand, by person; none where the person is free."""

    def is_listed(self, subject: int) -> bool:
        """Whether any entry of the person stands."""
        return subject in self._standing

    def check(self) -> None:
        """A person is listed if and only if a case's entry stands."""
        standing: dict[int, int] = {}
        for entry in self._items.values():
            if entry.status == LISTED:
                standing[entry.subject] = standing.get(entry.subject, 0) + 1
        if standing != self._standing:
            subject = min(subject for subject in standing | self._standing if self._differs(subject, standing))
            detail = f"{standing.get(subject, 0)} entries stand for {subject}, {self._standing.get(subject, 0)} count"
            raise CaseViolation("listed-by-a-case", "listing", 0, 0, detail)

    def _differs(self, subject: int, standing: Mapping[int, int]) -> bool:
        return standing.get(subject, 0) != self._standing.get(subject, 0)

    def summary(self) -> dict[str, int]:
        """Answers, and how many persons are listed in the end."""
        return super().summary() | {"listed": len(self._standing)}

    def _begun(self, called: Called) -> _Entry:
        return _Entry(called.case, called.subject, "")

    def _presumed(self, called: Called, case: int) -> _Entry:
        entry = _Entry(case, called.subject, _PRESUMED[called.method])
        if entry.status == LISTED:
            self._stand(entry)
        return entry

    def _stand(self, entry: _Entry) -> None:
        self._standing[entry.subject] = self._standing.get(entry.subject, 0) + 1

    def _list(self, entry: _Entry, called: Called) -> str | None:
        del called
        if entry.status:
            return None
        entry.status = LISTED
        self._stand(entry)
        return LISTED

    def _ack(self, entry: _Entry, called: Called) -> str | None:
        if entry.status != LISTED:
            return "stale"
        return self._collected(entry, entry.acked, called.case, "acked")

    def _clear(self, entry: _Entry, called: Called) -> str | None:
        if entry.status != REPAIRED:
            return None
        return self._collected(entry, entry.cleared, called.case, "cleared")

    def _collected(self, entry: _Entry, given: set[int], case: int, answer: str) -> str | None:
        if case in given or entry.case in given or len(given) == self._subscribers:
            return None
        given.add(case)
        return "complete" if case == entry.case or len(given) == self._subscribers else answer

    def _repair(self, entry: _Entry, called: Called) -> str | None:
        del called
        if entry.status != LISTED:
            return None
        entry.status = REPAIRED
        left = self._standing[entry.subject] - 1
        if left:
            self._standing[entry.subject] = left
            return "still-listed"
        del self._standing[entry.subject]
        return REPAIRED
