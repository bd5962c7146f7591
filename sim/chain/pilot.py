"""Which heights of a chain are computed as a whole, and how it gets from there to single messages and back.

While nothing goes wrong, the pilot takes the chain, and a `flight` computes heights and writes them into the ledger
ahead of time. Replicas and timers rest meanwhile. It gives the chain back at the boundary before a height that

- a fault would interrupt, one timeout early, so that timers run as they would have when it comes,
- or of which a message would be lost, or whose block overtakes the one below it on its way to an observer,
- or in which a timer would expire,
- or that would find the pool or the leader's window full, or that overlaps with too many others,

and that height is then replayed with every message and the same draws. It takes the chain again when all nodes stand
at one height, in one view, under a correct leader, with nothing under way and no fault about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.chain.calm import computable, few_wait, is_calm
from sim.chain.flight import Flight, Flown
from sim.consensus.interface import Resumed
from sim.kernel.engine import MILLISECOND, SECOND
from sim.network.transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.flight import Computed
    from sim.chain.forecast import Cut
    from sim.consensus.registry import Votes
    from sim.kernel.engine import Engine

_MOST_HEIGHTS = 256
"""Heights computed in one call: arrays of 27 validators then still fit a cache."""
_CELLS = 1_000_000
"""And validators squared times heights: a call takes some tens of megabytes at most."""
_AHEAD_NS = 600 * SECOND
"""How far the ledger may run ahead of the clock."""
_LONGEST_TRAIN = 6
"""Heights solved together; where more overlap, the chain is about to saturate, and goes by messages."""
_REST_NS = 10 * SECOND
"""How long a chain goes by messages after heights overlapped too much."""
_LOOK_AGAIN_NS = 5 * MILLISECOND
"""How soon to look whether the last messages are served; about a tenth of a round trip."""


@dataclass(slots=True)
class _Stretch:
    """Heights that can be computed: the first ``count`` of those asked for, ``exact`` where they are it.

    ``train``: they were solved together.
    """

    computed: Computed
    count: int
    exact: NDArray[np.bool_]
    train: bool


class Pilot:
    """One chain's.

    Args:
        chain: complete.
        engine: time.
        votes: how its protocol orders a value when nothing goes wrong.
        faults: from when to when something is wrong, ascending; `NEVER` where it does not end.
    """

    def __init__(self, chain: Chain, engine: Engine, votes: Votes, faults: Sequence[tuple[int, int]]) -> None:
        self.flown = Flown()
        self._chain, self._engine, self._votes = chain, engine, votes
        self._flight: Flight | None = None
        config = chain.config
        self._faults = [(max(0, begin - config.timeout_ns), end) for begin, end in faults]
        self._batch = 8
        self._most = min(_MOST_HEIGHTS, max(_LONGEST_TRAIN + 1, _CELLS // config.validators**2))
        self._not_before_ns = 0
        self._possible = computable(chain)
        engine.call_at(0, self.consider)

    # Taking the chain.

    def consider(self) -> None:
        """Take the chain if it is calm."""
        resting = self._flight is None and self._engine.now >= self._not_before_ns
        if not (self._possible and resting and self._calm()):
            return
        if self._chain.network.under_way():
            # Votes that came too late to matter are still to be served; a chain that is never without goes by messages.
            self._engine.call_after(_LOOK_AGAIN_NS, self.consider)
        else:
            self._take_over()

    def _calm(self) -> bool:
        chain, now_ns = self._chain, self._engine.now
        if not is_calm(chain, now_ns, self._faults):
            return False
        height = len(chain.ledger.blocks) - 1
        replicas = [node.replica for node in chain.nodes if node.replica is not None]
        first = replicas[0]
        together = all(r.active and r.view == first.view and r.last_executed == height for r in replicas)
        drained = few_wait(chain) and not any(r.outstanding() for r in replicas)
        return together and drained and (height == 0 or chain.proposer.pool.leader == first.leader)

    def _take_over(self) -> None:
        chain = self._chain
        chain.proposer.rest()
        for node in chain.nodes:
            for timer in node.timers.values():
                timer.cancel()
            node.timers.clear()
        leader = next(node.replica.leader for node in chain.nodes if node.replica is not None)
        if chain.proposer.pool.leader != leader:
            chain.proposer.lead(chain.nodes[leader], self._engine.now)
        self._flight = Flight(chain, self._engine, self._votes)
        self._fly(self._flight)

    # Flying.

    def _fly(self, flight: Flight) -> None:
        """Compute heights until far enough ahead, or until one has to be delivered message by message."""
        fault_ns = next((begin for begin, _ in self._faults if begin >= self._engine.now), NEVER)
        until_ns = self._engine.now + _AHEAD_NS
        stopped = False
        while not stopped:
            cuts = flight.cuts(self._batch, min(until_ns, fault_ns))
            if not cuts:
                self._wait(flight, until_ns, fault_ns)
                return
            exhausted = len(cuts) < self._batch
            stretch = self._stretch(flight, cuts, min(until_ns, fault_ns) if exhausted else 0)
            crowded = not stretch.count
            stopped = crowded or self._cut_short(flight, cuts, stretch, fault_ns)
            if not exhausted or stretch.count < len(cuts):
                self._batch = min(self._most, 2 * stretch.count + _LONGEST_TRAIN + 1)
            self._take(flight, cuts, stretch)
        first_left = cuts[min(stretch.count, len(cuts) - 1)]
        if self._chain.ledger.blocks[-1].executed_ns.max() > first_left.cut_ns and self.flown.exact:
            self.flown.exact -= 1  # it reaches into the height that is replayed
        self._not_before_ns = first_left.cut_ns + (_REST_NS if crowded else 0)
        self._leave(flight)

    def _stretch(self, flight: Flight, cuts: list[Cut], after_ns: int) -> _Stretch:
        """The first heights, each alone or as a train; none where too many share the queues.

        What follows the last of the cuts begins at ``after_ns`` or later; 0 if nothing is known of it.
        """
        computed = flight.compute(cuts, together=False)
        alone = self._apart(flight, cuts, computed, after_ns)
        return alone if alone.count else self._train(flight, cuts, after_ns)

    def _apart(self, flight: Flight, cuts: Sequence[Cut], computed: Computed, after_ns: int) -> _Stretch:
        """Those of the heights, each computed as if it were alone, that touch neither the one before nor the next."""
        touched = computed.outcome.touched
        again = touched | flight.gated(cuts, computed)
        again[0] = False
        if again.any():
            # The one before the first that touches it is touched as well.
            count = max(0, int(np.argmax(again)) - 1)
        else:
            ends = (computed.outcome.cpu[-1], computed.outcome.ingress[-1], computed.outcome.egress[-1])
            alone = computed.work.free or max(int(end.max()) for end in ends) <= after_ns
            count = len(cuts) - (len(cuts) > 1 and not alone)
        # Best to end where it could be given back: all validators have executed it before the next block is cut.
        over = computed.outcome.executed[: len(cuts) - 1].max(axis=1) <= [cut.cut_ns for cut in cuts[1:]]
        calm = np.flatnonzero(over[:count])
        return _Stretch(
            computed, int(calm[-1]) + 1 if len(calm) and count < len(cuts) else count, ~touched, train=False
        )

    def _train(self, flight: Flight, cuts: list[Cut], after_ns: int) -> _Stretch:
        """Heights that share the queues, from the first on, solved together."""
        for count in range(1, min(_LONGEST_TRAIN, len(cuts)) + 1):
            computed = flight.compute(cuts[:count], together=True)
            outcome = computed.outcome
            if (flight.gated(cuts[:count], computed) | outcome.waited).any():
                break
            next_ns = cuts[count].cut_ns if count < len(cuts) else after_ns
            if max(int(end.max()) for end in (outcome.cpu, outcome.ingress, outcome.egress)) <= next_ns:
                return _Stretch(computed, count, np.ones(count, dtype=np.bool_), train=True)
        return _Stretch(computed, 0, np.empty(0, dtype=np.bool_), train=True)

    def _cut_short(self, flight: Flight, cuts: Sequence[Cut], stretch: _Stretch, fault_ns: int) -> bool:
        """Leave out what would be interrupted, and what is still under way then; whether there is such."""
        interrupted = flight.goes_wrong(cuts[: stretch.count], stretch.computed, fault_ns)
        if not interrupted.any():
            return False
        # All of a train or nothing: its heights share the queues.
        count = 0 if stretch.train else int(np.argmax(interrupted))
        while count and int(stretch.computed.outcome.executed[count - 1].max()) > cuts[count].cut_ns:
            count -= 1
        stretch.count = count
        return True

    def _take(self, flight: Flight, cuts: Sequence[Cut], stretch: _Stretch) -> None:
        """Write the heights down, and leave the others to be cut again."""
        count = stretch.count
        if count < len(cuts):
            flight.forecast.rewind(cuts[count].begin, cuts[count - 1].cut_ns if count else flight.base_ns)
        if count:
            flight.write(cuts[:count], stretch.computed)
            self.flown.heights += count
            self.flown.exact += int(np.count_nonzero(stretch.exact[:count]))

    def _wait(self, flight: Flight, until_ns: int, fault_ns: int) -> None:
        """Nothing more to compute for now."""
        nothing_left = flight.forecast.next == len(flight.forecast.rows)
        if fault_ns <= until_ns:
            self._leave(flight)
        elif not nothing_left:
            self._engine.call_at(until_ns, self._fly, flight)
        elif fault_ns < NEVER:
            self._engine.call_at(fault_ns, self._leave, flight)

    # Giving it back.

    def _leave(self, flight: Flight) -> None:
        """Go back to messages as soon as all validators have executed what was computed; observers may be late."""
        done_ns = int(self._chain.ledger.blocks[-1].executed_ns[: self._chain.config.validators].max())
        self._engine.call_at(max(self._engine.now, done_ns), self._give_back, flight)

    def _give_back(self, flight: Flight) -> None:
        chain, now_ns = self._chain, self._engine.now
        self._flight = None
        ledger, config = chain.ledger, chain.config
        height = len(ledger.blocks) - 1
        checkpoint = height - height % config.checkpoint_interval
        values = tuple(block.value for block in ledger.blocks[checkpoint + 1 :] if block.value is not None)
        flight.land()
        chain.proposer.wake(height + 1, flight.view)
        digest = ledger.blocks[checkpoint].digest
        for node in chain.nodes[: config.validators]:
            waits = chain.proposer.waits(node, now_ns)
            chain.step(node, Resumed(height, flight.view, checkpoint, digest, values, waits), now_ns)
