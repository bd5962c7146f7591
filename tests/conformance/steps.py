"""How the papers' tests speak to replicas: values, shorthand for inputs and outputs, a group in rounds, golden tables.

A group's network delivers in rounds: what is sent in one arrives in the next. Every step becomes a line of a table, in
words that each protocol's tests give to its messages.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from sim.consensus.interface import (
    Broadcast,
    CancelTimer,
    Decide,
    EnterView,
    Executed,
    FetchState,
    Misbehaviour,
    Propose,
    Send,
    SetTimer,
    TimerExpired,
    TransferLeadership,
    Value,
    Verify,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sim.consensus.interface import Input, Message, Output, Replica

    Words = Mapping[type, Callable[[Any], str]]

T = 1_000
A, B, C = (Value(name * 32, size_bytes=500, count=5) for name in (b"a", b"b", b"c"))
EMPTY = Value(bytes(32), size_bytes=0, count=0)
WORD = {A.digest: "A", B.digest: "B", C.digest: "C", EMPTY.digest: "null", b"": "nil"}


def tell(to: Replica, *events: Input, now: int = 0) -> list[Output]:
    return [output for event in events for output in to.step(event, now)]


def sent(outputs: Iterable[Output]) -> list[Message]:
    """What is said to everybody."""
    return [output.message for output in outputs if isinstance(output, Broadcast)]


def written(outputs: Iterable[Output], to: int) -> list[Message]:
    """What is said to one replica alone."""
    return [output.message for output in outputs if isinstance(output, Send) and output.to == to]


def blamed(outputs: Sequence[Output]) -> list[int]:
    """The culprits, after checking that nothing else came out."""
    assert all(isinstance(output, Misbehaviour) for output in outputs)
    return [output.culprit for output in outputs if isinstance(output, Misbehaviour)]


def only(kind: type, outputs: Iterable[Any]) -> list[Any]:
    return [output for output in outputs if isinstance(output, kind)]


class Group:
    """Replicas and a network in rounds; those that are ``mute`` neither send nor receive.

    Args:
        replicas: by number.
        words: for the protocol's messages, a line each.
        mute: replicas to begin with.
    """

    def __init__(self, replicas: Sequence[Replica], words: Words, mute: Iterable[int] = ()) -> None:
        self.replicas = list(replicas)
        self.mute = set(mute)
        self.mail: deque[tuple[int, Message]] = deque()
        self.decided: list[list[bytes]] = [[] for _ in replicas]
        self.counts: Counter[str] = Counter()
        self.timers: list[dict[str, int]] = [{} for _ in replicas]
        self.lines: list[str] = []
        self.now = 0
        self._words = {**_WORDS, **words}

    def step(self, i: int, event: Input) -> None:
        outputs = self.replicas[i].step(event, self.now)
        told = "; ".join(self._word(output) for output in outputs) or "-"
        self.lines.append(f"{i}  {self._word(event):45}  {told}")
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

    def table(self) -> str:
        return "\n".join([f"at {'input':45}  outputs", *self.lines]) + "\n"

    def _word(self, item: Input | Output) -> str:
        """One input or output in the words of the table; a message begins with its sender."""
        if isinstance(item, Broadcast):
            return f"all: {self._word(item.message)}"
        if isinstance(item, Send):
            return f"{item.to}: {self._word(item.message)}"
        return self._words[type(item)](item).replace("'", "")


_WORDS: Words = {
    Decide: lambda o: f"decide {o.sequence} {WORD[o.value.digest]}",
    SetTimer: lambda o: f"set {o.name} {o.delay_ns}",
    CancelTimer: lambda o: f"cancel {o.name}",
    EnterView: lambda o: f"enter view {o.view}",
    FetchState: lambda o: f"fetch {o.sequence}",
    Verify: lambda o: f"verify {o.signatures}",
    Propose: lambda e: f"propose {WORD[e.value.digest]}",
    Executed: lambda e: f"executed {e.sequence}",
    TimerExpired: lambda e: f"{e.name} timer expired",
    TransferLeadership: lambda e: f"hand over to {e.to}",
}
