"""Two scenarios side by side: paired differences with the same seeds, and how far faults move latencies.

Resilience is the area between the distribution functions of commit latency without and with faults, in seconds, with
whatever never finished counted up to the horizon (Stabl, `sim.study.stats.ecdf`). With one scenario and its own twin
without faults it is the score of that paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.kernel.engine import SECOND
from sim.study.stats import area_between_bins, t_interval
from sim.study.store import as_json, finite
from sim.study.sweeps.plan import other
from sim.study.sweeps.steady import pooled
from sim.study.sweeps.sweep import Place, Wanted, default_metrics, run_points

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from sim.scenario import Scenario
    from sim.study.stats import Interval
    from sim.study.sweeps.study import Study

REPLICATIONS: Final = 10


@dataclass(frozen=True, slots=True)
class Area:
    """How far latencies of a chain moved, over the replications; all in seconds for a mean record.

    Attributes:
        slower: the area where the second scenario's latencies are longer.
        faster: where they are shorter.
        lost: the share of records lost in the second less that in the first.
    """

    slower: Interval
    faster: Interval
    lost: Interval


@dataclass(frozen=True)
class Versus:
    """Two scenarios, compared.

    Attributes:
        study: of two points: the first scenario and the second.
        areas: between the latencies of each chain that both have.
    """

    study: Study
    areas: dict[str, Area]

    def table(self) -> pl.DataFrame:
        """A row per metric: means, paired difference with interval, Holm's p over all metrics, variance ratio.

        Columns: ``metric``, ``n`` pairs, ``first``, ``second`` (means), ``difference`` (second less first), ``low``,
        ``high`` (95 %, each for itself), ``p`` (Holm's, for all metrics together), ``differs``, ``variance_ratio``.
        """
        import polars as pl

        from sim.study.stats import holm, paired_difference

        rows: list[dict[str, Any]] = []
        for metric in self.study.metrics:
            first, second = self.study.paired(metric, (0, 1))
            found = paired_difference(second, first)
            rows.append(
                {
                    "metric": metric,
                    "n": len(first),
                    "first": float(first.mean()),
                    "second": float(second.mean()),
                    "difference": found.interval.mean,
                    "low": found.interval.low,
                    "high": found.interval.high,
                    "p": found.p_value,
                    "variance_ratio": found.variance_ratio,
                }
            )
        adjusted = holm([row["p"] for row in rows]).tolist()
        for row, p_value in zip(rows, adjusted, strict=True):
            row |= {"p": p_value, "differs": p_value <= 0.05}  # noqa: PLR2004 - 95 % for all together
        return pl.DataFrame(rows, schema_overrides={"variance_ratio": pl.Float64})

    def to_json(self) -> str:
        """What scripts read: scenarios, a row per metric, and the areas by chain as mean, low and high in seconds."""
        areas = {
            chain_id: {name: _three(getattr(area, name)) for name in ("slower", "faster", "lost")}
            for chain_id, area in self.areas.items()
        }
        names = [point.settings["scenario"] for point in self.study.points]
        return as_json(finite({"scenarios": names, "metrics": self.table().to_dicts(), "areas_s": areas}))


def _three(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def versus(
    first: Scenario,
    second: Scenario,
    replications: int = REPLICATIONS,
    *,
    metrics: Sequence[str] = (),
    out: Path | None = None,
    place: Place | None = None,
) -> Versus:
    """Run both with the same seeds, and compare.

    Args:
        first: the one that differences count from.
        second: the other; whatever chain or stream has the same name in both has the same draws.
        replications: of each.
        metrics: paths into the summary; by default those of objectives that both have.
        out: directory, as for `sim.study.sweeps.sweep.sweep`.
        place: where it runs, instead.

    Raises:
        ValueError: they are one scenario, or have no metric in common.
    """
    if first.to_yaml() == second.to_yaml():
        raise ValueError(f"{first.name} and {second.name} are one and the same; needs two that differ")
    of_second = default_metrics(second)
    common = tuple(metrics) or tuple(metric for metric in default_metrics(first) if metric in of_second)
    if not common:
        raise ValueError(f"{first.name} and {second.name} have no objective in common; needs --metric")
    names = (first.name, second.name if second.name != first.name else f"{second.name}-changed")
    plan = [
        other(0, {"scenario": names[0]}, first),
        other(1, {"scenario": names[1]}, second),
    ]
    study = run_points(first, plan, Wanted(replications, None, common), place or Place(out=out))
    return Versus(study, areas(study))


def without_faults(scenario: Scenario) -> Scenario:
    """The scenario on a day on which nothing fails.

    Raises:
        ValueError: nothing fails in it anyway.
    """
    if not scenario.faults:
        raise ValueError(f"{scenario.name} has no faults to leave out")
    return scenario.model_copy(update={"faults": (), "name": f"{scenario.name}-without-faults"})


def areas(study: Study) -> dict[str, Area]:
    """Between the latencies of the two points of a study, for each chain that committed something in every pair."""
    pairs = [
        (a, b) for a, b in zip(study.outcomes(0), study.outcomes(1), strict=True) if a.status == b.status == "done"
    ]
    horizon_ns = min(point.scenario.horizon for point in study.points[:2])
    found: dict[str, Area] = {}
    for chain_id in study.points[0].scenario.chains:
        if chain_id not in study.points[1].scenario.chains:
            continue
        after = study.warmup.slots if study.warmup else 0
        both = [(pooled(a, chain_id, after), pooled(b, chain_id, after)) for a, b in pairs]
        if not both or not all(a[1].sum() + a[3] and b[1].sum() + b[3] for a, b in both):
            continue
        between = [area_between_bins((a[0], a[1]), a[3], (b[0], b[1]), b[3], float(horizon_ns)) for a, b in both]
        lost = [b[3] / (b[1].sum() + b[3]) - a[3] / (a[1].sum() + a[3]) for a, b in both]
        found[chain_id] = Area(
            t_interval([one.slower / SECOND for one in between]),
            t_interval([one.faster / SECOND for one in between]),
            t_interval(lost),
        )
    return found
