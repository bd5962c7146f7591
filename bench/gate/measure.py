"""One measurement of each of some probes: the best of many short turns of its work, and of its yardstick in between.

CPU time of this thread is measured, not the clock on the wall, so that what others run on the same core does not count;
what they do to caches, memory and a shared core's units still does. So turns are taken in several sweeps over all
probes, some time apart, and the best turn is the one that met least of it.
"""

from __future__ import annotations

import gc
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from time import thread_time_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.gate.probe import Probe, Subject

SWEEPS, TURNS, FEWEST_TURNS = 30, 5, 2
"""Turns of each probe in a sweep, fewer if they are long. Many short sweeps meet more moments than few long ones."""
LONG_NS = 2_500_000
"""What they take at most, unless the fewest turns take more."""
SWEEP_S = 0.05
"""Sweeps begin at least so long after each other."""
WARM_UP = 5


class Bench:
    """Probes that are set up and warm; made by `bench_of`."""

    def __init__(self, subjects: Mapping[str, Subject]) -> None:
        self._subjects = subjects

    def measure(self) -> dict[str, float]:
        """How many yardsticks a unit of each probe's work takes."""
        best_ns = {name: [1 << 62, 1 << 62] for name in self._subjects}
        gc.collect()
        gc.disable()
        try:
            for _ in range(SWEEPS):
                begun_s = time.monotonic()
                for name, subject in self._subjects.items():
                    _take_turns(subject, best_ns[name])
                time.sleep(max(0.0, begun_s + SWEEP_S - time.monotonic()))
        finally:
            gc.enable()
        return {
            name: (best_ns[name][0] / subject.per_work) / (best_ns[name][1] / subject.per_yardstick)
            for name, subject in self._subjects.items()
        }


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


def _take_turns(subject: Subject, best_ns: list[int]) -> None:
    """Some turns of work and yardstick; keeps the best of each, in nanoseconds."""
    prepare, work, yardstick = subject.prepare, subject.work, subject.yardstick
    long_ns = thread_time_ns() + LONG_NS
    for turn in range(TURNS):
        prepare()
        started_ns = thread_time_ns()
        yardstick()
        between_ns = thread_time_ns()
        work()
        ended_ns = thread_time_ns()
        best_ns[0] = min(best_ns[0], ended_ns - between_ns)
        best_ns[1] = min(best_ns[1], between_ns - started_ns)
        if ended_ns > long_ns and turn + 1 >= FEWEST_TURNS:
            break
