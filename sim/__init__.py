"""Try out a cross-chain alliance of judicial blockchains before anyone builds it.

    import sim
    scenario = sim.load("scenarios/quickstart.yaml", set={"chains.jc.validators": 31})
    run = sim.run(scenario, seed=7)
    run.summary["verdict"], run.table("commits"), run.save("results/mine")
    sim.report(run, "results/mine/report.html")

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

__all__ = ["Run", "Scenario", "ScenarioError", "load", "report", "run"]

_HOMES = {
    "Run": "sim.study.run",
    "Scenario": "sim.scenario",
    "ScenarioError": "sim.scenario",
    "load": "sim.scenario",
    "run": "sim.study.run",
}
DRAWN_BY["Run"] = "sim.report.notebook", "run_html"
DRAWN_BY["Scenario"] = "sim.report.notebook", "scenario_html"


def __getattr__(name: str) -> object:
    if name == "report":
        return importlib.import_module("sim.report")
    if name not in _HOMES:
        raise AttributeError(f"module 'sim' has no public name {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
