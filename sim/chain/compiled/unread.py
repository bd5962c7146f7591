"""Votes that nobody has to read: an agenda beside the engine's, on which a vote costs arithmetic and no Python.

Of the votes of a round that reach a replica only the one that makes a quorum changes what it does. A receiver that says
how many more of a sort it need not be told of gives *credit* (`sim.chain.unread`); while that lasts, a vote's arrival
takes its way through NIC and CPU here, as in `sim.network.transport` and `sim.chain.node`, and its sender's bit is left
for the receiver to read later. What arrives without credit is handed to Python, which delivers it like any message.

All chains of a run share one agenda, so that their events happen in one order. Compiled code takes what there is as a
few arrays of 64-bit integers, for each array that it is handed costs as much as several votes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sim.chain.compiled.wires import jit, part
from sim.kernel.engine import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sim.chain.letters import Letter, Links, Size
    from sim.kernel.engine import Engine


Cells: TypeAlias = "NDArray[np.int64]"
SIZE, NOW, DUE, UNTIL, NUMBER, LIMIT, DONE, NEXT_LETTER, FREE, LOST = range(10)
"""Fields of the state: events on the agenda, the time of the last and of the next, what to execute before and how much
of it, how many were; where the next letter goes; and of the last `post`, when the NIC is free again and how many copies
are lost."""
WHEN, ORDER, WHAT = range(3)
"""Rows of the agenda, a binary heap by time and order; what is due is letter · 2^12 + receiver."""
NIC, WORK, LEFT, NODE, CELL, SENDER, KIND, ROW = range(8)
"""Rows of the letters, each a vote on its way to many: times, copies under way, the places of the chain's first node
and of the ballot's first cell, the sender, and where its kind and its ballot are counted."""
INGRESS, INGRESS_BUSY, CPU, CPU_BUSY = range(4)
"""Rows of the nodes: until when they are busy and for how long they were, in nanoseconds."""
_NOBODY = -1
MOST_NODES = 1 << 12
"""One more than a chain may have."""
_STAMPS = 4096
"""Events in one call."""
_FIRST_ROOM = 256


@part
def _before(agenda: Cells, one: int, other: int) -> bool:
    return agenda[WHEN, one] < agenda[WHEN, other] or (
        agenda[WHEN, one] == agenda[WHEN, other] and agenda[ORDER, one] < agenda[ORDER, other]
    )


@part
def _push(state: Cells, agenda: Cells, when: int, order: int, what: int) -> None:
    place = state[SIZE]
    state[SIZE] = place + 1
    while place:
        above = (place - 1) >> 1
        if agenda[WHEN, above] < when or (agenda[WHEN, above] == when and agenda[ORDER, above] < order):
            break
        agenda[WHEN, place], agenda[ORDER, place] = agenda[WHEN, above], agenda[ORDER, above]
        agenda[WHAT, place] = agenda[WHAT, above]
        place = above
    agenda[WHEN, place], agenda[ORDER, place], agenda[WHAT, place] = when, order, what


@part
def _drop_first(state: Cells, agenda: Cells) -> None:
    size = state[SIZE] - 1
    state[SIZE] = size
    when, order, what = agenda[WHEN, size], agenda[ORDER, size], agenda[WHAT, size]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size and _before(agenda, below + 1, below):
            below += 1
        if agenda[WHEN, below] > when or (agenda[WHEN, below] == when and agenda[ORDER, below] > order):
            break
        agenda[WHEN, place], agenda[ORDER, place] = agenda[WHEN, below], agenda[ORDER, below]
        agenda[WHAT, place] = agenda[WHAT, below]
        place = below
    agenda[WHEN, place], agenda[ORDER, place], agenda[WHAT, place] = when, order, what


