"""The application on a link: amounts that are escrowed on one chain and minted as vouchers on the other (ICS-20).

| step | source | destination |
|---|---|---|
| sendPacket | escrow the amount | |
| recvPacket | | mint a voucher of it |
| acknowledgePacket, of an error | refund from escrow | |
| timeoutPacket | refund from escrow | |
| rollback, where a way has one | refund from escrow | burn the voucher |
| Try, Confirm, Cancel | escrow, , refund | reserve the amount, mint instead, drop it |

So what is in escrow is what was sent and not refunded, and what is minted what was received and not undone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.crosschain.contracts.messages import amount_of
from sim.crosschain.contracts.refusal import Refused

if TYPE_CHECKING:
    from sim.crosschain.contracts.store import Store

SUCCESS, FAILURE = b"\x01", b"\x00"
"""Acknowledgements: the application took the packet, or it could not."""


def reserved_key(link: str) -> bytes:
    """Where the destination keeps how much is reserved."""
    return f"reserved/{link}".encode()


def escrow_key(link: str) -> bytes:
    """Where the source keeps how much is in escrow."""
    return f"escrow/{link}".encode()


def vouchers_key(link: str) -> bytes:
    """Where the destination keeps how much was minted."""
    return f"vouchers/{link}".encode()


def locks_key(link: str) -> bytes:
    """Where either chain keeps how many packets hold something locked there, on links that lock."""
    return f"locked/{link}".encode()


def count_lock(store: Store, link: str, change: int) -> None:
    """One packet more, or fewer, holds something."""
    store.put_number(locks_key(link), store.number(locks_key(link)) + change)


def escrow(store: Store, link: str, data: bytes) -> None:
    """Lock the amount of a transfer; raises `Refused` if the data is none, or the amount is 0."""
    amount = amount_of(data)
    if amount == 0:
        raise Refused("no-amount", "a transfer of nothing")
    store.put_number(escrow_key(link), store.number(escrow_key(link)) + amount)


def mint(store: Store, link: str, data: bytes) -> bytes:
    """Make a voucher for a transfer's amount; returns the acknowledgement."""
    try:
        amount = amount_of(data)
    except Refused:
        return FAILURE
    store.put_number(vouchers_key(link), store.number(vouchers_key(link)) + amount)
    return SUCCESS


def refund(store: Store, link: str, data: bytes) -> None:
    """Give the amount of a transfer back.

    Raises:
        Refused: so much is not in escrow.
    """
    left = store.number(escrow_key(link)) - amount_of(data)
    if left < 0:
        raise Refused("escrow-too-small", f"{-left} are missing in the escrow of {link}")
    store.put_number(escrow_key(link), left)


def burn(store: Store, link: str, data: bytes) -> None:
    """Take back what was minted for a transfer.

    Raises:
        Refused: so much was not minted.
    """
    left = store.number(vouchers_key(link)) - amount_of(data)
    if left < 0:
        raise Refused("vouchers-too-few", f"{-left} are missing among the vouchers of {link}")
    store.put_number(vouchers_key(link), left)


def reserve(store: Store, link: str, data: bytes) -> None:
    """Keep a transfer's amount ready to be minted; raises `Refused` if the data is none."""
    store.put_number(reserved_key(link), store.number(reserved_key(link)) + amount_of(data))


def release(store: Store, link: str, data: bytes) -> None:
    """Keep a transfer's amount ready no longer.

    Raises:
        Refused: so much is not reserved.
    """
    left = store.number(reserved_key(link)) - amount_of(data)
    if left < 0:
        raise Refused("reserved-too-little", f"{-left} are missing in what is reserved for {link}")
    store.put_number(reserved_key(link), left)
