"""Preservation before a suit, which turns into the suit's and then into enforcement's by itself (W26).

The rules:

1.  The court decides on an application (`apply`) within 48 hours if it is made before a suit or is urgent (CPL 104,
    103 [cpl-2023]), otherwise (fact `ordinary`) within five days (Property Preservation Provisions 4
    [preservation-2020]). A late order (`late`) is an order all the same.
2.  The applicant must sue within 30 days of the measure (CPL 104): from `take`, when the institution has taken it,
    and until that is known from the order.
3.  When the suit is filed in that time the measure becomes the suit's without a new order (`convert`); what was
    ordered within a suit (fact `in-suit`) is so from the beginning.
4.  When the judgment is enforced it becomes enforcement's (`seize`), in its old rank.
5.  Without a suit in time the court lifts it (`expire`), not before (`early`) and not once it was converted.
6.  The court may lift it before (`lift`), for security given or because it was wrong. What is lifted stays lifted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from sim.casework.contracts.bycase import ByCase
from sim.casework.contracts.periods import plain_end
from sim.casework.invariants import CaseViolation
from sim.kernel.civil import Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.casework.contracts.interface import Called
    from sim.casework.contracts.periods import End

APPLIED: Final = "applied"
ORDERED: Final = "ordered"
CONVERTED: Final = "converted"
SEIZED: Final = "seized"
LIFTED: Final = "lifted"

URGENT_HOURS: Final = 48
ORDINARY_DAYS: Final = 5
SUIT_DAYS: Final = 30

_STANDING: Final = frozenset({ORDERED, CONVERTED, SEIZED})
_PRESUMED: Final = {
    "order": APPLIED,
    "take": ORDERED,
    "convert": ORDERED,
    "seize": CONVERTED,
    "expire": ORDERED,
    "lift": ORDERED,
}


class _Measure:
    __slots__ = ("case", "order_until_ns", "status", "sue_until_ns", "taken")

    def __init__(self, case: int, status: str) -> None:
        self.case = case
        self.status = status
        self.order_until_ns = 0
        self.sue_until_ns = 0
        self.taken = False


class Preservation(ByCase[_Measure]):
    """Measures of preservation, each of one case."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "apply": ("accepted",),
        "order": ("ordered", "late"),
        "take": ("taken",),
        "convert": ("converted", "expired"),
        "seize": ("seized", "expired"),
        "expire": ("lifted", "converted", "early"),
        "lift": ("lifted",),
    }
    OTHERS: ClassVar[tuple[str, ...]] = ("taken", "converted", "seized", "lifted")
    TELLS: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("take", "taken"), ("convert", "converted"), ("seize", "seized"), ("expire", "lifted"), ("lift", "lifted")}
    )
    OPENS: ClassVar[frozenset[str]] = frozenset({"apply"})
    FROM_OUTSIDE: ClassVar[frozenset[str]] = frozenset({"convert", "seize", "take", "lift"})

    def __init__(self, end: End = plain_end) -> None:
        super().__init__(
            {
                "apply": self._apply_for,
                "order": self._order,
                "take": self._take,
                "convert": self._convert,
                "seize": self._seize,
                "expire": self._expire,
                "lift": self._lift,
            }
        )
        self._end = end
        self._ended = 0
        """Measures that were lifted."""

    def check(self) -> None:
        """What was lifted stays lifted."""
        lifted = sum(measure.status == LIFTED for measure in self._items.values())
        if lifted != self._ended:
            detail = f"{self._ended} measures were lifted, {lifted} are"
            raise CaseViolation("lifted-stays-lifted", "preservation", 0, 0, detail)

    def _begun(self, called: Called) -> _Measure:
        return _Measure(called.case, "")

    def _presumed(self, called: Called, case: int) -> _Measure:
        measure = _Measure(case, _PRESUMED[called.method])
        measure.order_until_ns = called.time_ns
        # Who expires it says that the time to sue is over; who converts it, that it is not.
        measure.sue_until_ns = called.time_ns + (called.method != "expire")
        return measure

    def _apply_for(self, measure: _Measure, called: Called) -> str | None:
        if measure.status:
            return None
        measure.status = APPLIED
        count, unit = (ORDINARY_DAYS, Unit.DAYS) if "ordinary" in called.facts else (URGENT_HOURS, Unit.HOURS)
        measure.order_until_ns = self._end(called.time_ns, count, unit)
        return "accepted"

    def _order(self, measure: _Measure, called: Called) -> str | None:
        if measure.status != APPLIED:
            return None
        measure.status = CONVERTED if "in-suit" in called.facts else ORDERED
        measure.sue_until_ns = self._end(called.time_ns, SUIT_DAYS, Unit.DAYS)
        return "ordered" if called.time_ns <= measure.order_until_ns else "late"

    def _take(self, measure: _Measure, called: Called) -> str | None:
        if measure.taken or measure.status not in _STANDING:
            return None
        measure.taken = True
        if measure.status == ORDERED:
            measure.sue_until_ns = self._end(called.time_ns, SUIT_DAYS, Unit.DAYS)
        return "taken"

    def _convert(self, measure: _Measure, called: Called) -> str | None:
        if measure.status == LIFTED:
            return "expired"
        if measure.status != ORDERED:
            return None
        if called.time_ns >= measure.sue_until_ns:
            return "expired"
        measure.status = CONVERTED
        return CONVERTED

    def _seize(self, measure: _Measure, called: Called) -> str | None:
        del called
        if measure.status == CONVERTED:
            measure.status = SEIZED
            return SEIZED
        return "expired" if measure.status == LIFTED else None

    def _expire(self, measure: _Measure, called: Called) -> str | None:
        if measure.status in (CONVERTED, SEIZED):
            return "converted"
        if measure.status != ORDERED:
            return None
        return "early" if called.time_ns < measure.sue_until_ns else self._end_of(measure)

    def _lift(self, measure: _Measure, called: Called) -> str | None:
        del called
        return self._end_of(measure) if measure.status in _STANDING else None

    def _end_of(self, measure: _Measure) -> str:
        measure.status = LIFTED
        self._ended += 1
        return LIFTED
