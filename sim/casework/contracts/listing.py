"""The list of persons who refuse to perform, its subscribers, and repair (W19, articles 20 and 26)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Answered, Called


class Listing:
    """The list of persons who refuse to perform, its subscribers, and repair (W19, articles 20 and 26)."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "list": ("listed",),
        "ack": (
            "acked",
            "complete",
            "stale",
        ),
        "repair": (
            "repaired",
            "still-listed",
        ),
        "clear": (
            "cleared",
            "complete",
        ),
    }
    OTHERS: ClassVar[tuple[str, ...]] = (
        "complete",
        "repaired",
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
