"""Whole runs whose every number is known: a change that moves one is seen, and meant, or a mistake.

Each folder beside this file is one scenario with the summary that it is known to have. After a change that is meant,
``pytest tests/golden --update-golden`` rewrites the summaries; the difference belongs to the change.
"""

import json
from pathlib import Path

import pytest

from sim.scenario import load
from sim.study.run import run
from sim.study.store import as_json, write_text

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/scenario.yaml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_known_scenario_has_its_known_summary(folder: Path, update_golden: bool) -> None:
    scenario = load(folder / "scenario.yaml")
    summary = run(scenario).summary
    assert summary["verdict"] == scenario.expect
    expected = folder / "expected.json"
    if update_golden:
        write_text(expected, as_json(summary))
    assert summary == json.loads(expected.read_text(encoding="utf-8"))
    assert as_json(summary) == expected.read_text(encoding="utf-8")


def test_there_are_golden_scenarios() -> None:
    assert {folder.name for folder in FOLDERS} >= {"two-chains", "leader-crash", "overload", "packets"}
