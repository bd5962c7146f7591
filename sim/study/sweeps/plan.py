"""What a study runs: the points of its parameters, and the seeds of their replications.

Every point has the same seeds. Draws are addressed by seed and key (`sim.kernel.draws`), so what comes from outside,
arrivals, sizes, cases and storms of faults, is the same in the replications of one number at every point: common random
numbers (Law, Simulation Modeling and Analysis, 5th ed., section 11.2). Replications of other numbers are independent.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from sim.kernel.draws import Draws
from sim.scenario import ScenarioError, load_text
from sim.scenario.problems import SET, Problem
from sim.study.manifest import run_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sim.scenario import Scenario

MOST_POINTS: Final = 100_000
_SEEDS: Final = 2**63 - 1
Over: TypeAlias = "Mapping[str | tuple[str, ...], Sequence[object]]"
"""Values by dotted path; with a tuple of paths every value is a tuple of as many, which change together."""


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of parameters.

    Attributes:
        number: its place in the study, from 0.
        settings: value by dotted path, as it was given.
        scenario: with these values.
        text: of the scenario, as `Scenario.to_yaml` writes it.
        other: it is a scenario of its own, and no change of the study's.
    """

    number: int
    settings: Mapping[str, object]
    scenario: Scenario
    text: str
    other: bool = False

    def run_id(self, seed: int) -> str:
        """Names the run of this point with a seed (`sim.study.manifest.run_id`)."""
        return run_id(self.scenario, seed)


def points(scenario: Scenario, over: Over, where: str | None = None) -> tuple[Point, ...]:
    """The grid over all parameters, in the order in which they are given, the last one changing fastest.

    Args:
        scenario: what they are changed in.
        over: the parameters; a tuple of paths is one parameter whose values are tuples (zipped).
        where: keeps the points for which this SQL expression over the parameters is true, such as
            ``validators >= 31 or protocol = 'raft'``. A column is the path in double quotes, or its last word.

    Raises:
        ScenarioError: a value does not fit, told with its point.
        ValueError: a parameter has no values, tuples are of the wrong length, ``where`` can't be read or keeps nothing.
    """
    return explicit(scenario, [dict(settings) for settings in _filtered(list(_grid(over)), where)])


def explicit(scenario: Scenario, settings: Sequence[Mapping[str, object]]) -> tuple[Point, ...]:
    """Points that are given one by one.

    Raises:
        ScenarioError: a value does not fit, told with its point.
        ValueError: two points are the same.
    """
    base, found, problems = scenario.to_yaml(), list[Point](), list[Problem]()
    for number, values in enumerate(settings):
        try:
            changed = load_text(base, values, scenario.source) if scenario.source else load_text(base, values)
        except ScenarioError as error:
            told = f" (at {said(values)})" if values else ""
            problems += [
                Problem(one.file, one.line, one.column, one.path, f"{one.message}{told}")
                if one.file == SET
                else Problem(SET, 0, 0, one.path, f"{one.message}{told}")
                for one in error.problems
            ]
        else:
            found.append(Point(number, dict(values), changed, changed.to_yaml()))
    if problems:
        raise ScenarioError(problems)
    texts: dict[str, Point] = {}
    for point in found:
        if point.text in texts:
            raise ValueError(
                f"{said(point.settings)} and {said(texts[point.text].settings)} are the same; needs points that differ"
            )
        texts[point.text] = point
    return tuple(found)


def other(number: int, settings: Mapping[str, object], scenario: Scenario) -> Point:
    """A point that is a scenario of its own; ``settings`` only name it."""
    return Point(number, dict(settings), scenario, scenario.to_yaml(), other=True)


def seeds(scenario: Scenario, replications: int) -> list[int]:
    """The seeds of all points: the scenario's own, then independent ones; more replications only add to them."""
    drawn = Draws(scenario.seed).block("replications").integers(max(0, replications - 1), _SEEDS)
    return [scenario.seed, *drawn.tolist()][:replications]


def said(settings: Mapping[str, object]) -> str:
    """A point in words: ``chains.jc.validators=31, chains.jc.hash=sm3``."""
    return ", ".join(f"{path}={shown(value)}" for path, value in settings.items()) or "as it stands"


def shown(value: object) -> str:
    """A parameter's value as one text."""
    return str(value) if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False, default=str)


def kept(value: object) -> object:
    """A parameter's value as JSON can hold it: lists and maps as they are, anything else as its text."""
    if isinstance(value, dict):
        return {str(key): kept(one) for key, one in value.items()}
    return [kept(one) for one in value] if isinstance(value, list | tuple) else shown(value)


def column(values: Sequence[object]) -> list[int] | list[float] | list[str]:
    """A parameter's values as numbers if all of them are, as texts otherwise."""
    texts = [shown(value) for value in values]
    for kind in (int, float):
        try:
            return [kind(text) for text in texts]
        except ValueError:
            continue
    return texts


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """For each path the fewest words from its end that tell it from the others: ``validators``, ``jc.hash``."""
    names: dict[str, str] = {}
    for path in paths:
        words = path.split(".")
        others = [other.split(".") for other in paths if other != path]
        length = next(
            (count for count in range(1, len(words)) if all(o[-count:] != words[-count:] for o in others)), len(words)
        )
        names[path] = ".".join(words[-length:])
    return names


def _grid(over: Over) -> Iterator[dict[str, object]]:
    axes: list[list[dict[str, object]]] = []
    for paths, values in over.items():
        if isinstance(values, str | bytes) or not list(values):
            raise ValueError(f"{paths} has no list of values; needs at least one")
        axes.append([_together(paths, value) for value in values])
    size = 1
    for axis in axes:
        size *= len(axis)
    if size > MOST_POINTS:
        raise ValueError(f"{size:,} points; a study has {MOST_POINTS:,} at most")
    for combination in itertools.product(*axes):
        settings: dict[str, object] = {}
        for part in combination:
            if doubled := settings.keys() & part.keys():
                raise ValueError(f"{min(doubled)} is a parameter twice; needs one list of values")
            settings |= part
        yield settings


def _together(paths: str | tuple[str, ...], value: object) -> dict[str, object]:
    if isinstance(paths, str):
        return {paths: value}
    if not isinstance(value, tuple | list) or len(value) != len(paths):
        raise ValueError(f"{', '.join(paths)}: {value!r} has not a value for each; needs {len(paths)}")
    return dict(zip(paths, value, strict=True))


def _filtered(settings: list[dict[str, object]], where: str | None) -> list[dict[str, object]]:
    if where is None:
        return settings
    import polars as pl

    paths = list(settings[0])
    columns = {path: column([point[path] for point in settings]) for path in paths}
    columns |= {name: columns[path] for path, name in short_names(paths).items()}
    try:
        mask = pl.DataFrame(columns).select(pl.sql_expr(where).cast(pl.Boolean)).to_series()
    except pl.exceptions.PolarsError as error:
        known = ", ".join(columns)
        raise ValueError(
            f"where '{where}': {str(error).splitlines()[0]}; needs a condition on {known}; "
            "a name that is a word of SQL, such as interval, stands in double quotes"
        ) from error
    left = [point for point, keep in zip(settings, mask, strict=True) if keep]
    if not left:
        raise ValueError(f"where '{where}' keeps none of {len(settings):,} points")
    return left
