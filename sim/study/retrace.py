"""A run again, looked at closely: for a window of it every message and every piece of CPU work, beside its tables.

A run directory holds a scenario and a seed, and runs are deterministic, so nothing has to be recorded beforehand: the
run is repeated and its trace hash held against the one in `summary.json`. Heights that it computed as a whole have no
messages. Where such are in the window, chains run once more with these heights delivered message by message (the
contract of `fidelity: auto`: the same draws), and each of them is held against the computed one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.chain.watched import Watch
from sim.kernel.engine import SECOND
from sim.scenario import load
from sim.scenario.units import show_duration
from sim.study.run import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from sim.scenario import Scenario
    from sim.study.run import Run

DEFAULT_NS = 5 * SECOND
"""How much of a run is shown if nobody says."""
_BEFORE_NS = SECOND
"""So much of the calm before the first fault is shown with it."""
_DIGITS = 12
"""Of a trace hash, for people."""


class CannotTrace(Exception):
    """There is no such window of this run; says what would be right."""


class AnotherTrace(Exception):
    """The code at hand does something else than the code that made the run."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A height that the run computed as a whole.

    Attributes:
        height: of the block.
        delivered: its messages are shown.
        off_ns: how much later the first node had executed it then; 0 if not delivered.
        alike: it held as many transactions then.
    """

    height: int
    delivered: bool
    off_ns: int
    alike: bool

    @property
    def exact(self) -> bool:
        """Whether its messages lead to the very block that was computed."""
        return self.delivered and self.alike and self.off_ns == 0


@dataclass(frozen=True, slots=True)
class Retraced:
    """A run and what was seen of it.

    Attributes:
        run: the same as the one in the directory.
        watch: messages and CPU work in the window.
        from_ns, until_ns: the window, in the run's time.
        ahead_ns: how far the scenario's time is ahead of it there; 0 unless chains run in windows only.
        computed: heights cut or executed in the window that the run computed, by chain.
    """

    run: Run
    watch: Watch
    from_ns: int
    until_ns: int
    ahead_ns: int = 0
    computed: dict[str, tuple[Computed, ...]] = field(default_factory=dict)


def retrace(
    directory: Path,
    from_ns: int | None = None,
    for_ns: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Retraced:
    """Run what is in a run directory again and look at a window of it.

    Args:
        directory: of the run.
        from_ns: where the window begins; default: a second before the first fault, or the start.
        for_ns: how long it is; default: five seconds, or what is left of the run.
        progress: called with the share of the work that is done, in [0, 1].

    Raises:
        CannotTrace: it is no run directory, or the run has no such window.
        AnotherTrace: the run's trace hash is not the one in the directory.
        ScenarioError: its scenario is not good any more.
    """
    summary = _summary(directory)
    scenario = load(directory / "scenario.yaml")
    say = progress or (lambda _: None)
    windowed = any("windows" in part for part in summary["chains"].values())
    window = _Window(0, 0) if windowed else _window(scenario, summary, from_ns, for_ns)
    watch = Watch(window.from_ns, window.until_ns)
    found = run(scenario, summary["seed"], lambda share: say(share / 2), watch=watch)
    if found.trace_hash != summary["trace_hash"]:
        version = found.manifest["software"]["version"]
        raise AnotherTrace(
            f"{directory}: the run's trace hash is {summary['trace_hash'][:_DIGITS]}, and this code's (version "
            f"{version}) is {found.trace_hash[:_DIGITS]}; make the run anew: "
            f"alliance run {directory / 'scenario.yaml'} --seed {summary['seed']} --out {directory} --force"
        )
    if windowed:
        window = _stretch(scenario, watch.stretches, from_ns, for_ns)
    missing = {chain: _computed(found, watch, window, chain) for chain in watch.chains}
    if not windowed and not any(missing.values()):
        return Retraced(found, watch, window.from_ns, window.until_ns)
    near = Watch(window.from_ns, window.until_ns, deliver=True)
    again = run(scenario, summary["seed"], lambda share: say(0.5 + share / 2), watch=near)
    computed = {chain: _held(found, again, near, chain, heights) for chain, heights in missing.items() if heights}
    return Retraced(found, near, window.from_ns, window.until_ns, window.ahead_ns, computed)


@dataclass(frozen=True, slots=True)
class _Window:
    """From when to when, in the run's time; ``ahead_ns``: how far the scenario's time is ahead of that."""

    from_ns: int
    until_ns: int
    ahead_ns: int = 0


def _summary(directory: Path) -> dict[str, Any]:
    """The parts of `summary.json` that repeating the run takes."""
    path = directory / "summary.json"
    needed = {"seed": int, "trace_hash": str, "chains": dict, "simulated_s": float}
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        summary = None
    good = isinstance(summary, dict) and all(isinstance(summary.get(key), kind) for key, kind in needed.items())
    if not good or not (directory / "scenario.yaml").is_file():
        raise CannotTrace(f"{directory} is not a run directory; needs one that alliance run has written")
    found: dict[str, Any] = summary
    return found


def _window(scenario: Scenario, summary: dict[str, Any], from_ns: int | None, for_ns: int | None) -> _Window:
    """The window of a run that goes through its whole horizon."""
    ended_ns = min(scenario.horizon, round(summary["simulated_s"] * SECOND))
    if from_ns is None:
        first_ns = min((fault.at for fault in scenario.faults), default=0)
        from_ns = max(0, min(first_ns, ended_ns - 1) - _BEFORE_NS)
    elif from_ns >= ended_ns:
        raise CannotTrace(
            f"--from {show_duration(from_ns)}: the run is over after {show_duration(ended_ns)}; needs less than that"
        )
    return _Window(from_ns, from_ns + _length(from_ns, ended_ns, for_ns))


def _stretch(
    scenario: Scenario, stretches: tuple[tuple[int, int, int], ...], from_ns: int | None, for_ns: int | None
) -> _Window:
    """The window of a run whose chains go through parts of its horizon only."""
    if from_ns is None:
        first_ns = min((fault.at for fault in scenario.faults), default=stretches[0][0])
        from_ns = first_ns - _BEFORE_NS if any(a <= first_ns - _BEFORE_NS < b for a, b, _ in stretches) else first_ns
    for begin_ns, end_ns, start_ns in stretches:
        if begin_ns <= from_ns < end_ns:
            ahead_ns = begin_ns - start_ns
            until_ns = from_ns + _length(from_ns, end_ns, for_ns)
            return _Window(from_ns - ahead_ns, until_ns - ahead_ns, ahead_ns)
    nearest = min(stretches, key=lambda each: abs(each[0] - from_ns))
    raise CannotTrace(
        f"--from {show_duration(from_ns)}: chains of {scenario.name} run in {len(stretches)} windows of its horizon; "
        f"needs a time in one, such as {show_duration(nearest[0])} to {show_duration(nearest[1])}"
    )


def _length(from_ns: int, ended_ns: int, for_ns: int | None) -> int:
    """How long a window is that begins there, if what it is of ends there."""
    left_ns = ended_ns - from_ns
    if for_ns is None:
        return min(DEFAULT_NS, left_ns)
    if not 0 < for_ns <= left_ns:
        raise CannotTrace(
            f"--for {show_duration(for_ns)}: needs more than 0s and at most {show_duration(left_ns)}, which is left "
            f"from {show_duration(from_ns)} on"
        )
    return for_ns


def _blocks(found: Run, chain: str) -> dict[str, NDArray[np.int64]]:
    """Heights of a chain, with what is compared and shown of them."""
    frame = found.scan("commits", chain).select("height", "transactions", "cut_ns", "executed_ns").collect()
    return {name: frame[name].to_numpy() for name in frame.columns}


def _computed(found: Run, watch: Watch, window: _Window, chain: str) -> list[int]:
    """Heights in the window that no node executed while the chain went by messages."""
    blocks = _blocks(found, chain)
    here = (blocks["executed_ns"] >= window.from_ns) & (blocks["cut_ns"] < window.until_ns)
    return [height for height in blocks["height"][here].tolist() if height not in watch.chains[chain].heights]


def _held(found: Run, again: Run, near: Watch, chain: str, heights: list[int]) -> tuple[Computed, ...]:
    """Computed heights against the same ones delivered."""
    first, second = _blocks(found, chain), _blocks(again, chain)
    place = {int(height): k for k, height in enumerate(second["height"])}
    held = []
    for k in np.flatnonzero(np.isin(first["height"], heights)).tolist():
        height = int(first["height"][k])
        other = place.get(height)
        if other is None or height not in near.chains[chain].heights:
            held.append(Computed(height, delivered=False, off_ns=0, alike=False))
            continue
        off_ns = int(second["executed_ns"][other] - first["executed_ns"][k])
        alike = bool(second["transactions"][other] == first["transactions"][k])
        held.append(Computed(height, delivered=True, off_ns=off_ns, alike=alike))
    return tuple(held)
