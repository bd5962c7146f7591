"""A latency histogram with a stated relative error that merges exactly.

Buckets are log-linear: a value keeps its 8 leading bits, so a bucket is at most 1/128 of its value wide and its
midpoint is within 1/256 (0.4 %) of every value in it. Values below 256 are exact. Counts, sum, minimum and maximum
are exact integers, so merging in any order gives the same histogram.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_BITS = 8
_HALF_BITS = 27
_AT_ONCE = 2**16
"""Values counted together: what is worked out of them fits a cache."""
RELATIVE_ERROR = 2.0**-_BITS
"""A reported quantile lies within this fraction of the sample that has its rank."""


class Histogram:
    """Counts of non-negative integers (nanoseconds, bytes) below 2^53."""

    def __init__(self) -> None:
        self._counts = np.zeros(0, dtype=np.int64)
        self.count = 0
        self.total = 0
        self.minimum = 0
        self.maximum = 0

    def add(self, values: NDArray[np.int64]) -> None:
        """Count an array of values.

        Raises:
            ValueError: a value is negative or 2^53 or more.
        """
        if len(values) == 0:
            return
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= 2**53:
            raise ValueError(f"histogram takes values in [0, 2^53), got {low} to {high}")
        for begin in range(0, len(values), _AT_ONCE):
            self._count(values[begin : begin + _AT_ONCE])

    def _count(self, values: NDArray[np.int64]) -> None:
        counts = np.bincount(_buckets(values))
        # In two halves, either of which stays below 2^63 for 2^36 values; the plain sum overflows at 1,024 large ones.
        total = (int((values >> _HALF_BITS).sum()) << _HALF_BITS) + int((values & (2**_HALF_BITS - 1)).sum())
        self._merge(counts, len(values), total, int(values.min()), int(values.max()))

    def merge(self, other: Histogram) -> None:
        """Count everything that ``other`` counted."""
        if other.count:
            self._merge(other._counts, other.count, other.total, other.minimum, other.maximum)

    def _merge(self, counts: NDArray[np.int64], count: int, total: int, low: int, high: int) -> None:
        size = max(len(self._counts), len(counts))
        merged = np.zeros(size, dtype=np.int64)
        merged[: len(self._counts)] += self._counts
        merged[: len(counts)] += counts
        self.minimum = min(low, self.minimum) if self.count else low
        self.maximum = max(high, self.maximum)
        self._counts = merged
        self.count += count
        self.total += total

    @classmethod
    def mixture(cls, parts: Sequence[tuple[Histogram, float]]) -> Histogram:
        """What many values are counted as of which so many are like those of each histogram.

        Counts are rounded when all are added up, so that the whole is right to half a value in each bucket; minimum
        and maximum are those of all that was counted in a part with a share.

        Args:
            parts: histograms, and how many values each stands for; those without values stand for none.
        """
        found = cls()
        shares = [(part, values / part.count) for part, values in parts if part.count and values > 0]
        if not shares:
            return found
        arrays = [part._counts for part, _ in shares]  # noqa: SLF001 - of the same class
        counts = np.zeros(max(map(len, arrays)), dtype=np.float64)
        for array, (_, share) in zip(arrays, shares, strict=True):
            counts[: len(array)] += array * share
        found._counts = np.rint(counts).astype(np.int64)
        found.count = int(found._counts.sum())
        values = sum(part.count * share for part, share in shares)
        mean = sum(part.mean * (part.count * share / values) for part, share in shares)
        found.total = round(mean * found.count)
        found.minimum = min(part.minimum for part, _ in shares)
        found.maximum = max(part.maximum for part, _ in shares)
        return found

    @property
    def mean(self) -> float:
        """The exact mean; 0 where nothing was counted."""
        return self.total / self.count if self.count else 0.0

    def quantile(self, q: float) -> float:
        """The value of rank ceil(q * count), within `RELATIVE_ERROR`; 0 where nothing was counted.

        Raises:
            ValueError: ``q`` lies outside [0, 1].
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile is asked for by a fraction in [0, 1], not {q}")
        if self.count == 0:
            return 0.0
        rank = max(1, int(np.ceil(q * self.count)))
        bucket = int(np.searchsorted(np.cumsum(self._counts), rank))
        return float(min(max(_midpoint(bucket), self.minimum), self.maximum))

    def bins(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The middle of every bucket that holds something, within `RELATIVE_ERROR`, and how many values it holds."""
        used = np.flatnonzero(self._counts)
        return np.array([_midpoint(int(bucket)) for bucket in used], dtype=np.float64), self._counts[used]


def _buckets(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket of each value: its exponent above the first 256, then its leading bits."""
    _, bit_length = np.frexp(values.astype(np.float64))
    shift = np.maximum(bit_length - _BITS, 0).astype(np.int64)
    buckets: NDArray[np.int64] = (shift << (_BITS - 1)) + (values >> shift)
    return buckets


def _midpoint(bucket: int) -> float:
    """The middle of a bucket, in the values' unit."""
    half = 1 << (_BITS - 1)
    shift = max((bucket >> (_BITS - 1)) - 1, 0)
    mantissa = bucket - shift * half
    return ((mantissa << shift) + ((mantissa + 1) << shift) - 1) / 2
