"""Transfers over a link: when each is sent, through which node, and how large it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.crosschain.actors.sender import Traffic
from sim.workload.arrivals import arrival_times

if TYPE_CHECKING:
    from sim.kernel.draws import Draws
    from sim.workload.streams import Deposits


def transfers(draws: Draws, chain: str, nodes: int, stream: Deposits, amount: int) -> Traffic:
    """The transfers of a stream, which is drawn like one of deposits; senders are dealt to the nodes at random."""
    times_ns = arrival_times(
        draws.block(chain, stream.id, "arrivals"), stream.rate_per_s, stream.pieces, poisson=stream.poisson
    )
    count = len(times_ns)
    sizes = stream.size.sample(draws.block(chain, stream.id, "sizes"), count)
    where = draws.block(chain, stream.id, "nodes").integers(count, nodes)
    return Traffic(stream.id, times_ns, np.maximum(np.rint(sizes), 1).astype(np.int64), where, amount)
