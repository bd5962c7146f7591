"""Blocks of a relay chain by the clock: without them deadlines that count its blocks would never come on an idle chain.

BitXHub's orderers make a block every 2 s though nothing has happened, if told to (order.toml, `timed_gen_block`). Here
they do while a packet of any link over the chain has a deadline that has not come, since no other block would change
anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.contracts.messages import HEARTBEAT, Call
from sim.crosschain.contracts.relayed import waiting_key
from sim.crosschain.contracts.store import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.kernel.engine import Engine


class Ticker:
    """Makes a relay chain make blocks.

    Args:
        engine: time.
        links: over it, whose deadlines count.
        nodes: of the relay chain.
        interval_ns: after how long without a block there is one, or two of these at most.
    """

    def __init__(self, engine: Engine, links: Sequence[str], nodes: Sequence[Endpoint], interval_ns: int) -> None:
        self._engine = engine
        self._links = links
        self._nodes = nodes
        self._interval_ns = interval_ns
        self._seen = 0
        engine.call_after(interval_ns, self._tick)

    def _tick(self) -> None:
        self._engine.call_after(self._interval_ns, self._tick)
        node = next((node for node in self._nodes if node.is_up), None)
        if node is None:
            return
        head = node.head()
        if head == self._seen:
            waiting = (link for link in self._links if number_of(node.get(waiting_key(link), head)))
            link = next(waiting, None)
            if link is not None:
                node.submit(-1, [Call(link, HEARTBEAT, f"{link}/timer", ()).to_bytes()])
        self._seen = head
