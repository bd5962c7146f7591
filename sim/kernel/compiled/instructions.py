"""What compiled loops are made with: how numba compiles and keeps them, and instructions that it has no name for."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numba
from llvmlite import ir
from numba.extending import intrinsic

from sim.kernel import elementary, inversion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

P = ParamSpec("P")
T = TypeVar("T")

# numba looks only at a function's own file to see whether what it keeps is still right.
_SOURCES = (*sorted(Path(__file__).parent.glob("*.py")), Path(elementary.__file__), Path(inversion.__file__))
STAMP = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:12]


def kept(function: Callable[P, T], stamp: str) -> Callable[P, T]:
    """Compile a loop at its first call, and keep it on disk, under a name that changes with what it is made of.

    Without reference counts, for Python holds all arrays, and without Python's error for a division by zero, which is a
    branch.

    Args:
        function: the loop.
        stamp: of all sources that it is made of.
    """
    function.__qualname__ = f"{function.__name__}_{stamp}"
    try:
        compiled: Callable[P, T] = numba.njit(cache=True, _nrt=False, error_model="numpy")(function)
    except RuntimeError:
        # No place on this machine takes numba's files: compile in every process.
        compiled = numba.njit(_nrt=False, error_model="numpy")(function)
    return compiled


def jit(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a loop over nothing but what is in this room."""
    return kept(function, STAMP)


def part(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a part of loops, put in wherever it is called."""
    compiled: Callable[P, T] = numba.njit(_nrt=False, error_model="numpy", forceinline=True)(function)
    return compiled


_DOUBLE, _WORD, _TWO_WORDS = ir.DoubleType(), ir.IntType(64), ir.IntType(128)

# What an intrinsic receives are numba's own types and llvmlite values, neither of them typed.
_Type = Any
_Value = Any
_Function = Any


def _instruction(emit: Callable[..., _Value], result: _Type, *parameters: _Type) -> _Function:
    """A function for compiled code whose body ``emit(builder, *arguments)`` writes."""

    def generate(_context: _Value, builder: _Value, _signature: _Value, arguments: _Value) -> _Value:
        return emit(builder, *arguments)

    # numba counts the names of parameters.
    typed = (
        lambda _typing, _a: (result(*parameters), generate),
        lambda _typing, _a, _b: (result(*parameters), generate),
        lambda _typing, _a, _b, _c: (result(*parameters), generate),
    )
    return intrinsic(typed[len(parameters) - 1])


def _emit_high(builder: _Value, a: _Value, b: _Value) -> _Value:
    product = builder.mul(builder.zext(a, _TWO_WORDS), builder.zext(b, _TWO_WORDS))
    return builder.trunc(builder.lshr(product, ir.Constant(_TWO_WORDS, 64)), _WORD)


def _emit_opaque(builder: _Value, a: _Value) -> _Value:
    return builder.asm(ir.FunctionType(_WORD, [_WORD]), "", "=r,0", [a], side_effect=False)


def _emit_root(builder: _Value, a: _Value) -> _Value:
    return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [_DOUBLE]), [a])


def polynomial(coefficients: Sequence[float]) -> _Function:
    """A function for compiled code: the polynomial with these coefficients, highest power first, by Horner's rule."""

    def emit(builder: _Value, x: _Value) -> _Value:
        value = ir.Constant(_DOUBLE, coefficients[0])
        for coefficient in coefficients[1:]:
            value = builder.fadd(builder.fmul(value, x), ir.Constant(_DOUBLE, coefficient))
        return value

    return _instruction(emit, numba.float64, numba.float64)


high = _instruction(_emit_high, numba.uint64, numba.uint64, numba.uint64)
"""The upper 64 of the 128 bits of a product."""
opaque = _instruction(_emit_opaque, numba.uint64, numba.uint64)
"""The same word, which the compiler is not told: it leaves the loop scalar."""
bits = _instruction(lambda builder, a: builder.bitcast(a, _WORD), numba.int64, numba.float64)
"""The bits of a number (IEEE 754 binary64)."""
number = _instruction(lambda builder, a: builder.bitcast(a, _DOUBLE), numba.float64, numba.int64)
"""The number with these bits."""
root = _instruction(_emit_root, numba.float64, numba.float64)
"""The square root, correctly rounded."""
select = _instruction(
    lambda builder, *arguments: builder.select(*arguments), numba.float64, numba.boolean, numba.float64, numba.float64
)
"""The second argument if the first is true, else the third; without a branch, into which LLVM would move work."""
