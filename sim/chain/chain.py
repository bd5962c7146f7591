"""The host of one chain: carries a protocol's inputs and outputs between nodes, network, pool and ledger."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from sim.chain.answers import Answers
from sim.chain.catchup import Catchup
from sim.chain.contracts import ContractState
from sim.chain.downtimes import Downtimes
from sim.chain.faulty import Faulty, Forged
from sim.chain.ledger import Ledger
from sim.chain.node import Node
from sim.chain.proposer import Proposer
from sim.chain.records import Records
from sim.chain.shortcut import shortcut
from sim.chain.signing import Signing, make_keys
from sim.chain.sync import BlockPush, BlockRange, BlockRequest
from sim.consensus.interface import (
    Broadcast,
    CancelTimer,
    Decide,
    EnterView,
    Executed,
    FetchState,
    Misbehaviour,
    Send,
    SetTimer,
    StateTransferred,
    TimerExpired,
    TransferLeadership,
    Verify,
)
from sim.consensus.registry import family
from sim.proof import merkle, suite_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from numpy.typing import NDArray

    from sim.chain.compiled.express import Express
    from sim.chain.config import ChainConfig, Offered, Sent
    from sim.chain.contracts import Contracts
    from sim.chain.fabric import Validation
    from sim.chain.faulty import Guise, Lie
    from sim.chain.pilot import Pilot
    from sim.consensus.interface import Input, Message, Output, Replica, Value
    from sim.consensus.parameters import Parameters
    from sim.consensus.raft_messages import Standing
    from sim.kernel.draws import Draws
    from sim.kernel.engine import Engine
    from sim.metrics.recorder import Recorder
    from sim.network.transport import Network


class Chain:
    """One chain on its network.

    Args:
        engine: time.
        draws: chance.
        recorder: where views and faults are written down as they happen.
        config: parameters.
        network: between this chain's nodes, none attached yet.
        offered: what clients send to it.
        make: makes the replicas, where they are not those of the protocol's own.
        validation: what peers do with what they order, on a chain that executes before it orders.
        contracts: what runs on it, if anything does; its validators have keys then.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - it is where a chain's parts meet
        self,
        engine: Engine,
        draws: Draws,
        recorder: Recorder,
        config: ChainConfig,
        network: Network,
        offered: Offered,
        make: Callable[[Parameters], Replica] | None = None,
        validation: Validation | None = None,
        contracts: Contracts | None = None,
    ) -> None:
        self.config = config
        self.validation = validation
        self.network = network
        self.offered = offered
        self.records = Records(draws, config.id, config.hash, offered)
        self.signing: Signing | None = None
        self.state: ContractState | None = None
        validators_hash = None
        if contracts is not None:
            suite = suite_by_name(config.hash)
            self.state = ContractState(suite, contracts)
            self.records.calls = self.state.calls
            self.signing = Signing(make_keys(draws, config.id, config.validators), config.protocol)
            validators_hash = self.signing.validators.hash(suite)
        self.ledger = Ledger(config, self.records, offered, self.state, validators_hash)
        self.faulty = Faulty()
        links = network.topology.links
        self.access_ns = np.array([row[node].delay_ns for node, row in enumerate(links)], dtype=np.int64)
        self.answers = Answers(self, engine, self.access_ns)
        self.views: set[int] = set()
        self.pilot: Pilot | Express | None = None
        self.family = family(config.protocol)
        self._engine = engine
        self._recorder = recorder
        self._rotates = self.family.rotates
        self._make = make or self.family.make
        self._seed = int(draws.block(config.id, "consensus").integers(1, 2**32)[0])
        self.nodes = [self._make_node(index) for index in range(config.nodes)]
        for node in self.nodes:
            network.attach(partial(self._receive, node))
        self._peers = [self._others(node.index) for node in self.nodes]
        self.proposer = Proposer(self, engine, rotates=self._rotates)
        self._catchup = Catchup(self, engine)
        self._downtimes = Downtimes(self, self._catchup, engine)
        self._carriers: dict[type, Callable[..., int | None]] = {
            Broadcast: self._broadcast,
            Send: self._send,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            Decide: self._decide,
            EnterView: self._enter_view,
            FetchState: self._fetch_state,
            Verify: self._verify,
            Misbehaviour: self._note_misbehaviour,
        }
        self._takers: dict[type, Callable[..., None]] = {
            BlockPush: self._catchup.take_push,
            BlockRequest: self._catchup.answer,
            BlockRange: self._catchup.take_range,
            Forged: self._refuse,
        }

    def _make_node(self, index: int) -> Node:
        replica = self.fresh_replica(index) if index < self.config.validators else None
        return Node(index, self.network.topology.regions[index], replica, self.config.cores)

    def fresh_replica(self, index: int) -> Replica:
        """A replica for a validator that begins with nothing, as at the start or after it lost its disk."""
        return self._make(self.config.parameters(index, self._seed))

    def voters(self, height: int) -> Container[int]:
        """Who votes on a height."""
        committee = self.family.committee
        if committee is None:
            return range(self.config.validators)
        return committee(self.config.parameters(0, self._seed), height)

    def _others(self, index: int) -> list[int]:
        """The other validators, beginning with the next, so that nobody is always first in the NIC's queue."""
        n = self.config.validators
        return [(index + k) % n for k in range(1, n)] if index < n else []

    # Inputs.

    def _receive(self, node: Node, payload: tuple[Message, int, int], received_ns: int) -> bool:
        """Serve a message: the CPU's queue by arithmetic, then the replica or the catch-up."""
        message, work_ns, batch_ns = payload
        if node.cores > 1:
            handed_ns = node.take(received_ns, work_ns, batch_ns)
            if handed_ns is None:
                return False
            done_ns = handed_ns
        else:
            # Node.work, written out: this is the one place that every message passes.
            work_ns = (work_ns + batch_ns) * node.slow
            done_ns = work_ns + (received_ns if received_ns > node.cpu_free_ns else node.cpu_free_ns)
            if node.down or done_ns > node.halt_ns:
                node.lose()
                return False
            node.cpu_free_ns = done_ns
            node.cpu_busy_ns += work_ns
        taker = self._takers.get(type(message))
        if taker is not None:
            taker(node, message, done_ns)
        elif node.replica is not None:
            outputs = node.replica.step(message, done_ns)
            if outputs:
                self.carry_out(node, outputs, done_ns)
            elif self._rotates:
                self.proposer.plan(node, done_ns)
        return True

    def step(self, node: Node, event: Input, at_ns: int) -> None:
        """Step a replica with an input that is not a message, behind the work that it has taken in."""
        at = node.work(at_ns, 0)
        if at is not None and node.replica is not None:
            if type(event) is StateTransferred:
                self.faulty.forget(node.index)
            self.carry_out(node, node.replica.step(event, at), at)

    def resume(self, node: Node, event: Input | Standing, since_ns: int) -> None:
        """Step a replica with what happened at an earlier time; a timer that has run out since then expires now."""
        now_ns = self._engine.now
        if node.replica is None:
            return
        for output in node.replica.step(cast("Input", event), since_ns):
            if type(output) is SetTimer and since_ns + output.delay_ns > now_ns:
                self._set_timer(node, output, since_ns, deque())
            elif type(output) is SetTimer:
                self.step(node, TimerExpired(output.name), now_ns)
            else:
                self.carry_out(node, (output,), now_ns)
        self.carry_out(node, (), now_ns)

    @property
    def now_ns(self) -> int:
        """The time."""
        return self._engine.now

    def _expire(self, node: Node, name: str) -> None:
        del node.timers[name]
        self.step(node, TimerExpired(name), self._engine.now)

    # Outputs: each carrier returns when the node is done with it, or None if the node crashes over it.

    def carry_out(self, node: Node, outputs: Sequence[Output], at_ns: int) -> None:
        """Do what a replica asks for, in order; signing and executing take CPU time and push later outputs back."""
        todo = deque(outputs)
        while todo:
            output = todo.popleft()
            done_ns = self._carriers[type(output)](node, output, at_ns, todo)
            if done_ns is None:
                return
            at_ns = done_ns
        self.proposer.plan(node, at_ns)

    def _broadcast(self, node: Node, output: Broadcast, at_ns: int, _: deque[Output]) -> int | None:
        done_ns = node.work(at_ns, self.config.costs.sign_ns)
        if done_ns is not None:
            among, peers = output.among, self._peers[node.index]
            receivers = peers if among is None else [peer for peer in peers if peer in among]
            self.transmit(node.index, receivers, output.message, done_ns)
        return done_ns

    def _send(self, node: Node, output: Send, at_ns: int, _: deque[Output]) -> int | None:
        done_ns = node.work(at_ns, self.config.costs.sign_ns)
        if done_ns is not None:
            self.transmit(node.index, [output.to], output.message, done_ns)
        return done_ns

    def _set_timer(self, node: Node, output: SetTimer, at_ns: int, todo: deque[Output]) -> int:
        self._cancel_timer(node, output, at_ns, todo)
        clock = self.faulty.clocks.get(node.index)
        delay_ns = output.delay_ns if clock is None else clock.true_ns(output.delay_ns)
        node.due_ns[output.name] = at_ns + delay_ns
        node.timers[output.name] = self._engine.call_at(at_ns + delay_ns, self._expire, node, output.name)
        return at_ns

    def _cancel_timer(self, node: Node, output: SetTimer | CancelTimer, at_ns: int, _: deque[Output]) -> int:
        timer = node.timers.pop(output.name, None)
        if timer is not None:
            timer.cancel()
        return at_ns

    def _decide(self, node: Node, output: Decide, at_ns: int, todo: deque[Output]) -> int | None:
        if node.index in self.faulty.nodes and not self._follows(node, output):
            return at_ns
        executed_ns = self.commit(node, output.sequence, output.value, at_ns)
        if executed_ns is not None and node.replica is not None:
            todo.extend(node.replica.step(self._executed(node, output.sequence, executed_ns), executed_ns))
        return executed_ns

    def _executed(self, node: Node, height: int, executed_ns: int) -> Executed:
        return Executed(height, self.ledger.blocks[height].digest, self.proposer.waits(node, executed_ns))

    def _enter_view(self, node: Node, output: EnterView, at_ns: int, _: deque[Output]) -> int:
        self._recorder.row("views", self.config.id, at_ns, node.index, output.view, output.leader)
        self._engine.trace.note("view", self.config.id, node.index, output.view, at_ns)
        self.views.add(output.view)
        if output.leader == node.index:
            self.proposer.lead(node, at_ns)
        return at_ns

    def _fetch_state(self, node: Node, output: FetchState, at_ns: int, _: deque[Output]) -> int:
        self._catchup.fetch(node, output.peers, at_ns)
        return at_ns

    def _verify(self, node: Node, output: Verify, at_ns: int, _: deque[Output]) -> int | None:
        return node.work(at_ns, output.signatures * self.config.costs.verify_ns)

    def _note_misbehaviour(self, _: Node, output: Misbehaviour, at_ns: int, __: deque[Output]) -> int:
        self._recorder.row("faults", self.config.id, at_ns, output.culprit, f"misbehaviour: {output.reason}")
        return at_ns

    def transmit(self, sender: int, receivers: Sequence[int], message: Message, at_ns: int) -> None:
        """Put a signed message on the network; what its receivers will spend on it is worked out once, here."""
        if sender in self.faulty.lies:
            for parcel in self.faulty.parcels(sender, tuple(receivers), message, at_ns):
                self._post(sender, *parcel)
        else:
            self._post(sender, receivers, message, at_ns)

    def _post(self, sender: int, receivers: Sequence[int], message: Message, at_ns: int) -> None:
        costs = self.config.costs
        work_ns, batch_ns = costs.receiving_ns(message), costs.checking_ns(message.proposed)
        address = (message.kind, message.view, message.sequence)
        self.network.send(sender, receivers, (message, work_ns, batch_ns), message.size_bytes, address, at_ns)

    def commit(self, node: Node, height: int, value: Value, voted_ns: int) -> int | None:
        """Execute a final block on a node; returns when that is done, or None if the node crashes over it.

        Raises:
            InvariantViolation: the block must not be executed there.
        """
        work_ns = self.config.executing_ns(node.index, value.count) + self.ledger.contracts_ns(height, value)
        executed_ns = node.work(voted_ns, work_ns)
        if executed_ns is None:
            return None
        first = height == len(self.ledger.blocks)
        block = self.ledger.execute(node.index, height, value, voted_ns, executed_ns)
        if self.validation is not None and node.replica is None:
            self.validation.validate(self.ledger.blocks, height)
        if first and self.state is not None:
            self.state.executed(height, executed_ns)
        if first and self.faulty.nodes:
            for follower in self.faulty.waits_for(height):
                self._engine.call_at(executed_ns, self._follow_on, self.nodes[follower])
        self._engine.trace.note("commit", self.config.id, node.index, height, executed_ns, block.digest)
        if self.pilot is not None and height == min(self.ledger.heights):
            self._engine.call_at(executed_ns, self.pilot.consider)
        if self.offered.closed:
            self.answers.executed(node.index, block, executed_ns)
        if node.index == self.proposer.pool.leader:
            self.proposer.release(block.transactions, executed_ns)
        if node.replica is not None:
            self._catchup.feed(node, height, value, executed_ns)
        return executed_ns

    def submit(self, sent: Sent, calls: Sequence[bytes]) -> NDArray[np.int64]:
        """Take in calls of this chain's contracts, as `take`; what stands in the log is their bytes.

        Raises:
            ValueError: the chain has no contracts.
        """
        if self.state is None:
            raise ValueError(f"{self.config.id} has no contracts to call")
        self.state.calls.update(enumerate(calls, start=len(self.offered)))
        return self.take(sent)

    def head(self, node: int) -> int:
        """The last block that a node has executed by now; it takes work in before it has done it."""
        height = self.ledger.heights[node]
        while height and int(self.ledger.blocks[height].executed_ns[node]) > self._engine.now:
            height -= 1
        return height

    def take(self, sent: Sent) -> NDArray[np.int64]:
        """Take in what waiting clients decided to send, none of it before now; returns the rows that it got.

        What becomes of each is told to who subscribed to `answers`.
        """
        rows = np.array(self.offered.append(sent), dtype=np.int64)
        self.records.append(sent.stream)
        self.ledger.expect(len(rows))
        self.proposer.add(rows)
        refused = rows[self.offered.size_bytes[rows] > self.config.max_bytes]
        if len(refused):
            reached_ns = self.offered.submitted_ns[refused] + self.access_ns[self.offered.node[refused]]
            self.answers.rejected(refused, reached_ns)
        return rows

    def compute_heights(self, faults: Sequence[tuple[int, int]], horizon_ns: int) -> None:
        """Compute heights as a whole, if the protocol allows it, outside these intervals in which something is wrong.

        Other heights, and all heights of other protocols, go by messages.
        """
        self.pilot = shortcut(self, self._engine, faults, horizon_ns)

    def retire(self) -> None:
        """The end: no record will be presented or proved any more, so what that takes is given up."""
        self.records.forget()
        self.ledger.log = merkle.Log(self.ledger.suite)

    # Faults.

    def _follows(self, node: Node, output: Decide) -> bool:
        """Whether a faulty node may execute what it decided now; what it may execute later is kept."""
        blocks, reached = self.ledger.blocks, self.ledger.heights[node.index]
        if output.sequence == reached + 1 < len(blocks):
            return output.value.digest == self.ledger.agreed(output.sequence)
        if output.sequence > reached:
            self.faulty.park(node.index, output)
        return False

    def _follow_on(self, node: Node) -> None:
        """Correct nodes went on: let a faulty one execute what it decided as they did."""
        while not node.down and self.ledger.heights[node.index] + 1 < len(self.ledger.blocks):
            height = self.ledger.heights[node.index] + 1
            output = self.faulty.take(node.index, height, self.ledger.agreed(height))
            if output is None:
                return
            executed_ns = self.commit(node, height, output.value, self._engine.now)
            if executed_ns is None:
                return
            self.step(node, self._executed(node, height, executed_ns), executed_ns)

    def _refuse(self, node: Node, message: Forged, at_ns: int) -> None:
        self._recorder.row("faults", self.config.id, at_ns, message.sender, f"refused by {node.index}: bad signature")

    def distrust(self, index: int) -> None:
        """From now on a node counts as Byzantine: its executions are not judged, and nobody relies on it."""
        self.faulty.nodes.add(index)
        self.ledger.distrusted.add(index)

    def tell_lies(self, index: int, lie: Lie) -> None:
        """Distort what a node sends, until `Faulty.stop_lies`."""
        self.distrust(index)
        self.faulty.lies.setdefault(index, []).append(lie)

    def disguise(self, index: int, guise: Guise) -> Replica:
        """Put another replica in the place of a validator's own, and again should it lose its disk."""
        node = self.nodes[index]
        if node.replica is None or index in self.faulty.guises:
            raise ValueError(f"node {index} of {self.config.id} has no replica to disguise, or is disguised already")
        self.distrust(index)
        self.faulty.guises[index] = guise
        node.replica = guise(node.replica)
        return node.replica

    def note_fault(self, index: int, event: str) -> None:
        """Write down what happens to a node now; -1 where it happens to the network."""
        self._recorder.row("faults", self.config.id, self._engine.now, index, event)

    def plan_downtimes(self, index: int, downtimes: Sequence[tuple[int, int]], wiped: Container[int] = ()) -> None:
        """A node will be down in these intervals; see `Downtimes.plan`."""
        self._downtimes.plan(self.nodes[index], downtimes, wiped)

    def hand_over(self, to: int) -> None:
        """Tell the validators that one of them is to lead, by plan; whoever leads now tries to bring that about."""
        for node in self.nodes[: self.config.validators]:
            if not node.down:
                self.step(node, TransferLeadership(to), self._engine.now)
