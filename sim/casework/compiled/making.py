"""How loops over cases are compiled and kept on disk, under a name that changes with all that they are made of."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from sim.casework import columns, keys, known, log, program
from sim.kernel.compiled.instructions import STAMP, kept, part

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["jit", "part"]

P = ParamSpec("P")
T = TypeVar("T")

# numba looks only at a function's own file to see whether what it keeps is still right.
_MODULES = (columns, keys, known, log, program)
_SOURCES = [*sorted(Path(__file__).parent.glob("*.py")), *(Path(str(module.__file__)) for module in _MODULES)]
_STAMP = hashlib.sha256(STAMP.encode() + b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:12]


def jit(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a loop over cases."""
    return kept(function, _STAMP)
