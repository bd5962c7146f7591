"""Tendermint as a state machine without I/O: one height at a time, two rounds of votes, locks.

Paper: E. Buchman, J. Kwon and Z. Milosevic, "The latest gossip on BFT consensus", arXiv 1807.04938, Algorithm 1, whose
lines are cited.

The rules. 3 to 8 are `_apply`, which fires them in this order until none applies:

1.  A height has rounds 0, 1, 2, …, each with a proposer; proposers take turns over heights and rounds (14).
2.  The proposer of a round proposes the value that it holds as *valid*, with the round in which it became so, or else a
    new one (15 to 19). Whoever waits for a proposal stops after timeout_propose and prevotes nil (21, 57 to 60).
3.  A new value gets a prevote unless one is locked on another (22 to 27); a value with a valid round, which comes with
    the prevotes of a quorum in that round, gets it if one's own lock is not younger (28 to 33).
4.  A quorum of prevotes of any kind starts timeout_prevote (34, 35), at whose end one precommits nil (61 to 64).
5.  A quorum of prevotes for one value makes it valid; who has not precommitted yet locks and precommits it (36 to 43).
6.  A quorum of prevotes for nil: precommit nil (44 to 46).
7.  A quorum of precommits of any kind starts timeout_precommit (47, 48), at whose end the next round begins (65 to 67).
8.  A quorum of precommits for one value, in any round: it is decided (49 to 54).
9.  f+1 others in a later round: one joins it (55, 56).

Choices where the paper leaves room. Timeouts begin at `timeout_ns` and grow by half of it with every round. The paper
assumes gossip: what one correct replica receives, all do, sooner or later. Here a proposal of a value that became valid
carries the prevotes that made it so, and every round has a *repeat* timer of the round's timeout at whose end a replica
says again what it said in this round and the one before. A replica whose height is over elsewhere fetches it
(`heights`). timeout_commit (`commit_wait_ns`) is the pause before the next height; the reference implementation has it,
the paper does not.
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

    from sim.consensus.interface import Value
    from sim.consensus.parameters import Parameters

NIL: Final = b""
NO_ROUND: Final = -1
ROUNDS_AHEAD: Final = 16
"""Votes this many rounds ahead are counted; beyond that only who is there is remembered, to bound the memory."""

PROPOSE, PREVOTE, PRECOMMIT = range(3)
"""What a replica waits for in a round: a proposal, prevotes, precommits."""
_TIMERS: Final = ("propose", "prevote", "precommit")
_REPEAT: Final = "repeat"


@dataclass(frozen=True, slots=True)
class Proposal:
    """The proposer of round ``view`` proposes ``value``, valid since ``valid_round`` or never (-1).

    ``polka`` names who prevoted it in that round, as bits; their signatures ride along.
    """

    kind: ClassVar[str] = "proposal"
    sender: int
    sequence: int
    view: int
    value: Value
    valid_round: int
    polka: int = 0
    again: bool = field(default=False, compare=False)

    @property
    def size_bytes(self) -> int:
        """Header, valid round, digest, signatures and the value itself."""
        own = HEADER_BYTES + 8 + DIGEST_BYTES + SIGNATURE_BYTES
        return own + self.polka.bit_count() * (4 + SIGNATURE_BYTES) + self.value.size_bytes

    @property
    def signatures(self) -> int:
        """Its own and those of the prevotes."""
        return 1 + self.polka.bit_count()

    @property
    def proposed(self) -> int:
        """The transactions of the value."""
        return self.value.count


@dataclass(frozen=True, slots=True)
class Prevote:
    """The first vote of a round: for a digest, or nil."""

    kind: ClassVar[str] = "prevote"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + DIGEST_BYTES + SIGNATURE_BYTES
    sender: int
    sequence: int
    view: int
    digest: bytes
    again: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Precommit:
    """The second vote of a round: for a digest, or nil."""

    kind: ClassVar[str] = "precommit"
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

    proposal: Proposal | None = None
    prevotes: Tally = field(default_factory=Tally)
    precommits: Tally = field(default_factory=Tally)
    prevote_timer_set: bool = False
    precommit_timer_set: bool = False
    locked_here: bool = False


class TendermintReplica(HeightReplica):
    """One Tendermint replica, `interface.Replica` for its host. It starts in round 0 of height 1."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._handlers |= {
            Proposal: self._on_proposal,
            Prevote: self._on_prevote,
            Precommit: self._on_precommit,
        }
        self._forget_height()

    def _forget_height(self) -> None:
        self._step = PROPOSE
        self._rounds: dict[int, _Round] = {}
        self._locked: Value | None = None
        self._locked_round = NO_ROUND
        self._valid: Value | None = None
        self._valid_round = NO_ROUND
        self._round_of: dict[int, int] = {}
        self._said: dict[int, list[Proposal | Prevote | Precommit]] = {}

    def _may_propose(self) -> bool:
        return self._step == PROPOSE and self._valid is None and self._of(self.round).proposal is None

    def _has_begun(self) -> bool:
        rounds = self._rounds.values()
        return any(known.proposal is not None or known.prevotes.voted or known.precommits.voted for known in rounds)

    def _of(self, number: int) -> _Round:
        found = self._rounds.get(number)
        if found is None:
            found = self._rounds[number] = _Round()
        return found

    def _timeout_ns(self) -> int:
        first_ns = self.parameters.timeout_ns
        return first_ns + first_ns // 2 * min(self.round, MAX_GROWTH)

    # Messages.

    def _on_proposal(self, message: Proposal) -> Sequence[Output]:
        fault = self._fault(message)
        if fault is not None:
            return (fault,)
        if message.sequence != self.height or self._paused:
            return self._elsewhere(message)
        if self._decided is not None or message.view > self.round + ROUNDS_AHEAD:
            return NOTHING
        fault = self._proposal_fault(message)
        known = self._of(message.view)
        if fault is not None or known.proposal is not None:
            return NOTHING if fault is None else (fault,)
        known.proposal = message
        outputs: list[Output] = []
        self._see(message.sender, message.view, outputs)
        self._start_repeating(outputs)
        self._advance(outputs)
        return outputs

    def _proposal_fault(self, message: Proposal) -> Misbehaviour | None:
        known = self._of(message.view).proposal
        if message.sender != self.proposer(message.sequence, message.view):
            return Misbehaviour(message.sender, f"proposal for round {message.view}, which is not its turn")
        if not self._is_justified(message):
            return Misbehaviour(message.sender, f"no quorum prevoted its proposal in round {message.valid_round}")
        if known is not None and known != message:
            return Misbehaviour(message.sender, "equivocation: two proposals in a round")
        return None

    def _is_justified(self, message: Proposal) -> bool:
        if message.valid_round == NO_ROUND:
            return message.polka == 0
        signers = message.polka.bit_count()
        return 0 <= message.valid_round < message.view and message.polka < 1 << self._n and signers >= self._quorum

    def _on_prevote(self, message: Prevote) -> Sequence[Output]:
        return self._on_vote(message)

    def _on_precommit(self, message: Precommit) -> Sequence[Output]:
        return self._on_vote(message)

    def _on_vote(self, message: Prevote | Precommit) -> Sequence[Output]:
        fault = self._fault(message)
        if fault is not None:
            return (fault,)
        if message.sequence != self.height or self._paused:
            return self._elsewhere(message)
        if self._decided is not None:
            return NOTHING
        outputs: list[Output] = []
        if message.view <= self.round + ROUNDS_AHEAD:
            known = self._of(message.view)
            tally = known.prevotes if type(message) is Prevote else known.precommits
            count = tally.add(1 << message.sender, message.digest)
            if count == CONFLICTING:
                return (Misbehaviour(message.sender, f"equivocation: two {message.kind}s in a round"),)
            if count == REPEATED:
                return NOTHING
            if count == self._quorum or tally.voted.bit_count() == self._quorum:
                self._advance(outputs)
        if message.view > self.round:
            self._see(message.sender, message.view, outputs)
        return outputs or NOTHING

    # Rounds.

    def _start_round(self, outputs: list[Output]) -> None:
        self._step = PROPOSE
        if self.leader == self._me and self._valid is not None:
            polka = self._of(self._valid_round).prevotes.mask(self._valid.digest)
            self._say(Proposal(self._me, self.height, self.round, self._valid, self._valid_round, polka), outputs)
        self._resume(outputs)
        self._advance(outputs)

    def _resume(self, outputs: list[Output]) -> None:
        """Timers run while something waits, or is on its way in this height."""
        if not (self._waiting or self._rounds or self.round):
            return
        if "propose" not in self._running and self._step == PROPOSE:
            self._set_timer("propose", self._timeout_ns(), outputs)
        known = self._of(self.round)
        for name, due in (("prevote", known.prevote_timer_set), ("precommit", known.precommit_timer_set)):
            if due and name not in self._running:
                self._set_timer(name, self._timeout_ns(), outputs)
        self._start_repeating(outputs)

    def _start_repeating(self, outputs: list[Output]) -> None:
        if _REPEAT not in self._running and self._decided is None:
            self._set_timer(_REPEAT, self._timeout_ns(), outputs)

    def _go_to_round(self, number: int, outputs: list[Output]) -> None:
        self._stop_timers(outputs)
        self.round = number
        outputs.append(EnterView(self.view, self.leader))
        self._start_round(outputs)

    def _see(self, sender: int, round_: int, outputs: list[Output]) -> None:
        """Lines 55 and 56: with f+1 others in later rounds, join the latest that one correct replica has reached."""
        if round_ <= self._round_of.get(sender, 0):
            return
        self._round_of[sender] = round_
        ahead = sorted((number for number in self._round_of.values() if number > self.round), reverse=True)
        if len(ahead) >= self._quorums.weak and self._decided is None:
            self._go_to_round(ahead[self._quorums.weak - 1], outputs)

    def _timed_out(self, name: str, outputs: list[Output]) -> None:
        if self._decided is not None:
            return
        if name == _REPEAT:
            self._repeat(outputs)
        elif name == "propose" and self._step == PROPOSE:
            self._vote(Prevote, NIL, outputs)
            self._advance(outputs)
        elif name == "prevote" and self._step == PREVOTE:
            self._vote(Precommit, NIL, outputs)
            self._advance(outputs)
        elif name == "precommit":
            self._go_to_round(self.round + 1, outputs)

    def _repeat(self, outputs: list[Output]) -> None:
        for number in (self.round - 1, self.round):
            outputs += [Broadcast(replace(message, again=True)) for message in self._said.get(number, ())]
        self._start_repeating(outputs)

    # Voting.

    def _say(self, message: Proposal | Prevote | Precommit, outputs: list[Output]) -> None:
        """Broadcast, and take one's own word into account."""
        self._said.setdefault(message.view, []).append(message)
        outputs.append(Broadcast(message))
        known = self._of(message.view)
        if type(message) is Proposal:
            known.proposal = message
        elif type(message) is Prevote:
            known.prevotes.add(1 << self._me, message.digest)
        elif type(message) is Precommit:
            known.precommits.add(1 << self._me, message.digest)

    def _vote(self, kind: type[Prevote | Precommit], digest: bytes, outputs: list[Output]) -> None:
        self._step = PREVOTE if kind is Prevote else PRECOMMIT
        self._cancel_timer(_TIMERS[self._step - 1], outputs)
        self._say(kind(self._me, self.height, self.round, digest), outputs)

    def _propose(self, value: Value, outputs: list[Output]) -> None:
        self._say(Proposal(self._me, self.height, self.round, value, NO_ROUND), outputs)
        self._start_repeating(outputs)
        self._advance(outputs)

    def _advance(self, outputs: list[Output]) -> None:
        while self._decided is None and self._apply(outputs):
            pass

    def _apply(self, outputs: list[Output]) -> bool:
        """Fire one rule; says whether one fired."""
        if self._decide_if_committed(outputs):
            return False
        known = self._of(self.round)
        proposal = known.proposal
        if self._step == PROPOSE and proposal is not None:
            self._vote(Prevote, proposal.value.digest if self._accepts(proposal) else NIL, outputs)
            return True
        if self._step >= PREVOTE and self._apply_prevotes(known, outputs):
            return True
        if known.precommits.voted.bit_count() >= self._quorum and not known.precommit_timer_set:
            known.precommit_timer_set = True
            self._set_timer("precommit", self._timeout_ns(), outputs)
            return True
        return False

    def _apply_prevotes(self, known: _Round, outputs: list[Output]) -> bool:
        proposal = known.proposal
        if proposal is not None and not known.locked_here and self._polka(known, proposal.value.digest):
            known.locked_here = True
            self._valid, self._valid_round = proposal.value, self.round
            if self._step == PREVOTE:
                self._lock(proposal.value)
                self._vote(Precommit, proposal.value.digest, outputs)
            return True
        if self._step == PREVOTE and self._polka(known, NIL):
            self._vote(Precommit, NIL, outputs)
            return True
        if self._step == PREVOTE and known.prevotes.voted.bit_count() >= self._quorum and not known.prevote_timer_set:
            known.prevote_timer_set = True
            self._set_timer("prevote", self._timeout_ns(), outputs)
            return True
        return False

    def _lock(self, value: Value) -> None:
        self._locked, self._locked_round = value, self.round

    def _polka(self, known: _Round, digest: bytes) -> bool:
        return known.prevotes.count(digest) >= self._quorum

    def _accepts(self, proposal: Proposal) -> bool:
        """Lines 23 and 29: the lock allows it."""
        return (
            self._locked is None
            or self._locked.digest == proposal.value.digest
            or (proposal.valid_round != NO_ROUND and self._locked_round <= proposal.valid_round)
        )

    def _decide_if_committed(self, outputs: list[Output]) -> bool:
        for number, known in self._rounds.items():
            proposal = known.proposal
            if proposal is not None and known.precommits.count(proposal.value.digest) >= self._quorum:
                self.round = number
                self._decide(proposal.value, outputs)
                return True
        return False
