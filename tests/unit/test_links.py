"""Links that are more than a delay, gateways between zones, trees, rules of disturbance, CPUs with several cores."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from scenario_kit import chain, network, small

import sim
from sim.build import build
from sim.chain.node import Node
from sim.kernel.distributions import Constant
from sim.kernel.draws import Draws
from sim.kernel.engine import MILLISECOND, Engine
from sim.network.disturbance import Rule
from sim.network.gateway import Gateway
from sim.network.topology import Link, Topology
from sim.network.transport import Network

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = Link(delay_ns=1000, jitter=Constant(0), loss=0.0, reliable=False, retransmit_ns=0)
TRIES = 4000


class Net:
    """Nodes that write down what reaches them: (receiver, payload, time)."""

    def __init__(
        self,
        link: Link,
        nodes: int = 3,
        fanout: int = 0,
        bandwidth_bps: float | None = None,
        *,
        gossip: bool = False,
        seed: int = 1,
    ) -> None:
        self.engine = Engine()
        topology = Topology(["r"] * nodes, lambda _a, _b: link)
        self.network = Network(self.engine, Draws(seed), "c", topology, bandwidth_bps, fanout, gossip=gossip)
        self.got: list[tuple[int, object, int]] = []
        for node in range(nodes):
            self.network.attach(lambda payload, at_ns, node=node: self._take(node, payload, at_ns))

    def _take(self, node: int, payload: object, at_ns: int) -> bool:
        self.got.append((node, payload, at_ns))
        return True

    def send(self, number: int, to: tuple[int, ...] = (1,), at_ns: int = 0, size_bytes: int = 100) -> None:
        self.network.send(0, to, number, size_bytes, ("m", 0, number), at_ns)

    def run(self) -> list[tuple[int, object, int]]:
        self.engine.run(until=10**12)
        return self.got


def test_a_line_serves_one_message_after_the_other() -> None:
    net = Net(replace(PLAIN, bandwidth_bps=8e9))  # a byte a nanosecond
    for number in range(3):
        net.send(number)
    assert net.run() == [(1, 0, 1100), (1, 1, 1200), (1, 2, 1300)]


def test_a_datagram_doubles_as_often_as_it_says() -> None:
    net = Net(replace(PLAIN, duplicate=0.3))
    for number in range(TRIES):
        net.send(number)
    # Five standard deviations: one false alarm in a million.
    assert len(net.run()) == pytest.approx(TRIES * 1.3, abs=5 * (TRIES * 0.3 * 0.7) ** 0.5)
    assert max(time for _, _, time in net.got) == 2000


def test_a_reliable_link_doubles_nothing() -> None:
    net = Net(replace(PLAIN, duplicate=1.0, reliable=True))
    net.send(0)
    assert len(net.run()) == 1


def test_a_message_that_is_held_back_is_overtaken_unless_the_link_keeps_order() -> None:
    for reliable in (False, True):
        net = Net(replace(PLAIN, reorder=0.5, held_back_ns=10_000, reliable=reliable))
        for number in range(50):
            net.send(number, at_ns=number * 100)
        order = [payload for _, payload, _ in net.run()]
        assert sorted(order) == list(range(50))
        assert (order == list(range(50))) == reliable


def test_a_gateway_sends_in_batches_and_a_diode_one_way() -> None:
    net = Net(replace(PLAIN, gateway=Gateway(batch_ns=5000, delay=Constant(200))))
    for number, at_ns in enumerate((0, 4700, 4900)):
        net.send(number, at_ns=at_ns)
    # In at 0, 4700, 4900; checked at 200, 4900, 5100; out at 5000, 5000, 10000; there 1000 later.
    assert [time for _, _, time in net.run()] == [6000, 6000, 11_000]
    closed = Net(replace(PLAIN, gateway=Gateway(0, Constant(0), open=False)))
    closed.send(0)
    assert closed.run() == []
    assert closed.network.tallies["m"].lost == 1


@pytest.mark.parametrize("fanout", [1, 2, 3])
def test_a_tree_reaches_everybody_once_and_deeper_is_later(fanout: int) -> None:
    net = Net(PLAIN, nodes=10, fanout=fanout)
    net.send(7, to=tuple(range(1, 10)))
    got = net.run()
    assert sorted(node for node, _, _ in got) == list(range(1, 10))
    assert {payload for _, payload, _ in got} == {7}
    times = [time for _, _, time in got]
    assert times.count(1000) == fanout
    assert all(time >= 2000 for time in sorted(times)[fanout:])
    assert net.network.tallies["m"].sent == 9


def test_a_tree_spares_the_root_counts_on_nobody_who_is_down_and_loses_the_branch_of_whoever_stops() -> None:
    direct, tree = (Net(PLAIN, nodes=9, fanout=fanout, bandwidth_bps=8e9) for fanout in (0, 2))
    for net in (direct, tree):
        net.send(0, to=tuple(range(1, 9)), size_bytes=10_000)
    assert max(time for _, _, time in tree.run()) < max(time for _, _, time in direct.run())
    down = Net(PLAIN, nodes=9, fanout=2)
    down.network.halt(1, 0)
    down.send(0, to=tuple(range(1, 9)), at_ns=5)
    assert sorted(node for node, _, _ in down.run()) == list(range(1, 9))  # as a leaf, which passes nothing on
    lost = set()
    for number in range(100):
        stops = Net(PLAIN, nodes=9, fanout=2)
        stops.network.halt(1, 500)  # the message is on its way then
        stops.send(number, to=tuple(range(1, 9)))
        reached = {node for node, _, _ in stops.run()}
        assert len(reached) + stops.network.tallies["m"].lost == 8
        lost.add(frozenset(range(1, 9)) - reached)
    assert len(lost) > 10, "each message has a tree of its own, or one link that fails would cut off the same for good"


def test_a_rumour_reaches_most_and_is_heard_once_however_often_it_comes() -> None:
    """20 nodes, fanout 3: nobody is handed the same message twice, and few are missed.

    3,000 rumours of other seeds (1000 to 3999) missed 0.0350 of the nodes. The share among 3,800 here may differ by
    five standard deviations of that many independent draws, 0.015; rumours that miss several at once use some of that.
    """
    missed, nodes = 0, 20
    for seed in range(200):
        net = Net(PLAIN, nodes=nodes, fanout=3, seed=seed, gossip=True)
        net.send(seed, to=tuple(range(1, nodes)))
        got = net.run()
        reached = [node for node, _, _ in got]
        assert len(set(reached)) == len(reached)
        assert 0 not in reached
        # Whoever has heard it, and who began, has told three others.
        tally = net.network.tallies["m"]
        assert tally.sent == tally.delivered == 3 * (1 + len(reached))
        missed += nodes - 1 - len(reached)
    assert abs(missed / (200 * (nodes - 1)) - 0.035) < 0.015


def test_what_is_said_again_is_another_rumour() -> None:
    net = Net(PLAIN, nodes=6, fanout=5, gossip=True)
    net.send(0, to=(1, 2, 3, 4, 5))
    net.send(0, to=(1, 2, 3, 4, 5), at_ns=10_000)
    assert sorted(node for node, _, _ in net.run()) == sorted((1, 2, 3, 4, 5) * 2)


def test_rules_cut_delay_double_and_hold() -> None:
    net = Net(PLAIN)
    cut = net.network.disturb(Rule(frozenset({0}), frozenset({1}), loss=1.0))
    net.send(0, to=(1, 2))
    net.network.relieve(cut)
    late = net.network.disturb(Rule(None, None, extra_ns=500, duplicate=1.0))
    net.send(1)
    net.network.relieve(late)
    held = net.network.disturb(Rule(None, frozenset({1}), hold=True))
    net.send(2)
    net.send(3)
    net.engine.call_at(50_000, net.network.relieve, held)
    got = net.run()
    assert [entry for entry in got if entry[1] == 0] == [(2, 0, 1000)]
    assert [time for _, payload, time in got if payload == 1] == [1500, 3000]
    assert [(payload, time) for _, payload, time in got if payload in {2, 3}] == [(2, 51_000), (3, 51_000)]


def test_what_is_said_again_meets_another_chance() -> None:
    net = Net(replace(PLAIN, loss=0.5))
    for _ in range(TRIES):
        net.send(0)
    assert len(net.run()) == pytest.approx(TRIES / 2, abs=5 * (TRIES / 4) ** 0.5)


def _ends(node: Node, jobs: list[tuple[int, int, int]]) -> list[int | None]:
    return [node.take(*job) for job in jobs]


def test_one_core_is_a_queue_and_several_work_side_by_side() -> None:
    jobs = [(0, 100, 0), (0, 100, 0), (50, 100, 0)]
    assert _ends(Node(0, "r", None, cores=2), jobs) == [100, 100, 200]
    serial = Node(0, "r", None)
    assert [serial.work(at_ns, work_ns) for at_ns, work_ns, _ in jobs] == [100, 200, 300]


def test_the_checks_of_a_block_are_shared_by_all_cores_and_order_is_kept() -> None:
    node = Node(0, "r", None, cores=4)
    assert node.take(0, 10, 400) == 110
    assert node.take(0, 1, 0) == 110  # its own core is free sooner, but it was second
    assert node.work(0, 40) == 150  # signing goes after what was handed over
    assert node.cpu_busy_ns == 10 + 400 + 1 + 40
    assert node.utilisation(1000) == pytest.approx(451 / 4000)


def test_a_slow_node_takes_as_many_times_as_long() -> None:
    node = Node(0, "r", None, cores=2)
    node.slow = 3
    assert node.take(0, 10, 20) == 60
    assert node.work(0, 5) == 75


def scenario(folder: Path, **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - as scenarios are
    part = chain(regions=["east", "west"])
    return sim.run(small(folder, chains={"a": part}, **keys)).summary["chains"]["a"]


def test_a_link_may_be_slow_in_one_direction_only(tmp_path: Path) -> None:
    alliance = build(
        small(
            tmp_path,
            chains={"a": chain(regions=["east", "west"])},
            network=network(links=[{"from": "east", "to": "west", "delay": "90ms", "bandwidth": "1Mbit/s"}]),
        ),
        1,
    )
    links = alliance.chains["a"].network.topology.links
    assert (links[0][1].delay_ns, links[1][0].delay_ns) == (90 * MILLISECOND, 10 * MILLISECOND)
    assert (links[0][1].bandwidth_bps, links[1][0].bandwidth_bps) == (1e6, None)


def test_a_gateway_between_the_zones_of_a_chain_slows_its_rounds(tmp_path: Path) -> None:
    zones = {"net": {"name": "Court intranet", "zh": "法院专网"}, "web": {"name": "Internet", "zh": "互联网"}}
    gateway = {"between": ["net", "web"], "batch": "100ms", "delay": "1ms"}
    plain = scenario(tmp_path, zones=zones)
    behind = scenario(tmp_path, zones=zones, network=network(zones={"west": "web"}, gateways=[gateway]))
    assert behind["commit_latency_s"]["mean"] > plain["commit_latency_s"]["mean"] + 0.1


def test_more_cores_make_a_chain_faster_that_waits_for_signatures(tmp_path: Path) -> None:
    costs = {
        "sign": "1ms",
        "verify": "4ms",
        "hash": "1us",
        "hash_per_kilobyte": "1us",
        "execute": "1us",
        "proof": "1us",
    }
    one, eight = (
        sim.run(small(tmp_path, chains={"a": chain(cores=cores)}, costs=costs)).summary["chains"]["a"]
        for cores in (1, 8)
    )
    assert eight["records"] > 1.2 * one["records"]
