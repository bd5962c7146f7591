"""What trains of heights are computed with and what comes of it: work, what was busy before, the times of all nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Times: TypeAlias = NDArray[np.int64]
    Delays: TypeAlias = Sequence[Times]

INFINITE = 2**60
"""Later than everything; sums of it and of work still fit 64 bits."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a height's messages cost, in nanoseconds; arrays have a cell per height, shape (trains, heights).

    Attributes:
        prepare: the leader's hashing and checking of what it proposes.
        take: a receiver's checking of the proposal.
        execute: executing the block.
        proposal_nic: a NIC's transmission of the proposal.
        push_nic: a validator's transmission of the executed block to all observers that it feeds, shape
            (trains, heights, n).
        told: after which heights every node tells all others of a checkpoint.
        votes: checking a first vote, a second vote, a checkpoint, shape (3,). votes_nic: their transmission.
        sign: signing one of them, or the proposal.
    """

    prepare: Times
    take: Times
    execute: Times
    proposal_nic: Times
    push_nic: Times
    told: NDArray[np.bool_]
    votes: Times
    votes_nic: Times
    sign: int

    @property
    def free(self) -> bool:
        """Whether nothing costs anything, so that no queue ever forms."""
        arrays = (self.prepare, self.take, self.execute, self.proposal_nic)
        return not (self.sign or self.votes.any() or self.votes_nic.any() or any(array.any() for array in arrays))


@dataclass(slots=True)
class Busy:
    """When what came before is over: CPU, receiving and sending NIC of each validator, each link's last arrival.

    Shapes (n,), (n,), (n,) and (n, n), sender by receiver.
    """

    cpu: Times
    ingress: Times
    egress: Times
    link: Times

    @classmethod
    def idle(cls, n: int) -> Busy:
        """Nothing came before."""
        cpu, ingress, egress = np.zeros((3, n), dtype=np.int64)
        return cls(cpu, ingress, egress, np.zeros((n, n), dtype=np.int64))


@dataclass(slots=True)
class Outcome:
    """What came of the heights of all trains, H together; shapes (H, n) unless said otherwise.

    Attributes:
        proposed: the signed proposal left the leader's CPU, (H,).
        decided, executed: per validator.
        pushed: when its NIC begins to send the executed block to its observers.
        cpu, ingress, egress: when they are done with its train. link: the last arrival on each, (H, n, n); told only
            where links deliver in order.
        busy: CPU time spent on it.
        waited: the leader was busy when it should have cut the block, (H,).
        touched: something was still busy with the height before it, (H,).
    """

    proposed: Times
    decided: Times
    executed: Times
    pushed: Times
    cpu: Times
    ingress: Times
    egress: Times
    link: Times
    busy: Times
    waited: NDArray[np.bool_]
    touched: NDArray[np.bool_]

    def after(self, height: int) -> Busy:
        """What is still busy when this height of the call is over."""
        return Busy(self.cpu[height], self.ingress[height], self.egress[height], self.link[height])


@dataclass(frozen=True, slots=True)
class Shape:
    """Who votes how: ``n`` validators, a ``quorum`` of them, whether the leader takes part in the first round of votes.

    ``ordered``: links deliver in order.
    """

    n: int
    quorum: int
    leader_votes: bool
    ordered: bool

    def needed(self, leader: int) -> NDArray[np.int64]:
        """How many first votes each node must hear; the proposal counts as the leader's, and its own it has."""
        needed = np.full(self.n, self.quorum - 1 if self.leader_votes else self.quorum - 2)
        needed[leader] = self.quorum - 1
        return needed
