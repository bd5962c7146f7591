"""A node's network interface is an M/M/1 queue where messages of exponential length leave at random times.

The mean time in the queue is rho S / (1 - rho) for a mean service time S (Kleinrock, Queueing Systems I, section 3.2).
It is compared with the mean of 40 batches; the bound is 5.80 standard errors, the two-sided quantile of Student's t
with 39 degrees of freedom at 1e-6, so a right queue fails one seed in a million. Seeds are fixed. Little's law, L =
lambda W, is held against the number in the system as counted at each arrival, which Poisson arrivals see as time does.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.kernel.distributions import Constant, Exponential
from sim.kernel.draws import Draws
from sim.kernel.engine import SECOND, Engine
from sim.network.topology import Link, Topology
from sim.network.transport import Network

BATCHES = 40
T_39_AT_1E_6 = 5.80
MEAN_BYTES = 10_000
BANDWIDTH_BPS = 8e9
SERVICE_NS = MEAN_BYTES * 8 * SECOND / BANDWIDTH_BPS
MESSAGES = 400_000
LINK = Link(delay_ns=0, jitter=Constant(0), loss=0.0, reliable=False, retransmit_ns=0)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.85])
def test_messages_of_exponential_length_wait_as_in_m_m_1(load: float) -> None:
    block = Draws(1).block("m-m-1", str(load))
    gaps_ns = Exponential(mean=SERVICE_NS / load).sample(block, MESSAGES)
    sizes = np.maximum(1, np.rint(Exponential(mean=MEAN_BYTES).sample(Draws(1).block("sizes"), MESSAGES))).astype(int)
    sent_ns = np.cumsum(gaps_ns).astype(np.int64)
    engine = Engine()
    topology = Topology(("here", "here"), lambda _a, _b: LINK)
    network = Network(engine, Draws(1), "a", topology, BANDWIDTH_BPS)
    left_ns: list[int] = []

    def took(payload: object, received_ns: int) -> bool:
        left_ns.append(received_ns)
        return payload is not None

    network.attach(took)
    network.attach(took)
    for number, (at_ns, size) in enumerate(zip(sent_ns.tolist(), sizes.tolist(), strict=True)):
        engine.run(until=at_ns)
        network.send(0, [1], number, size, ("message", 0, number), at_ns)
    engine.run(until=int(sent_ns[-1]) + SECOND)
    left = np.array(left_ns)
    waits_ns = left - sent_ns - np.rint(sizes * 8 * SECOND / BANDWIDTH_BPS)
    known_ns = load * SERVICE_NS / (1 - load)
    means = waits_ns[: MESSAGES // BATCHES * BATCHES].reshape(BATCHES, -1).mean(axis=1)
    bound_ns = T_39_AT_1E_6 * means.std(ddof=1) / BATCHES**0.5
    assert bound_ns < 0.25 * known_ns
    assert abs(means.mean() - known_ns) < bound_ns
    # Who is there when a message comes: those sent before that have not left.
    present = np.arange(MESSAGES) - np.searchsorted(left, sent_ns, side="right")
    rate_per_ns = MESSAGES / sent_ns[-1]
    assert present.mean() == pytest.approx(rate_per_ns * (left - sent_ns).mean(), rel=0.02)
    assert network.utilisation(0, int(left[-1]))[0] == pytest.approx(load, rel=0.02)
