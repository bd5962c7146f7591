"""QBFT as a state machine without I/O: one height at a time, three phases, round changes that carry their reasons.

Papers: H. Moniz, "The Istanbul BFT Consensus Algorithm", arXiv 2002.03613, Algorithms 1 to 4 (cited by number); the
Enterprise Ethereum Alliance's QBFT specification, version 1, for a proposer's turn per height. It is PBFT (Castro &
Liskov, OSDI 1999) for one value, with a view change that proves itself.

The rules:

1.  The proposer of round 0 of a height broadcasts PRE-PREPARE with its value (Algorithm 1).
2.  A replica accepts the first justified PRE-PREPARE of its round from the round's proposer and broadcasts PREPARE
    (Algorithm 2). Unlike PBFT, the proposer sends a PREPARE too.
3.  A quorum of PREPAREs for one digest: the value is *prepared* in this round; broadcast COMMIT (Algorithm 2).
4.  A quorum of COMMITs of one round for one digest, in any round: decided (Algorithm 2).
5.  The round timer runs while something waits or is under way. When it expires, the replica goes to the next round and
    broadcasts ROUND-CHANGE with its prepared round and value and the PREPAREs that prove it (Algorithm 3).
6.  f+1 ROUND-CHANGEs for higher rounds: go to the lowest of them (Algorithm 3).
7.  A quorum of ROUND-CHANGEs for its round makes the proposer of that round propose: the value prepared in the highest
    round that any of them claims and proves, or a new one if none does. The ROUND-CHANGEs and the proof go along, and
    are what justifies the PRE-PREPARE of a round above 0 (Algorithm 4).

Choices where the paper leaves room. The round timer doubles with every round. A replica says its last words again when
the timer expires (its ROUND-CHANGE does that by itself, its COMMIT is repeated with it), and a replica whose height is
over elsewhere fetches it (`heights`). ROUND-CHANGEs are kept for each sender's highest round only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Final

from sim.consensus.heights import (
    DIGEST_BYTES,
    HEADER_BYTES,
    MAX_GROWTH,
    NOTHING,
    SIGNATURE_BYTES,
    HeightReplica,
)
from sim.consensus.interface import Broadcast, EnterView, Misbehaviour, Output
from sim.consensus.quorum import CONFLICTING, REPEATED, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.consensus.interface import Message, Value
    from sim.consensus.parameters import Parameters

NO_ROUND: Final = -1
_SIGNER_BYTES: Final = 4 + SIGNATURE_BYTES
_TIMER: Final = "round"
_MAX_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class RoundChange:
    """Its sender goes to round ``view``; it prepared ``value`` in ``prepared_round``, as ``prepares`` (bits) signed."""

    kind: ClassVar[str] = "round-change"
    proposed: ClassVar[int] = 0
    again: ClassVar[bool] = True
    sender: int
    sequence: int
    view: int
    prepared_round: int = NO_ROUND
    value: Value | None = None
    prepares: int = 0

    @property
    def size_bytes(self) -> int:
        """Header, signatures, and the prepared value in full."""
        body = 0 if self.value is None else DIGEST_BYTES + self.value.size_bytes
        return HEADER_BYTES + 8 + SIGNATURE_BYTES + self.prepares.bit_count() * _SIGNER_BYTES + body

    @property
    def signatures(self) -> int:
        """Its own and those of the PREPAREs."""
        return 1 + self.prepares.bit_count()


@dataclass(frozen=True, slots=True)
class PrePrepare:
    """The proposer of round ``view`` proposes ``value``; above round 0 ``reasons`` are a quorum of ROUND-CHANGEs."""

    kind: ClassVar[str] = "pre-prepare"
    sender: int
    sequence: int
    view: int
    value: Value
    reasons: tuple[RoundChange, ...] = ()
    again: bool = field(default=False, compare=False)

    @property
    def size_bytes(self) -> int:
        """Header, digest, signature, the value once, and the ROUND-CHANGEs without theirs."""
        own = HEADER_BYTES + DIGEST_BYTES + SIGNATURE_BYTES + self.value.size_bytes
        values = sum(reason.value.size_bytes for reason in self.reasons if reason.value is not None)
        return own + sum(reason.size_bytes for reason in self.reasons) - values

    @property
    def signatures(self) -> int:
        """Its own and those of its reasons."""
        return 1 + sum(reason.signatures for reason in self.reasons)

    @property
    def proposed(self) -> int:
        """The transactions of the value."""
        return self.value.count


@dataclass(frozen=True, slots=True)
class Prepare:
    """Its sender accepted the proposal of round ``view``."""

    kind: ClassVar[str] = "prepare"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + DIGEST_BYTES + SIGNATURE_BYTES
    sender: int
    sequence: int
    view: int
    digest: bytes
    again: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Commit:
    """A quorum prepared ``digest`` in round ``view``, as its sender saw."""

    kind: ClassVar[str] = "commit"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + DIGEST_BYTES + SIGNATURE_BYTES
    sender: int
    sequence: int
    view: int
    digest: bytes
    again: bool = field(default=False, compare=False)


@dataclass(slots=True)
class _Round:
    """What is known of one round of the present height."""

    proposal: PrePrepare | None = None
    prepares: Tally = field(default_factory=Tally)
    commits: Tally = field(default_factory=Tally)


class QbftReplica(HeightReplica):
    """One QBFT replica, `interface.Replica` for its host. It starts in round 0 of height 1."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._handlers |= {
            PrePrepare: self._on_pre_prepare,
            Prepare: self._on_vote,
            Commit: self._on_vote,
            RoundChange: self._on_round_change,
        }
        self._forget_height()

    def _forget_height(self) -> None:
        self._rounds: dict[int, _Round] = {}
        self._changes: dict[int, RoundChange] = {}
        self._prepared: RoundChange | None = None
        self._my_commit: Commit | None = None

    def _has_begun(self) -> bool:
        said = (
            known.proposal is not None or known.prepares.voted or known.commits.voted for known in self._rounds.values()
        )
        return bool(self._changes) or any(said)

    def _of(self, number: int) -> _Round:
        found = self._rounds.get(number)
        if found is None:
            found = self._rounds[number] = _Round()
        return found

    def _say(self, message: Message, outputs: list[Output]) -> None:
        """Tell all who vote on this height."""
        outputs.append(Broadcast(message))

    def _timeout_ns(self) -> int:
        return self.parameters.timeout_ns << min(self.round, _MAX_DOUBLINGS)

    def _may_propose(self) -> bool:
        if self._of(self.round).proposal is not None:
            return False
        reasons = self._reasons()
        return self.round == 0 or (len(reasons) >= self._quorum and highest_prepared(reasons) is None)

    def _reasons(self) -> tuple[RoundChange, ...]:
        changes = (self._changes[sender] for sender in sorted(self._changes))
        return tuple(change for change in changes if change.view == self.round)

    # Normal case, Algorithms 1 and 2.

    def _propose(self, value: Value, outputs: list[Output]) -> None:
        reasons = self._reasons()[: self._quorum] if self.round else ()
        message = PrePrepare(self._me, self.height, self.round, value, reasons)
        self._say(message, outputs)
        self._accept(message, outputs)

    def _on_pre_prepare(self, message: PrePrepare) -> Sequence[Output]:
        if message.sequence != self.height or self._paused or self._decided is not None:
            return self._not_now(message)
        fault = self._fault(message) or self._proposal_fault(message)
        if fault is not None:
            return (fault,)
        outputs: list[Output] = []
        if message.view > self.round:
            # A quorum went to that round, as its reasons show.
            self._go_to_round(message.view, outputs, silently=True)
        if message.view == self.round and self._of(message.view).proposal is None:
            self._accept(message, outputs)
        return outputs

    def _not_now(self, message: PrePrepare | Prepare | Commit | RoundChange) -> Sequence[Output]:
        fault = self._fault(message)
        if fault is not None:
            return (fault,)
        here = message.sequence == self.height and not self._paused
        return NOTHING if here else self._elsewhere(message)

    def _proposal_fault(self, message: PrePrepare) -> Misbehaviour | None:
        known = self._of(message.view).proposal
        if known is not None and known.value.digest != message.value.digest:
            return Misbehaviour(message.sender, "equivocation: two proposals in a round")
        if message.sender != self.proposer(message.sequence, message.view):
            return Misbehaviour(message.sender, f"proposal for round {message.view}, which is not its turn")
        if not self._is_justified(message):
            return Misbehaviour(message.sender, f"the reasons for its proposal in round {message.view} do not hold")
        return None

    def _is_justified(self, message: PrePrepare) -> bool:
        """Algorithm 4: a quorum changed to this round, and the value is the one that they make the proposer propose."""
        if message.view == 0:
            return not message.reasons
        reasons = message.reasons
        senders = {reason.sender for reason in reasons}
        valid = all(
            reason.sequence == message.sequence and reason.view == message.view and self._is_proven(reason)
            for reason in reasons
        )
        highest = highest_prepared(reasons)
        fits = highest is None or highest.value is None or highest.value.digest == message.value.digest
        return valid and fits and len(senders) >= self._quorum and all(0 <= sender < self._n for sender in senders)

    def _is_proven(self, change: RoundChange) -> bool:
        if change.value is None:
            return change.prepared_round == NO_ROUND and change.prepares == 0
        enough = change.prepares.bit_count() >= self._quorum and change.prepares < 1 << self._n
        return enough and 0 <= change.prepared_round < change.view

    def _accept(self, message: PrePrepare, outputs: list[Output]) -> None:
        known = self._of(message.view)
        known.proposal = message
        self._set_timer(_TIMER, self._timeout_ns(), outputs)
        vote = Prepare(self._me, self.height, self.round, message.value.digest)
        self._say(vote, outputs)
        known.prepares.add(1 << self._me, vote.digest)
        self._advance(message.view, outputs)

    def _on_vote(self, message: Prepare | Commit) -> Sequence[Output]:
        if message.sequence != self.height or self._paused or self._decided is not None:
            return self._not_now(message)
        fault = self._fault(message)
        if fault is not None:
            return (fault,)
        if message.view > self.round + MAX_GROWTH:
            return NOTHING
        known = self._of(message.view)
        tally = known.prepares if type(message) is Prepare else known.commits
        count = tally.add(1 << message.sender, message.digest)
        if count == CONFLICTING:
            return (Misbehaviour(message.sender, f"equivocation: two {message.kind}s in a round"),)
        if count == REPEATED or count != self._quorum:
            return NOTHING
        outputs: list[Output] = []
        self._advance(message.view, outputs)
        return outputs

    def _advance(self, number: int, outputs: list[Output]) -> None:
        """Commit what is prepared, decide what is committed."""
        known = self._of(number)
        if known.proposal is None:
            return
        value = known.proposal.value
        mine = self._my_commit
        if number == self.round and (mine is None or mine.view < number) and self._has(known.prepares, value):
            self._remember_prepared(known, value)
            self._my_commit = Commit(self._me, self.height, number, value.digest)
            self._say(self._my_commit, outputs)
            known.commits.add(1 << self._me, value.digest)
        if self._has(known.commits, value):
            self._decide(value, outputs)

    def _remember_prepared(self, known: _Round, value: Value) -> None:
        prepares = known.prepares.mask(value.digest)
        self._prepared = RoundChange(self._me, self.height, self.round, self.round, value, prepares)

    def _has(self, tally: Tally, value: Value) -> bool:
        return tally.count(value.digest) >= self._quorum

    # Round changes, Algorithms 3 and 4.

    def _start_round(self, outputs: list[Output]) -> None:
        self._resume(outputs)

    def _resume(self, outputs: list[Output]) -> None:
        if (self._waiting or self._rounds or self.round) and _TIMER not in self._running:
            self._set_timer(_TIMER, self._timeout_ns(), outputs)

    def _timed_out(self, name: str, outputs: list[Output]) -> None:
        del name
        if self._decided is None:
            self._go_to_round(self.round + 1, outputs)

    def _go_to_round(self, number: int, outputs: list[Output], *, silently: bool = False) -> None:
        self.round = number
        self._set_timer(_TIMER, self._timeout_ns(), outputs)
        outputs.append(EnterView(self.view, self.leader))
        if silently:
            return
        if self._my_commit is not None:
            self._say(replace(self._my_commit, again=True), outputs)
        blank = RoundChange(self._me, self.height, number)
        mine = blank if self._prepared is None else replace(self._prepared, view=number)
        self._changes[self._me] = mine
        self._say(mine, outputs)
        self._lead_if_due(outputs)

    def _on_round_change(self, message: RoundChange) -> Sequence[Output]:
        if message.sequence != self.height or self._paused or self._decided is not None:
            return self._not_now(message)
        fault = self._fault(message)
        if fault is not None or message.view == 0 or not self._is_proven(message):
            return (fault or Misbehaviour(message.sender, f"round change to {message.view} does not prove itself"),)
        held = self._changes.get(message.sender)
        if held is not None and held.view >= message.view:
            return NOTHING
        self._changes[message.sender] = message
        outputs: list[Output] = []
        ahead = [change.view for change in self._changes.values() if change.view > self.round]
        if len(ahead) >= self._quorums.weak:
            self._go_to_round(min(ahead), outputs)
        else:
            self._lead_if_due(outputs)
        return outputs

    def _lead_if_due(self, outputs: list[Output]) -> None:
        """Propose again what was prepared; where nothing was, the host is asked for a value (`_may_propose`)."""
        if self.leader != self._me or self._of(self.round).proposal is not None:
            return
        reasons = self._reasons()
        highest = highest_prepared(reasons)
        if len(reasons) >= self._quorum and highest is not None and highest.value is not None:
            message = PrePrepare(self._me, self.height, self.round, highest.value, reasons)
            self._say(message, outputs)
            self._accept(message, outputs)


def highest_prepared(reasons: Sequence[RoundChange]) -> RoundChange | None:
    """The ROUND-CHANGE with the highest prepared round; None if nobody prepared anything."""
    prepared = [reason for reason in reasons if reason.value is not None]
    return max(prepared, key=lambda reason: reason.prepared_round, default=None)
