"""Carrying messages: NIC queues at both ends by arithmetic, delivery by one scheduled callback per message.

A NIC sends one message at a time, first come first served, at its bandwidth. Reception is cut through: a message is
received when its last bit arrives, unless the receiving NIC is then still busy with earlier arrivals; each keeps it
busy for its own transmission time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sim.kernel.engine import SECOND
from sim.network.delays import LOST, Delays
from sim.network.disturbance import Disturbances

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from sim.kernel.draws import Draws
    from sim.kernel.engine import Engine
    from sim.network.delays import Address
    from sim.network.disturbance import Rule
    from sim.network.topology import Topology

NEVER = 2**62
"""A time that no run reaches, in nanoseconds."""
BROADCAST = -1
_REMEMBERED_SENDS = 4096


@dataclass(slots=True)
class Tally:
    """Messages of one kind."""

    sent: int = 0
    delivered: int = 0
    lost: int = 0
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Relay:
    """A broadcast on its way through others: down a tree, to ``onward``, or as a rumour, to some of ``onward``.

    ``rumour``: who began it, and the address at which; None in a tree.
    """

    payload: object
    onward: Sequence[int]
    size_bytes: int
    address: Address
    rumour: tuple[int, Address] | None = None


class Network:
    """The network between the nodes of one chain.

    Args:
        engine: carries the deliveries.
        draws: the replication's chance.
        chain: addresses the draws.
        topology: nodes and links.
        bandwidth_bps: of every NIC in each direction, bits per second; None means infinite.
        fanout: a message for more nodes than this goes through others: to so many directly, drawn anew for each
            message, who pass it on as soon as they have it, through their own NICs. Nobody counts on a node that is
            down: a closed connection is noticed at once, a partition is not. 0 for directly to all.
        inner: the first so many nodes mostly speak among themselves; 0 for all.
        gossip: whoever hears it first passes it on to ``fanout`` others, drawn at random, and drops it when it comes
            again; so some hear it often and, now and then, some never (Demers et al., "Epidemic algorithms for
            replicated database maintenance", PODC 1987, section 1.4: rumours). Else it goes down a tree: each passes
            it on to its own share of the others. Nobody hears it twice, and what is lost takes its branch with it.
    """

    def __init__(
        self,
        engine: Engine,
        draws: Draws,
        chain: str,
        topology: Topology,
        bandwidth_bps: float | None,
        fanout: int = 0,
        inner: int = 0,
        *,
        gossip: bool = False,
    ) -> None:
        self._fanout = fanout
        self._gossip = gossip
        self._heard: list[dict[tuple[int, Address], None]] = [{} for _ in range(len(topology))]
        self.topology = topology
        self.tallies: dict[str, Tally] = {}
        self._engine = engine
        self._delays = Delays(draws, chain, topology, inner or None)
        self._bandwidth_bps = bandwidth_bps
        nodes = len(topology)
        self._handlers: list[Callable[[object, int], bool]] = []
        self._egress_free = [0] * nodes
        self._ingress_free = [0] * nodes
        self._egress_busy_ns = [0] * nodes
        self._egress_periods: list[deque[tuple[int, int]]] = [deque() for _ in range(nodes)]
        self._ingress_busy_ns = [0] * nodes
        self._ordered = [[link.reliable for link in row] for row in topology.links]
        self._latest = [[0] * nodes for _ in range(nodes)]
        self._halt_ns = [NEVER] * nodes
        self._disturbances = Disturbances(draws, chain, nodes)
        self._draws = draws
        self._chain = chain
        self._special = not all(link.plain for row in topology.links for link in row)
        self._line_free: dict[tuple[int, int], int] = {}
        self._said: dict[tuple[int, int, Address], int] = {}

    def attach(self, handler: Callable[[object, int], bool]) -> None:
        """Attach the next node: ``handler(payload, received_at_ns)`` says whether the node took the message."""
        self._handlers.append(handler)

    def transmission_ns(self, size_bytes: int) -> int:
        """How long a NIC is busy with a message."""
        return 0 if self._bandwidth_bps is None else round(size_bytes * 8 * SECOND / self._bandwidth_bps)

    def disturb(self, rule: Rule) -> int:
        """Let a rule stand for what is sent from now on; returns the handle to `relieve` it by."""
        return self._disturbances.add(rule)

    def relieve(self, handle: int) -> None:
        """Take a rule away; what it held is sent on now."""
        self._disturbances.remove(handle, self._engine.now)

    def _anew(self, sender: int, receivers: Sequence[int], address: Address) -> Address:
        """The address of a message, told apart from the same said before: chance is fresh each time."""
        said = self._said
        key = (sender, receivers[0] if len(receivers) == 1 else BROADCAST, address)
        times = said.get(key, 0)
        said[key] = times + 1
        if len(said) > _REMEMBERED_SENDS:
            del said[next(iter(said))]
        return (*address, times) if times else address

    def said(self, sender: int, receiver: int, address: Address) -> int:
        """How often something has been said to one receiver, as far as is remembered."""
        return self._said.get((sender, receiver, address), 0)

    def note_said(self, sender: int, receiver: int, address: Address, times: int) -> None:
        """Remember that something has been said so often, without messages."""
        self._said[sender, receiver, address] = times

    def send(
        self, sender: int, receivers: Sequence[int], payload: object, size_bytes: int, address: Address, at_ns: int
    ) -> None:
        """Queue a copy for each receiver, in that order, at the sender's NIC from ``at_ns`` on."""
        if self._fanout and len(receivers) > self._fanout:
            self._send_down(sender, receivers, payload, size_bytes, address, at_ns)
            return
        tally = self.tallies.get(address[0])
        if tally is None:
            tally = self.tallies[address[0]] = Tally()
        transmission_ns = self.transmission_ns(size_bytes)
        each = self._special or self._disturbances
        if self._delays.random or each:
            address = self._anew(sender, receivers, address)
        if each:
            self._send_each(sender, receivers, payload, transmission_ns, size_bytes, address, at_ns)
            return
        delays = self._delays.rows(address, self._span(sender, receivers))[sender]
        ordered = self._ordered[sender]
        latest = self._latest[sender]
        free_ns = max(at_ns, self._egress_free[sender])
        started_ns = free_ns
        halt_ns = self._halt_ns[sender]
        call_at, arrive = self._engine.call_at, self._arrive
        copies = 0
        for receiver in receivers:
            free_ns += transmission_ns
            copies += 1
            delay_ns = delays[receiver]
            if delay_ns == LOST or free_ns > halt_ns:
                tally.lost += 1
                continue
            arrival_ns = free_ns + delay_ns
            if ordered[receiver]:
                # A byte stream delivers in order: a delayed message holds back those behind it.
                if arrival_ns < latest[receiver]:
                    arrival_ns = latest[receiver]
                else:
                    latest[receiver] = arrival_ns
            call_at(arrival_ns, arrive, receiver, payload, transmission_ns, tally)
        self._egress_free[sender] = free_ns
        self._count_egress(sender, min(started_ns, halt_ns), min(free_ns, halt_ns))
        tally.sent += copies
        tally.sent_bytes += copies * size_bytes

    def _span(self, sender: int, receivers: Sequence[int]) -> int:
        """How many nodes a message may be between: whoever is spoken to is of one kind, the inner or the others."""
        inner = self._delays.inner
        return inner if sender < inner and (not receivers or receivers[0] < inner) else len(self.topology)

    def _send_down(
        self, sender: int, receivers: Sequence[int], payload: object, size_bytes: int, address: Address, at_ns: int
    ) -> None:
        """Send to `fanout` receivers drawn at random, and let them pass it on to the others."""
        begun = self._anew(sender, receivers, address)
        if self._gossip:
            rumour = (sender, begun)
            self._hear(sender, rumour)
            self._spread(sender, Relay(payload, (sender, *receivers), size_bytes, address, rumour), at_ns)
            return
        order = self._shuffled(receivers, "tree", sender, begun)
        order.sort(key=lambda node: self._halt_ns[node] <= at_ns)
        children, others = order[: self._fanout], order[self._fanout :]
        for place, child in enumerate(children):
            onward = others[place :: self._fanout]
            carried = Relay(payload, onward, size_bytes, address) if onward else payload
            self.send(sender, (child,), carried, size_bytes, address, at_ns)

    def _spread(self, node: int, relay: Relay, at_ns: int) -> None:
        """Pass a rumour on to `fanout` others."""
        origin, begun = relay.rumour or (node, relay.address)
        others = [other for other in relay.onward if other not in {node, origin} and self._halt_ns[other] > at_ns]
        for other in self._shuffled(others, "gossip", node, (*begun, origin))[: self._fanout]:
            self.send(node, (other,), relay, relay.size_bytes, relay.address, at_ns)

    def _shuffled(self, nodes: Sequence[int], purpose: str, node: int, address: tuple[str | int, ...]) -> list[int]:
        keys = self._draws.block(self._chain, purpose, node, *address).uniforms(len(nodes)).tolist()
        return [other for _, other in sorted(zip(keys, nodes, strict=True))]

    def _hear(self, node: int, rumour: tuple[int, Address]) -> bool:
        """Whether a node had not heard this yet, as far as is remembered."""
        heard = self._heard[node]
        if rumour in heard:
            return False
        heard[rumour] = None
        if len(heard) > _REMEMBERED_SENDS:
            del heard[next(iter(heard))]
        return True

    def _send_each(
        self,
        sender: int,
        receivers: Sequence[int],
        payload: object,
        transmission_ns: int,
        size_bytes: int,
        address: Address,
        at_ns: int,
    ) -> None:
        """As `send`, for links that are not plain and under rules: each message has a way of its own."""
        tally = self.tallies[address[0]]
        delays = self._delays.rows(address, self._span(sender, receivers))[sender]
        chances = self._disturbances.chances(address, sender)
        started_ns = free_ns = max(at_ns, self._egress_free[sender])
        halt_ns = self._halt_ns[sender]
        for receiver in receivers:
            free_ns += transmission_ns
            fate = self._disturbances.fate(sender, receiver)
            lost, doubled, held_back = chances[receiver]
            link = self.topology.links[sender][receiver]
            closed = link.gateway is not None and not link.gateway.open
            if closed or delays[receiver] == LOST or free_ns > halt_ns or lost >= fate.survives:
                tally.lost += 1
                continue
            delay_ns = delays[receiver] + fate.extra_ns
            if held_back < link.reorder:
                delay_ns += link.held_back_ns
            arrive = partial(self._arrive, receiver, payload, transmission_ns, tally)
            if fate.held_by is not None:
                deliver = partial(self._deliver_after, delay_ns, arrive)
                self._disturbances.hold(fate.held_by, deliver)
                continue
            arrival_ns = self._carried_ns(sender, receiver, size_bytes, address, free_ns) + delay_ns
            if link.reliable and not self._disturbances:
                arrival_ns = self._latest[sender][receiver] = max(arrival_ns, self._latest[sender][receiver])
            self._engine.call_at(arrival_ns, arrive)
            if doubled >= fate.single * (1 - (0.0 if link.reliable else link.duplicate)):
                tally.sent += 1
                self._engine.call_at(arrival_ns + delay_ns, arrive)
        self._egress_free[sender] = free_ns
        self._count_egress(sender, min(started_ns, halt_ns), min(free_ns, halt_ns))
        tally.sent += len(receivers)
        tally.sent_bytes += len(receivers) * size_bytes

    def _carried_ns(self, sender: int, receiver: int, size_bytes: int, address: Address, from_ns: int) -> int:
        """When a message has passed the line's own bandwidth and the gateway on it; propagation comes on top."""
        link = self.topology.links[sender][receiver]
        if link.bandwidth_bps is not None:
            line = self._line_free
            work_ns = round(size_bytes * 8 * SECOND / link.bandwidth_bps)
            from_ns = line[sender, receiver] = max(from_ns, line.get((sender, receiver), 0)) + work_ns
        if link.gateway is not None:
            block = self._draws.block(self._chain, "gateway", sender, receiver, *address)
            from_ns = link.gateway.leaves_ns(from_ns, int(link.gateway.delay.sample(block, 1)[0]))
        return from_ns

    def _deliver_after(self, delay_ns: int, arrive: Callable[[], None], now_ns: int) -> None:
        self._engine.call_at(now_ns + delay_ns, arrive)

    def _count_egress(self, sender: int, started_ns: int, free_ns: int) -> None:
        """A NIC sends from ``started_ns`` to ``free_ns``; what is not over yet is kept, for a horizon may cut it."""
        self._egress_busy_ns[sender] += free_ns - started_ns
        periods = self._egress_periods[sender]
        periods.append((started_ns, free_ns))
        while periods and periods[0][1] <= self._engine.now:
            periods.popleft()

    def _arrive(self, receiver: int, payload: object, transmission_ns: int, tally: Tally) -> None:
        received_ns = self._ingress_free[receiver] + transmission_ns
        if received_ns < self._engine.now:
            received_ns = self._engine.now
        if type(payload) is Relay:
            relay = payload
            if not self._pass_on(receiver, relay, received_ns):
                self._receive(receiver, received_ns, transmission_ns, tally)
                return
            payload = relay.payload
        if self._handlers[receiver](payload, received_ns):
            self._receive(receiver, received_ns, transmission_ns, tally)
        else:
            tally.lost += 1

    def _receive(self, receiver: int, received_ns: int, transmission_ns: int, tally: Tally) -> None:
        self._ingress_free[receiver] = received_ns
        self._ingress_busy_ns[receiver] += transmission_ns
        tally.delivered += 1

    def _pass_on(self, node: int, relay: Relay, received_ns: int) -> bool:
        """Pass a broadcast on; returns whether it is news to the node. One that stops before passes nothing on."""
        stops = received_ns > self._halt_ns[node]
        if relay.rumour is not None:
            if stops:
                return True
            news = self._hear(node, relay.rumour)
            if news:
                self._spread(node, relay, received_ns)
            return news
        if stops:
            self.tallies[relay.address[0]].sent += len(relay.onward)
            self.tallies[relay.address[0]].lost += len(relay.onward)
        else:
            self.send(node, relay.onward, relay.payload, relay.size_bytes, relay.address, received_ns)
        return True

    @property
    def plain(self) -> bool:
        """Whether every message of every link goes the same simple way, now: no rules, trees, lines or gateways."""
        return not (self._special or self._disturbances or self._fanout)

    @property
    def ordered(self) -> bool:
        """Whether links deliver in order."""
        return any(map(any, self._ordered))

    def under_way(self) -> int:
        """How many messages are sent and not there yet."""
        return sum(tally.sent - tally.delivered - tally.lost for tally in self.tallies.values())

    def delays(self, addresses: Sequence[Address], *, inner: bool) -> NDArray[np.int64]:
        """Nanoseconds from each sender to each receiver, the inner or all, for what is first said at addresses."""
        return self._delays.matrices(addresses, self._delays.inner if inner else len(self.topology))

    def delay_ns(self, sender: int, receiver: int, address: Address) -> int:
        """Nanoseconds between two of the inner nodes, for one address."""
        return self._delays.rows(address, self._delays.inner)[sender][receiver]

    def busy(self, n: int) -> tuple[list[int], list[int], list[list[int]]]:
        """Until when the first ``n`` nodes receive and send, and the last arrivals on the links between them."""
        return self._ingress_free[:n], self._egress_free[:n], [row[:n] for row in self._latest[:n]]

    def set_busy(self, ingress: Sequence[int], egress: Sequence[int], latest: Sequence[Sequence[int]]) -> None:
        """The inverse of `busy`."""
        n = len(ingress)
        self._ingress_free[:n], self._egress_free[:n] = ingress, egress
        for row, last in zip(self._latest, latest, strict=False):
            row[:n] = last

    def account(self, kind: str, count: int, sent_bytes: int) -> None:
        """Count messages that were delivered without having been sent one by one."""
        tally = self.tallies.setdefault(kind, Tally())
        tally.sent += count
        tally.delivered += count
        tally.sent_bytes += sent_bytes

    def account_busy(self, node: int, sending_ns: int, receiving_ns: int) -> None:
        """Count the NIC's time for them."""
        self._egress_busy_ns[node] += sending_ns
        self._ingress_busy_ns[node] += receiving_ns

    def halt(self, node: int, at_ns: int) -> None:
        """A node stops at ``at_ns``, known in advance: what its NIC has not sent by then is lost."""
        self._halt_ns[node] = at_ns

    def restart(self, node: int, at_ns: int) -> None:
        """A node comes back with empty NIC queues and new connections."""
        self._halt_ns[node] = NEVER
        self._egress_free[node] = at_ns
        self._ingress_free[node] = at_ns
        for peer in range(len(self._latest)):
            self._latest[node][peer] = self._latest[peer][node] = 0

    def utilisation(self, node: int, horizon_ns: int) -> tuple[float, float]:
        """The share of a horizon that a node's NIC spent sending and receiving, once the engine stands at it."""
        unsent_ns = sum(end - max(start, horizon_ns) for start, end in self._egress_periods[node] if end > horizon_ns)
        unreceived_ns = max(0, self._ingress_free[node] - horizon_ns)
        sending_ns = self._egress_busy_ns[node] - unsent_ns
        receiving_ns = self._ingress_busy_ns[node] - unreceived_ns
        return sending_ns / horizon_ns, receiving_ns / horizon_ns
