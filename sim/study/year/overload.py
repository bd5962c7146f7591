"""Hours in which more comes than a chain commits, as a fluid: what is left over, and how long the chain is behind.

The pool bounds what is left over; what does not fit is rejected, and the table's rows beyond the chain's limit say how
much that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_HOUR_S: Final = 3600.0


def behind(rates: Floats, capacity: float | None, pool: int) -> Floats:
    """For how much of each hour a chain still works on what came in hours before, seconds.

    Args:
        rates: records a second of each hour, in turn.
        capacity: records a second that the chain commits at most; None where no load was beyond it.
        pool: records that wait at most.
    """
    found = np.zeros(len(rates))
    if capacity is None:
        return found
    left = 0.0
    for hour, rate in enumerate(rates.tolist()):
        if left > 0:
            found[hour] = _HOUR_S if rate >= capacity else min(_HOUR_S, left / (capacity - rate))
        left = min(max(0.0, left + (rate - capacity) * _HOUR_S), float(pool))
    return found
