"""Protocols with one rule broken, for schedules that aim at that rule; and liars that break one on purpose.

Random storms hardly ever need these rules: most of them guard against what only a liar does at the worst moment, or
against three leaders in a row at the wrong times.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sim.consensus.chained_messages import GENESIS, Block, Certificate, Proposal
from sim.consensus.hotstuff import HotStuffReplica
from sim.consensus.interface import Broadcast
from sim.consensus.jolteon import JolteonReplica
from sim.consensus.pbft import PbftReplica
from sim.consensus.pbft_log import Log, Slot
from sim.consensus.pbft_messages import NewView
from sim.consensus.qbft import PrePrepare, QbftReplica, RoundChange
from sim.consensus.quorum import CONFLICTING, Tally
from sim.consensus.raft import RaftReplica
from sim.consensus.raft_election import Election
from sim.consensus.raft_replication import Replication
from sim.consensus.rpbft import RpbftReplica
from sim.consensus.tendermint import TendermintReplica

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.consensus.chained_messages import Vote
    from sim.consensus.interface import Output, Propose, Value
    from sim.consensus.parameters import Parameters
    from sim.consensus.pbft_config import Config


class EchoTally(Tally):
    """Counts a vote again when it comes again, and names as many signers as it counted, up to a quorum."""

    __slots__ = ("_heard", "_quorum")

    def __init__(self, quorum: int) -> None:
        super().__init__()
        self._heard: dict[bytes, int] = {}
        self._quorum = quorum

    def add(self, bit: int, digest: bytes) -> int:
        if super().add(bit, digest) == CONFLICTING:
            return CONFLICTING
        self._heard[digest] = self._heard.get(digest, 0) + 1
        return self._heard[digest]

    def count(self, digest: bytes) -> int:
        return self._heard.get(digest, 0)

    def mask(self, digest: bytes) -> int:
        mask, lowest = super().mask(digest), 1
        while mask.bit_count() < min(self._quorum, self.count(digest)):
            mask, lowest = mask | lowest, lowest << 1
        return mask


# Raft.


class RaftOneShort(RaftReplica):
    """One fewer than a majority elects and commits (5.2, 5.3)."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._majority = self._replication.majority = self._majority - 1


class _EchoElection(Election):
    def count(self, voter: int) -> None:
        self._for_me.add(voter if voter not in self._for_me else -len(self._for_me))


class RaftEcho(RaftReplica):
    """Counts a vote again when it comes again (5.2)."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._election.__class__ = _EchoElection


class _Counting(Replication):
    def may_commit(self, term: int, index: int) -> bool:
        del term, index
        return True


class RaftCounting(RaftReplica):
    """Commits whatever a majority holds, from whatever term (5.4.2)."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._replication.__class__ = _Counting


# PBFT.


class _EchoLog(Log):
    def open(self, sequence: int) -> Slot | None:
        slot = super().open(sequence)
        if slot is not None and type(slot.prepares) is Tally:
            slot.prepares, slot.commits = EchoTally(self.quorum), EchoTally(self.quorum)
        return slot


class PbftEcho(PbftReplica):
    """Counts a vote again when it comes again (4.2)."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._log.__class__ = _EchoLog
        self._log.quorum = config.quorums.quorum


class PbftCredulous(PbftReplica):
    """Enters a view whatever its NEW-VIEW proposes (4.4, the check of O)."""

    def _on_new_view(self, message: NewView) -> Sequence[Output]:
        outputs: list[Output] = []
        if message.view >= self.view and not (self.active and message.view == self.view):
            self._enter(message, outputs)
        return outputs


class PbftOblivious(PbftReplica):
    """A liar: opens its view as if nothing had prepared before."""

    def _count_view_changes(self, outputs: list[Output]) -> None:
        changes = self._view_changes.to(self.view)
        if self.leader != self._me or len(changes) < self._quorum:
            super()._count_view_changes(outputs)
            return
        new_view = NewView(self._me, self.view, changes, ())
        outputs.append(Broadcast(new_view))
        self._enter(new_view, outputs)


# One height at a time.


class _EchoRounds:
    """Counts a vote again when it comes again."""

    def _of(self, number: int) -> object:
        fresh = number not in self._rounds
        known = super()._of(number)
        if fresh:
            votes = ("prepares", "commits") if isinstance(self, QbftReplica) else ("prevotes", "precommits")
            for name in votes:
                setattr(known, name, EchoTally(self._quorum))
        return known


class TendermintOneShort(TendermintReplica):
    """One fewer than a quorum decides (line 49)."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._quorum -= 1


class TendermintEcho(_EchoRounds, TendermintReplica):
    """Counts a vote again when it comes again."""


