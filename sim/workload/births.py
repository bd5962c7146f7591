"""When cases begin: at random, at a rate that follows hour, working day and quarter, in the run and before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.casework.newborn import Beginning
from sim.kernel.civil import DAY_NS
from sim.workload.arrivals import arrival_times
from sim.workload.civil_curve import CivilCurve
from sim.workload.curve import FLAT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from numpy.typing import NDArray

    from sim.casework.definition import Starts, Workflow
    from sim.kernel.civil import Calendar
    from sim.kernel.draws import Draws
    from sim.workload.curve import Curve

    Cells = NDArray[np.int64]

_WORKFLOW, _PAST = 40, 1 << 39
"""In a uid: the bit where the workflow's number begins, and the one that cases of the past have."""
_CODES = 100
"""A code is W and one or two digits; workflows that share a code are told apart by hundreds."""


def births(
    draws: Draws,
    workflows: Sequence[Workflow],
    curves: Mapping[str, Curve],
    calendar: Calendar,
    share: float,
    lookback_ns: int | Mapping[str, int],
    horizon_ns: int,
    one_in: int = 1,
) -> Beginning:
    """All cases that begin by themselves, in the order of time, ties by uid.

    Batches of `Starts.batch` cases come as a Poisson process of `rate_per_s / batch`; a batch is never split. Each
    workflow draws by its name, and its past apart from the run and backwards: neither another workflow nor a longer
    lookback moves a case.

    A uid is the number of the workflow's code (W12: 12), 40 bits up, and a serial number: in the run in the order of
    time, in the past, with bit 39 set, from the latest to the earliest. Of several workflows with one code the second
    by name has 112, so that another one with the same code may change uids.

    Args:
        draws: of the replication.
        workflows: by number; those without `starts` begin no cases.
        curves: by profile.
        calendar: by law; knows all days from the lookback to the horizon.
        share: of the country.
        lookback_ns: how long before the run cases begin, in all workflows or in each by name.
        horizon_ns: end of the run.
        one_in: of so many cases of the past, one; those of the run are all there.

    Raises:
        IndexError: the calendar does not reach so far.
    """
    columns = []
    for number, (workflow, place) in enumerate(zip(workflows, _numbers(workflows), strict=True)):
        if workflow.starts is None:
            continue
        curve = FLAT if workflow.starts.profile is None else curves[workflow.starts.profile]
        shaped = CivilCurve(curve, calendar, workflow.starts.seasons)
        back_ns = lookback_ns if isinstance(lookback_ns, int) else lookback_ns[workflow.name]
        for times_ns, first in (
            (_past(draws, workflow.name, workflow.starts, shaped, share / one_in, back_ns), _PAST),
            (_run(draws, workflow.name, workflow.starts, shaped, share, horizon_ns), 0),
        ):
            uid = np.arange(len(times_ns), dtype=np.uint64) + np.uint64((place << _WORKFLOW) | first)
            columns.append((np.full(len(times_ns), number, dtype=np.int16), uid, times_ns))
    if not columns:
        return Beginning(np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64))
    numbers, uids, times = (np.concatenate(column) for column in zip(*columns, strict=True))
    order = np.lexsort((uids, times))
    return Beginning(numbers[order], uids[order], times[order])


def days_needed(lookback_ns: int, horizon_ns: int, longest: timedelta) -> tuple[int, int]:
    """How many days a calendar must know before and after the day of the start, with a period of so long at the end."""
    return lookback_ns // DAY_NS + 2, horizon_ns // DAY_NS + longest.days + 2


def _run(draws: Draws, name: str, starts: Starts, curve: CivilCurve, share: float, horizon_ns: int) -> Cells:
    block = draws.block("casework", name, "births")
    times_ns = arrival_times(block, _batches(starts, share), curve.pieces(0, horizon_ns), poisson=True)
    # Seconds as floating point may round up to the horizon itself.
    return np.repeat(np.minimum(times_ns, horizon_ns - 1), starts.batch)


def _past(draws: Draws, name: str, starts: Starts, curve: CivilCurve, share: float, lookback_ns: int) -> Cells:
    """From the latest to the earliest: time runs backwards from the start of the run."""
    block = draws.block("casework", name, "births before")
    ago_ns = arrival_times(block, _batches(starts, share), curve.pieces(0, -lookback_ns), poisson=True)
    return np.repeat(-1 - np.minimum(ago_ns, lookback_ns - 1), starts.batch)


def _batches(starts: Starts, share: float) -> float:
    return starts.rate_per_s * share / starts.batch


def _numbers(workflows: Sequence[Workflow]) -> list[int]:
    """A number for each workflow: of its code and, where several have the same, of its place by name among these."""
    names: dict[str, list[str]] = {}
    for workflow in workflows:
        names.setdefault(workflow.code, []).append(workflow.name)
    return [int(item.code[1:]) + _CODES * sorted(names[item.code]).index(item.name) for item in workflows]
