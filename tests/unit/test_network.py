"""The network: when messages arrive, what is lost, what the NICs were busy with, and that draws go by address alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel.distributions import Constant, Empirical, Exponential
from sim.kernel.draws import Draws
from sim.kernel.engine import MILLISECOND, SECOND, Engine
from sim.network.delays import Delays
from sim.network.topology import Link, Topology
from sim.network.transport import Network, Tally

if TYPE_CHECKING:
    from random import Random

BYTE_PER_NS = 8 * SECOND
"""A bandwidth at which a message of so many bytes takes as many nanoseconds."""

PLAIN = Link(delay_ns=1000, jitter=Constant(0), loss=0.0, reliable=True, retransmit_ns=0)
DATAGRAM = replace(PLAIN, reliable=False)
unhurried = settings(deadline=None)


@dataclass
class World:
    """A network between nodes of one region each, and what its handlers saw."""

    engine: Engine
    network: Network
    seen: list[tuple[int, object, int, int]] = field(default_factory=list)
    down: set[int] = field(default_factory=set)

    def receive(self, node: int, payload: object, received_at_ns: int) -> bool:
        self.seen.append((node, payload, self.engine.now, received_at_ns))
        return node not in self.down

    def send(self, sender: int, receivers: list[int], payload: object, size_bytes: int = 0, at_ns: int = 0) -> None:
        self.network.send(sender, receivers, payload, size_bytes, ("test", 0, 0), at_ns)

    def arrivals(self, until: int = SECOND) -> list[tuple[int, object, int]]:
        """Receiver, payload and time of arrival of everything that arrives before ``until``."""
        self.engine.run(until)
        return [(node, payload, at_ns) for node, payload, at_ns, _ in self.seen]

    def receptions(self) -> list[tuple[object, int]]:
        """Payload and end of reception of everything."""
        self.engine.run(SECOND)
        return [(payload, received_ns) for _, payload, _, received_ns in self.seen]


def _topology(nodes: int, link: Link) -> Topology:
    return Topology([f"r{node}" for node in range(nodes)], lambda _a, _b: link)


def _world(
    nodes: int = 3, link: Link = PLAIN, bandwidth_bps: float | None = None, topology: Topology | None = None
) -> World:
    engine = Engine()
    topology = topology or _topology(nodes, link)
    world = World(engine, Network(engine, Draws(1), "jc", topology, bandwidth_bps))
    for node in range(len(topology)):
        world.network.attach(lambda payload, at_ns, node=node: world.receive(node, payload, at_ns))
    return world


def test_each_copy_arrives_after_those_before_it_were_sent_plus_the_delay() -> None:
    world = _world(nodes=4, bandwidth_bps=BYTE_PER_NS)
    world.send(0, [2, 1, 3], "m", size_bytes=70, at_ns=500)
    assert world.arrivals() == [(2, "m", 500 + 70 + 1000), (1, "m", 500 + 140 + 1000), (3, "m", 500 + 210 + 1000)]


@pytest.mark.parametrize("size_bytes", [1, 10**9])
def test_infinite_bandwidth_sends_and_receives_anything_at_once(size_bytes: int) -> None:
    world = _world(nodes=4)
    assert world.network.transmission_ns(size_bytes) == 0
    for sender in (0, 1):
        world.send(sender, [2, 3], sender, size_bytes, at_ns=7)
    assert world.arrivals() == [(2, 0, 1007), (3, 0, 1007), (2, 1, 1007), (3, 1, 1007)]
    assert [received_ns for *_, received_ns in world.seen] == [1007] * 4
    assert world.network.utilisation(2, SECOND) == (0.0, 0.0)


def test_transmission_takes_the_bits_over_the_bandwidth_to_the_nearest_nanosecond() -> None:
    assert _world(bandwidth_bps=100e6).network.transmission_ns(1250) == 100_000
    assert _world(bandwidth_bps=3e9).network.transmission_ns(1) == 3
    assert _world(bandwidth_bps=1e9).network.transmission_ns(0) == 0


sends = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.lists(st.integers(0, 2), min_size=1, max_size=3),
        st.integers(0, 500),
        st.integers(0, 3000),
    ),
    max_size=25,
)


@unhurried
@given(sends)
def test_nics_are_first_come_first_served_at_both_ends(sends: list[tuple[int, list[int], int, int]]) -> None:
    delays_ns = [[0, 300, 900], [50, 0, 2000], [700, 10, 0]]
    names = ["r0", "r1", "r2"]
    links = {
        (a, b): replace(DATAGRAM, delay_ns=delays_ns[i][j]) for i, a in enumerate(names) for j, b in enumerate(names)
    }
    world = _world(topology=Topology(names, lambda a, b: links[a, b]), bandwidth_bps=BYTE_PER_NS)
    sent_ns, arrivals = [0, 0, 0], []
    for number, (sender, receivers, size_bytes, at_ns) in enumerate(sends):
        world.send(sender, receivers, number, size_bytes, at_ns)
        for receiver in receivers:
            sent_ns[sender] = max(at_ns, sent_ns[sender]) + size_bytes
            arrivals.append((sent_ns[sender] + delays_ns[sender][receiver], receiver, number, size_bytes))
    received_ns, expected = [0, 0, 0], []
    for arrival_ns, receiver, number, size_bytes in sorted(arrivals, key=lambda arrival: arrival[0]):
        received_ns[receiver] = max(arrival_ns, received_ns[receiver] + size_bytes)
        expected.append((receiver, number, arrival_ns, received_ns[receiver]))
    world.engine.run(SECOND)
    assert world.seen == expected


def test_reception_is_cut_through_unless_the_receiver_is_busy() -> None:
    world = _world(bandwidth_bps=BYTE_PER_NS)
    world.send(0, [2], "a", size_bytes=100, at_ns=0)  # the last bit at 1100, alone
    world.send(1, [2], "b", size_bytes=300, at_ns=0)  # at 1300, later than 1100 + 300 could be
    world.send(0, [2], "c", size_bytes=10, at_ns=1000)  # at 2010, the NIC has been idle
    assert world.receptions() == [("a", 1100), ("b", 1400), ("c", 2010)]


def test_links_may_differ_by_direction() -> None:
    links = {
        ("north", "south"): replace(PLAIN, delay_ns=10),
        ("south", "north"): replace(PLAIN, delay_ns=400, jitter=Constant(5)),
    }
    world = _world(topology=Topology(["north", "south"], lambda a, b: links.get((a, b), PLAIN)))
    world.send(0, [1], "down")
    world.send(1, [0], "up")
    assert world.arrivals() == [(1, "down", 10), (0, "up", 405)]


def _sequence_numbers_at_arrival(link: Link) -> list[int]:
    """The order in which 300 messages, sent 1 µs apart and each with its own draws, reach the other node."""
    world = _world(nodes=2, link=link)
    for number in range(300):
        world.network.send(0, [1], number, 100, ("test", 0, number), 1000 * number)
    return [number for _, number, _ in world.arrivals()]


JITTERY = replace(PLAIN, jitter=Exponential(50_000.0))


def test_a_reliable_link_never_reorders_even_with_jitter_and_loss() -> None:
    lossy = replace(JITTERY, loss=0.3, retransmit_ns=MILLISECOND)
    assert _sequence_numbers_at_arrival(JITTERY) == list(range(300))
    assert _sequence_numbers_at_arrival(lossy) == list(range(300))


def test_datagrams_with_jitter_overtake_each_other() -> None:
    order = _sequence_numbers_at_arrival(replace(JITTERY, reliable=False))
    assert sorted(order) == list(range(300))
    assert order != sorted(order)


def test_a_delayed_message_on_a_reliable_link_holds_back_exactly_those_behind_it() -> None:
    """The n-th message arrives when it and all before it would have, each taken alone."""
    world, alone = _world(nodes=2, link=JITTERY), Delays(Draws(1), "jc", _topology(2, JITTERY))
    expected, latest_ns = [], 0
    for number in range(100):
        world.network.send(0, [1], number, 0, ("test", 3, number), 1000 * number)
        latest_ns = max(latest_ns, 1000 * number + alone.rows(("test", 3, number))[0][1])
        expected.append((1, number, latest_ns))
    assert world.arrivals() == expected


def test_order_is_kept_per_direction_and_pair_not_across_pairs() -> None:
    world = _world(nodes=3, link=replace(PLAIN, jitter=Empirical((0.0, 50_000.0))))
    for number in range(60):
        world.network.send(0, [1 + number % 2], number, 0, ("test", 0, number), number)
    order = [number for _, number, _ in world.arrivals()]
    for receiver in (0, 1):
        assert [number for number in order if number % 2 == receiver] == list(range(receiver, 60, 2))
    assert order != sorted(order)


def test_a_loss_costs_the_sender_the_transmission_all_the_same() -> None:
    world = _world(nodes=2, link=replace(DATAGRAM, loss=0.5), bandwidth_bps=BYTE_PER_NS)
    for number in range(50):
        world.network.send(0, [1], number, 100, ("test", 0, number), 0)
    arrivals = world.arrivals()
    assert 0 < len(arrivals) < 50
    assert [at_ns for *_, at_ns in arrivals] == [100 * (number + 1) + 1000 for _, number, _ in arrivals]


RANDOM_LINK = replace(JITTERY, loss=0.1, retransmit_ns=MILLISECOND)
addresses = st.tuples(st.sampled_from(["prepare", "commit"]), st.integers(0, 2), st.integers(0, 40))


@unhurried
@given(st.lists(addresses, min_size=1, max_size=150), st.randoms(use_true_random=False))
def test_delays_depend_neither_on_who_asks_first_nor_on_what_was_asked_between(
    asked: list[tuple[str, int, int]], random: Random
) -> None:
    topology = _topology(3, RANDOM_LINK)
    delays = Delays(Draws(1), "jc", topology)
    first = {address: list(delays.rows(address)) for address in asked}
    random.shuffle(asked)
    other = Delays(Draws(1), "jc", topology)
    for address in asked:
        assert list(other.rows(address)) == list(delays.rows(address)) == first[address]


def test_an_address_long_forgotten_is_drawn_alike_and_no_more_than_64_are_remembered() -> None:
    delays = Delays(Draws(1), "jc", _topology(3, RANDOM_LINK))
    first = delays.rows(("prepare", 0, 0))
    assert delays.rows(("prepare", 0, 0)) is first
    for sequence in range(1, 65):
        delays.rows(("prepare", 0, sequence))
    assert len(delays._recent) == 64
    again = delays.rows(("prepare", 0, 0))
    assert again is not first
    assert list(again) == list(first)


def test_different_chains_seeds_and_addresses_have_different_delays() -> None:
    topology = _topology(3, RANDOM_LINK)
    drawn = [
        list(Delays(Draws(seed), chain, topology).rows(address))
        for seed in (1, 2)
        for chain in ("jc", "bank")
        for address in (("prepare", 0, 1), ("commit", 0, 1), ("prepare", 1, 0), ("prepare", 1, 1))
    ]
    assert all(drawn.count(rows) == 1 for rows in drawn)


def test_constant_links_draw_nothing_and_add_their_constant_jitter() -> None:
    delays = Delays(Draws(1), "jc", _topology(2, replace(PLAIN, jitter=Constant(25))))
    assert list(delays.rows(("prepare", 0, 1))) == [[1025, 1025], [1025, 1025]]
    assert delays.rows(("commit", 9, 9)) is delays.rows(("prepare", 0, 1))


def test_a_constant_delay_stays_constant_beside_links_that_jitter() -> None:
    links = {("a", "b"): JITTERY, ("b", "a"): replace(PLAIN, jitter=Constant(25))}
    delays = Delays(Draws(1), "jc", Topology(["a", "b"], lambda a, b: links.get((a, b), PLAIN)))
    drawn = np.array([delays.rows(("test", 0, number)) for number in range(20)])
    assert set(drawn[:, 1, 0].tolist()) == {1025}
    assert len(set(drawn[:, 0, 1].tolist())) == 20


def test_what_a_halting_node_has_not_sent_by_then_is_lost() -> None:
    world = _world(nodes=2, bandwidth_bps=BYTE_PER_NS)
    world.network.halt(0, at_ns=200)
    for name in ("sent", "just sent", "cut off", "behind it"):
        world.send(0, [1], name, size_bytes=100)
    world.send(1, [0], "the other way", size_bytes=500)
    assert world.arrivals() == [(1, "sent", 1100), (1, "just sent", 1200), (0, "the other way", 1500)]
    assert world.network.tallies["test"] == Tally(sent=5, delivered=3, lost=2, sent_bytes=900)


def test_a_restarted_node_sends_and_receives_with_empty_queues() -> None:
    world = _world(nodes=3, bandwidth_bps=BYTE_PER_NS)
    world.network.halt(0, at_ns=200)
    world.send(0, [1], "lost", size_bytes=100_000)
    for sender in (1, 2):
        world.send(sender, [0], "long", size_bytes=50_000)
    world.engine.run(60_000)
    world.network.restart(0, at_ns=60_000)
    world.send(0, [1], "after", size_bytes=100, at_ns=60_000)
    world.send(1, [0], "reply", size_bytes=10, at_ns=60_000)
    assert world.receptions() == [("long", 51_000), ("long", 101_000), ("reply", 61_010), ("after", 61_100)]


def test_a_handler_that_does_not_take_a_message_makes_it_lost_and_leaves_its_nic_idle() -> None:
    world = _world(bandwidth_bps=BYTE_PER_NS)
    world.down.add(2)
    world.send(0, [1, 2], "m", size_bytes=100)
    world.send(1, [2], "n", size_bytes=100)
    world.engine.run(10_000)
    assert world.network.tallies["test"] == Tally(sent=3, delivered=1, lost=2, sent_bytes=300)
    assert [world.network.utilisation(node, 10_000)[1] for node in range(3)] == [0.0, 0.01, 0.0]


@unhurried
@given(st.integers(0, 6000), st.integers(1, 200), st.sets(st.integers(0, 2)), st.integers(0, 3000))
def test_sent_is_delivered_plus_lost_plus_in_flight_at_any_time(
    stop_ns: int, size_bytes: int, down: set[int], halt_ns: int
) -> None:
    world = _world(link=replace(DATAGRAM, loss=0.2, jitter=Exponential(2000.0)), bandwidth_bps=BYTE_PER_NS)
    world.down |= down
    world.network.halt(1, halt_ns)
    for number in range(20):
        world.network.send(number % 3, [(number + 1) % 3, (number + 2) % 3], number, size_bytes, ("test", 0, number), 0)
    tally = world.network.tallies["test"]
    assert (tally.sent, tally.sent_bytes) == (40, 40 * size_bytes)
    world.engine.run(stop_ns)
    in_flight = tally.sent - tally.delivered - tally.lost
    arrived = len(world.seen)
    world.engine.run(SECOND)
    assert len(world.seen) - arrived == in_flight
    assert tally.sent == tally.delivered + tally.lost == 40
    assert tally.delivered == sum(node not in down for node, *_ in world.seen)


def test_each_kind_of_message_has_its_own_tally() -> None:
    world = _world()
    world.network.send(0, [1, 2], "p", 100, ("prepare", 0, 1), 0)
    world.network.send(1, [2], "c", 30, ("commit", 0, 1), 0)
    world.engine.run(1000)
    assert world.network.tallies == {"prepare": Tally(2, 0, 0, 200), "commit": Tally(1, 0, 0, 30)}
    world.engine.run(1001)
    assert world.network.tallies == {"prepare": Tally(2, 2, 0, 200), "commit": Tally(1, 1, 0, 30)}


def test_utilisation_is_the_share_of_the_horizon_in_which_a_nic_was_busy() -> None:
    world = _world(bandwidth_bps=BYTE_PER_NS)
    world.send(0, [1, 2], "m", size_bytes=1000)
    world.send(0, [1], "n", size_bytes=500, at_ns=6000)
    world.engine.run(10_000)
    assert world.network.utilisation(0, 10_000) == (0.25, 0.0)
    assert world.network.utilisation(1, 10_000) == (0.0, 0.15)
    assert world.network.utilisation(2, 10_000) == (0.0, 0.1)


def test_utilisation_never_counts_what_a_nic_would_do_after_the_horizon() -> None:
    world = _world(bandwidth_bps=BYTE_PER_NS)
    world.send(0, [2], "m", size_bytes=3000)
    world.send(1, [2], "m", size_bytes=3000, at_ns=500)
    world.send(0, [2], "half sent", size_bytes=4000, at_ns=3000)
    world.send(1, [2], "wholly after", size_bytes=4000, at_ns=6000)
    world.engine.run(5000)
    assert world.network.utilisation(0, 5000) == (1.0, 0.0)
    assert world.network.utilisation(1, 5000) == (0.6, 0.0)
    assert world.network.utilisation(2, 5000) == (0.0, 0.8)  # from 1000, cut through, past the horizon


def test_what_is_over_is_counted_without_being_remembered() -> None:
    world = _world(bandwidth_bps=BYTE_PER_NS)
    for number in range(500):
        world.send(0, [1], number, size_bytes=100, at_ns=200 * number)
        world.engine.run(200 * number + 150)
        assert len(world.network._egress_periods[0]) <= 2
    world.engine.run(100_000)
    assert world.network.utilisation(0, 100_000) == (0.5, 0.0)


def test_a_nic_is_busy_no_longer_once_its_node_has_halted() -> None:
    world = _world(bandwidth_bps=BYTE_PER_NS)
    world.network.halt(0, at_ns=300)
    world.send(0, [1], "cut off", size_bytes=900)
    world.send(0, [1], "behind it", size_bytes=900)
    world.engine.run(1000)
    assert world.network.utilisation(0, 1000) == (0.3, 0.0)
