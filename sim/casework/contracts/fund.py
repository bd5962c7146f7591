"""Money of enforcement from the debtor's account to the creditor (W15, article 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Answered, Called


class Fund:
    """Money of enforcement from the debtor's account to the creditor (W15, article 16)."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "deduct": ("deducted",),
        "cancel": (
            "cancelled",
            "arrived",
        ),
        "arrive": (
            "arrived",
            "stray",
        ),
        "match": ("matched",),
        "hold": ("held",),
        "object": (
            "objected",
            "late",
        ),
        "dismiss": ("dismissed",),
        "uphold": ("returned",),
        "release": (
            "released",
            "objected",
        ),
        "receipt": ("receipted",),
    }
    OTHERS: ClassVar[tuple[str, ...]] = (
        "objected",
        "dismissed",
        "returned",
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
