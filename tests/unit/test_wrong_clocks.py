"""A province whose clock is wrong acts before or after the end of a period of law."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenario_kit import chain, small

from sim.scenario import ScenarioError
from sim.study.run import run

if TYPE_CHECKING:
    from pathlib import Path

    from sim.scenario import Scenario

HOUR_NS = 3_600_000_000_000
WORKFLOW = """
code: W12
title: A promise that is due
zh: 到期
articles: [14]
chain: jc
starts: {rate: 0.05/s}
deadlines:
  payment: {within: 3h, starts: [promised], ends: [filed], law: the agreement}
losses:
  too-early: {state: filed, if: {yes: [premature]}}
states:
  begun:
    title: begun
    then:
      - {to: promised, after: 1s, by: party}
  promised:
    title: promised
    then:
      - {to: filed, due: payment, by: contract, records: [{kind: filing}]}
  filed:
    title: filed
"""


def promises(folder: Path, clocks: dict[str, dict[str, str]]) -> Scenario:
    (folder / "workflows").mkdir(exist_ok=True)
    (folder / "workflows" / "promise.yaml").write_text(WORKFLOW, encoding="utf-8")
    return small(
        folder,
        start="2023-03-13T09:00+08:00",
        horizon="6h",
        chains={"jc": chain(fidelity="auto")},
        workload={},
        workflows=["promise"],
        casework={"lookback": "1min", "clocks": clocks},
    )


def waited_h(folder: Path, clocks: dict[str, dict[str, str]]) -> tuple[dict[str, set[int]], int]:
    """Whole hours from promise to filing, by region, and how many were too early."""
    scenario = promises(folder, clocks)
    out = run(scenario, 5)
    steps = out.table("steps")
    regions = tuple(scenario.network.delays.regions)
    found: dict[str, set[int]] = {region: set() for region in regions}
    filed = steps.filter(steps["target"] == "promise/filed")
    promised = dict(steps.filter(steps["target"] == "promise/promised").select("case", "entered_ns").iter_rows())
    for case, province, fired_ns in filed.select("case", "province", "fired_ns").iter_rows():
        if case in promised:
            # A period in hours runs from the next full hour.
            from_ns = -(-promised[case] // HOUR_NS) * HOUR_NS
            found[regions[province]].add(int(np.rint((fired_ns - from_ns) / HOUR_NS)))
    return found, int(out.summary["casework"]["promise"]["losses"]["too-early"])


def test_with_right_clocks_nobody_acts_before_the_end(tmp_path: Path) -> None:
    assert waited_h(tmp_path, {}) == ({"east": {3}, "west": {3}}, 0)


def test_a_clock_ahead_files_too_early_in_its_province_alone(tmp_path: Path) -> None:
    waited, early = waited_h(tmp_path, {"east": {"ahead": "1h"}})
    assert waited == {"east": {2}, "west": {3}}
    assert early > 100


def test_a_clock_behind_files_late_and_never_too_early(tmp_path: Path) -> None:
    assert waited_h(tmp_path, {"west": {"behind": "1h"}}) == ({"east": {3}, "west": {4}}, 0)


@pytest.mark.parametrize(
    ("clocks", "message"),
    [
        ({"east": {"ahead": "1h", "behind": "1h"}}, "needs one of ahead and behind"),
        ({"north": {"ahead": "1h"}}, "north"),
    ],
)
def test_what_cannot_be_is_refused(clocks: dict[str, dict[str, str]], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        promises(tmp_path, clocks)
