"""How the conformance tests of PBFT speak to replicas: shorthand for votes, a chain in rounds, words for a table."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from sim.consensus.interface import (
    Broadcast,
    CancelTimer,
    Decide,
    EnterView,
    Executed,
    Misbehaviour,
    Propose,
    Send,
    SetTimer,
    TimerExpired,
    Value,
)
from sim.consensus.pbft import PbftReplica
from sim.consensus.pbft_config import Config
from sim.consensus.pbft_messages import (
    GENESIS,
    NULL,
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
    from collections.abc import Callable, Iterable, Sequence

    from sim.consensus.interface import Input, Message, Output

T = 1_000
A, B, C = (Value(name * 32, size_bytes=500, count=5) for name in (b"a", b"b", b"c"))
WORD = {A.digest: "A", B.digest: "B", C.digest: "C", NULL.digest: "null"}


def replica(me: int = 1, n: int = 4, window: int = 4, checkpoint_interval: int = 4) -> PbftReplica:
    return PbftReplica(Config(n=n, me=me, timeout_ns=T, window=window, checkpoint_interval=checkpoint_interval))


def tell(to: PbftReplica, *events: Input, now: int = 0) -> list[Output]:
    return [output for event in events for output in to.step(event, now)]


def sent(outputs: Iterable[Output]) -> list[Message]:
    return [output.message for output in outputs if isinstance(output, Broadcast)]


def blamed(outputs: Sequence[Output]) -> list[int]:
    """The culprits, after checking that nothing else came out."""
    assert all(isinstance(output, Misbehaviour) for output in outputs)
    return [output.culprit for output in outputs if isinstance(output, Misbehaviour)]


def only(kind: type, outputs: Iterable[Any]) -> list[Any]:
    return [output for output in outputs if isinstance(output, kind)]


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


class Chain:
    """``n`` replicas and a network that delivers in rounds: what is sent in one arrives in the next."""

    def __init__(self, n: int, mute: Iterable[int] = ()) -> None:
        self.replicas = [replica(i, n) for i in range(n)]
        self.mute = set(mute)
        self.mail: deque[tuple[int, Message]] = deque()
        self.decided: list[list[bytes]] = [[] for _ in range(n)]
        self.counts: Counter[str] = Counter()
        self.timers: list[dict[str, int]] = [{} for _ in range(n)]
        self.lines: list[str] = []

    def step(self, i: int, event: Input) -> None:
        outputs = self.replicas[i].step(event, 0)
        self.lines.append(f"{i}  {word(event):45}  {'; '.join(map(word, outputs)) or '-'}")
        for output in outputs:
            if isinstance(output, Broadcast):
                self.post(i, [j for j in range(len(self.replicas)) if j != i], output.message)
            elif isinstance(output, Send):
                self.post(i, [output.to], output.message)
            elif isinstance(output, SetTimer):
                self.timers[i][output.name] = output.delay_ns
            elif isinstance(output, CancelTimer):
                self.timers[i].pop(output.name, None)
            elif isinstance(output, Decide):
                self.decided[i].append(output.value.digest)
                self.step(i, Executed(output.sequence, b"s%d" % output.sequence, waiting=False))

    def post(self, sender: int, receivers: Iterable[int], message: Message) -> None:
        if sender not in self.mute:
            for receiver in receivers:
                self.counts[message.kind] += 1
                self.mail.append((receiver, message))

    def round(self) -> None:
        for _ in range(len(self.mail)):
            receiver, message = self.mail.popleft()
            if receiver not in self.mute:
                self.step(receiver, message)

    def settle(self) -> None:
        while self.mail:
            self.round()


def assigned(message: PrePrepare | PreparedCertificate) -> str:
    return f"{message.sequence}={WORD[message.value.digest]}"


WORDING: dict[type, Callable[[Any], str]] = {
    Broadcast: lambda o: f"all: {word(o.message)}",
    Decide: lambda o: f"decide {o.sequence} {WORD[o.value.digest]}",
    SetTimer: lambda o: f"set {o.name} {o.delay_ns}",
    CancelTimer: lambda o: f"cancel {o.name}",
    EnterView: lambda o: f"enter view {o.view}",
    Propose: lambda e: f"propose {WORD[e.value.digest]}",
    Executed: lambda e: f"executed {e.sequence}",
    TimerExpired: lambda e: f"{e.name} timer expired",
    PrePrepare: lambda m: f"{m.sender} pre-prepare ({m.view},{m.sequence}) {WORD[m.value.digest]}",
    Prepare: lambda m: f"{m.sender} prepare ({m.view},{m.sequence}) {WORD[m.digest]}",
    Commit: lambda m: f"{m.sender} commit ({m.view},{m.sequence}) {WORD[m.digest]}",
    ViewChange: lambda m: f"{m.sender} view-change {m.view} C={m.stable.sequence} P={[*map(assigned, m.prepared)]}",
    NewView: lambda m: (
        f"{m.sender} new-view {m.view} V={[c.sender for c in m.view_changes]} O={[*map(assigned, m.pre_prepares)]}"
    ),
}


def word(item: Input | Output) -> str:
    """One input or output in the words of the golden table; a message begins with its sender."""
    return WORDING[type(item)](item).replace("'", "")


def prepared(sequence: int, value: Value, view: int = 0, signers: tuple[int, ...] = (0, 1, 2)) -> PreparedCertificate:
    return PreparedCertificate(view, sequence, value, signers)


STABLE_4 = CheckpointCertificate(4, b"s4", (0, 1, 2))


def good_new_view() -> NewView:
    changes = tuple(ViewChange(i, 1, GENESIS, (prepared(1, A), prepared(3, C))) for i in (0, 1, 2))
    return NewView(1, 1, changes, compute_new_view(1, 1, changes))
