"""Blocks on their way to observers, many heights at once: what `catchup` does one push at a time while all is calm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.chain.sync import BlockPush
from sim.consensus.interface import Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.chain import Chain

    Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pushes:
    """What each height's block weighs on its way to one observer, shape (heights,): bytes, NIC time, CPU time."""

    size_bytes: Times
    nic: Times
    work: Times


@dataclass(frozen=True, slots=True)
class Followed:
    """How observers follow; shapes (heights, observers) unless said otherwise.

    Attributes:
        arrival: a block's last bit is at the observer's NIC.
        received: and through it.
        learned, executed: the certificate is checked, and the block executed.
        overtaken: the block came after the next one to some observer, who asked for what it lacked, shape (heights,).
    """

    arrival: Times
    received: Times
    learned: Times
    executed: Times
    overtaken: NDArray[np.bool_]


class Observers:
    """The observers of one chain, each fed by the validator of its own number.

    Args:
        chain: whose.
        ingress_ns: until when each observer's NIC receives, shape (observers,).
        latest_ns: the last arrival on the link from its feeder, likewise.
    """

    def __init__(self, chain: Chain, ingress_ns: Times, latest_ns: Times) -> None:
        self._chain = chain
        n = chain.config.validators
        self._numbers = np.arange(n, chain.config.nodes)
        self.feeder = self._numbers % n
        self.count = len(self._numbers)
        place = [int(np.count_nonzero(self.feeder[:o] == self.feeder[o])) for o in range(self.count)]
        self._place = np.array(place, dtype=np.int64)
        self.fed = np.bincount(self.feeder, minlength=n)
        self.ingress_ns, self.latest_ns = ingress_ns, latest_ns
        self.cpu_ns = np.array([node.cpu_free_ns for node in chain.nodes[n:]], dtype=np.int64)
        self._arrived_ns = np.zeros(self.count, dtype=np.int64)

    def pushes(self, sizes: Times) -> Pushes:
        """What blocks of these sizes weigh."""
        family, costs, network = self._chain.family, self._chain.config.costs, self._chain.network
        signatures = family.quorum(self._chain.config.validators) if family.certified else 0
        empty = BlockPush(0, 0, Value(b"", 0, 0), signatures)
        size_bytes = sizes + empty.size_bytes
        nic = np.array([network.transmission_ns(int(size)) for size in size_bytes], dtype=np.int64)
        return Pushes(size_bytes, nic, signatures * costs.verify_ns + costs.hashing_ns(size_bytes))

    def follow(self, height: int, sent: Times, pushes: Pushes, execute: Times) -> Followed:
        """Let blocks from ``height`` on go out.

        Args:
            height: of the first.
            sent: when the feeders' NICs begin to send each, shape (heights, validators).
            pushes: what they weigh.
            execute: what executing them takes, shape (heights,).
        """
        network, count = self._chain.network, len(sent)
        ways = network.delays([("block-push", 0, height + k) for k in range(count)], inner=False)
        out = sent[:, self.feeder] + (1 + self._place) * pushes.nic[:, None]
        arrival = out + ways[:, self.feeder, self._numbers]
        if network.ordered:
            arrival = np.maximum(np.maximum.accumulate(arrival, axis=0), self.latest_ns)
        gaps = np.diff(arrival, axis=0, prepend=self._arrived_ns[None, :])
        overtaken: NDArray[np.bool_] = np.any(gaps < 0, axis=1)
        through = np.cumsum(pushes.nic)[:, None]
        received = through + np.maximum(np.maximum.accumulate(arrival - through, axis=0), self.ingress_ns)
        spent = (pushes.work + execute)[:, None]
        before = np.cumsum(spent, axis=0) - spent
        begun = np.maximum(np.maximum.accumulate(received - before, axis=0), self.cpu_ns) + before
        learned = begun + pushes.work[:, None]
        return Followed(arrival, received, learned, learned + execute[:, None], overtaken)

    def settle(self, followed: Followed, pushes: Pushes, execute: Times, count: int) -> None:
        """The first so many of these heights have happened."""
        if not self.count:
            return
        chain, n = self._chain, self._chain.config.validators
        self._arrived_ns, self.ingress_ns = followed.arrival[count - 1], followed.received[count - 1]
        self.latest_ns, self.cpu_ns = followed.arrival[count - 1], followed.executed[count - 1]
        nic_ns = int(pushes.nic[:count].sum())
        spent_ns = int(pushes.work[:count].sum() + execute[:count].sum())
        for observer in chain.nodes[n:]:
            observer.cpu_busy_ns += spent_ns
            chain.network.account_busy(observer.index, 0, nic_ns)
        for validator in range(n):
            chain.network.account_busy(validator, int(self.fed[validator]) * nic_ns, 0)
        chain.network.account("block-push", count * self.count, int(pushes.size_bytes[:count].sum()) * self.count)
