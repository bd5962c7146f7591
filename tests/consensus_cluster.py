"""A cluster of replicas of any protocol under a hostile schedule: one seed decides delays, losses, crashes, partitions.

Until ``calm_at`` messages are lost, doubled, cut off by partitions and delayed beyond the timeouts, and replicas crash;
afterwards delivery is reliable and fast. A Byzantine replica is silent, or a pair of *twins*: two instances of the same
replica under one identity, each of which talks to its own half of the others (Bano et al., "Twins: BFT Systems Made
Robust", OPODIS 2021), so it equivocates in whatever the protocol says. The cluster stands for the host as the interface
describes it. Every decision of a correct replica is checked, by the invariants that guard a chain.
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.invariants import check_agreement, check_order
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
from sim.consensus.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sim.consensus.interface import Input, Message, Output, Replica

TIMEOUT = 100
SLOWEST_STORMY = 150
SLOWEST_ROUGH = 30
SLOWEST_CALM = 10
INTERVAL = 5
"""How long the host lets a block fill."""
SILENT, TWINS = "silent", "twins"
NAME = "cluster"
"""What a broken invariant calls it."""


def plain(digest: bytes) -> bytes:
    """The request behind a value: twins mark the values of their second instance."""
    return digest.rstrip(b"*")


@dataclass
class Host:
    """What runs around one replica: requests it knows of, what it executed, its timers.

    ``friends`` are the replicas that it exchanges messages with.
    """

    index: int
    replica: Replica
    friends: frozenset[int]
    mark: bytes = b""
    known: list[bytes] = field(default_factory=list)
    executed: list[bytes] = field(default_factory=list)
    timers: dict[str, int] = field(default_factory=dict)
    down: bool = False
    cut_planned: bool = False

    @property
    def waiting(self) -> list[bytes]:
        done = {plain(digest) for digest in self.executed}
        return [request for request in self.known if request not in done]

    @property
    def state_digest(self) -> bytes:
        return hashlib.sha256(b"|".join(self.executed)).digest()


class Cluster:
    """``n`` replicas on one event queue with integer time.

    Args:
        make: a fresh replica of the protocol, or of a broken variant.
        n: replicas.
        seed: decides everything that is left to chance.
        byzantine: replicas that lie, and how.
        calm_at: when the storm is over.
        loss: the share of messages lost, and of messages doubled, in the storm.
        crashes: (replica, from, until); it keeps its disk.
        partitions: (some replicas, from, until): nothing passes between them and the rest.
        slowest: delay of the slowest message in the storm.
        settings: further parameters of the replicas.
    """

    def __init__(  # noqa: PLR0913 - a schedule has that many sides
        self,
        make: Callable[[Parameters], Replica],
        n: int,
        seed: int,
        *,
        byzantine: Mapping[int, str] | None = None,
        calm_at: int = 0,
        loss: float = 0.0,
        crashes: Sequence[tuple[int, int, int]] = (),
        partitions: Sequence[tuple[frozenset[int], int, int]] = (),
        slowest: int = SLOWEST_STORMY,
        settings: Mapping[str, int] | None = None,
    ) -> None:
        self._slowest = slowest
        self._rng = np.random.default_rng(seed)
        liars = dict(byzantine or {})
        self.n = n
        self.correct = [i for i in range(n) if i not in liars]
        everybody = frozenset(range(n))
        self.instances: list[list[Host]] = []
        for i in range(n):
            knobs = {"window": 3, "checkpoint_interval": 4, "seed": seed, **dict(settings or {})}
            parameters = Parameters(n=n, me=i, timeout_ns=TIMEOUT, **knobs)
            if liars.get(i) == SILENT:
                self.instances.append([])
            elif liars.get(i) == TWINS:
                draws = {j: self._rng.random() for j in range(n)}
                twins = frozenset(j for j in liars if liars[j] == TWINS)
                half = twins | frozenset(j for j, draw in draws.items() if draw < 0.6)
                others = twins | frozenset(j for j, draw in draws.items() if draw > 0.4)
                first = Host(i, make(parameters), half)
                self.instances.append([first, Host(i, make(parameters), others, mark=b"*")])
            else:
                self.instances.append([Host(i, make(parameters), everybody)])
        self.now = 0
        self.decided: dict[int, bytes] = {}
        self.decided_at: dict[tuple[int, int], int] = {}
        self.requests: list[bytes] = []
        self.sent: dict[str, int] = {}
        self.views: set[int] = set()
        self._calm_at = calm_at
        self._loss = loss
        self._partitions = partitions
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._ticks = 0
        self._carriers: dict[type, Callable[[Host, Any], None]] = {
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
            for host in self.instances[i]:
                self.at(start, lambda host=host: self._crash(host))
                self.at(end, lambda host=host: self._restart(host))

    @property
    def hosts(self) -> list[Host]:
        """All instances."""
        return [host for pair in self.instances for host in pair]

    def at(self, time: int, action: Callable[[], None]) -> None:
        self._ticks += 1
        heapq.heappush(self._queue, (time, self._ticks, action))

    def request_at(self, time: int) -> None:
        """A client's request that reaches every replica at ``time``."""
        request = b"r%d" % len(self.requests)
        self.requests.append(request)
        for host in self.hosts:
            self.at(time, lambda host=host: self._learn_request(host, request))

    def run(self, until: int, most_events: int = 400_000) -> None:
        """Go on until every correct replica executed every request, but not beyond ``until``."""
        for _ in range(most_events):
            if not self._queue or self._queue[0][0] > until or self.finished():
                return
            self.now, _, action = heapq.heappop(self._queue)
            action()
        raise AssertionError(f"{most_events} events and no end")

    def finished(self) -> bool:
        hosts = [host for i in self.correct for host in self.instances[i]]
        return all(len(host.known) == len(self.requests) and not host.waiting for host in hosts)

    def step(self, host: Host, event: Input) -> None:
        if not host.down:
            self._carry_out(host, host.replica.step(event, self.now))
            self._propose(host)

    def _propose(self, host: Host) -> None:
        """As the chain's host does: at once what must be, the rest when a block had time to fill."""
        if host.replica.must_propose():
            self._cut(host)
        elif host.replica.can_propose() and not host.cut_planned and self._free(host):
            host.cut_planned = True
            self.at(self.now + INTERVAL, lambda: self._cut_planned(host))

    def _cut_planned(self, host: Host) -> None:
        host.cut_planned = False
        if not host.down:
            self._cut(host)

    def _free(self, host: Host) -> list[bytes]:
        under_way = {plain(value.digest) for value in host.replica.outstanding()}
        return [request for request in host.waiting if request not in under_way]

    def _cut(self, host: Host) -> None:
        while host.replica.can_propose():
            free = self._free(host)
            if not free and not host.replica.must_propose():
                return
            digest = free[0] + host.mark if free else b"-"
            value = Value(digest, size_bytes=100 if free else 0, count=1 if free else 0, body=object())
            self._carry_out(host, host.replica.step(Propose(value), self.now))

    def _carry_out(self, host: Host, outputs: Sequence[Output]) -> None:
        for output in outputs:
            self._carriers[type(output)](host, output)

    def _broadcast(self, host: Host, output: Broadcast) -> None:
        for receiver in range(self.n) if output.among is None else output.among:
            if receiver != host.index:
                self._transmit(host, receiver, output.message)

    def _send(self, host: Host, output: Send) -> None:
        assert output.to != host.index, "nobody writes to oneself"
        self._transmit(host, output.to, output.message)

    def _cancel_timer(self, host: Host, output: CancelTimer) -> None:
        host.timers.pop(output.name, None)

    def _enter_view(self, host: Host, output: EnterView) -> None:
        if host.index in self.correct:
            self.views.add(output.view)

    def _fetch(self, host: Host, output: FetchState) -> None:
        assert output.peers, "somebody has what a replica is told to fetch"
        self.at(self.now + self._delay(), lambda: self._transfer(host, output))

    def _note(self, host: Host, output: Misbehaviour) -> None:
        if host.index in self.correct:
            assert output.culprit not in self.correct, f"{host.index} accuses a correct replica: {output}"

    def _delay(self) -> int:
        slowest = SLOWEST_CALM if self.now >= self._calm_at else self._slowest
        return 1 + int(self._rng.random() * slowest)

    def _cut_off(self, a: int, b: int) -> bool:
        return any((a in group) != (b in group) for group, start, end in self._partitions if start <= self.now < end)

    def _transmit(self, sender: Host, receiver: int, message: Message) -> None:
        assert message.sender == sender.index, "nobody signs for another"
        assert message.size_bytes > 0
        self.sent[message.kind] = self.sent.get(message.kind, 0) + 1
        stormy = self.now < self._calm_at
        if self._cut_off(sender.index, receiver) or (stormy and self._rng.random() < self._loss):
            return
        for host in self.instances[receiver]:
            if receiver in sender.friends and sender.index in host.friends:
                for _ in range(2 if stormy and self._rng.random() < self._loss else 1):
                    self.at(self.now + self._delay(), lambda host=host: self.step(host, message))

    def _set_timer(self, host: Host, output: SetTimer) -> None:
        self._ticks += 1
        alarm = host.timers[output.name] = self._ticks
        self.at(self.now + output.delay_ns, lambda: self._expire(host, output.name, alarm))

    def _expire(self, host: Host, name: str, alarm: int) -> None:
        if host.timers.get(name) == alarm:
            del host.timers[name]
            self.step(host, TimerExpired(name))

    def _learn_request(self, host: Host, request: bytes) -> None:
        host.known.append(request)
        if host.waiting:
            self.step(host, RequestWaiting())

    def _execute(self, host: Host, output: Decide) -> None:
        check_order(NAME, host.index, len(host.executed), output.sequence)
        if host.index in self.correct:
            first = self.decided.setdefault(output.sequence, output.value.digest)
            check_agreement(NAME, host.index, output.sequence, output.value.digest, first)
            done = plain(output.value.digest)
            repeated = output.value.count and done in {plain(digest) for digest in host.executed}
            # A liar that leads may propose again what was executed: execution skips it, consensus cannot know.
            assert not repeated or len(self.correct) < self.n, f"{done!r} is decided twice"
        self.decided_at[host.index, output.sequence] = self.now
        host.executed.append(output.value.digest)
        executed = Executed(output.sequence, host.state_digest, bool(host.waiting))
        self._carry_out(host, host.replica.step(executed, self.now))

    def _transfer(self, host: Host, fetch: FetchState) -> None:
        """The longest chain among the correct ``peers`` that reach far enough; without one nothing comes back."""
        holders = [self.instances[p][0] for p in fetch.peers if p in self.correct]
        holders = [peer for peer in holders if not peer.down and not self._cut_off(peer.index, host.index)]
        best = max(holders, key=lambda peer: len(peer.executed), default=host)
        if host.down or len(best.executed) < max(fetch.sequence, len(host.executed)):
            return
        host.executed = list(best.executed)
        self._resume(host, best.replica.view if best.replica.active else 0)

    def _crash(self, host: Host) -> None:
        host.down = True
        host.timers.clear()

    def _restart(self, host: Host) -> None:
        host.down = False
        self._resume(host, 0)

    def _resume(self, host: Host, view: int) -> None:
        self.step(host, StateTransferred(len(host.executed), host.state_digest, view, bool(host.waiting)))


