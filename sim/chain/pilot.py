"""Which heights of a chain are computed as a whole, and how it gets from there to single messages and back.

While nothing goes wrong, the pilot takes the chain: it forecasts which blocks the leader cuts, has `rounds` compute
when every validator decides them, and writes them into the ledger ahead of time. Replicas and timers rest meanwhile.
It gives the chain back at the boundary before a height that

- a fault would interrupt, one timeout early, so that timers run as they would have when it comes,
- or of which a message would be lost, or a block overtake another on its way to an observer,
- or in which a timer would expire,
- or that would find the pool or the leader's window full, or that overlaps with too many others,

and that height is then replayed with every message and the same draws. It takes the chain again when all nodes stand
at one height, in one view, under a correct leader, with nothing under way and no fault about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.chain.forecast import Cut, Forecast
from sim.chain.ledger import Body
from sim.chain.rounds import Busy, Outcome, Shape, Work, touches, vote
from sim.chain.sync import BlockPush
from sim.consensus.interface import Resumed, Value
from sim.kernel.engine import MILLISECOND, SECOND
from sim.network.delays import LOST
from sim.network.transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.config import Costs
    from sim.kernel.engine import Engine

    Times = NDArray[np.int64]

_MOST_HEIGHTS = 256
"""Heights computed in one call: arrays of 27 validators then still fit a cache."""
_CELLS = 1_000_000
"""And validators squared times heights: a call takes some tens of megabytes at most."""
_AHEAD_NS = 600 * SECOND
"""How far the ledger may run ahead of the clock."""
_FEWEST = 4
"""Validators: with fewer a node's own votes may be a quorum, and there is little to gain."""
_LONGEST_TRAIN = 6
"""Heights solved together; where more overlap, solving them takes as long as delivering their messages."""
_REST_NS = 10 * SECOND
"""How long a chain goes by messages after heights overlapped too much."""
_LOOK_AGAIN_NS = 5 * MILLISECOND
"""How soon to look whether the last messages are served; about a tenth of a round trip."""


@dataclass(slots=True)
class Flown:
    """How many heights were computed as a whole, and how many of them touch no other: these are exact."""

    heights: int = 0
    exact: int = 0


