"""The pacemaker of the chained protocols: which view it is, and how a view ends that brings no certificate.

It keeps the paragraph "The pacemaker" of `chained`, which is the one of Jolteon (arXiv 2106.10362, section 3.2): a time
limit for the view, TIMEOUTs when that is over, and the certificate that a quorum of them is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.consensus.chained_messages import TimeoutCertificate
from sim.consensus.interface import CancelTimer, SetTimer

if TYPE_CHECKING:
    from sim.consensus.chained_messages import Timeout
    from sim.consensus.chained_tree import BlockTree
    from sim.consensus.interface import Output

VIEW_TIMER: Final = "view"
MAX_DOUBLINGS: Final = 4
"""Timeouts stop growing at 16 times the first: a chain needs several good views in a row, and a bad one costs one."""


class Pacemaker:
    """The view of one replica, its time limit, and who gave up on it.

    Attributes:
        view: the present one.
        gave_up: the last view that this replica gave up on; it votes in none up to that.
    """

    def __init__(self, timeout_ns: int, tree: BlockTree) -> None:
        self.view = 1
        self.gave_up = 0
        self._waiting = False
        self._timeout_ns = timeout_ns
        self._tree = tree
        self._runs = False
        self._fruitless = 0
        self._timeouts: dict[int, Timeout] = {}
        self._newest: TimeoutCertificate | None = None

    # Views.

    def enter(self, view: int, outputs: list[Output]) -> None:
        """Go to a higher view, with a time limit of its own."""
        self.view = view
        self._stop_timer(outputs)
        self.start_timer(outputs)

    @property
    def reason(self) -> TimeoutCertificate | None:
        """Why the present view may begin without a certificate of the view before; None if it may not."""
        newest = self._newest
        return newest if newest is not None and newest.view == self.view - 1 else None

    def learn(self, reason: TimeoutCertificate) -> bool:
        """Remember the newest timeout certificate; says whether this is it."""
        if self._newest is not None and reason.view <= self._newest.view:
            return False
        self._newest = reason
        return True

    # The time limit.

    def start_timer(self, outputs: list[Output]) -> None:
        """A view has a time limit while something waits, or is proposed and not decided."""
        wanted = self._waiting or self._tree.has_open_values
        if wanted and not self._runs:
            self._runs = True
            outputs.append(SetTimer(VIEW_TIMER, self._timeout_ns << min(self._fruitless, MAX_DOUBLINGS)))
        elif not wanted:
            self._stop_timer(outputs)

    def wait(self, *, waiting: bool) -> list[Output]:
        """The host says whether requests wait there."""
        self._waiting = waiting
        outputs: list[Output] = []
        self.start_timer(outputs)
        return outputs

    def _stop_timer(self, outputs: list[Output]) -> None:
        if self._runs:
            self._runs = False
            outputs.append(CancelTimer(VIEW_TIMER))

    def expire(self, timer: str) -> bool:
        """A timer of the host expired; says whether it means that the time of the view is over."""
        if timer != VIEW_TIMER or not self._runs:
            return False
        self._runs = False
        self._fruitless += 1
        return True

    def progress(self) -> None:
        """Something was decided: the next view that times out has the first time limit again."""
        self._fruitless = 0

    def restart(self, waiting: bool) -> None:
        """The host has stopped all timers."""
        self._waiting = waiting
        self._runs = False

    def resume_in(self, view: int, waiting: bool) -> None:
        """Begin anew in a view, without anything that went wrong before."""
        self.view = view
        self._fruitless = 0
        self.restart(waiting)

    # Who gave up.

    def give_up(self, mine: Timeout) -> None:
        """This replica gives up on the present view."""
        self.gave_up = self.view
        self._timeouts[mine.sender] = mine

    def count(self, message: Timeout) -> bool:
        """Another gave up on this view or a later one; says whether that is news."""
        held = self._timeouts.get(message.sender)
        if message.view < self.view or (held is not None and held.view >= message.view):
            return False
        self._timeouts[message.sender] = message
        return True

    def must_join(self, weak: int) -> bool:
        """Whether so many gave up on this view that one of them is correct, and this replica has not."""
        return self.gave_up < self.view and sum(held.view == self.view for held in self._timeouts.values()) >= weak

    def certificate(self, quorum: int) -> TimeoutCertificate | None:
        """The timeout certificate of this view, or of a later one, once a quorum gave up on it."""
        for view in sorted({held.view for held in self._timeouts.values() if held.view >= self.view}, reverse=True):
            here = [held for held in self._timeouts.values() if held.view == view]
            if len(here) >= quorum:
                high = max(held.high.view for held in here)
                return TimeoutCertificate(view, high, sum(1 << held.sender for held in here))
        return None
