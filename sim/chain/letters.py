"""Votes as they are handed to compiled code (`sim.chain.compiled.unread`), and how many of them it has to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from sim.network.transport import Tally

Deliver: TypeAlias = "Callable[[int, object, int, Tally], None]"
"""To a receiver, a payload that keeps its NIC busy for so long, and where it is counted."""


class Size(NamedTuple):
    """How much a chain needs: ``nodes``, ``validators`` among them, ``ballots`` at a time and ``kinds`` of votes."""

    nodes: int
    validators: int
    ballots: int
    kinds: int


class Letter(NamedTuple):
    """A vote that a validator sends to all others.

    Attributes:
        ballot, kind: places in the chain's share.
        sender: validator.
        nic_ns, work_ns: what it costs each NIC and each receiver's CPU.
        begun_ns: when the sender's NIC begins with it.
        payload, tally, deliver: what Python needs to deliver it like any message.
    """

    ballot: int
    kind: int
    sender: int
    nic_ns: int
    work_ns: int
    begun_ns: int
    payload: object
    tally: Tally
    deliver: Deliver


class Links(NamedTuple):
    """From the sender to each node: the delay (negative where it is lost), whether in order, the last arrival."""

    delays: NDArray[np.int64]
    ordered: NDArray[np.bool_]
    latest: NDArray[np.int64]
