"""Distributions of non-negative quantities, sampled in blocks by inversion where a closed form exists.

Values carry whatever unit their parameters have (nanoseconds, bytes). Every distribution knows its mean, its
distribution function and its partial mean E[X; X <= x], from which `Truncated` gets its own mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sim.kernel import elementary, inversion
from sim.kernel.inversion import Law

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.kernel.draws import Block

    Floats = NDArray[np.float64]

_Z99 = 2.326347874040841
"""The 99 % point of the standard normal distribution."""


class Distribution(Protocol):
    """What every distribution offers."""

    @property
    def mean(self) -> float:
        """The expectation."""

    def sample(self, block: Block, count: int) -> Floats:
        """``count`` independent values, shape (count,), continuing ``block``."""

    def cdf(self, x: float) -> float:
        """P(X <= x)."""

    def partial_mean(self, x: float) -> float:
        """E[X; X <= x], the part of the mean that lies up to ``x``."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Constant:
    """Always ``value``."""

    value: float

    def __post_init__(self) -> None:
        _require(self.value >= 0, f"constant: {self.value} must be >= 0")

    @property
    def mean(self) -> float:
        """The value."""
        return self.value

    def sample(self, block: Block, count: int) -> Floats:
        """The value, ``count`` times; draws nothing."""
        del block
        return np.full(count, float(self.value))

    def cdf(self, x: float) -> float:
        """A step at the value."""
        return float(x >= self.value)

    def partial_mean(self, x: float) -> float:
        """All of the mean from the value on."""
        return self.value if x >= self.value else 0.0


@dataclass(frozen=True, slots=True)
class Exponential:
    """Memoryless, with the given mean > 0."""

    mean: float

    def __post_init__(self) -> None:
        _require(self.mean > 0, f"exponential: mean {self.mean} must be > 0")

    @property
    def law(self) -> Law:
        """- mean · ln u."""
        return Law(inversion.LOG, -self.mean)

    def sample(self, block: Block, count: int) -> Floats:
        """By inversion."""
        return block.sample(self.law, count)

    def cdf(self, x: float) -> float:
        """1 - e^(-x / mean)."""
        return -math.expm1(-x / self.mean) if x > 0 else 0.0

    def partial_mean(self, x: float) -> float:
        """Mean * (1 - e^-t (1 + t)) with t = x / mean."""
        if math.isinf(x):
            return self.mean if x > 0 else 0.0
        t = x / self.mean
        return self.mean * (-math.expm1(-t) - t * math.exp(-t)) if x > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Uniform:
    """Equally likely everywhere from ``low`` to ``high``."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _require(0 <= self.low < self.high, f"uniform: needs 0 <= low < high, has {self.low} and {self.high}")

    @property
    def mean(self) -> float:
        """The middle."""
        return (self.low + self.high) / 2

    @property
    def law(self) -> Law:
        """Low + (high - low) · u."""
        return Law(inversion.RANGE, self.low, self.high - self.low)

    def sample(self, block: Block, count: int) -> Floats:
        """By inversion."""
        return block.sample(self.law, count)

    def cdf(self, x: float) -> float:
        """A straight line."""
        return min(max((x - self.low) / (self.high - self.low), 0.0), 1.0)

    def partial_mean(self, x: float) -> float:
        """The part of the middle up to ``x``."""
        end = min(max(x, self.low), self.high)
        return (end * end - self.low * self.low) / (2 * (self.high - self.low))


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Given by its median and its 99th percentile, the two numbers that publications report."""

    median: float
    p99: float

    def __post_init__(self) -> None:
        _require(0 < self.median < self.p99, f"lognormal: needs 0 < median < p99, has {self.median} and {self.p99}")

    @property
    def sigma(self) -> float:
        """Standard deviation of the logarithm."""
        return math.log(self.p99 / self.median) / _Z99

    @property
    def mean(self) -> float:
        """Median * e^(sigma^2 / 2)."""
        return self.median * math.exp(self.sigma**2 / 2)

    @property
    def law(self) -> Law:
        """Median · e^(sigma · z); this sigma has the same bits on every machine."""
        ratio = np.array([self.p99 / self.median])
        return Law(inversion.LOGNORMAL, self.median, float(elementary.log(ratio)[0]) / _Z99)

    def sample(self, block: Block, count: int) -> Floats:
        """By inversion of the normal."""
        return block.sample(self.law, count)

    def cdf(self, x: float) -> float:
        """The normal distribution function of the logarithm."""
        return _normal_cdf(math.log(x / self.median) / self.sigma) if x > 0 else 0.0

    def partial_mean(self, x: float) -> float:
        """Mean * Phi(z - sigma)."""
        return self.mean * _normal_cdf(math.log(x / self.median) / self.sigma - self.sigma) if x > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Normal:
    """The bell curve, with a mean of at least five standard deviations: what would lie below 0 (3e-7) is drawn as 0."""

    mean: float
    sd: float

    def __post_init__(self) -> None:
        _require(0 < 5 * self.sd <= self.mean, f"normal: needs 0 < 5 sd <= mean, has sd {self.sd}, mean {self.mean}")

    @property
    def law(self) -> Law:
        """Mean + sd · z, at least 0."""
        return Law(inversion.NORMAL, self.mean, self.sd)

    def sample(self, block: Block, count: int) -> Floats:
        """By inversion."""
        return block.sample(self.law, count)

    def cdf(self, x: float) -> float:
        """The normal distribution function."""
        return _normal_cdf((x - self.mean) / self.sd) if x >= 0 else 0.0

    def partial_mean(self, x: float) -> float:
        """The mean times the part below x, less the standard deviation times the density there."""
        z = (x - self.mean) / self.sd
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return self.mean * _normal_cdf(z) - self.sd * density if x >= 0 else 0.0


