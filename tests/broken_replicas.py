"""Protocols with one rule broken, three of each: what a checker of agreement must catch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.hotstuff import HotStuffReplica
from sim.consensus.jolteon import JolteonReplica
from sim.consensus.qbft import QbftReplica
from sim.consensus.raft import RaftReplica
from sim.consensus.tendermint import TendermintReplica

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.consensus.chained import Block, Certificate, Proposal
    from sim.consensus.interface import Output, Replica, Value
    from sim.consensus.parameters import Parameters
    from sim.consensus.qbft import PrePrepare
    from sim.consensus.raft import Ballot
    from sim.consensus.tendermint import Proposal as TendermintProposal


class _Short:
    """Believes that a smaller group is a quorum: two such groups need share no correct replica."""

    _quorum: int

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)  # type: ignore[call-arg]
        self._quorum = parameters.n // 2


class HotStuffShort(_Short, HotStuffReplica):
    """Half of the replicas certify."""


class HotStuffDouble(HotStuffReplica):
    """Votes for every block of a view that it is shown."""

    def _is_spent(self, view: int) -> bool:
        del view
        return False

    def _proposal_fault(self, message: Proposal) -> None:
        del message


class HotStuffHasty(HotStuffReplica):
    """Decides whatever is certified."""

    chain_length = 1


class JolteonShort(_Short, JolteonReplica):
    """Half of the replicas certify."""


class JolteonHasty(JolteonReplica):
    """Decides whatever is certified."""

    chain_length = 1


class JolteonGappy(JolteonReplica):
    """Takes two certified blocks for a decision though views were skipped between them."""

    def _final(self, certificate: Certificate) -> Block | None:
        block = self._blocks.get(certificate.block)
        return None if block is None else self._blocks.get(block.justify.block)


class TendermintShort(_Short, TendermintReplica):
    """Half of the replicas decide."""


class TendermintUnlocked(TendermintReplica):
    """Forgets what it is locked on."""

    def _accepts(self, proposal: TendermintProposal) -> bool:
        del proposal
        return True


class TendermintHasty(TendermintReplica):
    """Takes a quorum of prevotes for a decision."""

    def _lock(self, value: Value) -> None:
        super()._lock(value)
        self._of(self.round).precommits = self._of(self.round).prevotes


class QbftShort(_Short, QbftReplica):
    """Half of the replicas decide."""


class QbftUnjustified(QbftReplica):
    """Proposes a new value in every round, and accepts that of others."""

    def _is_justified(self, message: PrePrepare) -> bool:
        del message
        return True

    def _may_propose(self) -> bool:
        return self._of(self.round).proposal is None and (self.round == 0 or len(self._reasons()) >= self._quorum)

    def _lead_if_due(self, outputs: list[Output]) -> None:
        """Leave it to the host."""


class QbftHasty(QbftReplica):
    """Takes a quorum of PREPAREs for a decision."""

    def _advance(self, number: int, outputs: list[Output]) -> None:
        self._of(number).commits = self._of(number).prepares
        super()._advance(number, outputs)


class RaftShort(RaftReplica):
    """Half of the replicas elect and commit."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._majority = max(1, parameters.n // 2)


class RaftDouble(RaftReplica):
    """Votes for everybody who asks in a term."""

    def _votes_for(self, message: Ballot) -> bool:
        self._voted.clear()
        return super()._votes_for(message)


class RaftForgetful(RaftReplica):
    """Votes for candidates whose log is behind its own."""

    def _is_up_to_date(self, message: Ballot) -> bool:
        del message
        return True


BROKEN: dict[str, Sequence[Callable[[Parameters], Replica]]] = {
    "hotstuff": (HotStuffShort, HotStuffDouble, HotStuffHasty),
    "jolteon": (JolteonShort, JolteonHasty, JolteonGappy),
    "tendermint": (TendermintShort, TendermintUnlocked, TendermintHasty),
    "qbft": (QbftShort, QbftUnjustified, QbftHasty),
    "raft": (RaftShort, RaftDouble, RaftForgetful),
}
