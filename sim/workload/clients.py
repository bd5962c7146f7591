"""Clients of a closed loop: each waits until its record is committed at its node, thinks, and sends the next.

So many clients never have more than so many records under way, and a slow chain is asked for less. Each begins by
thinking. A client whose record is rejected tries it again after a back-off; its latency still counts from the first
try, and every try is a transaction of its own, offered and accounted for. At the end each client thinks, or has one
record under way.

Each client's think times, back-offs and sizes are sequences of draws of its own, so what one client does moves no draw
of another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.config import Sent
from sim.kernel.distributions import Constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.kernel.distributions import Distribution
    from sim.kernel.draws import Draws
    from sim.kernel.engine import Engine
    from sim.workload.streams import ClosedLoop

    Numbers = NDArray[np.int64]

_CHUNK = 64


class Sequences:
    """A sequence of whole numbers for each client, drawn from one distribution.

    Args:
        draws: chance.
        key: where it is addressed; a client and the chunk of its sequence follow.
        distribution: of each number.
        clients: how many.
        least: smaller numbers are raised to this.
    """

    def __init__(
        self, draws: Draws, key: tuple[str, ...], distribution: Distribution, clients: int, least: int = 0
    ) -> None:
        self._draws = draws
        self._key = key
        self._distribution = distribution
        self._least = least
        self._taken = np.zeros(clients, dtype=np.int64)
        self._drawn = np.empty((0 if isinstance(distribution, Constant) else clients, _CHUNK))

    def take(self, clients: Numbers) -> Numbers:
        """The next number of each of these clients, all different."""
        if isinstance(self._distribution, Constant):
            values = np.full(len(clients), self._distribution.value)
        else:
            place = self._taken[clients] % _CHUNK
            for client in clients[place == 0].tolist():
                block = self._draws.block(*self._key, client, int(self._taken[client]) // _CHUNK)
                self._drawn[client] = self._distribution.sample(block, _CHUNK)
            self._taken[clients] += 1
            values = self._drawn[clients, place]
        whole: Numbers = np.maximum(np.rint(values), self._least).astype(np.int64)
        return whole


class Clients:
    """The clients of one stream.

    Args:
        engine: time.
        draws: chance.
        loop: how they behave.
        chain: where they deposit.
        nodes: they are dealt to these at random, once.
        horizon_ns: the end of the run.

    Attributes:
        loop: likewise.
        chain_id: of the chain.
        stream: position of the stream in `Offered.streams`.
        thought: from when to when they thought, one pair of arrays for each time that some began to.
        retries: how often a rejected record was tried again.
    """

    def __init__(
        self, engine: Engine, draws: Draws, loop: ClosedLoop, chain: Chain, nodes: range, horizon_ns: int
    ) -> None:
        self.loop = loop
        self.chain_id = chain.config.id
        self.stream = chain.offered.streams.index(loop.id)
        self.thought: list[tuple[Numbers, Numbers]] = []
        self.retries = 0
        self._chain = chain
        self._horizon_ns = horizon_ns
        self._end_ns = min(loop.end_ns, horizon_ns)
        key = (chain.config.id, loop.id)
        self._node = nodes.start + draws.block(*key, "nodes").integers(loop.clients, len(nodes))
        self._think = Sequences(draws, (*key, "think"), loop.think, loop.clients)
        self._backoff = Sequences(draws, (*key, "back-off"), loop.backoff, loop.clients, least=1)
        self._size = Sequences(draws, (*key, "sizes"), loop.size, loop.clients, least=1)
        self._row = np.full(loop.clients, -1, dtype=np.int64)
        chain.answers.subscribe(self.stream, self._committed, self._rejected)
        engine.call_at(loop.begin_ns, self._come, loop.begin_ns)

    def _come(self, at_ns: int) -> None:
        everybody = np.arange(self.loop.clients)
        self._think_then_send(everybody, np.full(len(everybody), at_ns))

    def _current(self, rows: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
        """Whose these are, and which of them are tries that their clients have not given up."""
        clients = self._chain.offered.client[rows].astype(np.int64)
        return clients, self._row[clients] == rows

    def _committed(self, rows: Numbers, known_ns: Numbers) -> None:
        clients, current = self._current(rows)
        # A chain without any delay answers at once; time must pass all the same.
        at_once = known_ns == self._chain.offered.intended_ns[rows]
        self._think_then_send(clients[current], known_ns[current], at_once[current])

    def _rejected(self, rows: Numbers, known_ns: Numbers) -> None:
        clients, current = self._current(rows)
        clients, rows, known_ns = clients[current], rows[current], known_ns[current]
        self._try_again(clients, rows, known_ns + self._backoff.take(clients))

    def _think_then_send(self, clients: Numbers, from_ns: Numbers, least_ns: NDArray[np.bool_] | int = 0) -> None:
        until_ns = from_ns + np.maximum(self._think.take(clients), least_ns)
        self.thought.append((from_ns, until_ns))
        self._row[clients] = -1
        going_on = until_ns < self._end_ns
        clients, until_ns = clients[going_on], until_ns[going_on]
        if len(clients):
            self._send(clients, until_ns, until_ns, self._size.take(clients))

    def _try_again(self, clients: Numbers, rows: Numbers, at_ns: Numbers) -> None:
        """The same record once more, if there is time; until it is committed it is under way."""
        in_time = at_ns < self._horizon_ns
        clients, rows, at_ns = clients[in_time], rows[in_time], at_ns[in_time]
        if len(clients):
            self.retries += len(clients)
            offered = self._chain.offered
            self._send(clients, offered.intended_ns[rows], at_ns, offered.size_bytes[rows])

    def _send(self, clients: Numbers, intended_ns: Numbers, submitted_ns: Numbers, size_bytes: Numbers) -> None:
        sent = Sent(self.stream, clients, intended_ns, submitted_ns, size_bytes, self._node[clients])
        self._row[clients] = self._chain.take(sent)

    def thought_by(self, until_ns: int) -> Numbers:
        """How long each think time was that ended by then."""
        none = np.empty(0, dtype=np.int64)
        return np.concatenate([none, *((end - begin)[end <= until_ns] for begin, end in self.thought)])

    def thinking_ns(self, from_ns: int, until_ns: int) -> int:
        """Client-nanoseconds spent thinking in an interval: the area under the number of thinking clients."""
        return sum(_overlap_ns(begin_ns, end_ns, from_ns, until_ns) for begin_ns, end_ns in self.thought)


def _overlap_ns(begin_ns: Numbers, end_ns: Numbers, from_ns: int, until_ns: int) -> int:
    inside_ns = np.clip(end_ns, from_ns, until_ns) - np.clip(begin_ns, from_ns, until_ns)
    return int(inside_ns.sum())
