"""PBFT under any schedule: no two correct replicas disagree, and once the storm is over everything gets decided.

Each example is one seeded storm (`pbft_cluster`). The examples are derived from the test's name, so a run is
repeatable; the last tests show that the checker sees a divergence when there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pbft_cluster import LIES, Cluster, DivergenceError

from sim.consensus.pbft_config import Config
from sim.consensus.quorum import Quorums, message_law

if TYPE_CHECKING:
    from collections.abc import Callable

END = 10_000_000
"""Far beyond what any timeout of the examples reaches."""

CALM_REQUESTS = 10
"""More than two checkpoint intervals, so that whoever lost the last votes of the storm hears of it."""


@st.composite
def storms(draw: Callable[..., int]) -> tuple[int, int, dict[int, str], int, float, list[tuple[int, int, int]]]:
    n = draw(st.integers(1, 10))
    order = draw(st.permutations(range(n)))
    liars = draw(st.integers(0, Quorums.of(n).faults))
    byzantine = {i: draw(st.sampled_from(sorted(LIES))) for i in order[:liars]}
    calm_at = draw(st.sampled_from([0, 500, 1500]))
    loss = draw(st.sampled_from([0.0, 0.05, 0.2, 0.4]))
    crashes = []
    for i in order[liars : liars + draw(st.integers(0, 2))]:
        start = draw(st.integers(0, calm_at))
        crashes.append((i, start, draw(st.integers(start, calm_at))))
    return n, draw(st.integers(0, 2**32)), byzantine, calm_at, loss, crashes


@settings(max_examples=120, deadline=None, derandomize=True)
@given(storms())
def test_correct_replicas_agree_always_and_decide_everything_after_the_storm(
    storm: tuple[int, int, dict[int, str], int, float, list[tuple[int, int, int]]],
) -> None:
    n, seed, byzantine, calm_at, loss, crashes = storm
    cluster = Cluster(n, seed, byzantine=byzantine, calm_at=calm_at, loss=loss, crashes=crashes)
    for k in range(10):
        cluster.request_at(k * calm_at // 10)
    for k in range(CALM_REQUESTS):
        cluster.request_at(calm_at + 300 * (k + 1))
    cluster.run(END)
    assert cluster.finished(), "a request was not executed everywhere"
    assert cluster.accused <= byzantine.keys()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(n=st.integers(1, 10), seed=st.integers(0, 2**32), requests=st.integers(1, 7))
def test_without_faults_the_message_law_holds_under_any_order_of_delivery(n: int, seed: int, requests: int) -> None:
    cluster = Cluster(n, seed)
    for _ in range(requests):
        cluster.request_at(0)
    cluster.run(END)
    cluster.drain()
    law = {kind: count * requests for kind, count in message_law(n).items()}
    checkpoints = n * (n - 1) * (requests // 4)
    assert {kind: count for kind, count in cluster.sent.items() if count} == {
        kind: count for kind, count in (law | {"checkpoint": checkpoints}).items() if count
    }
    assert not any(host.replica.view for host in cluster.hosts)


@pytest.mark.parametrize("n", [4, 7, 10])
def test_an_equivocating_leader_is_caught_and_replaced(n: int) -> None:
    cluster = Cluster(n, seed=n, byzantine={0: "equivocating"})
    for k in range(5):
        cluster.request_at(20 * k)
    cluster.run(END)
    assert cluster.finished()
    assert all(cluster.hosts[i].replica.view > 0 for i in cluster.correct)


class OneShort(Config):
    """A chain whose quorums are one smaller than safety needs."""

    @property
    def quorums(self) -> Quorums:
        sizes = Quorums.of(self.n)
        return Quorums(n=self.n, faults=sizes.faults, quorum=sizes.quorum - 1, weak=sizes.weak)


def storm_of_an_equivocating_leader(n: int, seed: int, config: type[Config]) -> Cluster:
    cluster = Cluster(n, seed, byzantine=dict.fromkeys(range(Quorums.of(n).faults), "equivocating"), config=config)
    for k in range(5):
        cluster.request_at(20 * k)
    cluster.run(END)
    return cluster


@pytest.mark.parametrize("n", [4, 7, 10])
def test_a_quorum_one_short_diverges_and_the_checker_sees_it(n: int) -> None:
    with pytest.raises(DivergenceError):
        storm_of_an_equivocating_leader(n, n, OneShort)


@pytest.mark.parametrize("n", [4, 7, 10])
def test_the_right_quorum_stands_the_same_storm(n: int) -> None:
    assert storm_of_an_equivocating_leader(n, n, Config).finished()
