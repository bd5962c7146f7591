"""When PBFT replicas decide if every message takes N(250, 50) ms, held against other simulators and against arithmetic.

BFT-Simulator (P.-L. Wang et al., "Tool: An Efficient and Flexible Simulator for Byzantine Fault-Tolerant Protocols",
DSN 2022) draws delays that way, and other simulators are compared on it: CPU and bandwidth cost nothing, nobody waits
for a message to oneself, and 0 ms is when the leader proposes. Each block here is alone on its way, and its messages
have draws of their own, so blocks are independent samples.

Two comparisons for each n and each of four figures, the times when the first, the mean, the quorum-th and the last
replica decide:

- with the figures that the others report, rounded as they are: within `TOLERANCE` of them;
- with order statistics of normal draws by another generator, in a few lines of NumPy that share no code with the
  simulator: the means of both must lie within `SIX_SIGMA` standard errors of their difference.

Seeds are fixed. Had they not been, each of the 16 comparisons of the second kind would fail by chance with probability
1e-9. One of the first kind has the slack that `TOLERANCE` leaves beyond the true difference, and a standard error of
0.2 % at most: at n = 32, where the truth is 803 ms, that is four standard errors, or one run in 30,000; more than five
elsewhere, less than one in ten million.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenario_kit import config, sent

from sim.chain.chain import Chain
from sim.chain.ledger import Body
from sim.consensus.quorum import Quorums
from sim.kernel.distributions import Normal
from sim.kernel.draws import Draws
from sim.kernel.engine import MILLISECOND, SECOND, Engine
from sim.metrics.recorder import Recorder
from sim.network.topology import Link, Topology
from sim.network.transport import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Times = NDArray[np.float64]

TOLERANCE = 0.015
SIX_SIGMA = 6.11
"""The two-sided point of the normal distribution that is exceeded with probability 1e-9."""
BLOCKS = {4: 1_200, 16: 150, 32: 120, 64: 25}
"""Fewer for more replicas: the more there are, the less their order statistics vary."""
FIGURES = ("first", "mean", "quorum-th", "last")
PUBLISHED = {
    (4, "first"): 677,
    (4, "mean"): 720,
    (4, "quorum-th"): 730,
    (4, "last"): 763,
    (16, "quorum-th"): 795,
    (32, "quorum-th"): 795,
    (64, "quorum-th"): 800,
}
"""Milliseconds from the proposal."""


def figures(times_ms: Times) -> Times:
    """The four figures of each block, shape (blocks, 4), of its replicas' times, shape (blocks, n)."""
    ordered = np.sort(times_ms, axis=1)
    quorum = Quorums.of(times_ms.shape[1]).quorum
    return np.stack([ordered[:, 0], ordered.mean(axis=1), ordered[:, quorum - 1], ordered[:, -1]], axis=1)


@cache
def simulated(n: int) -> Times:
    """Blocks of one transaction, one every two seconds, each decided long before the next."""
    times = [block * 2 * SECOND for block in range(BLOCKS[n])]
    parameters = config(n, max_transactions=1, checkpoint_interval=BLOCKS[n] + 1)
    engine, draws = Engine(), Draws(250_050)
    delay = Normal(250.0 * MILLISECOND, 50.0 * MILLISECOND)
    link = Link(delay_ns=0, jitter=delay, loss=0.0, reliable=False, retransmit_ns=1)
    network = Network(engine, draws, "a", Topology(["east"] * n, lambda _a, _b: link), bandwidth_bps=None)
    chain = Chain(engine, draws, Recorder(), parameters, network, sent(times))
    engine.run(until=times[-1] + 2 * SECOND)
    blocks = chain.ledger.blocks[1:]
    assert (len(blocks), len(chain.views)) == (BLOCKS[n], 0)
    proposed_ns = [block.value.body.cut_ns for block in blocks if isinstance(block.value.body, Body)]
    decided_ns = np.array([block.voted_ns for block in blocks], dtype=np.float64)
    return figures((decided_ns - np.array(proposed_ns)[:, None]) / MILLISECOND)


@cache
def computed(n: int) -> Times:
    """Rule by rule: who has a quorum of prepares, the leader's pre-prepare among them, commits; a quorum of commits."""
    chance, quorum, themselves = np.random.default_rng(n), Quorums.of(n).quorum, np.arange(n)
    blocks = 4 * BLOCKS[n]
    delays_ms = chance.normal(250, 50, (3, blocks, n, n))
    delays_ms[:, :, themselves, themselves] = 0
    proposal = delays_ms[0, :, 0]
    prepares = proposal[:, :, None] + delays_ms[1]
    prepares[:, 0] = proposal
    prepared = np.maximum(np.sort(prepares, axis=1)[:, quorum - 1], proposal)
    commits = prepared[:, :, None] + delays_ms[2]
    return figures(np.maximum(np.sort(commits, axis=1)[:, quorum - 1], prepared))


@pytest.mark.parametrize(("n", "figure"), PUBLISHED)
def test_replicas_decide_when_those_of_other_simulators_do(n: int, figure: str) -> None:
    mean_ms = simulated(n)[:, FIGURES.index(figure)].mean()
    assert mean_ms == pytest.approx(PUBLISHED[n, figure], rel=TOLERANCE)


@pytest.mark.parametrize("n", BLOCKS)
def test_replicas_decide_when_order_statistics_say(n: int) -> None:
    ours, theirs = simulated(n), computed(n)
    error = np.sqrt(ours.var(axis=0, ddof=1) / len(ours) + theirs.var(axis=0, ddof=1) / len(theirs))
    assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) <= SIX_SIGMA * error).all()
    assert (error <= 0.003 * theirs.mean(axis=0)).all(), "and that says something"
