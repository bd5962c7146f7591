"""A chain that somebody looks at: its messages and what its nodes' CPUs do, within a window of the run.

As in `sim.network.watched`, the chain's own code knows nothing of this; `sim.build` takes these classes instead of
their parents when a run is watched. They add no events and draw nothing, so that the trace hash stays the same.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.chain.chain import Chain
from sim.chain.node import Node
from sim.chain.verification import Verification
from sim.network.watched import Post, WatchedNetwork

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator

    from sim.consensus.interface import Broadcast, Message, Output, Send, Value

_PREPARE = "prepare a block"
"""What a CPU does when nobody says otherwise: only leaders work unasked."""


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work of one CPU core, other than taking in a message.

    Attributes:
        node: whose.
        core: which of its cores.
        what: it does.
        begun_ns, done_ns: from when to when.
    """

    node: int
    core: int
    what: str
    begun_ns: int
    done_ns: int


class ChainWatch:
    """What is seen of one chain.

    Attributes:
        post: its messages.
        work: of its CPUs, in no order.
        heights: those that some node executed while the chain went by messages.
        cores: of each node's CPU.
        regions: where each node stands.
        doing: what the node that works now is at.
    """

    def __init__(self, from_ns: int, until_ns: int) -> None:
        self.post = Post(from_ns, until_ns)
        self.work: list[Work] = []
        self.heights: set[int] = set()
        self.cores = 1
        self.regions: list[str] = []
        self.doing = _PREPARE

    def worked(self, node: int, core: int, begun_ns: int, done_ns: int) -> None:
        """Write a piece of work down, if any of it is in the window."""
        if begun_ns < done_ns and begun_ns < self.post.until_ns and done_ns > self.post.from_ns:
            self.work.append(Work(node, core, self.doing, begun_ns, done_ns))

    @contextmanager
    def at(self, doing: str) -> Iterator[None]:
        """Whoever works meanwhile does this."""
        before, self.doing = self.doing, doing
        try:
            yield
        finally:
            self.doing = before


class Watch:
    """What is seen of a run.

    Args:
        from_ns, until_ns: the window.
        deliver: heights around the window, which the run would compute as a whole, go by messages.

    Attributes:
        chains: by id, of the last time that the chains were built: where cases ask something of them, they run more
            than once.
        stretches: parts of the horizon that the chains run through, each as (begin, end, begin in the run's time);
            none where they run through all of it.
    """

    def __init__(self, from_ns: int, until_ns: int, *, deliver: bool = False) -> None:
        self.from_ns, self.until_ns = from_ns, until_ns
        self.by_messages = ((from_ns, until_ns),) if deliver else ()
        self.chains: dict[str, ChainWatch] = {}
        self.stretches: tuple[tuple[int, int, int], ...] = ()

    def of(self, chain: str) -> ChainWatch:
        """A new watch for a chain that is about to be built."""
        self.chains[chain] = ChainWatch(self.from_ns, self.until_ns)
        return self.chains[chain]


class WatchedNode(Node):
    """A node whose work is written down."""

    __slots__ = ("watch",)

    def __init__(self, watch: ChainWatch, *args: Any) -> None:  # noqa: ANN401 - as the parent has them
        super().__init__(*args)
        self.watch = watch

    def take(self, received_ns: int, message_ns: int, batch_ns: int) -> int | None:
        """As `Node.take`."""
        before = list(self.core_free_ns)
        handed_ns = super().take(received_ns, message_ns, batch_ns)
        if handed_ns is not None:
            for core, (free_ns, done_ns) in enumerate(zip(before, self.core_free_ns, strict=True)):
                self.watch.worked(self.index, core, max(received_ns, free_ns), done_ns)
        return handed_ns

    def work(self, from_ns: int, work_ns: int) -> int | None:
        """As `Node.work`."""
        before = list(self.core_free_ns)
        done_ns = super().work(from_ns, work_ns)
        if done_ns is not None and work_ns:
            changed = (core for core, free_ns in enumerate(self.core_free_ns) if free_ns != before[core])
            self.watch.worked(self.index, next(changed, 0), done_ns - work_ns * self.slow, done_ns)
        return done_ns


class WatchedChain(Chain):
    """A chain that is watched; arguments as `Chain` has them, behind the watch. Its network is a `WatchedNetwork`."""

    def __init__(self, watch: ChainWatch, *args: Any) -> None:  # noqa: ANN401 - as the parent has them
        self._watch = watch
        super().__init__(*args)
        watch.cores = self.config.cores
        watch.regions = [node.region for node in self.nodes]

    def _make_node(self, index: int) -> Node:
        node = super()._make_node(index)
        return WatchedNode(self._watch, node.index, node.region, node.replica, node.cores)

    def _receive(self, node: Node, payload: tuple[Message, int, int], received_ns: int) -> bool:
        message, work_ns, batch_ns = payload
        arrival = self._watch.post.open
        begun_ns = max(received_ns, node.cpu_free_ns)
        with self._watch.at(f"take {message.kind}"):
            if node.cores > 1:
                # Its cores are seen in `WatchedNode.take`; the replica has it when all of them are done.
                begun_ns = done_ns = received_ns
            else:
                done_ns = begun_ns + (work_ns + batch_ns) * node.slow
            taken = super()._receive(node, payload, received_ns)
        if taken and arrival is not None:
            arrival.begun_ns, arrival.done_ns = begun_ns, done_ns
        return taken

    def _broadcast(self, node: Node, output: Broadcast, at_ns: int, todo: deque[Output]) -> int | None:
        with self._watch.at(f"sign {output.message.kind}"):
            return super()._broadcast(node, output, at_ns, todo)

    def _send(self, node: Node, output: Send, at_ns: int, todo: deque[Output]) -> int | None:
        with self._watch.at(f"sign {output.message.kind}"):
            return super()._send(node, output, at_ns, todo)

    def commit(self, node: Node, height: int, value: Value, voted_ns: int) -> int | None:
        """As `Chain.commit`."""
        self._watch.heights.add(height)
        with self._watch.at(f"execute {height}"):
            return super().commit(node, height, value, voted_ns)


class WatchedVerification(Verification):
    """A verification service whose work is told apart; arguments as `Verification` has them, behind the watch."""

    def __init__(self, watch: ChainWatch, *args: Any) -> None:  # noqa: ANN401 - as the parent has them
        self._watch = watch
        super().__init__(*args)

    def _serve(self, request: int, attempt: int, as_of_ns: int) -> None:
        with self._watch.at("prove a record"):
            super()._serve(request, attempt, as_of_ns)


def watched_network(watch: ChainWatch, *args: Any, **keys: Any) -> WatchedNetwork:  # noqa: ANN401 - as `Network` has them
    """A network that writes into a chain's watch."""
    return WatchedNetwork(watch.post, *args, **keys)
