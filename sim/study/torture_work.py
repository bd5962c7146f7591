"""Seeds of a torture on workers: which, what a worker is told, and how what it says comes into the log in order.

Nothing but texts and numbers goes to a worker, and nothing but lines of the log comes back. Lines are written in the
order of their seeds: a line whose predecessors are still under way waits, and is done again if all is killed then.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sim.scenario import load_text
from sim.study.executors import Lost
from sim.study.torture import Torture
from sim.study.torture_log import line_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sim.study.executors import Executor
    from sim.study.torture_log import TortureLog


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is told: a `Torture`, its scenario as text, and one seed of it."""

    text: str
    horizon_ns: int
    beyond: bool
    seed: int


def perform(task: Task) -> dict[str, Any]:
    """Torture one chain with one seed; returns the line for the log."""
    return line_of(_torture(task.text, task.horizon_ns, task.beyond).run(task.seed))


@lru_cache(maxsize=2)
def _torture(text: str, horizon_ns: int, beyond: bool) -> Torture:
    return Torture(load_text(text), horizon_ns, beyond)


def run_missing(work: Torture, log: TortureLog, seeds: Iterable[int], executor: Executor) -> Iterator[dict[str, Any]]:
    """Run the seeds that the log has not, and write them down in order.

    Args:
        work: the torture; its replicas must be the protocols' own.
        log: of this torture.
        seeds: ascending.
        executor: where they run.

    Yields:
        Each line as it comes. A seed whose worker was killed twice has none, and stays missing.

    Raises:
        OSError: the log cannot be written, or workers are not to be had.
    """
    todo = [seed for seed in seeds if seed not in log.done]
    text = work.scenario.to_yaml()
    tasks = (Task(text, work.horizon_ns, work.beyond, seed) for seed in todo)
    ended: dict[int, dict[str, Any] | None] = {}
    following = 0
    with closing(executor.results(perform, tasks)) as results:
        for number, line in results:
            ended[number] = None if isinstance(line, Lost) else line
            while following in ended:
                told = ended.pop(following)
                following += 1
                if told is not None:
                    log.add(told)
            if not isinstance(line, Lost):
                yield line
    log.settle()
