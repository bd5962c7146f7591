"""How Byzantine nodes lie about what they send, one function each; see `sim.chain.faulty.Lie`.

A lie cannot make another replica's signature: it leaves out, delays, or spoils the sender's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.chain.faulty import Forged
from sim.faults.schedule import BAD_SIGNATURE, DELAY, SILENT, WITHHOLD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sim.chain.faulty import Lie, Parcel
    from sim.consensus.interface import Message
    from sim.faults.schedule import Byzantine

VOTES: Final = frozenset({"prepare", "commit", "vote", "prevote", "precommit"})
"""Kinds of messages by which validators agree to a proposal."""


def lie_of(fault: Byzantine) -> Lie:
    """What the nodes of this fault do to their messages; towards peers that it does not name they stay honest."""
    spoil = _SPOILS[fault.kind]
    peers = None if fault.peers is None else frozenset(fault.peers)

    def lie(receivers: Sequence[int], message: Message, at_ns: int) -> Iterable[Parcel]:
        told = [r for r in receivers if peers is None or r in peers]
        spared = [r for r in receivers if peers is not None and r not in peers]
        parcels = list(spoil(fault, told, message, at_ns)) if told else []
        return [*parcels, (spared, message, at_ns)] if spared else parcels

    return lie


def _silent(_: Byzantine, _receivers: Sequence[int], _message: Message, _at_ns: int) -> Iterable[Parcel]:
    return ()


def _withhold(_: Byzantine, receivers: Sequence[int], message: Message, at_ns: int) -> Iterable[Parcel]:
    return () if message.kind in VOTES else ((receivers, message, at_ns),)


def _delay(fault: Byzantine, receivers: Sequence[int], message: Message, at_ns: int) -> Iterable[Parcel]:
    return ((receivers, message, at_ns + fault.extra_ns),)


def _bad_signature(_: Byzantine, receivers: Sequence[int], message: Message, at_ns: int) -> Iterable[Parcel]:
    return ((receivers, Forged(message), at_ns),)


_SPOILS: Final = {SILENT: _silent, WITHHOLD: _withhold, DELAY: _delay, BAD_SIGNATURE: _bad_signature}
LIES: Final = frozenset(_SPOILS)
"""The behaviours that are lies about single messages."""
