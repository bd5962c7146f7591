"""What the gate says of a course or a probe."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """Fine, or what is wrong; `UNKNOWN` is what nothing was recorded of on this kind of machine."""

    FINE = "fine"
    SLOWER = "slower"
    FASTER = "faster"
    CHANGED = "changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """About one course or probe.

    Attributes:
        kind: ``opcodes`` or ``ratio``.
        name: of the course or probe.
        verdict: what it comes to.
        text: in what it is so.
        change: against what was written down: opcodes, or the least ratio against the median of those recorded.
    """

    kind: str
    name: str
    verdict: Verdict
    text: str
    change: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the change may pass."""
        return self.verdict in {Verdict.FINE, Verdict.UNKNOWN}

    def __str__(self) -> str:
        return f"{self.verdict.value:8} {self.kind:8} {self.name:18} {self.text}"
