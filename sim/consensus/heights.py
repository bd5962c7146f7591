"""What protocols share that agree on one height at a time: whose turn it is, when the next height starts, catching up.

A height has rounds, each with a proposer: replica (height − 1 + round) mod n. The host sees one number that never
falls as the *view*: height · 2²⁰ + round. Nothing is sent and no timer runs while nothing waits to be ordered, so an
idle chain is silent; the protocols' papers assume that there is always something to agree on.

Lost messages are repaired by repeating: as long as a height is open, a replica says its last words *again* at every
timeout. Who says something again about a height that is decided elsewhere gets a HINT: "that height is over". A replica
that is hinted at, or sees f+1 others two heights on, asks its host to fetch what it misses; the host checks the
certificates that come with it, so nobody needs to be trusted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from sim.consensus.interface import (
    CancelTimer,
    Decide,
    Executed,
    FetchState,
    HostError,
    Input,
    Misbehaviour,
    Output,
    Propose,
    RequestWaiting,
    Resumed,
    Send,
    SetTimer,
    StateTransferred,
    TimerExpired,
)
from sim.consensus.quorum import Quorums

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from sim.consensus.interface import Value
    from sim.consensus.parameters import Parameters

ROUND_BITS: Final = 20
MAX_ROUND: Final = (1 << ROUND_BITS) - 1
NOTHING: Final[tuple[Output, ...]] = ()
NEXT_HEIGHT_TIMER: Final = "next-height"
MAX_GROWTH: Final = 64
"""Timeouts stop growing at this many rounds or doublings; a longer one would only say that nothing will come."""
HEADER_BYTES: Final = 1 + 4 + 8 + 8
"""On the wire: a kind, a sender, a height, a round."""
DIGEST_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


class HeightMessage(Protocol):
    """A message about one round of one height."""

    @property
    def sender(self) -> int:
        """Who signed it."""

    @property
    def sequence(self) -> int:
        """The height."""

    @property
    def view(self) -> int:
        """The round."""

    @property
    def again(self) -> bool:
        """Whether its sender said it before."""


M = TypeVar("M", bound=HeightMessage)


@dataclass(frozen=True, slots=True)
class Hint:
    """The height `sequence`, which the receiver still works on, is decided at the sender."""

    sender: int
    sequence: int
    view: int = 0
    signatures: int = 1
    proposed: int = 0
    kind: str = "hint"
    size_bytes: int = HEADER_BYTES + SIGNATURE_BYTES


class HeightReplica(ABC):
    """One replica of a protocol that agrees on one height at a time; the protocol says what a height is made of."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.height = 1
        self.round = 0
        self.last_executed = 0
        self._me = parameters.me
        self._n = parameters.n
        self._quorums = Quorums.of(parameters.n)
        self._quorum = self._quorums.quorum
        self._waiting = False
        self._decided: Value | None = None
        self._paused = False
        self._running: set[str] = set()
        self._heights_of: dict[int, int] = {}
        self._later: dict[int, list[Any]] = {}
        self._asked = 0
        self._handlers: dict[type, Callable[[Any], Sequence[Output]]] = {
            Hint: self._on_hint,
            Propose: self._on_propose,
            RequestWaiting: self._on_request_waiting,
            Executed: self._on_executed,
            TimerExpired: self._on_timer_expired,
            StateTransferred: self._on_state_transferred,
            Resumed: self._on_resumed,
        }

    @classmethod
    def make(cls, parameters: Parameters) -> Self:
        """A fresh replica, as the registry asks for it."""
        return cls(parameters)

    # What the protocol says.

    @abstractmethod
    def _start_round(self, outputs: list[Output]) -> None:
        """Begin the present round of the present height; called with nothing said in it yet."""

    @abstractmethod
    def _forget_height(self) -> None:
        """Empty everything that was about a height."""

    @abstractmethod
    def _has_begun(self) -> bool:
        """Whether anything has been said about the present height."""

    @abstractmethod
    def _propose(self, value: Value, outputs: list[Output]) -> None:
        """Propose as the present proposer."""

    @abstractmethod
    def _may_propose(self) -> bool:
        """Whether the present proposer needs a value from its host."""

    @abstractmethod
    def _timed_out(self, name: str, outputs: list[Output]) -> None:
        """A timer of the protocol's own expired."""

    @abstractmethod
    def _resume(self, outputs: list[Output]) -> None:
        """Set timers anew for the present round, if anything is under way or waits."""

    # What the host sees.

    @property
    def view(self) -> int:
        """Height and round in one number."""
        return self.height << ROUND_BITS | self.round

    @property
    def leader(self) -> int:
        """The proposer of the present round."""
        return self.proposer(self.height, self.round)

    def proposer(self, height: int, round_: int) -> int:
        """Whose turn it is in a round of a height."""
        return (height - 1 + round_) % self._n

    @property
    def active(self) -> bool:
        """Always: these protocols vote in every round."""
        return True

    @property
    def quiet(self) -> bool:
        """Whether nothing has happened since the last height was executed."""
        ahead = self._decided is not None or self.height in self._later or self.last_executed + 1 != self.height
        return not (ahead or self.round or self._has_begun())

    @property
    def next_sequence(self) -> int:
        """The height that is being agreed on."""
        return self.height

    def can_propose(self) -> bool:
        """Whether this replica is to propose in the present round and has not."""
        return self.leader == self._me and self._decided is None and not self._paused and self._may_propose()

    def must_propose(self) -> bool:
        """Never: a height is decided by votes on itself."""
        return False

    def outstanding(self) -> tuple[Value, ...]:
        """The value decided and not executed yet, if there is one; what earlier rounds proposed is not ahead of it."""
        return () if self._decided is None else (self._decided,)

    def step(self, event: Input, now: int) -> Sequence[Output]:
        """Take one input and say what to do; raises `HostError` where the host broke the contract."""
        del now
        handler = self._handlers.get(type(event))
        if handler is None:
            raise HostError(f"{type(self).__name__} takes no {type(event).__name__}")
        return handler(event)

    # Heights.

    def _on_propose(self, event: Propose) -> Sequence[Output]:
        if not self.can_propose():
            raise HostError(f"replica {self._me} may not propose height {self.height} round {self.round} now")
        outputs: list[Output] = []
        self._propose(event.value, outputs)
        return outputs

    def _decide(self, value: Value, outputs: list[Output]) -> None:
        self._decided = value
        self._stop_timers(outputs)
        outputs.append(Decide(self.height, self.round, value))

    def _on_executed(self, event: Executed) -> Sequence[Output]:
        if event.sequence != self.height or self._decided is None:
            raise HostError(f"executed {event.sequence}, but height {self.height} is not decided or another one")
        outputs: list[Output] = []
        self.last_executed = event.sequence
        self._waiting = event.waiting
        self._enter_height(event.sequence + 1)
        if self.parameters.commit_wait_ns:
            self._paused = True
            outputs.append(SetTimer(NEXT_HEIGHT_TIMER, self.parameters.commit_wait_ns))
        else:
            self._open_height(outputs)
        return outputs

    def _enter_height(self, height: int) -> None:
        self.height = height
        self.round = 0
        self._decided = None
        self._forget_height()

    def _open_height(self, outputs: list[Output]) -> None:
        self._paused = False
        self._start_round(outputs)
        for message in self._later.pop(self.height, ()):
            outputs += self._handlers[type(message)](message)
        for height in [height for height in self._later if height < self.height]:
            del self._later[height]

    def _on_request_waiting(self, _event: RequestWaiting) -> Sequence[Output]:
        self._waiting = True
        outputs: list[Output] = []
        if not self._paused and self._decided is None:
            self._resume(outputs)
        return outputs

    def _on_state_transferred(self, event: StateTransferred) -> Sequence[Output]:
        outputs: list[Output] = []
        self._waiting = event.waiting
        self._running.clear()
        if event.sequence > self.last_executed:
            self.last_executed = event.sequence
            self._enter_height(event.sequence + 1)
            self._open_height(outputs)
        elif self._decided is not None:
            outputs.append(Decide(self.height, self.round, self._decided))
        elif self._paused:
            self._open_height(outputs)
        else:
            self._resume(outputs)
        return outputs

    def _on_resumed(self, event: Resumed) -> Sequence[Output]:
        """The height after the one that was executed last begins, at once or after the pause."""
        outputs: list[Output] = []
        self.last_executed = event.sequence
        self._waiting = event.waiting
        self._running.clear()
        self._later.clear()
        self._heights_of.clear()
        self._enter_height(event.sequence + 1)
        if self.parameters.commit_wait_ns:
            self._paused = True
            outputs.append(SetTimer(NEXT_HEIGHT_TIMER, self.parameters.commit_wait_ns))
        else:
            self._open_height(outputs)
        return outputs

    # Timers.

    def _set_timer(self, name: str, delay_ns: int, outputs: list[Output]) -> None:
        self._running.add(name)
        outputs.append(SetTimer(name, delay_ns))

    def _cancel_timer(self, name: str, outputs: list[Output]) -> None:
        if name in self._running:
            self._running.discard(name)
            outputs.append(CancelTimer(name))

    def _stop_timers(self, outputs: list[Output]) -> None:
        for name in sorted(self._running):
            self._cancel_timer(name, outputs)

    def _on_timer_expired(self, event: TimerExpired) -> Sequence[Output]:
        outputs: list[Output] = []
        if event.name == NEXT_HEIGHT_TIMER:
            if self._paused:
                self._open_height(outputs)
        elif event.name in self._running:
            self._running.discard(event.name)
            self._look_ahead(outputs)
            self._timed_out(event.name, outputs)
        return outputs

    # Other heights.

    def _elsewhere(self, message: M) -> Sequence[Output]:
        """A message for another height than the present one, or before that is open."""
        if message.sequence < self.height:
            return (Send(message.sender, Hint(self._me, self.height - 1)),) if message.again else NOTHING
        self._heights_of[message.sender] = max(message.sequence, self._heights_of.get(message.sender, 0))
        if message.sequence <= self.height + 1:
            kept = self._later.setdefault(message.sequence, [])
            if sum(old.sender == message.sender for old in kept) < _KEPT_PER_SENDER:
                kept.append(message)
            return NOTHING
        outputs: list[Output] = []
        self._look_ahead(outputs, beyond=1)
        return outputs

    def _on_hint(self, message: Hint) -> Sequence[Output]:
        if message.sequence < self.height or self._decided is not None:
            return NOTHING
        return (FetchState(message.sequence, b"", (message.sender,)),)

    def _look_ahead(self, outputs: list[Output], beyond: int = 0) -> None:
        """Fetch if f+1 others are more than ``beyond`` heights on: at least one of them has what is missing here."""
        peers = tuple(sender for sender, height in sorted(self._heights_of.items()) if height > self.height + beyond)
        if len(peers) >= self._quorums.weak and self._decided is None and (self._asked < self.height or not beyond):
            self._asked = self.height
            outputs.append(FetchState(self.height, b"", peers))

    def _fault(self, message: HeightMessage) -> Misbehaviour | None:
        """What is wrong with a message whatever it says."""
        if not 0 <= message.sender < self._n:
            return Misbehaviour(message.sender, "message from no replica")
        if not 0 <= message.view <= MAX_ROUND or message.sequence < 1:
            return Misbehaviour(message.sender, f"no such height and round: {message.sequence}, {message.view}")
        return None


_KEPT_PER_SENDER: Final = 8
"""Messages of the next height kept for each sender: it may be a few rounds into it, hardly more."""
