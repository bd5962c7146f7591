"""Logarithm, exponential and normal quantile of one number in compiled code, bit for bit those of `elementary`.

Each does the same correctly rounded operations in the same order as the array passes there. LLVM contracts or reorders
operations only where they carry flags that allow it, and numba sets none without ``fastmath``. Everything else here is
exact, so how it is done makes no difference to the result, but a large one to the speed: exponents are taken from and
put into the bits of numbers, and both sides of a choice are computed, because calls and branches keep LLVM from making
vector code of a loop.
"""

from __future__ import annotations

import math

from sim.kernel import elementary
from sim.kernel.compiled.instructions import bits, number, part, polynomial, root, select

_atanh, _taylor = polynomial(elementary.ATANH), polynomial(elementary.EXP)
_centre_num, _centre_den = polynomial(elementary.CENTRE_NUM), polynomial(elementary.CENTRE_DEN)
_near_num, _near_den = polynomial(elementary.NEAR_NUM), polynomial(elementary.NEAR_DEN)
_far_num, _far_den = polynomial(elementary.FAR_NUM), polynomial(elementary.FAR_DEN)

_LN2_HIGH, _LN2_LOW, _INVERSE_LN2 = elementary.LN2_HIGH, elementary.LN2_LOW, elementary.INVERSE_LN2
_CENTRE, _CENTRE_SQUARED, _NEAR = elementary.CENTRE, elementary.CENTRE * elementary.CENTRE, elementary.NEAR
_ROOT_HALF = math.sqrt(0.5)
_MANTISSA, _EXPONENT = (1 << 52) - 1, (1 << 11) - 1
_HALF, _ONE = 1022 << 52, 1023 << 52
"""The bits of 1/2 and 1."""
_LEAST_NORMAL = 2.0**-1022
_UP, _UP_BY = 2.0**54, 54.0
"""What makes every subnormal number normal."""
_WHOLE, _WHOLE_BITS = 2.0**52, (1023 + 52) << 52
"""From here to 2^53 numbers are the whole ones, which stand in their lowest bits."""
_ROUNDING = 1.5 * 2.0**52
"""Added to a number below 2^51, it rounds that to a whole number, ties to even."""
_BEYOND = 2044.0
"""2^2044 and 2^-2044 times a number near 1 are infinity and 0; each half of it is the exponent of a normal number."""


@part
def uniform(word: int) -> float:
    """The centre of the cell that a word's 52 leading bits name, of 2^52 equal ones in (0, 1)."""
    return number(((word >> 12) & _MANTISSA) | _ONE) - (1.0 - 2.0**-53)


@part
def _log(x: float, up: float) -> float:
    """Natural logarithm of x / 2^up, where x is positive, finite and not subnormal."""
    mine = bits(x)
    mantissa = number((mine & _MANTISSA) | _HALF)
    exponent = number(((mine >> 52) & _EXPONENT) | _WHOLE_BITS) - (_WHOLE + 1022.0) - up
    low = mantissa < _ROOT_HALF
    mantissa = select(low, mantissa * 2.0, mantissa)
    scale = select(low, exponent - 1.0, exponent)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return scale * _LN2_HIGH + (s * _atanh(s * s) + scale * _LN2_LOW)


@part
def log(x: float) -> float:
    """Natural logarithm of a positive finite number."""
    subnormal = x < _LEAST_NORMAL
    return _log(select(subnormal, x * _UP, x), select(subnormal, _UP_BY, 0.0))


@part
def log_of_uniform(u: float) -> float:
    """Natural logarithm of a number in [2^-1022, 1]."""
    return _log(u, 0.0)


@part
def _clipped(x: float, bound: float) -> float:
    x = select(x < -bound, -bound, x)
    return select(x > bound, bound, x)


@part
def _power_of_two(exponent: float) -> float:
    """2^exponent for a whole number from -1022 to 1023."""
    return number((bits(exponent + _ROUNDING) + 1023) << 52)


@part
def exp(x: float) -> float:
    """Exponential; far outside [-700, 700] it is 0 or infinity."""
    x = _clipped(x, _BEYOND)
    scale = (x * _INVERSE_LN2 + _ROUNDING) - _ROUNDING
    r = (x - scale * _LN2_HIGH) - scale * _LN2_LOW
    # 2^scale itself may be no number; with half of it first, only the last product can round.
    scale = _clipped(scale, _BEYOND)
    half = (scale * 0.5 + _ROUNDING) - _ROUNDING
    return _taylor(r) * _power_of_two(half) * _power_of_two(scale - half)


@part
def normal_quantile(p: float) -> float:
    """The standard normal quantile of a probability in (0, 1)."""
    q = p - 0.5
    r = _CENTRE_SQUARED - q * q
    centre = q * _centre_num(r) / _centre_den(r)
    tail = root(-log(select(q < 0.0, p, 1.0 - p)))
    near = _near_num(tail - 1.6) / _near_den(tail - 1.6)
    far = _far_num(tail - _NEAR) / _far_den(tail - _NEAR)
    outside = select(tail <= _NEAR, near, far)
    return select(abs(q) <= _CENTRE, centre, select(q < 0.0, -outside, outside))
