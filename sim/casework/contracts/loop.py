"""Closed loop of a sensitive operation: ordered, approved by a second person, executed, compared (W14, article 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Answered, Called


class Loop:
    """Closed loop of a sensitive operation."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "order": ("ordered",),
        "approve": ("approved",),
        "execute": ("executed",),
        "reconcile": (
            "matched",
            "mismatched",
        ),
        "audit": (
            "clean",
            "found",
        ),
    }
    OTHERS: ClassVar[tuple[str, ...]] = ("found",)

    def apply(self, called: Called) -> Sequence[Answered]:
        """Execute a call."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise `sim.casework.invariants.CaseViolation` if something holds that must never hold."""
        raise NotImplementedError

    def summary(self) -> dict[str, int]:
        """Counts by name."""
        raise NotImplementedError
