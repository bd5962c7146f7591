"""What clients that wait are told of their records: committed at their own node, or rejected.

A record is committed for its client when the client's own node has executed its block, or, while that node is down,
the next one that is up; the news then takes the one hop back. A record that finds no room in the leader's pool is
rejected there, and the news takes the way back to the client's node and the same hop. One that fits no block is
refused by the client's own node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sim.network.transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sim.chain.blocks import Block
    from sim.chain.chain import Chain
    from sim.chain.node import Node
    from sim.kernel.engine import Engine

    Rows: TypeAlias = NDArray[np.int64]
    Listener: TypeAlias = Callable[[Rows, Rows], None]

Host: TypeAlias = tuple[int, int, int]
"""Whom clients talk to, as (node, from, until)."""


def hosts_of(nodes: Sequence[Node], home: int) -> list[Host]:
    """Whom the clients of a node talk to: to it, or to the next that is up while it is down."""
    ring = [nodes[(home + k) % len(nodes)] for k in range(len(nodes))]
    changes = sorted({time_ns for node in nodes for downtime in node.downtimes for time_ns in downtime} - {NEVER})
    hosts: list[Host] = []
    for from_ns, until_ns in zip([0, *changes], [*changes, NEVER], strict=True):
        host = next((node.index for node in ring if not node.is_down_at(from_ns)), None)
        if host is not None and hosts and hosts[-1][0] == host and hosts[-1][2] == from_ns:
            hosts[-1] = (host, hosts[-1][1], until_ns)
        elif host is not None:
            hosts.append((host, from_ns, until_ns))
    return hosts


class Answers:
    """The news for the clients of one chain's closed loops.

    Args:
        chain: their chain.
        engine: time.
        access_ns: from a client to its node, and back.
    """

    def __init__(self, chain: Chain, engine: Engine, access_ns: Rows) -> None:
        self._chain = chain
        self._engine = engine
        self._access_ns = access_ns
        self._committed: dict[int, Listener] = {}
        self._rejected: dict[int, Listener] = {}
        self._guests: list[list[Host]] | None = None
        self._untold: dict[int, dict[int, Rows]] = {}
        self._height = 0

    def subscribe(self, stream: int, committed: Listener, rejected: Listener) -> None:
        """Have the clients of a stream told of their rows, and when the news is there: never before it is handed over.

        Args:
            stream: by its position.
            committed: called with rows that are, and with times.
            rejected: likewise.
        """
        self._committed[stream], self._rejected[stream] = committed, rejected

    def executed(self, node: int, block: Block, executed_ns: int) -> None:
        """A node will have executed a block at this time; it was or will be the first to tell some clients."""
        height = block.header.height
        if height > self._height:
            self._height = height
            self._untold[height] = self._by_home(block.transactions)
        # What a node without its disk executes again it had told already.
        if not self._untold.get(height) or block.executed_ns[node] != executed_ns:
            return
        for home, from_ns, until_ns in self._clients_of(node):
            if executed_ns < until_ns and home in self._untold[height]:
                self._engine.call_at(max(executed_ns, from_ns), self._learn, home, height)

    def _by_home(self, transactions: Rows) -> dict[int, Rows]:
        """Of these transactions those whose clients wait, by their node."""
        offered = self._chain.offered
        rows = transactions[offered.client[transactions] >= 0]
        nodes = offered.node[rows]
        return {int(home): rows[nodes == home] for home in np.unique(nodes)}

    def _clients_of(self, node: int) -> list[Host]:
        """Whose clients talk to a node, as (their own node, from, until)."""
        if self._guests is None:
            nodes = self._chain.nodes
            self._guests = [[] for _ in nodes]
            for home in range(len(nodes)):
                for host, from_ns, until_ns in hosts_of(nodes, home):
                    self._guests[host].append((home, from_ns, until_ns))
        return self._guests[node]

    def _learn(self, home: int, height: int) -> None:
        """The node that a node's clients talk to has executed a block; another may have been first."""
        untold = self._untold.get(height, {})
        rows = untold.pop(home, None)
        if rows is not None:
            self._tell(self._committed, rows, np.full(len(rows), self._engine.now + self._access_ns[home]))
        if not untold:
            self._untold.pop(height, None)

    def rejected(self, rows: Rows, news_ns: Rows) -> None:
        """These were turned away, and the news will be with their clients' nodes at these times."""
        news_ns = news_ns + self._access_ns[self._chain.offered.node[rows]]
        # Not at once: whoever turns them away is not done yet, and clients may send again right away.
        self._engine.call_at(self._engine.now, self._tell, self._rejected, rows, news_ns)

    def _tell(self, listeners: dict[int, Listener], rows: Rows, known_ns: Rows) -> None:
        streams = self._chain.offered.stream[rows]
        for stream in np.unique(streams):
            theirs = streams == stream
            listeners[int(stream)](rows[theirs], known_ns[theirs])
