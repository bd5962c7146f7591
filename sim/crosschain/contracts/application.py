"""What the data of a packet is for: a transfer of an amount, or an identity document.

A document begins with its magic. No transfer does: its first eight bytes are the amount, and that would be more than
5 * 10^18.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.contracts import assets, identity, terms
from sim.crosschain.contracts.messages import amount_of

if TYPE_CHECKING:
    from sim.crosschain.contracts.store import Store


def amount(data: bytes) -> int:
    """What a packet transfers: nothing if it is a document.

    Raises:
        Refused: the data is neither.
    """
    return 0 if data.startswith(identity.MAGIC) else amount_of(data)


def send(store: Store, link: str, data: bytes) -> None:
    """The source sends it.

    Raises:
        Refused: it cannot be sent.
    """
    if data.startswith(identity.MAGIC):
        identity.pass_on(store, data)
    else:
        assets.escrow(store, link, data)


def receive(store: Store, link: str, data: bytes) -> bytes:
    """The destination takes it; returns the acknowledgement."""
    if data.startswith(identity.MAGIC):
        return assets.SUCCESS if identity.take_over(store, link, data) else assets.FAILURE
    return assets.mint(store, link, data)


def give_back(store: Store, link: str, data: bytes) -> None:
    """It did not come about: the source gives back what it had locked, if anything.

    Raises:
        Refused: so much is not there.
    """
    if not data.startswith(identity.MAGIC):
        assets.refund(store, link, data)


def is_irreversible(data: bytes) -> bool:
    """Whether its effect can't be undone; raises `Refused` if the data is neither transfer nor document."""
    return not data.startswith(identity.MAGIC) and terms.is_irreversible(data)


def undo(store: Store, link: str, data: bytes) -> None:
    """The destination undoes what it has taken; a document stays, since it says what is so.

    Raises:
        Refused: so much is not there.
    """
    if not data.startswith(identity.MAGIC):
        assets.burn(store, link, data)


def reserve(store: Store, link: str, data: bytes) -> None:
    """The destination makes ready to take it; nothing can come in a document's way.

    Raises:
        Refused: the data is neither transfer nor document.
    """
    if not data.startswith(identity.MAGIC):
        assets.reserve(store, link, data)


def release(store: Store, link: str, data: bytes) -> None:
    """The destination is ready no longer.

    Raises:
        Refused: it was not.
    """
    if not data.startswith(identity.MAGIC):
        assets.release(store, link, data)
