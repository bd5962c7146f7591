"""The compiled event loop's common part: an agenda, NICs and CPUs, and messages between nodes.

The same rules as `sim.network.transport` and `sim.chain.node`, for plain links and one core, as functions of arrays: a
message costs one event, ties break by insertion, a NIC sends in order, receives cut through, and a CPU serves first
come first served. What a message means is the business of the protocol's loop beside this file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Cells = NDArray[np.int64]

P = ParamSpec("P")
T = TypeVar("T")
SIZE, NUMBER, NEXT_RECORD, UNDER_WAY, NOW = range(5)
"""Fields of `Wires.state`: events on the agenda, the next event's number, the next message's place, messages that
have not arrived, the time of the last event."""

# numba looks only at a function's own file to see whether what it keeps is still right.
_SOURCES = sorted(Path(__file__).parent.glob("*.py"))
_STAMP = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:12]


def jit(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a loop at its first call, and keep it on disk, under a name that changes with any file of this folder.

    Without reference counts: Python holds all arrays, and counting who looks at them takes longer than the loops do.
    """
    function.__qualname__ = f"{function.__name__}_{_STAMP}"
    try:
        compiled: Callable[P, T] = numba.njit(cache=True, _nrt=False)(function)
    except RuntimeError:
        # No place on this machine takes numba's files: compile in every process.
        compiled = numba.njit(_nrt=False)(function)
    return compiled


