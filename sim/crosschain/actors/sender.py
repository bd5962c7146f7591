"""Who sends packets: users of the source chain, in an open loop, each through some node of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.crosschain.contracts.messages import SEND, Call, transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sim.crosschain.actors.endpoint import Endpoint
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
    """

    id: str
    times_ns: NDArray[np.int64]
    size_bytes: NDArray[np.int64]
    node: NDArray[np.int64]
    amount: int


class Sender:
    """Sends the transfers of one stream.

    Args:
        engine: time.
        link: that they cross.
        traffic: what is sent.
        nodes: of the source, in order.
        counted: a node of the other chain, whose height a timeout counts from; None where it counts from when the chain
            between has taken a packet.
        books: where packets are written down.
        timeout_blocks, timeout_ns: after how many blocks, or how long, a packet times out; 0 for never.
    """

    def __init__(
        self,
        engine: Engine,
        link: str,
        traffic: Traffic,
        nodes: Sequence[Endpoint],
        counted: Endpoint | None,
        books: Books,
        timeout_blocks: int,
        timeout_ns: int,
    ) -> None:
        self._engine = engine
        self._link = link
        self._traffic = traffic
        self._nodes = nodes
        self._counted = counted
        self._books = books
        self._timeout_blocks = timeout_blocks
        self._timeout_ns = timeout_ns
        self._plan(0)

    def _plan(self, k: int) -> None:
        if k < len(self._traffic.times_ns):
            self._engine.call_at(int(self._traffic.times_ns[k]), self._send, k)

    def _send(self, k: int) -> None:
        traffic, now_ns = self._traffic, self._engine.now
        head = 0 if self._counted is None else self._counted.head()
        height = head + self._timeout_blocks if self._timeout_blocks else 0
        time_ns = now_ns + self._timeout_ns if self._timeout_ns else 0
        numbers = (number.to_bytes(8, "big") for number in (height, time_ns))
        data = transfer(traffic.amount, int(traffic.size_bytes[k]))
        call = Call(self._link, SEND, f"{traffic.id}/{k}", (*numbers, data))
        (row,) = self._nodes[int(traffic.node[k])].submit(-1, [call.to_bytes()])
        self._books.offer(row, now_ns, traffic.amount)
        self._plan(k + 1)
