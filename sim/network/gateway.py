"""Isolation gateways between trust zones: what crosses is stored, and sent on with the next batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.kernel.distributions import Distribution


@dataclass(frozen=True, slots=True)
class Gateway:
    """One direction of an isolation gateway.

    Attributes:
        batch_ns: it sends at multiples of this; 0 sends at once.
        delay: what checking and copying takes, in nanoseconds, drawn for every message.
        open: false for the closed direction of a data diode, which lets nothing through.
    """

    batch_ns: int
    delay: Distribution
    open: bool = True

    def __post_init__(self) -> None:
        """Refuse an interval that is none."""
        if self.batch_ns < 0:
            raise ValueError(f"a gateway needs a batch interval >= 0: {self}")

    def leaves_ns(self, arrived_ns: int, delay_ns: int) -> int:
        """When a message that reached it at ``arrived_ns`` goes on: checked, and with the next batch."""
        ready_ns = arrived_ns + delay_ns
        return ready_ns if self.batch_ns == 0 else -(-ready_ns // self.batch_ns) * self.batch_ns