class Pilot:
    """One chain's.

    Args:
        chain: complete.
        engine: time.
        faults: from when to when something is wrong, ascending; `NEVER` where it does not end.
    """

    def __init__(self, chain: Chain, engine: Engine, faults: Sequence[tuple[int, int]]) -> None:
        self.flown = Flown()
        self.flying = False
        self._chain = chain
        self._engine = engine
        config, family = chain.config, chain.family
        self._faults = [(max(0, begin - config.timeout_ns), end) for begin, end in faults]
        n = config.validators
        if family.votes is None:
            raise ValueError(f"{config.protocol} runs at message fidelity only")
        self._votes = family.votes
        self._shape = Shape(n, family.quorum(n), family.votes.leader_votes, chain.network.ordered)
        self._signatures = self._shape.quorum if family.certified else 0
        self._fed = [[o for o in range(n, config.nodes) if o % n == j] for j in range(n)]
        self._batch = 8
        self._not_before_ns = 0
        self._view = 0
        self._leader = 0
        self._busy = Busy.idle(n)
        self._observers_free = np.zeros(config.nodes - n, dtype=np.int64)
        self._pushed_ns = np.zeros(config.nodes - n, dtype=np.int64)
        self._possible = n >= _FEWEST and config.cores == 1 and chain.network.plain
        engine.call_at(0, self.consider)

    # Taking the chain.

    def consider(self) -> None:
        """Take the chain if it is calm."""
        if self.flying or not self._possible or self._engine.now < self._not_before_ns or not self._calm():
            return
        if self._chain.network.under_way():
            # Votes that came too late to matter are still to be served; a chain that is never without goes by messages.
            self._engine.call_after(_LOOK_AGAIN_NS, self.consider)
        else:
            self._take_over()

    def _calm(self) -> bool:
        chain, now_ns = self._chain, self._engine.now
        ledger, faulty = chain.ledger, chain.faulty
        if any(begin <= now_ns < end for begin, end in self._faults):
            return False
        height = len(ledger.blocks) - 1
        if faulty.nodes or faulty.clocks or any(reached != height for reached in ledger.heights):
            return False
        if not chain.network.plain or any(node.down or node.slow != 1 for node in chain.nodes):
            return False
        replicas = [node.replica for node in chain.nodes if node.replica is not None]
        first = replicas[0]
        together = all(r.active and r.view == first.view and r.last_executed == height for r in replicas)
        waiting, _, _ = chain.proposer.pool.outlook()
        drained = len(waiting) <= chain.config.max_transactions and not any(r.outstanding() for r in replicas)
        return together and drained and (height == 0 or chain.proposer.pool.leader == first.leader)

    def _take_over(self) -> None:
        chain, n = self._chain, self._shape.n
        self.flying = True
        chain.proposer.rest()
        for node in chain.nodes:
            for timer in node.timers.values():
                timer.cancel()
            node.timers.clear()
        replica = chain.nodes[0].replica
        assert replica is not None  # noqa: S101 # node 0 validates
        self._view, self._leader = replica.view, replica.leader
        if chain.proposer.pool.leader != self._leader:
            chain.proposer.lead(chain.nodes[self._leader], self._engine.now)
        cpu = np.array([node.cpu_free_ns for node in chain.nodes], dtype=np.int64)
        ingress, egress, latest = chain.network.busy(n)
        self._executed_ns = chain.ledger.blocks[-1].executed_ns[:n]
        self._busy = Busy(cpu[:n], *(np.array(rows, dtype=np.int64) for rows in (ingress, egress, latest)))
        self._observers_free = cpu[n:]
        self._forecast = Forecast(chain.proposer.pool, chain.config, chain.offered)
        self._settled = 0
        self._recent = [int(block.executed_ns[self._leader]) for block in chain.ledger.blocks[-chain.config.window :]]
        self._free_ns = self._engine.now
        self._fly()

    # Flying.

    def _fly(self) -> None:
        """Compute heights until far enough ahead, or until one has to be delivered message by message."""
        fault_ns = next((begin for begin, _ in self._faults if begin >= self._engine.now), NEVER)
        until_ns = self._engine.now + _AHEAD_NS
        while self.flying:
            base_ns = self._forecast.base_ns
            cuts = self._cuts(min(until_ns, fault_ns))
            if not cuts:
                self._wait(until_ns, fault_ns)
                return
            exhausted = len(cuts) < self._batch
            computed = self._compute(cuts, together=False)
            count, exact, leave = self._apart(cuts, computed, min(until_ns, fault_ns) if exhausted else 0)
            if not count:
                computed, count, exact, leave = self._train(cuts)
            wrong = self._goes_wrong(cuts[:count], computed, fault_ns)
            if wrong.any():
                leave, count = True, max(0, int(np.argmax(wrong)) - 1)
                # Give it back where nothing is under way.
                while count and int(computed.outcome.executed[count - 1].max()) > cuts[count].cut_ns:
                    count -= 1
            if not exhausted or count < len(cuts):
                self._batch = min(_MOST_HEIGHTS, max(2, _CELLS // self._shape.n**2), 2 * count + 2)
            self._forecast.rewind(
                cuts[count].begin if count < len(cuts) else cuts[-1].end, cuts[count - 1].cut_ns if count else base_ns
            )
            if count:
                in_order = self._write(cuts[:count], computed)
                self.flown.exact += int(np.count_nonzero(exact[:count] & in_order & ~self._told(computed)[:count]))
            self._settle()
            if leave:
                self._not_before_ns = cuts[min(count, len(cuts) - 1)].cut_ns + (0 if wrong.any() else _REST_NS)
                self._leave(cuts[count].cut_ns if count < len(cuts) else fault_ns)

    def _apart(self, cuts: Sequence[Cut], computed: _Computed, next_ns: int) -> tuple[int, NDArray[np.bool_], bool]:
        """How many of the heights, each computed as if it were alone, touch neither the one before nor the next.

        What follows the last of them begins at ``next_ns`` or later; 0 if nothing is known of it.
        """
        touched = self._touched(computed)
        again = touched | self._gated(cuts, computed)
        again[0] = False
        if again.any():
            # The one before the first that touches it is touched as well.
            return max(0, int(np.argmax(again)) - 1), ~touched, False
        ends = (computed.outcome.cpu[-1], computed.outcome.ingress[-1], computed.outcome.egress[-1])
        alone = computed.work.free or max(int(end.max()) for end in ends) <= next_ns
        return len(cuts) - (len(cuts) > 1 and not alone), ~touched, False

    def _train(self, cuts: list[Cut]) -> tuple[_Computed, int, NDArray[np.bool_], bool]:
        """Heights that share the queues, from the first on, solved together; none where they are too many."""
        for count in range(1, min(_LONGEST_TRAIN, len(cuts)) + 1):
            computed = self._compute(cuts[:count], together=True)
            if (self._gated(cuts[:count], computed) | computed.outcome.waited).any():
                break
            over = max(
                int(end.max()) for end in (computed.outcome.cpu, computed.outcome.ingress, computed.outcome.egress)
            )
            if count == len(cuts) or over <= cuts[count].cut_ns:
                links = computed.outcome
                crossed = (np.maximum.accumulate(links.last, axis=0)[:-1] > links.first[1:]).any(axis=(1, 2))
                exact = np.concatenate([[True], ~(crossed & self._shape.ordered)])
                # Blocks for observers are taken to leave when all of the train's votes have.
                exact &= count == 1 or self._chain.config.nodes == self._shape.n
                return computed, count, exact, False
        return computed, 0, np.empty(0, dtype=np.bool_), True

    def _touched(self, computed: _Computed) -> NDArray[np.bool_]:
        """Which heights find something busy; without costs nothing can be, but a link that keeps order."""
        if not computed.work.free:
            return touches(computed.outcome, self._busy)
        before = np.concatenate([[self._busy.link], computed.outcome.last[:-1]])
        return np.asarray((before > computed.outcome.first).any(axis=(1, 2)) & self._shape.ordered)

    def _gated(self, cuts: Sequence[Cut], computed: _Computed) -> NDArray[np.bool_]:
        """Which blocks the leader may not propose when it would: it has `window` of them proposed and not executed."""
        free = [0] * (self._chain.config.window - len(self._recent))
        executed = computed.outcome.executed[:, self._leader]
        room = np.array([*free, *self._recent, *executed], dtype=np.int64)[: len(cuts)]
        return np.asarray(room > [cut.cut_ns for cut in cuts])

    def _wait(self, until_ns: int, fault_ns: int) -> None:
        """Nothing more to compute for now."""
        nothing_left = self._forecast.next == len(self._forecast.rows)
        if fault_ns <= until_ns:
            self._leave(fault_ns)
        elif not nothing_left:
            self._engine.call_at(until_ns, self._fly)
        elif fault_ns < NEVER:
            self._engine.call_at(fault_ns, self._leave, fault_ns)

    def _cuts(self, before_ns: int) -> list[Cut]:
        """The next blocks, as many as are computed at once, that are cut before then."""
        cuts: list[Cut] = []
        from_ns = max(int(self._busy.cpu[self._leader]), self._free_ns)
        if len(self._recent) == self._chain.config.window:
            from_ns = max(from_ns, self._recent[0])
        while len(cuts) < self._batch:
            begin, base_ns = self._forecast.next, self._forecast.base_ns
            cut = self._forecast.cut(from_ns if not cuts else 0)
            if cut is None:
                break
            if cut.cut_ns >= before_ns:
                self._forecast.rewind(begin, base_ns)
                break
            cuts.append(cut)
        return cuts

    def _compute(self, cuts: Sequence[Cut], *, together: bool) -> _Computed:
        """Heights as one train, or each as a train of its own."""
        chain, votes = self._chain, self._votes
        costs, network = chain.config.costs, chain.network
        sizes = np.add.reduceat(
            chain.offered.size_bytes[self._forecast.rows[cuts[0].begin : cuts[-1].end]],
            [cut.begin - cuts[0].begin for cut in cuts],
        )
        counts = np.array([cut.end - cut.begin for cut in cuts], dtype=np.int64)
        proposal, first, _ = votes.messages
        wire = sizes + proposal.size_bytes
        checking = counts * costs.checking_ns(1)
        hashing, taking = _hashing(costs, sizes), proposal.signatures * costs.verify_ns + _hashing(costs, wire)
        trains = (1, len(cuts)) if together else (len(cuts), 1)
        transmission_ns = np.array([network.transmission_ns(int(size)) for size in wire], dtype=np.int64)
        work = Work(
            prepare=(hashing + checking).reshape(trains),
            take=(taking + checking).reshape(trains),
            execute=(counts * costs.execute_ns).reshape(trains),
            proposal_nic=transmission_ns.reshape(trains),
            vote=costs.receiving_ns(first),
            sign=costs.sign_ns,
            vote_nic=network.transmission_ns(first.size_bytes),
        )
        height = len(chain.ledger.blocks)
        kinds = [message.kind for message in votes.messages]
        proposals, firsts, seconds = (self._delays(kind, self._view, height, len(cuts)) for kind in kinds)
        delays = (proposals, firsts, seconds)
        cut_ns = np.array([cut.cut_ns for cut in cuts], dtype=np.int64)
        outcome = vote(self._shape, self._leader, cut_ns.reshape(trains), work, delays, self._busy)
        for times_ns in (outcome.decided, outcome.executed):
            times_ns[0] = np.maximum(times_ns[0], self._executed_ns)
            np.maximum.accumulate(times_ns, axis=0, out=times_ns)
        self._add_checkpoints(outcome, height)
        lost = np.array([(d == LOST).any(axis=(-2, -1)) for d in delays]).any(axis=0)
        return _Computed(height, sizes, counts, work, outcome, np.broadcast_to(lost, (len(cuts),)), counts)

    def _delays(self, kind: str, view: int, height: int, count: int) -> Times:
        """Of the messages of one kind between validators, at so many heights."""
        return self._chain.network.delays([(kind, view, height + k) for k in range(count)], inner=True)

    def _add_checkpoints(self, outcome: Outcome, height: int) -> None:
        """After some heights every validator tells all others its state, which keeps them busy a little longer."""
        message, interval = self._votes.checkpoint, self._chain.config.checkpoint_interval
        costs = self._chain.config.costs
        if message is None or not (costs.sign_ns or costs.receiving_ns(message)):
            return
        rows = np.flatnonzero((height + np.arange(len(outcome.proposed))) % interval == 0)
        work_ns = (self._shape.n - 1) * costs.receiving_ns(message)
        said = outcome.executed[rows].max(axis=1, keepdims=True) + costs.sign_ns
        outcome.cpu[rows] = np.maximum(outcome.cpu[rows] + costs.sign_ns, said) + work_ns
        outcome.busy[rows] += costs.sign_ns + work_ns

    def _goes_wrong(self, cuts: Sequence[Cut], computed: _Computed, fault_ns: int) -> NDArray[np.bool_]:
        """Which heights a fault, a lost message, a timer or a full pool would interrupt."""
        outcome, forecast, config, count = computed.outcome, self._forecast, self._chain.config, len(cuts)
        if not count:
            return np.zeros(0, dtype=np.bool_)
        executed = outcome.executed[:count]
        over = np.maximum(outcome.cpu[:count], executed).max(axis=1)
        begun = forecast.times_ns[[cut.begin for cut in cuts]]
        # A replica's timer runs from its last execution, or from when there was something to wait for.
        before = np.concatenate([np.zeros((1, executed.shape[1]), dtype=np.int64), executed[:-1]])
        waits = (executed - np.maximum(begun[:, None], before)).max(axis=1)
        held = forecast.arrived_by(executed[:, self._leader]) - np.array([cut.begin for cut in cuts])
        computed.held = held
        return np.asarray(
            (over >= fault_ns) | computed.lost[:count] | (waits >= config.timeout_ns) | (held > config.pool_capacity)
        )

    # Writing down.

    def _told(self, computed: _Computed) -> NDArray[np.bool_]:
        """Heights after which checkpoints are told: these meet the last votes in queues, and are not solved with."""
        heights = computed.height + np.arange(len(computed.counts))
        told = heights % self._chain.config.checkpoint_interval == 0
        return np.asarray(told & (self._votes.checkpoint is not None and not computed.work.free))

    def _write(self, cuts: Sequence[Cut], computed: _Computed) -> NDArray[np.bool_]:
        """Put heights into the ledger; returns at which of them no observer got a block before the one below it."""
        chain, forecast, outcome = self._chain, self._forecast, computed.outcome
        count, leader = len(cuts), self._leader
        voted, executed, in_order = self._everywhere(count, computed)
        rows = forecast.rows[cuts[0].begin : cuts[-1].end].copy()  # or blocks would keep all of the forecast
        ends = np.cumsum(computed.counts[:count])
        bodies = [
            Body(transactions, [], leader, self._view, cut.cut_ns, int(proposed_ns), cut.ready_ns)
            for cut, transactions, proposed_ns in zip(cuts, np.split(rows, ends[:-1]), outcome.proposed, strict=False)
        ]
        chain.ledger.execute_run(bodies, voted, executed)
        digest = chain.ledger.blocks[-1].digest
        self._engine.trace.note("rounds", chain.config.id, computed.height, executed.tobytes(), digest)
        self._account(computed, count)
        self.flown.heights += count
        self._busy = outcome.after(count - 1)
        self._executed_ns = outcome.executed[count - 1]
        self._observers_free = executed[-1, self._shape.n :]
        self._recent = [*self._recent, *map(int, outcome.executed[:count, leader])][-chain.config.window :]
        return in_order

    def _everywhere(self, count: int, computed: _Computed) -> tuple[Times, Times, NDArray[np.bool_]]:
        """When every node, observers too, knows and has executed each height: shapes (heights, nodes).

        And at which heights no block overtook another on its way to an observer, who would have had to fetch it.
        """
        chain, n, outcome = self._chain, self._shape.n, computed.outcome
        voted, executed = outcome.decided[:count], outcome.executed[:count]
        if chain.config.nodes == n:
            return voted, executed, np.ones(count, dtype=np.bool_)
        network = chain.network
        arrival, outcome.egress[:count], nic, work, size_bytes = self._pushes(count, computed)
        execute = computed.work.execute.reshape(-1)[:count]
        spent = (work + execute)[:, None]
        total = np.cumsum(spent, axis=0)
        begun = np.maximum(np.maximum.accumulate(arrival - total + spent, axis=0), self._observers_free)
        learned = begun + total - spent + work[:, None]
        for observer in chain.nodes[n:]:
            observer.cpu_busy_ns += int(spent.sum())
        for j, fed in enumerate(self._fed):
            network.account_busy(j, len(fed) * int(nic.sum()), 0)
            for fed_node in fed:
                network.account_busy(fed_node, 0, int(nic.sum()))
        network.account("block-push", count * (chain.config.nodes - n), size_bytes * (chain.config.nodes - n))
        done = learned + execute[:, None]
        in_order = np.asarray((np.diff(arrival, axis=0, prepend=self._pushed_ns[None, :]) >= 0).all(axis=1))
        self._pushed_ns = arrival[-1]
        return np.concatenate([voted, learned], axis=1), np.concatenate([executed, done], axis=1), in_order

    def _pushes(self, count: int, computed: _Computed) -> tuple[Times, Times, Times, Times, int]:
        """Blocks on their way to observers: when each arrives, (heights, observers), and when NICs of feeders are free.

        And per height the transmission time, an observer's work, and the bytes of all heights once.
        """
        chain, n, outcome = self._chain, self._shape.n, computed.outcome
        network, costs = chain.network, chain.config.costs
        pushes = [BlockPush(0, 0, Value(b"", int(size), 0), self._signatures) for size in computed.sizes[:count]]
        nic = np.array([network.transmission_ns(push.size_bytes) for push in pushes], dtype=np.int64)
        work = np.array([costs.receiving_ns(push) for push in pushes], dtype=np.int64)
        arrival = np.empty((count, chain.config.nodes - n), dtype=np.int64)
        out = outcome.egress[:count].copy()
        ways = network.delays([("block-push", 0, computed.height + k) for k in range(count)], inner=False)
        for j, fed in enumerate(self._fed):
            if fed:
                sent = np.maximum(outcome.executed[:count, j], out[:, j])
                place = np.arange(1, len(fed) + 1)
                arrival[:, np.array(fed) - n] = sent[:, None] + place * nic[:, None] + ways[:, j, fed]
                out[:, j] = sent + len(fed) * nic
        return arrival, out, nic, work, sum(push.size_bytes for push in pushes)

    def _overtaken(self, count: int, computed: _Computed) -> NDArray[np.bool_]:
        """Heights whose block reaches an observer after the next one's, and those next ones: they are fetched."""
        if self._chain.config.nodes == self._shape.n:
            return np.zeros(count, dtype=np.bool_)
        arrival = self._pushes(count, computed)[0]
        late = np.asarray((np.diff(arrival, axis=0, prepend=self._pushed_ns[None, :]) < 0).any(axis=1))
        return late | np.append(late[1:], np.False_)

    def _account(self, computed: _Computed, count: int) -> None:
        """What the messages that nobody sent would have added to the tables."""
        chain, n, votes = self._chain, self._shape.n, self._votes
        network, work = chain.network, computed.work
        proposal, first, second = votes.messages
        voters = n if votes.leader_votes else n - 1
        network.account(
            proposal.kind, count * (n - 1), (n - 1) * int(computed.sizes[:count].sum() + count * proposal.size_bytes)
        )
        network.account(first.kind, count * voters * (n - 1), count * voters * (n - 1) * first.size_bytes)
        network.account(second.kind, count * n * (n - 1), count * n * (n - 1) * second.size_bytes)
        told = 0
        if votes.checkpoint is not None:
            interval = chain.config.checkpoint_interval
            told = (computed.height + count - 1) // interval - (computed.height - 1) // interval
            size = votes.checkpoint.size_bytes
            if told:
                network.account(votes.checkpoint.kind, told * n * (n - 1), told * n * (n - 1) * size)
        proposals_ns = int(work.proposal_nic.reshape(-1)[:count].sum())
        told_ns = 0 if votes.checkpoint is None else told * network.transmission_ns(votes.checkpoint.size_bytes)
        for node in chain.nodes[:n]:
            leads = node.index == self._leader
            says = 1 + (votes.leader_votes or not leads)
            hears = 2 * n - 2 - (not votes.leader_votes and not leads)
            sending = (n - 1) * (count * says * work.vote_nic + told_ns + (proposals_ns if leads else 0))
            receiving = count * hears * work.vote_nic + (n - 1) * told_ns + (0 if leads else proposals_ns)
            network.account_busy(node.index, sending, receiving)
            node.cpu_busy_ns += int(computed.outcome.busy[:count, node.index].sum())
        self._peak = int(computed.held[:count].max())

    def _settle(self) -> None:
        """Let the pool know what has been taken from it."""
        forecast, pool = self._forecast, self._chain.proposer.pool
        if forecast.next > self._settled:
            taken = slice(self._settled, forecast.next)
            pool.settle(forecast.rows[taken], forecast.times_ns[taken], forecast.base_ns, self._peak)
            self._settled = forecast.next

    # Giving it back.

    def _leave(self, at_ns: int) -> None:
        """Go back to messages when all is executed, and not after ``at_ns`` if that can be."""
        if self.flying:
            self.flying = False
            blocks = self._chain.ledger.blocks
            done_ns = max(self._engine.now, int(blocks[-1].executed_ns.max()))
            self._engine.call_at(done_ns if done_ns >= at_ns or len(blocks) > 1 else self._engine.now, self._give_back)

    def _give_back(self) -> None:
        chain, n, now_ns = self._chain, self._shape.n, self._engine.now
        ledger, config = chain.ledger, chain.config
        height = len(ledger.blocks) - 1
        checkpoint = height - height % config.checkpoint_interval
        values = tuple(block.value for block in ledger.blocks[checkpoint + 1 :] if block.value is not None)
        for node, free_ns in zip(chain.nodes, [*self._busy.cpu, *self._observers_free], strict=True):
            node.cpu_free_ns = max(node.cpu_free_ns, int(free_ns))
        busy = self._busy
        chain.network.set_busy(busy.ingress.tolist(), busy.egress.tolist(), busy.link.tolist())
        chain.proposer.wake(height)
        digest = ledger.blocks[checkpoint].digest
        for node in chain.nodes[:n]:
            waits = chain.proposer.waits(node, now_ns)
            chain.step(node, Resumed(height, self._view, checkpoint, digest, values, waits), now_ns)


@dataclass(slots=True)
class _Computed:
    """Some heights in a row, the first of which is ``height``: what is in them, what they cost, when they are done.

    ``lost``: where a message is lost. ``held``: what the pool holds at most while each is under way.
    """

    height: int
    sizes: Times
    counts: Times
    work: Work
    outcome: Outcome
    lost: NDArray[np.bool_]
    held: Times


def _hashing(costs: Costs, sizes: Times) -> Times:
    """`Costs.hashing_ns` of each size."""
    return np.asarray(costs.hash_ns + costs.hash_per_kilobyte_ns * sizes // 1000)
