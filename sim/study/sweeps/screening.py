"""Which of the uncertain inputs move the answer, and whether the verdict flips within their ranges.

All inputs are varied at once over a Latin hypercube (McKay, Beckman and Conover, Technometrics 21, 1979), every point
in the same few replications. An input's effect is its partial rank correlation with a metric: how much higher inputs
go with higher results when the others are held still, for any monotone influence (Saltelli, Tarantola, Campolongo and
Ratto, Sensitivity Analysis in Practice, 2004, chapter 4; the test: Student's t with n - 2 - (k - 1) degrees of
freedom). What goes up and then down again is not seen by it; the share of the ranks' variance that all inputs together
explain says how much that may be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.scenario import ScenarioError, load_text
from sim.study.stats import StatisticsError, holm, t_interval
from sim.study.sweeps.plan import explicit
from sim.study.sweeps.sweep import Place, Wanted, default_metrics, run_points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from sim.scenario import Scenario
    from sim.scenario.uncertain import Uncertain
    from sim.study.sweeps.study import Study

SAMPLES, REPLICATIONS = 40, 3
_PER_INPUT: Final = 3
"""Samples for each input at least: fewer leave the ranks of one hardly apart from those of the others."""
_THIRD: Final = 3


@dataclass(frozen=True)
class Screening:
    """What the inputs' ranges do to the answer.

    Attributes:
        study: point 0 is the scenario as it stands, the others are samples.
        inputs: what was varied.
    """

    study: Study
    inputs: Mapping[str, Uncertain]

    def effects(self, metric: str | None = None) -> pl.DataFrame:
        """A row per input, the strongest first.

        Columns: ``input``, ``key``, ``low``, ``high``, ``source``, ``correlation`` (partial rank, -1 to 1), ``p``
        (Holm's over all inputs), ``moves`` (decided at 5 %), ``at_low``, ``at_high`` (means of the metric in the lowest
        and highest third of the range), ``passed_low``, ``passed_high`` (shares of runs with the verdict `pass` there).
        """
        import polars as pl

        metric = self.study.metrics[0] if metric is None else metric
        shares, results, passed = self._sampled(metric)
        correlations, p_values = partial_rank_correlations(shares, results)
        rows: list[dict[str, Any]] = []
        for column, (name, one) in enumerate(self.inputs.items()):
            order = np.argsort(shares[:, column], kind="stable")
            third = max(1, len(order) // _THIRD)
            low, high = order[:third], order[-third:]
            rows.append(
                {
                    "input": name,
                    "key": one.key,
                    "low": one.low,
                    "high": one.high,
                    "source": one.source,
                    "correlation": correlations[column],
                    "p": p_values[column],
                    "moves": bool(p_values[column] <= 0.05),  # noqa: PLR2004 - 5 % for all inputs together
                    "at_low": float(results[low].mean()),
                    "at_high": float(results[high].mean()),
                    "passed_low": float(passed[low].mean()),
                    "passed_high": float(passed[high].mean()),
                }
            )
        return pl.DataFrame(rows).sort(pl.col("correlation").abs(), descending=True, maintain_order=True)

    def spread(self, metric: str | None = None) -> dict[str, float]:
        """How sure a metric is, by what makes it unsure.

        ``mean``, ``seed_low`` and ``seed_high``: of the scenario as it stands, over seeds (Student, 95 %);
        ``input_low``, ``input_median``, ``input_high``: the 5 %, 50 % and 95 % quantiles over the inputs' ranges;
        ``explained``: share of the ranks' variance that a monotone model of the inputs explains;
        ``passed``: share of the samples whose runs all pass; ``flips``: share whose verdict differs from the
        scenario's as it stands.
        """
        metric = self.study.metrics[0] if metric is None else metric
        seeds = t_interval(self.study.values(metric, 0))
        shares, results, passed = self._sampled(metric)
        low, median, high = np.quantile(results, [0.05, 0.5, 0.95])
        stands = self._passes(0)
        return {
            "mean": seeds.mean,
            "seed_low": seeds.low,
            "seed_high": seeds.high,
            "input_low": float(low),
            "input_median": float(median),
            "input_high": float(high),
            "explained": explained(shares, results),
            "passed": float((passed == 1).mean()),
            "flips": float(np.mean([(share == 1) != (stands == 1) for share in passed])),
        }

    def _sampled(self, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Of the samples with a result: places in the ranges (n, k), mean results (n,), shares that pass (n,)."""
        shares, results, passed = [], [], []
        places = self.study.head["screening"]["shares"]
        for point, place in zip(self.study.points[1:], places, strict=True):
            values = self.study.values(metric, point.number)
            if len(values):
                shares.append(place)
                results.append(float(values.mean()))
                passed.append(self._passes(point.number))
        return np.array(shares), np.array(results), np.array(passed)

    def _passes(self, number: int) -> float:
        verdicts = [outcome.summary["verdict"] for outcome in self.study.outcomes(number) if outcome.summary]
        return verdicts.count("pass") / len(verdicts) if verdicts else 0.0

    @classmethod
    def of(cls, study: Study) -> Screening:
        """The screening that a study's directory holds.

        Raises:
            ValueError: the study is none.
        """
        if "screening" not in study.head:
            raise ValueError("the study screens no inputs")
        return cls(study, study.scenario.uncertain)


