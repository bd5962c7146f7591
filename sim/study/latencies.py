"""Durations of a run as `summary.json` gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.kernel.engine import SECOND
from sim.metrics.histogram import Histogram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def latency(values_ns: NDArray[np.int64]) -> dict[str, float]:
    """Mean and maximum exactly, quantiles within the histogram's error, all in seconds."""
    histogram = Histogram()
    histogram.add(values_ns)
    return durations(histogram)


def durations(histogram: Histogram) -> dict[str, float]:
    """The same of durations that are counted already, nanoseconds."""
    quantiles = {name: histogram.quantile(q) / SECOND for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {"mean": histogram.mean / SECOND, **quantiles, "max": histogram.maximum / SECOND}
