"""One benchmark's measurement: how many items a second, beside its goal and beside what bounds it in the same run.

A benchmark takes the fixture `measure` (`conftest.py`), says which group it belongs to, and calls it once:

    @targeted
    def test_build(measure: Measure) -> None:
        measure(
            lambda: merkle.build(SM3, contents),
            Items(len(contents), "leaves", lambda built: built.range.end),
            limit=Against("kernel in the cache", fold, leaves_of_a_fold, goal=0.75),
        )

What comes out is a `Measured`, and stands in pytest-benchmark's ``extra_info``, so that `--benchmark-json` keeps it.
"""

from __future__ import annotations

import gc
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_benchmark.fixture import BenchmarkFixture

Result = TypeVar("Result")

GROUPS: Final = {
    "frequent": "what a run or a verifier does a million times",
    "targeted": "one part on a workload of its own",
    "whole": "what somebody waits for",
}
frequent, targeted, whole = (pytest.mark.benchmark(group=name) for name in GROUPS)

ROUNDS: Final = 5
"""Rates are those of the best of so many rounds."""


@dataclass(frozen=True)
class Items:
    """What a round handles.

    Attributes:
        count: how many.
        unit: what they are, in the plural.
        counted: how many of them the result of a round shows that it did; another number fails the benchmark.
    """

    count: int
    unit: str
    counted: Callable[[Any], int] = len


@dataclass(frozen=True)
class Against:
    """Something that does comparable work, one round of it before each round of the benchmark.

    Attributes:
        name: what it is, as the table says it.
        work: one round.
        count: how many of the benchmark's items a round is worth.
        goal: what the benchmark's rate divided by this one's must reach, if anything.
        setup: what comes before each round and is not timed; it returns what ``work`` is called with.
    """

    name: str
    work: Callable[..., object]
    count: float
    goal: float | None = None
    setup: Callable[[], tuple[Any, ...]] = tuple

    def seconds(self) -> float:
        """Do one round and say how long it took."""
        arguments = self.setup()
        start_s = time.perf_counter()
        self.work(*arguments)
        return time.perf_counter() - start_s


@dataclass(frozen=True)
class Measured:
    """What is known of a benchmark after it ran, and the shape of ``extra_info``.

    Attributes:
        group: a key of `GROUPS`.
        unit: what is counted, in the plural.
        count: how many of them a round handled, as asserted.
        rate_per_s: of them, in the best round.
        goal_per_s: what that must reach, or None.
        limit: what bounds the rate, measured in the same run, or None; `limit_per_s` is its rate.
        share: `rate_per_s` divided by `limit_per_s`; `goal_share` is what that must reach, or None.
        beside: whatever else did the same in the same run: name to ``{"rate_per_s", "times", "goal_times"}``, where
            times is the benchmark's rate divided by that one.
        met: whether every goal is reached; None without a goal.
        more: further figures, each with its unit in its name.
    """

    group: str
    unit: str
    count: int
    rate_per_s: float
    goal_per_s: float | None = None
    limit: str | None = None
    limit_per_s: float | None = None
    share: float | None = None
    goal_share: float | None = None
    beside: dict[str, dict[str, float | None]] = field(default_factory=dict)
    met: bool | None = None
    more: dict[str, float] = field(default_factory=dict)


class Measure:
    """The fixture: times one piece of work, and whatever it is measured against, in turns.

    Args:
        benchmark: pytest-benchmark's fixture, which keeps the times.
        keep: told what was measured.
    """

    def __init__(self, benchmark: BenchmarkFixture, keep: Callable[[Measured], None]) -> None:
        self._benchmark = benchmark
        self._keep = keep
        self._more: dict[str, float] = {}

    def note(self, **figures: float) -> None:
        """Keep further figures, each with its unit in its name; to be called before the measurement."""
        self._more.update(figures)

    def __call__(
        self,
        work: Callable[..., Result],
        items: Items,
        *,
        goal_per_s: float | None = None,
        limit: Against | None = None,
        beside: Sequence[Against] = (),
        setup: Callable[[], tuple[Any, ...]] = tuple,
        rounds: int = ROUNDS,
    ) -> Result:
        """Measure.

        Args:
            work: one round, called with what ``setup`` returned.
            items: what a round handles.
            goal_per_s: the rate to reach.
            limit: what bounds the rate.
            beside: peers and plainer ways to do the same.
            setup: what comes before each round and is not timed.
            rounds: how many are timed, after an untimed one; a single one goes without that.

        Returns:
            What the last round returned.
        """
        others = [other for other in (limit, *beside) if other is not None]
        best_s = dict.fromkeys((other.name for other in others), float("inf"))

        def before() -> tuple[tuple[Any, ...], dict[str, Any]]:
            for other in others:
                best_s[other.name] = min(best_s[other.name], other.seconds())
            arguments = setup()
            gc.collect()
            return arguments, {}

        gc.collect()
        gc.freeze()  # what is there already need not be looked through again and again
        try:
            result = self._benchmark.pedantic(work, setup=before, rounds=rounds, warmup_rounds=int(rounds > 1))
        finally:
            gc.unfreeze()
        done = items.counted(result)
        assert done == items.count, f"{done} {items.unit} were handled instead of {items.count}"
        rate = done / self._benchmark.stats.stats.min
        rates = {other.name: other.count / best_s[other.name] for other in others}
        goals = [(rate, goal_per_s)] + [(rate / rates[other.name], other.goal) for other in others]
        stated = [reached >= goal for reached, goal in goals if goal is not None]
        measured = Measured(
            group=self._benchmark.group,
            unit=items.unit,
            count=done,
            rate_per_s=rate,
            goal_per_s=goal_per_s,
            limit=limit and limit.name,
            limit_per_s=limit and rates[limit.name],
            share=limit and rate / rates[limit.name],
            goal_share=limit and limit.goal,
            beside={
                other.name: {
                    "rate_per_s": rates[other.name],
                    "times": rate / rates[other.name],
                    "goal_times": other.goal,
                }
                for other in beside
            },
            met=all(stated) if stated else None,
            more=dict(self._more),
        )
        assert measured.group in GROUPS, f"{self._benchmark.name} belongs to none of {', '.join(GROUPS)}"
        self._benchmark.extra_info.update(asdict(measured))
        self._keep(measured)
        return result
