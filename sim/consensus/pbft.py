"""PBFT as a state machine without I/O: ``step(event, now)`` in, outputs out.

Paper: M. Castro and B. Liskov, "Practical Byzantine Fault Tolerance", OSDI 1999 (sections 4.2 to 4.5 are cited by
number); details from their "Practical Byzantine Fault Tolerance and Proactive Recovery", ACM TOCS 20(4), 2002.

The rules. 2 to 5 are kept in `pbft_ordering`, the question of 7 in `pbft_catch_up`, the times of 7 and 10 in
`pbft_timers`, the contents of 8 and 9 in `pbft_view_change` and `pbft_values`, the rest here:

1.  Replicas number views 0, 1, 2, …; replica v mod n leads view v. Quorum sizes hold for every n (`quorum`).
2.  The leader assigns the next sequence number to a value and broadcasts PRE-PREPARE. It stays within the water marks
    h < s ≤ h+L and at most ``window`` beyond what it has executed.
3.  A backup accepts one PRE-PREPARE per view and sequence number, from the leader only, and broadcasts PREPARE. The
    leader sends no PREPARE: its pre-prepare stands for it.
4.  A value is *prepared* once a quorum, the leader included, agrees on (view, sequence, digest). Then the replica
    broadcasts COMMIT. Prepared with a quorum of COMMITs, its own included, the value is *committed*; committed values
    are decided in sequence order without gaps.
5.  Votes may overtake the pre-prepare: they are kept. One vote per replica, view, sequence number and phase; the same
    again is noise, a different one is misbehaviour and the first stands.
6.  After every ``checkpoint_interval`` executed values a CHECKPOINT says which state came out. A quorum of equal ones
    is stable: it proves that state, moves the water marks and empties the log below.
7.  A request timer runs while something waits, and restarts whenever something executes. When it expires, the replica
    first looks whether it is itself behind; only then does it blame the leader.
8.  To blame is to leave: VIEW-CHANGE for the next view, with the stable checkpoint and what prepared above it. From
    then on the replica votes in no view below. It still learns: a quorum of COMMITs proves a decision in any mode.
9.  The next leader answers a quorum of VIEW-CHANGEs with NEW-VIEW, whose content they determine and everyone checks.
10. f+1 replicas that leave for higher views take this one along (4.5.2). Once a quorum wants the view, the time to wait
    for it is limited, and doubles with every view since the last one in which something executed here.

Choices where the paper leaves room. Certificates name values by digest: a new leader that lacks one asks f+1 of those
who signed for it before it opens its view, a backup asks the leader before it votes. A VIEW-CHANGE that was checked
when it came is not checked again inside a NEW-VIEW. Messages of views not entered yet are kept, for each sender those
of its highest view only. Lost datagrams are repaired without a retransmission protocol: VIEW-CHANGE and unstable
CHECKPOINTs are repeated at each timeout, a leader repeats its NEW-VIEW to who asks by VIEW-CHANGE, everything else is
left to state transfer and view changes. State transfer moves a replica to a higher view only as far as asking for that
view's NEW-VIEW: voting on the word of one peer, without having seen what the view must propose again, would not be
safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sim.consensus.interface import (
    Broadcast,
    CancelTimer,
    EnterView,
    Executed,
    HostError,
    Input,
    Misbehaviour,
    Output,
    Propose,
    RequestWaiting,
    Resumed,
    Send,
    StateTransferred,
    TimerExpired,
    Verify,
)
from sim.consensus.pbft_catch_up import CatchUp
from sim.consensus.pbft_checkpoints import Checkpoints
from sim.consensus.pbft_config import Config
from sim.consensus.pbft_log import Log
from sim.consensus.pbft_messages import (
    Checkpoint,
    CheckpointCertificate,
    Commit,
    NewView,
    Prepare,
    PrePrepare,
    ValueReply,
    ValueRequest,
    ViewChange,
)
from sim.consensus.pbft_ordering import NOTHING, Ordering
from sim.consensus.pbft_timers import REQUEST_TIMER, VIEW_CHANGE_TIMER, Timers
from sim.consensus.pbft_values import Values
from sim.consensus.pbft_view_change import (
    ViewChanges,
    compute_new_view,
    highest_stable,
    new_view_fault,
    view_change_fault,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.consensus.interface import Message, Value
    from sim.consensus.parameters import Parameters


def _verify(signatures: int) -> list[Output]:
    return [Verify(signatures)] if signatures else []


class PbftReplica:
    """One PBFT replica, `interface.Replica` for its host. It starts active in view 0 with nothing decided."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.view = 0
        self.last_executed = 0
        self._now = 0
        self._me = config.me
        self._quorum = config.quorums.quorum
        self._log = Log(config.log_size)
        self._ordering = Ordering(config, self._log)
        self._checkpoints = Checkpoints(config)
        self._catch_up = CatchUp(config, self._log, self._ordering, self._checkpoints)
        self._timers = Timers(config, self._log, self._ordering)
        self._view_changes = ViewChanges(config.n)
        self._values = Values(config, self._log)
        self._new_view: NewView | None = None
        self._answered_at: dict[int, int] = {}
        self._handlers: dict[type, Callable[[Any], Sequence[Output]]] = {
            PrePrepare: self._on_pre_prepare,
            Prepare: self._ordering.on_prepare,
            Commit: self._ordering.on_commit,
            Checkpoint: self._on_checkpoint,
            ViewChange: self._on_view_change,
            NewView: self._on_new_view,
            ValueRequest: self._values.answer,
            ValueReply: self._on_value_reply,
            Propose: self._on_propose,
            RequestWaiting: self._on_request_waiting,
            Executed: self._on_executed,
            TimerExpired: self._on_timer_expired,
            StateTransferred: self._on_state_transferred,
            Resumed: self._on_resumed,
        }

    @classmethod
    def make(cls, parameters: Parameters) -> PbftReplica:
        """A fresh replica, as the registry asks for it."""
        return cls(Config.of(parameters))

    def step(self, event: Input, now: int) -> Sequence[Output]:
        """Take one input at ``now`` (ns) and say what to do; raises `HostError` where the host broke the contract."""
        self._now = now
        handler = self._handlers.get(type(event))
        if handler is None:
            raise HostError(f"PBFT takes no {type(event).__name__}")
        return handler(event)

    @property
    def leader(self) -> int:
        """The leader of ``view``."""
        return self.config.leader(self.view)

    @property
    def active(self) -> bool:
        """Whether this replica votes in ``view``; false between leaving a view and entering the next."""
        return self._ordering.voting

    @property
    def next_sequence(self) -> int:
        """The sequence number that the next `Propose` gets."""
        return self._ordering.next_sequence

    def can_propose(self) -> bool:
        """Whether this replica leads an active view and has room in its window and below the high water mark."""
        room = min(self.last_executed + self.config.window, self._log.high)
        return self.active and self.leader == self._me and self.next_sequence <= room

    def must_propose(self) -> bool:
        """Never: a value is decided by votes on itself."""
        return False

    def outstanding(self) -> tuple[Value, ...]:
        """Values proposed in the latest view entered and not executed here, in sequence order, without null values."""
        return self._log.values_above(self.last_executed)

    def credit(self, vote: Message) -> int:
        """As `interface.Counting.credit`, for prepares and commits."""
        return self._ordering.credit(cast("Prepare | Commit", vote))

    def count_unread(self, vote: Message, senders: int) -> None:
        """As `interface.Counting.count_unread`."""
        self._ordering.count_unread(cast("Prepare | Commit", vote), senders)

    # ---- normal case, section 4.2

    def _on_propose(self, event: Propose) -> Sequence[Output]:
        if not self.can_propose():
            raise HostError(f"replica {self._me} may not propose {self.next_sequence} in view {self.view} now")
        outputs = self._ordering.propose(event.value)
        self._start_request_timer(outputs)
        return outputs

    def _on_pre_prepare(self, message: PrePrepare) -> Sequence[Output]:
        outputs = self._ordering.on_pre_prepare(message)
        if outputs:
            outputs = list(outputs)
            self._start_request_timer(outputs)
        return outputs

    def _on_executed(self, event: Executed) -> Sequence[Output]:
        if event.sequence != self.last_executed + 1 or event.sequence > self._log.decided:
            raise HostError(f"executed {event.sequence} after {self.last_executed}; {self._log.decided} are decided")
        outputs: list[Output] = []
        self._execute_to(event.sequence, event.state_digest, event.waiting, outputs)
        return outputs

    def _execute_to(self, sequence: int, state_digest: bytes, waiting: bool, outputs: list[Output]) -> None:
        self.last_executed = sequence
        self._timers.waiting = waiting
        self._catch_up.progressed()
        if self.active:
            self._timers.view_of_progress = self.view
        if sequence % self.config.checkpoint_interval == 0:
            outputs.append(Broadcast(Checkpoint(self._me, sequence, state_digest)))
            self._claim(self._me, sequence, state_digest, outputs)
            self._check_own_state(outputs)
        self._restart_request_timer(outputs)

    # ---- checkpoints, section 4.3

    def _on_checkpoint(self, message: Checkpoint) -> Sequence[Output]:
        if message.sender == self._me:
            return NOTHING
        fault = self._checkpoints.fault(message.sender, message.sequence, message.state_digest)
        if fault is not None:
            return (Misbehaviour(message.sender, fault),)
        outputs: list[Output] = []
        self._claim(message.sender, message.sequence, message.state_digest, outputs)
        if not self.active:
            outputs += self._catch_up.look_while_waiting()
        return outputs

    def _claim(self, sender: int, sequence: int, state_digest: bytes, outputs: list[Output]) -> None:
        certificate = self._checkpoints.claim(sender, sequence, state_digest)
        if certificate is not None and sequence > self._log.stable.sequence:
            self._stabilise(certificate, outputs)
            if sequence - self._log.decided >= self.config.checkpoint_interval:
                outputs += self._catch_up.ask(sequence, state_digest, certificate.signers)

    def _stabilise(self, certificate: CheckpointCertificate, outputs: list[Output]) -> None:
        self._log.stabilise(certificate)
        self._ordering.forget_beyond()
        self._checkpoints.forget(certificate.sequence)
        self._check_own_state(outputs)

    def _check_own_state(self, outputs: list[Output]) -> None:
        """Tell the host if a quorum certifies another state than this replica came to: it is the faulty one."""
        stable = self._log.stable
        mine = self._checkpoints.claimed(self._me, stable.sequence)
        if mine is not None and mine != stable.state_digest:
            outputs.append(Misbehaviour(self._me, f"own state at {stable.sequence} is not the certified one"))

    def _repeat_checkpoints(self, outputs: list[Output]) -> None:
        for sequence, state_digest in self._checkpoints.above(self._me, self._log.stable.sequence):
            outputs.append(Broadcast(Checkpoint(self._me, sequence, state_digest)))

    # ---- timers, section 4.4

    def _on_request_waiting(self, _event: RequestWaiting) -> Sequence[Output]:
        self._timers.waiting = True
        outputs: list[Output] = []
        self._start_request_timer(outputs)
        return outputs

    def _start_request_timer(self, outputs: list[Output]) -> None:
        self._timers.start_request(self.view, self.last_executed, outputs)

    def _restart_request_timer(self, outputs: list[Output]) -> None:
        self._timers.restart_request(self.view, self.last_executed, outputs)

    def _on_timer_expired(self, event: TimerExpired) -> Sequence[Output]:
        outputs: list[Output] = []
        if event.name == REQUEST_TIMER:
            if self._timers.request_expired():
                self._request_timed_out(outputs)
        elif event.name == VIEW_CHANGE_TIMER:
            if not self.active:
                self._view_change_timed_out(outputs)
        else:
            raise HostError(f"PBFT has no timer {event.name!r}")
        return outputs

    def _request_timed_out(self, outputs: list[Output]) -> None:
        outputs += self._ordering.learn()
        self._repeat_checkpoints(outputs)
        fetches = self._catch_up.look(self.last_executed)
        outputs += fetches
        if fetches or self._log.decided > self.last_executed:
            self._start_request_timer(outputs)
        else:
            self._leave_for(max(self.view + 1, self._catch_up.view_of_peers(self.view)), outputs)

    def _view_change_timed_out(self, outputs: list[Output]) -> None:
        peers = self._catch_up.view_of_peers(self.view)
        if self._timers.quorum_wants_view or peers > self.view:
            self._leave_for(max(self.view + 1, peers), outputs)
            return
        self._repeat_view_change(outputs)
        self._repeat_checkpoints(outputs)
        outputs += self._catch_up.look(self.last_executed)

    # ---- state transfer, section 4.6

    def _on_state_transferred(self, event: StateTransferred) -> Sequence[Output]:
        """Go on from where the host stands; whoever was down has lost its timers and what it was about to say."""
        outputs: list[Output] = []
        self._ordering.stand_at(max(event.sequence, self.last_executed))
        if event.sequence > self.last_executed:
            self._catch_up.answered()
            self._execute_to(event.sequence, event.state_digest, event.waiting, outputs)
        else:
            self._timers.waiting = event.waiting
            self._restart_request_timer(outputs)
        outputs += self._ordering.decide_ready()
        stable = self._log.stable
        if stable.sequence > self._log.decided:
            outputs += self._catch_up.ask(stable.sequence, stable.state_digest, stable.signers)
        if event.view > self.view:
            self._leave_for(event.view, outputs)
        elif not self.active:
            self._repeat_view_change(outputs)
        return outputs

    def _on_resumed(self, event: Resumed) -> Sequence[Output]:
        """Stand where all stand, with the proofs that taking part would have left."""
        if self._log.resume(event, self._quorum):
            self._checkpoints.forget(event.checkpoint)
        self._ordering.stand_at(event.sequence)
        self.last_executed = event.sequence
        self._timers.view_of_progress = self.view
        self._timers.waiting = event.waiting
        self._timers.request_expired()
        outputs: list[Output] = []
        self._start_request_timer(outputs)
        return outputs

    # ---- view changes, section 4.4

    def _leave_for(self, view: int, outputs: list[Output]) -> None:
        self.view = view
        self._values.forget_asked()
        self._ordering.voting = False
        self._timers.stop_request(outputs)
        outputs += self._ordering.learn()
        mine = ViewChange(self._me, view, self._log.stable, self._log.prepared_certificates())
        self._view_changes.put(mine)
        outputs.append(Broadcast(mine))
        self._timers.leave(outputs)
        self._count_view_changes(outputs)

    def _repeat_view_change(self, outputs: list[Output]) -> None:
        mine = self._view_changes.of(self._me)
        if mine is not None:
            outputs.append(Broadcast(mine))
            self._timers.wait_on(self.view, outputs)

    def _on_view_change(self, message: ViewChange) -> Sequence[Output]:
        if message.sender == self._me:
            return NOTHING
        fault = view_change_fault(message, self.config)
        if fault is not None:
            return (Misbehaviour(message.sender, fault),)
        held = self._view_changes.of(message.sender)
        if held is not None and held.view > message.view:
            return NOTHING
        repeated = held is not None and held.view == message.view
        if repeated and held != message:
            return (Misbehaviour(message.sender, f"equivocation: two different view changes to {message.view}"),)
        outputs: list[Output] = []
        if not repeated:
            outputs += _verify(message.certified)
            self._view_changes.put(message)
        if self.active and message.view == self.view:
            self._repeat_new_view(message.sender, repeated, outputs)
        elif not self.active and message.view >= self.view:
            self._count_view_changes(outputs)
        higher = self._view_changes.views_above(self.view)
        if len(higher) >= self.config.quorums.weak:
            self._leave_for(min(higher), outputs)
        return outputs

    def _repeat_new_view(self, to: int, asked_twice: bool, outputs: list[Output]) -> None:
        """Answer a replica that missed the NEW-VIEW, not one whose VIEW-CHANGE was merely slower than the quorum's."""
        late = asked_twice or self._timers.view_of_progress == self.view
        due = self._now - self._answered_at.get(to, -self.config.timeout_ns) >= self.config.timeout_ns // 2
        if self._new_view is not None and self.leader == self._me and late and due:
            self._answered_at[to] = self._now
            outputs.append(Send(to, self._new_view))

    def _count_view_changes(self, outputs: list[Output]) -> None:
        """Open the view with a quorum of requests for it; limit the wait once a quorum left for it or went further."""
        changes = self._view_changes.to(self.view)
        may_open = self.leader == self._me and len(changes) >= self._quorum
        if may_open and not self._values.lacks(self.view, changes, outputs):
            new_view = NewView(self._me, self.view, changes, compute_new_view(changes))
            outputs.append(Broadcast(new_view))
            self._enter(new_view, outputs)
        elif not self._timers.quorum_wants_view and self._view_changes.count_from(self.view) >= self._quorum:
            self._timers.limit(self.view, outputs)

    def _on_value_reply(self, message: ValueReply) -> Sequence[Output]:
        outputs: list[Output] = []
        if message.view == self.view and self.active:
            outputs += self._ordering.on_value_reply(message)
        elif message.view == self.view and self._values.take(message):
            self._count_view_changes(outputs)
        return outputs

    def _on_new_view(self, message: NewView) -> Sequence[Output]:
        if message.sender == self._me or 0 <= message.view < self.view:
            return NOTHING
        if self.active and message.view == self.view and message == self._new_view:
            return NOTHING
        fault = new_view_fault(message, self._view_changes, self.config)
        if fault is None and self.active and message.view == self.view:
            fault = f"equivocation: two different new-view messages for {message.view}"
        if fault is not None:
            return (Misbehaviour(message.sender, fault),)
        unseen = [change for change in message.view_changes if not self._view_changes.holds(change)]
        outputs = _verify(sum(1 + change.certified for change in unseen))
        self._enter(message, outputs)
        return outputs

    def _enter(self, new_view: NewView, outputs: list[Output]) -> None:
        self.view = new_view.view
        self._new_view = new_view
        outputs += (CancelTimer(VIEW_CHANGE_TIMER), EnterView(self.view, self.leader))
        stable = highest_stable(new_view.view_changes)
        if stable.sequence > self._log.stable.sequence:
            self._stabilise(stable, outputs)
        if stable.sequence > self._log.decided:
            outputs += self._catch_up.ask(stable.sequence, stable.state_digest, stable.signers)
        first_free = stable.sequence + len(new_view.pre_prepares) + 1
        outputs += self._ordering.enter(self.view, new_view.pre_prepares, first_free)
        self._restart_request_timer(outputs)
