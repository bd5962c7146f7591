"""From YAML to a frozen `Scenario`: units, ``extends``, overrides, and errors that say where and what would be right.

`load` is the way in. The rest of the house takes a `Scenario` as it is: valid, complete, in base units.
"""

from sim.scenario.keyreference import key_reference
from sim.scenario.loader import load, load_text, metric
from sim.scenario.matrix import DelayMatrix
from sim.scenario.model import Scenario
from sim.scenario.overrides import parse_assignments
from sim.scenario.problems import Problem, ScenarioError
from sim.scenario.schema import json_schema, workflow_schema
from sim.scenario.workflow.loader import find_workflow, is_workflow, load_workflow, validate_workflow

__all__ = [
    "DelayMatrix",
    "Problem",
    "Scenario",
    "ScenarioError",
    "find_workflow",
    "is_workflow",
    "json_schema",
    "key_reference",
    "load",
    "load_text",
    "load_workflow",
    "metric",
    "parse_assignments",
    "validate_workflow",
    "workflow_schema",
]
