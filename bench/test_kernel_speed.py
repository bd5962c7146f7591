"""How fast the kernel works: events, timers, processes, random draws by address, and histograms.

SimPy's own loop and NumPy's own generators do the same work in the same run: that is what the kernel is built on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import simpy
from loops import DELAYS, EVENTS, FOREVER, engine_events, simpy_events
from measure import Against, Items, frequent, targeted

from sim.kernel.distributions import Exponential, Lognormal, Pareto
from sim.kernel.draws import Draws
from sim.kernel.engine import Engine
from sim.metrics.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from measure import Measure

    from sim.kernel.distributions import Distribution

VALUES = 1_000_000


@pytest.mark.parametrize("pending", [10, 1_000, 50_000])
@frequent
def test_events(measure: Measure, pending: int) -> None:
    """Goal: 0.6 of a bare loop of SimPy's timeouts: what the trace, cancelling and checks of times may cost."""
    measure(
        lambda: engine_events(pending),
        Items(EVENTS, "events", counted=int),
        limit=Against("bare SimPy timeouts", lambda: simpy_events(pending), EVENTS, 0.6),
    )


@frequent
def test_timers_set_and_cancelled(measure: Measure) -> None:
    """A view's timer is nearly always cancelled. Goal: as many a second as timeouts of SimPy that nobody waits for."""

    def timers() -> int:
        engine = Engine()
        for delay_ns in DELAYS:
            engine.call_after(delay_ns, print).cancel()
        engine.run(until=FOREVER)
        assert engine.events == 0
        return len(DELAYS)

    def timeouts() -> None:
        environment = simpy.Environment()
        for delay_ns in DELAYS:
            environment.timeout(delay_ns)
        environment.run()

    measure(
        timers,
        Items(EVENTS, "timers", counted=int),
        limit=Against("bare SimPy timeouts", timeouts, EVENTS, 1),
    )


@frequent
def test_sleeps_of_processes(measure: Measure) -> None:
    """Long-lived behaviour: a hundred processes that sleep in turn. Goal: 0.6 of SimPy's own processes."""
    processes = 100
    shares = [DELAYS[number::processes] for number in range(processes)]

    def ours() -> int:
        engine = Engine()
        for share in shares:
            engine.process(iter(share))  # type: ignore[arg-type] # any iterator of delays does
        engine.run(until=FOREVER)
        return engine.events - 2 * processes  # each starts and ends

    def bare() -> None:
        environment = simpy.Environment()

        def sleeper(share: list[int]) -> Generator[simpy.Event, None, None]:
            for delay_ns in share:
                yield environment.timeout(delay_ns)

        for share in shares:
            environment.process(sleeper(share))
        environment.run()

    measure(
        ours,
        Items(EVENTS, "sleeps", counted=int),
        limit=Against("bare SimPy processes", bare, EVENTS, 0.6),
    )


NUMPY: dict[str, Callable[[np.random.Generator], object]] = {
    "Exponential": lambda generator: generator.exponential(0.02, VALUES),
    "Lognormal": lambda generator: generator.lognormal(-4, 0.5, VALUES),
    "Pareto": lambda generator: generator.pareto(5, VALUES),
}


@pytest.mark.parametrize(
    "distribution",
    [Exponential(0.02), Lognormal(0.02, 0.1), Pareto(0.02, 5)],
    ids=lambda distribution: type(distribution).__name__,
)
@targeted
def test_draw_in_bulk(measure: Measure, distribution: Distribution) -> None:
    """A million values of one stream, the same on every processor. Goal: 0.2 of NumPy's own, which are not."""
    draws, generator = Draws(7), np.random.Generator(np.random.Philox(7))
    bare = NUMPY[type(distribution).__name__]
    measure(
        lambda: distribution.sample(draws.block("bulk"), VALUES),
        Items(VALUES, "values"),
        limit=Against("NumPy's generator over Philox", lambda: bare(generator), VALUES, 0.2),
    )


@targeted
def test_add_to_a_histogram(measure: Measure) -> None:
    """A million latencies. Goal: 0.2 of NumPy's own logarithm and count, which take no heed of rounding."""
    values = np.random.default_rng(1).integers(1, 10**10, VALUES)

    def add() -> int:
        histogram = Histogram()
        histogram.add(values)
        return histogram.count

    measure(
        add,
        Items(VALUES, "latencies", counted=int),
        limit=Against("NumPy's logarithm and count", lambda: np.bincount(np.log2(values).astype(int)), VALUES, 0.2),
    )
