"""Raft with one rule broken, three times over: what a checker of agreement must catch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.raft import RaftReplica
from sim.consensus.raft_replication import Replication

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.consensus.interface import Output, Replica
    from sim.consensus.parameters import Parameters
    from sim.consensus.raft_messages import Ballot


class RaftShort(RaftReplica):
    """Half of the replicas elect and commit."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._majority = self._replication.majority = max(1, parameters.n // 2)


class _HastyReplication(Replication):
    """Waits for nobody."""

    def commit_what_is_safe(self, term: int, outputs: list[Output]) -> None:
        del term
        self.commit_to(self.log.last, outputs)


class RaftHasty(RaftReplica):
    """Commits what it appends, without waiting for a majority."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._replication.__class__ = _HastyReplication


class RaftForgetful(RaftReplica):
    """Votes for candidates whose log is behind its own."""

    def _is_up_to_date(self, message: Ballot) -> bool:
        del message
        return True


BROKEN: Sequence[Callable[[Parameters], Replica]] = (RaftShort.make, RaftHasty.make, RaftForgetful.make)
