"""Who sends packets: users of the source chain, in an open loop, each through some node of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.contracts.messages import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.orders import Order
    from sim.crosschain.books import Books
    from sim.kernel.engine import Engine


@dataclass(frozen=True, slots=True)
class Traffic:
    """A stream of transfers.

    Attributes:
        id: its name.
        times_ns: when each is sent, ascending.
        size_bytes: of each packet's data.
        node: through which each goes.
        amount: of each.
        payer, payee: the accounts on the source and on the destination that each is about, where accounts are locked.
        preimages: of each, where each is a swap.
        irreversible: whether the effect of each can't be undone.
        members: over how many links each goes at once, as a group; 1 by itself.
    """

    id: str
    times_ns: NDArray[np.int64]
    size_bytes: NDArray[np.int64]
    node: NDArray[np.int64]
    amount: int
    payer: NDArray[np.int64]
    payee: NDArray[np.int64]
    preimages: Sequence[bytes]
    irreversible: NDArray[np.bool_]
    members: int


class Sender:
    """Sends the transfers of one stream.

    Args:
        engine: time.
        link: that they cross.
        traffic: what is sent.
        nodes: of the source, in order.
        order: what is said of each.
        books: where packets are written down.

    Attributes:
        traffic: as given.
        rows: of the calls that have been sent, in the order of the traffic.
    """

    def __init__(
        self,
        engine: Engine,
        link: str,
        traffic: Traffic,
        nodes: Sequence[Endpoint],
        order: Order,
        books: Books,
    ) -> None:
        self._engine = engine
        self._link = link
        self.traffic = traffic
        self.rows: list[int] = []
        self._nodes = nodes
        self._order = order
        self._books = books
        self._plan(0)

    def _plan(self, k: int) -> None:
        if k < len(self.traffic.times_ns):
            self._engine.call_at(int(self.traffic.times_ns[k]), self._send, k)

    def _send(self, k: int) -> None:
        traffic, now_ns = self.traffic, self._engine.now
        call = Call(self._link, self._order.method, f"{traffic.id}/{k}", self._order.parts(traffic, k, now_ns))
        (row,) = self._nodes[int(traffic.node[k])].submit(-1, [call.to_bytes()])
        self.rows.append(row)
        self._books.offer(row, now_ns, traffic.amount)
        self._plan(k + 1)
