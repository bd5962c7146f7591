"""Bankruptcies: the broadcast and who acknowledged it, claims, vote, approval (W24, article 25)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Answered, Called


class Bankruptcy:
    """Bankruptcies: the broadcast and who acknowledged it, claims, vote, approval (W24, article 25)."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "accept": ("accepted",),
        "ack": (
            "acked",
            "complete",
        ),
        "claim": (
            "claimed",
            "late",
        ),
        "vote": ("voted",),
        "approve": (
            "approved",
            "rejected",
        ),
        "close": ("closed",),
        "dismiss": ("dismissed",),
        "deduct": (
            "lawful",
            "illegal",
        ),
    }
    OTHERS: ClassVar[tuple[str, ...]] = (
        "complete",
        "illegal",
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
