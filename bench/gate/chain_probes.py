"""Probes of the simulation: events, messages, computed heights, draws, tables. Their yardsticks are SimPy and NumPy.

Input is real: a small chain runs once, and what the function under the probe was called with is kept and given to it
again.
"""

from __future__ import annotations

import copy
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import sim
from bench.gate import yardsticks
from bench.gate.probe import ANY, Probe, Subject
from sim.build import build
from sim.chain.outcome import write_tables
from sim.kernel.engine import MILLISECOND, Engine
from sim.metrics.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.build import Alliance

    Arguments = tuple[Any, ...]

SMALL = Path(__file__).with_name("small.yaml")
EVENTS = 300
TIMEOUTS = 200
CELLS = 2048
LOOPS = {"votes": ("qbft", 31), "certificates": ("hotstuff", 31), "replicated": ("raft", 31)}
"""The file of each compiled loop, a protocol that goes through it, and between how many validators."""


def probes() -> dict[str, Probe]:
    """All, by name."""
    event, cell = "by a bare SimPy timeout", "by a cell that NumPy orders"
    guess = "[guess] some three times what the first machine takes"
    made = {
        "engine": Probe(f"an event of the engine, {event}", _engine, {ANY: 4}, guess),
        "messages": Probe(f"a PBFT message with all it entails, {event}", _messages, {ANY: 60}, guess),
        "queues": Probe(f"a computed PBFT message through queues, {cell}", _queues, {ANY: 10}, guess),
        "draws": Probe(f"a drawn delay, {cell}", _draws, {ANY: 1.5}, guess),
        "tables": Probe(f"a transaction's row of the tables, {cell}", _tables, {ANY: 120}, guess),
    }
    for name, (protocol, _) in LOOPS.items():
        about = f"a {protocol} message in a compiled loop, {event}"
        made[f"loop-{name}"] = Probe(about, partial(_loop, name), {ANY: 1}, "or there is no point in compiling")
    return made


def _alliance(**changes: object) -> Alliance:
    return build(sim.load(SMALL, set={key.replace("__", "."): value for key, value in changes.items()}), 1)


def _engine(_: Path) -> Subject:
    def work() -> None:
        engine = Engine()
        left = EVENTS - 8

        def again() -> None:
            nonlocal left
            left -= 1
            if left >= 0:
                engine.call_after(5, again)

        for _ in range(8):
            engine.call_after(1, again)
        engine.run(until=1 << 60)

    return Subject(work, yardsticks.timeouts(TIMEOUTS), EVENTS, TIMEOUTS)


def _messages(_: Path) -> Subject:
    """One block after the other, all alike: one transaction each, at regular times, without jitter."""
    validators, period_ns = 5, 100 * MILLISECOND
    steady = {
        "chains.c.validators": validators,
        "chains.c.observers": 0,
        "chains.c.block.interval": "10ms",
        "network.jitter": "0ns",
        "horizon": "10min",
        "workload": {"load": {"chain": "c", "rate": "10/s", "arrivals": "regular", "size": "600B"}},
    }
    scenario = sim.load(SMALL, set=steady)
    alliance = build(scenario, 1)
    until_ns = 0

    def prepare() -> None:
        nonlocal alliance, until_ns
        if until_ns + period_ns > alliance.horizon_ns:
            alliance, until_ns = build(scenario, 1), 0

    def work() -> None:
        nonlocal until_ns
        until_ns += period_ns
        alliance.engine.run(until=until_ns)

    return Subject(work, yardsticks.timeouts(TIMEOUTS), 2 * validators * (validators - 1), TIMEOUTS, prepare)


def _busiest(
    module: str, function: str, alliance: Alliance, weigh: Callable[[Arguments, Arguments], int]
) -> tuple[Callable[..., object], Arguments, Arguments]:
    """Run an alliance, and keep one of the calls of a function: that which weighs most, the first of equals.

    Returns:
        The function; its arguments as they were before that call; and the objects themselves.
    """
    home = import_module(module)
    real, most, kept = getattr(home, function), -1, None

    def spy(*arguments: Any) -> object:  # noqa: ANN401 - whatever it takes
        nonlocal most, kept
        before = copy.deepcopy(arguments)
        result = real(*arguments)
        weight = weigh(before, arguments)
        if weight > most:
            most, kept = weight, (before, arguments)
        return result

    setattr(home, function, spy)
    try:
        alliance.engine.run(until=alliance.horizon_ns)
    finally:
        setattr(home, function, real)
    if kept is None:
        raise RuntimeError(f"nothing called {module}.{function}, which the probe is of")
    return real, *kept


def _queues(_: Path) -> Subject:
    """The first heights that a pilot asks for together."""
    validators = 7
    alliance = _alliance(chains__c__validators=validators, chains__c__observers=0, chains__c__fidelity="auto")
    vote, arguments, _live = _busiest("sim.chain.flight", "vote", alliance, lambda *_: 0)
    heights = len(vote(*arguments).decided)  # type: ignore[attr-defined] # an Outcome
    messages = 2 * validators * (validators - 1) * heights
    return Subject(partial(vote, *arguments), yardsticks.order(CELLS), messages, CELLS)


def _arrays(value: object) -> list[np.ndarray]:
    """The arrays in a nest of tuples, in order."""
    if isinstance(value, np.ndarray):
        return [value]
    return [array for part in value for array in _arrays(part)] if isinstance(value, (tuple, list)) else []


def _loop(name: str, _: Path) -> Subject:
    protocol, validators = LOOPS[name]
    alliance = _alliance(
        chains__c__consensus__protocol=protocol, chains__c__validators=validators, chains__c__fidelity="auto"
    )

    def arrived(before: Arguments, after: Arguments) -> int:
        return int(after[0].arrived.sum() - before[0].arrived.sum())

    run, before, live = _busiest(f"sim.chain.compiled.{name}", "run", alliance, arrived)
    kept, used = _arrays(before), _arrays(live)

    def prepare() -> None:
        for source, target in zip(kept, used, strict=True):
            target[...] = source

    prepare()
    run(*live)
    messages = arrived(before, live)
    return Subject(partial(run, *live), yardsticks.timeouts(TIMEOUTS), messages, TIMEOUTS, prepare)


def _draws(_: Path) -> Subject:
    validators, addresses = 16, 16
    alliance = _alliance(chains__c__validators=validators, network__jitter={"pareto": {"mean": "20ms", "alpha": 5}})
    network = alliance.chains["c"].network
    sequence = 0

    def work() -> None:
        nonlocal sequence
        sequence += addresses
        network.delays([("prepare", 0, sequence + k) for k in range(addresses)], inner=True)

    return Subject(work, yardsticks.order(CELLS), addresses * validators**2, CELLS)


def _tables(_: Path) -> Subject:
    alliance = _alliance()
    alliance.engine.run(until=alliance.horizon_ns)
    chain = alliance.chains["c"]
    return Subject(
        lambda: write_tables(chain, Recorder(), alliance.horizon_ns),
        yardsticks.order(CELLS),
        len(chain.offered),
        CELLS,
    )
