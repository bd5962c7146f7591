"""How the papers' tests of chained protocols speak to replicas: blocks, certificates, timeouts; four replicas.

Replica (v − 1) mod 4 leads view v; votes of view v go to the leader of view v + 1. A quorum is three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steps import EMPTY, WORD, T

from sim.consensus.chained_messages import GENESIS, Block, Certificate, Proposal, Timeout, TimeoutCertificate, Vote
from sim.consensus.interface import Send
from sim.consensus.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.consensus.interface import Output, Value

QUORUM = 0b0111
"""Replicas 0, 1 and 2."""


def parameters(me: int) -> Parameters:
    return Parameters(n=4, me=me, timeout_ns=T)


def certified(block: Block, signers: int = QUORUM) -> Certificate:
    return Certificate(block.view, block.id, signers)


def on(parent: Block | None, view: int, value: Value = EMPTY, signers: int = QUORUM) -> Block:
    """A block of a view on top of another one that is certified, or on the genesis."""
    if parent is None:
        return Block.on(0, view, value, GENESIS)
    return Block.on(parent.height, view, value, certified(parent, signers))


def proposed(block: Block, reason: TimeoutCertificate | None = None) -> Proposal:
    return Proposal((block.view - 1) % 4, block, reason)


def timed_out(view: int, high_view: int = 0, signers: int = QUORUM) -> TimeoutCertificate:
    return TimeoutCertificate(view, high_view, signers)


def votes(senders: Iterable[int], block: Block) -> list[Vote]:
    return [Vote(sender, block.view, block.height, block.id) for sender in senders]


def timeouts(
    senders: Iterable[int], view: int, high: Certificate = GENESIS, vote: Block | None = None
) -> list[Timeout]:
    """Of replicas that executed nothing."""
    return [
        Timeout(sender, view, 0, high, None if vote is None else Vote(sender, vote.view, vote.height, vote.id))
        for sender in senders
    ]


def voted(outputs: Iterable[Output]) -> list[tuple[int, bytes]]:
    """To whom a vote went, and for which block."""
    return [(o.to, o.message.block) for o in outputs if isinstance(o, Send) and isinstance(o.message, Vote)]


WORDS: dict[type, Callable[[Any], str]] = {
    Proposal: lambda m: (
        f"{m.sender} proposes {WORD[m.block.value.digest]} in view {m.view} on certificate {m.block.justify.view}"
    ),
    Vote: lambda m: f"{m.sender} votes in view {m.view}",
}
