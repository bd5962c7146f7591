"""Which figures a study has, what they are called, and how to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.report import pictures, study_front, study_plots
from sim.report.pictures import Picture
from sim.report.study_axes import is_grid
from sim.report.study_panels import measured

if TYPE_CHECKING:
    from sim.report.pictures import Drawn
    from sim.report.study_numbers import Told

_CELLS: Final = 12
"""A map has so many rows and columns at most."""
_ROWS: Final = 60
"""So many points are drawn one below the other; more of them as a cloud over each parameter."""


def draw(told: Told) -> list[Drawn]:
    """All figures of a study, in the order of the page."""
    return pictures.draw(PICTURES, told)


def _has_lines(told: Told) -> bool:
    found = told.axes
    few = len(found) == 1 or (len(found) == 2 and min(len(axis.values) for axis in found) <= study_plots.LINES)  # noqa: PLR2004
    return bool(measured(told)) and few and is_grid(found) and "screening" not in told.study.head


def _has_map(told: Told) -> bool:
    two = len(told.axes) == 2 and is_grid(told.axes)  # noqa: PLR2004 - rows and columns
    return bool(measured(told)) and two and max(len(axis.values) for axis in told.axes) <= _CELLS


def _has_rows(told: Told) -> bool:
    return bool(measured(told)) and 1 < len(told.study.points) <= _ROWS and not (_has_lines(told) or _has_clouds(told))


def _has_clouds(told: Told) -> bool:
    many = len(told.study.points) > _ROWS or "screening" in told.study.head
    return bool(measured(told)) and bool(told.axes) and many and not _has_lines(told)


def _has_front(told: Told) -> bool:
    return len(told.study.points) > 1 and bool(study_front.pairs(told)) and "screening" not in told.study.head


def _has_one_point(told: Told) -> bool:
    return len(told.study.points) == 1 and bool(measured(told))


PICTURES: Final = (
    Picture("by-parameter", study_plots.by_parameter, _has_lines),
    Picture("heat-map", study_plots.heat_map, _has_map),
    Picture("points", study_plots.rows_figure, _has_rows),
    Picture("inputs", study_plots.clouds, _has_clouds),
    Picture("front", study_front.front, _has_front),
    Picture("replications", study_plots.replications, _has_one_point),
)
