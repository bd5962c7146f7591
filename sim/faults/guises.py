"""Replicas in disguise: what stands in the place of a Byzantine node's replica and passes for one.

A *censor* leaves transactions out of what it proposes. *Twins* are two instances of one replica under one identity,
each with peers of its own (S. Bano et al., "Twins: BFT Systems Made Robust", OPODIS 2021, section 2): whatever a
Byzantine leader or voter can gain by saying different things to different peers, running the protocol twice gains too,
without a line written for the protocol. Twins of one coalition meet in two worlds: the first instances of all of them
and the peers of the first, the second instances and the peers of the second. A quorum in either world decides there, so
the correct replicas part as soon as two quorums share nobody else.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.blocks import Body
from sim.consensus.interface import (
    Broadcast,
    CancelTimer,
    Decide,
    EnterView,
    Executed,
    FetchState,
    Propose,
    Send,
    SetTimer,
    StateTransferred,
    TimerExpired,
    Value,
    Verify,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.node import Node
    from sim.consensus.interface import Input, Message, Output, Replica

    Rows = NDArray[np.int64]

_SECOND_TIMER = "second instance: "


class Disguise:
    """Passes for the replica ``inner``."""

    def __init__(self, inner: Replica) -> None:
        self.inner = inner
        self.ended = False

    @property
    def view(self) -> int:
        """As the replica's own."""
        return self.inner.view

    @property
    def leader(self) -> int:
        """As the replica's own."""
        return self.inner.leader

    @property
    def active(self) -> bool:
        """As the replica's own."""
        return self.inner.active

    @property
    def last_executed(self) -> int:
        """As the replica's own."""
        return self.inner.last_executed

    @property
    def next_sequence(self) -> int:
        """As the replica's own."""
        return self.inner.next_sequence

    def can_propose(self) -> bool:
        """As the replica's own."""
        return self.inner.can_propose()

    def must_propose(self) -> bool:
        """As the replica's own."""
        return self.inner.must_propose()

    def outstanding(self) -> tuple[Value, ...]:
        """As the replica's own."""
        return self.inner.outstanding()

    def step(self, event: Input, now: int) -> Sequence[Output]:
        """As the replica's own."""
        return self.inner.step(event, now)

    def end(self) -> None:
        """Stop lying; what is under way still gets to whom it was meant for."""
        self.ended = True


class Censor(Disguise):
    """Proposes nothing of the streams ``streams``; a leader that must propose proposes an empty block instead."""

    def __init__(self, inner: Replica, chain: Chain, streams: Sequence[str]) -> None:
        super().__init__(inner)
        self._chain = chain
        self._codes = [code for code, stream in enumerate(chain.offered.streams) if stream in streams]

    def step(self, event: Input, now: int) -> Sequence[Output]:
        """As the replica's own, but for what it is given to propose."""
        if isinstance(event, Propose) and isinstance(event.value.body, Body) and not self.ended:
            rows = event.value.body.transactions
            kept = rows[~np.isin(self._chain.offered.stream[rows], self._codes)]
            if len(kept) == 0 < len(rows) and not self.inner.must_propose():
                return ()
            if len(kept) < len(rows):
                event = Propose(rebuilt(self._chain, event.value.body, kept))
        return self.inner.step(event, now)

    def __deepcopy__(self, memo: dict[int, Any]) -> Censor:
        """Twins of a censor censor on the same chain."""
        twin = copy.copy(self)
        twin.inner = copy.deepcopy(self.inner, memo)
        return twin


def rebuilt(chain: Chain, body: Body, transactions: Rows, earlier_ns: int = 0) -> Value:
    """A value with other transactions than ``body``, or of an earlier time, by the same leader."""
    new, digest = chain.ledger.prepare(transactions, body.leader, body.view, max(0, body.cut_ns - earlier_ns))
    new.proposed_ns, new.ready_ns, new.clock_error_ns = body.proposed_ns, body.ready_ns, body.clock_error_ns
    return Value(digest, int(chain.offered.size_bytes[transactions].sum()), len(transactions), new)


