"""When nodes of a chain are down, and how they come back: with their disk, or with nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.network.transport import NEVER

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from sim.chain.catchup import Catchup
    from sim.chain.chain import Chain
    from sim.chain.node import Node
    from sim.kernel.engine import Engine


class Downtimes:
    """Crashes and restarts of one chain's nodes, planned before the run."""

    def __init__(self, chain: Chain, catchup: Catchup, engine: Engine) -> None:
        self._chain = chain
        self._catchup = catchup
        self._engine = engine

    def plan(self, node: Node, downtimes: Sequence[tuple[int, int]], wiped: Container[int]) -> None:
        """A node will be down in these intervals, disjoint and ascending; it comes back with its disk after each.

        An interval that ends at `sim.network.transport.NEVER` has no restart. After those whose beginning is in
        ``wiped`` the disk is gone: the node begins with nothing and counts as Byzantine from then on. A crash-fault
        protocol does not stand that, so there it stays out under its old identity.
        """
        chain = self._chain
        bars = not chain.family.byzantine and node.index < chain.config.validators
        stays_out = next((begin for begin, _ in downtimes if begin in wiped and bars), NEVER)
        node.downtimes = tuple((b, NEVER if b == stays_out else e) for b, e in downtimes if b <= stays_out)
        self._announce_halt(node, 0)
        for crash_ns, restart_ns in downtimes:
            if crash_ns <= stays_out:
                self._engine.call_at(crash_ns, self._crash, node)
                restart = self._bar if crash_ns == stays_out else self._restart
                if restart_ns < NEVER:
                    self._engine.call_at(restart_ns, restart, node, crash_ns in wiped)

    def _announce_halt(self, node: Node, now_ns: int) -> None:
        """Let a node and its NIC know when they will next stop."""
        node.halt_ns = next((crash_ns for crash_ns, _ in node.downtimes if crash_ns >= now_ns), NEVER)
        self._chain.network.halt(node.index, node.halt_ns)

    def _crash(self, node: Node) -> None:
        node.crash()
        self._chain.faulty.forget(node.index)
        self._chain.note_fault(node.index, "crash")

    def _bar(self, node: Node, _wiped: bool) -> None:
        self._chain.note_fault(node.index, "stays out: its disk is lost")

    def _restart(self, node: Node, wiped: bool) -> None:
        chain, now_ns = self._chain, self._engine.now
        node.restart(now_ns)
        chain.network.restart(node.index, now_ns)
        self._announce_halt(node, now_ns)
        chain.note_fault(node.index, "restart without disk" if wiped else "restart")
        if wiped:
            self._wipe(node)
        chain.proposer.restart(node, now_ns)
        self._catchup.resume(node, now_ns)

    def _wipe(self, node: Node) -> None:
        """The disk is gone: the node stands at the beginning and knows nothing of what it said before."""
        chain = self._chain
        chain.ledger.heights[node.index] = 0
        if node.replica is None:
            return
        chain.distrust(node.index)
        guise = chain.faulty.guises.get(node.index)
        fresh = chain.fresh_replica(node.index)
        node.replica = fresh if guise is None else guise(fresh)
