"""What a docket is about: workflows, calendar, births, and whom the cases meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sim.casework.compiled.stepping import Terms
    from sim.casework.contracts.interface import Answered, Called, Contract
    from sim.casework.newborn import Beginning, Nursery
    from sim.casework.program import Civil, Names, Program
    from sim.kernel.counters import Counters

    Cells = NDArray[np.int64]


class Desks(Protocol):
    """People who do work, one thing at a time."""

    def arrive(
        self,
        province: Cells,
        role: Cells,
        job: Cells,
        uid: NDArray[np.uint64],
        priority: Cells,
        work_ns: Cells,
        time_ns: Cells,
    ) -> None:
        """Work comes in: to which desk, its number, whose it is, how urgent, how long it takes, when."""

    def hand_out(self, from_ns: int, until_ns: int) -> tuple[Cells, Cells]:
        """Give out what is waiting to whoever is free before ``until_ns``; returns jobs, and when each will be done."""

    def summary(self, office_ns: int) -> Mapping[str, Mapping[str, Any]]:
        """What each role did in so much office time."""


class Watching(Protocol):
    """Who watches over contracts without trusting them."""

    def saw(self, contract: str, called: Called, answers: Sequence[Answered]) -> None:
        """A contract was called, and answered so; raises `sim.casework.invariants.CaseViolation`."""

    def finish(self) -> None:
        """Nothing more will happen; raises likewise."""


@dataclass(frozen=True, slots=True)
class Country:
    """What a docket is about.

    Attributes:
        program: the workflows.
        names: of what the program numbers.
        civil: the calendar.
        terms: with ``calm`` false.
        counters: draws of the cases.
        nursery: begins cases.
        births: cases that begin by themselves, those of the past among them.
        contracts: makes all contracts anew.
        desks: makes all desks anew.
        witness: makes who watches over the contracts anew.
        copies: of every case of the past: `births` has one in so many of those before the run.
    """

    program: Program
    names: Names
    civil: Civil
    terms: Terms
    counters: Counters
    nursery: Nursery
    births: Beginning
    contracts: Callable[[], Mapping[str, Contract]]
    desks: Callable[[], Desks]
    witness: Callable[[], Watching]
    copies: int = 1