@dataclass(frozen=True, slots=True)
class Gamma:
    """Mean > 0 and shape > 0; shape 1 is exponential, large shapes approach a constant."""

    mean: float
    shape: float

    def __post_init__(self) -> None:
        _require(self.mean > 0 and self.shape > 0, f"gamma: mean {self.mean} and shape {self.shape} must be > 0")

    def sample(self, block: Block, count: int) -> Floats:
        """By Marsaglia & Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000)."""
        boost = self.shape < 1
        d = (self.shape + 1 if boost else self.shape) - 1 / 3
        c = 1 / math.sqrt(9 * d)
        values = np.empty(count)
        filled = 0
        while filled < count:
            x = elementary.normal_quantile(block.uniforms(count - filled))
            u = block.uniforms(count - filled)
            cube = 1 + c * x
            v = cube * cube * cube
            positive = np.where(v > 0, v, 1.0)
            accepted = (v > 0) & (elementary.log(u) < 0.5 * x * x + d * (1 - v + elementary.log(positive)))
            kept = d * v[accepted]
            values[filled : filled + len(kept)] = kept
            filled += len(kept)
        if boost:
            values = values * elementary.exp(elementary.log(block.uniforms(count)) / self.shape)
        return values * (self.mean / self.shape)

    def cdf(self, x: float) -> float:
        """The regularised incomplete gamma function."""
        return _lower_gamma(self.shape, x * self.shape / self.mean) if x > 0 else 0.0

    def partial_mean(self, x: float) -> float:
        """Mean * P(shape + 1, x / scale)."""
        return self.mean * _lower_gamma(self.shape + 1, x * self.shape / self.mean) if x > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Pareto:
    """P(X > x) = (minimum / x)^alpha with the minimum that gives this mean; alpha > 1."""

    mean: float
    alpha: float

    def __post_init__(self) -> None:
        _require(
            self.mean > 0 and self.alpha > 1, f"pareto: needs mean > 0 and alpha > 1, has {self.mean}, {self.alpha}"
        )

    @property
    def minimum(self) -> float:
        """The smallest value."""
        return self.mean * (self.alpha - 1) / self.alpha

    @property
    def law(self) -> Law:
        """Minimum · u^(-1 / alpha)."""
        return Law(inversion.POWER, self.minimum, -self.alpha)

    def sample(self, block: Block, count: int) -> Floats:
        """By inversion."""
        return block.sample(self.law, count)

    def cdf(self, x: float) -> float:
        """1 - (minimum / x)^alpha."""
        return 1 - (self.minimum / x) ** self.alpha if x > self.minimum else 0.0

    def partial_mean(self, x: float) -> float:
        """Mean * (1 - (minimum / x)^(alpha - 1))."""
        return self.mean * (1 - (self.minimum / x) ** (self.alpha - 1)) if x > self.minimum else 0.0


