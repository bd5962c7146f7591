"""The kernel's own log, exp and normal quantile: as exact as they claim, and the same bits on every CPU."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import os
import subprocess
import sys
from decimal import Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy._core import _multiarray_umath

import sim
from sim.kernel import elementary
from sim.kernel.distributions import Empirical, Exponential, Gamma, Lognormal, Normal, Pareto, Truncated
from sim.kernel.draws import Draws

if TYPE_CHECKING:
    from collections.abc import Callable

RELATIVE_ERROR = Decimal("1e-15")
"""What the module claims for any argument."""

DIGITS = 60
unhurried = settings(deadline=None)
positive = st.floats(min_value=5e-324, max_value=1.7e308)
exponents = st.floats(min_value=-700, max_value=700)
smallest_uniform = 2.0**-53
probabilities = st.floats(min_value=smallest_uniform, max_value=1 - smallest_uniform)


def _one(value: float) -> np.ndarray:
    return np.array([value])


def _assert_near(got: float, exact: Decimal) -> None:
    assert abs(Decimal(got) - exact) <= RELATIVE_ERROR * abs(exact)


@unhurried
@given(positive)
def test_log_is_within_its_claim_of_the_exact_logarithm(x: float) -> None:
    with localcontext(prec=DIGITS):
        _assert_near(elementary.log(_one(x))[0], Decimal(x).ln())


@unhurried
@given(st.floats(min_value=-1e-3, max_value=1e-3))
def test_log_keeps_its_relative_error_where_it_crosses_zero(offset: float) -> None:
    with localcontext(prec=DIGITS):
        _assert_near(elementary.log(_one(1 + offset))[0], Decimal(1 + offset).ln())


@unhurried
@given(exponents)
def test_exp_is_within_its_claim_of_the_exact_exponential(x: float) -> None:
    with localcontext(prec=DIGITS):
        _assert_near(elementary.exp(_one(x))[0], Decimal(x).exp())


def _worst(got: np.ndarray, exact: list[Decimal]) -> Decimal:
    return max(abs(Decimal(value) - true) / abs(true) for value, true in zip(got.tolist(), exact, strict=True))


def test_on_a_grid_of_the_hardest_arguments_the_errors_are_half_of_the_claim() -> None:
    """Where the series are longest: mantissas about sqrt(1/2) and sqrt(2), remainders about +-ln(2)/2."""
    near_one = np.linspace(-1e-3, 1e-3, 1500)
    mantissas = np.concatenate([math.sqrt(0.5) + near_one, math.sqrt(2) + near_one])
    remainders = np.concatenate([near_one + math.log(2) * (half + 0.5) for half in (-600, -7, -1, 0, 8, 600)])
    with localcontext(prec=DIGITS):
        assert _worst(elementary.log(mantissas), [Decimal(x).ln() for x in mantissas.tolist()]) < Decimal("5e-16")
        assert _worst(elementary.exp(remainders), [Decimal(x).exp() for x in remainders.tolist()]) < Decimal("2e-16")


PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def _normal_density(z: Decimal) -> Decimal:
    return (-z * z / 2).exp() / (2 * PI).sqrt()


def _normal_cdf(z: Decimal) -> Decimal:
    """Phi(z) = 1/2 + phi(z) (z + z^3/3 + z^5/(3*5) + ...), all terms of one sign (Abramowitz & Stegun 26.2.11)."""
    term = total = z
    odd = 1
    while abs(term) > abs(total).scaleb(-DIGITS):
        odd += 2
        term *= z * z / odd
        total += term
    return Decimal("0.5") + _normal_density(z) * total


@unhurried
@given(probabilities.filter(lambda p: p != 0.5))
def test_the_normal_quantile_is_within_its_claim_of_the_exact_one(p: float) -> None:
    z = elementary.normal_quantile(_one(p))[0]
    with localcontext(prec=DIGITS):
        exact = Decimal(z)
        for _ in range(3):  # Newton doubles the correct digits each time; it starts with about 15.
            exact -= (_normal_cdf(exact) - Decimal(p)) / _normal_density(exact)
        _assert_near(z, exact)


@pytest.mark.parametrize("p", [0.075, 0.925, math.exp(-25)])
def test_the_normal_quantile_has_no_step_where_its_formulas_meet(p: float) -> None:
    around = p * (1 + 1e-9 * np.arange(-4, 5))
    z = elementary.normal_quantile(around)
    slopes = np.exp(z * z / 2) * math.sqrt(2 * math.pi)
    assert np.allclose(np.diff(z), np.diff(around) * slopes[1:], rtol=1e-5)


def test_known_values_come_out_exactly() -> None:
    assert elementary.log(np.array([1.0])).tolist() == [0.0]
    assert elementary.exp(np.array([0.0])).tolist() == [1.0]
    assert elementary.normal_quantile(np.array([0.5])).tolist() == [0.0]


def test_every_power_of_two_has_its_logarithm_and_back() -> None:
    powers = np.ldexp(1.0, np.arange(-1074, 1024))
    with localcontext(prec=DIGITS):
        for power, logarithm in zip(powers.tolist(), elementary.log(powers).tolist(), strict=True):
            _assert_near(logarithm, Decimal(power).ln())


@unhurried
@given(exponents)
def test_log_undoes_exp(x: float) -> None:
    assert elementary.log(elementary.exp(_one(x)))[0] == pytest.approx(x, rel=1e-15, abs=1e-15)


@unhurried
@given(st.floats(min_value=1e-300, max_value=1e300))
def test_exp_undoes_log_within_what_the_rounding_of_the_logarithm_leaves(x: float) -> None:
    logarithm = elementary.log(_one(x))
    assert elementary.exp(logarithm)[0] == pytest.approx(x, rel=1e-15 * (1 + abs(logarithm[0])))


@unhurried
@given(probabilities)
def test_the_normal_quantile_is_odd_about_one_half(p: float) -> None:
    mirrored = 1 - p
    if 1 - mirrored == p:
        z, minus_z = elementary.normal_quantile(np.array([p, mirrored]))
        assert z == -minus_z


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (elementary.log, 5e-324, 1e-3),
        (elementary.log, 1e-3, 10.0),
        (elementary.log, 0.99, 1.01),
        (elementary.exp, -700.0, 700.0),
        (elementary.exp, -0.5, 0.5),
        (elementary.normal_quantile, smallest_uniform, 1 - smallest_uniform),
        (elementary.normal_quantile, smallest_uniform, 1e-9),
    ],
)
def test_each_function_rises(function: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> None:
    assert (np.diff(function(np.linspace(low, high, 50_001))) > 0).all()


def test_an_array_gives_what_its_elements_give_one_by_one() -> None:
    u = Draws(1).block("elements").uniforms(1001)
    for function in (elementary.log, elementary.exp, elementary.normal_quantile):
        assert function(u).tolist() == [function(_one(x))[0] for x in u.tolist()]
        assert function(u[::3]).tolist() == function(u)[::3].tolist()


SAMPLED = [
    Exponential(2.0),
    Lognormal(1.0, 9.0),
    Normal(5.0, 1.0),
    Gamma(3.0, 0.4),
    Gamma(3.0, 4.5),
    Pareto(2.0, 1.5),
    Empirical((1.0, 2.0, 5.0), (0.1, 0.2, 0.7)),
    Truncated(Lognormal(1.0, 9.0), 0.5, 4.0),
]


def digests() -> dict[str, str]:
    """SHA-256 of what the elementary functions and every distribution give for fixed draws."""
    u = Draws(2).block("bits").uniforms(50_000)
    results = {
        "log": elementary.log(u),
        "exp": elementary.exp(1000 * u - 600),
        "normal_quantile": elementary.normal_quantile(u),
    }
    for distribution in SAMPLED:
        results[str(distribution)] = distribution.sample(Draws(2).block(str(distribution)), 5000)
    return {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in results.items()}


def _enabled_features() -> list[str]:
    """What NumPy would dispatch on here, in its own names."""
    found = _multiarray_umath.__cpu_features__
    return [name for name in _multiarray_umath.__cpu_dispatch__ if found.get(name)]


def report() -> None:
    """Print, for a parent process, what this process computes and with which CPU features."""
    sys.stdout.write(json.dumps([_enabled_features(), digests()]))


@pytest.mark.skipif(not _enabled_features(), reason="NumPy finds nothing on this CPU that could be switched off")
def test_no_bit_of_any_sample_depends_on_the_cpus_vector_units() -> None:
    here = Path(__file__)
    code = f"import sys; sys.path.insert(0, {str(here.parent)!r}); import {here.stem}; {here.stem}.report()"
    child = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(_enabled_features())},
        check=True,
        capture_output=True,
        text=True,
    )
    enabled, theirs = json.loads(child.stdout)
    assert enabled == []
    assert theirs == digests()


CPU_DEPENDENT = {
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "power", "float_power", "cbrt"),
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh"),
}
ROOMS = ("kernel", "metrics", "network")


@pytest.mark.parametrize("room", ROOMS)
def test_the_room_asks_numpy_for_no_function_whose_last_bit_depends_on_the_cpu(room: str) -> None:
    files = sorted((Path(sim.__file__).parent / room).rglob("*.py"))
    assert len(files) > 1
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np":
                assert node.attr not in CPU_DEPENDENT, f"{file.name}:{node.lineno}: np.{node.attr}"
