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
9.  A leader that is to hand over takes no more values in, brings its successor's log up to its own, and asks it by
    HAND-OVER (TimeoutNow in the thesis) to run at once. Votes for it are given in spite of the leader that all still
    hear. What has not come about after a timeout is off, and the leader goes on (3.10).

Choices where the paper leaves room. Replica 0 leads term 1 from the start, as a bootstrapped group is configured. A
leader sends values once, and again with a heartbeat to whoever acknowledged nothing new since the heartbeat before; if
that does not help, after twice as many heartbeats each time. Without that pause a line that is merely slow would fill
with repetitions until nothing else gets through, and stay so.
Messages are not signed: members of a crash-fault group trust each other and their channels are authenticated, so a
decision proves nothing to a third party. What a replica says it has on disk first; one that lost its disk may have
promised what it no longer knows, and must not come back under its old number: the host keeps it out.
A fetched state may reach beyond the snapshot that was asked for. The log then still ends at the snapshot: the replica
has acknowledged nothing beyond it, so others hold what is committed there, and the leader sends it again.

Rules 5 and 6 are kept in `raft_replication`, with the log in `raft_log` and what a leader knows of the others' logs in
`raft_progress`; the leader's part of 9 in `raft_transfer`; a replica's patience and its vote in `raft_election`; the
rest here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.consensus.interface import (
    Broadcast,
    CancelTimer,
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
    TransferLeadership,
    Value,
)
from sim.consensus.raft_election import Election
from sim.consensus.raft_messages import Acknowledge, Answer, Append, Ballot, HandOver, Snapshot, Standing
from sim.consensus.raft_progress import NEVER
from sim.consensus.raft_replication import Replication
from sim.consensus.raft_transfer import TRANSFER_TIMER, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from sim.consensus.parameters import Parameters

NOTHING: Final[tuple[Output, ...]] = ()
NULL: Final = Value(digest=bytes(32), size_bytes=0, count=0)
"""What a new leader appends first."""
ELECTION_TIMER: Final = "election"
HEARTBEAT_TIMER: Final = "heartbeat"
FOLLOWER, PRE_CANDIDATE, CANDIDATE, LEADER = range(4)
UNKNOWN: Final = -1


