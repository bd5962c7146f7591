"""A schedule put into effect: every fault becomes calls at its beginning and its end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sim.chain.faulty import Clock
from sim.faults.behaviours import LIES, lie_of
from sim.faults.guises import Censor, Coalition, Disguise, Twins
from sim.faults.schedule import (
    CENSOR,
    EQUIVOCATE,
    NEW_VIEW,
    Byzantine,
    ClockSkew,
    Crash,
    Disturbance,
    Partition,
    Slow,
    Transfer,
    end_ns,
    lasting,
    storms,
)
from sim.network.disturbance import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sim.chain.chain import Chain
    from sim.chain.node import Node
    from sim.consensus.interface import Replica
    from sim.faults.schedule import Fault
    from sim.kernel.draws import Block, Draws
    from sim.kernel.engine import Engine

T = TypeVar("T")
_BOTH_HALVES = 0.25
"""The share of peers that both instances of an equivocator talk to."""


def apply(faults: Sequence[Fault], chains: Mapping[str, Chain], engine: Engine, draws: Draws) -> None:
    """Schedule every fault on its chain; crashes of one node that overlap are one."""
    for chain_id, chain in chains.items():
        mine = [fault for fault in faults if fault.chain == chain_id]
        chain.faulty.storms = storms(mine)
        chain.faulty.severed = any(isinstance(f, Partition | Disturbance) and f.for_ns is None for f in mine)
        down = len(lasting(mine, chain_id) & set(range(chain.config.validators)))
        # With more than that nothing is promised, so nobody need wait for it longer.
        stood = chain.config.voters - chain.family.quorum(chain.config.voters)
        chain.faulty.lasting = down if down <= stood else 0
        _plan_crashes(chain, [fault for fault in mine if isinstance(fault, Crash)])
    for fault in faults:
        if not isinstance(fault, Crash):
            effect = _Effect(chains[fault.chain], engine, draws)
            engine.call_at(fault.at_ns, effect.begin, fault)


def _plan_crashes(chain: Chain, crashes: Iterable[Crash]) -> None:
    intervals: dict[int, list[tuple[int, int]]] = {}
    wiped: dict[int, list[int]] = {}
    for crash in crashes:
        for node in crash.nodes:
            intervals.setdefault(node, []).append((crash.at_ns, end_ns(crash)))
            if crash.disk_lost:
                wiped.setdefault(node, []).append(crash.at_ns)
    for node, downtimes in intervals.items():
        union = merged(downtimes)
        lost = {begin for begin, end in union if any(begin <= at < end for at in wiped.get(node, ()))}
        chain.plan_downtimes(node, union, lost)


def merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of half-open intervals as disjoint ones, ascending."""
    union: list[tuple[int, int]] = []
    for begin, end in sorted(intervals):
        if union and begin <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], end))
        else:
            union.append((begin, end))
    return union


