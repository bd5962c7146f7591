"""Try out a cross-chain alliance of judicial blockchains before anyone builds it.

    import sim
    scenario = sim.load("scenarios/quickstart.yaml", set={"chains.jc.validators": 31})
    run = sim.run(scenario, seed=7)
    run.summary["verdict"], run.table("commits"), run.save("results/mine")
    sim.report(run, "results/mine/report.html")
    study = sim.sweep(scenario, over={"chains.jc.hash": ["sm3", "sha256"]}, replications=10, out="results/hashes")
    study.table("chains.jc.commit_latency_s.p99"), study.compare("chains.jc.commit_latency_s.p99")

These names are the public interface; nothing else is. They load on first use, so that importing costs nothing. A
notebook shows scenarios and runs as tables (`sim.report.notebook`), whichever module they come from.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sim.display import DRAWN_BY

if TYPE_CHECKING:
    from sim import report
    from sim.scenario import Scenario, ScenarioError, load
    from sim.study.run import Run, run
    from sim.study.sweeps.capacity import capacity
    from sim.study.sweeps.screening import screen
    from sim.study.sweeps.study import Study
    from sim.study.sweeps.sweep import sweep
    from sim.study.sweeps.versus import versus as compare
    from sim.study.sweeps.versus import without_faults

__all__ = [
    "Run",
    "Scenario",
    "ScenarioError",
    "Study",
    "capacity",
    "compare",
    "load",
    "report",
    "run",
    "screen",
    "sweep",
    "without_faults",
]

_HOMES = {
    "Run": "sim.study.run.Run",
    "Scenario": "sim.scenario.Scenario",
    "ScenarioError": "sim.scenario.ScenarioError",
    "Study": "sim.study.sweeps.study.Study",
    "capacity": "sim.study.sweeps.capacity.capacity",
    "compare": "sim.study.sweeps.versus.versus",
    "load": "sim.scenario.load",
    "run": "sim.study.run.run",
    "screen": "sim.study.sweeps.screening.screen",
    "sweep": "sim.study.sweeps.sweep.sweep",
    "without_faults": "sim.study.sweeps.versus.without_faults",
}
DRAWN_BY["Run"] = "sim.report.notebook", "run_html"
DRAWN_BY["Scenario"] = "sim.report.notebook", "scenario_html"
DRAWN_BY["Study"] = "sim.report.study_display", "html"


def __getattr__(name: str) -> object:
    if name == "report":
        return importlib.import_module("sim.report")
    if name not in _HOMES:
        raise AttributeError(f"module 'sim' has no public name {name!r}; it has {', '.join(__all__)}")
    home, _, inside = _HOMES[name].rpartition(".")
    return getattr(importlib.import_module(home), inside)


def __dir__() -> list[str]:
    return __all__
