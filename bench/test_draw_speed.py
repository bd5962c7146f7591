"""How many addressed random words and link delays a second come out of compiled loops, beside NumPy in the same run.

NumPy's way makes a Philox object for every address and inverts with an array pass for each operation; it is what is
used without numba, and every word and delay is asserted to be the same. A message's delays between n nodes are n
squared numbers at one address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from measure import Against, Items, frequent, targeted

from sim.kernel import compiled
from sim.kernel.distributions import Exponential, Lognormal, Pareto
from sim.kernel.draws import Draws
from sim.network.delays import Delays
from sim.network.topology import Link, Topology

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Measure
    from numpy.typing import NDArray

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


def beside_numpy(
    measure: Measure,
    monkeypatch: pytest.MonkeyPatch,
    draw: Callable[[], NDArray[np.generic]],
    items: Items,
    goal: float | None,
) -> NDArray[np.generic]:
    """Measure what is drawn by loops beside the same by NumPy, ``goal`` times as fast."""
    assert compiled.available() is not None
    by_numpy: list[NDArray[np.generic]] = []

    def plainly() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(compiled, "available", lambda: None)
            by_numpy[:] = [draw()]

    drawn = measure(draw, items, beside=[Against("NumPy", plainly, items.count, goal)], rounds=ROUNDS)
    assert np.array_equal(drawn, by_numpy[0])
    return drawn


sizes = pytest.mark.parametrize("nodes", NODES, ids=lambda nodes: f"n = {nodes}")


@sizes
@targeted
def test_words(measure: Measure, monkeypatch: pytest.MonkeyPatch, nodes: int) -> None:
    """Goal: 5 times NumPy at n = 27; the longer a stream is, the less the making of its object matters."""
    ends = addresses(nodes)
    count = len(ends) * nodes**2
    goal = WORDS_GOAL if nodes == GOAL_AT else None
    drawn = beside_numpy(
        measure, monkeypatch, lambda: Draws(1).blocks(("jc",), ends).words(count), Items(count, "words"), goal
    )
    assert len(np.unique(drawn)) == count


def network(nodes: int, jitter: Distribution) -> Delays:
    """Links of one kind between so many nodes."""
    link = Link(delay_ns=1000, jitter=jitter, loss=0.0, reliable=True, retransmit_ns=0)
    return Delays(Draws(1), "jc", Topology(["r"] * nodes, lambda _a, _b: link))


@sizes
@pytest.mark.parametrize("law", JITTERS)
@targeted
def test_delays(measure: Measure, monkeypatch: pytest.MonkeyPatch, law: str, nodes: int) -> None:
    """Goal: 15 times NumPy at n = 27, addresses to matrices of nanoseconds."""
    delays, asked = network(nodes, JITTERS[law]), addresses(nodes)
    goal = DELAYS_GOAL if nodes == GOAL_AT else None
    items = Items(len(asked) * nodes**2, "delays", np.size)
    drawn = beside_numpy(measure, monkeypatch, lambda: delays.matrices(asked, nodes), items, goal)
    assert drawn.min() > 0
    assert len(np.unique(drawn)) > drawn.size // 2


@sizes
@frequent
def test_delays_of_single_addresses(measure: Measure, monkeypatch: pytest.MonkeyPatch, nodes: int) -> None:
    """Goal: 4 times NumPy at n = 27, where every message asks for its own address and takes one sender's row."""
    delays = network(nodes, JITTERS["exponential"])
    asked: list[Address] = [("prepare", 0, sequence) for sequence in range(LONE)]
    goal = LONE_GOAL if nodes == GOAL_AT else None

    def draw() -> NDArray[np.generic]:
        return np.array([delays.rows(address)[0] for address in asked])

    beside_numpy(measure, monkeypatch, draw, Items(LONE * nodes, "delays", np.size), goal)
