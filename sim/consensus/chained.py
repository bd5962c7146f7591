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
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
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
    Misbehaviour,
    Output,
    Propose,
    RequestWaiting,
    Resumed,
    Send,
    SetTimer,
    StateTransferred,
    TimerExpired,
    Value,
)
from sim.consensus.quorum import CONFLICTING, Quorums, Tally, members

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from sim.consensus.parameters import Parameters

NOTHING: Final[tuple[Output, ...]] = ()
HEADER_BYTES: Final = 1 + 4 + 8 + 8
DIGEST_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
SIGNER_BYTES: Final = 4 + SIGNATURE_BYTES
VIEW_TIMER: Final = "view"
MAX_DOUBLINGS: Final = 4
"""Timeouts stop growing at 16 times the first: a chain needs several good views in a row, and a bad one costs one."""
TAIL: Final = 64
"""Decided blocks that a replica keeps for those behind it."""
VIEWS_AHEAD: Final = 64


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum, as bits, voted for ``block`` in ``view``."""

    view: int
    block: bytes
    signers: int

    @property
    def size_bytes(self) -> int:
        """A view, a digest and the signatures."""
        return 8 + DIGEST_BYTES + self.signers.bit_count() * SIGNER_BYTES


@dataclass(frozen=True, slots=True)
class Block:
    """``value`` proposed in ``view`` on top of the block that ``justify`` certifies, at ``height`` from the genesis."""

    view: int
    height: int
    value: Value
    justify: Certificate
    id: bytes

    @classmethod
    def on(cls, parent_height: int, view: int, value: Value, justify: Certificate) -> Block:
        """A new block; its identity covers all of it."""
        fields = (view, parent_height + 1, value.digest, justify.view, justify.block)
        return cls(view, parent_height + 1, value, justify, hashlib.sha256(repr(fields).encode()).digest())

    @property
    def size_bytes(self) -> int:
        """Header, certificate and the value."""
        return HEADER_BYTES + self.justify.size_bytes + DIGEST_BYTES + self.value.size_bytes


GENESIS: Final = Certificate(view=0, block=bytes(DIGEST_BYTES), signers=0)


@dataclass(frozen=True, slots=True)
class TimeoutCertificate:
    """A quorum, as bits, gave up on ``view``; the newest certificate that any of them knew is of ``high_view``."""

    view: int
    high_view: int
    signers: int

    @property
    def size_bytes(self) -> int:
        """A view, and of each signer the view of its newest certificate and a signature."""
        return 8 + self.signers.bit_count() * (8 + SIGNER_BYTES)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The leader of a view proposes a block; ``timeouts`` says why a view without a certificate came before it."""

    kind: ClassVar[str] = "proposal"
    sender: int
    block: Block
    timeouts: TimeoutCertificate | None = None

    @property
    def view(self) -> int:
        """The block's."""
        return self.block.view

    @property
    def sequence(self) -> int:
        """The block's height."""
        return self.block.height

    @property
    def size_bytes(self) -> int:
        """The block, the reason and a signature."""
        reason = 0 if self.timeouts is None else self.timeouts.size_bytes
        return self.block.size_bytes + reason + SIGNATURE_BYTES

    @property
    def signatures(self) -> int:
        """Its own and those of its certificates."""
        reason = 0 if self.timeouts is None else self.timeouts.signers.bit_count()
        return 1 + self.block.justify.signers.bit_count() + reason

    @property
    def proposed(self) -> int:
        """The transactions of the value."""
        return self.block.value.count


