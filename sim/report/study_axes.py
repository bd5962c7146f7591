"""A study's parameters as axes: what varies, what varies together, and where its values lie on a true scale."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.scenario import units
from sim.study.sweeps.plan import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sim.study.sweeps.plan import Point
    from sim.study.sweeps.study import Study

_SCALES: Final[tuple[tuple[str, Callable[[str], float]], ...]] = (
    ("", float),
    ("s", lambda text: units.parse_duration(text) / 1e9),
    ("per s", units.parse_rate),
    ("Mbit/s", lambda text: units.parse_bandwidth(text) / 1e6),
    ("kB", lambda text: units.parse_size(text) / 1e3),
    ("%", lambda text: 100 * units.parse_share(text)),
)
"""Kinds of quantities that a parameter may be: the unit of its axis, and where a value lies there."""
_WIDE: Final = 20.0
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter, or several that change together.

    Attributes:
        name: short names of what changes, the first one first.
        paths: the same as dotted paths.
        values: what it takes, in the order of the points.
        places: where each value lies on a true scale; None for names.
        unit: of the scale; empty for plain numbers and names.
        of: which of the values a point has, by the point's number.
    """

    name: str
    paths: tuple[str, ...]
    values: tuple[str, ...]
    places: tuple[float, ...] | None
    unit: str
    of: Mapping[int, int]

    @property
    def label(self) -> str:
        """What is written along it."""
        notes = [self.unit] if self.unit else []
        notes += ["logarithmic"] if self.logarithmic else []
        return f"{self.name} ({', '.join(notes)})" if notes else self.name

    @property
    def logarithmic(self) -> bool:
        """Whether its values are too far apart for an even scale."""
        return self.places is not None and min(self.places) > 0 and max(self.places) / min(self.places) >= _WIDE

    @property
    def ordered(self) -> list[int]:
        """The values' indices along the axis: by place, or in their own order."""
        places = self.places
        return list(range(len(self.values))) if places is None else sorted(range(len(places)), key=places.__getitem__)


def axes(study: Study) -> tuple[Axis, ...]:
    """What varies between the points that set the same parameters, in the order in which that was given.

    Parameters whose values stand for each other are one axis, but not in a screening, where no value comes twice.
    Points that set other parameters than most (the scenario as it stands, a resource doubled) lie on no axis.
    """
    points = plain(study)
    names = study.parameters
    together: dict[tuple[int, ...], list[str]] = {}
    for path in points[0].settings:
        known = list(dict.fromkeys(shown(point.settings[path]) for point in points))
        pattern = tuple(known.index(shown(point.settings[path])) for point in points)
        if len(known) > 1:
            alone = ("screening" in study.head) * (len(together) + 1)
            together.setdefault((alone, *pattern), []).append(path)
    return tuple(_axis(points, pattern[1:], paths, names) for pattern, paths in together.items())


def plain(study: Study) -> list[Point]:
    """The points that set the parameters which most points set."""
    sets = Counter(tuple(point.settings) for point in study.points)
    usual = max(sets, key=sets.__getitem__)
    return [point for point in study.points if tuple(point.settings) == usual]


def is_grid(found: Sequence[Axis]) -> bool:
    """Whether every combination of the axes' values is a point, and no point comes twice."""
    if not found:
        return False
    size = math.prod(len(axis.values) for axis in found)
    return len(found[0].of) == size == len({tuple(axis.of[point] for axis in found) for point in found[0].of})


def _axis(points: Sequence[Point], pattern: Sequence[int], paths: Sequence[str], names: Mapping[str, str]) -> Axis:
    first = dict(reversed(list(zip(pattern, points, strict=True))))
    texts = {path: [shown(first[value].settings[path]) for value in sorted(first)] for path in paths}
    unit, places = next(
        (scale for scale in map(_scale, texts.values()) if scale[1] is not None and len(set(scale[1])) == len(first)),
        ("", None),
    )
    values = tuple(" / ".join(together) for together in zip(*texts.values(), strict=True))
    numbers = {point.number: value for value, point in zip(pattern, points, strict=True)}
    return Axis(" / ".join(names[path] for path in paths), tuple(paths), values, places, unit, numbers)


def _scale(texts: Sequence[str]) -> tuple[str, tuple[float, ...] | None]:
    for unit, parse in _SCALES:
        try:
            places = tuple(float(parse(text)) for text in texts)
        except (ValueError, ArithmeticError):
            continue
        if all(map(math.isfinite, places)):
            return unit, places
    return "", None