@dataclass(frozen=True, slots=True)
class _Effect:
    """One fault of a chain that is no crash."""

    chain: Chain
    engine: Engine
    draws: Draws

    def begin(self, fault: Fault) -> None:
        """Let it happen, and end when it ends."""
        nodes = (fault.to,) if isinstance(fault, Transfer) else getattr(fault, "nodes", None) or (-1,)
        self._note(nodes, fault.kind)
        if isinstance(fault, Partition):
            self._partition(fault)
        elif isinstance(fault, Disturbance):
            ends = None if fault.nodes is None else frozenset(fault.nodes)
            self._disturb(fault, _rules(fault, ends))
        elif isinstance(fault, ClockSkew):
            self._skew(fault)
        elif isinstance(fault, Slow):
            self._slow(fault)
        elif isinstance(fault, Byzantine):
            self._corrupt(fault)
        elif isinstance(fault, Transfer):
            self.chain.hand_over(fault.to)
        if fault.for_ns:
            self.engine.call_after(fault.for_ns, self._note, nodes, f"{fault.kind} ends")

    def _note(self, nodes: Iterable[int], event: str) -> None:
        for node in nodes:
            self.chain.note_fault(node, event)

    def _at_end(self, fault: Fault, call: Callable[[T], object], argument: T) -> None:
        if fault.for_ns is not None:
            self.engine.call_after(fault.for_ns, call, argument)

    def _disturb(self, fault: Fault, rules: Iterable[Rule]) -> None:
        for rule in rules:
            handle = self.chain.network.disturb(rule)
            self._at_end(fault, self.chain.network.relieve, handle)

    def _partition(self, fault: Partition) -> None:
        groups = [frozenset(group) for group in fault.groups]
        senders = groups[:1] if fault.one_way else groups
        cut = [Rule(a, b, loss=1.0) for a in senders for b in groups if a != b]
        self._disturb(fault, cut)

    def _skew(self, fault: ClockSkew) -> None:
        clock = Clock(self.engine.now, fault.ahead_ns, fault.ppm)
        for node in fault.nodes:
            self.chain.faulty.set_clock(node, clock)
            self._at_end(fault, lambda node: self.chain.faulty.set_clock(node, None), node)

    def _slow(self, fault: Slow) -> None:
        for index in fault.nodes:
            node = self.chain.nodes[index]
            node.slow *= fault.times
            self._at_end(fault, self._speed_up, (index, fault.times))

    def _speed_up(self, relief: tuple[int, int]) -> None:
        index, times = relief
        self.chain.nodes[index].slow //= times

    def _corrupt(self, fault: Byzantine) -> None:
        if fault.kind in LIES:
            lie = lie_of(fault)
            for node in fault.nodes:
                self.chain.tell_lies(node, lie)
                self._at_end(fault, lambda node: self.chain.faulty.stop_lies(node, lie), node)
        elif fault.kind == CENSOR:
            self._disguise(fault, lambda _, inner: Censor(inner, self.chain, fault.streams))
        else:
            coalition = self._coalition(fault)
            self._disguise(fault, lambda node, inner: Twins(inner, self.chain, self.chain.nodes[node], coalition))

    def _disguise(self, fault: Byzantine, guise: Callable[[int, Replica], Disguise]) -> None:
        over_ns = end_ns(fault)

        def dress(node: int, inner: Replica) -> Replica:
            worn = guise(node, inner)
            if self.engine.now >= over_ns:
                worn.end()
            return worn

        for index in fault.nodes:
            node = self.chain.nodes[index]
            worn = self.chain.disguise(index, partial(dress, index))
            if isinstance(worn, Twins):
                self.chain.carry_out(node, worn.timers_at_birth(), self.engine.now)
            self._at_end(fault, self._undress, node)

    def _undress(self, node: Node) -> None:
        """The disguise stays on, for what is under way is meant for it, but lies no more and proposes what it kept."""
        if isinstance(node.replica, Disguise):
            node.replica.end()
            if self.chain.proposer.pool.leader == node.index and not node.down:
                self.chain.proposer.lead(node, self.engine.now)
                self.chain.proposer.plan(node, self.engine.now)

    def _coalition(self, fault: Byzantine) -> Coalition:
        validators = self.chain.config.validators
        members = frozenset(fault.nodes)
        peers = [index for index in range(validators) if index not in members]
        chance = self.draws.block(self.chain.config.id, fault.kind, fault.at_ns, *fault.nodes)
        if fault.groups is not None:
            first, second = (frozenset(group) & frozenset(peers) for group in fault.groups)
            return Coalition(members, (first, second), (first, second))
        first, second = _halves(peers, chance, overlap=fault.kind == EQUIVOCATE and len(members) == 1)
        if fault.kind != NEW_VIEW:
            return Coalition(members, (first, second), (first, second))
        unheard = frozenset(peers[int(i)] for i in chance.integers(1, max(1, len(peers)))) if peers else frozenset()
        hears = (frozenset(peers), frozenset(peers) - unheard)
        return Coalition(members, (first, second), hears, patient=True)


def _rules(fault: Disturbance, ends: frozenset[int] | None) -> list[Rule]:
    def rule(senders: frozenset[int] | None, receivers: frozenset[int] | None) -> Rule:
        return Rule(senders, receivers, fault.loss, fault.extra_ns, fault.duplicate, fault.hold)

    return [rule(None, None)] if ends is None else [rule(ends, None), rule(None, ends)]


def _halves(peers: Sequence[int], chance: Block, *, overlap: bool) -> tuple[frozenset[int], frozenset[int]]:
    """Deal peers out to two halves of equal size, the first larger by one at most; with ``overlap`` some join both."""
    order = [peers[int(i)] for i in chance.uniforms(len(peers)).argsort(kind="stable")]
    middle = (len(order) + 1) // 2
    both = {peer for peer, u in zip(order, chance.uniforms(len(order)), strict=True) if overlap and u < _BOTH_HALVES}
    return frozenset(order[:middle]) | both, frozenset(order[middle:]) | both
