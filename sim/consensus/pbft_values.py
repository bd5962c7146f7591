"""Values that a view change names and does not bring: who asks whom for one that is not held (section 4.4).

A new leader holds every value that it proposes again before it opens its view. f+1 of those who signed for it are
asked, of whom one is correct. A backup asks the leader (`pbft_ordering`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.consensus.interface import Broadcast, Output, Send
from sim.consensus.pbft_messages import ValueReply, ValueRequest
from sim.consensus.pbft_view_change import highest_stable, latest_prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.consensus.pbft_config import Config
    from sim.consensus.pbft_log import Log
    from sim.consensus.pbft_messages import ViewChange


class Values:
    """The values in ``log``, and what was asked for while its replica waits to lead a view."""

    def __init__(self, config: Config, log: Log) -> None:
        self._config = config
        self._log = log
        self._asked: set[bytes] = set()

    def forget_asked(self) -> None:
        """The replica leaves for another view, and may have to ask once more."""
        self._asked.clear()

    def lacks(self, view: int, changes: Sequence[ViewChange], outputs: list[Output]) -> bool:
        """Whether the leader of ``view`` lacks a value that it must propose again; it asks for each once."""
        min_s = highest_stable(changes).sequence
        me, weak = self._config.me, self._config.quorums.weak
        missing = [
            certificate
            for certificate in latest_prepared(changes).values()
            if certificate.sequence > min_s and self._log.value(certificate.digest) is None
        ]
        for certificate in missing:
            if certificate.digest not in self._asked:
                self._asked.add(certificate.digest)
                holders = tuple(i for i in certificate.signers if i != me)[:weak]
                request = ValueRequest(me, view, certificate.sequence, certificate.digest)
                outputs.append(Broadcast(request, holders))
        return bool(missing)

    def answer(self, request: ValueRequest) -> Sequence[Output]:
        """Send a value that is held to who asks for it."""
        value = self._log.value(request.digest)
        if value is None or request.sender == self._config.me:
            return ()
        return (Send(request.sender, ValueReply(self._config.me, request.view, request.sequence, value)),)

    def take(self, reply: ValueReply) -> bool:
        """Keep a value if it was asked for; says whether it was."""
        if reply.value.digest not in self._asked:
            return False
        self._log.keep_value(reply.sequence, reply.value)
        return True
