"""A cluster of PBFT replicas under a hostile schedule: one seed decides every delay, loss, duplicate and crash.

Until ``calm_at`` messages are lost, doubled and delayed beyond the timeouts, and replicas crash; afterwards delivery is
reliable and fast. Byzantine replicas run the protocol and lie on the way out (`LIES`). Signatures hold: no liar can
make up a certificate, it can only leave out, repeat or contradict. Every decision of a correct replica is checked.
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.consensus.interface import (
    Broadcast,
    CancelTimer,
    Decide,
    EnterView,
    Executed,
    FetchState,
    Misbehaviour,
    Propose,
    RequestWaiting,
    Send,
    SetTimer,
    StateTransferred,
    TimerExpired,
    Value,
    Verify,
)
from sim.consensus.pbft import PbftReplica
from sim.consensus.pbft_config import Config
from sim.consensus.pbft_messages import GENESIS, Commit, NewView, Prepare, PrePrepare, ViewChange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sim.consensus.interface import Input, Message, Output

TIMEOUT = 100
SLOWEST_STORMY = 150
SLOWEST_CALM = 10


class DivergenceError(AssertionError):
    """Two correct replicas decided different values at one sequence number."""


def shown(digest: bytes, receiver: int) -> bytes:
    """What equivocators agree to tell ``receiver``: the value to even numbers, its twin to odd ones."""
    return digest.rstrip(b"*") + b"*" * (receiver % 2)


def honest(message: Message, _receiver: int) -> Message | None:
    return message


def silent(_message: Message, _receiver: int) -> Message | None:
    return None


def equivocating(message: Message, receiver: int) -> Message | None:
    """Propose one value to one half and its twin to the other, and vote to each half for what it was shown."""
    if isinstance(message, PrePrepare):
        return replace(message, value=replace(message.value, digest=shown(message.value.digest, receiver)))
    if isinstance(message, Prepare | Commit):
        return replace(message, digest=shown(message.digest, receiver))
    return message


def forgetful(message: Message, _receiver: int) -> Message | None:
    """Claim to have prepared nothing, and as leader re-propose nothing."""
    if isinstance(message, ViewChange):
        return ViewChange(message.sender, message.view, GENESIS, ())
    if isinstance(message, NewView):
        return replace(message, pre_prepares=())
    return message


LIES: dict[str, Callable[[Message, int], Message | None]] = {
    "silent": silent,
    "equivocating": equivocating,
    "forgetful": forgetful,
}


@dataclass
class Host:
    """What runs around one replica: requests it knows of, what it executed, its timers."""

    replica: PbftReplica
    lie: Callable[[Message, int], Message | None]
    known: list[bytes] = field(default_factory=list)
    executed: list[bytes] = field(default_factory=list)
    timers: dict[str, int] = field(default_factory=dict)
    down: bool = False
    entered: int = 0

    @property
    def waiting(self) -> list[bytes]:
        done = set(self.executed)
        return [request for request in self.known if request not in done]

    @property
    def state_digest(self) -> bytes:
        return hashlib.sha256(b"|".join(self.executed)).digest()


class Cluster:
    """``n`` replicas of which ``byzantine`` lie, on one event queue with integer time."""

    def __init__(
        self,
        n: int,
        seed: int,
        *,
        byzantine: Mapping[int, str] | None = None,
        calm_at: int = 0,
        loss: float = 0.0,
        crashes: Sequence[tuple[int, int, int]] = (),
        config: type[Config] = Config,
    ) -> None:
        lies = {i: LIES[name] for i, name in (byzantine or {}).items()}
        self.hosts = [
            Host(
                PbftReplica(config(n=n, me=i, timeout_ns=TIMEOUT, window=3, checkpoint_interval=4)),
                lies.get(i, honest),
            )
            for i in range(n)
        ]
        self.correct = [i for i in range(n) if i not in lies]
        self.now = 0
        self.decided: dict[int, bytes] = {}
        self.requests: list[bytes] = []
        self.sent: dict[str, int] = {}
        self.accused: set[int] = set()
        self._calm_at = calm_at
        self._loss = loss
        self._rng = np.random.default_rng(seed)
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._ticks = 0
        self._carriers: dict[type, Callable[[int, Any], None]] = {
            Broadcast: self._broadcast,
            Send: self._send,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            Decide: self._execute,
            EnterView: self._enter_view,
            FetchState: self._fetch,
            Verify: lambda *_: None,
            Misbehaviour: self._note,
        }
        for i, start, end in crashes:
            self.at(start, lambda host=self.hosts[i]: self._crash(host))
            self.at(end, lambda i=i: self._restart(i))

    def at(self, time: int, action: Callable[[], None]) -> None:
        self._ticks += 1
        heapq.heappush(self._queue, (time, self._ticks, action))

    def request_at(self, time: int) -> None:
        """A client's request that reaches every replica at ``time``."""
        request = b"r%d" % len(self.requests)
        self.requests.append(request)
        for i in range(len(self.hosts)):
            self.at(time, lambda i=i: self._learn_request(i, request))

    def run(self, until: int, most_events: int = 200_000) -> None:
        """Go on until every correct replica executed every request, but not beyond ``until``."""
        for _ in range(most_events):
            if not self._queue or self._queue[0][0] > until or self.finished():
                return
            self.now, _, action = heapq.heappop(self._queue)
            action()
        raise AssertionError(f"{most_events} events and no end")

    def drain(self) -> None:
        """Deliver what is still under way, without letting a timer expire on it."""
        while self._queue and self._queue[0][0] <= self.now + SLOWEST_CALM:
            self.now, _, action = heapq.heappop(self._queue)
            action()

    def finished(self) -> bool:
        hosts = [self.hosts[i] for i in self.correct]
        return all(len(host.known) == len(self.requests) and not host.waiting for host in hosts)

    def step(self, i: int, event: Input) -> None:
        host = self.hosts[i]
        if not host.down:
            self._carry_out(i, host.replica.step(event, self.now))
            self._propose(i)

    def _propose(self, i: int) -> None:
        host = self.hosts[i]
        while host.replica.can_propose():
            under_way = {value.digest for value in host.replica.outstanding()}
            free = [request for request in host.waiting if request not in under_way]
            if not free:
                return
            value = Value(free[0], size_bytes=100, count=1, body=object())
            self._carry_out(i, host.replica.step(Propose(value), self.now))

    def _carry_out(self, i: int, outputs: Sequence[Output]) -> None:
        for output in outputs:
            self._carriers[type(output)](i, output)

    def _broadcast(self, i: int, output: Broadcast) -> None:
        for receiver in range(len(self.hosts)):
            if receiver != i and (output.among is None or receiver in output.among):
                self._transmit(i, receiver, output.message)

    def _send(self, i: int, output: Send) -> None:
        self._transmit(i, output.to, output.message)

    def _cancel_timer(self, i: int, output: CancelTimer) -> None:
        self.hosts[i].timers.pop(output.name, None)

    def _enter_view(self, i: int, output: EnterView) -> None:
        assert output.view > self.hosts[i].entered, "a replica never goes back to a view"
        assert output.leader == output.view % len(self.hosts)
        self.hosts[i].entered = output.view

    def _fetch(self, i: int, output: FetchState) -> None:
        assert output.peers, "somebody has what a replica is told to fetch"
        self.at(self.now + self._delay(), lambda: self._transfer(i, output))

    def _note(self, i: int, output: Misbehaviour) -> None:
        if i in self.correct:
            assert output.culprit not in self.correct, f"{i} accuses a correct replica: {output}"
            self.accused.add(output.culprit)

    def _delay(self) -> int:
        slowest = SLOWEST_CALM if self.now >= self._calm_at else SLOWEST_STORMY
        return 1 + int(self._rng.random() * slowest)

    def _transmit(self, sender: int, receiver: int, message: Message) -> None:
        told = self.hosts[sender].lie(message, receiver)
        if told is None:
            return
        self.sent[told.kind] = self.sent.get(told.kind, 0) + 1
        stormy = self.now < self._calm_at
        if stormy and self._rng.random() < self._loss:
            return
        for _ in range(2 if stormy and self._rng.random() < self._loss else 1):
            self.at(self.now + self._delay(), lambda: self.step(receiver, told))

    def _set_timer(self, i: int, output: SetTimer) -> None:
        self._ticks += 1
        alarm = self.hosts[i].timers[output.name] = self._ticks
        self.at(self.now + output.delay_ns, lambda: self._expire(i, output.name, alarm))

    def _expire(self, i: int, name: str, alarm: int) -> None:
        if self.hosts[i].timers.get(name) == alarm:
            del self.hosts[i].timers[name]
            self.step(i, TimerExpired(name))

    def _learn_request(self, i: int, request: bytes) -> None:
        self.hosts[i].known.append(request)
        if self.hosts[i].waiting:
            self.step(i, RequestWaiting())

    def _execute(self, i: int, output: Decide) -> None:
        host = self.hosts[i]
        assert output.sequence == len(host.executed) + 1, "decisions come in order, without gaps, once each"
        if i in self.correct:
            first = self.decided.setdefault(output.sequence, output.value.digest)
            if first != output.value.digest:
                raise DivergenceError(f"at {output.sequence}: {first!r} and {output.value.digest!r}")
        host.executed.append(output.value.digest)
        executed = Executed(output.sequence, host.state_digest, bool(host.waiting))
        self._carry_out(i, host.replica.step(executed, self.now))

    def _transfer(self, i: int, fetch: FetchState) -> None:
        """The longest chain among the correct ``peers`` that reach far enough; without one nothing comes back."""
        host = self.hosts[i]
        holders = [self.hosts[p] for p in fetch.peers if p in self.correct and not self.hosts[p].down]
        best = max(holders, key=lambda peer: len(peer.executed), default=host)
        if host.down or len(best.executed) < max(fetch.sequence, len(host.executed)):
            return
        host.executed = list(best.executed)
        self._resume(i, best.replica.view if best.replica.active else 0)

    def _crash(self, host: Host) -> None:
        host.down = True
        host.timers.clear()

    def _restart(self, i: int) -> None:
        self.hosts[i].down = False
        self._resume(i, 0)

    def _resume(self, i: int, view: int) -> None:
        host = self.hosts[i]
        self.step(i, StateTransferred(len(host.executed), host.state_digest, view, bool(host.waiting)))
