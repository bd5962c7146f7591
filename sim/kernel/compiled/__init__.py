"""Draws by compiled loops: the words of many streams at once, and what becomes of them while they are in the cache.

The same bits as the array passes of `sim.kernel.draws`, `elementary` and `inversion`, many times faster. It stands in
this room, and not beside the loops of a chain, because everything that draws uses it and it knows nothing of them.
Without numba, or with the environment variable ``ALLIANCE_DRAWS=off``, the passes do the work.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

SWITCH = "ALLIANCE_DRAWS"
"""The environment variable that turns the loops off when it says ``off``; read when something is first drawn."""


@cache
def available() -> ModuleType | None:
    """The module `sim.kernel.compiled.loops`, with numba loaded, or None where array passes do the work."""
    if os.environ.get(SWITCH, "").lower() == "off":
        return None
    try:
        from sim.kernel.compiled import loops
    except ImportError:
        return None
    return loops
