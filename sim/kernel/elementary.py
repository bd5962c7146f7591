"""Logarithm, exponential and normal quantile of arrays, bit for bit the same on every machine.

NumPy's own `exp` and `log` choose their code by the CPU's vector units and differ in the last bit. These use only
additions, multiplications, divisions, square roots and scalings by powers of two, each correctly rounded (IEEE 754)
and each its own array pass, so that no compiler can contract two of them. Relative error stays below 1e-15.

Where there are compiled loops (`sim.kernel.compiled`), they give the same bits faster; the functions whose names end in
``_by_passes`` are the definition.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sim.kernel import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# ln 2 in two parts: the high one ends in zeros, so that its products with exponents are exact (fdlibm's split).
LN2_HIGH = float.fromhex("0x1.62e42feep-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
INVERSE_LN2 = 1.4426950408889634
ATANH = [2.0 / (2 * k + 1) for k in range(12, -1, -1)]
EXP = [1.0 / math.factorial(k) for k in range(14, -1, -1)]


def _horner(coefficients: Sequence[float], x: Floats) -> Floats:
    """The polynomial with these coefficients, highest power first."""
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value


def log(x: Floats) -> Floats:
    """Natural logarithm of positive finite numbers."""
    loops = compiled.available()
    values: Floats = log_by_passes(x) if loops is None else loops.log_of(x)
    return values


def exp(x: Floats) -> Floats:
    """Exponential of numbers in [-700, 700]."""
    loops = compiled.available()
    values: Floats = exp_by_passes(x) if loops is None else loops.exp_of(x)
    return values


def normal_quantile(p: Floats) -> Floats:
    """The standard normal quantile of probabilities in (0, 1)."""
    loops = compiled.available()
    values: Floats = normal_quantile_by_passes(p) if loops is None else loops.normal_quantile_of(p)
    return values


def log_by_passes(x: Floats) -> Floats:
    """`log`, by 2 atanh((m - 1) / (m + 1)) of the mantissa."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < math.sqrt(0.5)
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    scale = (exponent - low).astype(np.float64)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    return scale * LN2_HIGH + (s * _horner(ATANH, s * s) + scale * LN2_LOW)


def exp_by_passes(x: Floats) -> Floats:
    """`exp`, by reduction to |r| <= ln(2) / 2 and its Taylor series."""
    scale = np.rint(x * INVERSE_LN2)
    r = (x - scale * LN2_HIGH) - scale * LN2_LOW
    value: Floats = np.ldexp(_horner(EXP, r), scale.astype(np.int64))
    return value


# Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37 (1988), PPND16.
CENTRE_NUM = [
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080e0,
]
CENTRE_DEN = [
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
]
NEAR_NUM = [
    7.74545014278341407640e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258e0,
    3.64784832476320460504e0,
    5.76949722146069140550e0,
    4.63033784615654529590e0,
    1.42343711074968357734e0,
]
NEAR_DEN = [
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940e0,
    2.05319162663775882187e0,
    1.0,
]
FAR_NUM = [
    2.01033439929228813265e-7,
    2.71155556874348757815e-5,
    1.24266094738807843860e-3,
    2.65321895265761230930e-2,
    2.96560571828504891230e-1,
    1.78482653991729133580e0,
    5.46378491116411436990e0,
    6.65790464350110377720e0,
]
FAR_DEN = [
    2.04426310338993978564e-15,
    1.42151175831644588870e-7,
    1.84631831751005468180e-5,
    7.86869131145613259100e-4,
    1.48753612908506148525e-2,
    1.36929880922735805310e-1,
    5.99832206555887937690e-1,
    1.0,
]
CENTRE = 0.425
NEAR = 5.0


def normal_quantile_by_passes(p: Floats) -> Floats:
    """`normal_quantile`, by Wichura's PPND16."""
    q = p - 0.5
    r = CENTRE * CENTRE - q * q
    centre = q * _horner(CENTRE_NUM, r) / _horner(CENTRE_DEN, r)
    tail = np.sqrt(-log_by_passes(np.where(q < 0.0, p, 1.0 - p)))
    near = _horner(NEAR_NUM, tail - 1.6) / _horner(NEAR_DEN, tail - 1.6)
    far = _horner(FAR_NUM, tail - NEAR) / _horner(FAR_DEN, tail - NEAR)
    outside = np.where(tail <= NEAR, near, far)
    return np.where(np.abs(q) <= CENTRE, centre, np.where(q < 0.0, -outside, outside))
