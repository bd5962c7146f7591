"""The numbers behind the pictures: records by chain, counts and latency quantiles by window, moments worth marking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.study.summary import STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from numpy.typing import NDArray

    from sim.study.run import Run

_NS_PER_S: Final = 1e9
_MOST_WINDOWS, _LEAST_WINDOWS = 120, 10
"""Of a run's windows: enough to see a view change, few enough to hold many records each."""
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


def records(transactions: pl.DataFrame, simulated_s: float, chains: Sequence[str]) -> Records:
    """The records offered to some chains, out of the table of transactions."""
    import polars as pl

    mine = transactions.filter(
        pl.col("chain").is_in(list(chains)) & (pl.col("intended_ns") < round(simulated_s * _NS_PER_S))
    )
    executed_ns = mine["executed_ns"].to_numpy()
    return Records(
        intended_s=mine["intended_ns"].to_numpy() / _NS_PER_S,
        committed_s=np.where(executed_ns >= 0, executed_ns / _NS_PER_S, np.inf),
        rejected=(mine["outcome"] == "rejected").to_numpy(),
    )


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
    order = np.lexsort((values, window))
    counts = np.bincount(window, minlength=windows)
    starts = np.cumsum(counts) - counts
    result = np.full((len(shares), windows), np.nan)
    some = counts > 0
    for row, part in enumerate(shares):
        ranks = np.ceil(part * counts[some]).astype(np.int64) - 1
        result[row, some] = values[order][starts[some] + np.maximum(ranks, 0)]
    return result


def stage_samples(transactions: pl.DataFrame, chain: str) -> dict[str, NDArray[np.float64]]:
    """Seconds that each committed record of a chain spent in each stage, and in all of them (`whole`)."""
    import polars as pl

    done = transactions.filter((pl.col("chain") == chain) & (pl.col("executed_ns") >= 0))
    spans = {**STAGES, "whole": ("intended_ns", "executed_ns")}
    return {stage: (done[end] - done[start]).to_numpy() / _NS_PER_S for stage, (start, end) in spans.items()}


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
