"""One measurement of a probe: the best of many short turns of its work, and of its yardstick in between.

CPU time of this thread is measured, not the clock on the wall, so that what others run on the same core does not count;
what they do to caches, memory and a shared core's units still does, and the best turn is the one that met least of it.
"""

from __future__ import annotations

import gc
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import thread_time_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.gate.probe import Probe, Subject

TURNS, FEWEST_TURNS = 150, 60
"""Of each, in a measurement; fewer if they are long."""
LONG_NS = 60_000_000
"""What a measurement takes at most, unless the fewest turns take more."""
WARM_UP = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """Best turns, in nanoseconds for one unit of each.

    Attributes:
        work_ns: of the probe.
        yardstick_ns: of its yardstick.
    """

    work_ns: float
    yardstick_ns: float

    @property
    def ratio(self) -> float:
        """How many yardsticks a unit of work takes."""
        return self.work_ns / self.yardstick_ns


class Bench:
    """Probes that are set up and warm; made by `bench_of`."""

    def __init__(self, subjects: Mapping[str, Subject]) -> None:
        self._subjects = subjects

    def measure(self, name: str) -> Measured:
        """Measure one of them."""
        return _measure(self._subjects[name])


@contextmanager
def bench_of(probes: Mapping[str, Probe]) -> Iterator[Bench]:
    """Set probes up, in a folder of their own that goes again."""
    with tempfile.TemporaryDirectory(prefix="gate.") as folder:
        subjects = {}
        for name, probe in probes.items():
            (Path(folder) / name).mkdir()
            subject = subjects[name] = probe.set_up(Path(folder) / name)
            for _ in range(WARM_UP):
                subject.prepare()
                subject.work()
                subject.yardstick()
        gc.collect()
        gc.freeze()  # or each collection would look through all of them
        try:
            yield Bench(subjects)
        finally:
            gc.unfreeze()


def _measure(subject: Subject) -> Measured:
    prepare, work, yardstick = subject.prepare, subject.work, subject.yardstick
    best_work_ns = best_yardstick_ns = 1 << 62
    gc.collect()
    gc.disable()
    long_ns = thread_time_ns() + LONG_NS
    try:
        for turn in range(TURNS):
            prepare()
            started_ns = thread_time_ns()
            yardstick()
            between_ns = thread_time_ns()
            work()
            ended_ns = thread_time_ns()
            best_yardstick_ns = min(best_yardstick_ns, between_ns - started_ns)
            best_work_ns = min(best_work_ns, ended_ns - between_ns)
            if ended_ns > long_ns and turn >= FEWEST_TURNS:
                break
    finally:
        gc.enable()
    return Measured(best_work_ns / subject.per_work, best_yardstick_ns / subject.per_yardstick)
