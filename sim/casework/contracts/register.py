"""Freezes and transfers of assets, each asset's in one total order (W13, W26; articles 16 and 20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Answered, Called


class Register:
    """Freezes and transfers of assets, each asset's in one total order (W13, W26; articles 16 and 20)."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "freeze": (
            "frozen",
            "partial",
            "queued",
            "gone",
            "stayed",
        ),
        "renew": (
            "renewed",
            "lapsed",
        ),
        "lift": ("lifted",),
        "lapse": ("lapsed",),
        "deduct": (
            "deducted",
            "stayed",
        ),
        "begin-transfer": (
            "accepted",
            "blocked",
            "gone",
        ),
        "transfer": (
            "transferred",
            "blocked",
            "gone",
        ),
        "withdraw": ("withdrawn",),
        "stay": ("stayed",),
        "resume": ("resumed",),
    }
    OTHERS: ClassVar[tuple[str, ...]] = (
        "effective",
        "gone",
        "lifted",
        "lapsed",
        "blocked",
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
