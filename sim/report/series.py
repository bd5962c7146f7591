"""The numbers behind the pictures: records by chain, counts and latency quantiles by window, moments worth marking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.study.summary import STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from sim.study.run import Run

_NS_PER_S: Final = 1e9
_MOST_WINDOWS, _LEAST_WINDOWS = 120, 10
"""Of a run's windows: enough to see a view change, few enough to hold many records each."""
NETWORK: Final = -1
"""Instead of a node's number: what happens to the network."""
WHOLE: Final = "whole"
"""All stages of a record's way together."""
_BLOCKS_PER_WINDOW: Final = 3
"""With fewer, what is committed in a window would depend on where its edges happen to fall between two blocks."""


@dataclass(frozen=True, slots=True)
class Records:
    """Records offered before the run ended, one entry each.

    Attributes:
        intended_s: when the client meant to send.
        committed_s: when it was committed at the client's node; infinite where it was not.
        rejected: whether the leader's pool refused it.
    """

    intended_s: NDArray[np.float64]
    committed_s: NDArray[np.float64]
    rejected: NDArray[np.bool_]

    @property
    def latency_s(self) -> NDArray[np.float64]:
        """Commit latency, infinite where the record was still unfinished at the end; rejected ones are left out."""
        return (self.committed_s - self.intended_s)[~self.rejected]

    @property
    def admitted_s(self) -> NDArray[np.float64]:
        """When the records of `latency_s` were meant to be sent."""
        return self.intended_s[~self.rejected]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a chain at one time: nodes crash or restart, or the first node enters a view."""

    time_s: float
    until_s: float
    chain: str
    kind: str
    nodes: tuple[int, ...]
    view: int = -1
    leader: int = -1


def records(run: Run, chains: Sequence[str]) -> Records:
    """The records offered to some chains."""
    import polars as pl

    sent = pl.col("intended_ns") < round(run.summary["simulated_s"] * _NS_PER_S)
    chosen = ("intended_ns", "executed_ns", pl.col("outcome") == "rejected")
    parts = [run.scan("transactions", chain).filter(sent).select(chosen).collect() for chain in chains]
    intended_s, executed_s = (
        np.concatenate([np.empty(0), *(part[column].to_numpy() / _NS_PER_S for part in parts)])
        for column in ("intended_ns", "executed_ns")
    )
    executed_s[executed_s < 0] = np.inf
    rejected = np.concatenate([np.empty(0, dtype=np.bool_), *(part["outcome"].to_numpy() for part in parts)])
    return Records(intended_s, executed_s, rejected)


def window_edges(simulated_s: float, blocks: int) -> NDArray[np.float64]:
    """Edges of equal windows over the run, of a round width where the run's length allows it.

    Args:
        simulated_s: length of the run.
        blocks: how many blocks the chain that is looked at made in it.
    """
    wanted = min(max(blocks // _BLOCKS_PER_WINDOW, _LEAST_WINDOWS), _MOST_WINDOWS)
    magnitude = 10.0 ** np.floor(np.log10(simulated_s / wanted))
    width_s = min((factor * magnitude for factor in (1, 2, 5, 10)), key=lambda w: abs(np.log(simulated_s / w / wanted)))
    return np.linspace(0, simulated_s, max(2, round(simulated_s / width_s)) + 1)


def rate_by_window(times_s: NDArray[np.float64], edges_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many per second, in each window."""
    counts, _ = np.histogram(times_s[np.isfinite(times_s)], bins=edges_s)
    return counts / np.diff(edges_s)


def quantiles_by_window(
    times_s: NDArray[np.float64], values: NDArray[np.float64], edges_s: NDArray[np.float64], shares: Sequence[float]
) -> NDArray[np.float64]:
    """Quantiles of the values whose times fall into each window, shape (shares, windows); NaN where there are none.

    A quantile is the least value that at least its share of the values do not exceed, so that unfinished records can
    count as infinite.
    """
    windows = len(edges_s) - 1
    window = np.clip(np.searchsorted(edges_s, times_s, side="right") - 1, 0, windows - 1)
    window = window.astype(np.min_scalar_type(windows))  # small integers are sorted without comparing them
    if (window[1:] < window[:-1]).any():
        values = values[np.argsort(window, kind="stable")]
    counts = np.bincount(window, minlength=windows)
    starts = np.cumsum(counts) - counts
    result = np.full((len(shares), windows), np.nan)
    for place in np.flatnonzero(counts):
        ranks = np.maximum(np.ceil(np.array(shares) * counts[place]).astype(np.int64) - 1, 0)
        inside = values[starts[place] : starts[place] + counts[place]]
        result[:, place] = np.partition(inside, ranks)[ranks]
    return result


def stage_sample(run: Run, chain: str, stage: str) -> NDArray[np.float64]:
    """Seconds that each committed record of a chain spent in a stage, or in all of them (`WHOLE`)."""
    import polars as pl

    start, end = STAGES.get(stage, ("intended_ns", "executed_ns"))
    done = run.scan("transactions", chain).filter(pl.col("executed_ns") >= 0)
    spent_ns = done.select((pl.col(end) - pl.col(start)).alias("spent_ns")).collect()["spent_ns"]
    return np.asarray(spent_ns.to_numpy() / _NS_PER_S)


@dataclass(frozen=True, slots=True)
class Spread:
    """What is shown of a sample: its mean, its median, and the least values that shares of it do not exceed."""

    mean: float
    median: float
    quantiles: NDArray[np.float64]

    @classmethod
    def of(cls, sample: NDArray[np.float64], shares: NDArray[np.float64]) -> Spread:
        """That of a sample with at least one value."""
        count, ordered = len(sample), np.sort(sample)
        ranks = np.maximum(np.ceil(count * shares - 1), 0).astype(np.int64)
        middle = ordered[(count - 1) // 2 : count // 2 + 1]
        return cls(float(sample.mean()), float(middle.mean()), ordered[ranks])


def moments(run: Run) -> list[Moment]:
    """Faults, their ends and view changes in the order of time; those of one chain at one time are one moment.

    What nodes notice of each other's misbehaviour is left out: it comes by the thousand.
    """
    import polars as pl

    noticed = pl.col("event").str.starts_with("misbehaviour") | pl.col("event").str.starts_with("refused")
    faults = run.table("faults").filter(~noticed).group_by("chain", "time_ns", "event").agg(pl.col("node").sort())
    happened = [
        Moment(time_ns / _NS_PER_S, time_ns / _NS_PER_S, chain, event, tuple(nodes))
        for chain, time_ns, event, nodes in faults.iter_rows()
    ]
    views = (
        run.table("views")
        .filter(pl.col("view") > 0)
        .group_by("chain", "view", "leader")
        .agg(pl.col("time_ns").min().alias("first_ns"), pl.col("time_ns").max().alias("last_ns"), pl.col("node").sort())
    )
    happened += [
        Moment(first_ns / _NS_PER_S, last_ns / _NS_PER_S, chain, "view", tuple(nodes), view, leader)
        for chain, view, leader, first_ns, last_ns, nodes in views.iter_rows()
    ]
    return sorted(happened, key=lambda moment: (moment.time_s, moment.chain, moment.kind, moment.view))
