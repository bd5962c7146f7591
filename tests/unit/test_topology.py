"""Who is connected to whom and how: the complete graph over regions, and the links that it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import networkx as nx
import pytest

from sim.kernel.distributions import Constant
from sim.network.topology import Link, Topology, deal

PLAIN = Link(delay_ns=1000, jitter=Constant(0), loss=0.0, reliable=True, retransmit_ns=0)


def test_the_graph_has_every_ordered_pair_as_an_edge_and_the_regions_as_attributes() -> None:
    regions = deal(7, ["beijing", "shanghai", "xinjiang"])
    links = {("beijing", "xinjiang"): replace(PLAIN, delay_ns=33)}
    graph = Topology(regions, lambda a, b: links.get((a, b), PLAIN)).graph()
    assert (graph.number_of_nodes(), graph.number_of_edges()) == (7, 7 * 6)
    assert nx.number_of_selfloops(graph) == 0
    assert nx.get_node_attributes(graph, "region") == dict(enumerate(regions))
    assert (graph.edges[0, 2]["delay_ns"], graph.edges[2, 0]["delay_ns"]) == (33, 1000)


def test_a_topology_asks_once_for_each_ordered_pair_of_different_regions_in_order_of_appearance() -> None:
    asked = []

    def link(a: str, b: str) -> Link:
        asked.append((a, b))
        return PLAIN

    assert len(Topology(["c", "a", "c", "b"], link)) == 4
    assert asked == [(a, b) for a in "cab" for b in "cab"]


def test_a_matrix_has_senders_as_rows() -> None:
    delays_ns = {("a", "a"): 1, ("a", "b"): 2, ("b", "a"): 3, ("b", "b"): 4}
    topology = Topology(["a", "b"], lambda a, b: replace(PLAIN, delay_ns=delays_ns[a, b]))
    assert topology.matrix(lambda link: link.delay_ns).tolist() == [[1, 2], [3, 4]]


def test_nodes_are_dealt_out_in_turn() -> None:
    assert deal(7, ["a", "b", "c"]) == ["a", "b", "c", "a", "b", "c", "a"]
    assert deal(2, ["a", "b", "c"]) == ["a", "b"]
    assert deal(0, ["a"]) == []


@pytest.mark.parametrize(
    "wrong", [{"delay_ns": -1}, {"retransmit_ns": -1}, {"loss": -0.1}, {"loss": 1.0}, {"loss": math.nan}], ids=str
)
def test_a_link_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"a link needs delays >= 0 and a loss in \[0, 1\)"):
        replace(PLAIN, **wrong)
