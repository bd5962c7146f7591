"""What links draw: losses with their geometric law, the share of datagrams lost, jitter with its mean.

Seeds are fixed. Had they not been, each comparison would fail by chance with probability `FALSE_ALARM`; there are 7.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sim.kernel.distributions import Constant, Gamma
from sim.kernel.draws import Draws
from sim.network.delays import LOST, Delays
from sim.network.topology import Link, Topology

FALSE_ALARM = 1e-9
SIX_SIGMA = 6.11
"""The two-sided point of the normal distribution that is exceeded with probability `FALSE_ALARM`."""

PLAIN = Link(delay_ns=1000, jitter=Constant(0), loss=0.0, reliable=True, retransmit_ns=0)
DATAGRAM = replace(PLAIN, reliable=False)


def _drawn(link: Link, addresses: int = 250, nodes: int = 10) -> np.ndarray:
    """Delays of ``addresses`` messages on each of the links between ``nodes``, flat."""
    delays = Delays(Draws(5), "jc", Topology(["r"] * nodes, lambda _a, _b: link))
    return np.array([delays.rows(("test", 0, number)) for number in range(addresses)]).ravel()


def test_a_reliable_link_turns_losses_into_retransmissions_with_their_geometric_law() -> None:
    loss = 0.2
    delays_ns = _drawn(replace(PLAIN, loss=loss, retransmit_ns=7000))
    failures, rest = np.divmod(delays_ns - PLAIN.delay_ns, 7000)
    assert (rest == 0).all()
    deviation = math.sqrt(loss) / (1 - loss) / math.sqrt(len(failures))
    assert abs(failures.mean() - loss / (1 - loss)) < SIX_SIGMA * deviation
    for k in range(4):
        share = (1 - loss) * loss**k
        assert abs((failures == k).mean() - share) < SIX_SIGMA * math.sqrt(share * (1 - share) / len(failures))


def test_a_datagram_link_loses_its_share_and_delays_nothing() -> None:
    loss = 0.2
    delays_ns = _drawn(replace(DATAGRAM, loss=loss, retransmit_ns=7000))
    assert set(delays_ns.tolist()) == {LOST, PLAIN.delay_ns}
    share = (delays_ns == LOST).mean()
    assert abs(share - loss) < math.sqrt(math.log(2 / FALSE_ALARM) / (2 * len(delays_ns)))  # Hoeffding


def test_jitter_comes_on_top_of_the_delay_with_its_own_mean() -> None:
    delays_ns = _drawn(replace(PLAIN, jitter=Gamma(5000.0, 2.0)))
    assert delays_ns.min() >= PLAIN.delay_ns
    deviation = 5000 / math.sqrt(2) / math.sqrt(len(delays_ns))
    # Whole nanoseconds are cut off, not rounded: half a nanosecond on average.
    assert abs(delays_ns.mean() - (PLAIN.delay_ns + 5000 - 0.5)) < SIX_SIGMA * deviation


def test_loss_on_one_link_leaves_the_others_alone() -> None:
    links = {("a", "b"): replace(DATAGRAM, loss=0.5), ("b", "a"): replace(PLAIN, loss=0.5, retransmit_ns=7000)}
    others = {"a": DATAGRAM, "b": PLAIN, "c": replace(PLAIN, retransmit_ns=7000)}
    delays = Delays(Draws(5), "jc", Topology(["a", "b", "c"], lambda a, b: links.get((a, b), others[a])))
    drawn = np.array([delays.rows(("test", 0, number)) for number in range(200)])
    assert set(drawn[:, 0, 1].tolist()) == {LOST, 1000}
    assert {8000, 15_000} < set(drawn[:, 1, 0].tolist())
    drawn[:, 0, 1] = drawn[:, 1, 0] = 1000
    assert (drawn == 1000).all()
