"""How loops over cases are compiled and kept on disk, under a name that changes with all that they are made of."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numba

from sim.casework import columns, keys, program
from sim.kernel.compiled.instructions import _STAMP as KERNEL_STAMP

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

# numba looks only at a function's own file to see whether what it keeps is still right.
_MODULES = (columns, keys, program)
_SOURCES = [*sorted(Path(__file__).parent.glob("*.py")), *(Path(str(module.__file__)) for module in _MODULES)]
_STAMP = hashlib.sha256(KERNEL_STAMP.encode() + b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:12]


def jit(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a loop at its first call.

    Without reference counts, for Python holds all arrays, and to count who looks at sixty of them takes longer than a
    case's step; and without Python's error for a division by zero, which is a branch.
    """
    function.__qualname__ = f"{function.__name__}_{_STAMP}"
    try:
        compiled: Callable[P, T] = numba.njit(cache=True, _nrt=False, error_model="numpy")(function)
    except RuntimeError:
        # No place on this machine takes numba's files: compile in every process.
        compiled = numba.njit(_nrt=False, error_model="numpy")(function)
    return compiled


def part(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a part of loops into each place that calls it: to hand it all arrays would take longer than it does."""
    compiled: Callable[P, T] = numba.njit(_nrt=False, error_model="numpy", forceinline=True)(function)
    return compiled
