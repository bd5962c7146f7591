"""Raft as a state machine without I/O: one leader a term, a replicated log, crash faults only.

Papers: D. Ongaro and J. Ousterhout, "In Search of an Understandable Consensus Algorithm", USENIX ATC 2014 (sections are
cited by number); D. Ongaro, "Consensus: Bridging Theory and Practice", PhD thesis, Stanford 2014, for pre-vote (9.6),
leader transfer (3.10) and the leader's own check of its quorum (6.2).

The rules:

1.  Time is cut into terms, each with at most one leader; a higher term in any message makes a replica follow (5.1).
2.  A follower that hears of no leader for a random time between one and two timeouts asks who *would* vote for it, in a
    term that it does not enter yet (pre-vote). A majority's yes makes it a candidate of the next term (5.2).
3.  One vote per term, to the first candidate whose log is at least as up to date: a later last term, or the same and no
    shorter (5.4.1). A pre-vote is refused while one hears from a leader.
4.  A new leader appends an empty value of its own term, so that what earlier terms left can be committed (8).
5.  The leader appends values and sends them with the place that they follow; a follower refuses what does not fit its
    log, and drops what contradicts the leader's (5.3).
6.  A value of the leader's *own* term on a majority is committed, and everything before it; values of earlier terms are
    never committed by counting (5.4.2). The leader tells the new commit index at once, by a message without values.
7.  A leader that does not hear from a majority for a timeout steps down.
8.  Executed values are dropped from the log, all but a tail of ``checkpoint_interval``. A follower that needs what is
    dropped gets SNAPSHOT, and fetches that state through its host (7).

Choices where the paper leaves room. Replica 0 leads term 1 from the start, as a bootstrapped group is configured. A
leader sends values once, and again with a heartbeat to whoever acknowledged nothing new since the heartbeat before; if
that does not help, after twice as many heartbeats each time. Without that pause a line that is merely slow would fill
with repetitions until nothing else gets through, and stay so.
Messages are not signed: members of a crash-fault group trust each other and their channels are authenticated, so a
decision proves nothing to a third party. What a replica says it has on disk first; one that lost its disk may have
promised what it no longer knows, and must not come back under its old number: the host keeps it out.
A fetched state may reach beyond the snapshot that was asked for. The log then still ends at the snapshot: the replica
has acknowledged nothing beyond it, so others hold what is committed there, and the leader sends it again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sim.consensus.interface import (
    Broadcast,
    CancelTimer,
    Decide,
    EnterView,
    Executed,
    FetchState,
    HostError,
    Input,
    Output,
    Propose,
    RequestWaiting,
    Send,
    SetTimer,
    StateTransferred,
    TimerExpired,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from sim.consensus.parameters import Parameters

NOTHING: Final[tuple[Output, ...]] = ()
HEADER_BYTES: Final = 1 + 4 + 8 + 8
NULL: Final = Value(digest=bytes(32), size_bytes=0, count=0)
"""What a new leader appends first."""
ELECTION_TIMER: Final = "election"
HEARTBEAT_TIMER: Final = "heartbeat"
FOLLOWER, PRE_CANDIDATE, CANDIDATE, LEADER = range(4)
UNKNOWN: Final = -1
MOST_PATIENCE: Final = 15
"""Heartbeats between two repetitions at most: one and a half timeouts, unless heartbeats are rare."""


def majority(n: int) -> int:
    """The least number of replicas that any two groups of which share one."""
    return n // 2 + 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and the term in which a leader took it in."""

    term: int
    value: Value


