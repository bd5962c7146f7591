"""What is known of the chains: what they did with records, packets and checks that were asked of them before."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.casework.keys import estimated_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells = NDArray[np.int64]
    Keys = NDArray[np.uint64]


class Known(NamedTuple):
    """What the chains did with what was asked of them before.

    Attributes:
        key: ascending.
        delay_ns: of each.
        answer: of each.
    """

    key: NDArray[np.uint64]
    delay_ns: Cells
    answer: NDArray[np.int8]

    def delays_ns(self, keys: Keys, usual_ns: Cells) -> Cells:
        """What each of these took or, where nothing is known of it, is estimated to take."""
        delay_ns = estimated_ns(usual_ns, keys)
        place = np.searchsorted(self.key, keys)
        found = place < len(self.key)
        found[found] = self.key[place[found]] == keys[found]
        delay_ns[found] = self.delay_ns[place[found]]
        return delay_ns


def nothing_known() -> Known:
    """What is known of the chains before anything was asked of them."""
    return Known(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int8))
