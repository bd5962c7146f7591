"""One-way delays by address: a block of draws for every (kind, view, sequence), so that who asks first is no matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sim.kernel import elementary
from sim.kernel.distributions import Constant, Exponential, Lognormal, Normal, Pareto
from sim.kernel.draws import Blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.kernel.distributions import Distribution
    from sim.kernel.draws import Block, Draws
    from sim.network.topology import Topology

Address: TypeAlias = "tuple[str, int, int] | tuple[str, int, int, int]"
"""What a message is about: its kind, view and sequence number, and the how manieth time it is said if not the first."""

LOST = -1
_REMEMBERED = 64
_INVERTED = (Constant, Exponential, Lognormal, Normal, Pareto)
"""Distributions that need one uniform for every value, or none."""


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
        self._base = topology.matrix(lambda link: link.delay_ns).astype(np.int64)
        self._loss = topology.matrix(lambda link: link.loss)
        self._reliable = topology.matrix(lambda link: link.reliable) > 0
        self._retransmit = topology.matrix(lambda link: link.retransmit_ns)
        self._jitters = _jitter_masks(topology)
        self.random = bool(self._loss.any()) or any(not isinstance(jitter, Constant) for jitter, _ in self._jitters)
        self._fixed = self._rows(self._base + self._constant_jitter())
        self._recent: dict[tuple[int, Address], list[list[int]]] = {}

    def rows(self, address: Address, size: int | None = None) -> list[list[int]]:
        """Nanoseconds from each of the first ``size`` senders to each receiver among them; `LOST` where one is lost.

        ``size`` is `inner` or, as by default, the number of all nodes.
        """
        if not self.random:
            return self._fixed
        size = self._size if size is None else size
        key = (size, address)
        rows = self._recent.get(key)
        if rows is None:
            rows = self._recent[key] = self._rows(self.matrices([address], size)[0])
            if len(self._recent) > _REMEMBERED:
                del self._recent[next(iter(self._recent))]
        return rows

    def matrices(self, addresses: Sequence[Address], size: int) -> NDArray[np.int64]:
        """As `rows` for many addresses, as an array of shape (addresses, size, size)."""
        if not self.random:
            fixed = (self._base + self._constant_jitter())[:size, :size]
            return np.broadcast_to(fixed, (len(addresses), size, size))
        blocks = [self._draws.block(self._chain, *address) for address in addresses]
        if all(isinstance(jitter, _INVERTED) for jitter, _ in self._jitters):
            return self._sample(Blocks(blocks), len(blocks), size)
        return np.concatenate([self._sample(block, 1, size) for block in blocks])

    def _rows(self, delays: NDArray[np.int64]) -> list[list[int]]:
        rows: list[list[int]] = delays.tolist()
        return rows

    def _constant_jitter(self) -> NDArray[np.int64]:
        total = np.zeros((self._size, self._size), dtype=np.int64)
        for jitter, mask in self._jitters:
            if isinstance(jitter, Constant):
                total += mask * int(jitter.value)
        return total

    def _sample(self, block: Block, count: int, size: int) -> NDArray[np.int64]:
        """Delays from ``count`` streams side by side, shape (count, size, size)."""
        shape = (count, size, size)
        cells = count * size * size
        loss, reliable = self._loss[:size, :size], self._reliable[:size, :size]
        delays = np.broadcast_to(self._base[:size, :size], shape).copy()
        for jitter, mask in self._jitters:
            delays += mask[:size, :size] * jitter.sample(block, cells).reshape(shape).astype(np.int64)
        if loss.any():
            u = block.uniforms(cells).reshape(shape)
            # A transmission fails k times in a row with probability loss^k; one uniform decides k.
            log_loss = elementary.log(np.where(loss > 0, loss, 0.5))
            failures = np.where(loss > 0, np.floor(elementary.log(u) / log_loss), 0.0)
            delays += np.where(reliable, failures * self._retransmit[:size, :size], 0.0).astype(np.int64)
            delays[(failures > 0) & ~reliable] = LOST
        return delays


def _jitter_masks(topology: Topology) -> list[tuple[Distribution, NDArray[np.int64]]]:
    """Each different jitter with the links that have it, in order of first appearance."""
    masks: dict[Distribution, NDArray[np.int64]] = {}
    for sender, row in enumerate(topology.links):
        for receiver, link in enumerate(row):
            mask = masks.setdefault(link.jitter, np.zeros((len(topology), len(topology)), dtype=np.int64))
            mask[sender, receiver] = 1
    return list(masks.items())
