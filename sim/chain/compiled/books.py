"""The compiled loops' books: which height each node has executed, and what finished blocks cost on their way on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.chain.compiled.wires import Wires, carry, part, spend, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells = NDArray[np.int64]

REACHED, TURN, CUT, BEHIND, LATE = range(5)
"""Why a loop stopped: the time is reached or nothing is left; a proposer has its turn; it is to cut its block; a
message came to a node that is not ready for it; a timer would expire."""
RING = 64
"""Heights that may be open at once, observers included."""
WAYS = 16
"""And between validators."""


class Books(NamedTuple):
    """Arrays about heights; R = `RING`, W = `WAYS`, n validators among N nodes.

    Attributes:
        validators: n, (1,).
        next: the height that each node will execute next, (N,).
        built: the highest height that anybody has executed, (1,).
        voted, executed: when each node knew a height to be decided, and had executed it, (R, N).
        done: how many nodes have executed it, (R,).
        execute: what that takes, (R,).
        push_kind: the kind of message in which blocks go to observers, (1,). push_work, push_nic: its costs, (R,).
        push_delays: to each node from its feeder, (W, N).
        turn: who is to be asked for a block, -1 for nobody; and when that node is free to be told, (2,).
    """

    validators: Cells
    next: Cells
    built: Cells
    voted: Cells
    executed: Cells
    done: Cells
    execute: Cells
    push_kind: Cells
    push_work: Cells
    push_nic: Cells
    push_delays: Cells
    turn: Cells

    @classmethod
    def make(cls, n: int, executed_ns: Cells, height: int, push_kind: int) -> Books:
        """All nodes have executed ``height``, at these times."""
        nodes = len(executed_ns)
        voted, executed = np.zeros((2, RING, nodes), dtype=np.int64)
        executed[height % RING] = executed_ns
        done, execute, push_work, push_nic = np.zeros((4, RING), dtype=np.int64)
        return cls(
            np.array([n]),
            np.full(nodes, height + 1),
            np.array([height]),
            voted,
            executed,
            done,
            execute,
            np.array([push_kind]),
            push_work,
            push_nic,
            np.zeros((WAYS, nodes), dtype=np.int64),
            np.array([-1, 0]),
        )


@part
def perform(wires: Wires, books: Books, node: int, at_ns: int) -> int:
    """A node executes its next height, and hands it to the observers that it feeds; returns when it is done."""
    height = books.next[node]
    slot = height % RING
    books.voted[slot, node] = at_ns
    done_ns = spend(wires, node, at_ns, books.execute[slot])
    books.executed[slot, node] = done_ns
    books.done[slot] += 1
    books.built[0] = max(books.built[0], height)
    books.next[node] = height + 1
    n, nodes = books.validators[0], len(wires.cpu)
    fed = (nodes - 1 - node) // n
    if node < n and fed > 0:
        place = write(wires, node, books.push_kind[0], height, books.push_nic[slot], books.push_work[slot], fed)
        begun = max(done_ns, wires.egress[node])
        free = begun
        for observer in range(node + n, nodes, n):
            free = carry(wires, place, observer, free, books.push_delays[height % WAYS, observer])
        wires.egress[node] = free
        wires.egress_busy[node] += free - begun
    return done_ns


@part
def begin(books: Books, height: int) -> None:
    """A height is proposed: nobody has executed it."""
    slot = height % RING
    books.done[slot] = 0
    books.executed[slot] = 0
