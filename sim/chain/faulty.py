"""What a chain knows of its faulty nodes: who they are, how they distort what they send, whose clocks are wrong.

Faulty are nodes that lie, and nodes that lost their disk and so forgot what they promised. From then on nothing that
they execute is judged, nobody relies on them, and what they propose is checked at execution: a block of a faulty
leader may repeat a transaction, which is passed over then, as real chains do by its nonce (`sim.chain.ledger`).

A faulty node executes a block once a correct one has, if it came to the same; it never executes another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sim.consensus.interface import Decide, Message, Replica

    Parcel: TypeAlias = tuple[Sequence[int], Message, int]
    """Receivers, what they get, and when it leaves the sender (ns)."""
    Lie: TypeAlias = Callable[[Sequence[int], Message, int], Iterable[Parcel]]
    """What becomes of one message that a node sends: its receivers, it, and its time go in, parcels come out."""
    Guise: TypeAlias = Callable[[Replica], Replica]
    """Puts another replica in the place of a node's own."""

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Forged:
    """A message whose signature does not hold: its receiver hashes it, verifies that one signature and drops it."""

    message: Message
    signatures: int = 1
    proposed: int = 0

    @property
    def kind(self) -> str:
        """As what it poses."""
        return self.message.kind

    @property
    def sender(self) -> int:
        """Over whose connection it came."""
        return self.message.sender

    @property
    def view(self) -> int:
        """As in the message."""
        return self.message.view

    @property
    def sequence(self) -> int:
        """As in the message."""
        return self.message.sequence

    @property
    def size_bytes(self) -> int:
        """As the message."""
        return self.message.size_bytes


@dataclass(frozen=True, slots=True)
class Clock:
    """A node's own clock: it shows ``ahead_ns`` more than the true time at ``since_ns``, and gains ``ppm`` from then.

    Attributes:
        since_ns: when it went wrong.
        ahead_ns: what it shows too much then; negative where it is behind.
        ppm: microseconds that it gains in each second; negative where it loses.
    """

    since_ns: int
    ahead_ns: int
    ppm: int

    def error_ns(self, now_ns: int) -> int:
        """How far ahead of the true time it is."""
        return self.ahead_ns + (now_ns - self.since_ns) * self.ppm // _MILLION

    def true_ns(self, delay_ns: int) -> int:
        """How long a timer of ``delay_ns`` on this clock really runs."""
        return delay_ns * _MILLION // (_MILLION + self.ppm)


class Faulty:
    """The faulty nodes of one chain, by number.

    Attributes:
        nodes: those that lie or lost their disk; nothing takes one out again.
        lies: how each one's messages are distorted, in the order in which the distortions apply.
        clocks: of nodes whose clock is not right; a wrong clock makes no node faulty.
        guises: what stands in the place of each one's replica.
        storms: when a scheduled fault that stops stands, as (begin, end) in nanoseconds, in order and apart.
        severed: whether a fault of the network is to stay, so that a correct node may be left behind for good.
        lasting: how many validators are to stay faulty or down; 0 if they are more than the protocol stands.
    """

    def __init__(self) -> None:
        self.nodes: set[int] = set()
        self.lies: dict[int, list[Lie]] = {}
        self.clocks: dict[int, Clock] = {}
        self.guises: dict[int, Guise] = {}
        self.storms: tuple[tuple[int, int], ...] = ()
        self.severed = False
        self.lasting = 0
        self._parked: dict[int, dict[tuple[int, bytes], Decide]] = {}

    def parcels(self, sender: int, receivers: Sequence[int], message: Message, at_ns: int) -> Iterable[Parcel]:
        """What leaves a node that was to send ``message`` to ``receivers``."""
        parcels: list[Parcel] = [(receivers, message, at_ns)]
        for lie in self.lies.get(sender, ()):
            parcels = [told for parcel in parcels for told in lie(*parcel)]
        return parcels

    def stop_lies(self, node: int, lie: Lie) -> None:
        """Undo one `Chain.tell_lies`; the node stays distrusted."""
        lies = self.lies[node]
        lies.remove(lie)
        if not lies:
            del self.lies[node]

    def set_clock(self, node: int, clock: Clock | None) -> None:
        """Make a node's clock wrong, for block times and for timers that start from now on; None makes it right."""
        if clock is None:
            self.clocks.pop(node, None)
        else:
            self.clocks[node] = clock

    def clock_error_ns(self, node: int, now_ns: int) -> int:
        """How far a node's clock is ahead of the true time."""
        clock = self.clocks.get(node)
        return 0 if clock is None else clock.error_ns(now_ns)

    def park(self, node: int, decided: Decide) -> None:
        """Keep what a faulty node decided until a correct one has executed that height."""
        self._parked.setdefault(node, {})[decided.sequence, decided.value.digest] = decided

    def waits_for(self, height: int) -> list[int]:
        """The nodes for which something is kept at a height."""
        return [node for node, kept in self._parked.items() if any(at == height for at, _ in kept)]

    def take(self, node: int, height: int, digest: bytes) -> Decide | None:
        """Hand out what was kept for a node at a height if it is this value; None otherwise."""
        kept = self._parked.get(node, {})
        decided = kept.pop((height, digest), None)
        for key in [key for key in kept if key[0] <= height]:
            del kept[key]
        return decided

    def forget(self, node: int) -> None:
        """Nothing is kept for a node any more: it crashed, or came to a height in another way."""
        self._parked.pop(node, None)
