"""The leader's side of a chain: whose pool it is, when the next block is cut, and who must be woken for it.

A replica is stepped with the time at which its CPU will be done, which may lie ahead of the clock. What open loops send
is known beforehand, so the pool can be asked about that time at once. Where clients wait for their records it is asked
when the time has come: by then all is known that reaches the leader until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.chain.blocks import Body
from sim.chain.mempool import Mempool
from sim.chain.rotating_pool import RotatingPool
from sim.consensus.interface import Propose, RequestWaiting, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.chain.chain import Chain
    from sim.chain.node import Node
    from sim.kernel.engine import Engine, Timer


class Proposer:
    """Block cutting for whichever node leads; one per chain, handed on with the leadership.

    Who leads is what replicas say: `EnterView` where the leadership changes because a leader was given up, and
    ``can_propose()`` where it moves on with every value. A leader of a lower view than another had before is given up
    by others and does not know it yet: its proposals would find no votes, and it makes none.

    Attributes:
        pool: of the leader.
        known: the first block of which the leader has not been told that it is executed.
    """

    def __init__(self, chain: Chain, engine: Engine, *, rotates: bool) -> None:
        self._chain = chain
        self._engine = engine
        self._rotates = rotates
        self._access_ns = chain.access_ns
        self.pool = self._rotating_pool() if rotates else Mempool(chain.config, chain.offered, self._way_ns)
        self._view = -1
        self.known = 0
        self._branch: tuple[Value, ...] = ()
        self._cut: Timer | None = None
        self._cut_ns = 0
        self._wake: Timer | None = None
        self._rests = False
        self._clients_wait = bool(chain.offered.closed)
        self._planned_ns: dict[int, int] = {}
        self._overflow: Timer | None = None
        if self._clients_wait:
            self.pool.on_rejected = self._turn_away
        self._wake_at_next_arrival(after_ns=-1)

    def _way_ns(self, leader: int) -> NDArray[np.int64]:
        """Sending to arrival at the leader: client to its node in the same region, then one link to the leader."""
        onward_ns = self._onward_ns(leader)
        onward_ns[leader] = 0
        return self._access_ns + onward_ns

    def _onward_ns(self, leader: int) -> NDArray[np.int64]:
        links = self._chain.network.topology.links
        return np.array([row[leader].delay_ns for row in links], dtype=np.int64)

    def _rotating_pool(self) -> RotatingPool:
        """Where leaders take turns, one in the client's own region gets a record after one more link in that region."""
        chain = self._chain
        regions = chain.network.topology.regions

        def way_ns(leader: int) -> NDArray[np.int64]:
            return self._access_ns + self._onward_ns(leader)

        return RotatingPool(chain.config, chain.offered, way_ns, regions.__getitem__)

    def lead(self, node: Node, at_ns: int) -> None:
        """A node begins to lead: what it knows to be executed or under way is not proposed again, the rest is."""
        if node.replica is None or node.replica.view < self._view:
            return
        self._view = node.replica.view
        none = np.empty(0, dtype=np.int64)
        blocks = self._chain.ledger.blocks
        executed = np.concatenate([none, *(block.transactions for block in blocks[self.known :])])
        self.known = len(blocks)
        self._branch = node.replica.outstanding()
        bodies = [value.body for value in self._branch]
        carried = [body.transactions for body in bodies if isinstance(body, Body)]
        self.pool.lead(node.index, executed, np.concatenate([none, *carried]), at_ns)
        self._forget_cut()
        self._watch_overflow()

    def led_in(self, view: int) -> bool:
        """Whether somebody has taken the lead in this view, or a later one."""
        return self._view >= view

    def restart(self, node: Node, at_ns: int) -> None:
        """A leader that nobody has replaced comes back: what it had cut and not proposed waits again."""
        if node.index == self.pool.leader:
            self.lead(node, at_ns)

    def release(self, transactions: NDArray[np.int64], at_ns: int) -> None:
        """The leader executed these: there is room again, so the next block may fill sooner than was planned."""
        self._forget_cut()
        if self._clients_wait:
            self._engine.call_at(at_ns, self._release, self.pool.leader, transactions, at_ns)
        else:
            self.pool.release(transactions, at_ns)

    def _release(self, leader: int, transactions: NDArray[np.int64], at_ns: int) -> None:
        """Who takes the lead meanwhile knows of the block."""
        if self.pool.leader == leader:
            self.pool.release(transactions, at_ns)

    def add(self, rows: NDArray[np.int64]) -> None:
        """Clients have decided to send these, no sooner than now: the next block may fill sooner than was planned."""
        self.pool.add(rows)
        self._watch_overflow()
        now_ns = self._engine.now
        leader = self._chain.nodes[self.pool.leader]
        self._forget_cut()
        if not leader.down:
            self.plan(leader, max(now_ns, leader.cpu_free_ns))
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        self._wake_at_next_arrival(now_ns - 1)

    def _watch_overflow(self) -> None:
        """Look at the pool when the next transaction may find it full, so that its client is told in time.

        Where leaders take turns each looks when it has its turn. While a leader is down nobody does.
        """
        looks = self._clients_wait and not self._rotates and not self._chain.nodes[self.pool.leader].down
        due_ns = self.pool.next_overflow_ns() if looks else None
        if self._overflow is not None:
            self._overflow.cancel()
            self._overflow = None
        if due_ns is not None:
            self._overflow = self._engine.call_at(max(due_ns, self._engine.now), self._overflow_now)

    def _overflow_now(self) -> None:
        self._overflow = None
        if not self._chain.nodes[self.pool.leader].down:
            self.pool.admit(self._engine.now)
            self._watch_overflow()

    def _turn_away(self, rows: NDArray[np.int64], arrival_ns: NDArray[np.int64]) -> None:
        """The news goes back from the leader to the clients' nodes."""
        leader = self.pool.leader
        back_ns = np.array([link.delay_ns for link in self._chain.network.topology.links[leader]], dtype=np.int64)
        if not self._rotates:
            back_ns[leader] = 0
        # A new leader turns away when it begins to lead what came before that.
        known_ns = np.maximum(arrival_ns, self._engine.now)
        self._chain.answers.rejected(rows, known_ns + back_ns[self._chain.offered.node[rows]])

    def rest(self) -> None:
        """Do nothing until `wake`: heights are computed as a whole meanwhile."""
        self._rests = True
        self._forget_cut()
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None

    def wake(self, known: int, view: int) -> None:
        """Go on: the pool's leader, who leads since ``view``, has been told of all blocks below ``known``."""
        self._rests = False
        self.known = known
        self._view = max(self._view, view)

    def _forget_cut(self) -> None:
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None

    def plan(self, node: Node, at_ns: int) -> None:
        """Schedule the leader's next block, unless one is scheduled or its window is full."""
        replica = node.replica
        if replica is None or self._rests:
            return
        if self._clients_wait and at_ns > self._engine.now:
            if replica.can_propose() and self._planned_ns.get(node.index) != at_ns:
                self._planned_ns[node.index] = at_ns
                self._engine.call_at(at_ns, self._plan_now, node)
            return
        if node.index != self.pool.leader or (self._rotates and replica.view > self._view):
            if not self._rotates or replica.view <= self._view or not replica.can_propose():
                return
            self.lead(node, at_ns)
        if self._rotates and replica.must_propose():
            if self._cut is None or self._cut_ns > at_ns:
                self._forget_cut()
                self._plan_cut(node, at_ns)
        elif self._cut is None and replica.can_propose():
            due_ns = at_ns if self._proves(node, at_ns) else self.pool.next_cut_ns(at_ns)
            if due_ns is not None:
                self._plan_cut(node, due_ns)

    def _plan_now(self, node: Node) -> None:
        if not node.down:
            self.plan(node, self._engine.now)

    def _plan_cut(self, node: Node, due_ns: int) -> None:
        self._cut_ns = due_ns
        self._cut = self._engine.call_at(due_ns, self._cut_block, node)

    def _cut_block(self, node: Node) -> None:
        self._cut = None
        if node.index != self.pool.leader or node.replica is None or not node.replica.can_propose():
            return
        begun_ns = node.work(self._engine.now, 0)
        if begun_ns is None:
            return
        if self._rotates and self._extends_another_branch(node):
            self.lead(node, begun_ns)
        must = node.replica.must_propose() or self._proves(node, begun_ns)
        transactions = self.pool.cut(begun_ns, now_or_never=must)
        if must or len(transactions):
            self._propose(node, transactions, begun_ns)
        else:
            self.plan(node, begun_ns)

    def _proves(self, node: Node, at_ns: int) -> bool:
        """Whether an empty block is due, because a state waits for a header that shows it and nothing else waits."""
        if node.replica is None or not self._chain.ledger.needs_proof(node.index) or node.replica.outstanding():
            return False
        self.pool.admit(at_ns)
        return len(self.pool.outlook()[0]) == 0

    def _extends_another_branch(self, node: Node) -> bool:
        """Whether the leader has learned, since it took the lead, of blocks that its own will come after."""
        values = () if node.replica is None else node.replica.outstanding()
        return any(value.count and value not in self._branch for value in values)

    def _propose(self, node: Node, transactions: NDArray[np.int64], cut_ns: int) -> None:
        chain = self._chain
        costs = chain.config.costs
        size_bytes = int(chain.offered.size_bytes[transactions].sum())
        hashing_ns, checking_ns = costs.hashing_ns(size_bytes), costs.checking_ns(len(transactions))
        if node.cores > 1:
            done_ns = node.take(cut_ns, hashing_ns, checking_ns)
        else:
            done_ns = node.work(cut_ns, hashing_ns + checking_ns)
        if done_ns is None or node.replica is None:
            return
        body, digest = chain.ledger.prepare(transactions, node.index, node.replica.view, cut_ns)
        body.clock_error_ns = chain.faulty.clock_error_ns(node.index, cut_ns)
        body.proposed_ns = done_ns + costs.sign_ns
        body.ready_ns = self.pool.ready_ns if len(transactions) else cut_ns
        value = Value(digest, size_bytes, len(transactions), body)
        chain.carry_out(node, node.replica.step(Propose(value), done_ns), done_ns)

    def waits(self, node: Node, at_ns: int) -> bool:
        """Whether transactions wait that this node has not executed; if none do, the next arrival will wake it."""
        ledger = self._chain.ledger
        waits = self.pool.arrived_by(at_ns) > ledger.executed_transactions(node.index) or ledger.needs_proof(node.index)
        node.idle = not waits
        if not waits:
            self._wake_at_next_arrival(at_ns)
        return waits

    def _wake_at_next_arrival(self, after_ns: int) -> None:
        arrival_ns = None if self._wake is not None else self.pool.next_arrival_ns(after_ns)
        if arrival_ns is not None:
            self._wake = self._engine.call_at(max(arrival_ns, self._engine.now), self._wake_up)

    def _wake_up(self) -> None:
        """A transaction arrived while validators were idle: they begin to wait for its block."""
        self._wake = None
        now_ns = self._engine.now
        for node in self._chain.nodes[: self._chain.config.validators]:
            if node.idle and not node.down:
                node.idle = False
                self._chain.step(node, RequestWaiting(), now_ns)
