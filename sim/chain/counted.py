"""A chain whose votes may go unread: its nodes and network share with compiled code how busy CPUs and NICs are.

As in `sim.chain.watched`, subclasses that `sim.build` takes instead of their parents; what goes unread, and why, is
said in `sim.chain.unread`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sim.chain.chain import Chain
from sim.chain.letters import Letter, Links
from sim.chain.node import Node
from sim.chain.unread import Ballots, CountedReplica
from sim.network.transport import NEVER, Network, Tally

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from sim.consensus.interface import Counting, Message
    from sim.network.delays import Address


class CountedNode(Node):
    """A node whose CPU compiled code keeps busy as well, so that its times stand in arrays.

    Arguments as `Node` has them, behind the chain's ballots.
    """

    __slots__ = ("_ballots", "_busy_ns", "_free_ns", "_slow")

    def __init__(self, ballots: Ballots, index: int, *args: Any) -> None:  # noqa: ANN401 - as the parent has them
        _, _, free_ns, busy_ns = ballots.share.nodes
        self._ballots = ballots
        self._free_ns, self._busy_ns = free_ns[index : index + 1], busy_ns[index : index + 1]
        super().__init__(index, *args)

    @property
    def steady(self) -> bool:
        """Whether work takes as long as on others, and no crash is due."""
        return self._slow == 1 and self.halt_ns == NEVER and not self.down

    @property
    def cpu_free_ns(self) -> int:
        """As the parent's."""
        return self._free_ns[0]

    @cpu_free_ns.setter
    def cpu_free_ns(self, time_ns: int) -> None:
        self._free_ns[0] = time_ns

    @property
    def cpu_busy_ns(self) -> int:
        """As the parent's."""
        return self._busy_ns[0]

    @cpu_busy_ns.setter
    def cpu_busy_ns(self, time_ns: int) -> None:
        self._busy_ns[0] = time_ns

    @property
    def slow(self) -> int:
        """As the parent's; whoever changes it will see every message."""
        return self._slow

    @slow.setter
    def slow(self, times: int) -> None:
        self._slow = times
        if self.index < len(self._ballots.replicas):
            self._ballots.recall(self.index)


class CountedNetwork(Network):
    """A network on which votes may go unread; arguments as `Network` has them, behind the chain's ballots."""

    def __init__(self, ballots: Ballots, *args: Any, **keys: Any) -> None:  # noqa: ANN401 - as the parent has them
        self._ballots = ballots
        self._counted: dict[str, Tally] = {}
        self._kinds: list[Tally | None] = [None] * ballots.share.size.kinds
        super().__init__(*args, **keys)
        share = ballots.share
        self._ingress_free, self._ingress_busy_ns = cast("Any", share.nodes[:2])
        nodes = share.size.nodes
        self._latest_cells = np.zeros((nodes, nodes), dtype=np.int64)
        self._latest = cast("Any", [memoryview(cast("Any", row)) for row in self._latest_cells])
        self._ordered_cells = np.array(self._ordered, dtype=np.bool_)

    @property
    def tallies(self) -> dict[str, Tally]:
        """As the parent's; unread votes are in it by the time that somebody looks."""
        arrived = self._ballots.share.arrived
        for kind, tally in enumerate(self._kinds):
            if tally is not None and arrived[kind]:
                tally.delivered += arrived[kind]
                arrived[kind] = 0
        return self._counted

    @tallies.setter
    def tallies(self, tallies: dict[str, Tally]) -> None:
        self._counted = tallies

    def send(
        self, sender: int, receivers: Sequence[int], payload: object, size_bytes: int, address: Address, at_ns: int
    ) -> None:
        """As `Network.send`."""
        message, work_ns, batch_ns = cast("tuple[Message, int, int]", payload)
        placed = None
        if self.plain and self._halt_ns[sender] == NEVER:
            placed = self._ballots.place(sender, receivers, message)
        if placed is None:
            super().send(sender, receivers, payload, size_bytes, address, at_ns)
            return
        ballot, kind = placed
        tally = self._counted.get(address[0])
        if tally is None:
            tally = self._counted[address[0]] = Tally()
        self._kinds[kind] = tally
        nic_ns = self.transmission_ns(size_bytes)
        if self._delays.random:
            address = self._anew(sender, receivers, address)
        begun_ns = max(at_ns, self._egress_free[sender])
        free_ns, lost = self._ballots.share.post(
            Letter(ballot, kind, sender, nic_ns, work_ns + batch_ns, begun_ns, payload, tally, self._arrive),
            Links(
                self._delays.rows(address, self._span(sender, receivers)).cells(sender),
                self._ordered_cells[sender],
                self._latest_cells[sender],
            ),
        )
        self._egress_free[sender] = free_ns
        self._count_egress(sender, begun_ns, free_ns)
        tally.lost += lost
        tally.sent += len(receivers)
        tally.sent_bytes += len(receivers) * size_bytes

    def busy(self, n: int) -> tuple[list[int], list[int], list[list[int]]]:
        """As `Network.busy`."""
        ingress, egress, latest = super().busy(n)
        return list(ingress), egress, [list(row) for row in latest]

    def set_busy(self, ingress: Sequence[int], egress: Sequence[int], latest: Sequence[Sequence[int]]) -> None:
        """As `Network.set_busy`."""
        n = len(ingress)
        self._egress_free[:n] = egress
        for node, free_ns in enumerate(ingress):
            self._ingress_free[node] = free_ns
        for row, last in zip(self._latest_cells, latest, strict=False):
            row[: len(last)] = last


class CountedChain(Chain):
    """A chain whose votes may go unread; arguments as `Chain` has them, behind its ballots."""

    def __init__(self, ballots: Ballots, *args: Any) -> None:  # noqa: ANN401 - as the parent has them
        self._ballots = ballots
        super().__init__(*args)
        ballots.faulty = self.faulty.nodes

    def _make_node(self, index: int) -> Node:
        node = CountedNode(self._ballots, index, self.network.topology.regions[index], None, self.config.cores)
        if index < self.config.validators:
            replica = CountedReplica(cast("Counting", self.fresh_replica(index)), node, self._ballots)
            self._ballots.replicas[index] = replica
            node.replica = replica
        return node

    def distrust(self, index: int) -> None:
        """As `Chain.distrust`; such a node reads every vote, and its replica stands for itself."""
        self._recall(index)
        node = self.nodes[index]
        if isinstance(node.replica, CountedReplica):
            self._ballots.replicas[index] = None
            node.replica = node.replica.counting
        super().distrust(index)

    def plan_downtimes(self, index: int, downtimes: Sequence[tuple[int, int]], wiped: Container[int] = ()) -> None:
        """As `Chain.plan_downtimes`."""
        self._recall(index)
        super().plan_downtimes(index, downtimes, wiped)

    def _recall(self, index: int) -> None:
        if index < self.config.validators:
            self._ballots.recall(index)
