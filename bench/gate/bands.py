"""From recordings to bands, and how often a band is left without cause.

A band reaches from the 10 % to the 90 % quantile of all recorded ratios, idle and loaded together, and `MARGIN` beyond
on either side. A probe outside it is measured again as often as `WAITS_S` says, each time in a fresh process, and fails
only if all lie outside on the same side: bad spells of a machine last seconds, a slowdown stays.

How often that happens without cause is read off the recordings, nothing assumed of their distribution. Every recorded
measurement of all probes is judged as a run of the gate would be: the next one of the same process and those of the
next three processes under the same condition stand for measuring again, and bands are made without any of the four.
What is assumed is that runs meet conditions such as were recorded. No alarm in n runs bounds the rate by 3/n (95 %).
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
OUTSIDE = 0.1
MARGIN = 0.05
WAITS_S = (0, 10, 20, 40)
"""How long the gate waits each time before it measures again."""
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
        ranked = sorted(ratios)
        left_out = int(OUTSIDE * len(ranked))
        return cls(ranked[left_out] / (1 + MARGIN), ranked[-1 - left_out] * (1 + MARGIN))

    def side(self, ratio: float) -> int:
        """-1 below, 0 inside, 1 above."""
        return (ratio > self.high) - (ratio < self.low)


def flat(conditions: Mapping[str, Ratios]) -> list[float]:
    """All ratios of one probe."""
    return [ratio for rows in conditions.values() for row in rows for ratio in row]


def surely_caught(conditions: Mapping[str, Ratios]) -> float:
    """The slowdown that leaves the band at any moment that was recorded, but for the fastest 10 %."""
    band = Band.around(flat(conditions))
    return band.high / (band.low * (1 + MARGIN))


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
        rows = {name: conditions[condition] for name, conditions in recorded.items()}
        processes = min(map(len, rows.values()))
        passes = min(len(row) for of_probe in rows.values() for row in of_probe)
        for process in range(processes):
            later = [(process + k) % processes for k in range(1, len(WAITS_S))]
            sides: dict[str, list[list[int]]] = {
                name: [] for name in rows
            }  # of each pass: by which side it left the band, at each try
            for name, of_probe in rows.items():
                band = _without(recorded[name], condition, [process, *later])
                for turn in range(passes):
                    tries = [of_probe[process][turn], of_probe[process][(turn + 1) % passes]]
                    tries += [of_probe[place][turn] for place in later]
                    sides[name].append([band.side(ratio) for ratio in tries])
            runs += passes
            first += sum(any(of_probe[turn][0] for of_probe in sides.values()) for turn in range(passes))
            failed += sum(
                any(of_probe[turn][0] and len(set(of_probe[turn])) == 1 for of_probe in sides.values())
                for turn in range(passes)
            )
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