@dataclass(frozen=True, slots=True)
class Append:
    """The leader of term ``view`` sends the ``entries`` after ``previous`` (index and term), and its commit index.

    Without entries it is a heartbeat, or tells a new commit index.
    """

    signatures: ClassVar[int] = 0
    sender: int
    view: int
    sequence: int
    previous: tuple[int, int]
    entries: tuple[Entry, ...]
    commit: int
    kind: str = "append"

    @property
    def size_bytes(self) -> int:
        """Header, place, commit index, and each value under its term."""
        return HEADER_BYTES + 24 + sum(8 + 32 + entry.value.size_bytes for entry in self.entries)

    @property
    def proposed(self) -> int:
        """The transactions of its values."""
        return sum(entry.value.count for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The log of its sender agrees with the leader's up to ``sequence``, if ``success``; else it ends there at most."""

    kind: ClassVar[str] = "acknowledge"
    signatures: ClassVar[int] = 0
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + 1
    sender: int
    view: int
    sequence: int
    success: bool


@dataclass(frozen=True, slots=True)
class Ballot:
    """Its sender asks for votes in term ``view``; its log ends at ``sequence`` in ``last_term``.

    ``kind`` is pre-vote or vote; ``forced`` by a leader that hands over, so it is given in spite of that leader.
    """

    signatures: ClassVar[int] = 0
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + 9
    sender: int
    view: int
    sequence: int
    last_term: int
    kind: str
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Its sender votes in term ``view``, or would; or it does not, and is in that term.

    ``sequence`` is the length of the log that it was asked with.
    """

    signatures: ClassVar[int] = 0
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + 1
    sender: int
    view: int
    sequence: int
    granted: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The receiver needs entries that are dropped: it is to fetch the state after ``sequence``, of ``last_term``."""

    kind: ClassVar[str] = "snapshot"
    signatures: ClassVar[int] = 0
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + 16
    sender: int
    view: int
    sequence: int
    last_term: int


@dataclass(frozen=True, slots=True)
class HandOver:
    """The leader of term ``view`` asks its receiver, whose log ends at ``sequence`` as its own does, to run now."""

    kind: ClassVar[str] = "hand-over"
    signatures: ClassVar[int] = 0
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES
    sender: int
    view: int
    sequence: int


@dataclass(frozen=True, slots=True)
class TransferLeadership:
    """An input beside those of the interface: the leader is to hand over to replica ``to``, for planned maintenance."""

    to: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a replica stands when all logs are alike, and everything in them is executed up to ``sequence``.

    An input beside those of the interface, for a host that lets time pass without messages; and what it starts from.

    Attributes:
        heard: when it heard from each other replica that it listens to; -1 for never.
        timers: how many election timers it has set.
        before: how long each log was known to be at the last heartbeat, at the leader.
    """

    sequence: int
    heard: tuple[int, ...]
    timers: int
    before: tuple[int, ...]


class Log:
    """Entries after a base, which is a place in the log whose entries are dropped."""

    def __init__(self) -> None:
        self.base = 0
        self.base_term = 0
        self.entries: list[Entry] = []

    @property
    def last(self) -> int:
        """The index of the last entry."""
        return self.base + len(self.entries)

    @property
    def last_term(self) -> int:
        """The term of the last entry."""
        return self.entries[-1].term if self.entries else self.base_term

    def term(self, index: int) -> int:
        """The term of an entry not below the base."""
        return self.base_term if index == self.base else self.entries[index - self.base - 1].term

    def after(self, index: int, most: int) -> tuple[Entry, ...]:
        """At most so many entries after an index not below the base."""
        start = index - self.base
        return tuple(self.entries[start : start + most])

    def put(self, index: int, entry: Entry) -> None:
        """Put an entry at an index after the base; what contradicts it goes, and everything after that."""
        if index <= self.last:
            if self.term(index) == entry.term:
                return
            del self.entries[index - self.base - 1 :]
        self.entries.append(entry)

    def drop_to(self, index: int) -> None:
        """Drop entries up to this one, which is not above the last."""
        self.base_term = self.term(index)
        del self.entries[: index - self.base]
        self.base = index

    def stand_at(self, index: int, term: int) -> None:
        """The state after this place was fetched; entries after it stay if they follow it (section 7)."""
        if index <= self.base:
            return
        if index <= self.last and self.term(index) == term:
            self.drop_to(index)
        else:
            self.entries.clear()
            self.base, self.base_term = index, term


class RaftReplica:
    """One Raft replica, `interface.Replica` for its host. Replica 0 leads term 1 from the start."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.view = 1
        self.leader = 0
        self.last_executed = 0
        self._me = parameters.me
        self._n = parameters.n
        self._majority = majority(parameters.n)
        self._role = LEADER if self._me == 0 else FOLLOWER
        self._log = Log()
        self._commit = 0
        self._decided = 0
        self._voted: dict[int, int] = {1: 0}
        self._votes: set[int] = set()
        self._match = dict.fromkeys(range(self._n), 0)
        self._match_before = dict(self._match)
        self._silent, self._patience = dict.fromkeys(self._match, 0), dict.fromkeys(self._match, 0)
        self._next = dict.fromkeys(range(self._n), 1)
        self._heard_from: dict[int, int] = {}
        self._heard_at: int | None = None
        self._began = False
        self._snapshot = (0, 0)
        self._now = 0
        self._tries = 0
        self._handlers: dict[type, Callable[[Any], Sequence[Output]]] = {
            Append: self._on_append,
            Acknowledge: self._on_acknowledge,
            Ballot: self._on_ballot,
            Answer: self._on_answer,
            Snapshot: self._on_snapshot,
            HandOver: self._on_hand_over,
            TransferLeadership: self._on_transfer,
            Propose: self._on_propose,
            RequestWaiting: self._on_request_waiting,
            Executed: self._on_executed,
            TimerExpired: self._on_timer_expired,
            StateTransferred: self._on_state_transferred,
            Standing: self._on_standing,
        }

    @classmethod
    def make(cls, parameters: Parameters) -> Self:
        """A fresh replica, as the registry asks for it."""
        return cls(parameters)

    # What the host sees.

    @property
    def active(self) -> bool:
        """Whether it leads or follows, rather than runs for leader."""
        return self._role in {FOLLOWER, LEADER}

    @property
    def next_sequence(self) -> int:
        """The index that the next value gets."""
        return self._log.last + 1

    def can_propose(self) -> bool:
        """Whether this replica leads and has room in its window."""
        return self._role == LEADER and self._log.last < self.last_executed + self.parameters.window

    def must_propose(self) -> bool:
        """Never: a value is committed by acknowledgements of itself."""
        return False

    def outstanding(self) -> tuple[Value, ...]:
        """The values in the log above what is executed."""
        above = self._log.entries[max(0, self.last_executed - self._log.base) :]
        return tuple(entry.value for entry in above if entry.value.count)

    def step(self, event: Input | TransferLeadership | Standing, now: int) -> Sequence[Output]:
        """Take one input at ``now`` (ns) and say what to do; raises `HostError` where the host broke the contract."""
        self._now = now
        handler = self._handlers.get(type(event))
        if handler is None:
            raise HostError(f"Raft takes no {type(event).__name__}")
        if self._began or type(event) is Standing:
            return handler(event)
        self._began = True
        outputs: list[Output] = []
        self._set_timer(outputs)
        outputs += handler(event)
        return outputs

    @property
    def quiet(self) -> bool:
        """Whether its log is executed, and as far as it knows everybody's."""
        done = self._log.last == self._commit == self.last_executed
        leads = self._role == LEADER
        alike = not leads or all(match == self._log.last for match in self._match.values()) or not self._log.last
        return done and alike and (leads or self._role == FOLLOWER)

    def standing(self) -> Standing:
        """Where it stands in a quiet moment."""
        heard = [self._heard_from.get(peer, -1) for peer in range(self._n)]
        if self._role != LEADER:
            heard = [-1] * self._n
            if self.leader != UNKNOWN and self._heard_at is not None:
                heard[self.leader] = self._heard_at
        return Standing(self.last_executed, tuple(heard), self._tries, tuple(self._match_before.values()))

    def _on_standing(self, event: Standing) -> Sequence[Output]:
        outputs: list[Output] = []
        self._began = True
        self.last_executed = self._commit = self._decided = event.sequence
        self._log.stand_at(event.sequence, self.view if event.sequence else 0)
        self._match = dict.fromkeys(range(self._n), event.sequence)
        self._match_before = dict(enumerate(event.before)) or dict(self._match)
        self._silent, self._patience = dict.fromkeys(self._match, 0), dict.fromkeys(self._match, 0)
        self._next = dict.fromkeys(range(self._n), event.sequence + 1)
        if self._role == LEADER:
            self._heard_from = {peer: at for peer, at in enumerate(event.heard) if at >= 0}
        elif max(event.heard) >= 0:
            self._heard_at = max(event.heard)
        self._tries = event.timers - (self._role != LEADER)
        self._set_timer(outputs)
        return outputs

    # Terms, section 5.1.

    def _follow(self, term: int, leader: int, outputs: list[Output]) -> None:
        """Follow somebody in this term; ``leader`` is `UNKNOWN` until one speaks."""
        news = leader != UNKNOWN and (term != self.view or leader != self.leader)
        led = self._role == LEADER
        self._role = FOLLOWER
        self.view = max(self.view, term)
        self.leader = leader if leader != UNKNOWN or term != self.view else self.leader
        if led:
            outputs.append(CancelTimer(HEARTBEAT_TIMER))
        if news:
            outputs.append(EnterView(self.view, leader))
        self._set_timer(outputs)

    def _set_timer(self, outputs: list[Output]) -> None:
        timeout_ns = self.parameters.timeout_ns
        if self._role == LEADER:
            outputs.append(SetTimer(HEARTBEAT_TIMER, self.parameters.heartbeat_ns or max(1, timeout_ns // 10)))
            return
        self._tries += 1
        chance = random.Random(f"{self.parameters.seed}/{self._me}/{self._tries}").random()  # noqa: S311 - no secret
        outputs.append(SetTimer(ELECTION_TIMER, timeout_ns + int(chance * timeout_ns)))

    def _on_request_waiting(self, _event: RequestWaiting) -> Sequence[Output]:
        return NOTHING

    def _on_timer_expired(self, event: TimerExpired) -> Sequence[Output]:
        outputs: list[Output] = []
        if event.name == HEARTBEAT_TIMER and self._role == LEADER:
            self._beat(outputs)
        elif event.name == ELECTION_TIMER and self._role != LEADER:
            self._run(outputs, "pre-vote")
        return outputs

    # Elections, sections 5.2 and 5.4.1.

    def _run(self, outputs: list[Output], kind: str, *, forced: bool = False) -> None:
        self._role = PRE_CANDIDATE if kind == "pre-vote" else CANDIDATE
        term = self.view + 1
        if kind == "vote":
            self.view = term
            self.leader = UNKNOWN
            self._voted = {term: self._me}
        self._votes = {self._me}
        self._set_timer(outputs)
        outputs.append(Broadcast(Ballot(self._me, term, self._log.last, self._log.last_term, kind, forced)))
        self._count_votes(outputs)

    def _count_votes(self, outputs: list[Output]) -> None:
        if len(self._votes) < self._majority:
            return
        if self._role == PRE_CANDIDATE:
            self._run(outputs, "vote")
        elif self._role == CANDIDATE:
            self._lead(outputs)

    def _on_ballot(self, message: Ballot) -> Sequence[Output]:
        outputs: list[Output] = []
        pre = message.kind == "pre-vote"
        if not pre and message.view > self.view and (message.forced or not self._hears_a_leader()):
            self._follow(message.view, UNKNOWN, outputs)
        granted = self._would_vote(message) if pre else self._votes_for(message)
        if granted and not pre:
            self._voted = {message.view: message.sender}
            self._set_timer(outputs)
        term = message.view if granted else max(self.view, message.view - pre)
        answer = Answer(self._me, term, message.sequence, granted, "pre-vote-reply" if pre else "vote-reply")
        outputs.append(Send(message.sender, answer))
        return outputs

    def _hears_a_leader(self) -> bool:
        recent = self._heard_at is not None and self._now - self._heard_at < self.parameters.timeout_ns
        return self._role == LEADER or recent

    def _would_vote(self, message: Ballot) -> bool:
        return message.view > self.view and not self._hears_a_leader() and self._is_up_to_date(message)

    def _votes_for(self, message: Ballot) -> bool:
        free = self._voted.get(message.view, message.sender) == message.sender
        return message.view == self.view and self._role != LEADER and free and self._is_up_to_date(message)

    def _is_up_to_date(self, message: Ballot) -> bool:
        return (message.last_term, message.sequence) >= (self._log.last_term, self._log.last)

    def _on_answer(self, message: Answer) -> Sequence[Output]:
        outputs: list[Output] = []
        if not message.granted and message.view > self.view:
            self._follow(message.view, UNKNOWN, outputs)
        expected = (PRE_CANDIDATE, self.view + 1) if message.kind == "pre-vote-reply" else (CANDIDATE, self.view)
        if message.granted and (self._role, message.view) == expected:
            self._votes.add(message.sender)
            self._count_votes(outputs)
        return outputs

    def _lead(self, outputs: list[Output]) -> None:
        self._role = LEADER
        self.leader = self._me
        self._match = dict.fromkeys(range(self._n), 0)
        self._match_before = dict(self._match)
        self._silent, self._patience = dict.fromkeys(self._match, 0), dict.fromkeys(self._match, 0)
        self._next = dict.fromkeys(range(self._n), self._log.last + 1)
        self._heard_from = dict.fromkeys(range(self._n), self._now)
        outputs += (CancelTimer(ELECTION_TIMER), EnterView(self.view, self._me))
        self._set_timer(outputs)
        self._append(NULL, outputs)

    # Replication, section 5.3.

    def _on_propose(self, event: Propose) -> Sequence[Output]:
        if not self.can_propose():
            raise HostError(f"replica {self._me} may not propose {self.next_sequence} in term {self.view} now")
        outputs: list[Output] = []
        self._append(event.value, outputs)
        return outputs

    def _append(self, value: Value, outputs: list[Output]) -> None:
        previous = (self._log.last, self._log.last_term)
        entry = Entry(self.view, value)
        self._log.put(self._log.last + 1, entry)
        self._match[self._me] = self._log.last
        outputs.append(Broadcast(Append(self._me, self.view, self._log.last, previous, (entry,), self._commit)))
        for peer, index in self._next.items():
            if index == self._log.last:
                self._next[peer] = index + 1
        self._commit_what_is_safe(outputs)

    def _send(self, peer: int, outputs: list[Output], kind: str = "append") -> None:
        """Send a follower what it is not known to have, from where it stands."""
        index = self._next[peer] - 1
        if index < self._log.base:
            outputs.append(Send(peer, Snapshot(self._me, self.view, self._log.base, self._log.base_term)))
            return
        entries = self._log.after(index, self.parameters.window)
        last = index + len(entries)
        message = Append(self._me, self.view, last, (index, self._log.term(index)), entries, self._commit, kind)
        self._next[peer] = last + 1
        outputs.append(Send(peer, message))

    def _beat(self, outputs: list[Output]) -> None:
        timeout_ns = self.parameters.timeout_ns
        alive = sum(self._now - self._heard_from.get(peer, 0) <= timeout_ns for peer in self._match if peer != self._me)
        began = self._heard_from or self._log.last
        if began and alive + 1 < self._majority:
            self._follow(self.view, UNKNOWN, outputs)
            return
        for peer in self._match:
            if peer != self._me:
                self._look_after(peer)
                self._send(peer, outputs, "heartbeat")
        self._match_before = dict(self._match)
        self._set_timer(outputs)

    def _look_after(self, peer: int) -> None:
        """Send again to who is silent about what it was sent, ever more rarely: its line may be slow, or full."""
        if not self._match[peer] == self._match_before[peer] < self._log.last:
            self._silent[peer] = self._patience[peer] = 0
            return
        self._silent[peer] += 1
        if self._silent[peer] > self._patience[peer]:
            self._next[peer] = self._match[peer] + 1
            self._silent[peer], self._patience[peer] = 0, min(2 * self._patience[peer] + 1, MOST_PATIENCE)

    def _on_append(self, message: Append) -> Sequence[Output]:
        outputs: list[Output] = []
        if message.view < self.view:
            return (Send(message.sender, Acknowledge(self._me, self.view, self._log.last, success=False)),)
        self._heard_at = self._now
        self._follow(message.view, message.sender, outputs)
        index, term = message.previous
        if index > self._log.last or (index > self._log.base and self._log.term(index) != term):
            hint = min(self._log.last, index - 1)
            outputs.append(Send(message.sender, Acknowledge(self._me, self.view, hint, success=False)))
            return outputs
        for place, entry in enumerate(message.entries, start=index + 1):
            if place > self._log.base:
                self._log.put(place, entry)
        agreed = max(index + len(message.entries), min(self._log.base, self._commit))
        if message.kind != "commit":
            outputs.append(Send(message.sender, Acknowledge(self._me, self.view, agreed, success=True)))
        self._commit_to(min(message.commit, agreed), outputs)
        return outputs

    def _on_acknowledge(self, message: Acknowledge) -> Sequence[Output]:
        outputs: list[Output] = []
        if message.view > self.view:
            self._follow(message.view, UNKNOWN, outputs)
            return outputs
        if self._role != LEADER or message.view != self.view:
            return NOTHING
        self._heard_from[message.sender] = self._now
        if not message.success:
            self._next[message.sender] = max(1, min(self._next[message.sender] - 1, message.sequence + 1))
            self._send(message.sender, outputs)
            return outputs
        if message.sequence > self._match[message.sender]:
            self._match[message.sender] = message.sequence
            self._next[message.sender] = max(self._next[message.sender], message.sequence + 1)
            self._commit_what_is_safe(outputs)
        return outputs or NOTHING

    # Commitment, section 5.4.2.

    def _commit_what_is_safe(self, outputs: list[Output]) -> None:
        index = sorted(self._match.values(), reverse=True)[self._majority - 1]
        if index > self._commit and self._may_commit(index):
            self._commit_to(index, outputs)
            place = (index, self._log.term(index))
            outputs.append(Broadcast(Append(self._me, self.view, index, place, (), index, "commit")))

    def _may_commit(self, index: int) -> bool:
        """Only an entry of the leader's own term is committed by counting."""
        return self._log.term(index) == self.view

    def _commit_to(self, index: int, outputs: list[Output]) -> None:
        self._commit = max(self._commit, min(index, self._log.last))
        while self._decided < self._commit:
            self._decided += 1
            entry = self._log.entries[self._decided - self._log.base - 1]
            outputs.append(Decide(self._decided, entry.term, entry.value))

    def _on_executed(self, event: Executed) -> Sequence[Output]:
        if event.sequence != self.last_executed + 1 or event.sequence > self._decided:
            raise HostError(f"executed {event.sequence} after {self.last_executed}; {self._decided} are decided")
        self.last_executed = event.sequence
        interval = self.parameters.checkpoint_interval
        if event.sequence % interval == 0 and self._log.base < event.sequence - interval <= self._log.last:
            self._log.drop_to(event.sequence - interval)
        return NOTHING

    # Snapshots, section 7, and leader transfer, thesis 3.10.

    def _on_snapshot(self, message: Snapshot) -> Sequence[Output]:
        outputs: list[Output] = []
        if message.view >= self.view:
            self._heard_at = self._now
            self._follow(message.view, message.sender, outputs)
            if message.sequence > self.last_executed:
                self._snapshot = (message.sequence, message.last_term)
                outputs.append(FetchState(message.sequence, b"", (message.sender,)))
            else:
                # What is committed agrees with every later leader's log (5.4.3).
                self._log.stand_at(message.sequence, message.last_term)
                outputs.append(Send(message.sender, Acknowledge(self._me, self.view, self._commit, success=True)))
        return outputs

    def _on_state_transferred(self, event: StateTransferred) -> Sequence[Output]:
        outputs: list[Output] = []
        if event.sequence > self.last_executed:
            if self._snapshot[0] <= event.sequence:
                self._log.stand_at(*self._snapshot)
            self.last_executed = event.sequence
            self._commit = max(self._commit, event.sequence)
        self._decided = self.last_executed
        self._commit_to(self._commit, outputs)
        if self._role != LEADER:
            self._role = FOLLOWER
        self._set_timer(outputs)
        return outputs

    def _on_transfer(self, event: TransferLeadership) -> Sequence[Output]:
        if self._role != LEADER or event.to == self._me or not 0 <= event.to < self._n:
            raise HostError(f"replica {self._me} cannot hand over to {event.to} in term {self.view}")
        outputs: list[Output] = []
        if self._match[event.to] == self._log.last:
            outputs.append(Send(event.to, HandOver(self._me, self.view, self._log.last)))
        else:
            self._send(event.to, outputs)
        return outputs

    def _on_hand_over(self, message: HandOver) -> Sequence[Output]:
        outputs: list[Output] = []
        if message.view == self.view:
            self._run(outputs, "vote", forced=True)
        return outputs
