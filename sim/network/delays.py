"""One-way delays by address: a block of draws for every (kind, view, sequence), so that who asks first is no matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sim.kernel import elementary
from sim.kernel.distributions import Constant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.kernel.distributions import Distribution
    from sim.kernel.draws import Draws
    from sim.network.topology import Topology

Address: TypeAlias = "tuple[str, int, int] | tuple[str, int, int, int]"
"""What a message is about: its kind, view and sequence number, and the how manieth time it is said if not the first."""

LOST = -1
_REMEMBERED = 64


class Delays:
    """The delay of every sender to every receiver, for one address at a time.

    Args:
        draws: the replication's chance.
        chain: whose messages these are; part of every draw's address.
        topology: whose links these are.

    Attributes:
        random: whether chance has any part in them.
    """

    def __init__(self, draws: Draws, chain: str, topology: Topology) -> None:
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
        self._recent: dict[Address, list[list[int]]] = {}

    def rows(self, address: Address) -> list[list[int]]:
        """Nanoseconds from each sender to each receiver for this address; `LOST` where a datagram is lost."""
        if not self.random:
            return self._fixed
        rows = self._recent.get(address)
        if rows is None:
            rows = self._recent[address] = self._rows(self._draw(address))
            if len(self._recent) > _REMEMBERED:
                del self._recent[next(iter(self._recent))]
        return rows

    def matrix(self, address: Address) -> NDArray[np.int64]:
        """As `rows`, as an array of shape (nodes, nodes)."""
        return self._draw(address) if self.random else self._base + self._constant_jitter()

    def _rows(self, delays: NDArray[np.int64]) -> list[list[int]]:
        rows: list[list[int]] = delays.tolist()
        return rows

    def _constant_jitter(self) -> NDArray[np.int64]:
        total = np.zeros((self._size, self._size), dtype=np.int64)
        for jitter, mask in self._jitters:
            if isinstance(jitter, Constant):
                total += mask * int(jitter.value)
        return total

    def _draw(self, address: Address) -> NDArray[np.int64]:
        block = self._draws.block(self._chain, *address)
        cells = self._size * self._size
        shape = (self._size, self._size)
        delays = self._base.copy()
        for jitter, mask in self._jitters:
            delays += mask * jitter.sample(block, cells).reshape(shape).astype(np.int64)
        if self._loss.any():
            u = block.uniforms(cells).reshape(shape)
            # A transmission fails k times in a row with probability loss^k; one uniform decides k.
            log_loss = elementary.log(np.where(self._loss > 0, self._loss, 0.5))
            failures = np.where(self._loss > 0, np.floor(elementary.log(u) / log_loss), 0.0)
            delays += np.where(self._reliable, failures * self._retransmit, 0.0).astype(np.int64)
            delays[(failures > 0) & ~self._reliable] = LOST
        return delays


def _jitter_masks(topology: Topology) -> list[tuple[Distribution, NDArray[np.int64]]]:
    """Each different jitter with the links that have it, in order of first appearance."""
    masks: dict[Distribution, NDArray[np.int64]] = {}
    for sender, row in enumerate(topology.links):
        for receiver, link in enumerate(row):
            mask = masks.setdefault(link.jitter, np.zeros((len(topology), len(topology)), dtype=np.int64))
            mask[sender, receiver] = 1
    return list(masks.items())
