"""What the docket and a contract say to each other.

The docket executes calls in the order in which their records were committed, ties by case. A contract answers with
signals to cases, the caller's or others'; what it does not allow it answers with the signal ``refused``, and changes
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Called:
    """A call.

    Attributes:
        method: what is called.
        time_ns: when its record was committed: the time that the contract knows.
        case: uid of the calling case.
        parent: uid of the case that began it, or its own.
        subject: number of the person or company that it is about.
        asset: number of the asset.
        amount_cny: at stake.
        facts: that hold, without ground truth.
        old: the case began before the run, so that what was called then is not known here: the contract takes the
            case's word for what it is at.
    """

    method: str
    time_ns: int
    case: int
    parent: int
    subject: int
    asset: int
    amount_cny: float
    facts: frozenset[str]
    old: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """A signal to a case."""

    case: int
    signal: str


class Contract(Protocol):
    """A contract with the state of all its instances."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]]
    """The signals that a caller may get, by method; the first is the usual one."""
    OTHERS: ClassVar[tuple[str, ...]]
    """Signals that other cases than the caller may get."""

    def apply(self, called: Called) -> Sequence[Answered]:
        """Execute a call."""

    def check(self) -> None:
        """Raise `sim.casework.invariants.CaseViolation` if something holds that must never hold."""

    def summary(self) -> dict[str, int]:
        """Counts for the run's summary, by name."""
