"""Cases and chains, to and fro: what cases ask of the chains goes through them, and what they did goes back.

A pass of the docket needs to know what chains take, and the chains need to know what is asked of them. The first pass
goes by what idle chains take. What it asks for runs through the chains, and the next pass knows what became of each
record, packet and check. If its own requests have moved by less than the scenario's tolerance, that is the result; if
they have moved further (a deadline was missed because a province was cut off), the chains run once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.build.measured import measure
from sim.casework.emitting import emitted
from sim.casework.keys import RECORD, key_of
from sim.casework.known import Known, nothing_known
from sim.kernel.engine import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim.build import Alliance
    from sim.casework.docket import Docket
    from sim.casework.emissions import Emissions, Measured
    from sim.casework.log import Fired
    from sim.casework.platform import Platform
    from sim.casework.running import Pass
    from sim.chain.invariants import InvariantViolation

    Cells = NDArray[np.int64]
    Steps = tuple[NDArray[np.uint64], Cells]


@dataclass(frozen=True, slots=True)
class Moved:
    """How far what cases do has moved from one pass to the next.

    Attributes:
        steps: ways out of both passes.
        unmatched: share of them that fired in one pass alone.
        p50_ns, p99_ns, most_ns: how far the others moved.
    """

    steps: int
    unmatched: float
    p50_ns: int
    p99_ns: int
    most_ns: int

    @property
    def summary(self) -> dict[str, Any]:
        """As `docket.displaced_s` of `summary.json`."""
        return {
            "p50": self.p50_ns / SECOND,
            "p99": self.p99_ns / SECOND,
            "max": self.most_ns / SECOND,
            "unmatched": self.unmatched,
        }


@dataclass(frozen=True, slots=True)
class Ran:
    """Chains that have run.

    Attributes:
        alliance: finished.
        violation: of an invariant, which stopped them.
    """

    alliance: Alliance
    violation: InvariantViolation | None


@dataclass(frozen=True, slots=True)
class Settled:
    """Cases and chains that agree with each other.

    Attributes:
        docket: of the cases.
        alliance: the chains, as they ran last.
        passed: the pass that knows what they did.
        chain_runs: how often they ran.
        moved: how far this pass is from the one whose requests they saw.
        platform: what became of requests to the verification platform, for `docket.platform` of `summary.json`; empty
            without one.
        violation: of an invariant, which stopped chains or cases.
    """

    docket: Docket
    alliance: Alliance
    passed: Pass
    chain_runs: int
    moved: Moved
    platform: dict[str, Any]
    violation: InvariantViolation | None


def settle(
    docket: Docket,
    run_chains: Callable[[Emissions, Measured | None], Ran],
    tolerance_ns: int,
    most_runs: int,
    platform: Platform | None = None,
) -> Settled:
    """Run cases and chains until they agree, or an invariant breaks.

    Args:
        docket: of the cases.
        run_chains: runs the chains on what cases ask of them, with what they did the time before.
        tolerance_ns: by how much the 99th percentile of the cases' steps may move.
        most_runs: of the chains, at least one.
        platform: through which public checks go.
    """
    horizon_ns = docket.country.terms.horizon_ns
    served: dict[str, Any] = {}
    wanted = _wanted(docket, docket.go(nothing_known()))
    known: Measured | None = None
    runs = 0
    while True:
        runs += 1
        routed = None if platform is None else platform.route(wanted.emissions)
        ran = run_chains(wanted.emissions if routed is None else routed.emissions, known)
        measured = known = measure(ran.alliance)
        if routed is not None:
            served, measured = routed.summary(measured, horizon_ns), routed.answered(measured)
        passed = docket.go(Known(measured.key, measured.delay_ns, measured.answer))
        broken = ran.violation or wanted.violation or passed.violation
        moved = compare(wanted.steps, steps_of(passed.fired))
        if broken is not None or moved.p99_ns <= tolerance_ns or runs >= most_runs:
            return Settled(docket, ran.alliance, passed, runs, moved, served, broken)
        # What belongs to this round is let go: cases and chains of a whole country are gigabytes.
        wanted = _wanted(docket, passed)
        del passed, ran, measured


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a pass asks of the chains, and what of it is needed later.

    Attributes:
        emissions: to the chains.
        steps: of its cases.
        violation: that ended it.
    """

    emissions: Emissions
    steps: Steps
    violation: InvariantViolation | None


def _wanted(docket: Docket, passed: Pass) -> _Wanted:
    country = docket.country
    emissions = emitted(country.program, country.names, country.counters, passed)
    return _Wanted(emissions, steps_of(passed.fired), passed.violation)


def compare(before: Steps, after: Steps) -> Moved:
    """How far each step of each case has moved; a step is the same if the same case takes the same way out at it."""
    keys, times_ns = zip(before, after, strict=True)
    both, first, second = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
    moved_ns = np.sort(np.abs(times_ns[1][second] - times_ns[0][first]))
    total = len(keys[0]) + len(keys[1]) - len(both)
    if not len(both):
        return Moved(total, 0.0 if total == 0 else 1.0, 0, 0, 0)
    ranks = [(len(both) - 1) * part // 100 for part in (50, 99)]
    p50, p99 = (int(moved_ns[rank]) for rank in ranks)
    return Moved(total, 1 - len(both) / total, p50, p99, int(moved_ns[-1]))


def steps_of(fired: Fired) -> Steps:
    """What every one of these steps is called, and when it fired."""
    keys = key_of(fired.uid, fired.step.astype(np.int64), fired.way.astype(np.int64) + RECORD)
    return keys, fired.time_ns
