"""One-way delays by address: a block of draws for every (kind, view, sequence), so that who asks first is no matter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sim.kernel import elementary
from sim.kernel.distributions import Constant, Exponential, Lognormal, Normal, Pareto
from sim.kernel.inversion import LOG, Law

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sim.kernel.distributions import Distribution
    from sim.kernel.draws import Block, Draws
    from sim.network.topology import Link, Topology

Address: TypeAlias = "tuple[str, int, int] | tuple[str, int, int, int]"
"""What a message is about: its kind, view and sequence number, and the how manieth time it is said if not the first."""

LOST = -1
_REMEMBERED = 64
_INVERTED = (Exponential, Lognormal, Normal, Pareto)
"""Distributions that take one uniform for every value."""
_LOG = Law(LOG, scale=1.0)


class Delays:
    """The delay of every sender to every receiver, for one address at a time.

    Most messages are between the first ``inner`` nodes, which is all that is drawn for these.

    Args:
        draws: the replication's chance.
        chain: whose messages these are; part of every draw's address.
        topology: whose links these are.
        inner: how many nodes speak among themselves most of the time; None for all.

    Attributes:
        random: whether chance has any part in them.
    """

    def __init__(self, draws: Draws, chain: str, topology: Topology, inner: int | None = None) -> None:
        self.inner = len(topology) if inner is None else inner
        self._draws = draws
        self._chain = chain
        self._size = len(topology)
        self._links = {size: _Links(topology, size) for size in {self.inner, self._size}}
        self.random = self._links[self._size].random
        self._fixed = Rows(self._links[self._size].fixed_ns)
        self._recent: dict[tuple[int, Address], Rows] = {}

    def rows(self, address: Address, size: int | None = None) -> Rows:
        """Nanoseconds from each of the first ``size`` senders to each receiver among them; `LOST` where one is lost.

        ``size`` is `inner` or, as by default, the number of all nodes.
        """
        if not self.random:
            return self._fixed
        size = self._size if size is None else size
        key = (size, address)
        rows = self._recent.get(key)
        if rows is None:
            rows = self._recent[key] = Rows(self.matrices([address], size)[0])
            if len(self._recent) > _REMEMBERED:
                del self._recent[next(iter(self._recent))]
        return rows

    def matrices(self, addresses: Sequence[Address], size: int) -> NDArray[np.int64]:
        """As `rows` for many addresses, as an array of shape (addresses, size, size)."""
        links = self._links[size]
        if not self.random:
            return np.broadcast_to(links.fixed_ns, (len(addresses), size, size))
        if links.inverted:
            return links.sample(self._draws.blocks((self._chain,), addresses), len(addresses))
        return np.concatenate([links.sample(self._draws.block(self._chain, *address), 1) for address in addresses])


class Rows:
    """One address's delays as lists, each made when its sender is asked for: most messages have one sender.

    Args:
        matrix: nanoseconds, shape (nodes, nodes), sender first.
    """

    __slots__ = ("_matrix", "_rows")

    def __init__(self, matrix: NDArray[np.int64]) -> None:
        self._matrix = matrix
        self._rows: list[list[int] | None] = [None] * len(matrix)

    def __getitem__(self, sender: int) -> list[int]:
        """From a sender to each receiver."""
        row = self._rows[sender]
        if row is None:
            row = self._rows[sender] = self._matrix[sender].tolist()
        return row

    def __len__(self) -> int:
        return len(self._rows)

    def cells(self, sender: int) -> NDArray[np.int64]:
        """As an array, from a sender to each receiver."""
        row: NDArray[np.int64] = self._matrix[sender]
        return row


class _Links:
    """The links between the first ``size`` nodes, as matrices of shape (size, size).

    Attributes:
        fixed_ns: delays without what is drawn.
        random: whether anything is drawn.
        inverted: whether every delay takes as many words, so that many addresses can be drawn side by side.
    """

    def __init__(self, topology: Topology, size: int) -> None:
        def matrix(of: Callable[[Link], float]) -> NDArray[np.float64]:
            return np.ascontiguousarray(topology.matrix(of)[:size, :size])

        self.fixed_ns = matrix(lambda link: link.delay_ns).astype(np.int64)
        self._loss = matrix(lambda link: link.loss)
        self._log_loss = elementary.log(np.where(self._loss > 0, self._loss, 0.5)) if self._loss.any() else None
        self._reliable = matrix(lambda link: link.reliable) > 0
        self._retransmit = matrix(lambda link: link.retransmit_ns)
        # In the order of their first appearance in the whole topology, in which they are drawn.
        order = {
            jitter: k for k, jitter in enumerate(dict.fromkeys(link.jitter for row in topology.links for link in row))
        }
        which = matrix(lambda link: order[link.jitter])
        self._jitters: list[tuple[Distribution, NDArray[np.bool_]]] = []
        for jitter, k in order.items():
            if isinstance(jitter, Constant):
                self.fixed_ns += (which == k) * int(jitter.value)
            else:
                self._jitters.append((jitter, which == k))
        self.random = bool(self._jitters) or any(link.loss for row in topology.links for link in row)
        laws = [jitter.law for jitter, _ in self._jitters if isinstance(jitter, _INVERTED)]
        self.inverted = len(laws) == len(self._jitters)
        self._only_law = laws[0] if self.inverted and len(laws) == 1 else None

    def sample(self, block: Block, streams: int) -> NDArray[np.int64]:
        """Delays from so many streams side by side, shape (streams, size, size)."""
        shape = (streams, *self.fixed_ns.shape)
        delays = self._jittered(block, shape)
        if self._log_loss is not None:
            # A transmission fails k times in a row with probability loss^k; one uniform decides k.
            logs = block.sample(_LOG, math.prod(shape)).reshape(shape)
            failures = np.where(self._loss > 0, np.floor(logs / self._log_loss), 0.0)
            delays += np.where(self._reliable, failures * self._retransmit, 0.0).astype(np.int64)
            delays[(failures > 0) & ~self._reliable] = LOST
        return delays

    def _jittered(self, block: Block, shape: tuple[int, int, int]) -> NDArray[np.int64]:
        if self._only_law is not None:
            ((_, mask),) = self._jitters
            delays = block.add_to(self.fixed_ns, self._only_law)
            if not mask.all():
                np.copyto(delays, self.fixed_ns, where=~mask)
            return delays
        delays = np.broadcast_to(self.fixed_ns, shape).copy()
        for jitter, mask in self._jitters:
            delays += mask * jitter.sample(block, math.prod(shape)).reshape(shape).astype(np.int64)
        return delays
