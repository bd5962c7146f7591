"""The pool of transactions that wait for a block, as arrays: admission, cutting and overflow without an event each.

The pool is the leader's. A transaction reaches it one hop to the client's node and one from there to the leader after
it was sent; a new leader has its own arrival times. Between two calls the pool only fills, so arrivals are admitted
in order until the capacity is reached, and the rest are rejected, exactly as if each had been an event. Clients that
wait for their records decide on the next ones while the chain runs; these are added, and nothing may be asked of the
pool for a later time than the clock's then, or it could answer without those that come until that time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.arrivals import Arrivals
from sim.chain.growing import Column, append

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim.chain.config import ChainConfig, Offered

    Rows = NDArray[np.int64]

AHEAD, WAITING, IN_FLIGHT, EXECUTED, REJECTED = range(5)
"""What can be true of a transaction: not arrived, waiting, in a proposed block, executed by the leader, rejected."""


class Mempool:
    """The leader's pool.

    Args:
        config: block limits and capacity.
        offered: the transactions; a transaction is its position there.
        way_ns: nanoseconds from the sending of a transaction by a client of each node to its arrival at a given leader.

    Attributes:
        ready_ns: when the block that was cut last could have been cut, had the leader been allowed to.
        on_rejected: told of transactions of waiting clients that found no room, and when they came.
    """

    def __init__(self, config: ChainConfig, offered: Offered, way_ns: Callable[[int], NDArray[np.int64]]) -> None:
        self._config = config
        self._offered = offered
        self._way_ns = way_ns
        self.leader = 0
        # What fits no block is refused by the client's own node: it never reaches a leader, and nobody waits for it.
        self.state = np.where(offered.size_bytes > config.max_bytes, REJECTED, AHEAD).astype(np.uint8)
        self.queued_ns = np.full(len(offered), -1, dtype=np.int64)
        self.admitted = 0
        self.peak = 0
        self.ready_ns = 0
        self.on_rejected: Callable[[Rows, Rows], None] | None = None
        self._columns: dict[str, Column] = {}
        self._occupied = 0
        self._waiting: Rows = np.empty(0, dtype=np.int64)
        self._base_ns = 0
        self._led_ns = 0
        self._here = self._follow(leader=0)

    def _follow(self, leader: int) -> Arrivals:
        """Order what has not arrived yet by its arrival at this leader."""
        self.leader = leader
        return Arrivals.of(self._offered, self._way_ns(leader), self.state == AHEAD)

    def add(self, rows: Rows) -> None:
        """Take note of transactions that waiting clients have decided to send, the last of those offered."""
        fits = self._offered.size_bytes[rows] <= self._config.max_bytes
        state = np.where(fits, AHEAD, REJECTED).astype(np.uint8)
        append(self, self._columns, state=state, queued_ns=np.full(len(rows), -1, dtype=np.int64))
        if fits.any():
            self._expect(rows[fits])

    def _expect(self, rows: Rows) -> None:
        self._here.insert(rows, self._offered, kept=self._here.next)

    def lead(self, leader: int, executed: Rows, in_flight: Rows, at_ns: int) -> None:
        """Hand the pool to a new leader, which knows what is ``executed`` and ``in_flight``; the rest waits again.

        Oldest first; ``executed`` may leave out what earlier calls named. Nobody admits anything between two leaders:
        what arrives then is taken in by the new one. What has waited for an interval already does not wait for another.
        """
        self._remove(executed)
        self.state[self.state == IN_FLIGHT] = WAITING
        self.state[in_flight[self.state[in_flight] == WAITING]] = IN_FLIGHT
        waiting = np.flatnonzero(self.state == WAITING)
        # The old leader takes arrivals in up to the time that its CPU is busy, which may lie after the new one's begin.
        later = waiting[self.queued_ns[waiting] > at_ns]
        self.state[later] = AHEAD
        self.queued_ns[later] = -1
        self.admitted -= len(later)
        self._occupied -= len(later)
        waiting = waiting[self.state[waiting] == WAITING]
        self._waiting = waiting[np.argsort(self.queued_ns[waiting], kind="stable")]
        self._led_ns = at_ns
        self._here = self._follow(leader)

    def release(self, executed: Rows, at_ns: int) -> None:
        """The leader executed these: they leave the pool, and make room for what arrives after ``at_ns``."""
        self.admit(at_ns)
        self._remove(executed)

    def _remove(self, executed: Rows) -> None:
        leaving = executed[self.state[executed] != EXECUTED]
        if (self.state[leaving] == WAITING).any():
            self._waiting = self._waiting[~np.isin(self._waiting, leaving)]
        self._occupied -= len(leaving)
        self.state[leaving] = EXECUTED

    def admit(self, now_ns: int) -> None:
        """Take in what has arrived by ``now_ns``."""
        here = self._here
        begin, end = here.next, here.looked(now_ns)
        if end > begin:
            here.next = end
            self._take_in(here.rows[begin:end], here.times_ns[begin:end])

    def _take_in(self, arrived: Rows, arrival_ns: Rows) -> None:
        room = self._room
        taken = arrived[:room]
        self.state[taken] = WAITING
        self.queued_ns[taken] = arrival_ns[:room]
        self.state[arrived[room:]] = REJECTED
        self.admitted += len(taken)
        self._occupied += len(taken)
        self.peak = max(self.peak, self._occupied)
        self._waiting = np.concatenate([self._waiting, taken])
        if self.on_rejected is not None and len(arrived) > room:
            theirs = self._offered.client[arrived[room:]] >= 0
            if theirs.any():
                self.on_rejected(arrived[room:][theirs], arrival_ns[room:][theirs])

    def next_overflow_ns(self) -> int | None:
        """A time before which nothing that comes is rejected, if nothing leaves; None if nothing will be."""
        position = self._here.next + self._room
        return int(self._here.times_ns[position]) if position < len(self._here.rows) else None

    @property
    def base_ns(self) -> int:
        """When the last block was cut, by whichever leader."""
        return self._base_ns

    @property
    def occupied(self) -> int:
        """Transactions admitted and not executed by the leader."""
        return self._occupied

    def outlook(self) -> tuple[Rows, Rows, Rows]:
        """What waits, what will arrive, and when."""
        here = self._here
        return self._waiting, here.rows[here.next :], here.times_ns[here.next :]

    def bytes_ahead(self) -> tuple[int, Rows]:
        """A number of bytes, and to what it grows with each that will arrive."""
        begin, summed = self._here.next, self._here.bytes(self._offered)
        return int(summed[begin - 1]) if begin else 0, summed[begin:]

    def settle(self, rows: Rows, times_ns: Rows, base_ns: int, peak: int) -> None:
        """These, the first of `outlook`, came at these times and are executed; the last block was cut at ``base_ns``.

        ``peak``: the most that the pool held meanwhile.
        """
        waited = min(len(rows), len(self._waiting))
        came = len(rows) - waited
        self.state[rows] = EXECUTED
        self.queued_ns[rows] = times_ns
        self._waiting = self._waiting[waited:]
        self._occupied -= waited
        self._here.next += came
        self.admitted += came
        self.peak = max(self.peak, peak)
        self._base_ns = base_ns

    def save(self) -> dict[str, Any]:
        """What `restore` needs to make the pool as it is now."""
        copies = {"state": self.state.copy(), "queued_ns": self.queued_ns.copy(), "_here": replace(self._here)}
        return {**vars(self), **copies}

    def restore(self, saved: dict[str, Any]) -> None:
        """Undo everything since this was saved; can be done once."""
        vars(self).update(saved)

    def cut(self, now_ns: int, *, now_or_never: bool = False) -> Rows:
        """Take the next block's transactions out; empty if it is not time to cut yet.

        With ``now_or_never`` it is always time: a block is proposed now, whatever there is to fill it.
        """
        self.admit(now_ns)
        taken = self._fitting()
        if len(taken) == 0 or not (now_or_never or self._is_full(taken) or now_ns >= self._due_ns()):
            return self._waiting[:0]
        self.ready_ns = self._ready_ns(taken, now_ns)
        self._waiting = self._waiting[len(taken) :]
        self.state[taken] = IN_FLIGHT
        self._base_ns = now_ns
        return taken

    def _ready_ns(self, taken: Rows, now_ns: int) -> int:
        """When these could have been cut: full, or their interval over; not before the last cut or this leader."""
        ready_ns = min(self._due_ns(), now_ns)
        if self._is_full(taken):
            ready_ns = min(ready_ns, int(self.queued_ns[taken].max()))
        return max(ready_ns, self._base_ns, self._led_ns)

    def next_cut_ns(self, now_ns: int) -> int | None:
        """When `cut` will next find a block if nothing but arrivals happens; None if nothing more arrives."""
        self.admit(now_ns)
        if self._is_full(self._fitting()):
            return now_ns
        start, times_ns = self._here.next, self._here.times_ns
        admissible = min(len(times_ns), start + self._room)
        if len(self._waiting) == 0 and start == admissible:
            return None
        if len(self._waiting) == 0:
            due_ns = max(int(times_ns[start]), self._base_ns) + self._config.interval_ns
        else:
            due_ns = self._due_ns()
        position = start + self._missing(self._here.rows[start:admissible])
        if position < admissible:
            due_ns = min(due_ns, int(times_ns[position]))
        return max(due_ns, now_ns)

    def _missing(self, coming: Rows) -> int:
        """How many of these come before the one that fills the block; all of them if they do not."""
        coming = coming[: self._config.max_transactions - len(self._waiting)]
        by_count = self._config.max_transactions - len(self._waiting) - 1
        used = int(self._offered.size_bytes[self._waiting].sum())
        filled = np.cumsum(self._offered.size_bytes[coming])
        by_bytes = int(np.searchsorted(filled, self._config.max_bytes - used, side="left"))
        return by_count if by_bytes == len(coming) else min(by_count, by_bytes)

    def arrived_by(self, now_ns: int) -> int:
        """Transactions that reached the leader by ``now_ns``, executed ones included, rejected ones not."""
        unseen = self._here.looked(now_ns) - self._here.next
        return self.admitted + min(max(0, unseen), self._room)

    def next_arrival_ns(self, now_ns: int) -> int | None:
        """The first arrival at the leader after ``now_ns``; None if there is none."""
        position = self._here.looked(now_ns)
        return int(self._here.times_ns[position]) if position < len(self._here.times_ns) else None

    @property
    def _room(self) -> int:
        return max(0, self._config.pool_capacity - self._occupied)

    def _is_full(self, taken: Rows) -> bool:
        """Whether these, the first that wait, make a block that no later arrival could join."""
        limits = self._config
        more = len(taken) < len(self._waiting) or len(taken) == limits.max_transactions
        return more or int(self._offered.size_bytes[taken].sum()) == limits.max_bytes

    def _fitting(self) -> Rows:
        """The longest prefix of what waits that fits a block."""
        prefix = self._waiting[: self._config.max_transactions]
        within = np.cumsum(self._offered.size_bytes[prefix]) <= self._config.max_bytes
        return prefix[: int(np.count_nonzero(within))]

    def _due_ns(self) -> int:
        """When the interval of the block that now fills ends."""
        return max(int(self.queued_ns[self._waiting[0]]), self._base_ns) + self._config.interval_ns
