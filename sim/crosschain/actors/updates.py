"""Which headers a chain must be brought of another one: what a relayer works out from a node of each.

Headers are brought when something is to be proved against them. Besides, as Hermes does, clients are refreshed before
they expire, and shown a true header where they have accepted a false one.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from sim.crosschain.actors.told import Told

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sim.crosschain.actors.endpoint import Endpoint
    from sim.crosschain.actors.prover import Prover

REFRESHED_AFTER: Final = Fraction(2, 3)
"""The share of its trusting period after which a client is refreshed, as in Hermes before it became a setting there
(informalsystems/hermes, issue 3397)."""


@dataclass(frozen=True, slots=True)
class Updates:
    """What a relayer sees of the clients of a link.

    Attributes:
        link: whose they are.
        endpoints: a node of each chain, by its role.
        provers: what is brought of each chain.
    """

    link: str
    endpoints: Mapping[str, Endpoint]
    provers: Mapping[str, Prover]

    def due(self, to: str, shown: str, heads: Mapping[str, int], under_way: Collection[int]) -> range | None:
        """The heights that chain ``to`` must be brought before anything is proved by the head of the chain shown.

        ``under_way``: those that are being brought.

        Returns:
            The heights, ascending, none if there is nothing to bring; None if nothing can be proved by that head now.
        """
        prover, height = self.provers[shown], heads[shown]
        if not prover.method:
            return range(0)
        told, head = self._told(to, shown), heads[to]
        held, latest = told.accepted(height, head), told.latest(head)
        if not self._is_active(to, shown, heads, latest):
            return None
        if held is not None:
            return range(0) if held.digest == self.endpoints[shown].digest(height) else None
        # This node may be behind the client, and will follow; or the client may accept nothing in turn after a header
        # that is not this node's.
        behind, in_turn = latest > height, prover.every and latest <= height
        if (behind and prover.ascends) or (in_turn and self.false_height(to, shown, heads) is not None):
            return None
        if height in under_way:
            return range(0)
        return range(max([latest, *under_way]) + 1 if in_turn else height, height + 1)

    def latest(self, to: str, shown: str, heads: Mapping[str, int]) -> int:
        """The latest height that the client has accepted; 0 if none."""
        return self._told(to, shown).latest(heads[to])

    def false_height(self, to: str, shown: str, heads: Mapping[str, int]) -> int | None:
        """The latest height that the client has accepted, if this node has another block there."""
        told, head = self._told(to, shown), heads[to]
        latest = self.latest(to, shown, heads)
        held = told.accepted(latest, head) if 0 < latest <= heads[shown] else None
        return None if held is None or held.digest == self.endpoints[shown].digest(latest) else latest

    def is_frozen(self, to: str, shown: str, heads: Mapping[str, int]) -> bool:
        """Whether the client has seen a fork, and accepts nothing more."""
        return self._told(to, shown).is_frozen(heads[to])

    def stale_at_ns(self, to: str, shown: str, heads: Mapping[str, int]) -> int | None:
        """When the client should be refreshed; None if it does not age, or accepts nothing any more."""
        period_ns = self.provers[shown].period_ns
        latest = self.latest(to, shown, heads)
        if not period_ns or not self._is_active(to, shown, heads, latest):
            return None
        return self._time_ns(to, shown, heads, latest) + int(period_ns * REFRESHED_AFTER)

    def _is_active(self, to: str, shown: str, heads: Mapping[str, int], latest: int) -> bool:
        """Whether the client is neither frozen nor expired, as ICS-02 calls it."""
        period_ns = self.provers[shown].period_ns
        if period_ns:
            now_ns = self.endpoints[to].header(heads[to]).time_ns
            if now_ns - self._time_ns(to, shown, heads, latest) >= period_ns:
                return False
        return not self._told(to, shown).is_frozen(heads[to])

    def _time_ns(self, to: str, shown: str, heads: Mapping[str, int], latest: int) -> int:
        """The time of the latest header that the client has accepted; it began with the chain's first."""
        held = self._told(to, shown).accepted(latest, heads[to])
        return self.endpoints[shown].header(0).time_ns if held is None else held.time_ns

    def _told(self, to: str, shown: str) -> Told:
        return Told(self.endpoints[to], self.link, shown)
