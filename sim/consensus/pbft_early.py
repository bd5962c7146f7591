"""Messages of views that this replica has not entered, kept until it does.

A NEW-VIEW is large and slow; the first votes of the view it opens often overtake it. A correct replica never goes back
to a lower view, so of each sender only the messages of its highest view are kept: at most three per slot of the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.pbft_messages import Commit

if TYPE_CHECKING:
    from sim.consensus.pbft_messages import OrderingMessage


class Early:
    """The early messages of ``n`` senders."""

    def __init__(self, n: int) -> None:
        self._views = [0] * n
        self._messages: list[dict[tuple[str, int], OrderingMessage]] = [{} for _ in range(n)]

    def keep(self, message: OrderingMessage) -> bool:
        """Keep ``message`` unless its sender has gone on; False if it contradicts what the sender said before."""
        sender = message.sender
        if message.view > self._views[sender]:
            self._views[sender] = message.view
            self._messages[sender] = {}
        elif message.view < self._views[sender]:
            return True
        return self._messages[sender].setdefault((message.kind, message.sequence), message) == message

    def take(self, view: int) -> list[OrderingMessage]:
        """What was kept for ``view``; forgets that and everything below."""
        taken: list[OrderingMessage] = []
        for sender, kept in enumerate(self._views):
            if kept == view:
                taken += self._messages[sender].values()
            if kept <= view:
                self._messages[sender] = {}
        return taken

    def views_above(self, view: int) -> list[int]:
        """The views above ``view`` that senders work in, one entry per sender."""
        return [kept for kept in self._views if kept > view]

    def committers_above(self, sequence: int) -> int:
        """The senders, as bits, of a kept commit for a sequence number above ``sequence``."""
        return sum(
            1 << sender
            for sender, messages in enumerate(self._messages)
            if any(isinstance(m, Commit) and m.sequence > sequence for m in messages.values())
        )
