"""A planned end of a leader's term: it brings a successor up to date and asks it to run at once (thesis, 3.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.consensus.interface import CancelTimer, Output, Send, SetTimer
from sim.consensus.raft_messages import HandOver

if TYPE_CHECKING:
    from sim.consensus.parameters import Parameters
    from sim.consensus.raft_replication import Replication

TRANSFER_TIMER: Final = "transfer"


class Transfer:
    """To whom the leader of a term hands over, if it does. It takes no values in meanwhile.

    Attributes:
        to: the successor; None where no hand-over is under way.
    """

    def __init__(self, parameters: Parameters, replication: Replication) -> None:
        self.to: int | None = None
        self._me = parameters.me
        self._timeout_ns = parameters.timeout_ns
        self._replication = replication

    def begin(self, term: int, to: int, outputs: list[Output]) -> None:
        """Hand over to this replica, instead of any other that was under way; a timeout is all that it may take."""
        self.to = to
        outputs.append(SetTimer(TRANSFER_TIMER, self._timeout_ns))
        if not self._is_due():
            self._replication.send(term, to, outputs)
        self.proceed(term, to, outputs)

    def proceed(self, term: int, peer: int, outputs: list[Output]) -> None:
        """A replica was heard: if it is the successor and its log is complete, ask it to run.

        It is asked again with every heartbeat that it acknowledges, as what asks it may be lost.
        """
        if peer == self.to and self._is_due():
            outputs.append(Send(peer, HandOver(self._me, term, self._replication.log.last)))

    def stop(self, outputs: list[Output]) -> None:
        """It has come about, or it is off."""
        if self.to is not None:
            self.to = None
            outputs.append(CancelTimer(TRANSFER_TIMER))

    def _is_due(self) -> bool:
        return self.to is not None and self._replication.progress.match[self.to] == self._replication.log.last