def stormy(
    make: Callable[[Parameters], Replica],
    seed: int,
    *,
    byzantine: bool,
    liars: int | None = None,
    requests: int = 12,
    settings: Mapping[str, int] | None = None,
) -> Cluster:
    """A random schedule within the protocol's bound, or with ``liars`` twins whatever the bound, and its cluster.

    4 to 7 replicas; faulty are at most f, liars and crashed together, or a minority that crashes where nobody lies.
    Storms last 2,000 to 6,000 ticks (20 to 60 timeouts). Two thirds are rough: all the time some partition or other,
    each for up to 15 timeouts, and up to 10 % loss; the rest have up to 30 % loss and delays beyond the timeouts. The
    halves that twins talk to overlap in some replicas.
    Three requests come after the storm: PBFT tells a replica that missed the last decision only with the next one.
    """
    rng = np.random.default_rng([seed, 2018])
    n = int(rng.integers(4, 8))
    faults = (n - 1) // 3 if byzantine else (n - 1) // 2
    faulty = [int(i) for i in rng.permutation(n)[: faults if liars is None else liars]]
    lying = byzantine and (liars is not None or rng.random() < 2 / 3)
    kinds = {i: TWINS if liars is not None or rng.random() < 2 / 3 else SILENT for i in faulty} if lying else {}
    calm_at = int(rng.integers(2_000, 6_000))
    rough = rng.random() < 2 / 3
    crashes = []
    for i in faulty if not lying else []:
        start = int(rng.integers(0, calm_at - 500))
        crashes.append((i, start, start + int(rng.integers(50, 2_000))))
    partitions = []
    time = 0
    while rough and time < calm_at:
        end = min(calm_at, time + int(rng.integers(50, 1_500)))
        partitions.append((frozenset(int(i) for i in rng.permutation(n)[: int(rng.integers(1, n))]), time, end))
        time = end + int(rng.integers(0, 100))
    loss = float(rng.random()) * (0.1 if rough else 0.3)
    cluster = Cluster(
        make,
        n,
        seed,
        byzantine=kinds,
        calm_at=calm_at,
        loss=loss,
        crashes=crashes,
        partitions=partitions,
        slowest=SLOWEST_ROUGH if rough else SLOWEST_STORMY,
        settings=settings,
    )
    for _ in range(requests):
        cluster.request_at(int(rng.integers(0, calm_at)))
    for late in range(3):
        cluster.request_at(calm_at + 2_000 * (late + 1))
    return cluster