@jit
def post(  # noqa: PLR0913, PLR0917 - arrays and numbers is all that compiled code takes
    state: Cells,
    agenda: Cells,
    letters: Cells,
    letter: int,
    begun_ns: int,
    number: int,
    delays: Cells,
    ordered: NDArray[np.bool_],
    latest: Cells,
    n: int,
) -> None:
    """Send a letter to the other of a chain's first ``n`` nodes, the next one first, as `Network.send` does."""
    free, nic, sender, copies = begun_ns, letters[NIC, letter], letters[SENDER, letter], 0
    for k in range(1, n):
        receiver = (sender + k) % n
        free += nic
        delay = delays[receiver]
        if delay < 0:
            continue
        arrival = free + delay
        if ordered[receiver]:
            arrival = max(arrival, latest[receiver])
            latest[receiver] = arrival
        _push(state, agenda, arrival, number * MOST_NODES + k, letter * MOST_NODES + receiver)
        copies += 1
    letters[LEFT, letter] = copies
    state[FREE], state[LOST], state[DUE] = free, n - 1 - copies, agenda[WHEN, 0]


@jit
def advance(
    state: Cells,
    agenda: Cells,
    letters: Cells,
    nodes: Cells,
    credit: Cells,
    senders: Cells,
    counts: Cells,
    stamps: Cells,
) -> int:
    """Execute what is due until it needs Python; returns what that is, or `_NOBODY`."""
    until, number, limit = state[UNTIL], state[NUMBER], min(state[LIMIT], len(stamps))
    done, handed = 0, _NOBODY
    words = len(senders) // len(credit)
    while done < limit and state[SIZE]:
        when = agenda[WHEN, 0]
        if when > until or (when == until and agenda[ORDER, 0] // MOST_NODES >= number):
            break
        what = agenda[WHAT, 0]
        _drop_first(state, agenda)
        stamps[done] = state[NOW] = when
        done += 1
        letter, receiver = what // MOST_NODES, what % MOST_NODES
        cell = letters[CELL, letter] + receiver
        letters[LEFT, letter] -= 1
        counts[letters[ROW, letter]] -= 1
        if credit[cell] <= 0:
            handed = what
            break
        credit[cell] -= 1
        sender, node = letters[SENDER, letter], letters[NODE, letter] + receiver
        senders[cell * words + (sender >> 6)] |= 1 << (sender & 63)
        received = max(nodes[INGRESS, node] + letters[NIC, letter], when)
        nodes[INGRESS, node] = received
        nodes[INGRESS_BUSY, node] += letters[NIC, letter]
        nodes[CPU, node] = max(received, nodes[CPU, node]) + letters[WORK, letter]
        nodes[CPU_BUSY, node] += letters[WORK, letter]
        counts[letters[KIND, letter]] += 1
    state[DONE] = done
    state[DUE] = agenda[WHEN, 0] if state[SIZE] else NEVER
    return handed


def _view(cells: NDArray[Any]) -> memoryview:
    """What Python reads and writes one by one: much faster than the array itself."""
    return memoryview(cells)  # type: ignore[arg-type] # mypy knows of no buffers before Python 3.12


class Share:
    """A chain's part of the arrays, whose views Python reads and writes.

    Args:
        unread: whose arrays.
        size: of the part.
        first: the first node, and the places in ``credit`` and ``counts``.

    Attributes:
        nodes: for each row of the nodes, a view.
        credit: by ballot and validator. senders: bits by ballot, validator and word.
        words: of 64 senders each.
        under_way: copies by ballot. arrived: unread votes by kind that are in no tally yet.
    """

    def __init__(self, unread: Unread, size: Size, first: tuple[int, int, int]) -> None:
        self.unread, self.size, self.first = unread, size, first
        node, cell, count = first
        words = self.words = unread.words
        cells = size.ballots * size.validators
        self.nodes = [_view(row[node : node + size.nodes]) for row in unread.nodes]
        self.credit = _view(unread.credit[cell : cell + cells])
        self.senders = _view(unread.senders[cell * words : (cell + cells) * words].view(np.uint64))
        self.under_way = _view(unread.counts[count : count + size.ballots])
        self.arrived = _view(unread.counts[count + size.ballots : count + size.ballots + size.kinds])

    def post(self, letter: Letter, links: Links) -> tuple[int, int]:
        """Send a letter; returns when the sender's NIC is free again, and how many copies are lost."""
        return self.unread.post(self, letter, links)


class Unread:
    """The agenda, an `sim.kernel.engine.Beside`.

    Args:
        engine: numbers its events.
        sizes: of the chains that will use it.

    Attributes:
        shares: theirs, in the same order.
    """

    def __init__(self, engine: Engine, sizes: Sequence[Size]) -> None:
        self.due_ns = NEVER
        self.now_ns = 0
        self.words = max(size.validators + 63 >> 6 for size in sizes)
        ends = np.cumsum([(n, ballots * v, ballots + kinds) for n, v, ballots, kinds in sizes], axis=0).tolist()
        nodes, cells, counts = ends[-1]
        self.nodes = np.zeros((4, nodes), dtype=np.int64)
        self.credit = np.zeros(cells, dtype=np.int64)
        self.senders = np.zeros(cells * self.words, dtype=np.int64)
        self.counts = np.zeros(counts, dtype=np.int64)
        self.shares = [
            Share(self, size, (node, cell, count))
            for size, (node, cell, count) in zip(sizes, [[0, 0, 0], *ends], strict=False)
        ]
        self._state = np.zeros(10, dtype=np.int64)
        self._fields = _view(self._state)
        self._agenda = np.empty((3, _FIRST_ROOM), dtype=np.int64)
        self._letters = np.zeros((8, _FIRST_ROOM), dtype=np.int64)
        self._left = _view(self._letters[LEFT])
        self._sent: list[Letter | None] = [None] * _FIRST_ROOM
        self._stamps = np.empty(_STAMPS, dtype=np.int64)
        self._times = _view(self._stamps)
        self._number = engine.number
        engine.join(self)

    def post(self, share: Share, letter: Letter, links: Links) -> tuple[int, int]:
        """As `Share.post`."""
        fields, size = self._fields, share.size
        while fields[SIZE] + size.validators > self._agenda.shape[1]:
            self._agenda = np.hstack([self._agenda, np.empty_like(self._agenda)])
        place = self._place()
        first_node, first_cell, first_count = share.first
        self._letters[:, place] = (
            letter.nic_ns,
            letter.work_ns,
            0,
            first_node,
            first_cell + letter.ballot * size.validators,
            letter.sender,
            first_count + size.ballots + letter.kind,
            first_count + letter.ballot,
        )
        self._sent[place] = letter
        arrays = self._state, self._agenda, self._letters
        post(*arrays, place, letter.begun_ns, self._number(), *links, size.validators)
        share.under_way[letter.ballot] += self._left[place]
        self.due_ns = fields[DUE]
        return fields[FREE], fields[LOST]

    def _place(self) -> int:
        """A letter's place that is free, behind the last one taken."""
        left, fields = self._left, self._fields
        count = len(left)
        place = fields[NEXT_LETTER]
        for _ in range(count):
            if not left[place]:
                break
            place = (place + 1) % count
        else:
            self._letters = np.hstack([self._letters, np.zeros_like(self._letters)])
            self._left = _view(self._letters[LEFT])
            self._sent += [None] * count
            place = count
        fields[NEXT_LETTER] = (place + 1) % len(self._left)
        return int(place)

    def advance(self, until_ns: int, number: int, limit: int) -> tuple[Callable[[], object] | None, memoryview]:
        """As `sim.kernel.engine.Beside.advance`."""
        fields = self._fields
        fields[UNTIL], fields[NUMBER], fields[LIMIT] = until_ns, number, limit
        arrays = self._state, self._agenda, self._letters, self.nodes, self.credit, self.senders, self.counts
        handed = advance(*arrays, self._stamps)
        self.due_ns, self.now_ns = fields[DUE], fields[NOW]
        times = self._times[: fields[DONE]]
        if handed == _NOBODY:
            return None, times
        place, receiver = divmod(handed, MOST_NODES)
        letter = self._sent[place]
        if letter is None:
            raise IndexError(f"no letter at place {place}")
        return partial(letter.deliver, receiver, letter.payload, letter.nic_ns, letter.tally), times