def part(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a part of loops, which is kept with them."""
    compiled: Callable[P, T] = numba.njit(_nrt=False)(function)
    return compiled


def inner(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a part of loops into each place that calls it: to hand it all arrays would take longer than it does."""
    compiled: Callable[P, T] = numba.njit(_nrt=False, forceinline=True)(function)
    return compiled


class Wires(NamedTuple):
    """Arrays of one chain of N nodes, in nanoseconds.

    Attributes:
        state: see `SIZE` and its neighbours.
        due, number, what: the agenda, a binary heap; an event is message · N + receiver, or below 0 the protocol's own.
        kind, sender, height, nic, work, left: messages by place: what they cost each receiver, how many are under way.
        cpu, ingress, egress: until when each node's CPU and NIC are busy; `*_busy`: for how long they have been.
        latest: the last arrival on each link, sender by receiver; ordered: whether it delivers in order.
        sent, arrived: messages by kind.
    """

    state: Cells
    due: Cells
    number: Cells
    what: Cells
    kind: Cells
    sender: Cells
    height: Cells
    nic: Cells
    work: Cells
    left: Cells
    cpu: Cells
    ingress: Cells
    egress: Cells
    cpu_busy: Cells
    ingress_busy: Cells
    egress_busy: Cells
    latest: Cells
    ordered: NDArray[np.bool_]
    sent: Cells
    arrived: Cells

    @classmethod
    def make(cls, nodes: int, events: int, messages: int, kinds: int, ordered: NDArray[np.bool_]) -> Wires:
        """Idle nodes and an empty agenda with room for so many events and messages at a time."""

        def zeros(*shape: int) -> list[Cells]:
            return list(np.zeros(shape, dtype=np.int64))

        by_node, latest = zeros(6, nodes), np.zeros((nodes, nodes), dtype=np.int64)
        state = np.zeros(5, dtype=np.int64)
        return cls._make([state, *zeros(3, events), *zeros(6, messages), *by_node, latest, ordered, *zeros(2, kinds)])


@part
def push(wires: Wires, due_ns: int, what: int) -> None:
    """Put an event on the agenda, behind those of the same time."""
    state, due, number, whats = wires.state, wires.due, wires.number, wires.what
    place = state[SIZE]
    if place == len(due):
        raise IndexError("the agenda of a compiled loop is full")
    mine = state[NUMBER]
    state[SIZE] = place + 1
    state[NUMBER] = mine + 1
    while place:
        above = (place - 1) >> 1
        if due[above] <= due_ns:  # numbers only grow
            break
        due[place], number[place], whats[place] = due[above], number[above], whats[above]
        place = above
    due[place], number[place], whats[place] = due_ns, mine, what


@part
def pop(wires: Wires) -> int:
    """Take the next event off the agenda, which is not empty, and go to its time."""
    state, due, number, whats = wires.state, wires.due, wires.number, wires.what
    state[NOW] = due[0]
    what = whats[0]
    size = state[SIZE] - 1
    state[SIZE] = size
    moved_due, moved_number, moved_what = due[size], number[size], whats[size]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        other = below + 1
        if other < size and (due[other] < due[below] or (due[other] == due[below] and number[other] < number[below])):
            below = other
        if due[below] > moved_due or (due[below] == moved_due and number[below] > moved_number):
            break
        due[place], number[place], whats[place] = due[below], number[below], whats[below]
        place = below
    due[place], number[place], whats[place] = moved_due, moved_number, moved_what
    return what


@part
def spend(wires: Wires, node: int, from_ns: int, work_ns: int) -> int:
    """Let a CPU work, behind what it has taken in; returns when that is done."""
    done = max(from_ns, wires.cpu[node]) + work_ns
    wires.cpu[node] = done
    wires.cpu_busy[node] += work_ns
    return done


@part
def write(wires: Wires, sender: int, kind: int, height: int, nic_ns: int, work_ns: int, copies: int) -> int:
    """A new message of which so many copies are sent; returns its place."""
    left = wires.left
    place = wires.state[NEXT_RECORD]
    for _ in range(len(left)):
        if left[place] == 0:
            break
        place = (place + 1) % len(left)
    if left[place]:
        raise IndexError("a compiled loop has too many messages under way")
    wires.state[NEXT_RECORD] = (place + 1) % len(left)
    wires.kind[place], wires.sender[place], wires.height[place] = kind, sender, height
    wires.nic[place], wires.work[place], left[place] = nic_ns, work_ns, copies
    wires.state[UNDER_WAY] += copies
    wires.sent[kind] += copies
    return place


@part
def crowded(wires: Wires) -> bool:
    """Whether a node might find no room for what it says next: queues grow without end."""
    return wires.state[UNDER_WAY] + 4 * len(wires.cpu) > len(wires.left)


@part
def lowest(cells: Cells, count: int) -> int:
    """The least of the first so many."""
    least = cells[0]
    for k in range(1, count):
        least = min(least, cells[k])
    return least


@part
def carry(wires: Wires, place: int, receiver: int, from_ns: int, delay_ns: int) -> int:
    """Send one copy through the sender's NIC, free ``from_ns`` on; returns when it is free again."""
    sender = wires.sender[place]
    free = from_ns + wires.nic[place]
    arrival = free + delay_ns
    if wires.ordered[sender, receiver]:
        arrival = max(arrival, wires.latest[sender, receiver])
        wires.latest[sender, receiver] = arrival
    push(wires, arrival, place * len(wires.cpu) + receiver)
    return free


@part
def broadcast(wires: Wires, place: int, n: int, at_ns: int, delays: Cells) -> None:
    """Send a message to the other of the first n nodes, the next one first; ``delays``: to each of them."""
    sender = wires.sender[place]
    begun = max(at_ns, wires.egress[sender])
    free = begun
    for k in range(1, n):
        receiver = (sender + k) % n
        free = carry(wires, place, receiver, free, delays[receiver])
    wires.egress[sender] = free
    wires.egress_busy[sender] += free - begun


@part
def send(wires: Wires, place: int, receiver: int, at_ns: int, delay_ns: int) -> None:
    """Send a message to one node."""
    sender = wires.sender[place]
    wires.egress[sender] = carry(wires, place, receiver, max(at_ns, wires.egress[sender]), delay_ns)
    wires.egress_busy[sender] += wires.nic[place]


@part
def receive(wires: Wires, place: int, node: int) -> int:
    """A copy arrives: through the NIC and the CPU; returns when the node is done with it."""
    nic = wires.nic[place]
    received = max(wires.ingress[node] + nic, wires.state[NOW])
    wires.ingress[node] = received
    wires.ingress_busy[node] += nic
    wires.left[place] -= 1
    wires.state[UNDER_WAY] -= 1
    wires.arrived[wires.kind[place]] += 1
    return spend(wires, node, received, wires.work[place])
