"""The front of the verification platform, request by request: token buckets, a bounded queue, servers, and retries.

Times are whole nanoseconds, and a bucket of tokens is kept as the time at which it will be full again (the virtual
scheduling form of the generic cell rate algorithm, ITU-T I.371), so that a limit is exact and nothing is rounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sim.casework.compiled.making import jit, part

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Cells = NDArray[np.int64]

CLIENT_LIMIT, GLOBAL_LIMIT, QUEUE_FULL = range(3)
"""Why a request was turned away."""
REASONS = ("client_limit", "global_limit", "queue_full")
_SHIFT = 20
"""Back-offs double so often at most."""


class Limits(NamedTuple):
    """What a request must pass.

    Attributes:
        client_ns: between two requests of one client in the long run; 0 for no limit.
        client_burst: requests that a client may make at once.
        all_ns: between two requests of anybody; 0 for no limit.
        all_burst: requests that may come at once.
        room: requests that may wait for a server.
        tries: of a request at most, the first one included.
    """

    client_ns: int
    client_burst: int
    all_ns: int
    all_burst: int
    room: int
    tries: int


class Arriving(NamedTuple):
    """Requests in the order of time; shape (requests,).

    Attributes:
        time_ns: of the first try.
        client: number.
        group: number, by which refusals are counted.
        cost: tokens that it takes.
        work_ns: for a server.
        backoff_ns: before the second try; doubled before each further one.
    """

    time_ns: Cells
    client: Cells
    group: Cells
    cost: Cells
    work_ns: Cells
    backoff_ns: Cells


class Room(NamedTuple):
    """What the loop writes to.

    Attributes:
        free_ns: (servers,) when each is free.
        full_ns: (clients,) when each client's bucket is full again.
        heap_ns, heap: (requests,) requests that will come back, soonest first.
        begun_ns: (requests,) when each of those let in was or will be taken up.
        done_ns: (requests,) when a server has done with each; -1 if it was turned away for good.
        tries: (requests,) that it took.
        refused: (groups, reasons) tries turned away.
        waited_ns: (requests,) for a server.
    """

    free_ns: Cells
    full_ns: Cells
    heap_ns: Cells
    heap: Cells
    begun_ns: Cells
    done_ns: Cells
    tries: Cells
    refused: Cells
    waited_ns: Cells


@part
def _before(room: Room, a: int, b: int) -> bool:
    return room.heap_ns[a] < room.heap_ns[b] or (room.heap_ns[a] == room.heap_ns[b] and room.heap[a] < room.heap[b])


@part
def _swap(room: Room, a: int, b: int) -> None:
    room.heap_ns[a], room.heap_ns[b] = room.heap_ns[b], room.heap_ns[a]
    room.heap[a], room.heap[b] = room.heap[b], room.heap[a]


@part
def _push(room: Room, count: int, time_ns: int, row: int) -> None:
    room.heap_ns[count], room.heap[count] = time_ns, row
    at = count
    while at > 0 and _before(room, at, (at - 1) // 2):
        _swap(room, at, (at - 1) // 2)
        at = (at - 1) // 2


@part
def _pop(room: Room, count: int) -> None:
    """Take out the first of so many."""
    _swap(room, 0, count - 1)
    at = 0
    while True:
        least = at
        for child in (2 * at + 1, 2 * at + 2):
            if child < count - 1 and _before(room, child, least):
                least = child
        if least == at:
            return
        _swap(room, at, least)
        at = least


@part
def _filled_ns(now_ns: int, full_ns: int, each_ns: int, cost: int) -> int:
    """When a bucket will be full again after this much was taken from it."""
    return (full_ns if full_ns > now_ns else now_ns) + cost * each_ns


@part
def _soonest(free_ns: Cells) -> int:
    best = 0
    for server in range(1, len(free_ns)):
        if free_ns[server] < free_ns[best]:
            best = server
    return best


@jit
def serve(arriving: Arriving, limits: Limits, room: Room) -> None:
    """Take requests in the order of time, at one time first tries first; only those let in take tokens."""
    count = len(arriving.time_ns)
    following = returning = let_in = taken_up = all_full_ns = 0
    while following < count or returning > 0:
        if returning > 0 and (following == count or room.heap_ns[0] < arriving.time_ns[following]):
            now_ns, row = int(room.heap_ns[0]), int(room.heap[0])
            _pop(room, returning)
            returning -= 1
        else:
            now_ns, row = int(arriving.time_ns[following]), following
            following += 1
        while taken_up < let_in and room.begun_ns[taken_up] <= now_ns:
            taken_up += 1
        room.tries[row] += 1
        client, cost = int(arriving.client[row]), int(arriving.cost[row])
        client_full_ns = _filled_ns(now_ns, int(room.full_ns[client]), limits.client_ns, cost)
        full_ns = _filled_ns(now_ns, all_full_ns, limits.all_ns, cost)
        server = _soonest(room.free_ns)
        reason = -1
        if client_full_ns - now_ns > limits.client_burst * limits.client_ns:
            reason = CLIENT_LIMIT
        elif full_ns - now_ns > limits.all_burst * limits.all_ns:
            reason = GLOBAL_LIMIT
        elif room.free_ns[server] > now_ns and let_in - taken_up >= limits.room:
            reason = QUEUE_FULL
        if reason >= 0:
            room.refused[arriving.group[row], reason] += 1
            tries = room.tries[row]
            if tries < limits.tries:
                _push(room, returning, now_ns + (arriving.backoff_ns[row] << min(tries - 1, _SHIFT)), row)
                returning += 1
            continue
        room.full_ns[client], all_full_ns = client_full_ns, full_ns
        begun_ns = max(now_ns, room.free_ns[server])
        room.begun_ns[let_in] = begun_ns
        let_in += 1
        room.waited_ns[row] = begun_ns - now_ns
        room.free_ns[server] = room.done_ns[row] = begun_ns + arriving.work_ns[row]
