"""How the conformance tests of PBFT speak to replicas: shorthand for votes, a chain, words for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steps import WORD, A, C, Group, T, tell

from sim.consensus.interface import Executed
from sim.consensus.pbft import PbftReplica
from sim.consensus.pbft_config import Config
from sim.consensus.pbft_messages import (
    GENESIS,
    Assignment,
    CheckpointCertificate,
    Commit,
    NewView,
    Prepare,
    PreparedCertificate,
    PrePrepare,
    ViewChange,
)
from sim.consensus.pbft_view_change import compute_new_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.consensus.interface import Output, Value


def replica(me: int = 1, n: int = 4, window: int = 4, checkpoint_interval: int = 4) -> PbftReplica:
    return PbftReplica(Config(n=n, me=me, timeout_ns=T, window=window, checkpoint_interval=checkpoint_interval))


def holding(me: int, *values: tuple[int, Value]) -> PbftReplica:
    """A backup to which view 0 proposed these."""
    backup = replica(me=me)
    tell(backup, *(PrePrepare(0, 0, sequence, value) for sequence, value in values))
    return backup


def prepares(senders: Iterable[int], sequence: int = 1, value: Value = A, view: int = 0) -> list[Prepare]:
    return [Prepare(i, view, sequence, value.digest) for i in senders]


def commits(senders: Iterable[int], sequence: int = 1, value: Value = A, view: int = 0) -> list[Commit]:
    return [Commit(i, view, sequence, value.digest) for i in senders]


def decide_at(to: PbftReplica, sequence: int, value: Value = A, waiting: bool = False) -> list[Output]:
    """One fault-free instance as seen by backup 1 of 4 in view 0, executed at once."""
    return tell(
        to,
        PrePrepare(0, 0, sequence, value),
        *prepares([2, 3], sequence, value),
        *commits([0, 2], sequence, value),
        Executed(sequence, b"s%d" % sequence, waiting),
    )


class Chain(Group):
    """``n`` replicas of one chain."""

    def __init__(self, n: int, mute: Iterable[int] = ()) -> None:
        super().__init__([replica(i, n) for i in range(n)], WORDS, mute)


def assigned(message: Assignment | PreparedCertificate) -> str:
    return f"{message.sequence}={WORD[message.digest]}"


WORDS: dict[type, Callable[[Any], str]] = {
    PrePrepare: lambda m: f"{m.sender} pre-prepare ({m.view},{m.sequence}) {WORD[m.value.digest]}",
    Prepare: lambda m: f"{m.sender} prepare ({m.view},{m.sequence}) {WORD[m.digest]}",
    Commit: lambda m: f"{m.sender} commit ({m.view},{m.sequence}) {WORD[m.digest]}",
    ViewChange: lambda m: f"{m.sender} view-change {m.view} C={m.stable.sequence} P={[*map(assigned, m.prepared)]}",
    NewView: lambda m: (
        f"{m.sender} new-view {m.view} V={[c.sender for c in m.view_changes]} O={[*map(assigned, m.pre_prepares)]}"
    ),
}


def prepared(sequence: int, value: Value, view: int = 0, signers: tuple[int, ...] = (0, 1, 2)) -> PreparedCertificate:
    return PreparedCertificate(view, sequence, value.digest, signers)


STABLE_4 = CheckpointCertificate(4, b"s4", (0, 1, 2))


def good_new_view() -> NewView:
    changes = tuple(ViewChange(i, 1, GENESIS, (prepared(1, A), prepared(3, C))) for i in (0, 1, 2))
    return NewView(1, 1, changes, compute_new_view(changes))
