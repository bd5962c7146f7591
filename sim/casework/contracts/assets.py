"""An asset in a register: what it is worth, who has frozen it in which order, and what each freeze holds of it.

A deposit can be divided: earlier freezes are served first, each up to its claim. A movable or an immovable is frozen
whole, by one at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Freeze:
    """A freeze of one case on one asset."""

    __slots__ = ("case", "expires_ns", "fen", "held_fen", "parent")

    def __init__(self, case: int, parent: int, fen: int, expires_ns: int | None) -> None:
        self.case = case
        self.parent = parent
        self.fen = fen
        """The claim."""
        self.held_fen = 0
        """What the freeze holds; 0 while it waits for its rank."""
        self.expires_ns = expires_ns
        """None where it began before the run."""

    def is_of(self, case: int, parent: int) -> bool:
        """Whether a case may speak for it: its own, the one that began its own, one that its own began, a sibling."""
        return self.case in (case, parent) or self.parent in (case, parent)


class Asset:
    """One asset; `ranks` is the order of registration."""

    __slots__ = ("divisible", "free_fen", "moving", "moving_by_court", "number", "ranks", "set_aside", "subject")

    def __init__(self, number: int, subject: int, worth_fen: int, *, divisible: bool) -> None:
        self.number = number
        self.subject = subject
        self.divisible = divisible
        self.free_fen = worth_fen
        """What no freeze holds."""
        self.ranks: list[Freeze] = []
        self.moving = -1
        """The case whose transfer is accepted and not finished; -1 if none."""
        self.moving_by_court = False
        self.set_aside: list[Freeze] = []
        """Freezes that a bankruptcy lifted, in their order."""

    @property
    def worth_fen(self) -> int:
        """What is left of it."""
        return self.free_fen + sum(freeze.held_fen for freeze in self.ranks)

    def of(self, case: int, parent: int | None = None) -> Freeze | None:
        """The freeze that a case may speak for: its own or, with ``parent`` given, one of its family's."""
        kin = None
        for freeze in self.ranks:
            if freeze.case == case:
                return freeze
            if kin is None and parent is not None and freeze.is_of(case, parent):
                kin = freeze
        return kin

    def serve(self) -> Iterator[Freeze]:
        """Give what is free to who waits for it, by rank; yields each freeze that becomes effective by it."""
        if self.moving_by_court:
            return
        for freeze in self.ranks:
            if not self.free_fen:
                return
            wanting = freeze.fen - freeze.held_fen if self.divisible else self.free_fen
            given = wanting if wanting < self.free_fen else self.free_fen
            if not given:
                continue
            waited = not freeze.held_fen
            freeze.held_fen += given
            self.free_fen -= given
            if waited:
                yield freeze

    def drop(self, freeze: Freeze) -> None:
        """Take a freeze off the list; what it held is free."""
        self.ranks.remove(freeze)
        self.free_fen += freeze.held_fen
        freeze.held_fen = 0
