"""What the leader of a Raft group knows of the others' logs, and what to send them next (sections 5.3 and 5.4.2).

etcd's Raft has the same noun for it. Whoever does not lead keeps none of this up to date.
"""

from __future__ import annotations

from typing import Final

NEVER: Final = -1
MOST_PATIENCE: Final = 15
"""Heartbeats between two repetitions at most: one and a half timeouts, unless heartbeats are rare."""


class Progress:
    """Lists by replica, the leader's own number included.

    Attributes:
        match: up to which index its log is known to agree with the leader's (matchIndex in the paper).
        next: the index of the next entry to send it (nextIndex).
        before: what ``match`` was at the last heartbeat.
        heard_ns: when it was last heard; `NEVER` if it was not.
    """

    def __init__(self, n: int) -> None:
        self.heard_ns = [NEVER] * n
        self.begin(0, 1)

    def begin(self, match: int, next_: int) -> None:
        """All logs are known to agree so far, and the next entry to send is the same for all."""
        n = len(self.heard_ns)
        self.match = [match] * n
        self.before = list(self.match)
        self.next = [next_] * n
        self._silent, self._patience = [0] * n, [0] * n

    def lead(self, last: int, now_ns: int) -> None:
        """A new leader, whose log ends at ``last``: it hopes that the others' logs agree, and knows nothing."""
        self.begin(0, last + 1)
        self.heard_ns = [now_ns] * len(self.heard_ns)

    def append(self, me: int, last: int) -> None:
        """The leader appended an entry, and sends it to all; it is for whoever has been sent all before."""
        self.match[me] = last
        self.next = [index + 1 if index == last else index for index in self.next]

    def agree(self, peer: int, index: int) -> bool:
        """A log agrees up to this index; says whether that is news."""
        if index <= self.match[peer]:
            return False
        self.match[peer] = index
        self.next[peer] = max(self.next[peer], index + 1)
        return True

    def disagree(self, peer: int, last: int) -> None:
        """A log does not have what an entry was to follow; it ends at ``last`` at most."""
        self.next[peer] = max(1, min(self.next[peer] - 1, last + 1))

    def held_by(self, many: int) -> int:
        """The index up to which so many logs agree with the leader's."""
        return sorted(self.match, reverse=True)[many - 1]

    def alive(self, me: int, since_ns: int) -> int:
        """How many replicas were heard since then, the leader among them."""
        heard = sum(max(0, at_ns) >= since_ns for peer, at_ns in enumerate(self.heard_ns) if peer != me)
        return heard + 1

    def look_after(self, peer: int, last: int) -> None:
        """Send again to who is silent about what it was sent, ever more rarely: its line may be slow, or full."""
        if not self.match[peer] == self.before[peer] < last:
            self._silent[peer] = self._patience[peer] = 0
            return
        self._silent[peer] += 1
        if self._silent[peer] > self._patience[peer]:
            self.next[peer] = self.match[peer] + 1
            self._silent[peer], self._patience[peer] = 0, min(2 * self._patience[peer] + 1, MOST_PATIENCE)

    def beaten(self) -> None:
        """A heartbeat went out."""
        self.before = list(self.match)
