"""Holding a summary against the scenario's objectives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.scenario.slo import Slo


def evaluate(objectives: Sequence[Slo], summary: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry for each objective: metric, target in words, actual value, and whether it was met.

    A latency that no record stands behind is not met: a chain that commits nothing is not fast.
    """
    return [
        _entry(objective, look_up(summary, objective.metric), _has_sample(summary, objective))
        for objective in objectives
    ]


def look_up(summary: dict[str, Any], path: str) -> float:
    """The value at a path of keys, of which some may have dots themselves: periods and losses of shared steps.

    Not a number where nothing stands behind it, such as the latency of a link over which nothing came.

    Raises:
        ValueError: the summary has no such number.
    """
    value: Any = summary
    keys = path.split(".")
    while keys:
        lengths = range(1, len(keys) + 1) if isinstance(value, dict) else ()
        length = next((length for length in lengths if ".".join(keys[:length]) in value), 0)
        if not length:
            raise ValueError(f"the summary has no {path}: nothing at {'.'.join(keys)}")
        value = value[".".join(keys[:length])]
        keys = keys[length:]
    return math.nan if value is None else float(value)


def _has_sample(summary: dict[str, Any], objective: Slo) -> bool:
    """Whether the metric says anything: a latency of records does not where none was committed."""
    section, chain, *leaf = objective.metric.split(".")
    if section == "crosschain":
        return leaf[0] != "latency_s" or summary["crosschain"][chain]["delivered"] > 0
    latency = section == "chains" and leaf[0] in {"commit_latency_s", "stages_s"}
    return not latency or summary["chains"][chain]["records"] > 0


def _entry(objective: Slo, actual: float, has_sample: bool) -> dict[str, Any]:
    if objective.at_most is not None:
        target, met = f"at most {objective.at_most:g}", actual <= objective.at_most
    elif objective.at_least is not None:
        target, met = f"at least {objective.at_least:g}", actual >= objective.at_least
    else:
        target, met = f"equals {objective.equals:g}", actual == objective.equals
    return {"metric": objective.metric, "target": target, "actual": actual, "met": met and has_sample}
