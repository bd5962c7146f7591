"""From a document of the court to enforcement: service, effect, performance, application, filing (W10, article 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sim.casework.contracts.interface import Answered, Called


class Title:
    """From a document of the court to enforcement."""

    METHODS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "serve": ("served",),
        "appeal": (
            "appealed",
            "late",
        ),
        "effective": (
            "effective",
            "early",
            "appealed",
        ),
        "perform": (
            "performed",
            "late",
        ),
        "apply": (
            "applied",
            "performed",
            "expired",
            "early",
        ),
        "file": (
            "filed",
            "performed",
        ),
    }
    OTHERS: ClassVar[tuple[str, ...]] = (
        "performed",
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
