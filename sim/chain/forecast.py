"""What a leader will cut from its pool, if nothing but arrivals happens: the rules of `mempool`, ahead of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.config import ChainConfig, Offered
    from sim.chain.mempool import Mempool

    Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cut:
    """A block to come: when it is cut, since when it could be, and that it holds the rows from `begin` to `end`."""

    cut_ns: int
    ready_ns: int
    begin: int
    end: int


class Forecast:
    """The blocks that a leader will cut, on top of what its pool holds now; capacity is not looked at.

    Attributes:
        rows: transactions in the order in which they will be taken.
        times_ns: when each was or will be in the pool.
        next: the first of them that is in no block yet.
        base_ns: when the last block was cut.
    """

    def __init__(self, pool: Mempool, config: ChainConfig, offered: Offered) -> None:
        self._config = config
        waiting, ahead, arrival_ns = pool.outlook()
        if len(waiting):
            self.rows = np.concatenate([waiting, ahead])
            self.times_ns = np.concatenate([pool.queued_ns[waiting], arrival_ns])
            self._begin_bytes, self._end_bytes = 0, np.cumsum(offered.size_bytes[self.rows])
        else:
            # The pool's own arrays: copies of a day would be a hundred megabytes.
            self.rows, self.times_ns = ahead, arrival_ns
            self._begin_bytes, self._end_bytes = pool.bytes_ahead()
        self.next = 0
        self.base_ns = pool.base_ns

    def cut(self, from_ns: int) -> Cut | None:
        """The next block, if the leader may cut it from then on; None if nothing will come."""
        limits, begin, times = self._config, self.next, self.times_ns
        if begin == len(times):
            return None
        taken_bytes = int(self._end_bytes[begin - 1]) if begin else self._begin_bytes
        # No block reaches further than one transaction beyond the most that it holds.
        most = limits.max_transactions
        near_ns, near_bytes = times[begin : begin + most + 1], self._end_bytes[begin : begin + most + 1]
        due_ns = max(int(near_ns[0]), self.base_ns) + limits.interval_ns
        full = min(most - 1, int(near_bytes.searchsorted(taken_bytes + limits.max_bytes, side="left")))
        full_ns = int(near_ns[full]) if full < len(near_ns) else due_ns
        cut_ns = max(min(due_ns, full_ns), from_ns, self.base_ns)
        arrived = int(near_ns.searchsorted(cut_ns, side="right"))
        fitting = int(near_bytes.searchsorted(taken_bytes + limits.max_bytes, side="right"))
        count = min(arrived, most, fitting)
        end = begin + count
        ready_ns = min(due_ns, cut_ns)
        exact = int(self._end_bytes[end - 1]) - taken_bytes == limits.max_bytes
        if count < arrived or count == most or exact:
            ready_ns = min(ready_ns, int(times[end - 1]))
        ready_ns = max(ready_ns, self.base_ns)
        self.next, self.base_ns = end, cut_ns
        return Cut(cut_ns, ready_ns, begin, end)

    def rewind(self, to: int, base_ns: int) -> None:
        """Take back the blocks from the one that begins with ``to`` on."""
        self.next, self.base_ns = to, base_ns

    def arrived_by(self, time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many will have come by each of these times."""
        return np.searchsorted(self.times_ns, time_ns, side="right")
