"""Am I the one who is behind? The evidence that others are ahead, and what to fetch to catch up (sections 4.4, 4.6).

A replica that blames a good leader for its own losses costs everyone a view change, so it looks here first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.interface import FetchState
from sim.consensus.quorum import members

if TYPE_CHECKING:
    from sim.consensus.pbft_checkpoints import Checkpoints
    from sim.consensus.pbft_config import Config
    from sim.consensus.pbft_log import Log
    from sim.consensus.pbft_ordering import Ordering


class CatchUp:
    """Weighs what peers are known to have done against what this replica has, and remembers what it asked for."""

    def __init__(self, config: Config, log: Log, ordering: Ordering, checkpoints: Checkpoints) -> None:
        self._config = config
        self._log = log
        self._ordering = ordering
        self._checkpoints = checkpoints
        self._asked = 0
        self._doubted = False

    def progressed(self) -> None:
        """Something executed, so the leader deserves the benefit of the doubt again."""
        self._doubted = False

    def answered(self) -> None:
        """State arrived: whether it was enough shows by asking again."""
        self._asked = 0

    def ask(self, sequence: int, state_digest: bytes, holders: tuple[int, ...]) -> list[FetchState]:
        """Ask for the state at ``sequence``, unless that or more is asked for already."""
        return [self._fetch(sequence, state_digest, holders)] if sequence > self._asked else []

    def look(self, last_executed: int) -> list[FetchState]:
        """What to fetch if peers are ahead of this replica, which executed up to ``last_executed``; else nothing.

        A certified checkpoint, f+1 checkpoint claims or a quorum of commits prove that others are ahead. f+1 commits
        beyond the window only suggest it, since a faulty leader can leave a gap on purpose: a voting replica takes
        that for an answer once, and not again before it has made progress.
        """
        log, weak = self._log, self._config.quorums.weak
        if log.stable.sequence > log.decided:
            return [self._fetch(log.stable.sequence, log.stable.state_digest, log.stable.signers)]
        missed = log.slots.get(log.decided + 1)
        committed = missed.commits.largest() if missed is not None else 0
        if committed.bit_count() >= self._config.quorums.quorum:
            return [self._fetch(log.decided + 1, b"", members(committed))]
        claims = sorted(((s, i) for i, s in enumerate(self._checkpoints.highest()) if s > log.decided), reverse=True)
        if len(claims) >= weak:
            return [self._fetch(claims[weak - 1][0], b"", tuple(sorted(i for _, i in claims)))]
        reach = last_executed + self._config.window if self._ordering.voting else log.decided
        suspected = self._ordering.committers_above(reach)
        if suspected.bit_count() < weak or (self._doubted and self._ordering.voting):
            return []
        self._doubted = True
        return [self._fetch(log.decided + 1, b"", members(suspected))]

    def look_while_waiting(self) -> list[FetchState]:
        """What to fetch on f+1 checkpoint claims while this replica waits for a view that others may work in."""
        claims = sorted(self._checkpoints.highest(), reverse=True)
        certain = claims[self._config.quorums.weak - 1] if len(claims) >= self._config.quorums.weak else 0
        holders = tuple(i for i, sequence in enumerate(self._checkpoints.highest()) if sequence >= certain)
        return self.ask(certain, b"", holders) if certain > self._log.decided else []

    def view_of_peers(self, view: int) -> int:
        """The highest view above ``view`` such that a correct peer works in it or a later one; 0 if there is none."""
        views = sorted(self._ordering.early.views_above(view), reverse=True)
        weak = self._config.quorums.weak
        return views[weak - 1] if len(views) >= weak else 0

    def _fetch(self, sequence: int, state_digest: bytes, holders: tuple[int, ...]) -> FetchState:
        self._asked = max(sequence, self._asked)
        return FetchState(sequence, state_digest, tuple(i for i in holders if i != self._config.me))
