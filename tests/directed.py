"""A cluster under direction: a script says who reaches whom, with what, and when; nothing is left to chance.

Scripts aim at one rule of a protocol each, in the way of the figures by which papers explain why the rule is there. A
replica goes by its number; of a liar with two instances these are ``1a`` and ``1b``. Liars may run any code: the
protocol's own twice, which is to say different things to different peers, or a replica that breaks a rule on purpose.

A message takes one tick and a timeout a hundred. Whoever is not in a scene together with its peer does not reach it.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from consensus_cluster import SILENT, TIMEOUT, Cluster, Host

from sim.chain.invariants import AGREEMENT, InvariantViolation, progress_bound_ns, spoiled_views
from sim.consensus.parameters import Parameters
from sim.study.summary import DIVERGED, NO_PROGRESS, PASS, VIOLATED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sim.consensus.interface import Message, Misbehaviour, Replica

    Make = Callable[[Parameters], Replica]
    Lost = Callable[[Message, str], bool]
    """Whether a message is lost on its way to an instance of this name."""

MOST_EVENTS = 100_000
LATE = 3
"""Requests in the calm."""


class Directed(Cluster):
    """``n`` replicas that do what scenes let them.

    Args:
        make: a fresh replica of the protocol, or of a broken variant.
        n: replicas.
        liars: what each instance of a liar runs.
        rotates: whether the protocol hands the leadership on with every value.
        doubling: whether its patience grows.
        settings: further parameters of the replicas.
    """

    def __init__(
        self,
        make: Make,
        n: int,
        liars: Mapping[int, tuple[Make, ...]] | None = None,
        *,
        rotates: bool,
        doubling: bool,
        settings: Mapping[str, int] | None = None,
    ) -> None:
        lying = dict(liars or {})
        super().__init__(make, n, seed=1, byzantine=dict.fromkeys(lying, SILENT), settings=settings)
        everybody = frozenset(range(n))
        knobs = {"window": 3, "checkpoint_interval": 4, "seed": 1, **dict(settings or {})}
        for index, makes in lying.items():
            parameters = Parameters(n=n, me=index, timeout_ns=TIMEOUT, **knobs)
            self.instances[index] = [Host(index, own(parameters), everybody) for own in makes]
        self.named = {
            f"{index}{'ab'[k] if len(pair) > 1 else ''}": host
            for index, pair in enumerate(self.instances)
            for k, host in enumerate(pair)
        }
        self.accused: list[tuple[str, Misbehaviour]] = []
        self._names = {id(host): name for name, host in self.named.items()}
        self._groups: list[set[str]] = [set(self.named)]
        self._lost: Lost = _nothing
        self._is_held: Lost = _nothing
        self._held: list[tuple[Host, Message]] = []
        self._copies = 1
        self._rotates, self._doubling = rotates, doubling
        self._spoiling = len(lying)

    # What a script says.

    def ask(self, request: str, of: str) -> None:
        """Clients send a request to these instances only."""
        self.requests.append(request.encode())
        for name in of.split():
            self._learn_request(self.named[name], request.encode())

    def scene(
        self,
        ticks: int,
        *groups: str,
        lost: Lost | None = None,
        held: Lost | None = None,
        copies: int = 1,
        until: Callable[[], bool] | None = None,
    ) -> None:
        """Instances of a group reach each other, but for what is lost; all that passes comes in so many copies.

        It takes so many ticks, or less if it is over when something has come about. What is under way at its beginning
        arrives; what is ``held`` arrives when it is released.
        """
        self._groups = [set(group.split()) for group in groups]
        self._lost, self._is_held, self._copies = lost or _nothing, held or _nothing, copies
        self._pass_time(self.now + ticks, until)

    def holds(self, view: int) -> bool:
        """Whether something of this view is held."""
        return any(message.view == view for _, message in self._held)

    def release(self, view: int) -> None:
        """What was held and belongs to this view arrives now."""
        for host, message in [late for late in self._held if late[1].view == view]:
            self.at(self.now, lambda host=host, message=message: self.step(host, message))
        self._held = [late for late in self._held if late[1].view != view]

    def calm(self) -> None:
        """All correct replicas reach each other and hear of all requests, liars are silent; until all is executed.

        One more request comes every ten timeouts, as a replica may learn only from what comes later that it missed the
        last decision. The bound on progress is that of a chain.
        """
        correct = [host for index in self.correct for host in self.instances[index]]
        self._groups = [{self._names[id(host)] for host in correct}]
        self._lost, self._is_held, self._copies = _nothing, _nothing, 1
        spoiled = spoiled_views(self._spoiling, rotates=self._rotates)
        bound = progress_bound_ns(TIMEOUT, storm_ns=self.now, spoiled=spoiled, doubling=self._doubling)
        for late in range(LATE):
            self.requests.append(b"late-%d" % late)
            for host in correct:
                for request in self.requests:
                    if request not in host.known:
                        self._learn_request(host, request)
            self._pass_time(self.now + 10 * TIMEOUT)
        due = self.now + bound
        while not self.finished() and self.now < due:
            self._pass_time(min(self.now + TIMEOUT, due))

    def verdict(self, script: Callable[[Directed], None]) -> str:
        """What a run would say of a chain to which this happens, calm afterwards."""
        try:
            script(self)
            self.calm()
        except InvariantViolation as broken:
            return DIVERGED if broken.invariant == AGREEMENT else VIOLATED
        return PASS if self.finished() else NO_PROGRESS

    # What becomes of it.

    def _pass_time(self, until: int, over: Callable[[], bool] | None = None) -> None:
        for _ in range(MOST_EVENTS):
            if over is not None and over():
                return
            if not self._queue or self._queue[0][0] > until:
                self.now = until
                return
            self.now, _, action = heapq.heappop(self._queue)
            action()
        raise AssertionError(f"{MOST_EVENTS} events and no end")

    def _delay(self) -> int:
        return 1

    def _reaches(self, sender: str, receiver: str) -> bool:
        return any(sender in group and receiver in group for group in self._groups)

    def _cut_off(self, a: int, b: int) -> bool:
        ends = [[self._names[id(host)] for host in self.instances[index]] for index in (a, b)]
        return not any(self._reaches(one, other) for one in ends[0] for other in ends[1])

    def _transmit(self, sender: Host, receiver: int, message: Message) -> None:
        assert message.sender == sender.index, "nobody signs for another"
        for host in self.instances[receiver]:
            name = self._names[id(host)]
            if not self._reaches(self._names[id(sender)], name) or self._lost(message, name):
                continue
            if self._is_held(message, name):
                self._held.append((host, message))
            else:
                for _ in range(self._copies):
                    self.at(self.now + self._delay(), lambda host=host: self.step(host, message))

    def _note(self, host: Host, output: Misbehaviour) -> None:
        """Broken replicas accuse each other of anything; honest ones only liars."""
        if host.index in self.correct:
            self.accused.append((self._names[id(host)], output))


def _nothing(_message: Message, _to: str) -> bool:
    return False
