"""Try out a cross-chain alliance of judicial blockchains before anyone builds it.

    import sim
    scenario = sim.load("scenarios/quickstart.yaml", set={"chains.jc.validators": 31})
    run = sim.run(scenario, seed=7)
    run.summary["verdict"], run.table("commits"), run.save("results/mine")
    sim.report(run, "results/mine/report.html")
    study = sim.sweep(scenario, over={"chains.jc.hash": ["sm3", "sha256"]}, replications=10, out="results/hashes")
    study.table("chains.jc.commit_latency_s.p99"), study.compare("chains.jc.commit_latency_s.p99")

These names are the public interface; nothing else is. They load on first use, so that importing costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim import report
    from sim.scenario import Scenario, ScenarioError, load
    from sim.study.run import Run, run
    from sim.study.sweeps.study import Study
    from sim.study.sweeps.sweep import sweep

__all__ = ["Run", "Scenario", "ScenarioError", "Study", "load", "report", "run", "sweep"]

_HOMES = {
    "Run": "sim.study.run",
    "Scenario": "sim.scenario",
    "ScenarioError": "sim.scenario",
    "Study": "sim.study.sweeps.study",
    "load": "sim.scenario",
    "run": "sim.study.run",
    "sweep": "sim.study.sweeps.sweep",
}


def __getattr__(name: str) -> object:
    if name == "report":
        return importlib.import_module("sim.report")
    if name not in _HOMES:
        raise AttributeError(f"module 'sim' has no public name {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
