"""Heights of a chain computed as a whole, from where its nodes stand on: forecast, compute, judge, write down.

The blocks that the leader will cut (`forecast`), when every validator decides them (`rounds`) and observers have them
(`observers`); whether anything would interrupt one of them; and what they leave behind: blocks in the ledger, messages
in the tables, queues that are busy a while longer. When to begin and to stop is `pilot`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.chain.blocks import Bodies
from sim.chain.forecast import Cut, Forecast
from sim.chain.observers import Followed, Observers, Pushes
from sim.chain.rounds import vote
from sim.chain.train import Busy, Outcome, Shape, Work
from sim.network.delays import LOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.consensus.registry import Votes
    from sim.kernel.engine import Engine

    Times = NDArray[np.int64]


@dataclass(slots=True)
class Flown:
    """How many heights were computed as a whole, and how many of them touch no other: these are exact."""

    heights: int = 0
    exact: int = 0


@dataclass(frozen=True, slots=True)
class Computed:
    """Some heights in a row, the first of which is ``height``: what is in them, what they cost, when they are done.

    ``lost``: where a message is lost, shape (heights,). ``pushes`` and ``followed``: what observers do.
    """

    height: int
    sizes: Times
    counts: Times
    work: Work
    outcome: Outcome
    pushes: Pushes
    followed: Followed
    lost: NDArray[np.bool_]

    @property
    def execute(self) -> Times:
        """What executing each takes, shape (heights,)."""
        return self.work.execute.reshape(-1)

    @property
    def voted(self) -> Times:
        """When every node knows each height, shape (heights, nodes)."""
        return np.concatenate([self.outcome.decided, self.followed.learned], axis=1)

    @property
    def executed(self) -> Times:
        """And has executed it."""
        return np.concatenate([self.outcome.executed, self.followed.executed], axis=1)


class Flight:
    """From one take-over to the next time that the chain goes by messages.

    Args:
        chain: stands at one height, in one view, with nothing under way.
        engine: time.
        votes: how its protocol orders a value.

    Attributes:
        leader, view: that all of it has.
        forecast: of the blocks to come.
        base_ns: when the last block that is written down was cut.
        busy: what still is, from then.
    """

    def __init__(self, chain: Chain, engine: Engine, votes: Votes) -> None:
        self._chain, self._engine, self._votes = chain, engine, votes
        config, pool, family = chain.config, chain.proposer.pool, chain.family
        n = self._n = config.validators
        self._shape = Shape(n, family.quorum(n), votes.leader_votes, chain.network.ordered)
        self.leader = pool.leader
        self.view = next(node.replica.view for node in chain.nodes if node.replica is not None)
        self.forecast = Forecast(pool, config, chain.offered)
        ingress, egress, latest = (np.array(rows, dtype=np.int64) for rows in chain.network.busy(config.nodes))
        cpu = np.array([node.cpu_free_ns for node in chain.nodes[:n]], dtype=np.int64)
        self.busy = Busy(cpu, ingress[:n], egress[:n], latest[:n, :n])
        numbers = np.arange(n, config.nodes)
        self.observers = Observers(chain, ingress[n:], latest[numbers % n, numbers])
        self._begun_ns = engine.now
        self._executed_ns = chain.ledger.blocks[-1].executed_ns[:n]
        self.base_ns = self.forecast.base_ns
        self._recent = [int(block.executed_ns[self.leader]) for block in chain.ledger.blocks[-config.window :]]
        self._settled = 0

    # Forecast and compute.

    def cuts(self, most: int, before_ns: int) -> list[Cut]:
        """The next blocks that are cut before then, at most so many."""
        cuts: list[Cut] = []
        from_ns = max(int(self.busy.cpu[self.leader]), self._begun_ns)
        if len(self._recent) == self._chain.config.window:
            from_ns = max(from_ns, self._recent[0])
        while len(cuts) < most:
            begin, base_ns = self.forecast.next, self.forecast.base_ns
            cut = self.forecast.cut(from_ns if not cuts else 0)
            if cut is None:
                break
            if cut.cut_ns >= before_ns:
                self.forecast.rewind(begin, base_ns)
                break
            cuts.append(cut)
        return cuts

    def compute(self, cuts: Sequence[Cut], *, together: bool) -> Computed:
        """Heights as one train, or each as a train of its own."""
        chain, votes, n = self._chain, self._votes, self._n
        costs, network = chain.config.costs, chain.network
        sizes = np.add.reduceat(
            chain.offered.size_bytes[self.forecast.rows[cuts[0].begin : cuts[-1].end]],
            [cut.begin - cuts[0].begin for cut in cuts],
        )
        counts = np.array([cut.end - cut.begin for cut in cuts], dtype=np.int64)
        pushes = self.observers.pushes(sizes)
        proposal, first, second = votes.messages
        said = (first, second, votes.checkpoint or second)
        height = len(chain.ledger.blocks)
        wire = sizes + proposal.size_bytes
        checking = counts * costs.checking_ns(1)
        trains = (1, len(cuts)) if together else (len(cuts), 1)
        transmission_ns = np.array([network.transmission_ns(int(size)) for size in wire], dtype=np.int64)
        work = Work(
            prepare=(costs.hashing_ns(sizes) + checking).reshape(trains),
            take=(proposal.signatures * costs.verify_ns + costs.hashing_ns(wire) + checking).reshape(trains),
            execute=(counts * costs.execute_ns).reshape(trains),
            proposal_nic=transmission_ns.reshape(trains),
            push_nic=(pushes.nic[:, None] * self.observers.fed).reshape(*trains, n),
            told=self._told(height, len(cuts)).reshape(trains),
            votes=np.array([costs.receiving_ns(message) for message in said], dtype=np.int64),
            votes_nic=np.array([network.transmission_ns(message.size_bytes) for message in said], dtype=np.int64),
            sign=costs.sign_ns,
        )
        proposals, firsts, seconds = (
            network.delays([(message.kind, self.view, height + k) for k in range(len(cuts))], inner=True)
            for message in votes.messages
        )
        delays = (proposals, firsts, seconds, self._checkpoint_delays(height, work.told.reshape(-1)))
        cut_ns = np.array([cut.cut_ns for cut in cuts], dtype=np.int64)
        outcome = vote(self._shape, self.leader, cut_ns.reshape(trains), work, delays, self.busy)
        for times_ns in (outcome.decided, outcome.executed):
            times_ns[0] = np.maximum(times_ns[0], self._executed_ns)
            np.maximum.accumulate(times_ns, axis=0, out=times_ns)
        followed = self.observers.follow(height, outcome.pushed, pushes, work.execute.reshape(-1))
        lost = np.array([(d == LOST).any(axis=(-2, -1)) for d in delays]).any(axis=0)
        return Computed(height, sizes, counts, work, outcome, pushes, followed, np.broadcast_to(lost, (len(cuts),)))

    def _told(self, height: int, count: int) -> NDArray[np.bool_]:
        """After which of the heights from this one on checkpoints are told."""
        heights = height + np.arange(count)
        return np.asarray(
            (heights % self._chain.config.checkpoint_interval == 0) & (self._votes.checkpoint is not None)
        )

    def _checkpoint_delays(self, height: int, told: NDArray[np.bool_]) -> Times:
        """Delays of checkpoints, shape (heights, n, n); 0 where there is none."""
        delays = np.zeros((len(told), self._n, self._n), dtype=np.int64)
        message = self._votes.checkpoint
        rows = np.flatnonzero(told)
        if message is not None and len(rows):
            addresses = [(message.kind, message.view, height + int(k)) for k in rows]
            delays[rows] = self._chain.network.delays(addresses, inner=True)
        return delays

    # Judge.

    def gated(self, cuts: Sequence[Cut], computed: Computed) -> NDArray[np.bool_]:
        """Which blocks the leader may not propose when it would: it has `window` of them proposed and not executed."""
        free = [0] * (self._chain.config.window - len(self._recent))
        executed = computed.outcome.executed[:, self.leader]
        room = np.array([*free, *self._recent, *executed], dtype=np.int64)[: len(cuts)]
        return np.asarray(room > [cut.cut_ns for cut in cuts])

    def goes_wrong(self, cuts: Sequence[Cut], computed: Computed, fault_ns: int) -> NDArray[np.bool_]:
        """Which heights a fault, a lost or overtaken message, a timer or a full pool would interrupt."""
        outcome, config, count = computed.outcome, self._chain.config, len(cuts)
        if not count:
            return np.zeros(0, dtype=np.bool_)
        executed = outcome.executed[:count]
        over = np.maximum(outcome.cpu[:count].max(axis=1), computed.executed[:count].max(axis=1))
        begun = self.forecast.times_ns[[cut.begin for cut in cuts]]
        # A replica's timer runs from its last execution, or from when there was something to wait for.
        before = np.concatenate([np.zeros((1, executed.shape[1]), dtype=np.int64), executed[:-1]])
        waits = (executed - np.maximum(begun[:, None], before)).max(axis=1)
        overtaken = computed.followed.overtaken[:count]
        return np.asarray(
            (over >= fault_ns)
            | computed.lost[:count]
            | overtaken
            | (waits >= config.timeout_ns)
            | (self._held(cuts, computed) > config.pool_capacity)
        )

    def _held(self, cuts: Sequence[Cut], computed: Computed) -> Times:
        """What the pool holds at most while each height is under way."""
        executed = computed.outcome.executed[: len(cuts), self.leader]
        return np.asarray(self.forecast.arrived_by(executed) - np.array([cut.begin for cut in cuts]))

    # Write down.

    def write(self, cuts: Sequence[Cut], computed: Computed) -> None:
        """Put the first heights into the ledger, with what they leave behind."""
        chain, forecast, outcome, count = self._chain, self.forecast, computed.outcome, len(cuts)
        bodies = Bodies(
            forecast.rows[cuts[0].begin : cuts[-1].end].copy(),  # or blocks would keep all of the forecast
            computed.counts[:count],
            np.full(count, self.leader),
            np.full(count, self.view),
            np.array([cut.cut_ns for cut in cuts]),
            outcome.proposed[:count].copy(),
            np.array([cut.ready_ns for cut in cuts]),
            np.zeros(count, dtype=np.int64),  # no clock is wrong where heights are computed
        )
        # Views would keep the heights that are not taken.
        executed = computed.executed[:count].copy()
        chain.ledger.execute_run(bodies, computed.voted[:count].copy(), executed)
        digest = chain.ledger.blocks[-1].digest
        self._engine.trace.note("rounds", chain.config.id, computed.height, executed.tobytes(), digest)
        self._account(computed, count)
        self.observers.settle(computed.followed, computed.pushes, computed.execute, count)
        self.busy = outcome.after(count - 1)
        self._executed_ns = outcome.executed[count - 1]
        self.base_ns = cuts[-1].cut_ns
        self._recent = [*self._recent, *map(int, outcome.executed[:count, self.leader])][-chain.config.window :]
        self._settle(int(self._held(cuts, computed).max()))

    def _settle(self, peak: int) -> None:
        """Let the pool know what has been taken from it."""
        forecast, taken = self.forecast, slice(self._settled, self.forecast.next)
        pool = self._chain.proposer.pool
        pool.settle(forecast.rows[taken], forecast.times_ns[taken], forecast.base_ns, peak)
        self._settled = forecast.next

    def _account(self, computed: Computed, count: int) -> None:
        """What the messages that nobody sent would have added to the tables."""
        chain, n, votes = self._chain, self._n, self._votes
        network, work = chain.network, computed.work
        proposal, first, second = votes.messages
        voters = n if votes.leader_votes else n - 1
        network.account(
            proposal.kind, count * (n - 1), (n - 1) * int(computed.sizes[:count].sum() + count * proposal.size_bytes)
        )
        network.account(first.kind, count * voters * (n - 1), count * voters * (n - 1) * first.size_bytes)
        network.account(second.kind, count * n * (n - 1), count * n * (n - 1) * second.size_bytes)
        told = int(np.count_nonzero(work.told.reshape(-1)[:count]))
        if votes.checkpoint is not None and told:
            size = votes.checkpoint.size_bytes
            network.account(votes.checkpoint.kind, told * n * (n - 1), told * n * (n - 1) * size)
        proposals_ns = int(work.proposal_nic.reshape(-1)[:count].sum())
        told_ns = told * int(work.votes_nic[2])
        for node in chain.nodes[:n]:
            leads = node.index == self.leader
            says = 1 + (votes.leader_votes or not leads)
            hears = 2 * n - 2 - (not votes.leader_votes and not leads)
            sending = (n - 1) * (count * says * int(work.votes_nic[0]) + told_ns + (proposals_ns if leads else 0))
            receiving = count * hears * int(work.votes_nic[0]) + (n - 1) * told_ns + (0 if leads else proposals_ns)
            network.account_busy(node.index, sending, receiving)
            node.cpu_busy_ns += int(computed.outcome.busy[:count, node.index].sum())

    # Land.

    def land(self) -> None:
        """Leave CPUs and NICs as busy as they are."""
        chain, n = self._chain, self._n
        for node, free_ns in zip(chain.nodes, [*self.busy.cpu, *self.observers.cpu_ns], strict=True):
            node.cpu_free_ns = max(node.cpu_free_ns, int(free_ns))
        ingress, egress, latest = chain.network.busy(chain.config.nodes)
        ingress = [*map(int, self.busy.ingress), *map(int, self.observers.ingress_ns)]
        egress[:n] = map(int, self.busy.egress)
        for row, last in zip(latest, self.busy.link.tolist(), strict=False):
            row[:n] = last
        for place, feeder in enumerate(self.observers.feeder):
            latest[feeder][n + place] = int(self.observers.latest_ns[place])
        chain.network.set_busy(ingress, egress, latest)
