"""The pool where the leadership moves on with every block: all validators hold it, each as far as records reached them.

A record is passed on to every validator, so the next leader need not be told of it; it is there as soon as it has come
over the links. Whoever leads takes what has reached its region. A hand-over must be cheap, so the order of arrival at
each region is worked out once, and what other leaders have taken in since is skipped when one leads again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.arrivals import Arrivals
from sim.chain.mempool import AHEAD, EXECUTED, IN_FLIGHT, REJECTED, WAITING, Mempool

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    from sim.chain.config import ChainConfig, Offered

    Rows = NDArray[np.int64]

_AHEAD_SCAN = 256


class RotatingPool(Mempool):
    """A pool that every validator holds.

    Args:
        config: block limits and capacity.
        offered: the transactions.
        way_ns: nanoseconds from the sending of a transaction by a client of each node to its arrival at a given leader.
        place: leaders of one place get transactions at the same times.
    """

    def __init__(
        self,
        config: ChainConfig,
        offered: Offered,
        way_ns: Callable[[int], Rows],
        place: Callable[[int], Hashable],
    ) -> None:
        self._place = place
        self._arrivals: dict[Hashable, Arrivals] = {}
        self._taken: list[Rows] = []
        super().__init__(config, offered, way_ns)

    def _follow(self, leader: int) -> Arrivals:
        self.leader = leader
        place = self._place(leader)
        here = self._arrivals.get(place)
        if here is None:
            fits = self._offered.size_bytes <= self._config.max_bytes
            here = self._arrivals[place] = Arrivals.of(self._offered, self._way_ns(leader), fits)
        return here

    def _expect(self, rows: Rows) -> None:
        for here in self._arrivals.values():
            # What a leader took in may have to be taken in again by another, until it is executed or rejected.
            state = self.state[here.rows[here.used : here.next]]
            alive = np.flatnonzero((state != EXECUTED) & (state != REJECTED))
            kept = here.used + int(alive[0]) if len(alive) else here.next
            here.insert(rows, self._offered, kept)

    def lead(self, leader: int, executed: Rows, in_flight: Rows, at_ns: int) -> None:
        """Hand the pool to the next leader, which extends blocks that hold ``in_flight``; what these lack waits again.

        ``executed`` may leave out what earlier calls named.
        """
        self._remove(executed)
        self._put_back()
        here = self._here = self._follow(leader)
        here.next = min(here.next, here.looked(at_ns))
        self._withhold(at_ns)
        self._put_in_flight(in_flight, at_ns)

    def _put_back(self) -> None:
        """What was proposed and not executed waits again, oldest first."""
        taken = [rows[self.state[rows] == IN_FLIGHT] for rows in self._taken]
        self._taken = []
        back = np.concatenate([*taken, self._waiting])
        self.state[back] = WAITING
        self._waiting = back[np.argsort(self.queued_ns[back], kind="stable")]

    def _withhold(self, at_ns: int) -> None:
        """What another leader has, and this one gets later, is still ahead of it."""
        later = self._reaches_ns(self._waiting) > at_ns
        if later.any():
            rows = self._waiting[later]
            self.state[rows] = AHEAD
            self.queued_ns[rows] = -1
            self.admitted -= len(rows)
            self._occupied -= len(rows)
            self._waiting = self._waiting[~later]

    def _put_in_flight(self, rows: Rows, at_ns: int) -> None:
        rows = rows[self.state[rows] != EXECUTED]
        unseen = rows[self.state[rows] != WAITING]
        self.queued_ns[unseen] = at_ns
        self.admitted += len(unseen)
        self._occupied += len(unseen)
        if len(rows) > len(unseen):
            self._waiting = self._waiting[~np.isin(self._waiting, rows)]
        self.state[rows] = IN_FLIGHT
        self._taken = [rows] if len(rows) else []

    def _remove(self, executed: Rows) -> None:
        """A block may hold what the present leader has not seen yet, or had no room for."""
        state = self.state[executed]
        unseen = executed[(state != EXECUTED) & (state != WAITING) & (state != IN_FLIGHT)]
        self.queued_ns[unseen] = self._reaches_ns(unseen)
        self.admitted += len(unseen)
        self._occupied += len(unseen)
        super()._remove(executed)
        self._taken = [rows for rows in self._taken if (self.state[rows] == IN_FLIGHT).any()]

    def _reaches_ns(self, rows: Rows) -> Rows:
        """When these get to the present leader's place."""
        times_ns: Rows = self._offered.submitted_ns[rows] + self._here.way_ns[self._offered.node[rows]]
        return times_ns

    def admit(self, now_ns: int) -> None:
        """Take in what has arrived by ``now_ns`` and nobody has taken in before."""
        here = self._here
        begin, end = here.next, here.looked(now_ns)
        if end <= begin:
            return
        arrived, arrival_ns = here.rows[begin:end], here.times_ns[begin:end]
        new = self.state[arrived] == AHEAD
        here.next = end
        self._take_in(arrived[new], arrival_ns[new])

    def save(self) -> dict[str, Any]:
        """As `Mempool.save`."""
        places = {place: replace(here) for place, here in self._arrivals.items()}
        here = places[self._place(self.leader)]
        return {**super().save(), "_taken": list(self._taken), "_arrivals": places, "_here": here}

    def cut(self, now_ns: int, *, now_or_never: bool = False) -> Rows:
        """As `Mempool.cut`; remembers what is in flight."""
        taken = super().cut(now_ns, now_or_never=now_or_never)
        if len(taken):
            self._taken.append(taken)
        return taken

    def arrived_by(self, now_ns: int) -> int:
        """Transactions that reached the leader by ``now_ns``, executed ones included, rejected ones not."""
        here = self._here
        begin, end = here.next, here.looked(now_ns)
        unseen = int(np.count_nonzero(self.state[here.rows[begin:end]] == AHEAD)) if end > begin else 0
        return self.admitted + min(unseen, self._room)

    def next_arrival_ns(self, now_ns: int) -> int | None:
        """The first arrival at the leader after ``now_ns`` that nobody has taken in; None if there is none."""
        here = self._here
        position = here.looked(now_ns)
        while position < len(here.rows):
            ahead = np.flatnonzero(self.state[here.rows[position : position + _AHEAD_SCAN]] == AHEAD)
            if len(ahead):
                return int(here.times_ns[position + int(ahead[0])])
            position += _AHEAD_SCAN
        return None
