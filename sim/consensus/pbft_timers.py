"""How long one PBFT replica is patient: with a leader while something waits, and with a view that it left for.

Rules 7 and 10 of `pbft` as far as time goes (section 4.4); what to do when a timer expires is said there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.consensus.interface import CancelTimer, Output, SetTimer

if TYPE_CHECKING:
    from sim.consensus.pbft_config import Config
    from sim.consensus.pbft_log import Log
    from sim.consensus.pbft_ordering import Ordering

REQUEST_TIMER: Final = "request"
VIEW_CHANGE_TIMER: Final = "view-change"


class Timers:
    """The two timers of one replica, of which the second runs between views only.

    Attributes:
        waiting: whether requests wait at the host.
        quorum_wants_view: whether a quorum left for the view that this replica waits for, or went further.
        view_of_progress: the last view in which something was executed here.
    """

    def __init__(self, config: Config, log: Log, ordering: Ordering) -> None:
        self.waiting = False
        self.quorum_wants_view = False
        self.view_of_progress = 0
        self._config = config
        self._log = log
        self._ordering = ordering
        self._request_runs = False

    def patience_ns(self, view: int) -> int:
        """The time limit in a view: it doubles with every view since the last one in which something executed here."""
        return self._config.patience_ns(view - self.view_of_progress - 1)

    # While this replica works in a view.

    def start_request(self, view: int, last_executed: int, outputs: list[Output]) -> None:
        """Start the request timer if something waits, or is accepted and not executed, and it does not run."""
        wanted = self.waiting or self._log.accepted > last_executed
        if wanted and self._ordering.voting and not self._request_runs:
            self._request_runs = True
            outputs.append(SetTimer(REQUEST_TIMER, self.patience_ns(view)))

    def restart_request(self, view: int, last_executed: int, outputs: list[Output]) -> None:
        """Something executed, or a view began: what waits from now on has all the time again."""
        ran, self._request_runs = self._request_runs, False
        self.start_request(view, last_executed, outputs)
        if ran and not self._request_runs:
            outputs.append(CancelTimer(REQUEST_TIMER))

    def request_expired(self) -> bool:
        """The request timer ran out at the host; says whether it was running here."""
        ran, self._request_runs = self._request_runs, False
        return ran

    def stop_request(self, outputs: list[Output]) -> None:
        """This replica leaves its view."""
        if self.request_expired():
            outputs.append(CancelTimer(REQUEST_TIMER))

    # While it waits for one.

    def leave(self, outputs: list[Output]) -> None:
        """Wait for a view that no quorum is known to want yet."""
        self.quorum_wants_view = False
        outputs.append(SetTimer(VIEW_CHANGE_TIMER, self._config.timeout_ns))

    def wait_on(self, view: int, outputs: list[Output]) -> None:
        """Wait for it once more."""
        delay_ns = self.patience_ns(view) if self.quorum_wants_view else self._config.timeout_ns
        outputs.append(SetTimer(VIEW_CHANGE_TIMER, delay_ns))

    def limit(self, view: int, outputs: list[Output]) -> None:
        """A quorum wants it too: now the wait is limited."""
        self.quorum_wants_view = True
        outputs.append(SetTimer(VIEW_CHANGE_TIMER, self.patience_ns(view)))
