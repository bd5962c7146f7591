"""What chained protocols share: blocks that certify their parents, a tree of them, votes, and how gaps are filled.

A block names its parent by the *certificate* that it carries: a quorum's votes for the parent. One vote per view serves
as the next phase of all blocks below, so a value is decided by what is proposed after it: when ``chain_length``
certified blocks stand in consecutive views, the first of them is final, and everything under it.

The pacemaker. A view ends with a certificate of it. If its time is over first, a replica votes in it no more and
broadcasts TIMEOUT with its newest certificate, again each time the time is over; times double with every view that
timed out until something is decided. f+1 TIMEOUTs of a view make one join. A quorum of them is a timeout certificate:
it ends the view too, and stands in the next proposal. A TIMEOUT of somebody behind is answered, by the f+1 replicas
after it in the ring, with what it lacks.

A replica that is told of a block it does not have asks the teller for it and for what is between; beyond the tail that
replicas keep, it asks its host to fetch decided values. Afterwards it may not know the identity of the block that it
stands on. It then takes the parent of whatever comes next for that block: nothing is decided on top of it but by a full
chain of certificates, which no other block than the decided one can carry.

The tree itself is in `chained_tree`, the view's time limit and who gave up on it in `chained_pacemaker`, what is
missing in `chained_gaps`, what a message must carry in `chained_validity`. For which blocks a replica votes, and how
long a chain decides, the protocols say (`hotstuff`, `jolteon`); the rest of the rules are kept here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sim.consensus.chained_gaps import Gaps
from sim.consensus.chained_messages import (
    Block,
    BlockRequest,
    Blocks,
    Certificate,
    Proposal,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from sim.consensus.chained_pacemaker import Pacemaker
from sim.consensus.chained_tree import BlockTree
from sim.consensus.chained_validity import blocks_fault, ends_view_before, proposal_fault, timeout_fault
from sim.consensus.chained_votes import Votes
from sim.consensus.interface import (
    Broadcast,
    Decide,
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
    Value,
)
from sim.consensus.quorum import CONFLICTING, Quorums, members

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from sim.consensus.parameters import Parameters

NOTHING: Final[tuple[Output, ...]] = ()


class ChainedReplica(ABC):
    """One replica of a chained protocol; the protocol says for which blocks it votes, and how long a chain decides."""

    chain_length: ClassVar[int]
    """Certified blocks in consecutive views that decide the first of them."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._me = parameters.me
        self._n = parameters.n
        self._quorums = Quorums.of(parameters.n)
        self._tree = BlockTree(self.chain_length)
        self._pacemaker = Pacemaker(parameters.timeout_ns, self._tree)
        self._gaps = Gaps(parameters.me, self._tree)
        self._votes = Votes()
        self._last_vote: Vote | None = None
        self._last_voted = 0
        self._proposed_view = 0
        self._handlers: dict[type, Callable[[Any], Sequence[Output]]] = {
            Proposal: self._on_proposal,
            Vote: self._on_vote,
            BlockRequest: self._on_block_request,
            Blocks: self._on_blocks,
            Timeout: self._on_timeout,
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
    def _may_vote(self, proposal: Proposal) -> bool:
        """Whether the protocol's rule lets this replica vote for a block of its view."""

    def _certified(self, certificate: Certificate) -> None:  # noqa: B027 # a hook: some protocols remember nothing
        """A certificate, whose block need not be known: remember what the protocol wants to, such as a lock."""

    def _vote_in_timeout(self) -> Vote | None:
        """The vote that a TIMEOUT repeats, if the protocol wants that."""
        return None

    # What the host sees.

    @property
    def view(self) -> int:
        """The present view; the first is 1."""
        return self._pacemaker.view

    @property
    def leader(self) -> int:
        """The leader of the present view."""
        return self.leader_of(self.view)

    def leader_of(self, view: int) -> int:
        """Replicas take turns, view by view, from replica 0 in view 1."""
        return (view - 1) % self._n

    @property
    def active(self) -> bool:
        """Always: there is no time between views."""
        return True

    @property
    def last_executed(self) -> int:
        """The height up to which the host executed."""
        return self._tree.executed

    @property
    def quiet(self) -> bool:
        """Whether nothing waits for a decision, and the newest certificate ends a row of views without a gap."""
        return self._tree.is_settled and not self._gaps and self.view == self._tree.high.view + 1

    def tail(self) -> list[Block]:
        """The blocks above those that everybody has executed, at the leader of the next view in a quiet moment."""
        return self._tree.tail()

    @property
    def next_sequence(self) -> int:
        """The height of the next proposal."""
        return self._tree.next_height

    def can_propose(self) -> bool:
        """Whether this replica leads the view, has not proposed in it, and has what its proposal must stand on."""
        view, high = self._pacemaker.view, self._tree.high
        if self.leader_of(view) != self._me or self._proposed_view >= view or high.block not in self._tree:
            return False
        return high.view == view - 1 or self._pacemaker.reason is not None

    def must_propose(self) -> bool:
        """Whether a value below waits for the blocks on top of it, or for the others to hear that it is decided."""
        return self.can_propose() and any(block.height > self._tree.announced for block in self._tree.valued())

    def outstanding(self) -> tuple[Value, ...]:
        """The values on the branch that the next proposal extends, above what is executed."""
        return tuple(block.value for block in reversed(self._tree.valued()) if block.height > self._tree.executed)

    def step(self, event: Input, now: int) -> Sequence[Output]:
        """Take one input and say what to do; raises `HostError` where the host broke the contract."""
        del now
        handler = self._handlers.get(type(event))
        if handler is None:
            raise HostError(f"{type(self).__name__} takes no {type(event).__name__}")
        return handler(event)

    # Proposals and votes.

    def _on_propose(self, event: Propose) -> Sequence[Output]:
        if not self.can_propose():
            raise HostError(f"replica {self._me} may not propose in view {self.view} now")
        high = self._tree.high
        reason = None if high.view == self.view - 1 else self._pacemaker.reason
        block = Block.on(self.next_sequence - 1, self.view, event.value, high)
        self._proposed_view = self.view
        self._tree.add(block)
        proposal = Proposal(self._me, block, reason)
        outputs: list[Output] = [Broadcast(proposal)]
        self._process(proposal, outputs)
        return outputs

    def _on_proposal(self, message: Proposal) -> Sequence[Output]:
        block = message.block
        fault = proposal_fault(message, self.leader_of(block.view), self._quorums)
        if fault is None and self._votes.contradicts(block):
            fault = "equivocation: two proposals in a view"
        if fault is not None:
            return (Misbehaviour(message.sender, fault),)
        if block.height <= self._tree.decided or self._tree.get(block.id) is not None:
            return NOTHING
        self._votes.see(block)
        outputs: list[Output] = []
        if self._tree.insert(block):
            self._process(message, outputs)
            self._process_kept(outputs)
        else:
            self._gaps.keep(message)
            self._gaps.ask(message.sender, block.justify.block, self.view, outputs)
        return outputs

    def _process(self, proposal: Proposal, outputs: list[Output]) -> None:
        """A proposal whose ancestors are known: learn from its certificate, vote, go to the next view."""
        block = proposal.block
        self._learn(block.justify, outputs, public=True)
        self._adopt(proposal.timeouts, outputs)
        self._enter(block.view, outputs)
        spent = block.view <= self._last_voted or block.view <= self._pacemaker.gave_up
        if block.view != self.view or spent or not self._may_vote(proposal):
            self._pacemaker.start_timer(outputs)
            return
        self._last_voted = block.view
        vote = self._last_vote = Vote(self._me, block.view, block.height, block.id)
        collector = self.leader_of(block.view + 1)
        self._pacemaker.start_timer(outputs)
        if collector == self._me:
            self._tally(vote, outputs)
        else:
            outputs.append(Send(collector, vote))

    def _process_kept(self, outputs: list[Output]) -> None:
        for proposal in self._gaps.filled():
            self._process(proposal, outputs)

    def _on_vote(self, message: Vote) -> Sequence[Output]:
        if not 0 <= message.sender < self._n or self.leader_of(message.view + 1) != self._me:
            return (Misbehaviour(message.sender, "vote from no replica, or to another leader"),)
        if not self._votes.are_due(message.view, self.view):
            return NOTHING
        outputs: list[Output] = []
        if not self._tally(message, outputs):
            return (Misbehaviour(message.sender, "equivocation: two votes in a view"),)
        return outputs or NOTHING

    def _tally(self, vote: Vote, outputs: list[Output]) -> bool:
        """Count a vote; says whether it contradicts none before it."""
        count = self._votes.add(vote)
        if count == self._quorums.quorum:
            self._learn(self._votes.certificate(vote), outputs, public=False)
        return count != CONFLICTING

    # Certificates.

    def _learn(self, certificate: Certificate, outputs: list[Output], *, public: bool) -> None:
        """A certificate: it may be the newest, end a view, and decide something. ``public`` if others have it too."""
        self._tree.learn(certificate)
        self._enter(certificate.view + 1, outputs)
        self._certified(certificate)
        self._decide(self._tree.settle(certificate, public=public), outputs)

    def _decide(self, final: Sequence[Block], outputs: list[Output]) -> None:
        if final:
            self._pacemaker.progress()
            outputs += [Decide(block.height, block.view, block.value) for block in final]

    def _on_executed(self, event: Executed) -> Sequence[Output]:
        executed, decided = self._tree.executed, self._tree.decided
        if event.sequence != executed + 1 or event.sequence > decided:
            raise HostError(f"executed {event.sequence} after {executed}; {decided} are decided")
        self._tree.execute(event.sequence)
        return self._pacemaker.wait(waiting=event.waiting)

    # Filling gaps.

    def _on_block_request(self, message: BlockRequest) -> Sequence[Output]:
        if message.sender == self._me or not 0 <= message.sender < self._n:
            return NOTHING
        return (Send(message.sender, self._blocks(self._tree.above(message.sequence, message.block))),)

    def _blocks(self, blocks: tuple[Block, ...]) -> Blocks:
        tree, reason = self._tree, self._pacemaker.reason
        return Blocks(self._me, self.view, tree.executed, blocks, tree.high, tree.deciding, reason)

    def _on_blocks(self, message: Blocks) -> Sequence[Output]:
        fault = blocks_fault(message, self._quorums)
        if fault is not None:
            return (Misbehaviour(message.sender, fault),)
        outputs: list[Output] = []
        self._gaps.answered(message, outputs)
        for block in message.blocks:
            new = block.height > self._tree.decided and self._tree.get(block.id) is None
            if new and self._tree.insert(block):
                self._learn(block.justify, outputs, public=True)
        self._learn(message.final, outputs, public=True)
        self._learn(message.high, outputs, public=True)
        if ends_view_before(message.timeouts, message.view, self._quorums):
            self._adopt(message.timeouts, outputs)
        self._process_kept(outputs)
        return outputs

    def _on_state_transferred(self, event: StateTransferred) -> Sequence[Output]:
        outputs: list[Output] = []
        self._pacemaker.restart(event.waiting)
        self._gaps.fetched()
        if event.sequence > self._tree.executed:
            self._tree.skip_to(event.sequence)
        outputs += [Decide(block.height, block.view, block.value) for block in self._tree.unexecuted]
        self._learn(self._tree.high, outputs, public=False)
        self._process_kept(outputs)
        self._pacemaker.start_timer(outputs)
        return outputs

    def _on_resumed(self, event: Resumed) -> Sequence[Output]:
        """Views went by without messages: ``values`` are the newest blocks, the last proposed in ``view``."""
        outputs: list[Output] = []
        signers = (1 << self._quorums.quorum) - 1
        self._tree.plant(event, signers, leads=self.leader_of(event.view + 1) == self._me)
        self._pacemaker.resume_in(self._tree.high.view + 1, event.waiting)
        self._last_voted = event.view
        if self.leader_of(event.view) == self._me:
            self._proposed_view = max(self._proposed_view, event.view)
        self._votes.clear()
        self._gaps.clear()
        self._certified(self._tree.high)
        self._pacemaker.start_timer(outputs)
        return outputs

    # Views.

    def _enter(self, view: int, outputs: list[Output]) -> None:
        """Go to a higher view."""
        if view > self.view:
            self._votes.forget_before(view)
            self._pacemaker.enter(view, outputs)

    def _adopt(self, reason: TimeoutCertificate | None, outputs: list[Output]) -> None:
        """A quorum gave up on a view: the next one begins, and others may want to know why."""
        if reason is not None and self._pacemaker.learn(reason):
            self._enter(reason.view + 1, outputs)

    def _on_request_waiting(self, _event: RequestWaiting) -> Sequence[Output]:
        return self._pacemaker.wait(waiting=True)

    def _on_timer_expired(self, event: TimerExpired) -> Sequence[Output]:
        outputs: list[Output] = []
        if self._pacemaker.expire(event.name):
            self._gaps.give_up()
            high = self._tree.high
            if high.block not in self._tree:
                holders = members(high.signers & ~(1 << self._me))
                outputs += [self._gaps.request(peer, high.block, self.view) for peer in holders]
            self._give_up(outputs)
        return outputs

    def _give_up(self, outputs: list[Output]) -> None:
        mine = Timeout(self._me, self.view, self._tree.executed, self._tree.high, self._vote_in_timeout())
        self._pacemaker.give_up(mine)
        outputs.append(Broadcast(mine))
        self._count_vote_of(mine, outputs)
        self._pacemaker.start_timer(outputs)
        self._certify_timeouts(outputs)

    def _on_timeout(self, message: Timeout) -> Sequence[Output]:
        fault = timeout_fault(message, self._quorums)
        if fault is not None:
            return (Misbehaviour(message.sender, fault),)
        outputs: list[Output] = []
        self._learn(message.high, outputs, public=True)
        if message.high.block not in self._tree:
            self._gaps.ask(message.sender, message.high.block, self.view, outputs)
        behind = message.view < self.view or message.sequence < self._tree.decided
        if behind and (self._me - message.sender) % self._n <= self._quorums.weak:
            blocks = self._tree.above(message.sequence, self._tree.high.block, self._tree.deciding.block)
            outputs.append(Send(message.sender, self._blocks(blocks)))
        self._count_vote_of(message, outputs)
        if not self._pacemaker.count(message):
            return outputs or NOTHING
        if self._pacemaker.must_join(self._quorums.weak):
            self._give_up(outputs)
        else:
            self._certify_timeouts(outputs)
        return outputs

    def _count_vote_of(self, timeout: Timeout, outputs: list[Output]) -> None:
        if timeout.vote is not None and timeout.vote.view > self._tree.high.view:
            self._tally(timeout.vote, outputs)

    def _certify_timeouts(self, outputs: list[Output]) -> None:
        """Make the timeout certificate of this view, or of a later one, once a quorum gave up on it."""
        certificate = self._pacemaker.certificate(self._quorums.quorum)
        if certificate is not None:
            self._adopt(certificate, outputs)
            outputs.append(EnterView(self.view, self.leader))
