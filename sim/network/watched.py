"""A network that somebody looks at: every message with where it went and when, within a window of the run.

A timeline needs what tables only count. `Network` itself knows nothing of it, so a run that nobody watches is as fast
as ever: whoever builds a chain takes `WatchedNetwork` instead. It does everything as its parent does, and calls no
event and no draw of its own, so a watched run has the same trace hash.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from sim.network.transport import Network, Relay, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.network.delays import Address


@dataclass(slots=True)
class Sending:
    """One message as a node hands it to its NIC, for one receiver or many.

    Attributes:
        sender: node.
        address: kind, view, sequence.
        size_bytes: of each copy.
        sent_ns: when it was handed over.
        copies: that were sent. lost: those of them that were lost before they arrived anywhere.
    """

    sender: int
    address: Address
    size_bytes: int
    sent_ns: int
    copies: int = 0
    lost: int = 0


@dataclass(slots=True)
class Arrival:
    """A copy of a message that reached a node.

    Attributes:
        sending: what it is a copy of.
        receiver: node.
        received_ns: when its last bit was there.
        taken: the node took it; one that is down does not.
        begun_ns, done_ns: when the node's CPU worked on it, up to handing it to the replica; -1 if it never did.
    """

    sending: Sending
    receiver: int
    received_ns: int = -1
    taken: bool = False
    begun_ns: int = -1
    done_ns: int = -1


class Post:
    """The messages of one chain in a window.

    Args:
        from_ns, until_ns: the window; sent or received in it is in.

    Attributes:
        sendings: those sent in it.
        arrivals: those received in it.
        open: what is arriving right now.
    """

    def __init__(self, from_ns: int, until_ns: int) -> None:
        self.from_ns, self.until_ns = from_ns, until_ns
        self.sendings: list[Sending] = []
        self.arrivals: list[Arrival] = []
        self.open: Arrival | None = None


class _Marked(tuple[Any, ...]):  # noqa: SLOT001 - a tuple can't have slots
    """A payload that says which sending it belongs to; to its receiver it is the tuple that it was."""

    sending: Sending


def _marked(payload: object, sending: Sending) -> object:
    """The payload with its mark; a relayed one carries it inside."""
    if isinstance(payload, Relay):
        return replace(payload, payload=_marked(payload.payload, sending))
    marked = _Marked(cast("tuple[Any, ...]", payload))
    marked.sending = sending
    return marked


def _sending_of(payload: object) -> Sending | None:
    inner = payload.payload if isinstance(payload, Relay) else payload
    return inner.sending if isinstance(inner, _Marked) else None


class WatchedNetwork(Network):
    """A network whose messages are written into a `Post`; arguments as `Network` has them, behind the post.

    Payloads have to be tuples, as those of a `Chain` are.
    """

    def __init__(self, post: Post, *args: Any, **keys: Any) -> None:  # noqa: ANN401 - as the parent has them
        super().__init__(*args, **keys)
        self._post = post

    def send(
        self, sender: int, receivers: Sequence[int], payload: object, size_bytes: int, address: Address, at_ns: int
    ) -> None:
        """As `Network.send`."""
        through_others = self._fanout and len(receivers) > self._fanout
        if through_others or at_ns >= self._post.until_ns:
            super().send(sender, receivers, payload, size_bytes, address, at_ns)
            return
        sending = Sending(sender, address, size_bytes, at_ns)
        tally = self.tallies.get(address[0]) or Tally()
        sent, lost = tally.sent, tally.lost
        super().send(sender, receivers, _marked(payload, sending), size_bytes, address, at_ns)
        after = self.tallies[address[0]]
        sending.copies, sending.lost = after.sent - sent, after.lost - lost
        if at_ns >= self._post.from_ns:
            self._post.sendings.append(sending)

    def _arrive(self, receiver: int, payload: object, transmission_ns: int, tally: Tally) -> None:
        sending, post = _sending_of(payload), self._post
        if sending is None:
            super()._arrive(receiver, payload, transmission_ns, tally)
            return
        post.open = arrival = Arrival(sending, receiver)
        delivered = tally.delivered
        super()._arrive(receiver, payload, transmission_ns, tally)
        post.open = None
        arrival.taken = tally.delivered > delivered
        arrival.received_ns = self._ingress_free[receiver] if arrival.taken else self._engine.now
        if post.from_ns <= arrival.received_ns < post.until_ns:
            post.arrivals.append(arrival)