@dataclass(frozen=True, slots=True)
class Vote:
    """Its sender votes for ``block`` of ``view``; sent to the next leader only."""

    kind: ClassVar[str] = "vote"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + DIGEST_BYTES + SIGNATURE_BYTES
    sender: int
    view: int
    sequence: int
    block: bytes


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """Its sender lacks ``block`` and has executed ``sequence`` values."""

    kind: ClassVar[str] = "block-fetch"
    signatures: ClassVar[int] = 1
    proposed: ClassVar[int] = 0
    size_bytes: ClassVar[int] = HEADER_BYTES + DIGEST_BYTES + SIGNATURE_BYTES
    sender: int
    view: int
    sequence: int
    block: bytes


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks in ascending order, with what else somebody behind may lack.

    ``high`` is the newest certificate that the sender knows, ``final`` the one that last decided something there, and
    ``timeouts`` why it is in its view.
    """

    kind: ClassVar[str] = "blocks"
    proposed: ClassVar[int] = 0
    """A quorum has checked the transactions of a certified block."""
    sender: int
    view: int
    sequence: int
    blocks: tuple[Block, ...]
    high: Certificate
    final: Certificate
    timeouts: TimeoutCertificate | None = None

    @property
    def size_bytes(self) -> int:
        """Everything in it and a signature."""
        reason = 0 if self.timeouts is None else self.timeouts.size_bytes
        blocks = sum(block.size_bytes for block in self.blocks)
        return HEADER_BYTES + blocks + self.high.size_bytes + self.final.size_bytes + reason + SIGNATURE_BYTES

    @property
    def signatures(self) -> int:
        """Its own and those of the newest certificates; the blocks below are linked to these by their digests."""
        reason = 0 if self.timeouts is None else self.timeouts.signers.bit_count()
        return 1 + self.high.signers.bit_count() + self.final.signers.bit_count() + reason


@dataclass(frozen=True, slots=True)
class Timeout:
    """Its sender gave up on ``view``; it executed ``sequence`` values, and voted ``vote`` last, if that is told."""

    kind: ClassVar[str] = "timeout"
    proposed: ClassVar[int] = 0
    sender: int
    view: int
    sequence: int
    high: Certificate
    vote: Vote | None = None

    @property
    def size_bytes(self) -> int:
        """Header, certificate, vote, and two signatures: on the message, and on what a timeout certificate repeats."""
        vote = 0 if self.vote is None else 8 + DIGEST_BYTES + SIGNATURE_BYTES
        return HEADER_BYTES + self.high.size_bytes + vote + 2 * SIGNATURE_BYTES

    @property
    def signatures(self) -> int:
        """Its own two, the certificate's and the vote's."""
        return 2 + self.high.signers.bit_count() + (self.vote is not None)


class ChainedReplica(ABC):
    """One replica of a chained protocol; the protocol says for which blocks it votes, and how long a chain decides."""

    chain_length: ClassVar[int]
    """Certified blocks in consecutive views that decide the first of them."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.view = 1
        self.last_executed = 0
        self._me = parameters.me
        self._n = parameters.n
        self._quorums = Quorums.of(parameters.n)
        self._quorum = self._quorums.quorum
        self._blocks: dict[bytes, Block] = {}
        self._root = (GENESIS.block, 0)
        self._high = GENESIS
        self._deciding = GENESIS
        self._decided: list[Block] = []
        self._decided_height = 0
        self._announced = 0
        self._open: dict[bytes, int] = {}
        self._pending: dict[bytes, Proposal] = {}
        self._asking = False
        self._fetching = 0
        self._seen: dict[int, bytes] = {}
        self._votes: dict[int, Tally] = {}
        self._gave_up_on: TimeoutCertificate | None = None
        self._last_vote: Vote | None = None
        self._last_voted = 0
        self._gave_up = 0
        self._timeouts: dict[int, Timeout] = {}
        self._proposed_view = 0
        self._waiting = False
        self._timer_runs = False
        self._fruitless = 0
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
        """The block of this certificate is known: remember what the protocol wants to, such as a lock."""

    def _vote_in_timeout(self) -> Vote | None:
        """The vote that a TIMEOUT repeats, if the protocol wants that."""
        return None

    # What the host sees.

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
    def quiet(self) -> bool:
        """Whether nothing waits for a decision, and the newest certificate ends a row of views without a gap."""
        branch = self._branch(self._high.block)
        settled = not (self._open or self._pending or self._asking or any(b.value.count for b in branch))
        gapless = not self._high.view or (self._knows(self._high.block) and self._final(self._high) is not None)
        return settled and gapless and self.view == self._high.view + 1

    def tail(self) -> list[Block]:
        """The blocks above those that everybody has executed, at the leader of the next view in a quiet moment."""
        tail: list[Block] = []
        block = self._blocks.get(self._high.block)
        while block is not None and len(tail) < self.chain_length:
            tail.insert(0, block)
            block = self._blocks.get(block.justify.block)
        return tail

    @property
    def next_sequence(self) -> int:
        """The height of the next proposal."""
        return self._height_of(self._high.block) + 1

    def can_propose(self) -> bool:
        """Whether this replica leads the view, has not proposed in it, and has what its proposal must stand on."""
        if (
            self.leader_of(self.view) != self._me
            or self._proposed_view >= self.view
            or not self._knows(self._high.block)
        ):
            return False
        return self._high.view == self.view - 1 or self._reason() is not None

    def must_propose(self) -> bool:
        """Whether a value below waits for the blocks on top of it, or for the others to hear that it is decided."""
        return self.can_propose() and any(
            block.value.count and block.height > self._announced for block in self._branch(self._high.block)
        )

    def outstanding(self) -> tuple[Value, ...]:
        """The values on the branch that the next proposal extends, above what is executed."""
        branch = self._branch(self._high.block)
        return tuple(b.value for b in reversed(branch) if b.value.count and b.height > self.last_executed)

    def step(self, event: Input, now: int) -> Sequence[Output]:
        """Take one input and say what to do; raises `HostError` where the host broke the contract."""
        del now
        handler = self._handlers.get(type(event))
        if handler is None:
            raise HostError(f"{type(self).__name__} takes no {type(event).__name__}")
        return handler(event)

    # The tree.

    def _knows(self, block: bytes) -> bool:
        return block in self._blocks or block == self._root[0]

    def _height_of(self, block: bytes) -> int:
        return self._root[1] if block == self._root[0] else self._blocks[block].height

    def _branch(self, tip: bytes) -> list[Block]:
        """From a block down to the root, or to what was decided and announced long ago."""
        branch = []
        floor = min(self._announced, self.last_executed)
        block = self._blocks.get(tip)
        while block is not None and block.height > floor:
            branch.append(block)
            block = self._blocks.get(block.justify.block)
        return branch

    def _insert(self, block: Block) -> bool:
        """Put a block whose parent is known into the tree; says whether it fits there."""
        parent = block.justify.block
        if not self._knows(parent) and block.height == self.last_executed + 1 == self._decided_height + 1:
            self._root = (parent, self.last_executed)
        if not self._knows(parent) or self._height_of(parent) + 1 != block.height:
            return False
        self._blocks[block.id] = block
        if block.value.count and block.height > self._decided_height:
            self._open[block.id] = block.height
        return True

    def _is_valid(self, certificate: Certificate) -> bool:
        enough = certificate.signers.bit_count() >= self._quorum and certificate.signers < 1 << self._n
        return enough or certificate == GENESIS

    def _reason(self) -> TimeoutCertificate | None:
        """Why the present view may begin without a certificate of the view before; None if it may not."""
        held = self._gave_up_on
        return held if held is not None and held.view == self.view - 1 else None

    def _adopt(self, reason: TimeoutCertificate | None, outputs: list[Output]) -> None:
        """A quorum gave up on a view: the next one begins, and others may want to know why."""
        if reason is not None and (self._gave_up_on is None or reason.view > self._gave_up_on.view):
            self._gave_up_on = reason
            self._enter(reason.view + 1, outputs)

    # Proposals and votes.

    def _on_propose(self, event: Propose) -> Sequence[Output]:
        if not self.can_propose():
            raise HostError(f"replica {self._me} may not propose in view {self.view} now")
        reason = None if self._high.view == self.view - 1 else self._reason()
        block = Block.on(self._height_of(self._high.block), self.view, event.value, self._high)
        self._proposed_view = self.view
        self._blocks[block.id] = block
        if block.value.count:
            self._open[block.id] = block.height
        proposal = Proposal(self._me, block, reason)
        outputs: list[Output] = [Broadcast(proposal)]
        self._process(proposal, outputs)
        return outputs

    def _on_proposal(self, message: Proposal) -> Sequence[Output]:
        fault = self._proposal_fault(message)
        if fault is not None:
            return (Misbehaviour(message.sender, fault),)
        block = message.block
        if block.height <= self._decided_height or block.id in self._blocks:
            return NOTHING
        self._seen[block.view] = block.id
        outputs: list[Output] = []
        if self._insert(block):
            self._process(message, outputs)
            self._process_pending(outputs)
        else:
            self._keep(message)
            if not self._asking:
                self._asking = True
                outputs.append(self._ask(message.sender, block.justify.block))
        return outputs

    def _proposal_fault(self, message: Proposal) -> str | None:
        block = message.block
        if block.view < 1 or not 0 <= message.sender < self._n or message.sender != self.leader_of(block.view):
            return f"proposal in view {block.view}, which is not its turn"
        if not self._is_valid(block.justify) or block.justify.view >= block.view:
            return "the certificate of its proposal does not hold"
        needs_reason = block.justify.view != block.view - 1
        if (needs_reason or message.timeouts is not None) and not self._is_reason(message.timeouts, block.view):
            return f"no quorum gave up on view {block.view - 1}"
        if self._seen.get(block.view, block.id) != block.id:
            return "equivocation: two proposals in a view"
        return None

    def _is_reason(self, reason: TimeoutCertificate | None, view: int) -> bool:
        if reason is None or reason.view != view - 1:
            return False
        return reason.signers.bit_count() >= self._quorum and reason.signers < 1 << self._n

    def _process(self, proposal: Proposal, outputs: list[Output]) -> None:
        """A proposal whose ancestors are known: learn from its certificate, vote, go to the next view."""
        block = proposal.block
        self._learn(block.justify, outputs, public=True)
        self._adopt(proposal.timeouts, outputs)
        self._enter(block.view, outputs)
        if (
            block.view != self.view
            or block.view <= max(self._last_voted, self._gave_up)
            or not self._may_vote(proposal)
        ):
            self._start_timer(outputs)
            return
        self._last_voted = block.view
        vote = self._last_vote = Vote(self._me, block.view, block.height, block.id)
        collector = self.leader_of(block.view + 1)
        self._start_timer(outputs)
        if collector == self._me:
            self._tally(vote, outputs)
        else:
            outputs.append(Send(collector, vote))

    def _is_spent(self, view: int) -> bool:
        """Whether this replica voted in a view already, or gave up on it."""
        return view <= max(self._last_voted, self._gave_up)

    def _keep(self, message: Proposal) -> None:
        self._pending[message.block.id] = message
        if len(self._pending) > VIEWS_AHEAD:
            del self._pending[next(iter(self._pending))]

    def _process_pending(self, outputs: list[Output]) -> None:
        found = True
        while found:
            found = False
            for message in sorted(self._pending.values(), key=lambda held: held.block.height):
                if self._insert(message.block):
                    del self._pending[message.block.id]
                    self._process(message, outputs)
                    found = True

    def _on_vote(self, message: Vote) -> Sequence[Output]:
        if not 0 <= message.sender < self._n or self.leader_of(message.view + 1) != self._me:
            return (Misbehaviour(message.sender, "vote from no replica, or to another leader"),)
        if message.view < self.view - 1 or message.view > self.view + VIEWS_AHEAD:
            return NOTHING
        outputs: list[Output] = []
        if not self._tally(message, outputs):
            return (Misbehaviour(message.sender, "equivocation: two votes in a view"),)
        return outputs or NOTHING

    def _tally(self, vote: Vote, outputs: list[Output]) -> bool:
        """Count a vote; says whether it contradicts none before it."""
        tally = self._votes.get(vote.view)
        if tally is None:
            tally = self._votes[vote.view] = Tally()
        count = tally.add(1 << vote.sender, vote.block)
        if count == self._quorum:
            self._learn(Certificate(vote.view, vote.block, tally.mask(vote.block)), outputs, public=False)
        return count != CONFLICTING

    # Certificates.

    def _learn(self, certificate: Certificate, outputs: list[Output], *, public: bool) -> None:
        """A certificate: it may be the newest, decide something, and end a view. ``public`` if others have it too."""
        if certificate.view > self._high.view:
            self._high = certificate
        self._enter(certificate.view + 1, outputs)
        if not self._knows(certificate.block):
            return
        self._certified(certificate)
        final = self._final(certificate)
        if final is None:
            return
        if public:
            self._announced = max(self._announced, final.height)
        if final.height > self._decided_height:
            self._deciding = certificate
            self._decide(final, outputs)

    def _final(self, certificate: Certificate) -> Block | None:
        """The first of ``chain_length`` blocks in consecutive views of which this certificate certifies the last."""
        block = self._blocks.get(certificate.block)
        for _ in range(self.chain_length - 1):
            parent = None if block is None else self._blocks.get(block.justify.block)
            if block is None or parent is None or parent.view != block.view - 1:
                return None
            block = parent
        return block

    def _decide(self, final: Block, outputs: list[Output]) -> None:
        chain = []
        block: Block | None = final
        while block is not None and block.height > self._decided_height:
            chain.append(block)
            block = self._blocks.get(block.justify.block)
        if chain[-1].height != self._decided_height + 1:
            return
        self._fruitless = 0
        self._decided_height = final.height
        self._decided += reversed(chain)
        self._open = {id_: height for id_, height in self._open.items() if height > final.height}
        outputs += [Decide(b.height, b.view, b.value) for b in reversed(chain)]

    def _on_executed(self, event: Executed) -> Sequence[Output]:
        if event.sequence != self.last_executed + 1 or event.sequence > self._decided_height:
            raise HostError(f"executed {event.sequence} after {self.last_executed}; {self._decided_height} are decided")
        self.last_executed = event.sequence
        self._waiting = event.waiting
        self._forget()
        outputs: list[Output] = []
        self._start_timer(outputs)
        return outputs

    def _forget(self) -> None:
        """Keep a tail of decided blocks, and of the forks beside them nothing."""
        self._decided = [block for block in self._decided if block.height > self.last_executed]
        floor = self.last_executed - TAIL
        if floor > 0 and self.last_executed % TAIL == 0:
            for id_ in [id_ for id_, block in self._blocks.items() if block.height <= floor]:
                if self._blocks[id_].height == floor and id_ == self._ancestor(floor):
                    self._root = (id_, floor)
            self._blocks = {id_: block for id_, block in self._blocks.items() if block.height > floor}

    def _ancestor(self, height: int) -> bytes | None:
        block = self._blocks.get(self._high.block)
        while block is not None and block.height > height:
            block = self._blocks.get(block.justify.block)
        return None if block is None else block.id

    # Filling gaps.

    def _ask(self, peer: int, block: bytes) -> Output:
        return Send(peer, BlockRequest(self._me, self.view, self.last_executed, block))

    def _on_block_request(self, message: BlockRequest) -> Sequence[Output]:
        if message.sender == self._me or not 0 <= message.sender < self._n:
            return NOTHING
        return (Send(message.sender, self._blocks_above(message.sequence, message.block)),)

    def _blocks_above(self, height: int, tip: bytes | None = None) -> Blocks:
        """What somebody who executed ``height`` values lacks under a block, and this replica still has."""
        found: dict[bytes, Block] = {}
        for branch in (self._high.block, self._deciding.block) if tip is None else (tip,):
            block = self._blocks.get(branch)
            while block is not None and block.height > height and block.id not in found:
                found[block.id] = block
                block = self._blocks.get(block.justify.block)
        blocks = tuple(sorted(found.values(), key=lambda block: (block.height, block.view)))
        return Blocks(self._me, self.view, self.last_executed, blocks, self._high, self._deciding, self._reason())

    def _on_blocks(self, message: Blocks) -> Sequence[Output]:
        if not 0 <= message.sender < self._n or not all(self._is_valid(block.justify) for block in message.blocks):
            return (Misbehaviour(message.sender, "the certificates of its blocks do not hold"),)
        if not self._is_valid(message.high) or not self._is_valid(message.final):
            return (Misbehaviour(message.sender, "its newest certificate does not hold"),)
        self._asking = False
        outputs: list[Output] = []
        if message.blocks and message.blocks[0].height > self._decided_height + 1:
            height = message.blocks[0].height - 1
            if not self._knows(message.blocks[0].justify.block) and height > self._fetching:
                self._fetching = height
                outputs.append(FetchState(height, b"", (message.sender,)))
        for block in message.blocks:
            if block.height > self._decided_height and block.id not in self._blocks and self._insert(block):
                self._learn(block.justify, outputs, public=True)
        self._learn(message.final, outputs, public=True)
        self._learn(message.high, outputs, public=True)
        if self._is_reason(message.timeouts, message.view):
            self._adopt(message.timeouts, outputs)
        self._process_pending(outputs)
        return outputs

    def _on_state_transferred(self, event: StateTransferred) -> Sequence[Output]:
        outputs: list[Output] = []
        self._waiting = event.waiting
        self._timer_runs = False
        self._fetching = 0
        if event.sequence > self.last_executed:
            self.last_executed = event.sequence
            self._announced = max(self._announced, event.sequence)
            if event.sequence > self._decided_height:
                self._decided_height = event.sequence
                self._stand_on(event.sequence)
            self._open = {id_: height for id_, height in self._open.items() if height > event.sequence}
            self._forget()
        outputs += [Decide(b.height, b.view, b.value) for b in self._decided if b.height > self.last_executed]
        self._learn(self._high, outputs, public=False)
        self._process_pending(outputs)
        self._start_timer(outputs)
        return outputs

    def _on_resumed(self, event: Resumed) -> Sequence[Output]:
        """Views went by without messages: ``values`` are the newest blocks, the last proposed in ``view``.

        The certificate of that view is known only to who leads the next one. Signers are the first replicas, whoever
        they would have been.
        """
        outputs: list[Output] = []
        first, signers = event.view - len(event.values) + 1, (1 << self._quorum) - 1
        self._blocks.clear()
        certificate = below = Certificate(first - 1, event.checkpoint_digest, signers) if first > 1 else GENESIS
        self._root = (certificate.block, event.checkpoint - len(event.values))
        for k, value in enumerate(event.values):
            block = Block.on(self._height_of(certificate.block), first + k, value, certificate)
            self._blocks[block.id] = block
            below, certificate = certificate, Certificate(block.view, block.id, signers)
        leads = self.leader_of(event.view + 1) == self._me
        self._high = self._deciding = certificate if leads else below
        self.view = self._high.view + 1
        self._last_voted = event.view
        if self.leader_of(event.view) == self._me:
            self._proposed_view = max(self._proposed_view, event.view)
        self.last_executed = self._decided_height = self._announced = event.sequence
        self._decided, self._waiting, self._fruitless = [], event.waiting, 0
        for held in (self._open, self._pending, self._seen, self._votes):
            held.clear()
        self._asking = self._timer_runs = False
        self._certified(self._high)
        self._start_timer(outputs)
        return outputs

    def _stand_on(self, height: int) -> None:
        """Blocks above a fetched height stay if they are linked to one at it; otherwise the next ones set the root."""
        at = {id_ for id_, block in self._blocks.items() if block.height == height}
        if not at:
            self._blocks = {id_: block for id_, block in self._blocks.items() if block.height <= height}

    # Views.

    def _enter(self, view: int, outputs: list[Output]) -> None:
        """Go to a higher view."""
        if view <= self.view:
            return
        self.view = view
        for old in [old for old in self._votes if old < view - 1]:
            del self._votes[old]
        for old in [old for old in self._seen if old < view - VIEWS_AHEAD]:
            del self._seen[old]
        self._stop_timer(outputs)
        self._start_timer(outputs)

    def _stop_timer(self, outputs: list[Output]) -> None:
        if self._timer_runs:
            self._timer_runs = False
            outputs.append(CancelTimer(VIEW_TIMER))

    def _start_timer(self, outputs: list[Output]) -> None:
        """A view has a time limit while something waits, or is proposed and not decided."""
        wanted = self._waiting or bool(self._open)
        if wanted and not self._timer_runs:
            self._timer_runs = True
            delay_ns = self.parameters.timeout_ns << min(self._fruitless, MAX_DOUBLINGS)
            outputs.append(SetTimer(VIEW_TIMER, delay_ns))
        elif not wanted:
            self._stop_timer(outputs)

    def _on_request_waiting(self, _event: RequestWaiting) -> Sequence[Output]:
        self._waiting = True
        outputs: list[Output] = []
        self._start_timer(outputs)
        return outputs

    def _on_timer_expired(self, event: TimerExpired) -> Sequence[Output]:
        outputs: list[Output] = []
        if event.name == VIEW_TIMER and self._timer_runs:
            self._timer_runs = False
            self._asking = False
            self._fetching = 0
            self._fruitless += 1
            if not self._knows(self._high.block):
                outputs += [
                    self._ask(peer, self._high.block) for peer in members(self._high.signers & ~(1 << self._me))
                ]
            self._give_up(outputs)
        return outputs

    def _give_up(self, outputs: list[Output]) -> None:
        self._gave_up = self.view
        mine = Timeout(self._me, self.view, self.last_executed, self._high, self._vote_in_timeout())
        self._timeouts[self._me] = mine
        outputs.append(Broadcast(mine))
        if mine.vote is not None and mine.vote.view > self._high.view:
            self._tally(mine.vote, outputs)
        self._start_timer(outputs)
        self._certify(outputs)

    def _on_timeout(self, message: Timeout) -> Sequence[Output]:
        fault = self._timeout_fault(message)
        if fault is not None:
            return (Misbehaviour(message.sender, fault),)
        outputs: list[Output] = []
        self._learn(message.high, outputs, public=True)
        if not self._knows(message.high.block) and not self._asking:
            self._asking = True
            outputs.append(self._ask(message.sender, message.high.block))
        behind = message.view < self.view or message.sequence < self._decided_height
        if behind and (self._me - message.sender) % self._n <= self._quorums.weak:
            outputs.append(Send(message.sender, self._blocks_above(message.sequence)))
        if message.vote is not None and message.vote.view > self._high.view:
            self._tally(message.vote, outputs)
        held = self._timeouts.get(message.sender)
        if message.view < self.view or (held is not None and held.view >= message.view):
            return outputs or NOTHING
        self._timeouts[message.sender] = message
        here = sum(held.view == self.view for held in self._timeouts.values())
        if here >= self._quorums.weak and self._gave_up < self.view:
            self._give_up(outputs)
        else:
            self._certify(outputs)
        return outputs

    def _timeout_fault(self, message: Timeout) -> str | None:
        if not 0 <= message.sender < self._n or not self._is_valid(message.high) or message.high.view >= message.view:
            return "a timeout whose certificate does not hold"
        if message.vote is not None and message.vote.sender != message.sender:
            return "a timeout with another's vote"
        return None

    def _certify(self, outputs: list[Output]) -> None:
        """Make the timeout certificate of this view, or of a later one, once a quorum gave up on it."""
        for view in sorted({held.view for held in self._timeouts.values() if held.view >= self.view}, reverse=True):
            here = [held for held in self._timeouts.values() if held.view == view]
            if len(here) >= self._quorum:
                high = max(held.high.view for held in here)
                self._adopt(TimeoutCertificate(view, high, sum(1 << held.sender for held in here)), outputs)
                outputs.append(EnterView(self.view, self.leader))
                return
