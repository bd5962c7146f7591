"""What must hold on a link, checked whenever one of its two chains executes a block. The run stops where it is broken.

That a forged packet was accepted is no broken invariant but what a way of trusting costs: it is counted. What holds in
spite of it: nobody is given anything twice, and nothing is made out of nothing but by those forgeries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.chain.invariants import InvariantViolation

if TYPE_CHECKING:
    from collections.abc import Container

ONCE = "packet-once"
NOT_BOTH = "packet-not-both"
CHANNEL_ORDER = "channel-order"
CONSERVATION = "conservation"
ALL_OR_NONE = "group-all-or-none"


def check_once(chain: str, height: int, sequence: int, received: Container[int]) -> None:
    """No packet is executed twice.

    Raises:
        InvariantViolation: this one was executed before.
    """
    if sequence in received:
        raise InvariantViolation(ONCE, chain, height, f"packet {sequence} was executed before")


def check_not_both(chain: str, height: int, sequence: int, *, torn: bool) -> None:
    """No packet is both executed and given back.

    Raises:
        InvariantViolation: this one is.
    """
    if torn:
        raise InvariantViolation(NOT_BOTH, chain, height, f"packet {sequence} was executed, and given back")


def check_order(chain: str, height: int, sequence: int, before: int, *, gaps: bool = False) -> None:
    """An ordered channel executes packets one after the other; with gaps, one that was given up may be left out.

    Raises:
        InvariantViolation: this one does not follow the one before.
    """
    if sequence <= before or (sequence != before + 1 and not gaps):
        raise InvariantViolation(CHANNEL_ORDER, chain, height, f"packet {sequence} was executed after {before}")


def check_balance(chain: str, height: int, name: str, held: int, due: int) -> None:
    """What is in escrow, or minted, is what packets put there.

    Raises:
        InvariantViolation: it is another amount.
    """
    if held != due:
        raise InvariantViolation(CONSERVATION, chain, height, f"{name} holds {held}, and {due} were due")


def check_group(chain: str, height: int, group: str, before: str, now: str) -> None:
    """Of the packets of a group all are executed, or none.

    Raises:
        InvariantViolation: something else became of this one than of another.
    """
    if now != before:
        raise InvariantViolation(ALL_OR_NONE, chain, height, f"of {group} one packet is {before}, another {now}")
