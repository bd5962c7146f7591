"""Where a study comes from: the command that runs it again, its seeds, and the code that it ran with."""

from __future__ import annotations

import itertools
import re
import shlex
from typing import TYPE_CHECKING, Final

from sim.report import wording
from sim.report.study_axes import is_grid
from sim.study.manifest import code_digest
from sim.study.sweeps.journal import SCENARIO, other_file
from sim.study.sweeps.plan import seeds, shown
from sim.study.sweeps.sweep import default_metrics

if TYPE_CHECKING:
    from sim.report.study_axes import Axis
    from sim.report.study_numbers import Told

_SIMPLE: Final = re.compile(r"[\w./%+-][\w./%+ -]*")
"""Texts that may stand between commas as they are."""


def command(told: Told) -> str:
    """The line that runs the study again from the scenario in its directory; empty where no line says its points.

    Points of a grid are said by ``--over`` and ``--zip``. Conditions on points (``--where``) are known only where the
    head of the study says them.
    """
    study, head = told.study, told.study.head
    runs = ["-r", str(head["replications"])]
    if head.get("others"):
        return shlex.join(["alliance", "compare", *map(other_file, head["others"]), *runs, *_metrics(told)])
    if "capacity" in head:
        return shlex.join(["alliance", "capacity", SCENARIO, *runs])
    if "screening" in head:
        sampled = ["--screen", str(len(study.points) - 1)]
        return shlex.join(["alliance", "sweep", SCENARIO, *sampled, *runs, *_metrics(told)])
    points = _points(told)
    if points is None:
        return ""
    until = [] if head["until"] is None else ["--until", f"ci={wording.exact(100 * head['until'])}%"]
    return shlex.join(["alliance", "sweep", SCENARIO, *points, *runs, *until, *_metrics(told)])


def _points(told: Told) -> list[str] | None:
    """Options that make the study's points in their order; None where there are none."""
    points, where = told.study.points, told.study.head.get("where")
    zipped = [axis for axis in told.axes if len(axis.paths) > 1]
    alike = len({tuple(point.settings) for point in points}) == 1
    if not alike or len(zipped) > 1 or not (where or len(points) == 1 or _in_order(told.axes)):
        return None
    still = {path: value for path, value in points[0].settings.items() if not _moves(told, path)}
    words = [word for path, value in still.items() for word in ("--over", f"{path}={_value(value)}")]
    for axis in told.axes:
        first = {axis.of[point.number]: point.settings for point in reversed(points)}
        option = "--zip" if len(axis.paths) > 1 else "--over"
        for path in axis.paths:
            values = ",".join(_value(first[value][path]) for value in sorted(first))
            words += [option, f"{path}={values}"]
    return [*words, "--where", str(where)] if where else words


def _moves(told: Told, path: str) -> bool:
    return any(path in axis.paths for axis in told.axes)


def _in_order(axes: tuple[Axis, ...]) -> bool:
    """Whether the points are the grid of the axes, the last one changing fastest and all that is zipped last."""
    if not is_grid(axes) or any(len(axis.paths) > 1 for axis in axes[:-1]):
        return False
    order = itertools.product(*(range(len(axis.values)) for axis in axes))
    return [tuple(axis.of[point] for axis in axes) for point in sorted(axes[0].of)] == list(order)


def _value(value: object) -> str:
    """A value that may stand in a list: JSON, which YAML reads as well, or a text, quoted where YAML would read it."""
    text = shown(value)
    if not isinstance(value, str) or _SIMPLE.fullmatch(text):
        return text
    return "'" + text.replace("'", "''") + "'"


def _metrics(told: Told) -> list[str]:
    study = told.study
    if study.metrics == default_metrics(study.scenario):
        return []
    return [word for metric in study.metrics for word in ("--metric", metric)]


def seeds_of(told: Told) -> list[int]:
    """The seeds of all points, the first replication's first."""
    return seeds(told.study.scenario, told.study.head["replications"])


def code(told: Told) -> str:
    """SHA-256 of the code that ran the study."""
    return str(told.study.head.get("code_sha256") or code_digest())
