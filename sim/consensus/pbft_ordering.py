"""Normal-case operation (section 4.2): how one replica orders values while it works in one view.

Rules 2 to 5 of `pbft` live here. Nothing here knows a timer, a checkpoint or a view change; `pbft` moves the water
marks and says which view to work in. This is the path that nearly all messages take, so a vote that changes nothing
costs a few dictionary look-ups and allocates nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.consensus.interface import Broadcast, Decide, Misbehaviour, Output, Send
from sim.consensus.pbft_early import Early
from sim.consensus.pbft_messages import Commit, Prepare, PrePrepare, ValueRequest
from sim.consensus.quorum import CONFLICTING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.consensus.interface import Value
    from sim.consensus.pbft_config import Config
    from sim.consensus.pbft_log import Log, Slot
    from sim.consensus.pbft_messages import Assignment, OrderingMessage, ValueReply

NOTHING: Final[tuple[Output, ...]] = ()


class Ordering:
    """Orders values in ``log.view``: votes while ``voting``, otherwise only learns what others committed."""

    def __init__(self, config: Config, log: Log) -> None:
        self.voting = True
        self.next_sequence = 1
        self.early = Early(config.n)
        self._config = config
        self._log = log
        self._slots = log.slots
        self._me = config.me
        self._quorum = config.quorums.quorum
        self._beyond_high = 0
        self._peer_bits = {i: 1 << i for i in range(config.n) if i != config.me}
        self._set_leader()

    def _set_leader(self) -> None:
        self._view = self._log.view
        self._leader = self._config.leader(self._view)
        self._backup_bits = {i: bit for i, bit in self._peer_bits.items() if i != self._leader}

    def propose(self, value: Value) -> list[Output]:
        """Assign the next sequence number to ``value``, as the leader."""
        message = PrePrepare(self._me, self._view, self.next_sequence, value)
        self.next_sequence += 1
        outputs: list[Output] = [Broadcast(message)]
        self._accept(message.sequence, value, outputs)
        return outputs

    def on_pre_prepare(self, message: PrePrepare) -> Sequence[Output]:
        """A value for a sequence number: accept it from the leader if it is the first."""
        if message.view != self._view:
            return self._other_view(message)
        if message.sender != self._leader:
            return self._refuse(message, f"pre-prepare in view {message.view}, which it does not lead")
        if message.sender == self._me or not self.voting:
            return NOTHING
        slot = self._log.open(message.sequence)
        if slot is None:
            return self._out_of_range(message)
        if slot.digest is not None:
            return NOTHING if slot.digest == message.value.digest else self._conflict(message)
        outputs: list[Output] = []
        self._accept(message.sequence, message.value, outputs)
        return outputs

    def on_value_reply(self, message: ValueReply) -> list[Output]:
        """Vote on a value that this view's NEW-VIEW assigned and that was not held before."""
        outputs: list[Output] = []
        slot = self._slots.get(message.sequence)
        if self.voting and slot is not None and slot.value is None and slot.digest == message.value.digest:
            self._accept(message.sequence, message.value, outputs)
        return outputs

    def on_prepare(self, message: Prepare) -> Sequence[Output]:
        """A backup's vote for the leader's assignment."""
        if message.view != self._view:
            return self._other_view(message)
        bit = self._backup_bits.get(message.sender)
        if bit is None:
            return self._refuse(message, "prepare from the leader, whose pre-prepare stands for it")
        if not self.voting:
            return NOTHING
        slot = self._slots.get(message.sequence) or self._log.open(message.sequence)
        if slot is None:
            return self._out_of_range(message)
        count = slot.prepares.add(bit, message.digest)
        if count >= self._quorum and not slot.prepared and slot.value is not None and message.digest == slot.digest:
            outputs: list[Output] = []
            self._prepared(message.sequence, slot, message.digest, outputs)
            return outputs
        return self._conflict(message) if count == CONFLICTING else NOTHING

    def on_commit(self, message: Commit) -> Sequence[Output]:
        """A replica's word that the value prepared there; counts in any mode, because it proves a decision."""
        if message.view != self._view:
            return self._other_view(message)
        bit = self._peer_bits.get(message.sender)
        if bit is None:
            return self._refuse(message)
        slot = self._slots.get(message.sequence) or self._log.open(message.sequence)
        if slot is None:
            return self._out_of_range(message)
        count = slot.commits.add(bit, message.digest)
        if count >= self._quorum and not slot.committed and message.digest == slot.digest:
            slot.committed = slot.prepared or not self.voting
            return self.decide_ready()
        return self._conflict(message) if count == CONFLICTING else NOTHING

    def credit(self, vote: Prepare | Commit) -> int:
        """How many more replicas may say the same before it matters: all of them if there is no value, or a quorum.

        None where a vote might contradict another or belongs to another view, and none beyond the water marks.
        """
        if vote.view != self._view or not self.voting or vote.sequence > self._log.high:
            return 0
        slot = self._slots.get(vote.sequence)
        if slot is None:
            return self._config.n
        prepares = type(vote) is Prepare
        tally, found = (slot.prepares, slot.prepared) if prepares else (slot.commits, slot.committed)
        if not tally.only(vote.digest):
            return 0
        if found or slot.digest != vote.digest:
            return self._config.n
        return max(0, self._quorum - 1 - tally.count(vote.digest))

    def count_unread(self, vote: Prepare | Commit, senders: int) -> None:
        """Count votes for which there was credit."""
        slot = self._log.open(vote.sequence)
        if slot is not None:
            (slot.prepares if type(vote) is Prepare else slot.commits).add_all(senders, vote.digest)

    def _accept(self, sequence: int, value: Value, outputs: list[Output]) -> None:
        slot = self._log.open(sequence)
        if slot is None:
            return
        digest = value.digest
        slot.value = value
        slot.digest = digest
        self._log.keep_value(sequence, value)
        self._log.accepted = max(self._log.accepted, sequence)
        count = slot.prepares.add(1 << self._leader, digest)
        if self._me != self._leader:
            outputs.append(Broadcast(Prepare(self._me, self._view, sequence, digest)))
            count = slot.prepares.add(1 << self._me, digest)
        if count >= self._quorum:
            self._prepared(sequence, slot, digest, outputs)

    def _accept_again(self, assignment: Assignment, outputs: list[Output]) -> None:
        """Take up what the new view assigns; ask its leader for a value that is not held, before any vote on it."""
        sequence, digest = assignment.sequence, assignment.digest
        value = self._log.value(digest)
        if value is not None:
            self._accept(sequence, value, outputs)
        elif (slot := self._log.open(sequence)) is not None:
            slot.digest = digest
            self._log.accepted = max(self._log.accepted, sequence)
            outputs.append(Send(self._leader, ValueRequest(self._me, self._view, sequence, digest)))

    def _prepared(self, sequence: int, slot: Slot, digest: bytes, outputs: list[Output]) -> None:
        slot.prepared = True
        self._log.record_prepared(sequence, digest, slot.prepares.mask(digest))
        outputs.append(Broadcast(Commit(self._me, self._view, sequence, digest)))
        if slot.commits.add(1 << self._me, digest) >= self._quorum:
            slot.committed = True
            outputs += self.decide_ready()

    def decide_ready(self) -> list[Output]:
        """Decide what is committed, in sequence order up to the first gap."""
        outputs: list[Output] = []
        log = self._log
        while (slot := self._slots.get(log.decided + 1)) is not None and slot.committed and slot.value is not None:
            log.decided += 1
            outputs.append(Decide(log.decided, self._view, slot.value))
        return outputs

    def learn(self) -> list[Output]:
        """Decide what a quorum of commits proves, whether or not it prepared here."""
        for slot in self._slots.values():
            if slot.digest is not None and slot.commits.count(slot.digest) >= self._quorum:
                slot.committed = True
        return self.decide_ready()

    def enter(self, view: int, pre_prepares: tuple[Assignment, ...], first_free: int) -> list[Output]:
        """Work in ``view``: accept what its NEW-VIEW proposes again, then what came early.

        Args:
            view: the view whose NEW-VIEW was accepted.
            pre_prepares: O of section 4.4.
            first_free: the sequence number after the last of O.
        """
        outputs: list[Output] = []
        self._log.restart(view)
        self._set_leader()
        self.voting = True
        self.next_sequence = first_free
        for assignment in pre_prepares:
            self._accept_again(assignment, outputs)
        handlers: dict[type, Callable[[Any], Sequence[Output]]] = {
            PrePrepare: self.on_pre_prepare,
            Prepare: self.on_prepare,
            Commit: self.on_commit,
        }
        for early in self.early.take(view):
            outputs += handlers[type(early)](early)
        return outputs

    def stand_at(self, sequence: int) -> None:
        """Everything up to ``sequence`` is executed, and nothing above: what is decided there is decided again."""
        self._log.decided = sequence
        self.next_sequence = max(self.next_sequence, sequence + 1)

    def committers_above(self, sequence: int) -> int:
        """The peers, as bits, whose commits say that they work above ``sequence`` or in a later view."""
        later = self._beyond_high | self.early.committers_above(self._log.decided)
        return (self._log.committers_above(sequence) | later) & ~(1 << self._me)

    def forget_beyond(self) -> None:
        """The water marks moved: who was beyond the old ones proves nothing any more."""
        self._beyond_high = 0

    def _other_view(self, message: OrderingMessage) -> Sequence[Output]:
        if message.sender not in self._peer_bits:
            return self._refuse(message)
        if message.view < 0 or message.sequence < 1:
            return (Misbehaviour(message.sender, f"{message.kind} for ({message.view}, {message.sequence})"),)
        if message.view < self._view or message.sequence <= self._log.floor:
            return NOTHING
        if message.sequence > self._log.high:
            return self._out_of_range(message)
        return NOTHING if self.early.keep(message) else self._conflict(message)

    def _out_of_range(self, message: OrderingMessage) -> Sequence[Output]:
        if message.sequence < 1:
            return (Misbehaviour(message.sender, f"{message.kind} for sequence number {message.sequence}"),)
        if message.sequence > self._log.high and isinstance(message, Commit):
            self._beyond_high |= 1 << message.sender
        return NOTHING

    def _refuse(self, message: OrderingMessage, reason: str = "") -> Sequence[Output]:
        """Its sender has no right to say this; what the network reflects of this replica's own words is no offence."""
        if message.sender == self._me:
            return NOTHING
        known = message.sender in self._peer_bits
        return (Misbehaviour(message.sender, reason if known else f"{message.kind} from no replica"),)

    def _conflict(self, message: OrderingMessage) -> Sequence[Output]:
        where = f"({message.view}, {message.sequence})"
        return (Misbehaviour(message.sender, f"equivocation: two different {message.kind} messages for {where}"),)
