"""What every replica of one PBFT chain agrees on beforehand, and which of them it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from sim.consensus.quorum import Quorums

if TYPE_CHECKING:
    from typing import Self

    from sim.consensus.parameters import Parameters

MAX_DOUBLINGS: Final = 5
"""Timeouts stop growing at 32 times the first: a longer one would keep replicas waiting long after a storm is over."""


@dataclass(frozen=True)
class Config:
    """The parameters of replica ``me`` among ``n``.

    Args:
        n: replicas of the chain.
        me: this replica, 0 ≤ me < n.
        timeout_ns: how long a request may wait before the leader is suspected; doubles from view to view (4.4).
        window: sequence numbers that a leader may have proposed and not yet executed.
        checkpoint_interval: a checkpoint is taken after each multiple of it (4.3).

    Raises:
        ValueError: a parameter is out of range.
    """

    n: int
    me: int
    timeout_ns: int
    window: int
    checkpoint_interval: int

    @classmethod
    def of(cls, parameters: Parameters) -> Self:
        """What of a host's parameters matters to PBFT."""
        return cls(
            n=parameters.n,
            me=parameters.me,
            timeout_ns=parameters.timeout_ns,
            window=parameters.window,
            checkpoint_interval=parameters.checkpoint_interval,
        )

    def __post_init__(self) -> None:
        """Refuse what no chain can run with."""
        for name in ("n", "timeout_ns", "window", "checkpoint_interval"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.me < self.n:
            raise ValueError(f"me must be one of the {self.n} replicas 0…{self.n - 1}, got {self.me}")

    @cached_property
    def quorums(self) -> Quorums:
        """The quorum sizes for ``n``."""
        return Quorums.of(self.n)

    @cached_property
    def log_size(self) -> int:
        """L of section 4.3, the distance between the water marks.

        One interval more than the window fills, so that a leader need not wait for the checkpoint in the making;
        never below the two intervals that the paper suggests.
        """
        return self.checkpoint_interval * (1 + -(-self.window // self.checkpoint_interval))

    def leader(self, view: int) -> int:
        """The leader of ``view``: replicas take turns."""
        return view % self.n

    def patience_ns(self, fruitless_views: int) -> int:
        """The timeout after ``fruitless_views`` views in which nothing executed: doubles with each (section 4.4)."""
        return self.timeout_ns << min(max(fruitless_views, 0), MAX_DOUBLINGS)
