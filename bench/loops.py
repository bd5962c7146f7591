"""Event loops that do nothing else: the engine's own, which bounds whatever is simulated, and SimPy's, which it is on.

Both work through the same delays: callbacks that each schedule the next one.
"""

from __future__ import annotations

import numpy as np
import simpy
from measure import Against

from sim.kernel.engine import MILLISECOND, Engine

EVENTS = 100_000
FOREVER = 1 << 62
DELAYS = np.random.default_rng(1).integers(1, 100 * MILLISECOND, EVENTS).tolist()
"""In nanoseconds."""


def engine_events(pending: int) -> int:
    """Events of the engine, ``pending`` of them on its agenda at any time."""
    engine, delays = Engine(), iter(DELAYS)

    def fire() -> None:
        for delay_ns in delays:
            engine.call_after(delay_ns, fire)
            return

    for _ in range(pending):
        fire()
    engine.run(until=FOREVER)
    return engine.events


def simpy_events(pending: int) -> None:
    """The same as SimPy's timeouts with a callback each, which is the fastest that SimPy does."""
    environment, delays = simpy.Environment(), iter(DELAYS)

    def fire(_: object = None) -> None:
        for delay_ns in delays:
            environment.timeout(delay_ns).callbacks.append(fire)
            return

    for _ in range(pending):
        fire()
    environment.run()


def bare_engine(events: float, goal: float | None = None) -> Against:
    """The engine's own loop, for a benchmark whose items need so many events each."""
    return Against("bare engine", lambda: engine_events(1_000), EVENTS / events, goal)
