"""How heights of a chain are computed as a whole while nothing goes wrong: the way that its protocol allows, if any."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sim.chain.compiled.express import Express
from sim.chain.compiled.heights import Heights
from sim.chain.compiled.replication import Replication
from sim.chain.compiled.views import Pipeline
from sim.chain.pilot import Pilot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.chain.chain import Chain
    from sim.chain.compiled.course import Course
    from sim.kernel.engine import Engine


def shortcut(
    chain: Chain, engine: Engine, faults: Sequence[tuple[int, int]], horizon_ns: int
) -> Pilot | Express | None:
    """Who computes a chain's heights, outside the intervals in which something is wrong.

    Order statistics where the leader stays, compiled loops where it moves on or a log is replicated; None where every
    message is delivered.
    """
    family = chain.family
    if family.votes is not None and not family.rotates:
        return Pilot(chain, engine, family.votes, faults)
    begin: Callable[[int], Course] | None = None
    if family.votes is not None:
        begin = partial(Heights, chain, family.votes)
    elif family.chain_length:
        begin = partial(Pipeline, chain)
    elif family.replicates:
        begin = partial(Replication, chain)
    return None if begin is None else Express(chain, engine, begin, faults, horizon_ns)
