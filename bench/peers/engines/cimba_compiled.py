"""Cimba: models compiled by numba for an engine in C; here the queue's, without counting the compilation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cimba
import numpy as np
from cimba import inputs

if TYPE_CHECKING:
    from bench.peers.workloads import Queue


class _Queue(cimba.Model):
    gaps: cimba.Input[float] = inputs.dist.exponential(mean=1)
    services: cimba.Input[float] = inputs.dist.exponential(mean=1)
    customers: cimba.Param[int] = 1
    came: cimba.Store[float]
    waited: cimba.Output[float]

    @cimba.process
    def arrivals(self) -> None:
        for _ in range(self.customers):
            cimba.hold(self.gaps.next())
            self.came.put(cimba.now())

    @cimba.process
    def server(self) -> None:
        self.waited = 0.0
        for _ in range(self.customers):
            came = self.came.get()
            self.waited += cimba.now() - came
            cimba.hold(self.services.next())


def queue(workload: Queue) -> int:
    """M/M/1; the inputs are recorded traces."""
    model = _Queue()
    model.customers = workload.count
    model.gaps = inputs.trace(np.array(workload.gaps_ns, dtype=float))
    model.services = inputs.trace(np.array(workload.services_ns, dtype=float))
    results = cimba.Experiment(model, replications=1, window=cimba.Window.until_idle()).run()
    return int(np.asarray(results[model].waited).item())
