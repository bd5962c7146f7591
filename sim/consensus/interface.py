"""What a protocol and its host say to each other: inputs, outputs, and the value that is ordered.

A replica is one object with ``step(event, now) -> Sequence[Output]``. ``now`` is an integer in nanoseconds that the
host supplies; replicas compare and store it but never read a clock. A message is an input and, inside `Broadcast`
or `Send`, an output. The host guarantees that ``message.sender`` is who signed it (it charges the verification).

Two kinds of error are kept apart: a host that breaks this contract gets a `HostError` raised, our bug; a peer that
breaks the protocol yields a `Misbehaviour` output and its message is dropped, the peer's fault.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence


class HostError(Exception):
    """The host broke the contract of this room (a bug of ours, never a peer's doing)."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a chain orders: an opaque body under a digest, with the size that it has on the wire.

    The host answers for the body matching the digest, so values compare by what the digest stands for, not by body.
    """

    digest: bytes
    size_bytes: int
    count: int
    body: object = field(default=None, compare=False)


class Message(Protocol):
    """A signed protocol message. ``(kind, view, sequence)`` addresses its network draws."""

    @property
    def kind(self) -> str:
        """The message's name in the paper, as in tables (``prepare``)."""

    @property
    def sender(self) -> int:
        """The replica that signed it."""

    @property
    def view(self) -> int:
        """The view it belongs to."""

    @property
    def sequence(self) -> int:
        """The sequence number it is about; 0 where it is about a view as a whole."""

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire, signature included."""

    @property
    def signatures(self) -> int:
        """Signatures that every receiver verifies: its own and those inside certificates; for others see `Verify`."""

    @property
    def proposed(self) -> int:
        """Transactions that it proposes for the first time, whose client signatures a receiver checks; mostly 0."""


# ---- inputs besides messages


@dataclass(frozen=True, slots=True)
class Propose:
    """The host hands the leader a value; legal only while ``can_propose()`` holds."""

    value: Value


@dataclass(frozen=True, slots=True)
class RequestWaiting:
    """A client request reached this replica and is not executed yet."""


@dataclass(frozen=True, slots=True)
class Executed:
    """The host executed the decided value at ``sequence``; ``waiting`` says whether requests still wait."""

    sequence: int
    state_digest: bytes
    waiting: bool


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """The timer that a `SetTimer` of this name asked for ran out."""

    name: str


@dataclass(frozen=True, slots=True)
class StateTransferred:
    """The host fetched, checked and executed all decided values up to ``sequence``.

    It stands for the `Executed` of each of them: none of those is stepped any more. A `Decide` above ``sequence``
    that was not answered with `Executed` is void and comes again, so a host that restarts may have lost it; timers
    are set anew too. ``view`` is the view that the peer who served the values works in, 0 if none.
    """

    sequence: int
    state_digest: bytes
    view: int
    waiting: bool


@dataclass(frozen=True, slots=True)
class Resumed:
    """Every replica has executed everything up to ``sequence``, ordered in ``view`` without messages; go on from there.

    A host that computes heights as a whole sends it to all replicas alike when it returns to delivering messages. It
    brings what each would hold had it taken part: the last checkpoint, as a quorum certified it, and the values since,
    prepared. The host has stopped all timers.
    """

    sequence: int
    view: int
    checkpoint: int
    checkpoint_digest: bytes
    values: tuple[Value, ...]
    waiting: bool


@dataclass(frozen=True, slots=True)
class TransferLeadership:
    """Whoever leads is to hand over to replica ``to``, by plan; some protocols take it (`registry.Family`)."""

    to: int


# ---- outputs


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Send to every other replica, or to those others that are ``among`` these."""

    message: Message
    among: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send to one replica."""

    to: int
    message: Message


@dataclass(frozen=True, slots=True)
class SetTimer:
    """(Re)start the named timer; it expires ``delay_ns`` after this step completes."""

    name: str
    delay_ns: int


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Stop the named timer if it runs."""

    name: str


@dataclass(frozen=True, slots=True)
class Decide:
    """``value`` is final at ``sequence``. Decides come in sequence order, without gaps, once each."""

    sequence: int
    view: int
    value: Value


@dataclass(frozen=True, slots=True)
class EnterView:
    """This replica gave up on the leader before and now works in ``view`` under ``leader``.

    A protocol that hands the leadership on as a matter of course does not say so for each regular hand-over: the host
    learns who leads from ``can_propose()``.
    """

    view: int
    leader: int


@dataclass(frozen=True, slots=True)
class FetchState:
    """This replica is behind: everything up to ``sequence`` is decided elsewhere and out of its reach.

    With a ``state_digest`` a quorum certified that checkpoint and each of ``peers`` signed it. With an empty one only
    votes prove the lag: some of ``peers`` hold the values up to ``sequence``, and ``sequence`` is the least to fetch.
    """

    sequence: int
    state_digest: bytes
    peers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Verify:
    """Before what follows, check so many ``signatures`` besides those that a receiver of the message always checks."""

    signatures: int


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """``culprit`` broke the protocol; the message was dropped."""

    culprit: int
    reason: str


Input: TypeAlias = (
    Message | Propose | RequestWaiting | Executed | TimerExpired | StateTransferred | Resumed | TransferLeadership
)
Output: TypeAlias = Broadcast | Send | SetTimer | CancelTimer | Decide | EnterView | FetchState | Verify | Misbehaviour


class Replica(Protocol):
    """One replica of a protocol, as its host sees it."""

    @property
    def view(self) -> int:
        """The view it works in or, where it is not ``active``, the one that it waits for."""

    @property
    def leader(self) -> int:
        """The leader of ``view``."""

    @property
    def active(self) -> bool:
        """Whether it votes in ``view``; false between leaving a view and entering the next."""

    @property
    def last_executed(self) -> int:
        """The highest sequence number that the host executed; 0 at the start."""

    @property
    def next_sequence(self) -> int:
        """The sequence number that the next `Propose` gets, meaningful at the leader."""

    def can_propose(self) -> bool:
        """Whether a `Propose` is legal now; true at the leader only."""

    def must_propose(self) -> bool:
        """Whether the leader should propose now even if no transaction waits, because earlier values hang on it.

        Chained protocols decide a value by what is proposed after it. Implies ``can_propose()``.
        """

    def outstanding(self) -> tuple[Value, ...]:
        """Values that the next proposal here would come after and that are not executed here, in sequence order.

        Null values are left out. The host proposes nothing that these hold already.
        """

    def step(self, event: Input, now: int) -> Sequence[Output]:
        """Take one input at ``now`` (ns) and say what to do; raises `HostError` where the host broke the contract."""


class Resumable(Replica, Protocol):
    """A replica whose host may let heights go by without messages, and tell it where it stands afterwards."""

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way here: what is decided is executed, and nothing is said of what comes next."""


class Counting(Replica, Protocol):
    """A replica whose host may keep votes back that change nothing, as long as it tells it nothing else."""

    def credit(self, vote: Message) -> int:
        """How many more replicas may say what ``vote`` says before this one has anything to do about it.

        Holds until the next step.
        """

    def count_unread(self, vote: Message, senders: int) -> None:
        """``senders``, as bits, said what ``vote`` says, for which there was credit."""