def screen(
    scenario: Scenario,
    samples: int = SAMPLES,
    replications: int = REPLICATIONS,
    *,
    metrics: Sequence[str] = (),
    place: Place | None = None,
) -> Screening:
    """Run the scenario as it stands, and over its uncertain inputs' ranges.

    Args:
        scenario: with a section `uncertain`.
        samples: points of the Latin hypercube.
        replications: of each point, with the same seeds.
        metrics: paths into the summary; by default those of the objectives.
        place: where it runs and is kept.

    Raises:
        ScenarioError: a key is none, or a value in a range does not fit.
        ValueError: the scenario says nothing is uncertain, or the samples are too few for its inputs.
    """
    inputs = scenario.uncertain
    if not inputs:
        raise ValueError(f"{scenario.name} has no section `uncertain`: nothing to screen")
    if samples < _PER_INPUT * len(inputs) + 2:
        raise ValueError(f"{samples} samples for {len(inputs)} inputs; needs {_PER_INPUT * len(inputs) + 2} or more")
    _refuse_bad_ends(scenario)
    shares = hypercube(samples, len(inputs), scenario.seed)
    settings = [{one.key: one.at(share) for one, share in zip(inputs.values(), row, strict=True)} for row in shares]
    plan = explicit(scenario, [{}, *settings])
    note = {"screening": {"shares": shares.tolist()}}
    wanted = Wanted(replications, None, tuple(metrics) or default_metrics(scenario))
    return Screening(run_points(scenario, plan, wanted, place or Place(), note), inputs)


def _refuse_bad_ends(scenario: Scenario) -> None:
    """Try both ends of every range, so that what is wrong is told once."""
    text, problems = scenario.to_yaml(), []
    for name, one in scenario.uncertain.items():
        for end in (0.0, 1.0):
            try:
                load_text(text, {one.key: one.at(end)})
            except ScenarioError as error:
                problems += [
                    replace(problem, message=f"{problem.message} (uncertain.{name})") for problem in error.problems
                ]
                break
    if problems:
        raise ScenarioError(problems)


def hypercube(samples: int, inputs: int, seed: int) -> NDArray[np.float64]:
    """A Latin hypercube in [0, 1), shape (samples, inputs): each column has one value in each of ``samples`` cells."""
    from scipy.stats import qmc

    points: NDArray[np.float64] = qmc.LatinHypercube(d=inputs, rng=np.random.default_rng(seed)).random(samples)
    return points


def partial_rank_correlations(
    inputs: NDArray[np.float64], results: NDArray[np.float64]
) -> tuple[list[float], list[float]]:
    """Of each of k inputs (n, k) with the results (n,): the partial rank correlation, and Holm's p-value over all.

    An input that never varies, or results that are all the same, have correlation 0 and p = 1.

    Raises:
        StatisticsError: fewer than k + 3 samples.
    """
    from scipy.special import stdtr
    from scipy.stats import rankdata

    n, k = inputs.shape
    if n < k + 3:
        raise StatisticsError(f"{n} samples have a result; {k} inputs need {k + 3} or more")
    ranks, outcome = rankdata(inputs, axis=0), rankdata(results)
    freedom = n - 2 - (k - 1)
    correlations, p_values = [], []
    for column in range(k):
        others = np.column_stack([np.ones(n), np.delete(ranks, column, axis=1)])
        left, right = _residuals(others, ranks[:, column]), _residuals(others, outcome)
        size = math.sqrt(float(left @ left) * float(right @ right))
        still = math.sqrt(float(right @ right)) < 1e-9 * n or size == 0
        value = 0.0 if still else max(-1.0, min(1.0, float(left @ right) / size))
        correlations.append(value)
        if abs(value) == 1:
            p_values.append(0.0)
        else:
            p_values.append(2 * float(stdtr(freedom, -abs(value) * math.sqrt(freedom / (1 - value**2)))))
    return correlations, holm(p_values).tolist()


def explained(inputs: NDArray[np.float64], results: NDArray[np.float64]) -> float:
    """The share of the variance of the results' ranks that a linear model of the inputs' ranks explains, 0 to 1."""
    from scipy.stats import rankdata

    outcome = rankdata(results)
    whole = float(((outcome - outcome.mean()) ** 2).sum())
    model = np.column_stack([np.ones(len(outcome)), rankdata(inputs, axis=0)])
    left = _residuals(model, outcome)
    return 1 - float(left @ left) / whole if whole else 0.0


def _residuals(model: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    fitted, *_ = np.linalg.lstsq(model, values, rcond=None)
    residuals: NDArray[np.float64] = values - model @ fitted
    return residuals
