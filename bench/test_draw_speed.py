"""How many addressed random words and link delays a second come out of compiled loops, beside NumPy in the same run.

    pytest -s bench/test_draw_speed.py

NumPy's way makes a Philox object for every address and inverts with an array pass for each operation; it is what is
used without numba, and every word and delay is asserted to be the same. A message's delays between n nodes are n
squared numbers at one address.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim.kernel import compiled
from sim.kernel.distributions import Exponential, Lognormal, Pareto
from sim.kernel.draws import Draws
from sim.network.delays import Delays
from sim.network.topology import Link, Topology

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

    from sim.kernel.distributions import Distribution
    from sim.network.delays import Address

CELLS = 300_000
"""Words or delays of one call: as many as a chain's forecast of some hundred heights takes."""
LONE = 200
"""Addresses asked for one by one: more than are remembered."""
ROUNDS = 7
NODES = (4, 27, 100)
GOAL_AT = 27
"""Validators of the court alliance's hub."""
WORDS_GOAL, DELAYS_GOAL, LONE_GOAL = 5.0, 15.0, 4.0
"""Times as fast as NumPy."""
JITTERS = {
    "exponential": Exponential(5e5),
    "Pareto": Pareto(2e7, 5.0),
    "lognormal": Lognormal(3e6, 3e7),
}


def addresses(nodes: int) -> list[Address]:
    """So many that about `CELLS` numbers are drawn."""
    return [("prepare", 0, sequence) for sequence in range(CELLS // nodes**2)]


def measured(
    benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, draw: Callable[[], NDArray[np.generic]]
) -> tuple[NDArray[np.generic], float]:
    """What both ways draw, and how many times as fast the loops are, each in its best of `ROUNDS` rounds in turn."""
    assert compiled.available() is not None
    fast = draw()  # compiles
    best_s = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for way, available in enumerate((compiled.available, lambda: None)):
            with monkeypatch.context() as patched:
                patched.setattr(compiled, "available", available)
                started = time.perf_counter()
                drawn = draw()
                best_s[way] = min(best_s[way], time.perf_counter() - started)
            assert np.array_equal(drawn, fast)
    benchmark.pedantic(draw, rounds=ROUNDS)
    return fast, best_s[1] / best_s[0]


def report(benchmark: BenchmarkFixture, what: str, nodes: int, count: int, ratio: float, goal: float) -> None:
    """Print the rate and the ratio, and keep them."""
    rate = count / benchmark.stats.stats.min
    at_goal = goal if nodes == GOAL_AT else None
    benchmark.extra_info.update(goal=at_goal, rate=round(rate), ratio=round(ratio, 1))
    print(
        f"\n{what}, n = {nodes}: {rate / 1e6:.1f} M/s, {ratio:.1f} times NumPy; goal {goal:.0f} times at n = {GOAL_AT}"
    )


@pytest.mark.parametrize("nodes", NODES)
def test_words(benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, nodes: int) -> None:
    """Goal: 5 times NumPy at n = 27; the longer a stream is, the less the making of its object matters."""
    ends = addresses(nodes)
    count = len(ends) * nodes**2
    drawn, ratio = measured(benchmark, monkeypatch, lambda: Draws(1).blocks(("jc",), ends).words(count))
    assert drawn.shape == (count,)
    assert len(np.unique(drawn)) == count
    report(benchmark, "words", nodes, count, ratio, WORDS_GOAL)


def network(nodes: int, jitter: Distribution) -> Delays:
    """Links of one kind between so many nodes."""
    link = Link(delay_ns=1000, jitter=jitter, loss=0.0, reliable=True, retransmit_ns=0)
    return Delays(Draws(1), "jc", Topology(["r"] * nodes, lambda _a, _b: link))


@pytest.mark.parametrize("nodes", NODES)
@pytest.mark.parametrize("law", JITTERS)
def test_delays(benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, law: str, nodes: int) -> None:
    """Goal: 15 times NumPy at n = 27, addresses to matrices of nanoseconds."""
    delays, asked = network(nodes, JITTERS[law]), addresses(nodes)
    drawn, ratio = measured(benchmark, monkeypatch, lambda: delays.matrices(asked, nodes))
    assert drawn.shape == (len(asked), nodes, nodes)
    assert drawn.min() > 0
    assert len(np.unique(drawn)) > drawn.size // 2
    report(benchmark, f"{law} delays", nodes, drawn.size, ratio, DELAYS_GOAL)


@pytest.mark.parametrize("nodes", NODES)
def test_delays_of_single_addresses(benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, nodes: int) -> None:
    """Goal: 4 times NumPy at n = 27, where every message asks for its own address and takes one sender's row."""
    delays = network(nodes, JITTERS["exponential"])
    asked: list[Address] = [("prepare", 0, sequence) for sequence in range(LONE)]

    def draw() -> NDArray[np.generic]:
        return np.array([delays.rows(address)[0] for address in asked])

    drawn, ratio = measured(benchmark, monkeypatch, draw)
    assert drawn.shape == (len(asked), nodes)
    report(benchmark, "delays of single addresses", nodes, len(asked) * nodes**2, ratio, LONE_GOAL)
