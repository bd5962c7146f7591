"""Preservation before a suit, which turns into the suit's and then into enforcement's (W26)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Answered, Called


class Preservation:
    """Preservation before a suit, which turns into the suit's and then into enforcement's (W26)."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "apply": ("accepted",),
        "order": (
            "ordered",
            "late",
        ),
        "convert": (
            "converted",
            "expired",
        ),
        "seize": (
            "seized",
            "expired",
        ),
        "expire": (
            "lifted",
            "converted",
            "early",
        ),
        "lift": ("lifted",),
    }
    OTHERS: ClassVar[tuple[str, ...]] = ("lifted",)

    def apply(self, called: Called) -> Sequence[Answered]:
        """Execute a call."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise `sim.casework.invariants.CaseViolation` if something holds that must never hold."""
        raise NotImplementedError

    def summary(self) -> dict[str, int]:
        """Counts by name."""
        raise NotImplementedError
