"""What faults do to messages while they last: rules that lose, double, delay or hold what matching nodes send.

A rule is about messages sent while it stands; what is under way when it begins still arrives. A rule that loses
everything is a cut: it loses messages of reliable links too, for a broken connection delivers nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.kernel.draws import Draws
    from sim.network.delays import Address


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to messages from ``senders`` to ``receivers``; None stands for all.

    Attributes:
        loss: the chance that a message is lost, 1.0 for a cut.
        extra_ns: what it is late by.
        duplicate: the chance that it arrives twice, the second time after twice its delay.
        hold: it arrives only when the rule is relieved, as if sent then, in the order of sending.
    """

    senders: frozenset[int] | None
    receivers: frozenset[int] | None
    loss: float = 0.0
    extra_ns: int = 0
    duplicate: float = 0.0
    hold: bool = False

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        if not (0 <= self.loss <= 1 and 0 <= self.duplicate <= 1 and self.extra_ns >= 0):
            raise ValueError(f"a rule needs shares from 0 to 1 and a delay >= 0: {self}")

    def applies(self, sender: int, receiver: int) -> bool:
        """Whether it is about messages from one to the other."""
        return (self.senders is None or sender in self.senders) and (
            self.receivers is None or receiver in self.receivers
        )


@dataclass(frozen=True, slots=True)
class Fate:
    """What the standing rules make of one message: chances, lateness, and the rule that holds it, if one does."""

    survives: float
    single: float
    extra_ns: int
    held_by: int | None


class Disturbances:
    """The rules that stand, each under its handle, and the messages that they hold.

    Args:
        draws: the replication's chance.
        chain: whose messages these are.
        nodes: how many there are.
    """

    def __init__(self, draws: Draws, chain: str, nodes: int) -> None:
        self._draws = draws
        self._chain = chain
        self._nodes = nodes
        self._rules: dict[int, Rule] = {}
        self._held: dict[int, list[Callable[[int], None]]] = {}
        self._handles = 0

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, rule: Rule) -> int:
        """Let a rule stand; returns its handle."""
        self._handles += 1
        self._rules[self._handles] = rule
        self._held[self._handles] = []
        return self._handles

    def remove(self, handle: int, now_ns: int) -> None:
        """Take a rule away and release what it holds."""
        self._rules.pop(handle, None)
        for release in self._held.pop(handle, ()):
            release(now_ns)

    def hold(self, handle: int, release: Callable[[int], None]) -> None:
        """Keep a message until the rule goes; ``release(now_ns)`` sends it on."""
        self._held[handle].append(release)

    def fate(self, sender: int, receiver: int) -> Fate:
        """What the rules together do to messages from one to the other."""
        survives = single = 1.0
        extra_ns, held_by = 0, None
        for handle, rule in self._rules.items():
            if rule.applies(sender, receiver):
                survives *= 1 - rule.loss
                single *= 1 - rule.duplicate
                extra_ns += rule.extra_ns
                held_by = handle if rule.hold else held_by
        return Fate(survives, single, extra_ns, held_by)

    def chances(self, address: Address, sender: int) -> list[tuple[float, float, float]]:
        """Three numbers in (0, 1) for each receiver: whether the message is lost, doubled, held back."""
        block = self._draws.block(self._chain, "disturbance", sender, *address)
        return list(zip(*(block.uniforms(self._nodes).tolist() for _ in range(3)), strict=True))
