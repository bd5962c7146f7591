"""What every event engine is given: a queue and a flood of messages, with all times drawn beforehand.

Times are whole nanoseconds below 2^53, so that integers and floats agree to the last bit, and whoever simulates the
same thing must come to the same result.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

UTILISATION = 0.8
MEAN_SERVICE_NS = 1_000_000_000
MEAN_DELAY_NS = 20_000_000


class Queue:
    """M/M/1: customers come at random, one is served at a time, first come first served.

    Args:
        customers: how many.

    Attributes:
        gaps_ns: between one customer and the next; the first comes after the first gap.
        services_ns: how long each is served.
    """

    items = "customers"

    def __init__(self, customers: int) -> None:
        draw = np.random.default_rng(1)
        gaps = draw.exponential(MEAN_SERVICE_NS / UTILISATION, customers)
        self.count = customers
        self.gaps_ns: list[int] = np.ceil(gaps).astype(int).tolist()
        self.services_ns: list[int] = np.ceil(draw.exponential(MEAN_SERVICE_NS, customers)).astype(int).tolist()

    @cached_property
    def expected(self) -> int:
        """The sum of all times spent waiting for service, by Lindley's recursion (1952)."""
        waited = total = 0
        for gap, service_before in zip(self.gaps_ns[1:], self.services_ns, strict=False):
            waited = max(0, waited + service_before - gap)
            total += waited
        return total


class Flood:
    """Nodes in rounds, as in Byzantine agreement: who has heard a quorum of a round tells everybody of the next.

    Args:
        nodes: how many.
        rounds: how many; all nodes begin the first one at time 0.

    Attributes:
        quorum: so many messages of a round, counted by their receiver, begin its next round.
        delays_ns: by round, sender and receiver.
    """

    items = "messages"

    def __init__(self, nodes: int, rounds: int) -> None:
        delays = np.random.default_rng(2).exponential(MEAN_DELAY_NS, (rounds, nodes, nodes))
        self.nodes, self.rounds = nodes, rounds
        self.quorum = 2 * (nodes - 1) // 3
        self.delays_ns: list[list[list[int]]] = np.ceil(delays).astype(int).tolist()
        self.count = rounds * nodes * (nodes - 1)

    @cached_property
    def expected(self) -> int:
        """When the last node has heard its quorum of the last round, by order statistics."""
        began = np.zeros(self.nodes, dtype=np.int64)
        for delays in np.array(self.delays_ns):
            heard = began[:, None] + delays
            np.fill_diagonal(heard, np.iinfo(np.int64).max)
            began = np.sort(heard, axis=0)[self.quorum - 1]
        return int(began.max())

    def start(self) -> Nodes:
        """Nodes that have heard nothing yet."""
        return Nodes(self)


class Nodes:
    """What the nodes of one simulation have heard; the same code under every engine.

    Attributes:
        delivered: messages heard by anybody.
        last_ns: when a node last heard its quorum of a round.
    """

    def __init__(self, flood: Flood) -> None:
        self._flood = flood
        self._heard = [[0] * flood.nodes for _ in range(flood.rounds)]
        self.delivered = 0
        self.last_ns = 0

    def hear(self, node: int, number: int, now_ns: float) -> bool:
        """A message of a round reaches a node: whether the node begins the next round."""
        heard = self._heard[number]
        heard[node] += 1
        self.delivered += 1
        if heard[node] != self._flood.quorum:
            return False
        self.last_ns = int(now_ns)
        return number + 1 < self._flood.rounds

    def sends(self, node: int, number: int) -> list[tuple[int, int]]:
        """Receivers and delays of what a node says in a round."""
        return [(other, delay) for other, delay in enumerate(self._flood.delays_ns[number][node]) if other != node]

    def result(self) -> int:
        """`last_ns`, if every message was delivered."""
        assert self.delivered == self._flood.count, f"{self.delivered} messages of {self._flood.count}"
        return self.last_ns