@dataclass(frozen=True, slots=True)
class Empirical:
    """Measured values, drawn with their weights (equal ones if none are given)."""

    values: tuple[float, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _require(len(self.values) > 0, "empirical: needs at least one value")
        _require(all(v >= 0 for v in self.values), "empirical: values must be >= 0")
        _require(len(self.weights) in {0, len(self.values)}, "empirical: needs one weight per value")
        _require(all(w >= 0 for w in self.weights), "empirical: weights must be >= 0")
        _require(not self.weights or sum(self.weights) > 0, "empirical: some weight must be > 0")

    def _shares(self) -> list[tuple[float, float]]:
        weights = self.weights or (1.0,) * len(self.values)
        total = math.fsum(weights)
        return [(value, weight / total) for value, weight in zip(self.values, weights, strict=True)]

    @property
    def mean(self) -> float:
        """The weighted mean."""
        return math.fsum(value * share for value, share in self._shares())

    def sample(self, block: Block, count: int) -> Floats:
        """By inversion of the weights' running sum."""
        running = np.cumsum(np.array([share for _, share in self._shares()]))
        # The sum ends at exactly 1, above every uniform; a weight of 0 takes up no room in it and is never drawn.
        index = np.searchsorted(running / running[-1], block.uniforms(count), side="right")
        return np.array(self.values, dtype=np.float64)[index]

    def cdf(self, x: float) -> float:
        """The weight of the values up to ``x``."""
        return math.fsum(share for value, share in self._shares() if value <= x)

    def partial_mean(self, x: float) -> float:
        """The weighted sum of the values up to ``x``."""
        return math.fsum(value * share for value, share in self._shares() if value <= x)


_LEAST_ACCEPTANCE = 0.01


@dataclass(frozen=True, slots=True)
class Truncated:
    """``of``, given that it falls within [low, high]; at least 1 % of it must."""

    of: Distribution
    low: float
    high: float

    def __post_init__(self) -> None:
        _require(self.low < self.high, f"truncated: low {self.low} must be < high {self.high}")
        inside = self._inside()
        _require(
            inside >= _LEAST_ACCEPTANCE,
            f"truncated: only {inside:.2g} of the distribution lies in [{self.low}, {self.high}]; at least 1 % must",
        )

    @property
    def _below(self) -> float:
        """The last number that is left out: with it, P(X <= _below) is P(X < low)."""
        return math.nextafter(self.low, -math.inf)

    def _inside(self) -> float:
        return self.of.cdf(self.high) - self.of.cdf(self._below)

    @property
    def mean(self) -> float:
        """E[X; low <= X <= high] / P(low <= X <= high)."""
        return (self.of.partial_mean(self.high) - self.of.partial_mean(self._below)) / self._inside()

    def sample(self, block: Block, count: int) -> Floats:
        """By rejection."""
        values = np.empty(count)
        filled = 0
        while filled < count:
            drawn = self.of.sample(block, count - filled)
            kept = drawn[(drawn >= self.low) & (drawn <= self.high)]
            values[filled : filled + len(kept)] = kept
            filled += len(kept)
        return values

    def cdf(self, x: float) -> float:
        """The rescaled distribution function."""
        inside = min(max(x, self._below), self.high)
        return (self.of.cdf(inside) - self.of.cdf(self._below)) / self._inside()

    def partial_mean(self, x: float) -> float:
        """The rescaled partial mean."""
        inside = min(max(x, self._below), self.high)
        return (self.of.partial_mean(inside) - self.of.partial_mean(self._below)) / self._inside()


_CONVERGED = 1e-15
_NEGLIGIBLE = 1e-17


def _normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _lower_gamma(a: float, x: float) -> float:
    """Regularised lower incomplete gamma function P(a, x): DLMF 8.11.4 for x < a + 1, else fraction 8.9.2."""
    if math.isinf(x):
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = a
        while term > total * _NEGLIGIBLE:
            n += 1
            term *= x / n
            total += term
        return scale * total
    # Lentz's evaluation of the continued fraction for the upper function.
    b = x + 1 - a
    c = 1e300
    d = 1 / b
    fraction = d
    i = 0
    ratio = 0.0
    while abs(ratio - 1) > _CONVERGED:
        i += 1
        numerator = -i * (i - a)
        b += 2
        d = 1 / (numerator * d + b)
        c = b + numerator / c
        ratio = c * d
        fraction *= ratio
    return 1 - scale * fraction
