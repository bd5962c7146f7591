"""PBFT with one rule broken, three times over: what a checker of agreement must catch."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sim.consensus.pbft import PbftReplica
from sim.consensus.pbft_config import Config
from sim.consensus.pbft_log import Log
from sim.consensus.pbft_messages import Commit
from sim.consensus.pbft_ordering import Ordering
from sim.consensus.quorum import Quorums

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from sim.consensus.interface import Output, Replica
    from sim.consensus.parameters import Parameters
    from sim.consensus.pbft_messages import PreparedCertificate


class _OneShort(Config):
    """A chain whose quorums are one smaller than safety needs."""

    @cached_property
    def quorums(self) -> Quorums:
        sizes = Quorums.of(self.n)
        return Quorums(n=self.n, faults=sizes.faults, quorum=sizes.quorum - 1, weak=sizes.weak)


class PbftShort(PbftReplica):
    """Quorums one short: two of them need share no correct replica (4.2)."""

    @classmethod
    def make(cls, parameters: Parameters) -> Self:
        return cls(_OneShort.of(parameters))


class _ForgetfulLog(Log):
    """Forgets what prepared."""

    def prepared_certificates(self) -> tuple[PreparedCertificate, ...]:
        return ()


class PbftForgetful(PbftReplica):
    """Leaves a view without saying what prepared in it (4.4, the set P)."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._log.__class__ = _ForgetfulLog


class _HastyOrdering(Ordering):
    """Takes the first commit of a peer for a quorum."""

    def on_commit(self, message: Commit) -> Sequence[Output]:
        outputs = super().on_commit(message)
        slot = self._slots.get(message.sequence)
        if slot is not None and slot.digest == message.digest and message.view == self._view:
            slot.committed = True
            return [*outputs, *self.decide_ready()]
        return outputs


class PbftHasty(PbftReplica):
    """Takes one COMMIT for a quorum of them (4.2, committed-local)."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._ordering.__class__ = _HastyOrdering
        self._handlers[Commit] = self._ordering.on_commit


BROKEN: Sequence[Callable[[Parameters], Replica]] = (PbftShort.make, PbftForgetful.make, PbftHasty.make)
