"""The statistics of studies: intervals, warm-up, paired comparisons, stopping, and distances between latencies.

Functions take arrays and return frozen dataclasses; nothing here knows a scenario or a run. Of scipy only distribution
functions and their quantiles are used, so that scipy can be the oracle in the tests.
"""

from sim.study.stats.checked import StatisticsError
from sim.study.stats.ecdf import Area, area_between, area_between_bins
from sim.study.stats.intervals import (
    Interval,
    QuantileInterval,
    least_values,
    quantile_interval,
    t_interval,
)
from sim.study.stats.paired import (
    Comparison,
    Comparisons,
    PairedDifference,
    compare_all,
    holm,
    paired_difference,
)
from sim.study.stats.sequential import Precision, contiguous, enough, stop_at, target_of
from sim.study.stats.steady import (
    BatchMeans,
    StudyCut,
    TooShort,
    Truncation,
    batch_means,
    mser5,
    one_cut,
    steady_mean,
)

__all__ = [
    "Area",
    "BatchMeans",
    "Comparison",
    "Comparisons",
    "Interval",
    "PairedDifference",
    "Precision",
    "QuantileInterval",
    "StatisticsError",
    "StudyCut",
    "TooShort",
    "Truncation",
    "area_between",
    "area_between_bins",
    "batch_means",
    "compare_all",
    "contiguous",
    "enough",
    "holm",
    "least_values",
    "mser5",
    "one_cut",
    "paired_difference",
    "quantile_interval",
    "steady_mean",
    "stop_at",
    "t_interval",
    "target_of",
]
