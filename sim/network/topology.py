"""Where nodes stand and what connects them: regions, the one-way delay between them, the class of each link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sim.kernel.distributions import Distribution
    from sim.network.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Link:
    """One direction between two nodes.

    Attributes:
        delay_ns: one-way propagation delay.
        jitter: added to it, drawn anew for every message, in nanoseconds.
        loss: the chance that one transmission is lost.
        reliable: an ordered byte stream, where a loss costs `retransmit_ns` and nothing overtakes; otherwise datagrams.
        retransmit_ns: retransmission timeout of a reliable link.
        bandwidth_bps: of the line itself, which serves one message after the other; None where only interfaces limit.
        duplicate: the chance that a datagram arrives twice, the second time after twice its delay.
        reorder: the chance that a message is held back by `held_back_ns`, so that others overtake it.
        gateway: between trust zones.
    """

    delay_ns: int
    jitter: Distribution
    loss: float
    reliable: bool
    retransmit_ns: int
    bandwidth_bps: float | None = None
    duplicate: float = 0.0
    reorder: float = 0.0
    held_back_ns: int = 0
    gateway: Gateway | None = None

    def __post_init__(self) -> None:
        if min(self.delay_ns, self.retransmit_ns, self.held_back_ns) < 0 or not 0 <= self.loss < 1:
            raise ValueError(f"a link needs delays >= 0 and a loss in [0, 1): {self}")
        if not (0 <= self.duplicate <= 1 and 0 <= self.reorder <= 1):
            raise ValueError(f"a link needs shares from 0 to 1: {self}")

    @property
    def plain(self) -> bool:
        """Whether delay, jitter and loss are all there is to it."""
        return self.bandwidth_bps is None and not self.duplicate and not self.reorder and self.gateway is None


class Topology:
    """The complete graph over a chain's nodes.

    Args:
        regions: the region of each node, by node number.
        link: the link from the first region to the second.
    """

    def __init__(self, regions: Sequence[str], link: Callable[[str, str], Link]) -> None:
        self.regions = tuple(regions)
        different = dict.fromkeys(regions)
        pairs = {(a, b): link(a, b) for a in different for b in different}
        self.links: list[list[Link]] = [[pairs[a, b] for b in regions] for a in regions]

    def __len__(self) -> int:
        return len(self.regions)

    def matrix(self, of: Callable[[Link], float]) -> NDArray[np.float64]:
        """One property of every link, shape (nodes, nodes), sender first."""
        return np.array([[of(link) for link in row] for row in self.links], dtype=np.float64)

    def graph(self) -> nx.DiGraph[int]:
        """The topology as a networkx graph: node attribute `region`, edge attribute `delay_ns`."""
        graph: nx.DiGraph[int] = nx.DiGraph()
        for node, region in enumerate(self.regions):
            graph.add_node(node, region=region)
        for sender, row in enumerate(self.links):
            for receiver, link in enumerate(row):
                if sender != receiver:
                    graph.add_edge(sender, receiver, delay_ns=link.delay_ns)
        return graph


def deal(nodes: int, regions: Sequence[str]) -> list[str]:
    """Deal nodes out to regions in turn, so that any run of consecutive node numbers is spread widely."""
    return [regions[node % len(regions)] for node in range(nodes)]
