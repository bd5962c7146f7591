"""Who hears every call of a contract and every answer, and stops the run where what was answered must never be.

It knows the law and not the contracts: nothing here looks into one. A contract that nobody watches is not judged but by
its own books.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sim.casework.witness_cases import AgreementWatch, FundWatch, ListingWatch, PreservationWatch, TitleWatch
from sim.casework.witness_orders import BankruptcyWatch, LoopWatch
from sim.casework.witness_register import RegisterWatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Answered, Called


class Watch(Protocol):
    """Judges one contract."""

    def saw(self, called: Called, answers: Sequence[Answered]) -> None:
        """Judge a call and what was answered.

        Raises:
            CaseViolation: it must never be answered so.
        """

    def finish(self) -> None:
        """Judge what must hold at the end of a run."""


class Witness:
    """Watches over all contracts of a run."""

    def __init__(self) -> None:
        self.watches: Mapping[str, Watch] = {
            "agreement": AgreementWatch(),
            "bankruptcy": BankruptcyWatch(),
            "fund": FundWatch(),
            "listing": ListingWatch(),
            "loop": LoopWatch(),
            "preservation": PreservationWatch(),
            "register": RegisterWatch(),
            "title": TitleWatch(),
        }
        self._saw = {name: watch.saw for name, watch in self.watches.items()}

    def saw(self, contract: str, called: Called, answers: Sequence[Answered]) -> None:
        """Judge a call of a contract and what was answered.

        Raises:
            CaseViolation: it must never be answered so.
        """
        self._saw[contract](called, answers)

    def finish(self) -> None:
        """Judge what must hold at the end of a run.

        Raises:
            CaseViolation: it does not.
        """
        for watch in self.watches.values():
            watch.finish()
