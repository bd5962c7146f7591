"""Jolteon with one rule broken, three times over: what a checker of agreement must catch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sim.consensus.jolteon import JolteonReplica

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.consensus.chained_messages import Proposal
    from sim.consensus.interface import Output, Replica
    from sim.consensus.parameters import Parameters


class JolteonShort(JolteonReplica):
    """A third of the replicas certifies."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._quorums = replace(self._quorums, quorum=max(1, parameters.n // 3))


class JolteonHasty(JolteonReplica):
    """Decides whatever is certified."""

    chain_length = 1


class JolteonTrusting(JolteonReplica):
    """Decides whatever it is shown, without waiting for votes."""

    def _process(self, proposal: Proposal, outputs: list[Output]) -> None:
        super()._process(proposal, outputs)
        if proposal.block.height > self._tree.decided:
            self._decide(self._tree.decide(proposal.block), outputs)


BROKEN: Sequence[Callable[[Parameters], Replica]] = (JolteonShort.make, JolteonHasty.make, JolteonTrusting.make)
