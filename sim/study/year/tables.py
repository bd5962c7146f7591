"""What a year by tables writes down: how busy every chain was in every hour, and the tables themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.kernel.civil import DAY_NS, HOUR_NS
from sim.metrics.recorder import Coded, Recorder
from sim.scenario.year import Year
from sim.study.year.chains import WHOLE

if TYPE_CHECKING:
    from sim.scenario import Scenario
    from sim.study.year.run import Lived


def recorded(scenario: Scenario, lived: Lived) -> Recorder:
    """The tables `hours` and `levels`; the others are of single records, and empty."""
    recorder, load = Recorder(), lived.load
    one_in = (scenario.year or Year()).one_in
    hours = load.hours.shape[1]
    for number, chain_id in enumerate(load.ids):
        burst = np.zeros(hours, dtype=np.int64)
        burst[:: DAY_NS // HOUR_NS] = load.bursts[number] * one_in
        columns = {
            "chain": Coded((chain_id,), np.zeros(hours, dtype=np.int64)),
            "hour": np.arange(hours),
            "offered": load.hours[number] * one_in + load.streams[number],
            "burst": burst,
            "size_bytes": load.size_bytes[number] * one_in + load.stream_bytes[number],
        }
        recorder.columns("hours", columns)
        for kind, table in (("level", lived.tables.levels[chain_id]), ("burst", lived.tables.bursts[chain_id])):
            for row in table.rows:
                times = row.times[WHOLE]
                counts = (row.load, row.offered, row.rejected, row.unfinished, row.blocks)
                recorder.row(
                    "levels", chain_id, kind, *counts, times.quantile(0.5), times.quantile(0.99), times.maximum
                )
    return recorder
