"""The isolation gateway between the Internet and the courts' network: what crosses waits for a batch, either way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.kernel.distributions import Distribution

    Cells = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Isolation:
    """Both directions of a gateway.

    Attributes:
        batch_ns: it lets through at multiples of this, from the start of the run; 0 for at once.
        delay: what checking and copying takes, in nanoseconds; drawn for every crossing.
        down: stretches ``(from_ns, to_ns)`` in which nothing crosses, ascending and apart.
    """

    batch_ns: int
    delay: Distribution
    down: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        """Refuse intervals that are none."""
        edges = [edge for stretch in self.down for edge in stretch]
        if self.batch_ns < 0 or edges != sorted(edges):
            raise ValueError(f"a gateway needs a batch interval >= 0 and stretches in order: {self}")

    def leaves_ns(self, arrived_ns: Cells, delay_ns: Cells) -> Cells:
        """When what arrived goes on: checked, and with the next batch while the gateway is up."""
        leaves_ns = self._batch(arrived_ns + delay_ns)
        for begin_ns, end_ns in self.down:
            held = (leaves_ns >= begin_ns) & (leaves_ns < end_ns)
            leaves_ns = np.where(held, self._batch(np.array(end_ns)), leaves_ns)
        return leaves_ns

    def seen_ns(self, now_ns: Cells, delay_ns: int) -> Cells:
        """Up to when a copy shows what is behind, that comes through with every batch, so long after it was taken.

        Before the run the gateway was up.
        """
        step_ns = max(self.batch_ns, 1)
        came_ns: Cells = now_ns // step_ns * step_ns
        for begin_ns, end_ns in reversed(self.down):
            held = (came_ns >= begin_ns) & (came_ns < end_ns)
            came_ns = np.where(held, (begin_ns - 1) // step_ns * step_ns, came_ns)
        return came_ns - delay_ns

    def _batch(self, ready_ns: Cells) -> Cells:
        if self.batch_ns == 0:
            return ready_ns
        batched: Cells = -(-ready_ns // self.batch_ns) * self.batch_ns
        return batched
