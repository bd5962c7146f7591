"""What goes into a statistic, checked: the refusals of arrays and of probabilities, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class StatisticsError(ValueError):
    """What was given admits no such statistic; the text says what is wrong and what would be right."""


def one_series(values: ArrayLike, what: str = "values", least: int = 1) -> NDArray[np.float64]:
    """``values`` as an array of shape (n,), n at least ``least``, all finite.

    Raises:
        StatisticsError: another shape, too few, or one that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise StatisticsError(f"{what}: a series has one dimension, got shape {array.shape}")
    if len(array) < least:
        raise StatisticsError(f"{what}: at least {least} needed, got {len(array)}")
    finite(array, what)
    return array


def finite(array: NDArray[np.float64], what: str) -> None:
    """Nothing in ``array`` is infinite or NaN.

    Raises:
        StatisticsError: with the place of the first that is.
    """
    odd = ~np.isfinite(array)
    if odd.any():
        place = [int(index) for index in np.argwhere(odd)[0]]
        where = place[0] if len(place) == 1 else tuple(place)
        raise StatisticsError(f"{what}[{where}] is {array[tuple(place)]}; every value must be a finite number")


def inside_unit(probability: float, what: str) -> float:
    """``probability``, strictly between 0 and 1.

    Raises:
        StatisticsError: it is not.
    """
    if not 0 < probability < 1:
        raise StatisticsError(f"{what} must lie between 0 and 1, such as 0.95, got {probability}")
    return probability
