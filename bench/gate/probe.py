"""What a probe is: a piece of work to time, on fixed input, and the yardstick that it is timed by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.gate import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ANY = "any"


def _nothing() -> None:
    """No preparation."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A probe that is set up.

    Attributes:
        work, yardstick: one turn of each; nobody reads what they return.
        per_work, per_yardstick: how many units, such as compressions, a turn is.
        prepare: done before each turn of `work`, off the clock.
    """

    work: Callable[[], object]
    yardstick: Callable[[], object]
    per_work: float
    per_yardstick: float
    prepare: Callable[[], object] = _nothing


@dataclass(frozen=True, slots=True)
class Probe:
    """Something to time.

    Attributes:
        about: one unit of it, and what that is measured by.
        set_up: given a folder for files, makes its subject.
        limits: how many yardsticks a unit may take, by feature of the processor (`machine.FEATURES`); the first that is
            there counts, and ``any`` is there always.
        goal: where the limits come from.
    """

    about: str
    set_up: Callable[[Path], Subject]
    limits: Mapping[str, float]
    goal: str

    def limit(self) -> float:
        """On this machine."""
        here = [*machine.features(), ANY]
        return next(limit for feature, limit in self.limits.items() if feature in here)
