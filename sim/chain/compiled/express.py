"""Which heights of a chain go through the compiled loop, and how it gets from there to single messages and back.

While nothing goes wrong, the express has the chain: the loop runs ahead of the clock, and what it computes is written
into the ledger. Replicas and timers rest meanwhile. Moments at which no message is under way and a block is about to be
cut are *stops*. When something is about to go wrong, everything since the last stop is forgotten, and what comes after
it is delivered message by message, with the same draws:

- before a fault, one timeout early, so that timers run as they would have when it comes;
- where a message would be lost, come to a node that is not ready for it, or a timer expire.

It takes the chain again when all nodes stand at one height, with nothing said about the next, and no fault is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sim.chain.blocks import Bodies
from sim.chain.calm import computable, few_wait, is_calm
from sim.chain.compiled.books import CUT, REACHED, TURN
from sim.chain.flight import Flown
from sim.kernel.engine import MILLISECOND, SECOND
from sim.network.transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.compiled.course import Course, Height
    from sim.consensus.interface import Resumable
    from sim.kernel.engine import Engine

    Cells = NDArray[np.int64]

_AHEAD_NS = 600 * SECOND
"""How far the ledger may run ahead of the clock."""
_TOGETHER = 32
"""Heights that are hashed together."""
_STOP_PER_ROWS = 8192
"""Offered transactions for each height that may lie between two stops: what is saved at a stop grows with them."""
_LOOK_AGAIN_NS = 5 * MILLISECOND
"""How soon to look whether the last messages are served; about a tenth of a round trip."""
_REST_NS = 10 * SECOND
"""How long a chain goes by messages when there was no stop for as long as the ledger may run ahead."""


class Express:
    """One chain's.

    Args:
        chain: complete.
        engine: time.
        begin: makes the course of a chain that is calm, at a time.
        faults: from when to when something is wrong, ascending; `NEVER` where it does not end.
        horizon_ns: nothing after it matters.
    """

    def __init__(
        self,
        chain: Chain,
        engine: Engine,
        begin: Callable[[int], Course],
        faults: Sequence[tuple[int, int]],
        horizon_ns: int,
    ) -> None:
        self.flown = Flown()
        self._chain, self._engine, self._begin = chain, engine, begin
        self._faults = [(max(0, begin - chain.config.timeout_ns), end) for begin, end in faults]
        self._horizon_ns = horizon_ns
        self._course: Course | None = None
        self._stop: dict[str, Any] = {}
        self._since_stop = 0
        self._accounted: dict[str, Cells] = {}
        self._not_before_ns = 0
        self._possible = computable(chain)
        engine.call_at(0, self.consider)

    def consider(self) -> None:
        """Take the chain if it is calm."""
        resting = self._course is None and self._engine.now >= self._not_before_ns
        if not (self._possible and resting and self._calm()):
            return
        if self._chain.network.under_way():
            self._engine.call_after(_LOOK_AGAIN_NS, self.consider)
        else:
            self._take_over()

    def _calm(self) -> bool:
        chain = self._chain
        pipelined = chain.family.chain_length > 0
        if not (is_calm(chain, self._engine.now, self._faults, apart=int(pipelined)) and few_wait(chain)):
            return False
        replicas = [cast("Resumable", node.replica) for node in chain.nodes[: chain.config.validators]]
        done = zip(replicas, chain.ledger.heights, strict=False)
        if not all(replica.quiet and replica.last_executed == height for replica, height in done):
            return False
        # The leader of the next view has the newest certificate, and nobody else.
        views = [replica.view for replica in replicas]
        newest = max(views)
        leads = replicas[views.index(newest)].leader
        return not pipelined or all(
            view == newest or (k != leads and view == newest - 1) for k, view in enumerate(views)
        )

    def _take_over(self) -> None:
        chain = self._chain
        chain.proposer.rest()
        course = self._course = self._begin(self._engine.now)
        for node in chain.nodes:
            for timer in node.timers.values():
                timer.cancel()
            node.timers.clear()
        self._accounted = course.counted()
        self._stop = course.save()
        self._fly(course)

    # On the way.

    def _fly(self, course: Course) -> None:
        """Run until far enough ahead, or until something would go wrong."""
        fault_ns = next((begin for begin, _ in self._faults if begin > self._engine.now), NEVER)
        ahead_ns = self._engine.now + _AHEAD_NS
        goes_well, at_ns = True, 0
        while goes_well:
            reason, node, at_ns = course.run(fault_ns - 1)
            if reason == TURN:
                course.take_turn(node, at_ns)
            elif reason == CUT:
                if course.quiet and course.idle():
                    self._note_stop(course)
                    if course.now_ns > min(ahead_ns, self._horizon_ns):
                        self._pause(course)
                        return
                goes_well = course.now_ns < ahead_ns + _AHEAD_NS and course.cut(node)
            else:
                break
            course.collect()
        if reason == REACHED and course.quiet and course.idle():
            self._write_stop(course)
            if fault_ns < NEVER:
                self._engine.call_at(fault_ns, self._give_back, course)
        else:
            crowded = course.now_ns >= ahead_ns + _AHEAD_NS
            self._not_before_ns = max(course.now_ns, at_ns if reason != REACHED else 0) + (_REST_NS if crowded else 0)
            self._back_to_stop(course)

    def _pause(self, course: Course) -> None:
        """Let the clock catch up."""
        self._write_stop(course)
        if course.now_ns <= self._horizon_ns:
            self._engine.call_at(course.now_ns, self._fly, course)

    def _note_stop(self, course: Course) -> None:
        """All nodes are at one height and nothing is said of the next."""
        course.collect()
        self._since_stop += 1
        if self._since_stop * _STOP_PER_ROWS > len(self._chain.offered):
            self._since_stop = 0
            if len(course.finished) >= _TOGETHER:
                self._write_stop(course)
            else:
                self._stop = course.save()

    def _write_stop(self, course: Course) -> None:
        """Put everything up to here into the ledger, beyond which nothing can be undone."""
        course.collect()
        self._write(course)
        self._stop = course.save()

    def _back_to_stop(self, course: Course) -> None:
        """Forget what came after the last stop, and go on from there by messages."""
        course.restore(self._stop)
        self._write(course)
        self._engine.call_at(max(self._engine.now, course.now_ns), self._give_back, course)

    def _write(self, course: Course) -> None:
        """Put what is finished into the ledger and the tables."""
        chain, finished = self._chain, course.finished
        if finished:
            first = course.last + 1 - len(finished)
            self.flown.heights += len(finished)
            self.flown.exact += len(finished)
            self._complete(first, finished)
            if finished:
                self._write_run(finished)
            finished.clear()
        counted = course.counted()
        news = {name: cells - self._accounted[name] for name, cells in counted.items()}
        self._accounted = counted
        for kind, sent, sent_bytes in zip(course.kinds, news["sent"], news["sent_bytes"], strict=True):
            if sent:
                chain.network.account(kind, int(sent), int(sent_bytes))
        for node, cpu_ns, sending_ns, receiving_ns in zip(
            chain.nodes, news["cpu_busy"], news["egress_busy"], news["ingress_busy"], strict=True
        ):
            node.cpu_busy_ns += int(cpu_ns)
            chain.network.account_busy(node.index, int(sending_ns), int(receiving_ns))

    def _complete(self, first: int, finished: list[Height]) -> None:
        """The first height may be in the ledger already, executed by some: let the others execute it."""
        ledger = self._chain.ledger
        if first == len(ledger.blocks):
            return
        height, value = finished.pop(0), ledger.blocks[first].value
        if value is None or height.voted is None or height.executed is None:
            raise RuntimeError(f"height {first} of {self._chain.config.id} is not finished")
        for node in range(len(ledger.heights)):
            if ledger.heights[node] < first:
                ledger.execute(node, first, value, int(height.voted[node]), int(height.executed[node]))

    def _write_run(self, finished: list[Height]) -> None:
        chain, first = self._chain, len(self._chain.ledger.blocks)
        voted, executed = (np.array([getattr(height, name) for height in finished]) for name in ("voted", "executed"))
        chain.ledger.execute_run(Bodies.of([height.body for height in finished]), voted, executed)
        digest = chain.ledger.blocks[-1].digest
        self._engine.trace.note("rounds", chain.config.id, first, executed.tobytes(), digest)

    # Giving it back.

    def _give_back(self, course: Course) -> None:
        chain = self._chain
        self._course = None
        course.land()
        for node in chain.nodes[: chain.config.validators]:
            event, since_ns = course.resumed(node.index, waiting=chain.proposer.waits(node, self._engine.now))
            if event is not None:
                chain.resume(node, event, since_ns)
