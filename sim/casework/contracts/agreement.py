"""Mediation agreements that file by themselves when they are not performed (W12, article 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Answered, Called


class Agreement:
    """Mediation agreements that file by themselves when they are not performed (W12, article 14)."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "arm": ("armed",),
        "confirm": ("confirmed",),
        "due": (
            "due",
            "paid",
        ),
        "pay": (
            "paid",
            "stopped",
            "late",
        ),
        "trigger": (
            "to-trial",
            "to-enforcement",
            "paid",
            "early",
        ),
        "file": (
            "filed",
            "paid",
        ),
        "stop": ("stopped",),
    }
    OTHERS: ClassVar[tuple[str, ...]] = (
        "paid",
        "stopped",
        "late",
    )

    def apply(self, called: Called) -> Sequence[Answered]:
        """Execute a call."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise `sim.casework.invariants.CaseViolation` if something holds that must never hold."""
        raise NotImplementedError

    def summary(self) -> dict[str, int]:
        """Counts by name."""
        raise NotImplementedError
