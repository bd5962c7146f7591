"""The highest load that still meets the objectives, and what binds there.

Load is a factor on the rate of every open-loop stream. At a load, an objective is *met* if the whole 95 % interval of
its metric lies on the right side of its bound, *missed* if the whole interval lies on the wrong side, and otherwise
there are more replications until it is either, or there are as many as are allowed: then it is not shown to be met. The
search takes it that a higher load never meets what a lower one misses: it doubles until the objectives are not met,
then halves the gap in ratio until it is as narrow as asked. What binds is found by giving the load that was too much
twice as much of each resource that its run names: what makes it meet the objectives was binding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from sim.scenario import ScenarioError, load_text, units
from sim.study.bottleneck import (
    BLOCK_CUTTING,
    EXECUTION_CPU,
    LEADER_BANDWIDTH,
    MEMPOOL,
    RECEIVING_BANDWIDTH,
    ROUND_TRIPS,
    SIGNATURE_CPU,
)
from sim.study.stats import t_interval
from sim.study.store import as_json
from sim.study.sweeps.plan import explicit
from sim.study.sweeps.sweep import Place, Wanted, default_metrics, run_points

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.scenario import Scenario
    from sim.scenario.slo import Slo
    from sim.study.sweeps.study import Study

Judgement = Literal["met", "missed", "open"]
REPLICATIONS, PRECISION = 10, 0.05
_FIRST: Final = 3
"""Replications before the first look at a load."""
_MOST_DOUBLINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found at a load.

    Attributes:
        load: factor on every rate.
        judgement: over all objectives: met if all are, missed if one is.
        replications: that it took.
        point: its number in the study.
        objectives: judgement, mean and interval of each, in the order of the scenario.
    """

    load: float
    judgement: Judgement
    replications: int
    point: int
    objectives: tuple[tuple[Judgement, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Relief:
    """A resource that was doubled at the load that was too much.

    Attributes:
        chain: whose.
        resource: what the run names as nearest to its limit, or as what latency goes into.
        settings: what was changed.
        judgement: whether the objectives are met then.
    """

    chain: str
    resource: str
    settings: Mapping[str, object]
    judgement: Judgement


@dataclass(frozen=True)
class Capacity:
    """What came out of the search.

    Attributes:
        study: all runs.
        probes: in the order in which loads were tried.
        holds: the highest load at which the objectives were shown to be met; None if at none.
        breaks: the lowest at which they were not; None if at none that was tried.
        reliefs: what was doubled at ``breaks``.
        offered_per_s: mean rate of all streams together at load 1, in records per second.
    """

    study: Study
    probes: tuple[Probe, ...]
    holds: Probe | None
    breaks: Probe | None
    reliefs: tuple[Relief, ...]
    offered_per_s: float

    @property
    def binding(self) -> tuple[Relief, ...]:
        """The resources whose doubling makes the load that was too much meet the objectives."""
        return tuple(relief for relief in self.reliefs if relief.judgement == "met")

    def to_json(self) -> str:
        """What scripts read: loads tried, the one that holds, the one that breaks, and what was doubled there."""
        return as_json({"scenario": self.study.scenario.name, **self.study.head["capacity"]})


def capacity(
    scenario: Scenario,
    replications: int = REPLICATIONS,
    precision: float = PRECISION,
    *,
    place: Place | None = None,
) -> Capacity:
    """Search for the highest load at which a scenario's objectives are met.

    Args:
        scenario: with objectives and an open-loop stream; its cases, if any, stay as they are.
        replications: of one load at most.
        precision: how far apart, as a share, the load that holds and the one that breaks may be in the end.
        place: where it runs and is kept.

    Raises:
        ValueError: there is nothing to search for.
    """
    rates = {
        f"workload.{name}.rate": float(stream.rate)
        for name, stream in scenario.workload.items()
        if stream.rate is not None
    }
    if not scenario.slo:
        raise ValueError(f"{scenario.name} has no objectives (slo): any load meets them")
    if not rates:
        raise ValueError(f"{scenario.name} has no stream with a rate: nothing to raise")
    if replications < _FIRST:
        raise ValueError(f"{replications} replications; needs {_FIRST} or more to judge by")
    if not 0 < precision < 1:
        raise ValueError(f"precision {precision:g}: needs a share between 0 and 1 such as 5%")
    with (place or Place()).opened() as here:
        search = _Search(scenario, rates, replications, here)
        holds, breaks = search.bracket()
        while holds and breaks and breaks.load > holds.load * (1 + precision):
            probe = search.probe(math.sqrt(holds.load * breaks.load))
            if probe.judgement == "met":
                holds = probe
            else:
                breaks = probe
        reliefs = search.relieve(breaks) if breaks else ()
        note: dict[str, object] = {
            "probes": [
                {"load": probe.load, "judgement": probe.judgement, "point": probe.point} for probe in search.probes
            ],
            "holds": holds.load if holds else None,
            "breaks": breaks.load if breaks else None,
            "reliefs": [{"chain": r.chain, "resource": r.resource, "judgement": r.judgement} for r in reliefs],
        }
        study = search.study(note)
    return Capacity(study, tuple(search.probes), holds, breaks, reliefs, sum(rates.values()))


class _Search:
    """The loads tried so far, as points of one study that grows."""

    def __init__(self, scenario: Scenario, rates: Mapping[str, float], replications: int, place: Place) -> None:
        self.scenario, self.rates, self.replications, self.place = scenario, rates, replications, place
        self.probes: list[Probe] = []
        self._settings: list[dict[str, object]] = []
        self._counts: list[int] = []
        self._metrics = default_metrics(scenario)

    def bracket(self) -> tuple[Probe | None, Probe | None]:
        """A load that holds and one that breaks, each half or twice of the one before; None where none was found."""
        first = self.probe(1.0)
        holds, breaks = (first, None) if first.judgement == "met" else (None, first)
        for _ in range(_MOST_DOUBLINGS):
            if breaks is None and holds is not None:
                probe = self.probe(holds.load * 2)
            elif holds is None and breaks is not None:
                probe = self.probe(breaks.load / 2)
            else:
                break
            if probe.judgement == "met":
                holds = probe
            else:
                breaks = probe
        return holds, breaks

    def probe(self, load: float) -> Probe:
        """Run a load until it is clear what becomes of the objectives there."""
        load = float(f"{load:.4g}")
        settings: dict[str, object] = {key: units.show_rate(rate * load) for key, rate in self.rates.items()}
        number, judged, told = self._judged(settings)
        probe = Probe(load, judged, self._counts[number], number, told)
        self.probes.append(probe)
        return probe

    def relieve(self, breaks: Probe) -> tuple[Relief, ...]:
        """Double, at this load, whatever its runs name, one at a time."""
        reliefs = []
        for chain_id, resource in self._named(breaks.point):
            more = doubled(self.scenario, chain_id, resource)
            settings = {**self._settings[breaks.point], **more}
            if more and _fits(self.scenario, settings):
                _, judged, _ = self._judged(settings)
                reliefs.append(Relief(chain_id, resource, more, judged))
        return tuple(reliefs)

    def _named(self, number: int) -> list[tuple[str, str]]:
        """What bounds throughput, and what latency goes into, on chains whose objectives are not met."""
        summary = next(outcome.summary for outcome in self.study().outcomes(number) if outcome.summary)
        missed = {entry["metric"].split(".")[1] for entry in summary["slo"] if not entry["met"]}
        chains = [chain_id for chain_id in summary["chains"] if chain_id in missed] or list(summary["chains"])
        named = []
        for chain_id in chains:
            found = summary["chains"][chain_id]["bottleneck"]
            named += [(chain_id, found["throughput"]["resource"]), (chain_id, found["latency"]["cause"])]
        return list(dict.fromkeys(named))

    def _judged(
        self, settings: dict[str, object]
    ) -> tuple[int, Judgement, tuple[tuple[Judgement, float, float, float], ...]]:
        if settings not in self._settings:
            self._settings.append(settings)
            self._counts.append(min(_FIRST, self.replications))
        number = self._settings.index(settings)
        while True:
            study = self.study()
            told = tuple(judge(objective, study, number) for objective in self.scenario.slo)
            judgements = [one[0] for one in told]
            if "missed" in judgements:
                return number, "missed", told
            if "open" not in judgements:
                return number, "met", told
            if self._counts[number] == self.replications:
                return number, "open", told
            self._counts[number] = min(self.replications, self._counts[number] * 2)

    def study(self, note: dict[str, object] | None = None) -> Study:
        """All loads together, with what `study.json` is to say; of what was run before nothing is run again."""
        plan = explicit(self.scenario, self._settings)
        wanted = Wanted(self.replications, None, self._metrics, tuple(self._counts))
        part: Literal["part", "end"] = "part" if note is None else "end"
        return run_points(self.scenario, plan, wanted, self.place, {"capacity": note or {}}, search=part)


def judge(objective: Slo, study: Study, number: int) -> tuple[Judgement, float, float, float]:
    """Whether an objective is met at a point, with the metric's mean and interval.

    A run that has no result, or in which nothing stands behind a latency, counts as one that misses it.
    """
    outcomes = study.outcomes(number)
    if any(outcome.summary is None for outcome in outcomes):
        return "missed", math.nan, math.nan, math.nan
    interval = t_interval(study.values(objective.metric, number))
    entries = [
        entry["met"]
        for outcome in outcomes
        for entry in (outcome.summary or {})["slo"]
        if entry["metric"] == objective.metric
    ]
    if objective.equals is not None or interval.half_width == 0:
        judged: Judgement = "met" if all(entries) else "missed"
    elif objective.at_most is not None:
        judged = _side(interval.high <= objective.at_most, interval.low > objective.at_most)
    else:
        bound = objective.at_least or 0.0
        judged = _side(interval.low >= bound, interval.high < bound)
    if judged == "met" and not all(entries):
        judged = "open" if any(entries) else "missed"
    return judged, interval.mean, interval.low, interval.high


def _side(right: bool, wrong: bool) -> Judgement:
    return "met" if right else "missed" if wrong else "open"


def doubled(scenario: Scenario, chain_id: str, resource: str) -> dict[str, object]:
    """What gives a chain twice as much of a resource, by dotted path; nothing where the resource is no setting.

    Costs per operation are halved where one thread does the work, since no setting gives it a second one.
    """
    chain = scenario.chains[chain_id]
    here = f"chains.{chain_id}"
    changes: dict[str, dict[str, object]] = {
        LEADER_BANDWIDTH: {"network.bandwidth": units.show_bandwidth(scenario.network.bandwidth * 2)},
        RECEIVING_BANDWIDTH: {"network.bandwidth": units.show_bandwidth(scenario.network.bandwidth * 2)},
        SIGNATURE_CPU: {f"{here}.cores": chain.cores * 2},
        EXECUTION_CPU: {"costs.execute": units.show_duration(max(1, scenario.costs.execute // 2))},
        BLOCK_CUTTING: {f"{here}.block.interval": units.show_duration(max(1, chain.block.interval // 2))},
        ROUND_TRIPS: {
            f"{here}.block.max_transactions": chain.block.max_transactions * 2,
            f"{here}.block.max_bytes": units.show_size(chain.block.max_bytes * 2),
        },
        MEMPOOL: {f"{here}.mempool.capacity": chain.mempool.capacity * 2},
    }
    return changes.get(resource, {})


def _fits(scenario: Scenario, settings: Mapping[str, object]) -> bool:
    try:
        load_text(scenario.to_yaml(), settings)
    except ScenarioError:
        return False
    return True