@dataclass(frozen=True, slots=True)
class Whisper:
    """A message between two instances of one world; on the wire it is the message."""

    world: int
    message: Message

    @property
    def kind(self) -> str:
        """As the message."""
        return self.message.kind

    @property
    def sender(self) -> int:
        """As the message."""
        return self.message.sender

    @property
    def view(self) -> int:
        """As the message."""
        return self.message.view

    @property
    def sequence(self) -> int:
        """As the message."""
        return self.message.sequence

    @property
    def size_bytes(self) -> int:
        """As the message."""
        return self.message.size_bytes

    @property
    def signatures(self) -> int:
        """As the message."""
        return self.message.signatures

    @property
    def proposed(self) -> int:
        """As the message."""
        return self.message.proposed


@dataclass(frozen=True, slots=True)
class Coalition:
    """What twins that act together agree on.

    Attributes:
        members: their nodes.
        tells: the peers that the instances of either world speak to.
        hears: the peers that they listen to.
        patient: lie about values only in views that other leaders were given up for.
    """

    members: frozenset[int]
    tells: tuple[frozenset[int], frozenset[int]]
    hears: tuple[frozenset[int], frozenset[int]]
    patient: bool = False


class Twins(Disguise):
    """Two instances of one replica; the first is ``inner``, the second a copy of it as it stands.

    Host and ledger see one node. It executes what correct nodes executed, each instance when it has decided the same.
    """

    def __init__(self, inner: Replica, chain: Chain, node: Node, coalition: Coalition) -> None:
        super().__init__(inner)
        self._chain = chain
        self._node = node
        self._coalition = coalition
        self._instances = (inner, copy.deepcopy(inner))
        self._decided: tuple[dict[int, bytes], dict[int, bytes]] = ({}, {})
        self._first_view = inner.view
        self._validators = range(chain.config.validators)
        self._carriers: dict[type, Callable[[int, Any, list[Output], int], None]] = {
            Broadcast: self._broadcast,
            Send: self._send,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            Decide: self._decide,
            EnterView: self._pass_on,
            FetchState: self._pass_on,
            Verify: self._pass_on,
        }

    @property
    def _speaker(self) -> Replica:
        """The instance that the host asks: one that may propose, else the first."""
        second = self._instances[1]
        return second if not self.ended and not self.inner.can_propose() and second.can_propose() else self.inner

    @property
    def view(self) -> int:
        """Of the instance that may propose."""
        return self._speaker.view

    @property
    def next_sequence(self) -> int:
        """Of the instance that may propose."""
        return self._speaker.next_sequence

    def can_propose(self) -> bool:
        """Whether either instance may."""
        return self._speaker.can_propose()

    def must_propose(self) -> bool:
        """Whether the one that may propose must."""
        return self._speaker.must_propose()

    def outstanding(self) -> tuple[Value, ...]:
        """Of the instance that may propose."""
        return self._speaker.outstanding()

    def timers_at_birth(self) -> list[Output]:
        """The second instance's timers: as many as run for the first, started anew."""
        timeout_ns = self._chain.config.timeout_ns
        return [SetTimer(_SECOND_TIMER + name, timeout_ns) for name in self._node.timers]

    def step(self, event: Input, now: int) -> Sequence[Output]:
        """Hand an input to the instances that it is for, and their outputs to those whom they may reach."""
        outputs: list[Output] = []
        for world, inner_event in self._addressed(event):
            self._carry_out(world, self._instances[world].step(inner_event, now), outputs, now)
        return outputs

    def _addressed(self, event: Input) -> list[tuple[int, Input]]:
        both = (0,) if self.ended else (0, 1)
        if isinstance(event, Whisper):
            return [(event.world, event.message)] if event.world in both else []
        if isinstance(event, TimerExpired):
            second = event.name.startswith(_SECOND_TIMER)
            name = event.name.removeprefix(_SECOND_TIMER)
            return [(int(second), TimerExpired(name))] if int(second) in both else []
        if isinstance(event, Propose):
            return self._proposals(event.value)
        if isinstance(event, Executed):
            return [(world, event) for world in both if self._came_to(world, event.sequence)]
        sender = getattr(event, "sender", None)
        if sender is not None:
            return [(world, event) for world in both if self.ended or sender in self._coalition.hears[world]]
        if isinstance(event, StateTransferred):
            for decided in self._decided:
                decided.clear()
        return [(world, event) for world in both]

    def _came_to(self, world: int, height: int) -> bool:
        """Whether an instance decided at a height what correct nodes executed there, and everything below."""
        decided = self._decided[world].pop(height, None)
        follows = self._instances[world].last_executed == height - 1
        return follows and decided == self._chain.ledger.agreed(height)

    # What the instances propose: the same transactions, as far as each may, with two times.

    def _proposals(self, value: Value) -> list[tuple[int, Input]]:
        if self.ended:
            return [(0, Propose(value))]
        proposals: list[tuple[int, Input]] = []
        for world, instance in enumerate(self._instances):
            if instance.can_propose():
                proposals.append((world, Propose(self._version(world, instance, value))))
        return proposals

    def _version(self, world: int, instance: Replica, value: Value) -> Value:
        """The host filled the value for one instance; the other's branch may hold some of it already."""
        body = value.body
        if not isinstance(body, Body) or not len(body.transactions):
            return value
        held = [held.body.transactions for held in instance.outstanding() if isinstance(held.body, Body)]
        fresh = body.transactions[~np.isin(body.transactions, np.concatenate([*held, body.transactions[:0]]))]
        lies = world == 1 and not (self._coalition.patient and instance.view == self._first_view)
        if len(fresh) == len(body.transactions) and not lies:
            return value
        return rebuilt(self._chain, body, fresh, earlier_ns=int(lies))

    # What the instances put out.

    def _carry_out(self, world: int, told: Sequence[Output], outputs: list[Output], now: int) -> None:
        for output in told:
            carrier = self._carriers.get(type(output))
            if carrier is not None:  # what it says of others' misbehaviour interests nobody
                carrier(world, output, outputs, now)

    def _broadcast(self, world: int, output: Broadcast, outputs: list[Output], _: int) -> None:
        if self.ended:
            outputs.append(output)
            return
        for receiver in self._validators:
            self._tell(world, receiver, output.message, outputs)

    def _send(self, world: int, output: Send, outputs: list[Output], _: int) -> None:
        self._tell(world, output.to, output.message, outputs)

    def _tell(self, world: int, receiver: int, message: Message, outputs: list[Output]) -> None:
        if receiver == self._node.index:
            return
        if receiver in self._coalition.members and not self.ended:
            outputs.append(Send(receiver, Whisper(world, message)))
        elif self.ended or receiver in self._coalition.tells[world]:
            outputs.append(Send(receiver, message))

    def _set_timer(self, world: int, output: SetTimer, outputs: list[Output], _: int) -> None:
        outputs.append(SetTimer(_SECOND_TIMER + output.name, output.delay_ns) if world else output)

    def _cancel_timer(self, world: int, output: CancelTimer, outputs: list[Output], _: int) -> None:
        outputs.append(CancelTimer(_SECOND_TIMER + output.name) if world else output)

    def _decide(self, world: int, output: Decide, outputs: list[Output], now: int) -> None:
        ledger = self._chain.ledger
        self._decided[world][output.sequence] = output.value.digest
        if output.sequence > ledger.heights[self._node.index]:
            outputs.append(output)
        elif self._came_to(world, output.sequence):
            # The other instance was first, and the node has executed this.
            executed = Executed(output.sequence, ledger.blocks[output.sequence].digest, waiting=True)
            self._carry_out(world, self._instances[world].step(executed, now), outputs, now)

    def _pass_on(self, _world: int, output: Output, outputs: list[Output], _: int) -> None:
        outputs.append(output)
