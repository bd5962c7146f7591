"""From recordings to bands, and how often a band is left without cause.

A band reaches from the least to the largest ratio ever recorded, idle or loaded, and `MARGIN` beyond on either side. A
probe outside it is measured `AGAIN` times more, each time in a fresh process, and fails only if all lie outside on the
same side.

How often that happens without cause is read off the recordings, nothing assumed of their distribution: every recorded
pass over all probes is judged as a run would be, by bands made without the processes that it was recorded in. What is
assumed is that runs meet the conditions that were recorded. Zero alarms in n such runs bound the rate by 3/n (95 %).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import comb
from statistics import median
from typing import TypeAlias

Ratios: TypeAlias = Sequence[Sequence[float]]
"""Of one probe under one condition: a row for each process, in it one ratio after the other."""
Recorded: TypeAlias = Mapping[str, Mapping[str, Ratios]]
"""By probe, by condition."""

CONDITIONS = ("idle", "loaded")
MEASUREMENTS = 320
"""Of each probe: 3 / 320 is less than a hundredth."""
MARGIN = 0.05
AGAIN = 2
SLOWDOWN = 1.3
"""What a band must catch."""
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Band:
    """Ratios that are nothing to worry about: from ``low`` to ``high``."""

    low: float
    high: float

    @classmethod
    def around(cls, ratios: Sequence[float]) -> Band:
        """The band of recorded ratios, at least one."""
        return cls(min(ratios) / (1 + MARGIN), max(ratios) * (1 + MARGIN))

    def side(self, ratio: float) -> int:
        """-1 below, 0 inside, 1 above."""
        return (ratio > self.high) - (ratio < self.low)


def flat(conditions: Mapping[str, Ratios]) -> list[float]:
    """All ratios of one probe."""
    return [ratio for rows in conditions.values() for row in rows for ratio in row]


def surely_caught(conditions: Mapping[str, Ratios]) -> float:
    """The slowdown that leaves the band at any moment that was recorded, the fastest included."""
    ratios = flat(conditions)
    return Band.around(ratios).high / min(ratios)


def usually_caught(conditions: Mapping[str, Ratios]) -> float:
    """The slowdown that leaves the band at the median moment."""
    ratios = flat(conditions)
    return Band.around(ratios).high / median(ratios)


@dataclass(frozen=True, slots=True)
class Alarms:
    """How recorded runs are judged.

    Attributes:
        runs: how many.
        first: those in which some probe leaves its band at first. failed: those in which it does so every time.
    """

    runs: int
    first: int
    failed: int

    @property
    def bound(self) -> float:
        """The upper end of a one-sided 95 % interval (Clopper & Pearson 1934) of the rate of failures without cause."""
        return upper_bound(self.failed, self.runs)


def alarms(recorded: Recorded) -> Alarms:
    """Judge every recorded run by bands that know nothing of it."""
    runs = first = failed = 0
    for condition in CONDITIONS:
        shape = [conditions[condition] for conditions in recorded.values()]
        processes = min(len(rows) for rows in shape)
        for process in range(processes):
            tries = [(process + k) % processes for k in range(1 + AGAIN)]
            bands = {name: _without(conditions, condition, tries) for name, conditions in recorded.items()}
            for turn in range(min(len(rows[place]) for rows in shape for place in tries)):
                sides = [
                    [bands[name].side(conditions[condition][place][turn]) for place in tries]
                    for name, conditions in recorded.items()
                ]
                runs += 1
                first += any(tried[0] for tried in sides)
                failed += any(tried[0] and len(set(tried)) == 1 for tried in sides)
    return Alarms(runs, first, failed)


def _without(conditions: Mapping[str, Ratios], condition: str, places: Sequence[int]) -> Band:
    """The band of all processes but these."""
    others = [
        row
        for name, rows in conditions.items()
        for place, row in enumerate(rows)
        if not (name == condition and place in places)
    ]
    return Band.around(list(chain.from_iterable(others)))


def upper_bound(failures: int, tries: int) -> float:
    """The largest rate at which so few failures in so many tries are no rarer than 5 %."""
    low, high = failures / tries, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        at_most = sum(comb(tries, k) * middle**k * (1 - middle) ** (tries - k) for k in range(failures + 1))
        low, high = (middle, high) if at_most > 1 - CONFIDENCE else (low, middle)
    return high