def majority(n: int) -> int:
    """The least number of replicas that any two groups of which share one."""
    return n // 2 + 1


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
        self._election = Election(parameters)
        self._replication = Replication(parameters, self._majority)
        self._log = self._replication.log
        self._progress = self._replication.progress
        self._transfer = Transfer(parameters, self._replication)
        self._began = False
        self._snapshot = (0, 0)
        self._now = 0
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
        """Whether this replica leads, means to go on with that, and has room in its window."""
        room = self._log.last < self.last_executed + self.parameters.window
        return self._role == LEADER and room and self._transfer.to is None

    def must_propose(self) -> bool:
        """Never: a value is committed by acknowledgements of itself."""
        return False

    def outstanding(self) -> tuple[Value, ...]:
        """The values in the log above what is executed."""
        above = self._log.entries[max(0, self.last_executed - self._log.base) :]
        return tuple(entry.value for entry in above if entry.value.count)

    def step(self, event: Input | Standing, now: int) -> Sequence[Output]:
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
        done = self._log.last == self._replication.commit == self.last_executed
        leads = self._role == LEADER
        alike = not leads or self._progress.held_by(self._n) == self._log.last or not self._log.last
        return done and alike and (leads or self._role == FOLLOWER) and self._transfer.to is None

    def standing(self) -> Standing:
        """Where it stands in a quiet moment."""
        heard = self._progress.heard_ns
        if self._role != LEADER:
            heard = [NEVER] * self._n
            if self.leader != UNKNOWN and self._election.heard_ns is not None:
                heard[self.leader] = self._election.heard_ns
        return Standing(self.last_executed, tuple(heard), self._election.timers, tuple(self._progress.before))

    def _on_standing(self, event: Standing) -> Sequence[Output]:
        outputs: list[Output] = []
        self._began = True
        self.last_executed = self._replication.commit = self._replication.decided = event.sequence
        self._log.stand_at(event.sequence, self.view if event.sequence else 0)
        self._progress.begin(event.sequence, event.sequence + 1)
        if event.before:
            self._progress.before = list(event.before)
        if self._role == LEADER:
            self._progress.heard_ns = list(event.heard)
        elif max(event.heard) > NEVER:
            self._election.heard_ns = max(event.heard)
        self._election.timers = event.timers - (self._role != LEADER)
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
            self._transfer.stop(outputs)
        if news:
            outputs.append(EnterView(self.view, leader))
        self._set_timer(outputs)

    def _set_timer(self, outputs: list[Output]) -> None:
        timeout_ns = self.parameters.timeout_ns
        if self._role == LEADER:
            outputs.append(SetTimer(HEARTBEAT_TIMER, self.parameters.heartbeat_ns or max(1, timeout_ns // 10)))
        else:
            outputs.append(SetTimer(ELECTION_TIMER, self._election.patience_ns()))

    def _on_request_waiting(self, _event: RequestWaiting) -> Sequence[Output]:
        return NOTHING

    def _on_timer_expired(self, event: TimerExpired) -> Sequence[Output]:
        outputs: list[Output] = []
        if event.name == HEARTBEAT_TIMER and self._role == LEADER:
            self._beat(outputs)
        elif event.name == ELECTION_TIMER and self._role != LEADER:
            self._run(outputs, "pre-vote")
        elif event.name == TRANSFER_TIMER:
            self._transfer.stop(outputs)
        return outputs

    # Elections, sections 5.2 and 5.4.1.

    def _run(self, outputs: list[Output], kind: str, *, forced: bool = False) -> None:
        self._role = PRE_CANDIDATE if kind == "pre-vote" else CANDIDATE
        term = self.view + 1
        if kind == "vote":
            self.view = term
            self.leader = UNKNOWN
            self._election.vote(term, self._me)
        self._election.run()
        self._set_timer(outputs)
        outputs.append(Broadcast(Ballot(self._me, term, self._log.last, self._log.last_term, kind, forced)))
        self._count_votes(outputs)

    def _count_votes(self, outputs: list[Output]) -> None:
        if self._election.votes() < self._majority:
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
            self._election.vote(message.view, message.sender)
            self._set_timer(outputs)
        term = message.view if granted else max(self.view, message.view - pre)
        answer = Answer(self._me, term, message.sequence, granted, "pre-vote-reply" if pre else "vote-reply")
        outputs.append(Send(message.sender, answer))
        return outputs

    def _hears_a_leader(self) -> bool:
        return self._role == LEADER or self._election.hears_a_leader(self._now)

    def _would_vote(self, message: Ballot) -> bool:
        return message.view > self.view and not self._hears_a_leader() and self._is_up_to_date(message)

    def _votes_for(self, message: Ballot) -> bool:
        free = self._election.is_free(message.view, message.sender)
        return message.view == self.view and self._role != LEADER and free and self._is_up_to_date(message)

    def _is_up_to_date(self, message: Ballot) -> bool:
        return (message.last_term, message.sequence) >= (self._log.last_term, self._log.last)

    def _on_answer(self, message: Answer) -> Sequence[Output]:
        outputs: list[Output] = []
        if not message.granted and message.view > self.view:
            self._follow(message.view, UNKNOWN, outputs)
        expected = (PRE_CANDIDATE, self.view + 1) if message.kind == "pre-vote-reply" else (CANDIDATE, self.view)
        if message.granted and (self._role, message.view) == expected:
            self._election.count(message.sender)
            self._count_votes(outputs)
        return outputs

    def _lead(self, outputs: list[Output]) -> None:
        self._role = LEADER
        self.leader = self._me
        self._progress.lead(self._log.last, self._now)
        outputs += (CancelTimer(ELECTION_TIMER), EnterView(self.view, self._me))
        self._set_timer(outputs)
        self._replication.append(self.view, NULL, outputs)

    # Replication, sections 5.3 and 5.4.2.

    def _on_propose(self, event: Propose) -> Sequence[Output]:
        if not self.can_propose():
            raise HostError(f"replica {self._me} may not propose {self.next_sequence} in term {self.view} now")
        outputs: list[Output] = []
        self._replication.append(self.view, event.value, outputs)
        return outputs

    def _beat(self, outputs: list[Output]) -> None:
        alive = self._progress.alive(self._me, self._now - self.parameters.timeout_ns)
        began = max(self._progress.heard_ns) > NEVER or self._log.last
        if began and alive < self._majority:
            self._follow(self.view, UNKNOWN, outputs)
            return
        self._replication.beat(self.view, outputs)
        self._set_timer(outputs)

    def _on_append(self, message: Append) -> Sequence[Output]:
        outputs: list[Output] = []
        if message.view < self.view:
            return (Send(message.sender, Acknowledge(self._me, self.view, self._log.last, success=False)),)
        self._election.heard_ns = self._now
        self._follow(message.view, message.sender, outputs)
        self._replication.take(message, outputs)
        return outputs

    def _on_acknowledge(self, message: Acknowledge) -> Sequence[Output]:
        outputs: list[Output] = []
        if message.view > self.view:
            self._follow(message.view, UNKNOWN, outputs)
            return outputs
        if self._role != LEADER or message.view != self.view:
            return NOTHING
        self._progress.heard_ns[message.sender] = self._now
        self._replication.acknowledged(message, outputs)
        self._transfer.proceed(self.view, message.sender, outputs)
        return outputs or NOTHING

    def _on_executed(self, event: Executed) -> Sequence[Output]:
        self._replication.execute(self.last_executed, event.sequence)
        self.last_executed = event.sequence
        return NOTHING

    # Snapshots, section 7.

    def _on_snapshot(self, message: Snapshot) -> Sequence[Output]:
        outputs: list[Output] = []
        if message.view >= self.view:
            self._election.heard_ns = self._now
            self._follow(message.view, message.sender, outputs)
            if message.sequence > self.last_executed:
                self._snapshot = (message.sequence, message.last_term)
                outputs.append(FetchState(message.sequence, b"", (message.sender,)))
            else:
                # What is committed agrees with every later leader's log (5.4.3).
                self._log.stand_at(message.sequence, message.last_term)
                committed = self._replication.commit
                outputs.append(Send(message.sender, Acknowledge(self._me, self.view, committed, success=True)))
        return outputs

    def _on_state_transferred(self, event: StateTransferred) -> Sequence[Output]:
        outputs: list[Output] = []
        if event.sequence > self.last_executed:
            if self._snapshot[0] <= event.sequence:
                self._log.stand_at(*self._snapshot)
            self.last_executed = event.sequence
        self._transfer.stop(outputs)
        self._replication.stand_at(self.last_executed, outputs)
        if self._role != LEADER:
            self._role = FOLLOWER
        self._set_timer(outputs)
        return outputs

    # Leader transfer, thesis 3.10.

    def _on_transfer(self, event: TransferLeadership) -> Sequence[Output]:
        if not 0 <= event.to < self._n:
            raise HostError(f"replica {self._me} cannot hand over to {event.to}, who is no replica")
        outputs: list[Output] = []
        if self._role == LEADER and event.to != self._me:
            self._transfer.begin(self.view, event.to, outputs)
        return outputs

    def _on_hand_over(self, message: HandOver) -> Sequence[Output]:
        outputs: list[Output] = []
        if message.view == self.view:
            self._run(outputs, "vote", forced=True)
        return outputs
