"""Every distribution against its own mean, distribution function and partial mean, by samples and by calculus.

Seeds are fixed, so that a test that passes once passes always. Had they not been, each of the comparisons with samples
below would fail by chance with probability `FALSE_ALARM`; there are fewer than 100, so the module's rate is below 1e-7.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np
import pytest

from sim.kernel.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Normal,
    Pareto,
    Truncated,
    Uniform,
)
from sim.kernel.draws import Draws

FALSE_ALARM = 1e-9
SAMPLES = 20_000
KOLMOGOROV = math.sqrt(math.log(2 / FALSE_ALARM) / (2 * SAMPLES))
"""The largest gap between a sample's and the true distribution function, exceeded with probability at most
`FALSE_ALARM` at any sample size (Massart, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", 1990)."""
SIX_SIGMA = 6.11
"""The two-sided point of the normal distribution that is exceeded with probability `FALSE_ALARM`."""

CONTINUOUS: list[Distribution] = [
    Exponential(2e6),
    Exponential(0.25),
    Uniform(2.0, 5.5),
    Lognormal(600.0, 2000.0),
    Lognormal(1.0, 30.0),
    Normal(250.0, 50.0),
    Gamma(3.0, 0.3),
    Gamma(3.0, 1.0),
    Gamma(3e6, 2.5),
    Gamma(1.0, 200.0),
    Pareto(5.0, 1.2),
    Pareto(5.0, 8.0),
    Truncated(Exponential(2.0), 1.0, 3.0),
    Truncated(Lognormal(600.0, 2000.0), 500.0, 10_000.0),
    Truncated(Pareto(5.0, 1.2), 0.0, 40.0),
    Truncated(Gamma(3.0, 0.3), 4.0, math.inf),
]
STEPPED: list[Distribution] = [
    Constant(7.5),
    Empirical((4.0, 1.0, 9.0)),
    Empirical((4.0, 1.0, 4.0, 0.0), (0.5, 3.0, 1.0, 2.0)),
    Truncated(Empirical((0.0, 1.0, 2.0, 3.0), (1.0, 2.0, 3.0, 4.0)), 1.0, 2.0),
]
ALL = CONTINUOUS + STEPPED
with_finite_variance = [d for d in ALL if not (isinstance(d, Pareto) and d.alpha <= 2)]
each = pytest.mark.parametrize("distribution", ALL, ids=str)
each_continuous = pytest.mark.parametrize("distribution", CONTINUOUS, ids=str)


def _sample(distribution: Distribution) -> np.ndarray:
    return distribution.sample(Draws(2022).block(str(distribution)), SAMPLES)


def _quantile(distribution: Distribution, q: float) -> float:
    """By bisection of the distribution function."""
    low, high = 0.0, 1.0
    while distribution.cdf(high) < q:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if distribution.cdf(middle) < q else (low, middle)
    return high


@each
def test_samples_follow_the_distribution_function(distribution: Distribution) -> None:
    values = np.sort(_sample(distribution))
    points = np.unique(values)
    up_to, below = (np.searchsorted(values, points, side=side) / SAMPLES for side in ("right", "left"))
    at = np.array([distribution.cdf(x) for x in points.tolist()])
    just_below = np.array([distribution.cdf(math.nextafter(x, -math.inf)) for x in points.tolist()])
    assert np.abs(up_to - at).max() < KOLMOGOROV
    assert np.abs(below - just_below).max() < KOLMOGOROV


@pytest.mark.parametrize("distribution", with_finite_variance, ids=str)
def test_samples_average_to_the_mean(distribution: Distribution) -> None:
    values = _sample(distribution)
    assert abs(values.mean() - distribution.mean) <= SIX_SIGMA * values.std() / math.sqrt(SAMPLES)


@each
@pytest.mark.parametrize("q", [0.3, 0.9])
def test_the_values_up_to_a_point_average_to_the_partial_mean(distribution: Distribution, q: float) -> None:
    point = _quantile(distribution, q)
    values = _sample(distribution)
    sampled = np.where(values <= point, values, 0.0).mean()
    # These lie within [0, point]: Hoeffding's inequality, with its two sides as in Kolmogorov's bound.
    assert abs(sampled - distribution.partial_mean(point)) <= point * KOLMOGOROV


@each_continuous
@pytest.mark.parametrize("q", [0.05, 0.5, 0.97])
def test_the_partial_mean_is_the_integral_that_the_distribution_function_gives(
    distribution: Distribution, q: float
) -> None:
    """E[X; X <= x] = x F(x) - the integral of F up to x, here by the midpoint rule on x t^3 (F may be steep at 0)."""
    x = _quantile(distribution, q)
    t = (np.arange(4000) + 0.5) / 4000
    heights = np.array([distribution.cdf(point) for point in (x * t**3).tolist()])
    integral = float((heights * 3 * x * t**2).mean())
    assert distribution.partial_mean(x) == pytest.approx(x * distribution.cdf(x) - integral, rel=1e-5, abs=2e-6 * x)


@each
def test_all_values_together_have_all_of_the_mean(distribution: Distribution) -> None:
    assert distribution.cdf(math.inf) == pytest.approx(1, rel=1e-12)
    assert distribution.partial_mean(math.inf) == pytest.approx(distribution.mean, rel=1e-12)


@each
def test_no_value_is_negative(distribution: Distribution) -> None:
    assert _sample(distribution).min() >= 0
    for x in (-math.inf, -1.0, -5e-324):
        assert (distribution.cdf(x), distribution.partial_mean(x)) == (0.0, 0.0)


@each
def test_distribution_function_and_partial_mean_never_fall(distribution: Distribution) -> None:
    points = [distribution.mean * scale for scale in (0, 0.01, 0.2, 0.5, 0.99, 1, 1.01, 2, 5, 50, 1e6)]
    for low, high in pairwise(points):
        assert distribution.cdf(low) <= distribution.cdf(high)
        assert distribution.partial_mean(low) <= distribution.partial_mean(high) * (1 + 1e-12)


@each
@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_sample_has_the_asked_shape_and_depends_on_its_block_alone(distribution: Distribution, count: int) -> None:
    values = distribution.sample(Draws(1).block("shape"), count)
    assert (values.shape, values.dtype) == ((count,), np.float64)
    assert values.tolist() == distribution.sample(Draws(1).block("shape"), count).tolist()


@each_continuous
def test_a_second_sample_continues_the_block(distribution: Distribution) -> None:
    block = Draws(1).block("again")
    first, second = distribution.sample(block, 50), distribution.sample(block, 50)
    assert not set(first.tolist()) & set(second.tolist())


@pytest.mark.parametrize(
    ("distribution", "rises"),
    [(Exponential(2e6), False), (Lognormal(600.0, 2000.0), True), (Pareto(5.0, 1.2), False)],
    ids=str,
)
def test_inversion_maps_a_uniform_to_the_value_with_that_much_below_or_above_it(
    distribution: Distribution, rises: bool
) -> None:
    uniforms = Draws(3).block("inversion").uniforms(500)
    values = distribution.sample(Draws(3).block("inversion"), 500)
    shares = np.array([distribution.cdf(x) for x in values.tolist()])
    assert shares == pytest.approx(uniforms if rises else 1 - uniforms, rel=1e-12, abs=1e-14)


def test_an_empirical_value_is_the_first_whose_running_weight_exceeds_the_uniform() -> None:
    uniforms = Draws(3).block("inversion").uniforms(500)
    values = Empirical((1.0, 2.0, 5.0), (1.0, 2.0, 1.0)).sample(Draws(3).block("inversion"), 500)
    assert values.tolist() == [1.0 if u < 0.25 else 2.0 if u < 0.75 else 5.0 for u in uniforms.tolist()]


def test_a_constant_draws_nothing_from_its_block() -> None:
    block = Draws(1).block("constant")
    assert Constant(3).sample(block, 4).tolist() == [3.0] * 4
    assert block.uniforms(1).tolist() == Draws(1).block("constant").uniforms(1).tolist()


def test_a_lognormal_honours_its_median_and_its_99th_percentile() -> None:
    sizes = Lognormal(median=600.0, p99=2000.0)
    assert sizes.cdf(600.0) == pytest.approx(0.5, abs=1e-15)
    assert sizes.cdf(2000.0) == pytest.approx(0.99, abs=1e-15)
    values = _sample(sizes)
    assert abs((values <= 600.0).mean() - 0.5) < KOLMOGOROV
    # Hoeffding's bound would pass anything here; the share above p99 is binomial with standard deviation 0.0007.
    assert abs((values > 2000.0).mean() - 0.01) < SIX_SIGMA * math.sqrt(0.01 * 0.99 / SAMPLES)


def test_a_gamma_of_shape_one_is_exponential() -> None:
    for x in (0.01, 0.5, 1.9, 2.1, 30.0):
        assert Gamma(1.3, 1.0).cdf(x) == pytest.approx(Exponential(1.3).cdf(x), rel=1e-13)
        assert Gamma(1.3, 1.0).partial_mean(x) == pytest.approx(Exponential(1.3).partial_mean(x), rel=1e-11)


@pytest.mark.parametrize("x", [1e-6, 0.3, 0.9, 1.4, 1.6, 6.0, 20.0])
def test_a_gamma_of_shape_one_half_is_the_square_of_a_normal(x: float) -> None:
    assert Gamma(0.5, 0.5).cdf(x) == pytest.approx(math.erf(math.sqrt(x)), rel=1e-13)


@pytest.mark.parametrize("shape", [2, 5, 40])
@pytest.mark.parametrize("scale", [0.1, 0.9, 1.0, 1.1, 3.0])
def test_a_gamma_of_integer_shape_is_the_waiting_time_of_a_poisson_process(shape: int, scale: float) -> None:
    x = shape * scale
    fewer = math.fsum(math.exp(k * math.log(x) - x - math.lgamma(k + 1)) for k in range(shape))
    assert Gamma(shape, shape).cdf(x) == pytest.approx(1 - fewer, rel=1e-11, abs=1e-14)


def test_a_gamma_has_the_spread_of_its_shape() -> None:
    for shape in (0.3, 1.0, 2.5, 200.0):
        values = _sample(Gamma(4.0, shape))
        excess = 6 / shape  # the variance of a sample's variance is sigma^4 (2 + excess kurtosis) / n
        variance = 16 / shape
        assert abs(values.var() - variance) < SIX_SIGMA * variance * math.sqrt((2 + excess) / SAMPLES)


def test_a_pareto_starts_at_the_minimum_that_gives_its_mean() -> None:
    tail = Pareto(mean=6.0, alpha=1.5)
    assert tail.minimum == 2.0
    assert tail.cdf(2.0) == 0.0
    assert tail.cdf(8.0) == 1 - 0.25**1.5
    assert _sample(tail).min() >= 2.0 * (1 - 1e-15)


def test_an_empirical_distribution_never_draws_a_value_of_weight_zero() -> None:
    measured = Empirical((1.0, 2.0, 3.0, 4.0, 5.0), (0.0, 0.1, 0.0, 0.7, 0.0))
    assert set(_sample(measured).tolist()) == {2.0, 4.0}
    assert measured.mean == pytest.approx(3.75)

    class Edge:
        """Stands in for a block whose draws lie at the very ends."""

        def uniforms(self, count: int) -> np.ndarray:
            return np.resize(np.array([2.0**-53, 1 - 2.0**-53]), count)

    assert measured.sample(Edge(), 2).tolist() == [2.0, 4.0]
    tenths = Empirical(tuple(map(float, range(11))), (0.1,) * 10 + (0.0,))
    assert tenths.sample(Edge(), 2).tolist() == [0.0, 9.0]


def test_an_empirical_distribution_counts_repeated_values_together() -> None:
    measured = Empirical((4.0, 1.0, 4.0), (1.0, 2.0, 5.0))
    assert [measured.cdf(x) for x in (0.9, 1.0, 3.9, 4.0)] == [0.0, 0.25, 0.25, 1.0]
    assert [measured.partial_mean(x) for x in (0.9, 1.0, 4.0)] == [0.0, 0.25, 3.25]


def test_truncation_rescales_what_is_inside_and_includes_both_ends() -> None:
    dice = Truncated(Empirical((1.0, 2.0, 3.0, 4.0, 5.0, 6.0)), 2.0, 4.0)
    assert dice.mean == pytest.approx(3.0)
    assert [dice.cdf(x) for x in (1.9, 2.0, 3.0, 4.0, 9.0)] == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    assert [dice.partial_mean(x) for x in (1.9, 2.0, 3.0, 4.0, 9.0)] == pytest.approx([0, 2 / 3, 5 / 3, 3, 3])
    assert set(_sample(dice).tolist()) == {2.0, 3.0, 4.0}


def test_an_exponential_truncated_from_below_only_is_shifted_by_its_lack_of_memory() -> None:
    late = Truncated(Exponential(2.0), 3.0, math.inf)
    assert late.mean == pytest.approx(5.0)
    assert late.cdf(4.0) == pytest.approx(Exponential(2.0).cdf(1.0))


def test_the_mean_of_a_truncated_exponential_is_that_of_the_textbook() -> None:
    """E[X | X <= h] = mean - h / (e^(h / mean) - 1)."""
    for high in (0.05, 1.0, 2.0, 30.0):
        assert Truncated(Exponential(2.0), 0.0, high).mean == pytest.approx(2 - high / math.expm1(high / 2), rel=1e-10)


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (Constant, (-1,), "constant: -1 must be >= 0"),
        (Constant, (math.nan,), "constant: nan must be >= 0"),
        (Exponential, (0,), "exponential: mean 0 must be > 0"),
        (Exponential, (math.nan,), "exponential: mean nan must be > 0"),
        (Lognormal, (0, 5), "lognormal: needs 0 < median < p99, has 0 and 5"),
        (Lognormal, (5, 5), "lognormal: needs 0 < median < p99, has 5 and 5"),
        (Gamma, (0, 1), "gamma: mean 0 and shape 1 must be > 0"),
        (Gamma, (1, -2), "gamma: mean 1 and shape -2 must be > 0"),
        (Pareto, (1, 1), "pareto: needs mean > 0 and alpha > 1, has 1, 1"),
        (Pareto, (0, 2), "pareto: needs mean > 0 and alpha > 1, has 0, 2"),
        (Empirical, ((),), "empirical: needs at least one value"),
        (Empirical, ((1.0, -1.0),), "empirical: values must be >= 0"),
        (Empirical, ((1.0, 2.0), (1.0,)), "empirical: needs one weight per value"),
        (Empirical, ((1.0, 2.0), (1.0, -1.0)), "empirical: weights must be >= 0"),
        (Empirical, ((1.0, 2.0), (0.0, 0.0)), "empirical: some weight must be > 0"),
        (Truncated, (Constant(1), 2, 2), "truncated: low 2 must be < high 2"),
        (
            Truncated,
            (Exponential(1.0), 5, 6),
            "truncated: only 0.0043 of the distribution lies in [5, 6]; at least 1 % must",
        ),
        (Truncated, (Constant(1), 2, 3), "truncated: only 0 of the distribution lies in [2, 3]; at least 1 % must"),
    ],
)
def test_parameters_that_make_no_distribution_are_refused(
    kind: type[Distribution], parameters: tuple[object, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        kind(*parameters)
