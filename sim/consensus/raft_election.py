"""One Raft replica's part in elections: its patience, its vote of the term, and the votes for it (section 5.2)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.consensus.parameters import Parameters


class Election:
    """What a replica remembers between elections; replica 0 has everybody's vote in term 1.

    Attributes:
        heard_ns: when it last heard from a leader; None for never.
        timers: election timers set so far.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.heard_ns: int | None = None
        self.timers = 0
        self._parameters = parameters
        self._voted = (1, 0)
        self._for_me: set[int] = set()

    def patience_ns(self) -> int:
        """How long to wait for a leader this time: one to two timeouts, at random."""
        self.timers += 1
        seed, me, timeout_ns = self._parameters.seed, self._parameters.me, self._parameters.timeout_ns
        chance = random.Random(f"{seed}/{me}/{self.timers}").random()  # noqa: S311 - no secret
        return timeout_ns + int(chance * timeout_ns)

    def hears_a_leader(self, now_ns: int) -> bool:
        """Whether a leader was heard within a timeout."""
        return self.heard_ns is not None and now_ns - self.heard_ns < self._parameters.timeout_ns

    def vote(self, term: int, candidate: int) -> None:
        """Give the vote of a term away."""
        self._voted = (term, candidate)

    def is_free(self, term: int, candidate: int) -> bool:
        """Whether the vote of a term is not given to another."""
        return self._voted[0] != term or self._voted[1] == candidate

    def run(self) -> None:
        """Ask for votes, the first of which is one's own."""
        self._for_me = {self._parameters.me}

    def count(self, voter: int) -> None:
        """A replica votes for this one."""
        self._for_me.add(voter)

    def votes(self) -> int:
        """How many voted for this one, since it asked."""
        return len(self._for_me)
