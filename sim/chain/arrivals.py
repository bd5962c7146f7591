"""Transactions on their way to one place, in the order in which they get there, and how far its leader has looked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.config import Offered

    Rows = NDArray[np.int64]


@dataclass(slots=True)
class Arrivals:
    """Who comes when to one place.

    Attributes:
        way_ns: from a client of each node to the place.
        rows: transactions, in the order of `times_ns`.
        times_ns: when each gets there, ascending.
        next: the first that a leader there has not looked at.
        used: places before this one hold nothing any more.
    """

    way_ns: Rows
    rows: Rows
    times_ns: Rows
    next: int = 0
    used: int = 0
    _bytes: Rows | None = None

    @staticmethod
    def of(offered: Offered, way_ns: Rows, wanted: NDArray[np.bool_]) -> Arrivals:
        """All transactions offered so far that are ``wanted``; those that come together, in the order of their rows."""
        times_ns = offered.submitted_ns + way_ns[offered.node]
        rows = np.argsort(times_ns, kind="stable")
        rows = rows[wanted[rows]]
        return Arrivals(way_ns, rows, times_ns[rows])

    def looked(self, now_ns: int) -> int:
        """The place of the first that comes after ``now_ns``."""
        return max(self.used, int(np.searchsorted(self.times_ns, now_ns, side="right")))

    def bytes(self, offered: Offered) -> Rows:
        """The bytes of `rows` up to and with each; summed when somebody needs it."""
        if self._bytes is None:
            self._bytes = np.cumsum(offered.size_bytes[self.rows])
        return self._bytes

    def insert(self, rows: Rows, offered: Offered, kept: int) -> None:
        """Add transactions that were not known before.

        What comes before something that was looked at already counts as coming with the last of it: clients that wait
        may decide on a record while the leader's CPU is ahead of the clock.

        Args:
            rows: of ``offered``.
            offered: the transactions.
            kept: the first that may still have to be looked at again; the places of those before it are used up.
        """
        times_ns = offered.submitted_ns[rows] + self.way_ns[offered.node[rows]]
        if self.next:
            times_ns = np.maximum(times_ns, self.times_ns[self.next - 1])
        # Only those up to the last newcomer move, towards the front: behind them may be a whole day's load.
        end = max(self.next, self.looked(int(times_ns.max())))
        times_ns = np.concatenate([self.times_ns[kept:end], times_ns])
        order = np.argsort(times_ns, kind="stable")
        moved = np.concatenate([self.rows[kept:end], rows])[order]
        if kept < len(rows):
            room = len(self.rows) + len(rows)
            self.rows = np.concatenate([np.zeros(room, dtype=np.int64), self.rows])
            self.times_ns = np.concatenate([np.full(room, -1, dtype=np.int64), self.times_ns])
            self.next, kept, end = self.next + room, kept + room, end + room
        self.used, self.next = kept - len(rows), self.next - len(rows)
        self._bytes = None
        self.rows[self.used : end] = moved
        self.times_ns[self.used : end] = times_ns[order]
