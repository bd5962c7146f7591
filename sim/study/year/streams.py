"""Records that no case asks for: how many each stream of the scenario sends in every hour, drawn as they would come.

A stream that is a Poisson process has a Poisson count in each hour, drawn for that stream and hour alone; a regular one
has as many as are due. Within windows that chains run through, streams run there themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.build.streams import pieces, rate_of
from sim.kernel.civil import HOUR_NS
from sim.kernel.engine import SECOND
from sim.scenario.distributions import to_kernel
from sim.workload.arrivals import poisson_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.kernel.draws import Draws
    from sim.scenario import Scenario
    from sim.scenario.stream import Stream
    from sim.study.year.load import Windows

    Cells = NDArray[np.int64]
    Floats = NDArray[np.float64]

_HOUR_S = HOUR_NS // SECOND


def counted(scenario: Scenario, draws: Draws, around: Windows) -> tuple[Cells, Cells]:
    """(chains, hours) records of streams outside some windows, and their bytes; chains in the scenario's order."""
    ids, hours = list(scenario.chains), scenario.horizon // HOUR_NS
    records, size_bytes = (np.zeros((len(ids), hours), dtype=np.int64) for _ in range(2))
    left = around.seconds_of_hours(hours) / _HOUR_S
    for stream_id, stream in scenario.workload.items():
        means = _means(scenario, stream_id, stream) * left
        counts = _counts(draws, stream_id, stream, means)
        place = ids.index(stream.chain)
        records[place] += counts
        mean_bytes = 0.0 if stream.size is None else to_kernel(stream.size).mean
        size_bytes[place] += np.rint(counts * mean_bytes).astype(np.int64)
    return records, size_bytes


def _means(scenario: Scenario, stream_id: str, stream: Stream) -> Floats:
    """Records to expect in each hour."""
    parts = pieces(scenario, stream)
    ends_s = np.array([0.0, *(end_s for end_s, _ in parts)])
    due = np.concatenate([[0.0], np.cumsum(np.diff(ends_s) * np.array([multiple for _, multiple in parts]))])
    edges_s = np.arange(scenario.horizon // HOUR_NS + 1) * float(_HOUR_S)
    return np.asarray(np.diff(np.interp(edges_s, ends_s, due)) * rate_of(stream_id, stream))


def _counts(draws: Draws, stream_id: str, stream: Stream, means: Floats) -> Cells:
    if stream.arrivals == "regular":
        # The k-th comes when k + 1/2 are due.
        due = np.floor(np.concatenate([[0.0], np.cumsum(means)]) + 0.5).astype(np.int64)
        return np.asarray(np.diff(due))
    counts = [
        poisson_count(draws.block("year", stream_id, hour), mean) if mean > 0 else 0
        for hour, mean in enumerate(means.tolist())
    ]
    return np.array(counts, dtype=np.int64)