class QbftOneShort(QbftReplica):
    """One fewer than a quorum decides (Algorithm 2)."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._quorum -= 1


class QbftEcho(_EchoRounds, QbftReplica):
    """Counts a vote again when it comes again."""


class QbftCredulous(QbftReplica):
    """Accepts the proposal of a higher round whatever its reasons are (Algorithm 4)."""

    def _is_justified(self, message: PrePrepare) -> bool:
        del message
        return True


class QbftOblivious(QbftReplica):
    """A liar: proposes a new value in its round, whatever others prepared before."""

    def _may_propose(self) -> bool:
        return self._of(self.round).proposal is None and (self.round == 0 or len(self._reasons()) >= self._quorum)

    def _lead_if_due(self, outputs: list[Output]) -> None:
        """Leave it to the host."""


class QbftGullible(QbftReplica):
    """Believes what a ROUND-CHANGE says of a prepared value without PREPAREs that prove it (Algorithm 4)."""

    def _is_proven(self, change: RoundChange) -> bool:
        del change
        return True


class QbftPretender(QbftOblivious):
    """A liar: claims that its own value prepared in the round before."""

    def _propose(self, value: Value, outputs: list[Output]) -> None:
        claim = RoundChange(self._me, self.height, self.round, self.round - 1, value)
        others = tuple(change for change in self._reasons() if change.sender != self._me)
        message = PrePrepare(self._me, self.height, self.round, value, (claim, *others) if self.round else ())
        self._say(message, outputs)
        self._accept(message, outputs)


class RpbftOneShort(RpbftReplica):
    """One fewer than a quorum of the committee decides."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._quorum -= 1


class RpbftEcho(_EchoRounds, RpbftReplica):
    """Counts a vote again when it comes again."""


class RpbftCredulous(RpbftReplica):
    """Accepts the proposal of a higher round whatever its reasons are."""

    def _is_justified(self, message: PrePrepare) -> bool:
        del message
        return True


class RpbftOblivious(RpbftReplica):
    """A liar: proposes a new value in its round, whatever others prepared before."""

    _may_propose = QbftOblivious._may_propose
    _lead_if_due = QbftOblivious._lead_if_due


# Chained blocks.


class _EchoVotes:
    """Counts a vote again when it comes again, and certifies with it."""

    def _tally(self, vote: Vote, outputs: list[Output]) -> bool:
        self.__dict__.setdefault("_heard", {})
        tally = self._heard.setdefault(vote.view, EchoTally(self._quorums.quorum))
        count = tally.add(1 << vote.sender, vote.block)
        if count == self._quorums.quorum:
            self._learn(Certificate(vote.view, vote.block, tally.mask(vote.block)), outputs, public=False)
        return count != CONFLICTING


class _OnTheOldest:
    """A liar: proposes once on the oldest certificate of all, as soon as a quorum gave up on the view before."""

    lied = False

    def can_propose(self) -> bool:
        lies = not self.lied and self.leader == self._me and self._pacemaker.reason is not None
        return lies or super().can_propose()

    def _on_propose(self, event: Propose) -> Sequence[Output]:
        reason = self._pacemaker.reason
        if self.lied or reason is None:
            return super()._on_propose(event)
        self.lied = True
        self._proposed_view = self.view
        proposal = Proposal(self._me, Block.on(0, self.view, event.value, GENESIS), reason)
        return [Broadcast(proposal), *self._on_proposal(proposal)]

    def _may_vote(self, proposal: Proposal) -> bool:
        return proposal.sender == self._me or super()._may_vote(proposal)


class HotStuffOneShort(HotStuffReplica):
    """One fewer than a quorum certifies."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._quorums = replace(self._quorums, quorum=self._quorums.quorum - 1)


class HotStuffEcho(_EchoVotes, HotStuffReplica):
    """Counts a vote again when it comes again."""


class HotStuffUnlocked(HotStuffReplica):
    """Votes for whatever its leader proposes (safeNode, Algorithm 1)."""

    def _may_vote(self, proposal: Proposal) -> bool:
        del proposal
        return True


class HotStuffOnTheOldest(_OnTheOldest, HotStuffReplica):
    """A liar, see there."""


class JolteonOneShort(JolteonReplica):
    """One fewer than a quorum certifies."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._quorums = replace(self._quorums, quorum=self._quorums.quorum - 1)


class JolteonEcho(_EchoVotes, JolteonReplica):
    """Counts a vote again when it comes again."""


class JolteonStale(JolteonReplica):
    """Takes any timeout certificate for a reason, whatever its signers knew (section 3, the rule of voting)."""

    def _is_fresh(self, proposal: Proposal) -> bool:
        return proposal.timeouts is not None


class JolteonUndeterred(JolteonReplica):
    """Votes in a view that it gave up on (section 3, a timeout is a promise)."""

    def _process(self, proposal: Proposal, outputs: list[Output]) -> None:
        gave_up, self._pacemaker.gave_up = self._pacemaker.gave_up, 0
        super()._process(proposal, outputs)
        self._pacemaker.gave_up = gave_up


class JolteonOnTheOldest(_OnTheOldest, JolteonReplica):
    """A liar, see there."""
