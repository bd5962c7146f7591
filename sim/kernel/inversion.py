"""Laws by which one random word becomes one random number: by inversion of their distribution functions.

A word stands for a number u in (0, 1), the centre of the cell that its 52 leading bits name, of 2^52 equal ones. That
every number takes exactly one word is what makes it possible to draw from many streams side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.kernel import elementary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WORD, UNIFORM, LOG, POWER, NORMAL, LOGNORMAL, RANGE = range(7)
"""Forms. With z, the standard normal quantile of u, they are: the raw word; u; scale · ln u; scale · u^(1 / shape);
max(scale + shape · z, 0); scale · e^(shape · z); scale + shape · u."""
_CELL = 2.0**-52


class Law(NamedTuple):
    """One law.

    Attributes:
        form: one of the above.
        scale, shape: its parameters; 0 where it has none.
    """

    form: int
    scale: float = 0.0
    shape: float = 0.0


def invert(law: Law, words: NDArray[np.uint64]) -> Floats:
    """The law's number for each word's u, by array passes: what compiled loops must give as well."""
    form, scale, shape = law
    u = ((words >> np.uint64(12)).astype(np.float64) + 0.5) * _CELL
    if form == UNIFORM:
        return u
    if form == LOG:
        return scale * elementary.log(u)
    if form == POWER:
        return scale * elementary.exp(elementary.log(u) / shape)
    if form == NORMAL:
        return np.maximum(scale + shape * elementary.normal_quantile(u), 0.0)
    if form == LOGNORMAL:
        return scale * elementary.exp(shape * elementary.normal_quantile(u))
    if form == RANGE:
        return scale + shape * u
    raise ValueError(f"no law: {law}")
