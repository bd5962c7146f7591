"""What a host tells a fresh replica of any protocol: who it is, how patient, and the few knobs that some read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of replica ``me`` among ``n``; times in nanoseconds.

    Args:
        n: replicas of the chain.
        me: this replica, 0 ≤ me < n.
        timeout_ns: how long a replica waits for progress before it acts against the leader.
        window: values that a leader may have proposed and not yet executed, where the protocol pipelines.
        checkpoint_interval: values between two checkpoints or snapshots.
        seed: of what the protocol itself leaves to chance, such as Raft's election timeouts.
        commit_wait_ns: Tendermint's timeout_commit, the pause after a decision; 0 for none.
        heartbeat_ns: Raft's heartbeat interval; 0 for a tenth of ``timeout_ns``.
        committee: how many vote at a time, where a committee does; 0 for all.
        epoch: heights after which one of them is replaced.

    Raises:
        ValueError: a parameter is out of range.
    """

    n: int
    me: int
    timeout_ns: int
    window: int = 4
    checkpoint_interval: int = 16
    seed: int = 0
    commit_wait_ns: int = 0
    heartbeat_ns: int = 0
    committee: int = 0
    epoch: int = 1

    def __post_init__(self) -> None:
        """Refuse what no chain can run with."""
        for name in ("n", "timeout_ns", "window", "checkpoint_interval", "epoch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("seed", "commit_wait_ns", "heartbeat_ns", "committee"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.committee > self.n:
            raise ValueError(f"committee must be at most all {self.n} replicas, got {self.committee}")
        if not 0 <= self.me < self.n:
            raise ValueError(f"me must be one of the {self.n} replicas 0…{self.n - 1}, got {self.me}")
